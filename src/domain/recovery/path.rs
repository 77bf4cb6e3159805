//! How far an archive goes along the way to a timeline ([`Way`]), by the stretches of a report. Pure: names no file and asks nobody.

use super::{BaseBackup, Left, Leg, RecoveryReport, Stretch, Way};
use crate::domain::Stamp;
use crate::domain::wal::{Lsn, Segment, SegmentSize, Timeline};
use serde::{Deserialize, Serialize};

/// Segments of one timeline that follow one another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The timeline whose files are read.
    pub timeline: Timeline,
    /// Number of the first segment.
    pub first: u64,
    /// Number of the last one.
    pub last: u64,
}

impl Part {
    /// Segments.
    pub const fn count(&self) -> u64 {
        self.last - self.first + 1
    }
}

/// Segments that are missing on a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hole {
    /// The first missing one.
    pub at: Segment,
    /// The number of the next one that is there; none where the archive ends.
    pub until: Option<u64>,
}

/// The way to a timeline through an archive, as far back as its histories say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    way: Way,
    size: SegmentSize,
}

impl Path {
    /// The path to a timeline.
    pub fn to(report: &RecoveryReport, target: Timeline) -> Self {
        let mut legs = Vec::new();
        let mut at = target;
        while let Some((parent, from)) = parent_of(report, at).filter(|(parent, _)| *parent < at) {
            legs.push(Leg { timeline: at, from });
            at = parent;
        }
        legs.push(Leg { timeline: at, from: Lsn(0) });
        legs.reverse();
        Self { way: Way::through(legs), size: segment_size(report) }
    }

    /// Whether a base backup lies on it: on one of its timelines, and before the next one branches off.
    pub fn holds(&self, base: &BaseBackup) -> bool {
        match self.way.leaves(base.timeline) {
            Left::Never => true,
            Left::At(left) => base.stop <= left,
            Left::NotOnIt => false,
        }
    }

    /// The timeline whose file holds the segment of a number, and the last one that it holds.
    fn owner(&self, number: u64) -> (Timeline, Option<u64>) {
        let timeline = self.way.segment(number, self.size).timeline;
        let end = self.way.spans(self.size).find(|(one, ..)| *one == timeline).and_then(|(_, _, end)| end);
        (timeline, end)
    }

    /// How far the archive goes from a segment on, without a hole.
    pub fn run(&self, report: &RecoveryReport, from: u64) -> Run {
        let mut run = Run { parts: Vec::new(), hole: Hole { at: Segment { timeline: self.owner(from).0, number: from }, until: None } };
        let mut number = from;
        loop {
            let (timeline, end) = self.owner(number);
            let Some(at) = report.stretches.iter().position(|one| one.timeline == timeline && (one.first..=one.last).contains(&number))
            else {
                run.hole = Hole { at: Segment { timeline, number }, until: self.next_there(report, number) };
                return run;
            };
            let last = report.stretches[at].last.min(end.unwrap_or(u64::MAX));
            run.parts.push((at, Part { timeline, first: number, last }));
            number = last + 1;
        }
    }

    /// The first segment after a missing one that is there.
    fn next_there(&self, report: &RecoveryReport, missing: u64) -> Option<u64> {
        let reachable = report.stretches.iter().filter_map(|stretch| {
            let (_, begins, end) = self.way.spans(self.size).find(|(timeline, ..)| *timeline == stretch.timeline)?;
            let first = stretch.first.max(begins).max(missing + 1);
            (first <= stretch.last.min(end.unwrap_or(u64::MAX))).then_some(first)
        });
        reachable.min()
    }
}

/// Segments that follow one another along a way, through its timelines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The index of each stretch, and the part of it.
    parts: Vec<(usize, Part)>,
    /// What is missing where it ends.
    pub hole: Hole,
}

impl Run {
    /// The number of its last segment.
    pub fn last(&self) -> Option<u64> {
        self.parts.last().map(|(_, part)| part.last)
    }

    /// The moment up to which it goes: its last segment was last written then.
    pub fn end(&self, report: &RecoveryReport) -> Option<Stamp> {
        self.parts.iter().map(|(at, part)| written(&report.stretches[*at], part.last)).max()
    }

    /// The first segment, from `least` on, that was last written at a moment or after: it and those before hold all that was committed up to
    /// it.
    pub fn reaches(&self, report: &RecoveryReport, moment: Stamp, least: u64) -> Option<u64> {
        self.parts.iter().find_map(|(at, part)| {
            let stretch = &report.stretches[*at];
            (part.first..=part.last).find(|number| written(stretch, *number) >= moment).map(|number| number.max(least))
        })
    }

    /// Its parts up to a segment, with their bytes as stored.
    pub fn until(&self, report: &RecoveryReport, last: u64) -> (Vec<Part>, u64) {
        let mut bytes = 0u64;
        let mut parts: Vec<Part> = Vec::new();
        for (at, part) in self.parts.iter().filter(|(_, part)| part.first <= last) {
            let part = Part { last: part.last.min(last), ..*part };
            bytes = bytes.saturating_add(stored(&report.stretches[*at], part));
            match parts.last_mut() {
                Some(before) if before.timeline == part.timeline => before.last = part.last,
                _ => parts.push(part),
            }
        }
        (parts, bytes)
    }
}

/// When a segment of a stretch was last written; between first and last in proportion where only these are known.
fn written(stretch: &Stretch, number: u64) -> Stamp {
    let nth = number - stretch.first;
    if let Some((at, _)) = usize::try_from(nth).ok().and_then(|nth| stretch.marks.get(nth)) {
        return *at;
    }
    let steps = stretch.last - stretch.first;
    if steps == 0 {
        return stretch.to;
    }
    let span = i128::from(stretch.to.0) - i128::from(stretch.from.0);
    let offset = span * i128::from(nth) / i128::from(steps);
    Stamp(stretch.from.0.saturating_add(i64::try_from(offset).unwrap_or(0)))
}

/// Bytes of a part of a stretch as stored.
fn stored(stretch: &Stretch, part: Part) -> u64 {
    let nth = |number: u64| usize::try_from(number - stretch.first).unwrap_or(usize::MAX);
    if let Some(marks) = stretch.marks.get(nth(part.first)..=nth(part.last)) {
        return marks.iter().map(|(_, bytes)| bytes).sum();
    }
    let all = u128::from(stretch.last - stretch.first + 1);
    u64::try_from(u128::from(stretch.bytes.0) * u128::from(part.count()) / all).unwrap_or(u64::MAX)
}

/// The size of segments: the archive's, else that of a base backup.
pub fn segment_size(report: &RecoveryReport) -> SegmentSize {
    report.wal.stats.segment_size.or_else(|| report.bases.last().map(|base| base.segment_size)).unwrap_or_default()
}

/// From which timeline one branched off, and where.
pub fn parent_of(report: &RecoveryReport, timeline: Timeline) -> Option<(Timeline, Lsn)> {
    report.wal.timelines.iter().find(|one| one.timeline == timeline).and_then(|one| one.parent)
}
