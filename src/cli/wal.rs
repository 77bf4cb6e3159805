//! `dbbackup wal`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Examples.
pub const EXAMPLES: &str = "Examples:\n  \
    archive_command = 'dbbackup wal archive %p %f --archive-dir /wal'\n  \
    restore_command = 'dbbackup wal restore %f %p --archive-dir /wal'\n\n\
    Exit codes of restore, as a recovery wants them: 0 handed over, 1 the archive has no such file, above 128 everything else (what is 73\n\
    of other commands is 201), so that trouble with the archive never ends a recovery early.";

/// What is done.
#[derive(Debug, Subcommand)]
pub enum Wal {
    /// Archive a file of the server's log: its archive_command
    #[command(after_help = EXAMPLES)]
    Archive {
        /// The file: %p
        #[arg(value_name = "PATH")]
        path: PathBuf,
        /// Its name: %f
        #[arg(value_name = "NAME")]
        name: String,
        #[allow(missing_docs)]
        #[command(flatten)]
        place: Place,
        #[allow(missing_docs)]
        #[arg(long, value_name = "CODEC[:LEVEL]")]
        compression: Option<String>,
        #[allow(missing_docs)]
        #[arg(long, value_name = "N")]
        compression_level: Option<String>,
        #[allow(missing_docs)]
        #[arg(long, value_name = "CODEC[:LEVEL]")]
        wal_compression: Option<String>,
    },
    /// Hand a file of the log back to a server in recovery: its restore_command
    #[command(after_help = EXAMPLES)]
    Restore(Fetch),
    /// Fetch the segments after one ahead, as restore does behind its back
    #[command(hide = true)]
    FetchAhead(Fetch),
}

/// Which file, and where it goes.
#[derive(Debug, Args)]
pub struct Fetch {
    /// The file's name: %f
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Where it goes: %p
    #[arg(value_name = "PATH")]
    pub path: PathBuf,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub place: Place,
    #[allow(missing_docs)]
    #[arg(long, value_name = "N")]
    pub wal_prefetch: Option<String>,
}

/// Where the archive is and what helps with it.
#[derive(Debug, Default, Args)]
#[allow(missing_docs)]
pub struct Place {
    #[arg(long, value_name = "DIR")]
    pub archive_dir: Option<String>,
    #[arg(long, value_name = "N")]
    pub wal_jobs: Option<String>,
    #[arg(long, value_name = "DIR")]
    pub wal_spool: Option<String>,
}
