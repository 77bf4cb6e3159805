//! What of an archive of the log wants attention, and what to do about it. Pure; judges by the report alone.

use super::pitr;
use crate::app::command as line;
use crate::app::model::Model;
use crate::app::when;
use crate::domain::Bytes;
use crate::domain::recovery::RecoveryReport;
use crate::domain::time::span;
use crate::domain::wal::{ArchiverState, CommandKind, Gap};
use std::path::PathBuf;

/// How weighty something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Could not be found out, or is only worth knowing.
    Note,
    /// Wants attention.
    Warn,
    /// Something cannot be recovered because of it.
    Bad,
}

/// One thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concern {
    /// How weighty.
    pub weight: Weight,
    /// What.
    pub text: String,
    /// The command that cures it, or leads there.
    pub command: Option<String>,
}

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

/// Everything that wants attention, the weightiest first.
pub fn concerns(model: &Model) -> Vec<Concern> {
    let Some(report) = model.recovery.report.value() else { return Vec::new() };
    let mut found = vec![];
    found.extend(whole(model, report));
    if let Some(archiver) = &report.wal.archiver {
        found.extend(settings(model, report, archiver));
        found.extend(archiving(model, archiver));
    }
    found.extend(bases(model, report));
    found.extend(gap(model, report));
    found.extend(room(model, report));
    for slot in report.wal.slots.iter().filter(|slot| !slot.active && slot.held > Bytes(1_000_000_000)) {
        found.push(warn(format!("slot {} holds {} of the log on the server, and nobody reads it", slot.name, slot.held)));
    }
    found.extend(report.wal.unknown.iter().map(|text| Concern { weight: Weight::Note, text: text.clone(), command: None }));
    found.sort_by_key(|concern| std::cmp::Reverse(concern.weight));
    found
}

/// The first command that is offered.
pub fn cure(model: &Model) -> Option<String> {
    concerns(model).into_iter().find_map(|concern| concern.command)
}

fn warn(text: String) -> Concern {
    Concern { weight: Weight::Warn, text, command: None }
}

/// How it stands with the archive as a whole.
fn whole(model: &Model, report: &RecoveryReport) -> Option<Concern> {
    let bad = |text: String, command: Option<String>| Some(Concern { weight: Weight::Bad, text, command });
    match standing(report) {
        Standing::Archive => None,
        Standing::Off => {
            bad("the server does not archive its log, so that it cannot be recovered to a moment".to_owned(), Some(enable(model, report)))
        }
        Standing::Unknown if report.wal.archiver.is_none() => bad(
            "the server does not say where its log is archived: name the folder with --archive-dir, or as wal.dir in the settings (,)"
                .to_owned(),
            None,
        ),
        Standing::Unknown => bad(
            "it is not known where the log is archived: name the folder with --archive-dir or the setting wal.dir".to_owned(),
            Some(enable(model, report)),
        ),
        Standing::Foreign(kind) => {
            bad(format!("the log goes to {}, whose archive only {} itself reads", product(kind), product(kind)), None)
        }
        Standing::Empty => {
            let dir = report.wal.source.dir.as_ref().map(|dir| dir.display().to_string()).unwrap_or_default();
            bad(format!("{dir} holds no file of the log yet: the first one comes when the server has filled a segment"), None)
        }
    }
}

/// What of the server's settings keeps its log from being of use.
fn settings(model: &Model, report: &RecoveryReport, archiver: &ArchiverState) -> Vec<Concern> {
    let bad = |text: String, command: Option<String>| Concern { weight: Weight::Bad, text, command };
    let mut found = Vec::new();
    if archiver.wal_level == "minimal" {
        found.push(bad("wal_level is minimal: the log does not hold what recovery needs".to_owned(), Some(enable(model, report))));
    }
    if archiver.in_recovery && archiver.archive_mode == "on" {
        found.push(warn("this is a standby, which archives nothing with archive_mode = on: look at the primary".to_owned()));
    }
    let facts = model.servers.get(model.recovery.server).and_then(|server| server.facts.value());
    if let (Some(server), Some(archive)) = (facts.and_then(|(info, _)| info.system_identifier.as_ref()), &report.wal.system_identifier)
        && server != archive
    {
        found.push(bad(format!("the archive is another server's: its system identifier is {archive}, this server's {server}"), None));
    }
    found
}

