//! `dbbackup archive`.

use super::ArchivePath;
use clap::Subcommand;
use std::path::PathBuf;

/// Examples.
pub const EXAMPLES: &str = "Examples:\n  \
    dbbackup archive show db_shop_….tar.zst\n  \
    dbbackup archive list db_shop_….tar.zst --json\n  \
    dbbackup archive cat db_shop_….tar.zst public.orders > orders.copy\n  \
    dbbackup archive extract db_shop_….tar.zst --to /tmp/shop";

/// What is looked at.
#[derive(Debug, Subcommand)]
pub enum Archive {
    /// List its entries, and the frame that holds each
    #[command(after_help = EXAMPLES)]
    List(ArchivePath),
    /// Show what it is: when, from where, how made, databases and tables with rows and sizes
    #[command(after_help = EXAMPLES)]
    Show(ArchivePath),
    /// Print an entry, or a table's rows, to stdout
    #[command(after_help = EXAMPLES)]
    Cat {
        #[allow(missing_docs)]
        #[command(flatten)]
        archive: ArchivePath,
        /// An entry (manifest.json) or a table (schema.table)
        #[arg(value_name = "ENTRY|SCHEMA.TABLE")]
        entry: String,
        /// Which database of a cluster archive (default: the only one)
        #[arg(long, value_name = "DB")]
        database: Option<String>,
    },
    /// Unpack it, or some entries of it
    #[command(after_help = EXAMPLES)]
    Extract {
        #[allow(missing_docs)]
        #[command(flatten)]
        archive: ArchivePath,
        /// The folder (default: the current one)
        #[arg(long, value_name = "DIR", default_value = ".")]
        to: PathBuf,
        /// Entries (default: all)
        #[arg(value_name = "ENTRY")]
        entries: Vec<String>,
    },
}
