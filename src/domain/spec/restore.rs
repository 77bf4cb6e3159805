//! What a restore is asked to do: of which part, into what, and with what care.

use super::{Depth, Effort};
use crate::domain::connection::Connection;
use crate::domain::schema::TableName;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

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
    /// Whether what is restored is written into the server's binary log (MySQL).
    #[serde(default)]
    pub binlog: Binlog,
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

/// Whether what is restored is written into the server's binary log. Without it replicas do not get the rows, and a point-in-time recovery
/// from that log does not either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Binlog {
    /// Where the server keeps one.
    #[default]
    On,
    /// Not, for which the user needs a right.
    Off,
}

impl Binlog {
    /// Both.
    pub const ALL: [Binlog; 2] = [Binlog::On, Binlog::Off];

    /// Its word on the command line.
    pub const fn word(self) -> &'static str {
        match self {
            Binlog::On => "on",
            Binlog::Off => "off",
        }
    }

    /// Reads the word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.word() == word)
    }
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
