//! What a base backup, a recovery from one and a check of the archived log are asked to do.

use super::{Depth, NameTime};
use crate::domain::codec::Compression;
use crate::domain::connection::Connection;
use crate::domain::recovery::{BaseKind, Bound, Target, TargetAction, TimelineChoice};
use crate::domain::wal::SegmentSpan;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Make a base backup of a whole server (B4, B10).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaseSpec {
    /// The server.
    pub connection: Connection,
    /// The folder for the archive; that of the backup that it builds on, where it builds on one.
    pub dir: PathBuf,
    /// What it holds. What it builds on is the newest fitting one in the folder.
    pub kind: BaseKind,
    /// The label in `backup_label`; none: one that says when and by what it was made.
    pub label: Option<String>,
    /// Codec and level.
    pub compression: Compression,
    /// Threads that compress.
    pub jobs: u32,
    /// The most bytes of memory for data in flight.
    pub memory: u64,
    /// What is checked afterwards; none: nothing.
    pub verify: Option<Depth>,
    /// The time in the file name.
    pub name_time: NameTime,
    /// Whether the server makes its checkpoint at once or spread over time.
    pub checkpoint: Checkpoint,
    /// Where the log is archived, to wait until what the backup needs of it is there; none: found from the server's `archive_command`.
    pub wal_dir: Option<PathBuf>,
}

/// How a checkpoint is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Checkpoint {
    /// At once: the backup begins at once, and the server's disks are busy for a moment.
    #[default]
    Fast,
    /// Spread over the server's usual time: minutes may pass before the backup begins.
    Spread,
}

/// Make a data directory as it was at a moment (P3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecoverSpec {
    /// The base backup; none: the newest in `dir` that leads to the target.
    pub base: Option<PathBuf>,
    /// Where base backups lie.
    pub dir: PathBuf,
    /// Where the log is archived; none: only what the backup itself holds is replayed.
    pub wal_dir: Option<PathBuf>,
    /// The new data directory: not there yet, or empty.
    pub target_dir: PathBuf,
    /// Where recovery stops.
    pub target: Target,
    /// Whether what stands at the target is recovered.
    pub bound: Bound,
    /// Which way it takes where timelines branch.
    pub timeline: TimelineChoice,
    /// What the server does at the target.
    pub action: TargetAction,
    /// Other folders for tablespaces: from, to.
    pub map_tablespaces: Vec<(PathBuf, PathBuf)>,
    /// The folder with the server's programs; none: found by the backup's version.
    pub bin_dir: Option<PathBuf>,
    /// Whether the server is started and its replay watched.
    pub start: Start,
    /// The port on which it is started.
    pub port: Option<u16>,
    /// Threads that unpack.
    pub jobs: u32,
}

/// Whether a recovered server is started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Somebody else does that.
    #[default]
    No,
    /// It is started, its replay is watched and where it stopped is said.
    Yes,
}

/// Read the archive of the log: whether each file is what its name says, and none is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckLogSpec {
    /// Where the log is archived.
    pub wal_dir: PathBuf,
    /// Where base backups lie: a new one is the cure for what cannot be brought back.
    pub dir: PathBuf,
    /// What of it is read; empty: everything.
    #[serde(default)]
    pub segments: Vec<SegmentSpan>,
    /// Threads.
    pub jobs: u32,
}
