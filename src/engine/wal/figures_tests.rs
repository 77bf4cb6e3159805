use super::*;
use crate::domain::wal::{Lsn, Stored};
use crate::engine::wal::survey::survey;
use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

const SIZE: u64 = 16 << 20;

fn put(dir: &Path, name: &str, at: u64, bytes: u64) {
    let file = File::create(dir.join(name)).expect("a file");
    file.set_len(bytes).expect("a length");
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(at)).expect("a time");
}

fn name(timeline: u32, number: u64) -> String {
    let name = Segment { timeline: Timeline(timeline), number }.name(SegmentSize::default()).to_string();
    assert!(Stored::parse(&name).is_some());
    name
}

#[test]
fn figures_of_a_whole_archive() {
    let dir = tempfile::tempdir().expect("a folder");
    // Timeline 1: 5 to 9, without 7; timeline 2 branches off in 10 and begins there; 8 seconds a segment, an hour between the timelines.
    for number in [5, 6, 8] {
        put(dir.path(), &format!("{}.zst", name(1, number)), number * 8, 4 << 20);
    }
    for number in [10, 11] {
        put(dir.path(), &format!("{}.zst", name(2, number)), 3600 + number * 8, 8 << 20);
    }
    put(dir.path(), &format!("{}.partial.zst", name(1, 10)), 90, 100);
    std::fs::write(dir.path().join("00000002.history"), format!("1\t{}\tno recovery target specified\n", Lsn(10 * SIZE + 88)))
        .expect("a file");
    let survey = survey(dir.path()).expect("a survey");
    let size = SegmentSize::default();
    let stats = WalStats { segment_size: Some(size), ..stats(&survey) };
    assert_eq!((stats.files, stats.segments, stats.partials, stats.histories), (7, 5, 1, 1));
    assert_eq!(stats.oldest, Some((name(1, 5), Stamp(40_000))));
    assert_eq!(stats.newest, Some((name(2, 11), Stamp(3_688_000))));
    assert_eq!(stats.saved().map(|saved| saved.round()), Some(65.0), "28 of 80 MiB");
    let segments = segments(&survey, size);
    let stretches = stretches(&segments);
    assert_eq!(stretches.iter().map(|one| (one.timeline.0, one.first, one.last)).collect::<Vec<_>>(), [(1, 5, 6), (1, 8, 8), (2, 10, 11)]);
    assert_eq!(stretches[0].marks, [(Stamp(40_000), 4 << 20), (Stamp(48_000), 4 << 20)]);
    let timelines = timelines(&survey, &stretches, size);
    assert_eq!(timelines.len(), 2);
    assert_eq!(timelines[0].range, Some((Lsn(5 * SIZE), Lsn(9 * SIZE))));
    assert_eq!((timelines[1].parent, timelines[1].segments), (Some((Timeline(1), Lsn(10 * SIZE + 88))), 2));
    assert_eq!(timelines[1].reason, "no recovery target specified");
    let gaps = gaps(&stretches, &timelines, size);
    let short: Vec<_> = gaps.iter().map(|gap| (gap.timeline.0, gap.first, gap.last, gap.name.clone())).collect();
    assert_eq!(short, [(1, 7, 7, name(1, 7)), (1, 9, 9, name(1, 9))]);
    assert_eq!((gaps[0].from, gaps[0].to), (Stamp(48_000), Stamp(64_000)));
    let hours = hours(&segments);
    assert_eq!(hours.iter().map(|hour| (hour.start.0, hour.segments)).collect::<Vec<_>>(), [(0, 3), (3_600_000, 2)]);
    let growth = growth(&segments, Stamp(3_688_000)).expect("it grows");
    assert_eq!(growth, Bytes((28 << 20) * 3_600_000 / 3_648_000));
    assert_eq!(full_in(Bytes(10 * growth.0), growth), Some(36_000_000));
    assert_eq!(super::growth(&segments, Stamp(30 * 24 * 3_600_000)), None, "nothing in the last days");
}

#[test]
fn a_younger_history_tells_of_one_that_is_lost() {
    let dir = tempfile::tempdir().expect("a folder");
    put(dir.path(), &name(2, 10), 0, 0);
    put(dir.path(), &name(3, 12), 1, 0);
    std::fs::write(dir.path().join("00000003.history"), format!("1\t{}\ta\n2\t{}\tb\n", Lsn(10 * SIZE), Lsn(12 * SIZE))).expect("a file");
    let survey = survey(dir.path()).expect("a survey");
    let size = SegmentSize::default();
    let stretches = stretches(&segments(&survey, size));
    let timelines = timelines(&survey, &stretches, size);
    let parents: Vec<_> = timelines.iter().map(|one| (one.timeline.0, one.parent.map(|(parent, _)| parent.0))).collect();
    assert_eq!(parents, [(2, Some(1)), (3, Some(2))]);
    // Segment 11 of timeline 2 is missing; that nothing of timeline 1 is there is no gap.
    assert_eq!(
        gaps(&stretches, &timelines, size).iter().map(|gap| (gap.timeline.0, gap.first, gap.last)).collect::<Vec<_>>(),
        [(2, 11, 11)]
    );
}
