//! Where a replay stops, and what is known of it.

use super::{Gtid, Place};
use crate::domain::recovery::{Bound, Micros};
use serde::{Deserialize, Serialize};

/// Where a replay stops. Always between two transactions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Halt {
    /// Where the archive ends.
    #[default]
    Latest,
    /// Before the first transaction that was committed after a moment (or, exclusive, at it).
    Time(Micros),
    /// At a transaction.
    Gtid(Gtid),
    /// At a place: whatever ends there or before it is replayed.
    Position(Place),
}

/// A transaction, or a statement that is one by itself, that a replay passes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// Where it begins.
    pub at: Place,
    /// Where what follows it begins.
    pub end: u64,
    /// When it was committed, as far as the log says it.
    pub committed: Micros,
    /// How exactly the log says it.
    #[serde(default)]
    pub clock: Clock,
    /// Its identity; none where the server gives none.
    pub gtid: Option<Gtid>,
}

/// How exactly a log says when a transaction was committed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// To the microsecond (MySQL 8 and newer).
    #[default]
    Micros,
    /// The second alone (MariaDB): it was committed within that second.
    Seconds,
}

impl Passed {
    /// The last moment at which it can have been committed.
    pub const fn latest(&self) -> Micros {
        match self.clock {
            Clock::Micros => self.committed,
            Clock::Seconds => Micros(self.committed.0.saturating_add(999_999)),
        }
    }
}

/// Where a replay ends and what lies on both sides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayEnd {
    /// The last transaction that is replayed; none where none is.
    pub last: Option<Passed>,
    /// The first one that is not; none where the archive has no further one.
    pub next: Option<Passed>,
}

/// What the archive holds between the beginning and the target of a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayFacts {
    /// The border at which it stops.
    pub end: ReplayEnd,
    /// Transactions.
    pub transactions: u64,
    /// Bytes of events.
    pub bytes: u64,
    /// Files that are read.
    pub logs: u64,
    /// Changes that are logged as statements, not as rows, in these transactions.
    pub statements: u64,
    /// The first of them, for a person to look at.
    pub statement: Option<String>,
    /// The time of the last event that was read, of any kind: the log reaches so far.
    pub reached: Option<Micros>,
    /// The bytes of the largest event.
    pub largest: u64,
    /// The first statement that makes or changes an event, of those that are run at times.
    pub event: Option<String>,
    /// Databases that the log makes.
    pub makes: Vec<String>,
    /// Databases that the log changes, and that neither the backup has nor the log makes before.
    pub strange: Vec<String>,
}

impl Halt {
    /// Whether a transaction is beyond the target, so that the replay stops before it. One that is named itself is judged by the caller,
    /// who knows whether it has been passed.
    pub fn is_before(&self, one: &Passed, bound: Bound) -> bool {
        match (self, bound) {
            (Halt::Latest, _) => false,
            // Of a second alone, all of it has to lie before the moment: nothing after it may come back.
            (Halt::Time(moment), Bound::Inclusive) => one.latest() > *moment,
            (Halt::Time(moment), Bound::Exclusive) => one.latest() >= *moment,
            (Halt::Gtid(gtid), bound) => bound == Bound::Exclusive && one.gtid.as_ref() == Some(gtid),
            // The position is where an event begins: what begins there comes after it.
            (Halt::Position(place), Bound::Inclusive) => (&one.at.log, one.end) > (&place.log, place.offset),
            (Halt::Position(place), Bound::Exclusive) => (&one.at.log, one.end) >= (&place.log, place.offset),
        }
    }

    /// Whether the replay stops behind a transaction.
    pub fn is_at(&self, one: &Passed) -> bool {
        matches!(self, Halt::Gtid(gtid) if one.gtid.as_ref() == Some(gtid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(committed: i64, clock: Clock) -> Passed {
        Passed { at: "b.000001:4".parse().expect("a place"), end: 90, committed: Micros(committed), clock, gtid: None }
    }

    #[test]
    fn nothing_that_may_have_been_committed_later_is_replayed() {
        let halt = Halt::Time(Micros(5_000_000));
        let is_before = |committed, clock, bound| halt.is_before(&at(committed, clock), bound);
        assert!(!is_before(5_000_000, Clock::Micros, Bound::Inclusive) && is_before(5_000_001, Clock::Micros, Bound::Inclusive));
        assert!(is_before(5_000_000, Clock::Micros, Bound::Exclusive) && !is_before(4_999_999, Clock::Micros, Bound::Exclusive));
        // The second 4 is over at the moment, the second 5 is not.
        assert!(!is_before(4_000_000, Clock::Seconds, Bound::Inclusive) && is_before(5_000_000, Clock::Seconds, Bound::Inclusive));
        let halt = Halt::Time(Micros(5_900_000));
        assert!(halt.is_before(&at(5_000_000, Clock::Seconds), Bound::Inclusive), "it may have been committed at 5.95");
        let place = |end: u64| Halt::Position(Place { log: "b.000001".parse().expect("a name"), offset: end });
        assert!(
            !place(90).is_before(&at(0, Clock::Micros), Bound::Inclusive) && place(89).is_before(&at(0, Clock::Micros), Bound::Inclusive)
        );
        assert!(place(90).is_before(&at(0, Clock::Micros), Bound::Exclusive));
    }
}
