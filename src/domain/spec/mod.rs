//! What someone wants done: plain data, serialisable, the same from a screen and from a command line.

mod physical;
mod replay;
mod restore;

use super::codec::Compression;
use super::connection::Connection;
pub use physical::{BaseSpec, CheckLogSpec, Checkpoint, RecoverSpec, Start};
pub use replay::{ReplayBase, ReplaySpec};
pub use restore::{Binlog, Care, Enough, Journal, OnFailure, Rehearse, RestoreScope, RestoreSpec, Retries, Selection, What};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "job", rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant, reason = "a program holds a handful of these, and every reader would have to look into a box")]
pub enum JobSpec {
    /// Make a backup.
    Backup(BackupSpec),
    /// Restore from one.
    Restore(RestoreSpec),
    /// Check archives.
    Verify(VerifySpec),
    /// Make a base backup of a whole server.
    Base(BaseSpec),
    /// Make a data directory from one, as it was at a moment.
    Recover(RecoverSpec),
    /// Restore a backup and replay the binary log from it to a moment.
    Replay(ReplaySpec),
    /// Read the archive of the log.
    CheckLog(CheckLogSpec),
}

impl JobSpec {
    /// The folder of the backups that it is about: reports lie beside them.
    pub fn folder(&self) -> PathBuf {
        let archive = match self {
            JobSpec::Backup(backup) => return backup.dir.clone(),
            JobSpec::Restore(restore) => Some(&restore.archive),
            JobSpec::Verify(verify) => verify.archives.first(),
            JobSpec::Base(base) => return base.dir.clone(),
            JobSpec::Recover(recover) => return recover.dir.clone(),
            JobSpec::Replay(replay) => match &replay.base {
                ReplayBase::Backup { dir, .. } => return dir.clone(),
                ReplayBase::There(_) => return replay.binlog_dir.clone(),
            },
            JobSpec::CheckLog(check) => return check.dir.clone(),
        };
        let folder = archive.and_then(|archive| archive.parent()).filter(|folder| !folder.as_os_str().is_empty());
        folder.map_or_else(|| PathBuf::from("."), Path::to_path_buf)
    }

    /// The server that it works on; none where it needs none.
    pub fn connection(&self) -> Option<&Connection> {
        match self {
            JobSpec::Backup(backup) => Some(&backup.connection),
            JobSpec::Restore(restore) => Some(&restore.connection),
            JobSpec::Verify(verify) => verify.restore_test.as_ref().map(|test| &test.connection),
            JobSpec::Base(base) => Some(&base.connection),
            JobSpec::Replay(replay) => Some(&replay.connection),
            JobSpec::Recover(_) | JobSpec::CheckLog(_) => None,
        }
    }

    /// "Backup", "Restore", "Verification", "Restore test", "Base backup" or "Recovery", for headlines.
    pub const fn noun(&self) -> &'static str {
        match self {
            JobSpec::Backup(_) => "Backup",
            JobSpec::Restore(_) => "Restore",
            JobSpec::Verify(verify) if verify.restore_test.is_some() => "Restore test",
            JobSpec::Verify(_) | JobSpec::CheckLog(_) => "Verification",
            JobSpec::Base(_) => "Base backup",
            JobSpec::Recover(_) | JobSpec::Replay(_) => "Recovery",
        }
    }
}

/// How hard the machine is worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effort {
    /// Connections that read or load at the same time; compression has as many threads.
    pub jobs: u32,
    /// The most memory for rows in flight, in bytes, whatever their size, apart from one row for each reader.
    pub memory: u64,
    /// The size of a chunk before compression, in bytes.
    pub chunk_size: u64,
}

impl Effort {
    /// The defaults for a machine: as many jobs as processors (2 to 16), the smaller of 512 MB and a quarter of RAM, chunks of 2 MiB
    /// or less where the budget would not hold two for each job.
    pub fn for_host(processors: u32, memory: u64) -> Self {
        let jobs = processors.clamp(2, 16);
        let memory = (memory / 4).clamp(64 << 20, 512_000_000);
        Self { jobs, memory, chunk_size: Self::chunk_for(jobs, memory) }
    }

    /// The chunk size that suits a number of jobs and a memory budget: 1 to 2 MiB. Larger ones compress no better (zstd looks back 2 MiB
    /// at its default level), take more memory, and go round by way of main memory instead of the processor's caches.
    pub fn chunk_for(jobs: u32, memory: u64) -> u64 {
        (memory / (u64::from(jobs.max(1)) * 6)).clamp(1 << 20, 2 << 20)
    }
}

/// What is checked after a backup (V1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerifyMode {
    /// Full after a single backup, quick after a cluster backup.
    #[default]
    Auto,
    /// Structure, table of contents, sizes.
    Quick,
    /// SHA-256 of the file and of every frame, everything decoded.
    Full,
    /// Nothing.
    Off,
}

/// The time in a file name (B8).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameTime {
    /// `20260130_143000_EST`, local.
    #[default]
    Local,
    /// `20260130_193000_UTC`.
    Utc,
    /// A strftime pattern.
    Pattern(String),
}

/// What a backup covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Some databases, one archive each.
    Single {
        /// Their names.
        databases: Vec<String>,
    },
    /// Every database and the globals in one archive.
    Cluster {
        /// Globs; empty: all.
        include: Vec<String>,
        /// Globs.
        exclude: Vec<String>,
        /// Databases worked on at the same time.
        parallel: u32,
    },
}

/// Make a backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BackupSpec {
    /// The server.
    pub connection: Connection,
    /// What to cover.
    pub scope: Scope,
    /// The folder for the archive.
    pub dir: PathBuf,
    /// Codec and level.
    pub compression: Compression,
    /// How hard to work.
    pub effort: Effort,
    /// What to check afterwards.
    pub verify: VerifyMode,
    /// The time in the file name.
    pub name_time: NameTime,
}

/// How deep [`VerifySpec`] looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// Structure, table of contents, sizes.
    #[default]
    Quick,
    /// Every byte.
    Full,
}

/// Check archives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifySpec {
    /// The files.
    pub archives: Vec<PathBuf>,
    /// How deep.
    pub depth: Depth,
    /// Threads.
    pub jobs: u32,
    /// Restore them for a trial instead.
    #[serde(default)]
    pub restore_test: Option<Box<RestoreTest>>,
}

impl VerifySpec {
    /// "quick", "full" or "restore-test".
    pub const fn word(&self) -> &'static str {
        match (&self.restore_test, self.depth) {
            (Some(_), _) => "restore-test",
            (None, Depth::Quick) => "quick",
            (None, Depth::Full) => "full",
        }
    }
}

/// Restore the archives into throw-away databases and compare these with the fingerprints. Without an archive: only clear away what killed
/// tests have left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreTest {
    /// The server on which the databases are made.
    pub connection: Connection,
    /// Which databases of an archive.
    pub sample: Sample,
    /// How hard to work.
    pub effort: Effort,
}

/// Which databases of an archive a restore test restores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sample {
    /// A small, a medium and a large one, by the size of their rows.
    #[default]
    Three,
    /// Every one.
    All,
}
