//! Point-in-time recovery as data: to what, from what, and what is there to do it with. No input or output.

pub mod findings;
mod history;
pub mod judge;
pub mod moment;
mod path;
pub mod standing;
pub mod typed;

pub use history::{Left, Leg, Way};
pub use path::{Part, segment_size};

use super::diagnosis::Finding;
use super::wal::{Lsn, SegmentSize, Timeline, WalReport};
use super::{Bytes, Stamp};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A moment as PostgreSQL counts it: microseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// The millisecond that it is in.
    pub const fn stamp(self) -> Stamp {
        Stamp(self.0.div_euclid(1000))
    }
}

impl From<Stamp> for Micros {
    fn from(stamp: Stamp) -> Self {
        Self(stamp.0.saturating_mul(1000))
    }
}

/// Where recovery stops.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Where the archive ends.
    #[default]
    Latest,
    /// As soon as the base backup is consistent.
    Immediate,
    /// Before or after the last transaction that ended up to a moment.
    Time(Micros),
    /// At a transaction, by its number.
    Xid(u32),
    /// At a position.
    Lsn(Lsn),
    /// At a restore point, by the name given to `pg_create_restore_point`.
    Name(String),
}

/// Whether what stands at the target itself is still recovered (`recovery_target_inclusive`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// It is.
    #[default]
    Inclusive,
    /// It is not.
    Exclusive,
}

/// Which way recovery takes where timelines branch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimelineChoice {
    /// To the newest timeline that the base backup leads to.
    #[default]
    Latest,
    /// It stays on the base backup's own.
    Current,
    /// To this one.
    Of(Timeline),
}

/// What the server does at the target (`recovery_target_action`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TargetAction {
    /// It waits, open for reading.
    #[default]
    Pause,
    /// It becomes a primary on a new timeline.
    Promote,
    /// It stops.
    Shutdown,
}

/// What a base backup holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BaseKind {
    /// Everything.
    #[default]
    Full,
    /// What has changed since the last full one.
    Differential,
    /// What has changed since the last one of any kind.
    Incremental,
}

/// A base backup as it is listed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseBackup {
    /// The archive.
    pub path: PathBuf,
    /// Its id.
    pub id: String,
    /// The cluster it is of.
    pub system_identifier: String,
    /// The server's version as in `server_version_num`.
    pub version_num: u32,
    /// What it holds.
    pub kind: BaseKind,
    /// The id of the one that it needs.
    pub parent: Option<String>,
    /// The timeline.
    pub timeline: Timeline,
    /// Where replay begins.
    pub start: Lsn,
    /// Where it is consistent.
    pub stop: Lsn,
    /// When it began.
    pub began: Stamp,
    /// When it was consistent: no moment before can be recovered with it.
    pub ended: Stamp,
    /// The size of segments.
    pub segment_size: SegmentSize,
    /// Bytes of the archive.
    pub bytes: Bytes,
    /// Bytes of the data directory and tablespaces that it makes.
    pub plain: Bytes,
    /// Why it cannot be used: its parent is missing, its end cannot be read.
    pub broken: Option<String>,
}

/// Segments that follow one another without a gap on one timeline.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// The timeline.
    pub timeline: Timeline,
    /// Number of the first segment.
    pub first: u64,
    /// Number of the last one.
    pub last: u64,
    /// When the first one was last written.
    pub from: Stamp,
    /// When the last one was last written.
    pub to: Stamp,
    /// Their bytes as stored.
    pub bytes: Bytes,
    /// When each segment was last written and how many bytes it has as stored, where there are few enough to be kept (100,000); else empty.
    /// The first one's stands first.
    #[serde(skip)]
    pub marks: Vec<(Stamp, u64)>,
}

/// What can be recovered, and with what (P1).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecoveryReport {
    /// The archive of the log, with gaps, timelines and archiver.
    pub wal: WalReport,
    /// The base backups, oldest first.
    pub bases: Vec<BaseBackup>,
    /// The stretches of the log, by timeline and number.
    pub stretches: Vec<Stretch>,
    /// The moments that can be recovered: from, to, each without a gap, oldest first. On the newest timeline and those it came from.
    pub windows: Vec<(Stamp, Stamp)>,
    /// When this was looked at.
    pub at: Stamp,
    /// The server's own system identifier, where it was asked and said it; the archive's stands in `wal`.
    #[serde(default)]
    pub server: Option<String>,
    /// Settings of the server that are changed already and hold only after a restart.
    #[serde(default)]
    pub waiting: Vec<String>,
    /// The zone in which moments are said besides UTC (`pitr.timezone`); none: that of this host.
    #[serde(default)]
    pub zone: Option<String>,
    /// What wants attention, with its cure, the worst first ([`findings::findings`]).
    #[serde(default)]
    pub findings: Vec<Finding>,
}
