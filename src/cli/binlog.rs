//! `dbbackup binlog`.

use clap::{Args, Subcommand};

/// Examples.
pub const EXAMPLES: &str = "Examples:\n  \
    dbbackup binlog archive --engine mysql --host db01 --user backup --binlog-dir /binlog     # runs until it is stopped: a service\n  \
    dbbackup binlog archive --engine mariadb --host db02 --binlog-dir /binlog --once          # up to the end of the log, for cron\n  \
    dbbackup binlog list --binlog-dir /binlog\n  \
    dbbackup binlog stats --binlog-dir /binlog --json\n  \
    dbbackup binlog cleanup --binlog-dir /binlog --backup-dir /backups              # shows what would go\n  \
    dbbackup binlog cleanup --binlog-dir /binlog --backup-dir /backups --confirm\n\n\
    archive ends with 0 when it is stopped by Ctrl-C or SIGTERM, and 1 with --once where the server had removed logs before they were archived.\n\
    The file in work is called NAME.partial; it gets its name when the server has gone on to the next one.";

/// What is done.
#[derive(Debug, Subcommand)]
pub enum Binlog {
    /// Follow a server's binary log as a replica does, and archive it
    #[command(after_help = EXAMPLES)]
    Archive {
        #[allow(missing_docs)]
        #[command(flatten)]
        place: Place,
        /// Stop where the log ends, instead of waiting for more
        #[arg(long)]
        once: bool,
        #[allow(missing_docs)]
        #[arg(long, value_name = "CODEC[:LEVEL]")]
        binlog_compression: Option<String>,
    },
    /// List the files
    #[command(after_help = EXAMPLES)]
    List(Place),
    /// Show figures: files, sizes, compression, growth, gaps, how far the server is
    #[command(after_help = EXAMPLES)]
    Stats(Place),
    /// Remove what no kept backup needs; without --confirm only say what that is
    #[command(after_help = EXAMPLES)]
    Cleanup(Cleanup),
}

/// Where the archive is.
#[derive(Debug, Default, Args)]
#[allow(missing_docs)]
pub struct Place {
    #[arg(long, value_name = "DIR")]
    pub binlog_dir: Option<String>,
}

/// What is removed.
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("binlog-rule").args(["before", "keep_days"])))]
pub struct Cleanup {
    #[allow(missing_docs)]
    #[command(flatten)]
    pub place: Place,
    #[allow(missing_docs)]
    #[arg(long, value_name = "DIR")]
    pub backup_dir: Option<String>,
    /// Remove only what is older than this file (binlog.000042)
    #[arg(long, value_name = "LOG")]
    pub before: Option<String>,
    /// Remove only what was last written so many days ago
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    pub keep_days: Option<u32>,
}
