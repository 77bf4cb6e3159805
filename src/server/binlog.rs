//! A server's binary log, as a replica sees it.

use super::Answer;
use crate::domain::Product;
use crate::domain::binlog::LogName;

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
