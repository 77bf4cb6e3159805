//! How it stands with an archive of the log as a whole. Pure; judges by the report alone.

use super::RecoveryReport;
use crate::domain::wal::CommandKind;

/// How it stands with the archive as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There are files of the log.
    Archive,
    /// It is known where they would be, and there are none.
    Empty,
    /// The server does not archive.
    Off,
    /// Another program keeps them.
    Foreign(CommandKind),
    /// Nobody knows where they are.
    Unknown,
}

/// How it stands.
pub fn standing(report: &RecoveryReport) -> Standing {
    let (source, archiver) = (&report.wal.source, report.wal.archiver.as_ref());
    let off = archiver.is_some_and(|archiver| {
        archiver.archive_mode == "off" || (source.kind == CommandKind::Nothing && archiver.archive_library.is_empty())
    });
    match source.kind {
        _ if report.wal.stats.files > 0 => Standing::Archive,
        _ if off => Standing::Off,
        kind @ (CommandKind::PgBackRest | CommandKind::WalG | CommandKind::Barman) => Standing::Foreign(kind),
        _ if source.dir.is_some() => Standing::Empty,
        _ => Standing::Unknown,
    }
}

/// What another program is called.
pub const fn product(kind: CommandKind) -> &'static str {
    match kind {
        CommandKind::PgBackRest => "pgBackRest",
        CommandKind::WalG => "WAL-G",
        CommandKind::Barman => "Barman",
        CommandKind::Dbbackup => "dbbackup",
        CommandKind::Nothing | CommandKind::Copy | CommandKind::Other => "another program",
    }
}
