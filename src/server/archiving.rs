//! What a server says of the archiving of its log.

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
