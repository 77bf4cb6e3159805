//! `dbbackup diagnose`.

use clap::Args;
use std::path::PathBuf;

/// Examples.
pub const EXAMPLES: &str = "Examples:\n  \
    dbbackup diagnose --host db01 --user backup --backup-dir /backups\n  \
    dbbackup diagnose --error 'FATAL: sorry, too many clients already'\n  \
    dbbackup diagnose --json --output report.json\n\n\
    Takes five seconds at the most, whatever hangs, and needs neither a server that answers nor a configuration. Exit code 0: the report\n\
    was made, whatever it found; what to look for is .findings of the JSON.";

/// What is found out.
#[derive(Debug, Default, Args)]
pub struct Diagnose {
    /// The text of an error, from this or any other program: what kind of failure it is, and what in the environment explains it
    #[arg(long, value_name = "TEXT")]
    pub error: Option<String>,
    /// Write the report to this file (made for its owner only), and print its path
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[allow(missing_docs)]
    #[arg(long, value_name = "DIR")]
    pub backup_dir: Option<String>,
    #[allow(missing_docs)]
    #[arg(long, value_name = "DIR")]
    pub workdir: Option<String>,
}
