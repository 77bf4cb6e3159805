//! A base backup as a server sends it: a stream of tar archives, one for each tablespace, and the server's own list of what is in them. Knows no
//! file of ours.

use super::Answer;
use crate::domain::spec::Checkpoint;
use crate::domain::wal::{Lsn, SegmentSize, Timeline};
use bytes::Bytes;

/// What a plan and a backup need to know of the server beforehand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseFacts {
    /// Whether our role may open replication sessions.
    pub may_replicate: bool,
    /// `max_wal_senders`, and how many of them are in use.
    pub senders: (u32, u32),
    /// `wal_level`.
    pub wal_level: String,
    /// `archive_mode`: `off`, `on` or `always`.
    pub archive_mode: String,
    /// `archive_command`; empty where there is none or the role may not read it.
    pub archive_command: String,
    /// `archive_library`.
    pub archive_library: String,
    /// Whether pages carry checksums.
    pub checksums: bool,
    /// Whether the server keeps summaries of its log (`summarize_wal`, 17 and newer).
    pub summaries: bool,
    /// The timeline of its last checkpoint; 0: the role may not know it.
    pub timeline: Timeline,
    /// The size of segments.
    pub segment_size: SegmentSize,
    /// Bytes of a page.
    pub page_size: u32,
    /// The server's time, in milliseconds since 1970 UTC.
    pub now_ms: i64,
    /// Tablespaces apart from `pg_global`, with their bytes where the role may know them; the OID of `pg_default` is 1663, and its size stands
    /// for the data directory's.
    pub tablespaces: Vec<(u32, String, Option<u64>)>,
}

/// How far the server's archiver is (`pg_stat_archiver`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archived {
    /// The file that was archived last.
    pub last: Option<String>,
    /// The one that could not be, where that was after the last success.
    pub failing: Option<String>,
    /// How often archiving has failed.
    pub failures: u64,
    /// The server's time, in milliseconds since 1970 UTC.
    pub now_ms: i64,
}

/// What is asked of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseOrder {
    /// The label.
    pub label: String,
    /// How it makes its checkpoint.
    pub checkpoint: Checkpoint,
    /// Whether the log that the backup needs is sent with it.
    pub wal: WithWal,
    /// The manifest of the backup that this one builds on, for a server that keeps summaries; none: everything is sent.
    pub parent_manifest: Option<Vec<u8>>,
}

/// Whether the log comes with a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WithWal {
    /// It is archived elsewhere.
    #[default]
    Archived,
    /// It is sent with the files.
    Sent,
}

/// How a backup begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BaseStart {
    /// The cluster's system identifier.
    pub system_identifier: String,
    /// Where replay begins.
    pub start: Lsn,
    /// The timeline.
    pub timeline: Timeline,
    /// OID, path and estimated bytes of each tablespace; the data directory has no OID.
    pub tablespaces: Vec<(Option<u32>, String, Option<u64>)>,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BasePiece {
    /// The archive of a tablespace begins; none: that of the data directory.
    Archive(Option<u32>),
    /// The server's list begins.
    Manifest,
    /// Bytes of what has begun.
    Data(Bytes),
    /// Everything was sent.
    End {
        /// Where the backup is consistent.
        stop: Lsn,
        /// The timeline on which it ended.
        timeline: Timeline,
        /// What the server said meanwhile: pages whose checksums are wrong.
        warnings: Vec<String>,
    },
}

/// A session in which a server sends a base backup. Dropped, it ends, and the server's backup with it.
pub trait BaseSource: Send {
    /// Begins; returns when the server has made its checkpoint.
    fn begin<'a>(&'a mut self, order: &'a BaseOrder) -> Answer<'a, BaseStart>;

    /// The next piece. After [`BasePiece::End`] there is none.
    fn next(&mut self) -> Answer<'_, BasePiece>;
}
