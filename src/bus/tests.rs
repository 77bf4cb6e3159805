//! The laws of the bus.

use super::Promise;
use super::lanes::{Lanes, Out};
use super::mailbox::{Budget, INPUTS, Item, Mailbox, Taken, Wake};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const RING: usize = 8;

#[derive(Clone, Debug)]
enum Step {
    Post(Promise, u8),
    Take,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0u8..3).prop_map(|source| Step::Post(Promise::Kept, source)),
        4 => (0u8..3).prop_map(|source| Step::Post(Promise::Latest, source)),
        9 => (0u8..3).prop_map(|source| Step::Post(Promise::Droppable, source)),
        5 => Just(Step::Take),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_laws_hold(steps in proptest::collection::vec(step(), 0..400)) {
        let mut lanes = Lanes::new(RING);
        let mut posted: HashMap<Promise3, Vec<(u8, usize)>> = HashMap::new();
        let mut got: HashMap<Promise3, Vec<(u8, usize)>> = HashMap::new();
        let mut lost = 0;
        let mut take = |lanes: &mut Lanes<u8, (Promise, usize)>| match lanes.take() {
            Some(Out::Event(source, (promise, number))) => {
                got.entry(key(promise)).or_default().push((source, number));
                true
            }
            Some(Out::Lost(count)) => {
                lost += count;
                true
            }
            None => false,
        };
        let mut kept_waiting = 0usize;
        for (number, step) in steps.iter().enumerate() {
            match step {
                Step::Post(promise, source) => {
                    lanes.post(*promise, *source, (*promise, number));
                    posted.entry(key(*promise)).or_default().push((*source, number));
                    kept_waiting += usize::from(*promise == Promise::Kept);
                }
                Step::Take => { take(&mut lanes); }
            }
            // Memory: the ring, one slot for each source, and what must not be lost.
            prop_assert!(lanes.held() <= RING + 3 + kept_waiting);
        }
        while take(&mut lanes) {}
        prop_assert!(lanes.is_empty());
        for lane in got.values() {
            prop_assert!(lane.is_sorted_by_key(|(_, number)| *number), "order is kept within a lane");
        }
        // Nothing of the kept lane is lost.
        prop_assert_eq!(got.get(&0), posted.get(&0));
        // The last word of each source is delivered.
        for source in 0u8..3 {
            let last = |all: &HashMap<Promise3, Vec<(u8, usize)>>| {
                all.get(&1).and_then(|lane| lane.iter().rev().find(|(of, _)| *of == source).copied())
            };
            prop_assert_eq!(last(&got), last(&posted));
        }
        // Delivered and lost are what was posted.
        let droppable = |all: &HashMap<Promise3, Vec<(u8, usize)>>| all.get(&2).map_or(0, |lane| lane.len() as u64);
        prop_assert_eq!(droppable(&got) + lost, droppable(&posted));
    }
}

type Promise3 = u8;

fn key(promise: Promise) -> Promise3 {
    match promise {
        Promise::Kept => 0,
        Promise::Latest => 1,
        Promise::Droppable => 2,
    }
}

#[test]
fn the_last_word_comes_after_the_progress_before_it() {
    let mut lanes = Lanes::new(RING);
    lanes.post(Promise::Kept, 1, "started");
    lanes.post(Promise::Latest, 1, "10 %");
    lanes.post(Promise::Droppable, 1, "log");
    lanes.post(Promise::Latest, 1, "90 %");
    lanes.post(Promise::Kept, 1, "finished");
    let mut out = Vec::new();
    while let Some(Out::Event(_, event)) = lanes.take() {
        out.push(event);
    }
    assert_eq!(out, ["started", "log", "90 %", "finished"]);
}

const BUDGET: Budget = Budget { input: 4, events: 4 };

#[test]
fn events_do_not_starve_input_and_a_flood_of_input_is_refused() {
    let mailbox: Mailbox<usize, u8, usize> = Mailbox::default();
    for number in 0..100 {
        mailbox.post(Promise::Droppable, 0, number);
    }
    for number in 0..INPUTS {
        assert_eq!(mailbox.input(number), Taken::Yes);
    }
    assert_eq!(mailbox.input(0), Taken::Full);
    mailbox.answer(7_000);
    mailbox.latest(8_000);
    mailbox.latest(9_000);
    let mut items = Vec::new();
    mailbox.drain(BUDGET, &mut items);
    let numbers: Vec<_> = items
        .iter()
        .map(|item| match item {
            Item::Input(number) | Item::Event(_, number) => *number,
            Item::Lost(_) => panic!("nothing was lost"),
        })
        .collect();
    assert_eq!(numbers, [9_000, 7_000, 0, 1, 2, 3, 0, 1, 2, 3]);
}

#[test]
fn a_wait_ends_at_its_deadline_or_with_a_post() {
    let mailbox: Mailbox<u8, u8, u8> = Mailbox::default();
    assert_eq!(mailbox.wait_until(Some(Instant::now() + Duration::from_millis(5))), Wake::Deadline);
    mailbox.input(1);
    assert_eq!(mailbox.wait_until(None), Wake::Posted);
}

#[test]
fn many_posters_and_a_slow_reader() {
    const POSTERS: u64 = 4;
    const EACH: u64 = 20_000;
    let mailbox: Arc<Mailbox<(), u64, (Promise, u64)>> = Arc::new(Mailbox::with_telemetry(256));
    let posters: Vec<_> = (0..POSTERS)
        .map(|source| {
            let mailbox = Arc::clone(&mailbox);
            std::thread::spawn(move || {
                for number in 0..EACH {
                    mailbox.post(Promise::Droppable, source, (Promise::Droppable, number));
                    mailbox.post(Promise::Latest, source, (Promise::Latest, number));
                    if number % 1000 == 0 {
                        mailbox.post(Promise::Kept, source, (Promise::Kept, number));
                    }
                }
                mailbox.post(Promise::Kept, source, (Promise::Kept, EACH));
            })
        })
        .collect();
    let (mut ended, mut droppable, mut lost, mut kept) = (0, 0, 0, 0);
    let mut latest: HashMap<u64, u64> = HashMap::new();
    let mut items = Vec::new();
    let deadline = Instant::now() + Duration::from_secs(30);
    while ended < POSTERS {
        assert_eq!(mailbox.wait_until(Some(deadline)), Wake::Posted, "the posters are alive");
        mailbox.drain(Budget { input: 1, events: 64 }, &mut items);
        for item in items.drain(..) {
            match item {
                Item::Event(_, (Promise::Kept, number)) => {
                    kept += 1;
                    ended += u64::from(number == EACH);
                }
                Item::Event(source, (Promise::Latest, number)) => {
                    assert!(latest.insert(source, number).is_none_or(|before| before < number));
                }
                Item::Event(_, (Promise::Droppable, _)) => droppable += 1,
                Item::Lost(count) => lost += count,
                Item::Input(()) => panic!("no input was posted"),
            }
        }
    }
    for poster in posters {
        poster.join().expect("a poster");
    }
    mailbox.drain(Budget { input: 1, events: usize::MAX }, &mut items);
    assert!(items.is_empty(), "a source's last word is its last event: nothing is left");
    assert_eq!(droppable + lost, POSTERS * EACH);
    assert_eq!(kept, POSTERS * (EACH / 1000 + 1));
    assert!((0..POSTERS).all(|source| latest.get(&source) == Some(&(EACH - 1))));
}
