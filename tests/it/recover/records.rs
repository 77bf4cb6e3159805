//! The walk over the records of the log sees what `pg_waldump` sees.

use super::story::{Story, lsn, word_after};
use dbbackup::domain::recovery::Way;
use dbbackup::domain::wal::{Lsn, SegmentSize, Timeline};
use dbbackup::engine::recover::log::{Log, Why};
use dbbackup::server::postgres::wal::record::{Outcome, What};
use tokio_util::sync::CancellationToken;

/// Ends of transactions, restore points and checkpoints: number, position, time in microseconds since 1970.
type Seen = Vec<(String, u32, u64, i64)>;

fn ours(story: &Story) -> (Seen, u64) {
    let log = Log::open(&story.wal(), SegmentSize::default()).expect("an archive");
    let first = log.any().expect("a segment").number;
    let mut seen = Seen::new();
    let mut end = Lsn(0);
    let why = log
        .walk(&Way::straight(Timeline(1)), first, None, &CancellationToken::new(), &mut |event| {
            end = event.end;
            match event.what {
                What::Ended { xid, outcome, at } => {
                    let kind = if outcome == Outcome::Commit { "COMMIT" } else { "ABORT" };
                    seen.push((kind.to_owned(), xid, event.at.0, at.0));
                }
                What::RestorePoint { name, .. } => seen.push((name, 0, event.at.0, 0)),
                What::Checkpoint { redo, .. } => seen.push(("CHECKPOINT".to_owned(), 0, event.at.0, redo.0.cast_signed())),
                _ => {}
            }
            true
        })
        .expect("the archive can be read");
    assert!(matches!(why, Why::Missing(_)), "whole segments, to the last: {why:?}");
    (seen, end.0)
}

fn theirs(story: &Story, first: u64, end: u64) -> Seen {
    let mut seen = Seen::new();
    for line in story.dump("").lines().filter(|line| line.starts_with("rmgr:")) {
        let at = lsn(word_after(line, "lsn:").trim_end_matches(','));
        if at < first || at >= end {
            continue;
        }
        let desc = line.split_once("desc: ").expect("a description").1;
        let xid = word_after(line, "tx:").trim_end_matches(',').parse().expect("a number");
        let time = |text: &str| {
            let text = text.split(" UTC").next().expect("a time");
            let at = jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S%.f", text.trim()).expect(text);
            at.to_zoned(jiff::tz::TimeZone::UTC).expect("a moment").timestamp().as_microsecond()
        };
        if let Some(rest) = desc.strip_prefix("COMMIT_PREPARED ").or(desc.strip_prefix("ABORT_PREPARED ")) {
            let (xid, rest) = rest.split_once(": ").expect("a number and a time");
            seen.push((desc[..desc.find('_').expect("a name")].to_owned(), xid.parse().expect("a number"), at, time(rest)));
        } else if let Some((kind, rest)) = desc.split_once(' ').filter(|(kind, _)| matches!(*kind, "COMMIT" | "ABORT")) {
            seen.push((kind.to_owned(), xid, at, time(rest)));
        } else if let Some(name) = desc.strip_prefix("RESTORE_POINT ") {
            seen.push((name.to_owned(), 0, at, 0));
        } else if desc.starts_with("CHECKPOINT_ONLINE") || desc.starts_with("CHECKPOINT_SHUTDOWN") {
            seen.push(("CHECKPOINT".to_owned(), 0, at, lsn(word_after(line, "redo ").trim_end_matches(';')).cast_signed()));
        }
    }
    seen
}

fn the_same(major: u32) {
    let story = Story::of(major);
    let (ours, end) = ours(story);
    let theirs = theirs(story, ours[0].2, end);
    for kind in ["COMMIT", "ABORT", "CHECKPOINT", "halfway"] {
        assert!(ours.iter().any(|one| one.0 == kind), "no {kind} was seen");
    }
    assert!(ours.iter().filter(|one| one.0 == "COMMIT").count() > 1000);
    assert_eq!(ours.len(), theirs.len());
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert_eq!(ours, theirs);
    }
}

#[test]
fn records_are_what_pg_waldump_says_15() {
    the_same(15);
}

#[test]
fn records_are_what_pg_waldump_says_17() {
    the_same(17);
}
