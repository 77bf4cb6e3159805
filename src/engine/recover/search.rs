//! Where in the log a target lies: which transactions are recovered with it and which are not, found with the rules of the server
//! (`recoveryStopsBefore` and `recoveryStopsAfter` in `access/transam/xlogrecovery.c`).

use super::log::{Log, Why};
use crate::domain::Fault;
use crate::domain::recovery::{Bound, Micros, Target, Way};
use crate::domain::wal::Lsn;
use crate::server::postgres::wal::record::{Event, Outcome, What};
use tokio_util::sync::CancellationToken;

/// A transaction that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its number.
    pub xid: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// When, by the server's clock.
    pub at: Micros,
    /// Where the record of it begins.
    pub lsn: Lsn,
}

/// What a search came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Where replay stops: records that begin before this are replayed; none where the target was not met.
    pub stops: Option<Lsn>,
    /// The last transaction that is recovered, of those that were seen: committed ones only.
    pub last: Option<Ended>,
    /// The first one that is not.
    pub next: Option<Ended>,
}

/// Follows the log as the server does, until the target is met and the first transaction after it was seen.
#[derive(Debug)]
pub struct Search {
    target: Target,
    bound: Bound,
    /// Where the base backup is consistent: nothing stops replay before.
    consistent: Lsn,
    found: Found,
    /// The record at the target, which is replayed though replay stops with it.
    inclusive: Option<Lsn>,
    /// The target is not looked for from here on.
    until: Option<Lsn>,
}

impl Search {
    /// A search for a target with a base backup that is consistent at a position.
    pub fn new(target: &Target, bound: Bound, consistent: Lsn) -> Self {
        Self { target: target.clone(), bound, consistent, found: Found::default(), inclusive: None, until: None }
    }

    /// The same, which gives up at a position.
    #[must_use]
    pub fn until(self, until: Option<Lsn>) -> Self {
        Self { until, ..self }
    }

    /// What was found.
    pub fn found(self) -> Found {
        self.found
    }

    /// The position of which the walk has to tell.
    pub fn mark(&self) -> Option<Lsn> {
        match &self.target {
            Target::Lsn(lsn) => Some(*lsn),
            Target::Immediate => Some(self.consistent),
            Target::Latest | Target::Time(_) | Target::Xid(_) | Target::Name(_) => None,
        }
    }

    /// Takes the next event; false when there is nothing more to find out.
    pub fn take(&mut self, event: &Event) -> bool {
        let ended = match event.what {
            What::Ended { xid, outcome, at } => Some(Ended { xid, outcome, at, lsn: event.at }),
            _ => None,
        };
        if self.found.stops.is_some() {
            return match ended {
                Some(ended) if self.inclusive == Some(event.at) => {
                    self.recovered(ended);
                    true
                }
                Some(ended) => {
                    self.found.next = Some(ended);
                    false
                }
                None => true,
            };
        }
        if self.until.is_some_and(|until| event.at >= until) {
            return false;
        }
        let (before, after) = self.stops(event, ended.as_ref());
        match ended {
            Some(ended) if before => self.found.next = Some(ended),
            Some(ended) => self.recovered(ended),
            None => {}
        }
        if before {
            self.found.stops = Some(event.at);
            return self.found.next.is_none();
        }
        if after {
            (self.found.stops, self.inclusive) = (Some(event.end), Some(event.at));
        }
        true
    }

    fn recovered(&mut self, ended: Ended) {
        if ended.outcome == Outcome::Commit {
            self.found.last = Some(ended);
        }
    }

    /// Whether replay stops before this record, or after it.
    fn stops(&self, event: &Event, ended: Option<&Ended>) -> (bool, bool) {
        let exclusive = self.bound == Bound::Exclusive;
        match (&self.target, ended, &event.what) {
            (Target::Time(target), Some(ended), _) => (if exclusive { ended.at >= *target } else { ended.at > *target }, false),
            (Target::Xid(target), Some(ended), _) => (exclusive && ended.xid == *target, !exclusive && ended.xid == *target),
            (Target::Lsn(_), _, What::Reached) => (exclusive, !exclusive),
            (Target::Immediate, _, What::Reached) => (true, false),
            (Target::Name(target), _, What::RestorePoint { name, .. }) => (false, name == target),
            _ => (false, false),
        }
    }
}

/// Follows the log from a segment to the target.
pub fn follow(log: &Log, way: &Way, from: u64, mut search: Search, cancel: &CancellationToken) -> Result<(Found, Why), Fault> {
    let mark = search.mark();
    let why = log.walk(way, from, mark, cancel, &mut |event| search.take(&event))?;
    Ok((search.found(), why))
}

/// Finds where a moment lies among segments that are there without a gap, without reading all of them: transactions end in the order of
/// time but for moments, so the segment is found by halving, and what is around it is read.
pub fn moment(
    log: &Log,
    way: &Way,
    segments: std::ops::RangeInclusive<u64>,
    search: impl Fn() -> Search,
    target: Micros,
    cancel: &CancellationToken,
) -> Result<(Found, Why), Fault> {
    let first = *segments.start();
    let (mut low, mut high) = (first, *segments.end() + 1);
    // The first segment from which on every transaction ended after the target; `high` if there is none.
    while low < high {
        let middle = low + (high - low) / 2;
        let mut seen = None;
        log.walk(way, middle, None, cancel, &mut |event| {
            if let What::Ended { at, .. } = event.what {
                seen = Some((at, event.at.0 / log.size().bytes()));
            }
            seen.is_none()
        })?;
        match seen {
            Some((at, number)) if at <= target => low = (number + 1).min(high),
            // Of a gap behind it nothing can be known either.
            Some(_) | None => high = middle,
        }
    }
    let mut back = 2;
    loop {
        let from = high.saturating_sub(back).max(first);
        let (found, why) = follow(log, way, from, search(), cancel)?;
        if found.last.is_some() || from == first {
            return Ok((found, why));
        }
        back *= 4;
    }
}
