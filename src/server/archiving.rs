//! What a server says of the archiving of its log, and what of it can be changed.

use crate::domain::wal::{ArchiverState, SegmentSize, SlotHold};
use std::path::PathBuf;

/// What a server says of the archiving of its log. No `Debug`: a command may hold secrets.
#[derive(Clone, Default)]
pub struct Archiving {
    /// How its archiver is.
    pub state: ArchiverState,
    /// Its `archive_command` as it is set, even where nothing is archived.
    pub command: String,
    /// Settings that are changed already and hold only after a restart.
    pub waiting: Vec<String>,
    /// Replication slots with what they hold, the most first.
    pub slots: Vec<SlotHold>,
    /// The cluster's system identifier; none where this role may not ask.
    pub system_identifier: Option<String>,
    /// The size of its segments.
    pub segment_size: Option<SegmentSize>,
    /// Its data directory; none where this role may not ask.
    pub data_directory: Option<PathBuf>,
    /// Its version as in `server_version_num`.
    pub version_num: u32,
    /// What could not be found out, one line each.
    pub unknown: Vec<String>,
}

/// A setting about archiving that can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchivingSetting {
    /// `wal_level`.
    WalLevel,
    /// `archive_mode`.
    Mode,
    /// `archive_command`.
    Command,
    /// `archive_timeout`.
    Timeout,
}

impl ArchivingSetting {
    /// Its name on the server.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WalLevel => "wal_level",
            Self::Mode => "archive_mode",
            Self::Command => "archive_command",
            Self::Timeout => "archive_timeout",
        }
    }

    /// Whether it holds only after a restart (PostgreSQL, `guc_tables.c`: `PGC_POSTMASTER`).
    pub const fn needs_restart(self) -> bool {
        matches!(self, Self::WalLevel | Self::Mode)
    }
}
