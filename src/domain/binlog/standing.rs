//! What can be recovered from the log of MySQL and MariaDB: its archive, and the backups from which it leads on.

use super::{BinlogReport, Place};
use crate::domain::Stamp;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The archive of a server's log, and its backups.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogStanding {
    /// The archive.
    pub report: BinlogReport,
    /// The backups that say where in the log they stand, oldest first.
    pub backups: Vec<LogBackup>,
}

/// A backup, as the log sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogBackup {
    /// The archive.
    pub path: PathBuf,
    /// Its databases.
    pub databases: Vec<String>,
    /// Whose databases they are.
    pub scope: LogScope,
    /// The moment that it shows.
    pub taken: Stamp,
    /// Where the log goes on from it.
    pub place: Place,
    /// How far the log leads from it.
    pub leads: Leads,
}

/// Whose databases a backup has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogScope {
    /// The whole server's.
    Server,
    /// Some of them.
    Single,
}

/// How far the log leads from a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Leads {
    /// To the end of the archive.
    ToEnd,
    /// To the last event before a gap.
    UpTo(Stamp),
    /// Nowhere: the file in which it stands is not archived.
    Nowhere,
}

impl LogStanding {
    /// The newest backup from which the log leads to a moment (none: to the end of the archive).
    pub fn newest(&self, at: Option<Stamp>) -> Option<&LogBackup> {
        self.backups.iter().rfind(|backup| {
            let reaches = match (backup.leads, at) {
                (Leads::ToEnd, _) => true,
                (Leads::UpTo(end), Some(at)) => at < end,
                (Leads::UpTo(_), None) | (Leads::Nowhere, _) => false,
            };
            reaches && at.is_none_or(|at| backup.taken <= at)
        })
    }
}
