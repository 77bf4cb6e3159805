//! Where timelines branched off, and which timeline's segments a recovery reads. Knows nothing of what is archived: how far an archive goes along a way is
//! [`super::path`]'s matter.

use crate::domain::wal::history;
use crate::domain::wal::{Lsn, Segment, SegmentSize, Timeline};

/// The way to a timeline: each one it came through and where that was left, the oldest first; the timeline itself stands at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    legs: Vec<Leg>,
}

/// A timeline of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// The timeline.
    pub timeline: Timeline,
    /// Where it began: where the one before was left. The oldest begins at 0.
    pub from: Lsn,
}

/// Where a way leaves a timeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// At this position.
    At(Lsn),
    /// It ends on it.
    Never,
    /// It does not go through it.
    NotOnIt,
}

impl Way {
    /// The way of a server that was never promoted.
    pub fn straight(timeline: Timeline) -> Self {
        Self { legs: vec![Leg { timeline, from: Lsn(0) }] }
    }

    /// Reads `00000003.history`.
    pub fn read(timeline: Timeline, text: &str) -> Result<Self, String> {
        let mut legs = Vec::new();
        let mut from = Lsn(0);
        for branch in history::read(text)? {
            if branch.at < from || branch.from >= timeline {
                return Err(format!("timeline {} at {} does not follow what stands before it", branch.from, branch.at));
            }
            legs.push(Leg { timeline: branch.from, from });
            from = branch.at;
        }
        legs.push(Leg { timeline, from });
        Ok(Self { legs })
    }

    /// The way through timelines that are known with where each began, the oldest first.
    pub(super) const fn through(legs: Vec<Leg>) -> Self {
        Self { legs }
    }

    /// The timeline that it leads to.
    pub fn timeline(&self) -> Timeline {
        self.legs.last().map(|leg| leg.timeline).unwrap_or_default()
    }

    /// Its timelines, the oldest first.
    pub fn legs(&self) -> &[Leg] {
        &self.legs
    }

    /// Where it leaves a timeline.
    pub fn leaves(&self, timeline: Timeline) -> Left {
        match self.legs.iter().position(|leg| leg.timeline == timeline) {
            None => Left::NotOnIt,
            Some(at) => self.legs.get(at + 1).map_or(Left::Never, |next| Left::At(next.from)),
        }
    }

    /// The segments of its timelines by number, the oldest first: a timeline's first one, and its last one where the way leaves it.
    pub(super) fn spans(&self, size: SegmentSize) -> impl Iterator<Item = (Timeline, u64, Option<u64>)> {
        let first = move |leg: &Leg| leg.from.0 / size.bytes();
        let end = move |at: usize| self.legs.get(at + 1).map(|next| first(next).saturating_sub(1));
        self.legs.iter().enumerate().map(move |(at, leg)| (leg.timeline, first(leg), end(at)))
    }

    /// The segment of a number, on the timeline from which the server takes it: the newest that had begun in it (`XLogFileReadAnyTLI`).
    pub fn segment(&self, number: u64, size: SegmentSize) -> Segment {
        let leg = self.legs.iter().rev().find(|leg| leg.from.0 / size.bytes() <= number).or(self.legs.first());
        Segment { timeline: leg.map(|leg| leg.timeline).unwrap_or_default(), number }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HISTORY: &str = "1\t0/5000060\tno recovery target specified\n\n# a remark\n2\t0/9000000\tbefore 2026-01-30 14:02:59+01\n";

    #[test]
    fn the_way_goes_through_every_timeline_before() {
        let way = Way::read(Timeline(4), HISTORY).expect("a history");
        assert_eq!(way.timeline(), Timeline(4));
        assert_eq!(way.leaves(Timeline(1)), Left::At(Lsn(0x0500_0060)));
        assert_eq!(way.leaves(Timeline(4)), Left::Never);
        assert_eq!(way.leaves(Timeline(3)), Left::NotOnIt, "a branch that was not taken");
        let timelines: Vec<u32> =
            [4, 5, 8, 9, 200].into_iter().map(|number| way.segment(number, SegmentSize::default()).timeline.0).collect();
        assert_eq!(timelines, [1, 2, 2, 4, 4], "the segment of a branch is taken from the new timeline");
    }

    #[test]
    fn what_is_no_history_is_refused() {
        for text in ["1 5000060", "x\t0/1\ty", "2\t0/9000000\n1\t0/5000060\n", "1\t0/9000000\n2\t0/5000060\n", "7\t0/1\n"] {
            assert!(Way::read(Timeline(4), text).is_err(), "{text}");
        }
        assert_eq!(Way::read(Timeline(1), ""), Ok(Way::straight(Timeline(1))));
    }
}
