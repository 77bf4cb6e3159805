//! `dbbackup restore pitr`.

use clap::{ArgGroup, Args};
use std::path::PathBuf;

/// Examples.
pub const EXAMPLES: &str = "Examples:\n  \
    dbbackup restore pitr --backup-dir /backups --wal-archive /wal --target-time '2026-01-30 14:02:59+01' \\\n    \
             --target-dir /var/lib/postgresql/15/restored --start\n  \
    dbbackup restore pitr --base-backup base_….tar.zst --wal-archive /wal --target-name before_release --target-dir /data/restored\n  \
    dbbackup restore pitr --wal-archive /wal --target-xid 4711 --target-exclusive --target-action promote --target-dir /data/restored\n  \
    dbbackup restore pitr --wal-archive /wal --target-dir /data/restored            everything that is archived\n  \
    dbbackup restore pitr --engine mysql --host db02 --backup-dir /backups --binlog-dir /binlog --target-time '2026-01-30 14:02:59+01' \\\n    \
             --clean --confirm db02:3306                      MySQL: restores the newest backup before it, and replays the log from it\n  \
    dbbackup restore pitr --engine mariadb --host db02 --binlog-dir /binlog --backup-dir /backups --database shop --target shop_before \\\n    \
             --target-gtid 0-1-270 --target-exclusive\n\n\
    A moment needs its zone: an offset (+01), Z, or a name (Europe/Berlin). --dry-run says whether the target can be reached, with what,\n\
    and which transaction is the last one; nothing is changed by it.";

/// A server as it was at a moment.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("where").args(["target_time", "target_xid", "target_lsn", "target_name", "target_immediate", "target_gtid", "target_position"]).multiple(false))]
pub struct Recover {
    /// The base backup (default: the newest in the backup folder that leads to the target)
    #[arg(long, value_name = "ARCHIVE")]
    pub base_backup: Option<PathBuf>,
    #[allow(missing_docs)]
    #[arg(long, value_name = "DIR")]
    pub backup_dir: Option<String>,
    /// The folder that the server's log is archived in (default: --archive-dir, wal.dir)
    #[arg(long, value_name = "DIR")]
    pub wal_archive: Option<PathBuf>,
    #[allow(missing_docs)]
    #[arg(long, value_name = "DIR", conflicts_with = "wal_archive")]
    pub archive_dir: Option<String>,
    /// PostgreSQL: the new data directory: empty, or not there yet
    #[arg(long, value_name = "DIR")]
    pub target_dir: Option<PathBuf>,
    /// Stop at a moment, with its zone: '2026-01-30 14:02:59.184+01'
    #[arg(long, value_name = "TIME", help_heading = "Target (default: everything that is archived)")]
    pub target_time: Option<String>,
    /// Stop at a transaction, by its number
    #[arg(long, value_name = "XID", value_parser = clap::value_parser!(u32).range(3..), help_heading = "Target (default: everything that is archived)")]
    pub target_xid: Option<u32>,
    /// Stop at a position of the log: 0/1A2B3C4
    #[arg(long, value_name = "LSN", help_heading = "Target (default: everything that is archived)")]
    pub target_lsn: Option<crate::domain::wal::Lsn>,
    /// Stop at a restore point, by the name given to pg_create_restore_point
    #[arg(long, value_name = "NAME", value_parser = point, help_heading = "Target (default: everything that is archived)")]
    pub target_name: Option<String>,
    /// Stop as soon as the base backup is consistent
    #[arg(long, help_heading = "Target (default: everything that is archived)")]
    pub target_immediate: bool,
    /// Stop just before the target: what stands at it is not recovered
    #[arg(long, help_heading = "Target (default: everything that is archived)")]
    pub target_exclusive: bool,
    #[allow(missing_docs)]
    #[arg(long, value_name = "ZONE", help_heading = "Target (default: everything that is archived)")]
    pub target_timezone: Option<String>,
    /// Which way to take where timelines branch: a number, current (that of the base backup) or latest [default: latest]
    #[arg(long, value_name = "N|current|latest", value_parser = timeline, help_heading = "Target (default: everything that is archived)")]
    pub timeline: Option<crate::domain::recovery::TimelineChoice>,
    /// What the server does at the target: pause (open for reading), promote or shutdown [default: pause]
    #[arg(long, value_name = "ACTION", value_parser = action)]
    pub target_action: Option<crate::domain::recovery::TargetAction>,
    /// Put a tablespace into another folder (may be repeated)
    #[arg(long, value_name = "FROM=TO", value_parser = folders)]
    pub map_tablespace: Vec<(PathBuf, PathBuf)>,
    /// The folder of the server's programs (default: found by the backup's version)
    #[arg(long, value_name = "DIR")]
    pub bin_dir: Option<PathBuf>,
    /// Start the server, watch its replay and say where it stopped
    #[arg(long)]
    pub start: bool,
    /// The port on which it is started (default: a free one; on this host alone)
    #[arg(long, value_name = "PORT", requires = "start", value_parser = clap::value_parser!(u16).range(1..))]
    pub start_port: Option<u16>,
    #[allow(missing_docs)]
    #[command(flatten)]
    pub mysql: Replay,
    #[allow(missing_docs)]
    #[arg(long, short = 'j', value_name = "N")]
    pub jobs: Option<String>,
}

