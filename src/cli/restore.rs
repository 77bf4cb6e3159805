//! `dbbackup restore`.

use super::ArchivePath;
use super::globals::Effort;
use clap::{Args, Subcommand};

/// Examples.
pub const EXAMPLES: &str = "Examples:\n  \
    dbbackup restore single db_shop_….tar.zst --target shop2 --create --prove\n  \
    dbbackup restore single cluster_….tar.zst --database shop --target shop --clean --confirm shop\n  \
    dbbackup restore table db_shop_….tar.zst public.orders --target shop --as public.orders_old\n  \
    dbbackup restore cluster cluster_….tar.zst --confirm db01:5432\n  \
    dbbackup restore cluster cluster_….tar.zst --resume-from-manifest restore-manifest-….json\n  \
    dbbackup restore single shop.dump --target shop2 --create       (a dump of pg_dump: custom, directory, tar, plain)\n  \
    dbbackup -d mysql restore single shop.sql.gz --target shop2 --create   (of mysqldump, mariadb-dump; a folder of mydumper)\n  \
    dbbackup restore pitr --wal-archive /wal --target-time '2026-01-30 14:02:59+01' --target-dir /data/restored --start\n  \
    dbbackup restore list --backup-dir /backups\n\n\
    What would be overwritten is shown by --dry-run; --confirm NAME says that you mean it.";

/// What is restored.
#[derive(Debug, Subcommand)]
pub enum Restore {
    /// One database
    #[command(after_help = EXAMPLES)]
    Single(Box<Single>),
    /// One table
    #[command(after_help = EXAMPLES)]
    Table(Box<Table>),
    /// Globals and every database of a cluster archive
    #[command(after_help = EXAMPLES)]
    Cluster(Box<Cluster>),
    /// A whole server as it was at a moment: a base backup and the archived log, in a new data directory
    #[command(after_help = super::recover::EXAMPLES)]
    Pitr(Box<super::recover::Recover>),
    /// List the archives in the backup folder
    #[command(after_help = EXAMPLES)]
    List {
        #[allow(missing_docs)]
        #[arg(long, value_name = "DIR")]
        backup_dir: Option<String>,
    },
}

/// Definitions, rows, or both.
#[derive(Debug, Default, Args)]
pub struct Parts {
    /// Definitions only (default: definitions and rows)
    #[arg(long, conflicts_with = "data_only")]
    pub schema_only: bool,
    /// Rows and sequence values only, into tables that exist
    #[arg(long)]
    pub data_only: bool,
}

/// How it is restored.
#[derive(Debug, Default, Args)]
#[allow(missing_docs)]
pub struct Options {
    #[arg(long)]
    pub no_owner: bool,
    #[arg(long)]
    pub no_acl: bool,
    #[arg(long)]
    pub no_tablespaces: bool,
    /// Give a role of the archive another name (may be repeated)
    #[arg(long, value_name = "FROM=TO", value_parser = role_pair)]
    pub map_role: Vec<(String, String)>,
    #[arg(long)]
    pub prove: bool,
    #[arg(long, value_name = "METHOD")]
    pub toast_compression: Option<String>,
    #[arg(long)]
    pub continue_on_error: bool,
    #[arg(long, value_name = "N")]
    pub retries: Option<String>,
    /// Go on with an interrupted restore, where it stopped; the manifest says what goes where
    #[arg(long, value_name = "FILE")]
    pub resume_from_manifest: Option<std::path::PathBuf>,
    #[arg(long, value_name = "DEPTH")]
    pub verify_first: Option<String>,
    #[arg(long, value_name = "WHEN")]
    pub rehearse: Option<String>,
    #[arg(long, value_name = "WHETHER")]
    pub binlog: Option<String>,
    #[arg(long, value_name = "DIR")]
    pub workdir: Option<String>,
    #[arg(long)]
    pub keep_temp: bool,
    /// Go on although a check failed that leaves something to restore: space, locks, connections, version, extension, role, locale
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub effort: Effort,
}

/// One database.
#[derive(Debug, Args)]
pub struct Single {
    #[allow(missing_docs)]
    #[command(flatten)]
    pub archive: ArchivePath,
    /// Which database of a cluster archive (default: the only one)
    #[arg(long, value_name = "DB")]
    pub database: Option<String>,
    /// The name it gets (default: the name in the archive, taken from --database)
    #[arg(long, value_name = "DB", required_unless_present_any = ["database", "resume_from_manifest"])]
    pub target: Option<String>,
    /// Make the target database
    #[arg(long)]
    pub create: bool,
    /// Drop the target first when it is there; wants --confirm TARGET
    #[arg(long)]
    pub clean: bool,
    #[allow(missing_docs)]
    #[arg(long, value_name = "WHAT")]
    pub on_failure: Option<String>,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub parts: Parts,
    /// Only tables or schemas that match (may be repeated; default: all)
    #[arg(long, value_name = "GLOB")]
    pub include: Vec<String>,
    /// No tables or schemas that match (may be repeated)
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub options: Options,
}

/// One table.
#[derive(Debug, Args)]
pub struct Table {
    #[allow(missing_docs)]
    #[command(flatten)]
    pub archive: ArchivePath,
    /// The table: schema.table
    #[arg(value_name = "SCHEMA.TABLE")]
    pub table: String,
    /// The database it goes to
    #[arg(long, value_name = "DB")]
    pub target: String,
    /// The name it gets there: schema.table (default: its own)
    #[arg(long = "as", value_name = "SCHEMA.TABLE")]
    pub rename: Option<String>,
    /// Which database of a cluster archive (default: the only one)
    #[arg(long, value_name = "DB")]
    pub database: Option<String>,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub parts: Parts,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub options: Options,
}

/// A whole server.
#[derive(Debug, Args)]
pub struct Cluster {
    #[allow(missing_docs)]
    #[command(flatten)]
    pub archive: ArchivePath,
    /// Drop databases that are there first
    #[arg(long)]
    pub clean: bool,
    /// Only databases that match (may be repeated; default: all)
    #[arg(long, value_name = "GLOB")]
    pub include: Vec<String>,
    /// No databases that match (may be repeated)
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    #[allow(missing_docs)]
    #[arg(long, value_name = "N")]
    pub cluster_parallelism: Option<String>,
    #[allow(missing_docs)]
    #[arg(long, value_name = "WHAT")]
    pub on_failure: Option<String>,
    #[allow(missing_docs)]
    #[arg(long, value_name = "PERCENT", conflicts_with = "require_all")]
    pub success_threshold: Option<String>,
    #[allow(missing_docs)]
    #[arg(long)]
    pub require_all: bool,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub options: Options,
}

fn role_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((from, to)) if !from.is_empty() && !to.is_empty() => Ok((from.to_owned(), to.to_owned())),
        _ => Err("write FROM=TO, such as olduser=newuser".into()),
    }
}
