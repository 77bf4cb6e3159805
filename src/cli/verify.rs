//! `dbbackup verify`.

use clap::Args;
use std::path::PathBuf;

/// Examples.
pub const EXAMPLES: &str = "Examples:\n  \
    dbbackup verify /backups/*.tar.zst\n  \
    dbbackup verify db_shop_….tar.zst --quick\n  \
    dbbackup verify cluster_….tar.zst --restore-test --host scratch01 --user postgres\n  \
    dbbackup verify --restore-test --clean-leftovers\n\n\
    A damaged archive ends with exit code 65 and says where the damage is.";

/// Archives to check.
#[derive(Debug, Args)]
pub struct Verify {
    /// The archives
    #[arg(value_name = "FILE", required_unless_present = "clean_leftovers")]
    pub archives: Vec<PathBuf>,
    /// Structure, table of contents and sizes only
    #[arg(long, conflicts_with_all = ["full", "restore_test"])]
    pub quick: bool,
    /// Every byte (the default)
    #[arg(long, conflicts_with = "restore_test")]
    pub full: bool,
    /// Restore into throw-away databases (_dbbackup_verify_…) on the server, prove them by their fingerprints and drop them: a small, a
    /// medium and a large database of each archive
    #[arg(long)]
    pub restore_test: bool,
    /// Every database of each archive, not only three
    #[arg(long, requires = "restore_test")]
    pub all: bool,
    /// Drop what killed restore tests have left on the server; every restore test does so first
    #[arg(long, requires = "restore_test")]
    pub clean_leftovers: bool,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub effort: super::globals::Effort,
}
