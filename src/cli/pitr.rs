//! `dbbackup pitr`.

use clap::{Args, Subcommand};

/// Examples.
pub const EXAMPLES: &str = "Examples:\n  \
    dbbackup pitr status --host db01 --backup-dir /backups\n  \
    dbbackup pitr status --archive-dir /wal --json\n  \
    dbbackup pitr enable --archive-dir /wal                 # shows what will change\n  \
    dbbackup pitr enable --archive-dir /wal --confirm\n  \
    dbbackup pitr disable --confirm\n\n\
    No server is ever restarted: what needs a restart is said.";

/// What is asked or done.
#[derive(Debug, Subcommand)]
pub enum Pitr {
    /// Show what can be recovered: from when to when, with which base backups, what is missing, how the archiver is
    #[command(after_help = EXAMPLES)]
    Status {
        #[allow(missing_docs)]
        #[command(flatten)]
        place: super::wal::Where,
        #[allow(missing_docs)]
        #[arg(long, value_name = "DIR")]
        backup_dir: Option<String>,
    },
    /// Have the server archive its log; without --confirm only say what will change
    #[command(after_help = EXAMPLES)]
    Enable(Enable),
    /// Have the server archive nothing any more; without --confirm only say what will change
    #[command(after_help = EXAMPLES)]
    Disable {
        /// Also where the archive_command is not dbbackup's
        #[arg(long)]
        force: bool,
    },
}

/// How the log is archived.
#[derive(Debug, Args)]
pub struct Enable {
    #[allow(missing_docs)]
    #[command(flatten)]
    pub place: super::wal::Where,
    /// Seconds after which an unfinished segment is closed and archived: the most that is lost with the server (archive_timeout; unchanged
    /// when not given)
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(0..=1_073_741_823))]
    pub archive_timeout: Option<u32>,
    /// Also where the server has another archive_command, which is replaced
    #[arg(long)]
    pub force: bool,
}
