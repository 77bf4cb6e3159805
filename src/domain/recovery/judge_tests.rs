use super::*;
use crate::domain::recovery::{BaseKind, Stretch};
use crate::domain::wal::{Gap, TimelineSummary};
use proptest::prelude::*;
use std::collections::BTreeMap;

const MIB: u64 = 1 << 20;
const SIZE: u64 = 16 * MIB;

/// A report of segments (timeline, number) → when each was last written; 100 bytes each as stored.
fn report(segments: &BTreeMap<(u32, u64), i64>, branches: &[(u32, u32, u64)]) -> RecoveryReport {
    let mut report = RecoveryReport { zone: Some("UTC".into()), ..RecoveryReport::default() };
    report.wal.stats.segment_size = SegmentSize::new(SIZE as u32);
    for ((timeline, number), at) in segments {
        let (timeline, at) = (Timeline(*timeline), Stamp(*at));
        match report.stretches.last_mut() {
            Some(last) if last.timeline == timeline && last.last + 1 == *number => {
                last.last = *number;
                last.to = at;
                last.bytes += Bytes(100);
                last.marks.push((at, 100));
            }
            _ => report.stretches.push(Stretch {
                timeline,
                first: *number,
                last: *number,
                from: at,
                to: at,
                bytes: Bytes(100),
                marks: vec![(at, 100)],
            }),
        }
    }
    let mut timelines: Vec<u32> = segments.keys().map(|(timeline, _)| *timeline).chain(branches.iter().map(|one| one.0)).collect();
    timelines.sort_unstable();
    timelines.dedup();
    report.wal.timelines = timelines
        .into_iter()
        .map(|timeline| TimelineSummary {
            timeline: Timeline(timeline),
            parent: branches.iter().find(|one| one.0 == timeline).map(|one| (Timeline(one.1), Lsn(one.2))),
            ..TimelineSummary::default()
        })
        .collect();
    report
}

/// A base backup that begins and ends within a segment.
fn base(name: &str, timeline: u32, number: u64, ended: i64) -> BaseBackup {
    BaseBackup {
        path: name.into(),
        id: name.to_owned(),
        timeline: Timeline(timeline),
        start: Lsn(number * SIZE + 40),
        stop: Lsn(number * SIZE + 4000),
        ended: Stamp(ended),
        bytes: Bytes(1_000),
        plain: Bytes(150_000_000),
        ..BaseBackup::default()
    }
}

/// Timeline 1 with segments first..=last, segment n last written at n * 1000.
fn line(timeline: u32, numbers: impl IntoIterator<Item = u64>) -> BTreeMap<(u32, u64), i64> {
    numbers.into_iter().map(|number| ((timeline, number), number as i64 * 1000)).collect()
}

fn at(moment: i64) -> Wish {
    Wish { target: Target::Time(Stamp(moment).into()), ..Wish::default() }
}

fn way(report: &RecoveryReport, wish: &Wish) -> Way {
    match judge(report, wish) {
        Verdict::Recoverable(way) => way,
        Verdict::Not(obstacle) => panic!("{obstacle:?}"),
    }
}

fn obstacle(report: &RecoveryReport, wish: &Wish) -> Obstacle {
    match judge(report, wish) {
        Verdict::Not(obstacle) => obstacle,
        Verdict::Recoverable(way) => panic!("{way:?}"),
    }
}

#[test]
fn the_newest_fitting_base_backup_is_taken_and_the_others_say_why_not() {
    let mut report = report(&line(1, 1..=100), &[]);
    report.bases = vec![base("a", 1, 2, 2_000), base("b", 1, 50, 50_000), base("c", 1, 90, 90_000)];
    let way = way(&report, &at(60_500));
    assert_eq!((way.base, way.segments, way.bytes), (1, 12, Bytes(1_200)));
    assert_eq!(way.parts, [Part { timeline: Timeline(1), first: 50, last: 61 }]);
    assert_eq!(way.others.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [2, 0]);
    assert!(way.others[0].1.contains("consistent only at"), "{:?}", way.others);
    assert!(way.others[1].1.contains("more of the log"), "{:?}", way.others);
    assert_eq!(way.about_ms, 1000 + 12 * SIZE * 1000 / REPLAYED_PER_SECOND);
    assert_eq!(windows(&report), [(Stamp(2_000), Stamp(100_000))]);
}

