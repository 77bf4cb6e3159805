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
    /// When it was committed: in microseconds on MySQL, in seconds on MariaDB.
    pub committed: Micros,
    /// Its identity; none where the server gives none.
    pub gtid: Option<Gtid>,
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
    /// Definitions that are left out although they name a database that is replayed.
    pub crossing: Vec<String>,
}

impl Halt {
    /// Whether a transaction is beyond the target, so that the replay stops before it. One that is named itself is judged by the caller,
    /// who knows whether it has been passed.
    pub fn is_before(&self, one: &Passed, bound: Bound) -> bool {
        match (self, bound) {
            (Halt::Latest, _) => false,
            (Halt::Time(moment), Bound::Inclusive) => one.committed > *moment,
            (Halt::Time(moment), Bound::Exclusive) => one.committed >= *moment,
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
