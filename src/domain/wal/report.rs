//! What an archive of the log holds, and how the server gets on with it: the figures behind `wal stats`, `wal list` and the screens.

use super::{Lsn, SegmentSize, Timeline};
use crate::domain::{Bytes, Stamp};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Everything that is known of an archive of the log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WalReport {
    /// Where it is, and how that was found out.
    pub source: Source,
    /// The cluster whose log it is, from a segment's header; none where none can be read.
    pub system_identifier: Option<String>,
    /// The figures.
    pub stats: WalStats,
    /// Each hour in which something was archived, oldest first; at most the last 24 × 31.
    pub hours: Vec<Hour>,
    /// What is missing between the first and the last segment of each timeline, oldest first.
    pub gaps: Vec<Gap>,
    /// Its timelines, by number.
    pub timelines: Vec<TimelineSummary>,
    /// How the server's archiver is; none where no server was asked, or it did not answer.
    pub archiver: Option<ArchiverState>,
    /// Replication slots that hold the log on the server, the most first.
    pub slots: Vec<SlotHold>,
    /// Room on the archive's file system: free and all, in bytes; none where it cannot be asked.
    pub room: Option<(Bytes, Bytes)>,
    /// Bytes by which the archive has grown in an hour, over the last seven days (or as long as it has been there); none where it has not.
    pub growth: Option<Bytes>,
    /// When that room is used up at the rate of the last days, in milliseconds from now; none where it does not shrink.
    pub full_in_ms: Option<u64>,
    /// What could not be found out, one line each.
    pub unknown: Vec<String>,
}

/// What an `archive_command` runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CommandKind {
    /// Nothing is archived: empty, or a command that does nothing (`true`, `:`).
    #[default]
    Nothing,
    /// This program.
    Dbbackup,
    /// `cp`, `rsync`, `install` and the like into a folder.
    Copy,
    /// pgBackRest.
    PgBackRest,
    /// WAL-G.
    WalG,
    /// Barman.
    Barman,
    /// Something else.
    Other,
}

/// Where an archive is, and how that was found out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The folder; none where only the server's words are known.
    pub dir: Option<PathBuf>,
    /// The server's `archive_command`, with secrets removed; none where no server was asked.
    pub command: Option<String>,
    /// What it runs.
    pub kind: CommandKind,
}

/// The figures of an archive (W3).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WalStats {
    /// Files of the log: segments, unfinished ones, backup labels, histories.
    pub files: u64,
    /// Of these, whole segments.
    pub segments: u64,
    /// Unfinished segments.
    pub partials: u64,
    /// Labels of base backups.
    pub labels: u64,
    /// Timeline histories.
    pub histories: u64,
    /// Files that are no files of the log.
    pub strangers: u64,
    /// Bytes of all files of the log.
    pub bytes: Bytes,
    /// Compressed files, and their bytes.
    pub compressed: (u64, Bytes),
    /// Encrypted files.
    pub encrypted: u64,
    /// The size of a segment, from the header of one or from the server; none where neither can be read.
    pub segment_size: Option<SegmentSize>,
    /// The oldest segment and the time of its last change.
    pub oldest: Option<(String, Stamp)>,
    /// The newest one.
    pub newest: Option<(String, Stamp)>,
}

impl WalStats {
    /// Mean bytes of a segment as it is stored.
    pub fn average(&self) -> Bytes {
        Bytes(self.bytes.0.checked_div(self.files).unwrap_or(0))
    }

    /// What compression saved of the compressed files, in percent; none where nothing is compressed or the size of segments is not known.
    pub fn saved(&self) -> Option<f64> {
        let (files, bytes) = self.compressed;
        let whole = files.checked_mul(self.segment_size?.bytes()).filter(|whole| *whole > 0)?;
        Some((1.0 - bytes.0 as f64 / whole as f64) * 100.0)
    }

    /// Milliseconds between the oldest and the newest segment.
    pub fn span_ms(&self) -> u64 {
        match (&self.oldest, &self.newest) {
            (Some((_, from)), Some((_, to))) => to.since(*from),
            _ => 0,
        }
    }
}

/// What was archived in an hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hour {
    /// Its beginning, UTC.
    pub start: Stamp,
    /// Segments.
    pub segments: u64,
    /// Their bytes as stored.
    pub bytes: Bytes,
}

/// Segments that are missing between two that are there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The timeline.
    pub timeline: Timeline,
    /// Number of the first missing segment.
    pub first: u64,
    /// Number of the last missing one.
    pub last: u64,
    /// The name of the first missing one.
    pub name: String,
    /// When the segment before was last written.
    pub from: Stamp,
    /// When the segment after was last written.
    pub to: Stamp,
}

impl Gap {
    /// Missing segments.
    pub const fn count(&self) -> u64 {
        self.last - self.first + 1
    }
}

/// One timeline of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimelineSummary {
    /// Which.
    pub timeline: Timeline,
    /// From which it branched off, and where; none for the first, and where its history is missing.
    pub parent: Option<(Timeline, Lsn)>,
    /// Why it branched off, in the server's words.
    pub reason: String,
    /// Segments.
    pub segments: u64,
    /// Their bytes as stored.
    pub bytes: Bytes,
    /// The first segment's position, and the end of the last one.
    pub range: Option<(Lsn, Lsn)>,
    /// Times of the first and the last segment.
    pub times: Option<(Stamp, Stamp)>,
}

/// What the server says of its archiver (`pg_stat_archiver` and settings).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiverState {
    /// `wal_level`.
    pub wal_level: String,
    /// `archive_mode`.
    pub archive_mode: String,
    /// `archive_library`, where there is one (15+).
    pub archive_library: String,
    /// Seconds after which an unfinished segment is closed (`archive_timeout`); 0: never.
    pub archive_timeout: u64,
    /// Segments archived since the statistics began.
    pub archived: u64,
    /// The last one, and when.
    pub last: Option<(String, Stamp)>,
    /// Failures since the statistics began.
    pub failed: u64,
    /// The last one that failed, and when.
    pub last_failed: Option<(String, Stamp)>,
    /// Segments that wait for being archived; none where we may not look.
    pub ready: Option<u64>,
    /// Where the server writes now, and on which timeline.
    pub now: Option<(Timeline, Lsn)>,
    /// The server's clock.
    pub clock: Stamp,
    /// Whether it is a standby.
    pub in_recovery: bool,
}

impl ArchiverState {
    /// Whether the last try failed.
    pub fn is_failing(&self) -> bool {
        match (&self.last, &self.last_failed) {
            (Some((_, good)), Some((_, bad))) => bad > good,
            (None, Some(_)) => true,
            _ => false,
        }
    }
}

/// A replication slot that keeps the log from being recycled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotHold {
    /// Its name.
    pub name: String,
    /// Whether somebody reads it now.
    pub active: bool,
    /// Bytes of log that it holds.
    pub held: Bytes,
}
