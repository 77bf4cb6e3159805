//! What an archive of the binary log holds: the figures behind `binlog stats` and `binlog list`.

use super::{LogName, Place};
use crate::domain::wal::Hour;
use crate::domain::{Bytes, Stamp};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Everything that is known of an archive of the binary log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BinlogReport {
    /// Where it is.
    pub dir: PathBuf,
    /// Whose it is, as its identity file says it: `MySQL 9.7.1, 3e11fa47-…`; none without one.
    pub owner: Option<String>,
    /// The figures.
    pub stats: BinlogStats,
    /// Its files, oldest first.
    pub logs: Vec<Held>,
    /// What is missing between two of them, oldest first.
    pub gaps: Vec<BinlogGap>,
    /// Each hour in which something was archived, oldest first.
    pub hours: Vec<Hour>,
    /// What the server says; none where it was not asked, or did not answer.
    pub upstream: Option<Upstream>,
    /// Room on the archive's file system: free and all, in bytes.
    pub room: Option<(Bytes, Bytes)>,
    /// Bytes by which the archive grows in an hour; none where it does not.
    pub growth: Option<Bytes>,
    /// Milliseconds until that room is used up at this rate.
    pub full_in_ms: Option<u64>,
    /// What could not be found out, one line each.
    pub unknown: Vec<String>,
}

/// The figures of an archive.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BinlogStats {
    /// Whole files.
    pub files: u64,
    /// Their bytes as stored.
    pub bytes: Bytes,
    /// Their bytes as the server has them, where all say so.
    pub plain: Option<Bytes>,
    /// The file in work, and its bytes.
    pub open: Option<(LogName, Bytes)>,
    /// Files that are none of the log.
    pub strangers: u64,
}

impl BinlogStats {
    /// What compression saved, in percent.
    pub fn saved(&self) -> Option<f64> {
        let plain = self.plain?.0;
        (plain > 0).then(|| (1.0 - self.bytes.0 as f64 / plain as f64) * 100.0)
    }
}

/// A binary log in an archive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// Its name on the server.
    pub log: LogName,
    /// The file's name in the folder.
    pub file: String,
    /// Its bytes as stored.
    pub bytes: Bytes,
    /// Its bytes as the server has them; none where the codec does not say.
    pub plain: Option<Bytes>,
    /// Whether it is whole: the one in work is not.
    pub whole: bool,
    /// When its first event was written.
    pub first: Option<Stamp>,
    /// When its last event was written.
    pub last: Stamp,
    /// The transactions before it, in the server's words.
    pub before: Option<String>,
}

/// Files that are missing between two that are there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BinlogGap {
    /// The first missing one.
    pub first: LogName,
    /// The last missing one.
    pub last: LogName,
    /// When the last event before was written.
    pub from: Stamp,
    /// When the first event after was written.
    pub to: Stamp,
}

impl BinlogGap {
    /// Missing files.
    pub const fn count(&self) -> u64 {
        self.last.number() - self.first.number() + 1
    }
}

/// How far the server is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upstream {
    /// Its oldest file.
    pub oldest: Option<LogName>,
    /// Where it writes.
    pub end: Option<Place>,
    /// Bytes that it has and the archive has not; none where files in between are gone.
    pub behind: Option<Bytes>,
}
