//! What can be typed: the command line's definition and what of it are settings. Does nothing and decides nothing.

pub mod archive;
pub mod backup;
pub mod binlog;
pub mod diagnose;
pub mod flags;
pub mod globals;
pub mod parse;
pub mod pitr;
pub mod recover;
pub mod restore;
pub mod verify;
pub mod wal;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Backs up, restores and proves backups of PostgreSQL databases.
#[derive(Debug, Parser)]
#[command(
    name = "dbbackup",
    version,
    about = "Backs up, restores and proves backups of PostgreSQL databases, full-screen or headless",
    after_help = "Examples:\n  \
        dbbackup                                                    full-screen\n  \
        dbbackup backup single shop --backup-dir /backups\n  \
        dbbackup restore single /backups/db_shop_….tar.zst --target shop2 --create --prove\n  \
        dbbackup verify /backups/*.tar.zst --full\n\n\
        Exit codes: 0 success, 1 failure, 64 usage, 65 damaged data, 66 not found, 69 no server, 70 internal error, 73 cannot create,\n\
        74 input/output, 75 try again later, 77 permission, 78 configuration, 130 interrupted, 143 terminated.",
    disable_help_subcommand = true,
    args_override_self = true
)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub globals: globals::Globals,
    /// With what the full screen starts; a command takes them too when they stand before it.
    #[command(flatten)]
    pub screen: Screen,
    /// The command; none opens the full screen.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// With what the forms of the full screen begin.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Backups and restores")]
pub struct Screen {
    /// How backups are made.
    #[command(flatten)]
    pub options: backup::Options,
    /// Where the log is archived, for PITR and WAL.
    #[arg(long, value_name = "DIR")]
    pub archive_dir: Option<String>,
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Open the full screen (the same as no command)
    #[command(after_help = "Examples:\n  dbbackup interactive --host db01 --user backup --backup-dir /backups")]
    Interactive(Screen),
    /// Make a backup
    #[command(subcommand, after_help = backup::EXAMPLES)]
    Backup(backup::Backup),
    /// Restore from a backup, or list the backups there are
    #[command(subcommand, after_help = restore::EXAMPLES)]
    Restore(restore::Restore),
    /// Check archives
    #[command(after_help = verify::EXAMPLES)]
    Verify(verify::Verify),
    /// Look into an archive
    #[command(subcommand, after_help = archive::EXAMPLES)]
    Archive(archive::Archive),
    /// Archive the write-ahead log, hand it back to a recovery, and look after the archive
    #[command(subcommand, after_help = wal::EXAMPLES)]
    Wal(wal::Wal),
    /// Archive the binary log of MySQL and MariaDB, and look after the archive
    #[command(subcommand, after_help = binlog::EXAMPLES)]
    Binlog(binlog::Binlog),
    /// Point-in-time recovery: what can be recovered, and switching archiving on and off
    #[command(subcommand, after_help = pitr::EXAMPLES)]
    Pitr(pitr::Pitr),
    /// Find out what state host and server are in, and why something failed
    #[command(after_help = diagnose::EXAMPLES)]
    Diagnose(diagnose::Diagnose),
    /// Show the connection and what the server says of itself
    #[command(after_help = "Examples:\n  dbbackup status --host db01 --user backup\n  dbbackup status --json")]
    Status,
    /// List the server's databases
    #[command(after_help = "Examples:\n  dbbackup list\n  dbbackup list --server shop --json")]
    List,
    /// Show, check or write configuration
    #[command(subcommand, after_help = CONFIG_EXAMPLES)]
    Config(Config),
    /// Say what an error's code means and what cures it
    #[command(after_help = "Examples:\n  dbbackup explain AUTH_FAILED\n  dbbackup explain            # all codes")]
    Explain {
        /// The code, as it stands at the end of an error's first line; without one all are listed
        code: Option<String>,
    },
    /// Print a completion script for a shell
    #[command(after_help = "Examples:\n  dbbackup completions bash > /etc/bash_completion.d/dbbackup")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(after_help = "Examples:\n  dbbackup man > /usr/local/share/man/man1/dbbackup.1\n  dbbackup man | man -l -")]
    Man,
}

const CONFIG_EXAMPLES: &str = "Examples:\n  dbbackup config show --origin\n  dbbackup config show backup.jobs\n  dbbackup config init\n  dbbackup config init --path - > dbbackup.toml\n  \
                               dbbackup config check";

/// Work on configuration.
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Show what holds
    #[command(after_help = CONFIG_EXAMPLES)]
    Show(ConfigShow),
    /// Show which files are read, in order
    #[command(after_help = CONFIG_EXAMPLES)]
    Path,
    /// Write a file with every key explained; one that is there is left alone
    #[command(after_help = CONFIG_EXAMPLES)]
    Init(ConfigInit),
    /// Read all layers and say everything that is wrong, with its place
    #[command(after_help = CONFIG_EXAMPLES)]
    Check,
}

/// What is shown.
#[derive(Debug, Args)]
pub struct ConfigShow {
    /// Say where each value came from
    #[arg(long)]
    pub origin: bool,
    /// One setting only: backup.jobs
    pub key: Option<String>,
}

/// Where it is written.
#[derive(Debug, Args)]
pub struct ConfigInit {
    /// The file; - prints it (default: that of --config, or the user's own)
    #[arg(long, value_name = "FILE")]
    pub path: Option<PathBuf>,
}

/// An archive on the command line.
#[derive(Debug, Args)]
pub struct ArchivePath {
    /// The archive
    #[arg(value_name = "ARCHIVE")]
    pub archive: PathBuf,
}
