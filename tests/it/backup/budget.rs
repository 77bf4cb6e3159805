//! The memory budget under many readers and rows of any size: it keeps its limit and never locks up.

use dbbackup::engine::backup::budget::Budget;
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

/// Readers fill buffers, a slow thread gives them back as frames do. Returns the most that was used, and what is used at the end.
async fn stress(limit: u64, chunk: usize, readers: Vec<Vec<usize>>) -> (u64, u64) {
    let budget = Budget::new(limit, chunk, readers.len());
    let most = Arc::new(AtomicU64::new(0));
    let (queue, taken) = crossbeam_channel::bounded(2);
    let consumer = {
        let (budget, most) = (budget.clone(), most.clone());
        std::thread::spawn(move || {
            for (data, lease) in taken {
                let data: Vec<u8> = data;
                let lease: dbbackup::engine::backup::budget::Lease = lease;
                let mut frame = budget.frame(0);
                frame.resize(data.len() as u64 / 3);
                most.fetch_max(budget.used(), SeqCst);
                lease.recycle(data);
                drop(frame);
            }
        })
    };
    let tasks: Vec<_> = readers
        .into_iter()
        .map(|sizes| {
            let (budget, queue) = (budget.clone(), queue.clone());
            tokio::spawn(async move {
                for size in sizes {
                    let (mut data, mut lease) = budget.buffer(size).await;
                    data.resize(size, 7);
                    lease.resize(data.capacity() as u64);
                    let queue = queue.clone();
                    tokio::task::spawn_blocking(move || queue.send((data, lease)).is_ok()).await.expect("no panic");
                }
            })
        })
        .collect();
    drop(queue);
    for task in tasks {
        task.await.expect("no panic");
    }
    consumer.join().expect("no panic");
    (most.load(SeqCst), budget.used())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn it_never_locks_up_and_keeps_its_limit(
        limit in 1u64..400_000,
        readers in proptest::collection::vec(proptest::collection::vec(prop_oneof![9 => 0usize..10_000, 1 => 10_000usize..200_000], 0..30), 1..6),
    ) {
        const CHUNK: usize = 10_000;
        let most_row = readers.iter().flatten().max().copied().unwrap_or(0).max(CHUNK * 2);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        let done = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), stress(limit, CHUNK, readers)).await });
        let (most, left) = done.expect("it locked up");
        // Above the limit is only what passes alone: the largest row, and the frame that is made of it.
        prop_assert!(most <= limit.max(most_row as u64) + most_row as u64 / 3, "{most} of {limit}");
        prop_assert!(left <= limit.max(CHUNK as u64 * 3), "{left} are kept idle of {limit}");
    }
}

#[tokio::test]
async fn a_buffer_is_used_again_and_a_huge_one_is_not() {
    let budget = Budget::new(1 << 20, 1 << 16, 2);
    let (mut data, lease) = budget.buffer(0).await;
    data.push(1);
    let place = data.as_ptr();
    lease.recycle(data);
    let (data, mut lease) = budget.buffer(0).await;
    assert_eq!((data.as_ptr(), data.len()), (place, 0));
    let mut data = data;
    data.resize(300_000, 0);
    lease.resize(data.capacity() as u64);
    assert!(budget.used() >= 300_000);
    lease.recycle(data);
    assert_eq!(budget.used(), 0);
}

#[tokio::test]
async fn who_waits_gets_the_room_that_is_freed() {
    let budget = Budget::new(100_000, 65_536, 2);
    let (first, lease) = budget.buffer(0).await;
    let waiting = tokio::spawn({
        let budget = budget.clone();
        async move { budget.buffer(0).await.0.capacity() }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished(), "there is no room for two");
    drop(first);
    drop(lease);
    assert!(waiting.await.expect("no panic") >= 65_536);
}
