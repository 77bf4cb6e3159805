//! Where transactions begin and end in a file.

use super::event::{Begin, Body, Header};
use super::query::Query;
use crate::domain::binlog::{Clock, Gtid};
use crate::domain::recovery::Micros;

/// Where an event stands in the transactions of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Between transactions: the file's format, its end.
    Outside,
    /// The first event of one.
    First,
    /// A further one.
    Within,
    /// The last one.
    Last,
    /// It is one by itself.
    Whole,
}

/// A transaction as far as it has been seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Where it begins.
    pub at: u64,
    /// Its identity.
    pub gtid: Option<Gtid>,
    /// When it was committed.
    pub committed: Micros,
    /// How exactly that is known.
    pub clock: Clock,
    /// Whether the next statement is all of it.
    alone: Option<bool>,
    /// Whether BEGIN was seen.
    begun: bool,
}

/// Follows the events of a file.
#[derive(Debug, Default)]
pub struct Tracker {
    open: Option<Open>,
}

impl Tracker {
    /// Takes the next event; says where it stands. The transaction that it is of is [`Tracker::current`], until the next event is taken.
    pub fn take(&mut self, at: u64, header: &Header, body: &Body<'_>, ended: &mut Option<Open>) -> Step {
        *ended = None;
        let started = self.open.is_none();
        match body {
            Body::Gtid(begin) => {
                self.open = Some(Open::new(at, header, Some(begin)));
                return Step::First;
            }
            Body::Format | Body::Before(_) | Body::Rotate(..) | Body::Stop | Body::Incident(_) | Body::Encrypted => {
                return if started { Step::Outside } else { Step::Within };
            }
            // MariaDB's BINLOG_CHECKPOINT and the like.
            Body::Other if started => return Step::Outside,
            _ => {}
        }
        let open = self.open.get_or_insert_with(|| Open::new(at, header, None));
        let ends = match body {
            Body::Xid | Body::XaPrepare { .. } | Body::Payload => true,
            Body::Query(query) => open.statement(query),
            _ => false,
        };
        match (started, ends) {
            (_, true) => {
                *ended = self.open.take();
                if started { Step::Whole } else { Step::Last }
            }
            (true, false) => Step::First,
            (false, false) => Step::Within,
        }
    }

    /// The transaction that is not over.
    pub const fn current(&self) -> Option<&Open> {
        self.open.as_ref()
    }
}

impl Open {
    fn new(at: u64, header: &Header, begin: Option<&Begin>) -> Self {
        let seconds = Micros(i64::from(header.timestamp) * 1_000_000);
        Self {
            at,
            gtid: begin.and_then(|begin| begin.gtid.clone()),
            committed: begin.and_then(|begin| begin.committed).unwrap_or(seconds),
            clock: if begin.is_some_and(|begin| begin.committed.is_some()) { Clock::Micros } else { Clock::Seconds },
            alone: begin.and_then(|begin| begin.alone),
            begun: false,
        }
    }

    /// Takes a statement; says whether the transaction ends with it.
    fn statement(&mut self, query: &Query<'_>) -> bool {
        if !self.begun && (query.is("BEGIN") || query.begins("XA START")) {
            self.begun = true;
            return false;
        }
        // MariaDB writes no BEGIN: the event before says it.
        if self.begun || self.alone == Some(false) {
            return query.is("COMMIT") || query.is("ROLLBACK") || query.begins("XA ROLLBACK") || query.begins("XA COMMIT");
        }
        true
    }
}
