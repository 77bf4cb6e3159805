//! `dbbackup verify`.

use clap::Args;
use std::path::PathBuf;

/// Examples.
pub const EXAMPLES: &str = "Examples:\n  \
    dbbackup verify /backups/*.tar.zst\n  \
    dbbackup verify db_shop_….tar.zst --quick\n\n\
    A damaged archive ends with exit code 65 and says where the damage is.";

/// Archives to check.
#[derive(Debug, Args)]
pub struct Verify {
    /// The archives
    #[arg(value_name = "FILE", required = true)]
    pub archives: Vec<PathBuf>,
    /// Structure, table of contents and sizes only
    #[arg(long, conflicts_with = "full")]
    pub quick: bool,
    /// Every byte (the default)
    #[arg(long)]
    pub full: bool,
    #[allow(missing_docs)]
    #[arg(long, short = 'j', value_name = "N")]
    pub jobs: Option<String>,
}