#[test]
fn a_base_backup_at_the_end_of_the_archive_makes_no_gap() {
    let mut report = report(&line(1, 1..=100), &[]);
    report.bases = vec![base("a", 1, 2, 2_000), base("b", 1, 100, 100_246)];
    assert_eq!(windows(&report), [(Stamp(2_000), Stamp(100_000))]);
    report.bases.remove(0);
    assert_eq!(windows(&report), [(Stamp(100_246), Stamp(100_246))]);
}

#[test]
fn what_is_before_the_first_base_backup_or_after_the_last_segment_is_not_there() {
    let mut report = report(&line(1, 1..=100), &[]);
    assert_eq!(obstacle(&report, &at(5)).reason, "there is no base backup");
    report.bases = vec![base("a", 1, 20, 20_000)];
    let early = obstacle(&report, &at(19_999));
    assert!(early.reason.contains("no base backup is from before it"), "{early:?}");
    assert_eq!((early.before, early.after), (None, Some(Stamp(20_000))));
    let late = obstacle(&report, &at(100_001));
    assert!(late.reason.contains("ends at 1970-01-01 00:01:40 UTC, before segment 000000010000000000000065"), "{late:?}");
    assert_eq!((late.before, late.after), (Some(Stamp(100_000)), None));
    assert_eq!(way(&report, &at(100_000)).segments, 81);
    // A microsecond into the last millisecond is not.
    let wish = Wish { target: Target::Time(Micros(100_000_001)), ..Wish::default() };
    assert!(matches!(judge(&report, &wish), Verdict::Not(_)));
    let other = Wish { base: Some("z".into()), ..at(50_000) };
    assert_eq!(obstacle(&report, &other).reason, "z is not among the base backups");
}

#[test]
fn a_gap_ends_what_can_be_recovered_until_the_next_base_backup() {
    let mut report = report(&line(1, (1..=30).chain(38..=100)), &[]);
    report.bases = vec![base("a", 1, 2, 2_000), base("b", 1, 50, 50_000)];
    assert_eq!(windows(&report), [(Stamp(2_000), Stamp(30_000)), (Stamp(50_000), Stamp(100_000))]);
    let gap = obstacle(&report, &at(40_000));
    assert!(gap.reason.contains("7 segments are missing from 00000001000000000000001F on"), "{gap:?}");
    assert_eq!((gap.before, gap.after), (Some(Stamp(30_000)), Some(Stamp(50_000))));
    assert_eq!(way(&report, &Wish::default()).base, 1);
    let first = Wish { base: Some("a".into()), ..Wish::default() };
    assert!(obstacle(&report, &first).reason.contains("does not go to the end of the archive but to 1970-01-01 00:00:30 UTC only"));
    let immediate = Wish { target: Target::Immediate, ..first };
    assert_eq!(way(&report, &immediate).parts, [Part { timeline: Timeline(1), first: 2, last: 2 }]);
}

#[test]
fn a_base_backup_without_its_own_log_is_none() {
    let mut report = report(&line(1, (1..=10).chain(12..=20)), &[]);
    let mut long = base("a", 1, 9, 12_500);
    long.stop = Lsn(12 * SIZE + 1);
    report.bases = vec![long];
    assert!(
        obstacle(&report, &Wish { target: Target::Immediate, ..Wish::default() })
            .reason
            .contains("00000001000000000000000B is missing, which it needs itself")
    );
    assert_eq!(windows(&report), []);
    // Where it ends with the last byte of a segment the next one is not needed.
    report.bases[0].stop = Lsn(11 * SIZE);
    assert_eq!(way(&report, &Wish { target: Target::Immediate, ..Wish::default() }).segments, 2);
}

