//! What someone wants done: plain data, serialisable, the same from a screen and from a command line.

use super::codec::Compression;
use super::connection::Connection;
use super::schema::TableName;
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
}

impl JobSpec {
    /// The folder of the backups that it is about: reports lie beside them.
    pub fn folder(&self) -> PathBuf {
        let archive = match self {
            JobSpec::Backup(backup) => return backup.dir.clone(),
            JobSpec::Restore(restore) => Some(&restore.archive),
            JobSpec::Verify(verify) => verify.archives.first(),
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
        }
    }

    /// "Backup", "Restore", "Verification" or "Restore test", for headlines.
    pub const fn noun(&self) -> &'static str {
        match self {
            JobSpec::Backup(_) => "Backup",
            JobSpec::Restore(_) => "Restore",
            JobSpec::Verify(verify) if verify.restore_test.is_some() => "Restore test",
            JobSpec::Verify(_) => "Verification",
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

/// Which parts of a database are restored (R3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Which of definitions and rows.
    pub what: What,
    /// Globs over `schema.table` or `schema`; empty: everything.
    pub include: Vec<String>,
    /// Globs.
    pub exclude: Vec<String>,
    /// One table under another name.
    pub rename: Option<(TableName, TableName)>,
}

impl Selection {
    /// Whether the whole database is meant.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
}

/// Definitions, rows, or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Both.
    #[default]
    All,
    /// Definitions only.
    SchemaOnly,
    /// Rows and sequence values only, into tables that exist.
    DataOnly,
}

/// What is restored to where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RestoreScope {
    /// One database.
    Single {
        /// Which one of a cluster archive; none where the archive holds one.
        database: Option<String>,
        /// The name it gets.
        target: String,
        /// Which parts.
        selection: Selection,
    },
    /// Every database under its own name, globals first.
    Cluster {
        /// Globs; empty: all.
        include: Vec<String>,
        /// Globs.
        exclude: Vec<String>,
        /// Databases worked on at the same time.
        parallel: u32,
    },
}

/// Restore from an archive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestoreSpec {
    /// The server.
    pub connection: Connection,
    /// The archive.
    pub archive: PathBuf,
    /// What goes where.
    pub scope: RestoreScope,
    /// Make the target database (it must not exist, or be empty).
    pub create: bool,
    /// Drop the target first when it is there. Destructive.
    pub clean: bool,
    /// Leave owners out.
    pub no_owner: bool,
    /// Leave GRANTs out.
    pub no_acl: bool,
    /// Leave tablespaces out.
    pub no_tablespaces: bool,
    /// Roles that get other names: (in the archive, on the target).
    pub map_roles: Vec<(String, String)>,
    /// How hard to work.
    pub effort: Effort,
    /// Compare everything with the fingerprints afterwards.
    pub prove: bool,
    /// Store long values with this compression (`pglz` or `lz4`) instead of the server's default.
    pub toast_compression: Option<String>,
    /// Go on with other databases and objects after a failure.
    pub continue_on_error: bool,
    /// What is done about bad luck.
    #[serde(default)]
    pub care: Care,
}

/// What a restore does about bad luck: what is checked before it starts, and what happens when something fails.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Care {
    /// How much of the archive is checked before anything is touched.
    pub verify_first: Depth,
    /// Whether the definitions are tried out before anything is touched.
    pub rehearse: Rehearse,
    /// Go on although a check failed whose failure a person may decide to live with.
    pub force: bool,
    /// What becomes of a database that failed.
    pub on_failure: OnFailure,
    /// How much of a cluster has to come back.
    pub enough: Enough,
    /// How often something is tried again that may pass.
    pub retries: Retries,
    /// The manifest of an interrupted restore that is gone on with (R7).
    pub resume: Option<PathBuf>,
    /// Whether a record is kept from which the restore can be gone on with.
    pub journal: Journal,
    /// The folder in which what is temporary gets a folder of its own. None: the host's own for such things.
    pub workdir: Option<PathBuf>,
    /// Leave the folder of what is temporary for a look.
    pub keep_temp: bool,
}

/// How often something is tried again that may pass: a lost connection, a lock that was not granted, a full disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Retries(pub u32);

impl Default for Retries {
    fn default() -> Self {
        Retries(2)
    }
}

/// Whether a restore keeps a record of what it has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Journal {
    /// In the target, and in a manifest beside the archive.
    #[default]
    Kept,
    /// None: for a target that is thrown away in any case.
    Off,
}

/// Whether definitions are tried out in a scratch database before the restore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rehearse {
    /// Where it takes seconds.
    #[default]
    Auto,
    /// Whatever it takes.
    On,
    /// Never.
    Off,
}

/// What becomes of a database that failed (R9). Only what the run itself made is dropped or renamed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailure {
    /// It stays as it is.
    #[default]
    Keep,
    /// It is dropped.
    Drop,
    /// It is renamed to `<name>_failed_<time>`.
    Rename,
}

impl OnFailure {
    /// All, in the order in which they are offered.
    pub const ALL: [OnFailure; 3] = [OnFailure::Keep, OnFailure::Drop, OnFailure::Rename];

    /// Its word on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            OnFailure::Keep => "keep",
            OnFailure::Drop => "drop",
            OnFailure::Rename => "rename",
        }
    }

    /// Reads the word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }
}

/// How much of a cluster has to come back for its restore to be a success with warnings (R8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Enough {
    /// At least so many percent of the databases, 0 to 100.
    Percent(u8),
    /// Everything: any failure is one of the whole run, and a role or tablespace that cannot be made ends it.
    All,
}

impl Default for Enough {
    fn default() -> Self {
        Enough::Percent(80)
    }
}

impl Enough {
    /// Whether so many of all databases will do.
    pub const fn is_met(self, restored: usize, all: usize) -> bool {
        match self {
            Enough::All => restored == all,
            Enough::Percent(percent) => restored * 100 >= all * percent as usize,
        }
    }
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