fn archiving(model: &Model, archiver: &ArchiverState) -> Option<Concern> {
    let waits = archiver.ready.map(|ready| format!(", {ready} segments wait")).unwrap_or_default();
    if archiver.is_failing() {
        let (name, since) = archiver.last_failed.as_ref()?;
        let since = archiver.last.as_ref().map_or(*since, |(_, good)| *good);
        let text = format!(
            "archiving fails since {}: {name}{waits}; the server's log says why, and the server keeps its log until it works",
            when::day(since, &model.clock).trim_start()
        );
        return Some(Concern { weight: Weight::Bad, text, command: None });
    }
    let (_, last) = archiver.last.as_ref()?;
    let quiet = archiver.clock.since(*last);
    (quiet > 3_600_000 && archiver.archive_timeout == 0 && archiver.archive_mode != "off").then(|| Concern {
        weight: Weight::Warn,
        text: format!("nothing was archived for {}: a segment goes only when it is full, because archive_timeout is 0", span(quiet)),
        command: Some("ALTER SYSTEM SET archive_timeout = '5min'; SELECT pg_reload_conf();".to_owned()),
    })
}

fn bases(model: &Model, report: &RecoveryReport) -> Vec<Concern> {
    let good = report.bases.iter().filter(|base| base.broken.is_none()).count();
    let mut found = Vec::new();
    // Who keeps the log elsewhere keeps base backups there too.
    if good == 0 && !matches!(standing(report), Standing::Foreign(_)) {
        found.push(Concern {
            weight: Weight::Bad,
            text: "there is no base backup that can be used: recovery has nothing to begin from".to_owned(),
            command: Some(back_up(model, report)),
        });
    }
    for base in report.bases.iter().filter(|base| base.broken.is_some()).take(3) {
        let name = crate::app::jobs::file_name(&base.path);
        found.push(warn(format!("{name} cannot be used: {}", base.broken.as_deref().unwrap_or_default())));
    }
    found
}

/// The newest gap: whether a base backup has been made since, which makes it harmless for all that came after.
fn gap(model: &Model, report: &RecoveryReport) -> Option<Concern> {
    let newest: &Gap = report.wal.gaps.iter().max_by_key(|gap| gap.to)?;
    let mended = report.bases.iter().any(|base| base.broken.is_none() && base.began >= newest.from && base.ended >= newest.to);
    let missing = if newest.count() == 1 { "a segment is".to_owned() } else { format!("{} segments are", newest.count()) };
    let from = when::date_minute(newest.from, &model.clock);
    if mended {
        return Some(warn(format!("{missing} missing after {from}: a later base backup covers what came after")));
    }
    Some(Concern {
        weight: Weight::Bad,
        text: format!("{missing} missing after {from}: nothing later can be recovered until there is a new base backup"),
        command: Some(back_up(model, report)),
    })
}

/// The archive's room, where it is near its end.
fn room(model: &Model, report: &RecoveryReport) -> Option<Concern> {
    const SOON: u64 = 30 * 86_400_000;
    let (full, (free, _)) = (report.wal.full_in_ms.filter(|full| *full < SOON)?, report.wal.room?);
    let dir = report.wal.source.dir.as_ref()?;
    let words = [("--archive-dir", dir.to_string_lossy().into_owned()), ("--backup-dir", model.setup.dir.to_string_lossy().into_owned())];
    Some(warn_with(
        format!("at this rate {} ({free} free) is full in {}", dir.display(), span(full)),
        line::shell(&line::of_server(None, &["wal", "cleanup"], &words)),
    ))
}

const fn warn_with(text: String, command: String) -> Concern {
    Concern { weight: Weight::Warn, text, command: Some(command) }
}

/// Where the log would be archived.
fn wal_dir(model: &Model, report: &RecoveryReport) -> PathBuf {
    report.wal.source.dir.clone().or_else(|| pitr::wal_dir(model)).unwrap_or_else(|| model.setup.dir.join("wal"))
}

fn enable(model: &Model, report: &RecoveryReport) -> String {
    let words = [("--archive-dir", wal_dir(model, report).to_string_lossy().into_owned())];
    let connection = model.servers.get(model.recovery.server).map(|server| &server.connection);
    line::shell(&line::of_server(connection, &["pitr", "enable"], &words))
}

fn back_up(model: &Model, report: &RecoveryReport) -> String {
    let mut words = vec![("--backup-dir", model.setup.dir.to_string_lossy().into_owned())];
    words.extend(report.wal.source.dir.as_ref().map(|dir| ("--archive-dir", dir.to_string_lossy().into_owned())));
    let connection = model.servers.get(model.recovery.server).map(|server| &server.connection);
    line::shell(&line::of_server(connection, &["backup", "base"], &words))
}
