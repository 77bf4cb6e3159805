//! Judges what can be recovered: from a report and a wish to a base backup and the segments that lead there, or to the reason why not and
//! what would be possible instead. The plan of a recovery (`engine/recover/choose`) asks the same of one target by the log's records, which takes opening
//! segments; this has to answer at each step of a cursor, for every base backup at once, and says nothing that opening a segment would take back apart from
//! where within a segment a target lies. Pure; knows the archive only by names, sizes and times, so that a transaction's exact place is not its matter.
//!
//! The time of a segment is when the server last wrote it (the time of the stored file): everything committed up to that moment is in it or before.

use super::moment;
use super::path::{Part, Path, Run, segment_size};
use super::{BaseBackup, Micros, RecoveryReport, Target, TimelineChoice};
use crate::domain::wal::{Lsn, Segment, SegmentSize, Timeline};
use crate::domain::{Bytes, Stamp};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Bytes of a data directory that are assumed to be unpacked and written in a second: what an everyday disk takes.
pub const UNPACKED_PER_SECOND: u64 = 150_000_000;

/// Bytes of the log that are assumed to be replayed in a second. One process of the server does that, so processors do not matter.
pub const REPLAYED_PER_SECOND: u64 = 60_000_000;

/// What somebody wants to recover.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Where it stops.
    pub target: Target,
    /// Which way it takes where timelines branch.
    pub timeline: TimelineChoice,
    /// The base backup that is to be used; none: the newest that fits.
    pub base: Option<PathBuf>,
}

/// What comes of a wish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It can be recovered, so.
    Recoverable(Way),
    /// It cannot.
    Not(Obstacle),
}

/// With what something can be recovered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// The base backup: its index in the report.
    pub base: usize,
    /// What has to be restored for it: the full one first, the base backup itself last.
    pub chain: Vec<usize>,
    /// The timeline on which recovery ends up.
    pub timeline: Timeline,
    /// The segments that are needed, in the order in which they are read.
    pub parts: Vec<Part>,
    /// How many these are.
    pub segments: u64,
    /// Their bytes as stored.
    pub bytes: Bytes,
    /// Bytes of the archives of the chain.
    pub base_bytes: Bytes,
    /// About how long it takes, in milliseconds: at [`UNPACKED_PER_SECOND`] and [`REPLAYED_PER_SECOND`].
    pub about_ms: u64,
    /// What is to be known of it, in words.
    pub notes: Vec<String>,
    /// The other base backups, by index, and why not each.
    pub others: Vec<(usize, String)>,
}

/// Why something cannot be recovered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    /// The reason, in words. Moments in it are in UTC and in the zone of whoever reads it.
    pub reason: String,
    /// The last moment before that can be recovered.
    pub before: Option<Stamp>,
    /// The first one after.
    pub after: Option<Stamp>,
    /// The base backups, by index, and why not each.
    pub others: Vec<(usize, String)>,
}

/// Judges.
pub fn judge(report: &RecoveryReport, wish: &Wish) -> Verdict {
    let judged = Judged { report, wish, size: segment_size(report), newest: newest(report) };
    let mut others = Vec::new();
    let mut chosen: Option<Way> = None;
    for at in judged.order() {
        match &chosen {
            Some(way) => others.push((at, judged.beside(at, way))),
            None => match judged.try_base(at) {
                Ok(way) => chosen = Some(way),
                Err(reason) => others.push((at, reason)),
            },
        }
    }
    if let Some(way) = chosen {
        return Verdict::Recoverable(Way { others, ..way });
    }
    let windows = judged.windows();
    let moment = judged.moment();
    let before = match moment {
        Some(moment) => windows.iter().filter(|(from, _)| *from <= moment).map(|(_, to)| (*to).min(moment)).max(),
        None => windows.last().map(|(_, to)| *to),
    };
    let after = moment.and_then(|moment| windows.iter().map(|(from, _)| *from).find(|from| *from > moment));
    Verdict::Not(Obstacle { reason: judged.reason(&others), before, after, others })
}

/// The moments that can be recovered on the newest timeline and those it came from: from, to, each without a gap, oldest first.
pub fn windows(report: &RecoveryReport) -> Vec<(Stamp, Stamp)> {
    let wish = Wish::default();
    Judged { report, wish: &wish, size: segment_size(report), newest: newest(report) }.windows()
}

/// The newest timeline that there is anything of.
fn newest(report: &RecoveryReport) -> Timeline {
    let known = report.wal.timelines.iter().map(|one| one.timeline);
    known
        .chain(report.stretches.iter().map(|one| one.timeline))
        .chain(report.bases.iter().map(|one| one.timeline))
        .max()
        .unwrap_or(Timeline(1))
}

struct Judged<'a> {
    report: &'a RecoveryReport,
    wish: &'a Wish,
    size: SegmentSize,
    newest: Timeline,
}