#[test]
fn timelines_are_followed_through_their_switches() {
    // Timeline 2 begins within segment 10, timeline 3 where segment 20 begins; timeline 1 was written on to 14.
    let mut segments = line(1, 1..=14);
    segments.extend(line(2, 10..=19));
    segments.extend(line(3, 20..=30));
    let mut report = report(&segments, &[(2, 1, 10 * SIZE + 77), (3, 2, 20 * SIZE)]);
    report.bases = vec![base("a", 1, 2, 2_000), base("lost", 1, 12, 12_500)];
    let found = way(&report, &at(25_000));
    let part = |timeline, first, last| Part { timeline: Timeline(timeline), first, last };
    assert_eq!(found.parts, [part(1, 2, 9), part(2, 10, 19), part(3, 20, 25)]);
    assert_eq!((found.base, found.timeline, found.segments), (0, Timeline(3), 24));
    assert!(found.others[0].1.contains("does not lead to timeline 3"), "{found:?}");
    let on = |timeline| Wish { timeline, ..at(13_500) };
    assert_eq!(way(&report, &on(TimelineChoice::Current)).parts, [part(1, 12, 14)]);
    assert_eq!(way(&report, &on(TimelineChoice::Of(Timeline(2)))).parts, [part(1, 2, 9), part(2, 10, 14)]);
    let lost = Wish { base: Some("lost".into()), ..Wish::default() };
    assert_eq!(way(&report, &lost).timeline, Timeline(1), "with this one chosen, latest means where it leads");
    assert_eq!(windows(&report), [(Stamp(2_000), Stamp(30_000))]);
    // Without the history of timeline 2 nobody knows the way.
    report.wal.timelines[1].parent = None;
    assert!(obstacle(&report, &at(25_000)).reason.contains("does not lead to timeline 3"));
}

#[test]
fn chains_need_every_parent() {
    let mut report = report(&line(1, 1..=100), &[]);
    let child = |name: &str, parent: &str, number: u64| BaseBackup {
        parent: Some(parent.to_owned()),
        kind: BaseKind::Incremental,
        ..base(name, 1, number, number as i64 * 1000)
    };
    report.bases = vec![base("a", 1, 2, 2_000), child("b", "a", 10), child("c", "b", 20), child("d", "gone", 30), child("e", "e", 40)];
    let found = way(&report, &at(60_000));
    assert_eq!((found.base, found.chain), (2, vec![0, 1, 2]));
    assert_eq!(found.base_bytes, Bytes(3_000));
    assert_eq!(found.others[0], (4, "its chain of parents leads back to itself".to_owned()));
    assert_eq!(found.others[1], (3, "its parent gone is missing".to_owned()));
    report.bases[0].broken = Some("its end cannot be read".to_owned());
    assert!(
        obstacle(&report, &at(60_000)).others.iter().any(|(_, why)| why == "a, which it needs, cannot be used: its end cannot be read")
    );
}

#[test]
fn positions_names_and_transactions() {
    let mut report = report(&line(1, 1..=100), &[]);
    report.bases = vec![base("a", 1, 2, 2_000), base("b", 1, 50, 50_000)];
    let to = |target| Wish { target, ..Wish::default() };
    assert_eq!(way(&report, &to(Target::Lsn(Lsn(60 * SIZE)))).parts, [Part { timeline: Timeline(1), first: 50, last: 60 }]);
    assert_eq!(way(&report, &to(Target::Lsn(Lsn(40 * SIZE)))).base, 0);
    assert!(obstacle(&report, &to(Target::Lsn(Lsn(101 * SIZE)))).reason.contains("does not go up to 0/65000000"));
    assert!(obstacle(&report, &to(Target::Lsn(Lsn(SIZE)))).reason.contains("consistent only at"));
    let named = way(&report, &to(Target::Name("before-it".into())));
    assert_eq!((named.base, named.segments, named.notes.len()), (0, 99, 1), "from the first, since nobody knows where it is");
    report.wal.system_identifier = Some("7".into());
    report.bases[0].system_identifier = "8".into();
    assert_eq!(way(&report, &to(Target::Xid(4711))).base, 1, "that of another server is none");
}

