//! What a recovery of MySQL and MariaDB to a moment is asked to do.

use super::restore::{Binlog, RestoreSpec};
use crate::domain::binlog::{Halt, Place};
use crate::domain::connection::Connection;
use crate::domain::recovery::Bound;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Restore a backup and replay the binary log from it to a target (P4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplaySpec {
    /// The server that is restored to and replayed on.
    pub connection: Connection,
    /// What the replay begins with.
    pub base: ReplayBase,
    /// The archive of the binary log.
    pub binlog_dir: PathBuf,
    /// Where it stops.
    pub target: Halt,
    /// Whether what stands at the target is replayed.
    pub bound: Bound,
    /// The one database whose changes are replayed; none: all.
    pub database: Option<String>,
    /// The name that it has on the target; none: its own.
    pub rename: Option<String>,
    /// Whether the replay is written into the target's own binary log.
    pub binlog: Binlog,
}

/// What a replay begins with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant, reason = "a program holds a handful of these")]
pub enum ReplayBase {
    /// Databases that are there, as they were at a place of the log.
    There(Place),
    /// A backup, which is restored first.
    Backup {
        /// Which one; none: the newest in the folder that leads to the target.
        archive: Option<PathBuf>,
        /// The folder of backups.
        dir: PathBuf,
        /// How it is restored. Archive and scope are filled in when the backup has been chosen.
        restore: RestoreSpec,
    },
}

impl ReplaySpec {
    /// The name on the target of the one database that is replayed.
    pub fn renamed(&self) -> Option<&str> {
        self.rename.as_deref().filter(|new| Some(*new) != self.database.as_deref())
    }
}