impl Judged<'_> {
    /// The moment that is wished for, where it is one.
    fn moment(&self) -> Option<Stamp> {
        match &self.wish.target {
            // Whatever is committed within the millisecond has to be there.
            Target::Time(micros) => Some(Micros(micros.0.saturating_add(999)).stamp()),
            _ => None,
        }
    }

    /// A moment in UTC and in the zone of whoever reads it.
    fn said(&self, at: Stamp) -> String {
        moment::both_brief(at.into(), self.report.zone.as_deref())
    }

    /// The base backups that come into question, the best first.
    fn order(&self) -> Vec<usize> {
        let bases = &self.report.bases;
        let mut order: Vec<usize> =
            (0..bases.len()).filter(|at| self.wish.base.as_ref().is_none_or(|path| *path == bases[*at].path)).collect();
        order.sort_by_key(|at| std::cmp::Reverse((bases[*at].ended, bases[*at].stop)));
        if self.is_place_unknown() {
            order.reverse();
        }
        order
    }

    /// Whether only reading the log tells where the target is.
    const fn is_place_unknown(&self) -> bool {
        matches!(self.wish.target, Target::Xid(_) | Target::Name(_))
    }

    /// The timeline to which recovery with a base backup leads.
    fn timeline(&self, base: &BaseBackup) -> Timeline {
        match self.wish.timeline {
            TimelineChoice::Of(timeline) => timeline,
            TimelineChoice::Current => base.timeline,
            // With the base backup chosen by hand, whatever it leads to; else a base backup of an abandoned timeline must not be taken for
            // the newest of all.
            TimelineChoice::Latest if self.wish.base.is_some() => self.leads_to(base),
            TimelineChoice::Latest => self.newest,
        }
    }

    fn leads_to(&self, base: &BaseBackup) -> Timeline {
        let known = self.report.wal.timelines.iter().map(|one| one.timeline).filter(|one| *one > base.timeline);
        known.filter(|one| Path::to(self.report, *one).holds(base)).max().unwrap_or(base.timeline)
    }

    /// The chain of a base backup, the full one first; or why it is none.
    fn chain(&self, at: usize) -> Result<Vec<usize>, String> {
        let bases = &self.report.bases;
        let mut chain = vec![at];
        loop {
            let base = &bases[chain[chain.len() - 1]];
            if let Some(why) = &base.broken {
                return Err(if chain.len() == 1 {
                    format!("it cannot be used: {why}")
                } else {
                    format!("{}, which it needs, cannot be used: {why}", file(base))
                });
            }
            let Some(parent) = &base.parent else { break };
            match bases.iter().position(|one| one.id == *parent) {
                Some(next) if !chain.contains(&next) => chain.push(next),
                Some(_) => return Err("its chain of parents leads back to itself".to_owned()),
                None => return Err(format!("its parent {parent} is missing")),
            }
        }
        chain.reverse();
        Ok(chain)
    }

    /// The log from a base backup on, if all that it needs to become consistent is there.
    fn run(&self, base: &BaseBackup) -> Result<(Path, Run), String> {
        if let Some(id) = &self.report.wal.system_identifier
            && !base.system_identifier.is_empty()
            && *id != base.system_identifier
        {
            return Err(format!("it is of another server ({}) than the archive of the log ({id})", base.system_identifier));
        }
        let timeline = self.timeline(base);
        let path = Path::to(self.report, timeline);
        if !path.holds(base) {
            return Err(format!("it is of timeline {} and does not lead to timeline {timeline}", base.timeline));
        }
        let run = path.run(self.report, self.number(base.timeline, base.start));
        if run.last().is_none_or(|last| last < self.consistent(base)) {
            return Err(format!("segment {} is missing, which it needs itself", run.hole.at.name(self.size)));
        }
        Ok((path, run))
    }

    const fn number(&self, timeline: Timeline, lsn: Lsn) -> u64 {
        Segment::at(timeline, lsn, self.size).number
    }

    /// The number of the last segment without which a base backup is not consistent.
    fn consistent(&self, base: &BaseBackup) -> u64 {
        self.number(base.timeline, Lsn(base.stop.0.saturating_sub(1).max(base.start.0)))
    }

    fn try_base(&self, at: usize) -> Result<Way, String> {
        let base = &self.report.bases[at];
        let chain = self.chain(at)?;
        if let Some(moment) = self.moment().filter(|moment| *moment < base.ended) {
            return Err(format!("it was consistent only at {}, after {}", self.said(base.ended), self.said(moment)));
        }
        let (_, run) = self.run(base)?;
        let (own, end) = (self.consistent(base), run.last().unwrap_or(0));
        let mut notes = Vec::new();
        let last = match &self.wish.target {
            Target::Immediate => own,
            Target::Time(_) => {
                let moment = self.moment().unwrap_or_default();
                run.reaches(self.report, moment, own).ok_or_else(|| self.short(&run, &format!("up to {}", self.said(moment))))?
            }
            Target::Lsn(lsn) if *lsn < base.stop => {
                return Err(format!("it is consistent only at {}, after {lsn}", base.stop));
            }
            Target::Lsn(lsn) => {
                let wanted = self.number(base.timeline, *lsn).max(own);
                if wanted > end {
                    return Err(self.short(&run, &format!("up to {lsn}")));
                }
                wanted
            }
            Target::Latest | Target::Xid(_) | Target::Name(_) => {
                if run.hole.until.is_some() {
                    return Err(self.short(&run, "to the end of the archive"));
                }
                if self.is_place_unknown() {
                    notes.push(
                        "where the target is in the log shows only when it is read: all of it is there from this base backup on".to_owned(),
                    );
                }
                end
            }
        };
        let (parts, bytes) = run.until(self.report, last);
        let segments = parts.iter().map(Part::count).sum::<u64>();
        let bases = || chain.iter().map(|at| &self.report.bases[*at]);
        // Each archive of a chain is unpacked; the whole data directory is written at least once.
        let plain = bases().map(|one| one.plain.0).max().unwrap_or(0).saturating_add(bases().rev().skip(1).map(|one| one.bytes.0).sum());
        let replayed = segments.saturating_mul(self.size.bytes());
        let about_ms = plain.saturating_mul(1000) / UNPACKED_PER_SECOND + replayed.saturating_mul(1000) / REPLAYED_PER_SECOND;
        let base_bytes = bases().map(|one| one.bytes).sum();
        let timeline = parts.last().map_or(base.timeline, |part| part.timeline);
        Ok(Way { base: at, chain, timeline, parts, segments, bytes: Bytes(bytes), base_bytes, about_ms, notes, others: Vec::new() })
    }

    /// Why a base backup is not taken where another one is. Looks at no single segment: there may be hundreds of base backups.
    fn beside(&self, at: usize, way: &Way) -> String {
        let found = self.chain(at).and_then(|_| self.run(&self.report.bases[at]));
        match found {
            Err(reason) => reason,
            Ok(_) if self.is_place_unknown() => {
                "it does as well if the target is behind its end, with less of the log to replay".to_owned()
            }
            Ok((_, run)) if run.last() < way.parts.last().map(|part| part.last) => self.short(&run, "so far"),
            Ok(_) => "it fits too, with more of the log to replay".to_owned(),
        }
    }

    /// That the log does not go so far.
    fn short(&self, run: &Run, far: &str) -> String {
        let name = run.hole.at.name(self.size);
        let end = run.end(self.report).map(|at| self.said(at)).unwrap_or_default();
        match run.hole.until {
            Some(next) => {
                let count = next - run.hole.at.number;
                let what = if count == 1 { "segment is".to_owned() } else { "segments are".to_owned() };
                format!("{count} {what} missing from {name} on, so the log does not go {far} but to {end} only")
            }
            None => format!("the archive of the log ends at {end}, before segment {name}: it does not go {far}"),
        }
    }

    /// The moments that the base backups in question and the archive give.
    fn windows(&self) -> Vec<(Stamp, Stamp)> {
        let mut found: Vec<(Stamp, Stamp)> = self
            .order()
            .into_iter()
            .filter_map(|at| {
                self.chain(at).ok()?;
                let base = &self.report.bases[at];
                let (_, run) = self.run(base).ok()?;
                Some((base.ended, run.end(self.report)?.max(base.ended)))
            })
            .collect();
        found.sort_unstable();
        let mut merged: Vec<(Stamp, Stamp)> = Vec::new();
        for (from, to) in found {
            match merged.last_mut() {
                Some(last) if from <= last.1 => last.1 = last.1.max(to),
                _ => merged.push((from, to)),
            }
        }
        // A base backup behind which nothing is archived yet is a moment, and no window beside others.
        if merged.iter().any(|(from, to)| from < to) {
            merged.retain(|(from, to)| from < to);
        }
        merged
    }

    /// The reason of all reasons: that of the base backup that came nearest.
    fn reason(&self, others: &[(usize, String)]) -> String {
        let bases = &self.report.bases;
        if bases.is_empty() {
            return "there is no base backup".to_owned();
        }
        if others.is_empty() {
            let path = self.wish.base.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
            return format!("{} is not among the base backups", crate::domain::text::clean(&path));
        }
        let moment = self.moment();
        let fits = |at: &usize| moment.is_none_or(|moment| bases[*at].ended <= moment);
        match others.iter().find(|(at, _)| fits(at)) {
            Some((at, reason)) => format!("with {}: {reason}", file(&bases[*at])),
            None => {
                let first = others.iter().map(|(at, _)| bases[*at].ended).min().unwrap_or_default();
                format!("no base backup is from before it: the earliest was consistent at {}", self.said(first))
            }
        }
    }
}

fn file(base: &BaseBackup) -> String {
    crate::domain::text::clean(&base.path.file_name().unwrap_or_default().to_string_lossy())
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
