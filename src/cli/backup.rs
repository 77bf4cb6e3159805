//! `dbbackup backup`.

use super::globals::Effort;
use clap::{Args, Subcommand};

/// Examples.
pub const EXAMPLES: &str = "Examples:\n  \
    dbbackup backup single shop --backup-dir /backups\n  \
    dbbackup backup single shop billing --compression zstd:9 --jobs 4\n  \
    dbbackup backup cluster --exclude 'scratch*' --backup-dir /backups\n  \
    dbbackup backup base --backup-dir /backups --archive-dir /wal\n  \
    dbbackup backup base --type incremental --backup-dir /backups\n  \
    dbbackup backup single shop --dry-run\n\n\
    The last line on stdout is the archive's path.";

/// What is backed up.
#[derive(Debug, Subcommand)]
pub enum Backup {
    /// Databases, one archive each
    #[command(after_help = EXAMPLES)]
    Single {
        /// The databases
        #[arg(value_name = "DB", required = true)]
        databases: Vec<String>,
        /// How.
        #[command(flatten)]
        options: Options,
    },
    /// Every database and the globals, in one archive
    #[command(after_help = EXAMPLES)]
    Cluster {
        /// Only databases that match (may be repeated; default: all)
        #[arg(long, value_name = "GLOB")]
        include: Vec<String>,
        /// No databases that match (may be repeated)
        #[arg(long, value_name = "GLOB")]
        exclude: Vec<String>,
        #[allow(missing_docs)]
        #[arg(long, value_name = "N")]
        cluster_parallelism: Option<String>,
        /// How.
        #[command(flatten)]
        options: Options,
    },
    /// The files of the whole server, for recovery to any moment with the archived log
    #[command(after_help = EXAMPLES)]
    Base(Base),
}

/// A base backup.
#[derive(Debug, Args)]
pub struct Base {
    /// What it holds: everything, what has changed since the last full one in the folder, or since the last one of any kind
    #[arg(long = "type", value_name = "TYPE", value_enum, default_value_t = Type::Full)]
    pub kind: Type,
    /// The label in backup_label (default: one that says when it was made)
    #[arg(long, value_name = "TEXT")]
    pub label: Option<String>,
    /// Whether the server makes its checkpoint at once or spreads it over its usual time
    #[arg(long, value_name = "HOW", value_enum, default_value_t = Checkpoint::Fast)]
    pub checkpoint: Checkpoint,
    #[allow(missing_docs)]
    #[arg(long, value_name = "DIR")]
    pub archive_dir: Option<String>,
    /// How.
    #[command(flatten)]
    pub options: Options,
}

/// What a base backup holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Type {
    /// Everything
    Full,
    /// What has changed since the last full one
    Differential,
    /// What has changed since the last one of any kind
    Incremental,
}

/// How a checkpoint is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Checkpoint {
    /// At once
    Fast,
    /// Over the server's usual time
    Spread,
}

/// How it is backed up.
#[derive(Debug, Default, Args)]
#[allow(missing_docs)]
pub struct Options {
    #[arg(long, value_name = "DIR")]
    pub backup_dir: Option<String>,
    #[arg(long, value_name = "CODEC[:LEVEL]")]
    pub compression: Option<String>,
    #[arg(long, value_name = "N")]
    pub compression_level: Option<String>,
    #[command(flatten)]
    pub effort: Effort,
    #[arg(long, value_name = "HOW")]
    pub verify: Option<String>,
    /// Do not check the archive afterwards (the same as --verify off)
    #[arg(long, conflicts_with = "verify")]
    pub no_verify: bool,
    #[arg(long, value_name = "PATTERN")]
    pub timestamp: Option<String>,
}