/// What belongs to MySQL and MariaDB, which are recovered by replaying their binary log on a running server.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "MySQL and MariaDB")]
pub struct Replay {
    #[allow(missing_docs)]
    #[arg(long, value_name = "DIR")]
    pub binlog_dir: Option<String>,
    /// Stop behind a transaction (with --target-exclusive before it), by its GTID
    #[arg(long, value_name = "GTID")]
    pub target_gtid: Option<crate::domain::binlog::Gtid>,
    /// Stop at a place of the log: binlog.000042:1544
    #[arg(long, value_name = "LOG:OFFSET")]
    pub target_position: Option<crate::domain::binlog::Place>,
    /// Restore no backup: replay from this place on, onto what is there
    #[arg(long, value_name = "LOG:OFFSET", conflicts_with_all = ["base_backup", "backup_dir", "clean"])]
    pub from: Option<crate::domain::binlog::Place>,
    /// Recover this database only (default: all, or the one that the backup is of)
    #[arg(long, value_name = "NAME")]
    pub database: Option<String>,
    /// The name that the database gets (default: its own)
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
    /// Drop databases that are there first (needs --confirm)
    #[arg(long)]
    pub clean: bool,
    #[allow(missing_docs)]
    #[arg(long, value_name = "WHETHER")]
    pub binlog: Option<String>,
}

fn folders(text: &str) -> Result<(PathBuf, PathBuf), String> {
    match text.split_once('=') {
        Some((from, to)) if from.starts_with('/') && to.starts_with('/') => Ok((from.into(), to.into())),
        _ => Err("write FROM=TO with whole paths, such as /mnt/fast=/data/fast".to_owned()),
    }
}

fn timeline(text: &str) -> Result<crate::domain::recovery::TimelineChoice, String> {
    use crate::domain::recovery::TimelineChoice as Choice;
    match text {
        "current" => Ok(Choice::Current),
        "latest" => Ok(Choice::Latest),
        number => match number.parse() {
            Ok(number) if number > 0 => Ok(Choice::Of(crate::domain::wal::Timeline(number))),
            _ => Err("a timeline is a number from 1, current or latest".to_owned()),
        },
    }
}

fn action(text: &str) -> Result<crate::domain::recovery::TargetAction, String> {
    use crate::domain::recovery::TargetAction as Action;
    match text {
        "pause" => Ok(Action::Pause),
        "promote" => Ok(Action::Promote),
        "shutdown" => Ok(Action::Shutdown),
        _ => Err("write pause, promote or shutdown".to_owned()),
    }
}

/// The server takes names of at most 63 bytes (`MAXFNAMELEN`).
fn point(text: &str) -> Result<String, String> {
    if (1..64).contains(&text.len()) { Ok(text.to_owned()) } else { Err("the name of a restore point has 1 to 63 bytes".to_owned()) }
}
