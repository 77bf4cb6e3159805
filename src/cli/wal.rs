//! `dbbackup wal`.

use crate::domain::wal::SegmentSpan;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Examples.
pub const EXAMPLES: &str = "Examples:\n  \
    archive_command = 'dbbackup wal archive %p %f --archive-dir /wal'\n  \
    restore_command = 'dbbackup wal restore %f %p --archive-dir /wal'\n  \
    dbbackup wal stats --archive-dir /wal\n  \
    dbbackup wal stats --host db01 --json        # the folder is found from the server's archive_command\n  \
    dbbackup wal timeline --archive-dir /wal\n  \
    dbbackup wal verify --archive-dir /wal\n  \
    dbbackup wal verify --archive-dir /wal --segments 000000010000000000000003..000000010000000000000009\n  \
    dbbackup wal cleanup --archive-dir /wal --backup-dir /backups              # shows what would go\n  \
    dbbackup wal cleanup --archive-dir /wal --backup-dir /backups --confirm\n\n\
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
    /// Show figures: files, sizes, compression, growth, gaps, the archiver
    #[command(after_help = EXAMPLES)]
    Stats(Where),
    /// List the files
    #[command(after_help = EXAMPLES)]
    List {
        #[allow(missing_docs)]
        #[command(flatten)]
        place: Where,
        /// Of one timeline only
        #[arg(long, value_name = "N")]
        timeline: Option<u32>,
    },
    /// Show the timelines: where each branched off, what of it is there, what is missing
    #[command(after_help = EXAMPLES)]
    Timeline(Where),
    /// Read every file: each segment is what its name says, none is missing, the timelines fit together
    #[command(after_help = EXAMPLES)]
    Verify {
        #[allow(missing_docs)]
        #[command(flatten)]
        place: Where,
        #[allow(missing_docs)]
        #[arg(long, short = 'j', value_name = "N")]
        jobs: Option<String>,
        #[allow(missing_docs)]
        #[arg(long, value_name = "DIR")]
        backup_dir: Option<String>,
        /// Read only these segments, and the histories of their timelines; more of them with another --segments
        #[arg(long, value_name = "FIRST..LAST")]
        segments: Vec<SegmentSpan>,
    },
    /// Remove what no kept base backup needs; without --confirm only say what that is
    #[command(after_help = EXAMPLES)]
    Cleanup(Cleanup),
    /// Fetch the segments after one ahead, as restore does behind its back
    #[command(hide = true, after_help = EXAMPLES)]
    FetchAhead(Fetch),
}

/// Which archive is looked at.
#[derive(Debug, Default, Args)]
#[allow(missing_docs)]
pub struct Where {
    #[arg(long, value_name = "DIR")]
    pub archive_dir: Option<String>,
}

/// What is removed.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("rule").args(["before", "keep_days"])))]
pub struct Cleanup {
    #[allow(missing_docs)]
    #[command(flatten)]
    pub place: Where,
    #[allow(missing_docs)]
    #[arg(long, value_name = "DIR")]
    pub backup_dir: Option<String>,
    /// Remove only what is older than this segment (000000010000000000000042)
    #[arg(long, value_name = "SEGMENT")]
    pub before: Option<String>,
    /// Remove only what was last written so many days ago
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub keep_days: Option<u32>,
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
