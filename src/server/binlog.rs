//! A server's binary log, as a replica sees it.

use super::{Answer, Cancel};
use crate::domain::Product;
use crate::domain::binlog::{LogName, Place};
use crate::domain::spec::Binlog;
use futures_util::future::BoxFuture;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Whose a log is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogOwner {
    /// The product.
    pub product: Product,
    /// Its version, in its own words.
    pub version: String,
    /// `server_id`.
    pub server: u32,
    /// `server_uuid`; none where the product has no such thing (MariaDB).
    pub uuid: Option<String>,
}

/// What a server has of its log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binlogs {
    /// Whose it is.
    pub owner: LogOwner,
    /// Its files, oldest first, with their bytes.
    pub logs: Vec<(LogName, u64)>,
}

/// When a source ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// Where the log ends now.
    Once,
    /// Never: it waits for what is written.
    Ever,
}

/// What a source gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// An event, all its bytes.
    Event(Vec<u8>),
    /// The log ends here.
    End,
}

/// A session in which a server sends its log as a replica gets it, event by event.
pub trait BinlogSource: Send {
    /// The next one. Waits no longer than a live server keeps silent. Nothing is lost when it is dropped while it waits.
    fn next(&mut self) -> Answer<'_, Sent>;
}

/// How a log is replayed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplaySettings {
    /// The one database whose changes are made; none: all.
    pub only: Option<String>,
    /// The name that it has here.
    pub rename: Option<String>,
    /// Whether the replay is written into this server's own log.
    pub binlog: Binlog,
}

/// What of a server decides over a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayLimits {
    /// The product.
    pub product: Product,
    /// The largest statement, in bytes.
    pub packet: u64,
    /// Whether it runs events by itself.
    pub schedules: bool,
}

/// A session that makes the changes of a binary log. Events come in their order, whole transactions only.
pub trait Replayer: Send {
    /// Takes an event, all its bytes, and where it stands.
    fn take<'a>(&'a mut self, at: &'a Place, event: &'a [u8]) -> Answer<'a, ()>;

    /// The transactions that are prepared on the server, and neither committed nor rolled back: the words that name each in a statement.
    fn prepared(&mut self) -> Answer<'_, BTreeSet<String>>;

    /// Ends the statement at work, from outside.
    fn canceller(&self) -> Arc<dyn Cancel>;

    /// Closes the session in good order. What was begun and not committed is undone by the server.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}