#[test]
fn without_marks_times_are_taken_in_proportion() {
    let mut report = report(&line(1, 1..=100), &[]);
    report.stretches[0].marks.clear();
    report.bases = vec![base("a", 1, 2, 2_000)];
    let found = way(&report, &at(60_500));
    assert_eq!((found.segments, found.bytes), (60, Bytes(6_000)));
}

#[test]
fn a_gap_is_counted() {
    assert_eq!(Gap { first: 7, last: 9, ..Gap::default() }.count(), 3);
}

proptest! {
    /// Judged against the plain words: some base backup from before whose every segment up to the moment is there.
    #[test]
    fn recoverable_is_what_has_a_base_backup_before_and_every_segment(
        present in proptest::collection::btree_set(0u64..40, 0..40),
        second in proptest::collection::btree_set(0u64..40, 0..20),
        switch in 0u64..40,
        bases in proptest::collection::vec((1u32..=2, 0u64..40, 0u64..4), 0..5),
        moment in 0i64..42_000,
        branched: bool,
    ) {
        let mut segments = line(1, present.iter().copied());
        let mut branches = Vec::new();
        if branched {
            segments.extend(line(2, second.iter().copied().filter(|number| *number >= switch)));
            branches.push((2, 1, switch * SIZE + 5_000));
        }
        let mut report = report(&segments, &branches);
        report.bases = bases
            .iter()
            .enumerate()
            .filter(|(_, (timeline, number, _))| *timeline == 1 || (branched && *number >= switch))
            .map(|(nth, (timeline, number, long))| BaseBackup {
                stop: Lsn((number + long) * SIZE + 4000),
                ..base(&nth.to_string(), *timeline, *number, (number + long) as i64 * 1000 - 500)
            })
            .collect();
        let newest = if branched { 2 } else { 1 };
        let file = |number: u64| (if branched && number >= switch { 2 } else { 1 }, number);
        let fits = |base: &&BaseBackup| {
            let (start, stop) = (base.start.0 / SIZE, (base.stop.0 - 1) / SIZE);
            let leads = base.timeline.0 == newest || base.stop.0 <= switch * SIZE + 5_000;
            let last = (start..42).find(|number| *number as i64 * 1000 >= moment).unwrap_or(41).max(stop);
            leads && base.ended.0 <= moment && (start..=last).all(|number| segments.contains_key(&file(number)))
        };
        let wanted = report.bases.iter().filter(fits).map(|base| base.ended).max();
        let verdict = judge(&report, &at(moment));
        match (&verdict, wanted) {
            (Verdict::Recoverable(way), Some(ended)) => {
                prop_assert_eq!(report.bases[way.base].ended, ended);
                prop_assert_eq!(way.others.len() + 1, report.bases.len());
                prop_assert!(way.parts.windows(2).all(|two| two[0].last + 1 == two[1].first));
                prop_assert_eq!(way.bytes, Bytes(way.segments * 100));
            }
            (Verdict::Not(obstacle), None) => {
                prop_assert!(!obstacle.reason.is_empty());
                for near in obstacle.before.into_iter().chain(obstacle.after) {
                    prop_assert!(matches!(judge(&report, &at(near.0)), Verdict::Recoverable(_)), "{:?}", near);
                }
            }
            (verdict, wanted) => prop_assert!(false, "{:?}, but {:?}", verdict, wanted),
        }
        let inside = windows(&report).iter().any(|(from, to)| (from.0..=to.0).contains(&moment));
        prop_assert_eq!(inside, wanted.is_some(), "{:?}", windows(&report));
    }
}
