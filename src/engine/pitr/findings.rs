//! What of archiving and recovery wants attention, with its cure. Pure.

use crate::domain::Bytes;
use crate::domain::diagnosis::Finding;
use crate::domain::fault::{Code, Severity, Step};
use crate::domain::recovery::RecoveryReport;
use crate::domain::text::clean;
use crate::domain::time::span;
use crate::domain::wal::{ArchiverState, CommandKind, WalReport};
use crate::engine::wal::quoted;
use crate::server::Archiving;
use std::path::Path;

/// Segments that may wait without anything being wrong: a burst is archived within seconds.
const WAITING: u64 = 16;

/// A slot that holds more than this while nobody reads it wants attention.
const HELD: Bytes = Bytes(1_000_000_000);

/// Days in which a full disk wants attention.
const FULL_MS: u64 = 14 * 86_400_000;

/// What wants attention, the worst first.
pub fn findings(report: &RecoveryReport, archiving: Option<&Archiving>, backups: Option<&Path>) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(archiving) = archiving {
        settings(archiving, &report.wal, &mut found);
        if archiving.state.archive_mode != "off" {
            archiver(&archiving.state, &report.wal, &mut found);
        }
        identity(archiving, report, &mut found);
    }
    archive(report, backups, &mut found);
    slots(&report.wal, &mut found);
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    found
}

fn finding(severity: Severity, code: Code, title: impl Into<String>, steps: Vec<Step>) -> Finding {
    Finding { steps, ..Finding::new(severity, code, title) }
}

fn settings(archiving: &Archiving, wal: &WalReport, found: &mut Vec<Finding>) {
    let state = &archiving.state;
    let enable = || Step::run("Switch archiving on:", "dbbackup pitr enable --archive-dir /wal");
    let waits = |name: &str| archiving.waiting.iter().any(|one| one == name);
    if !archiving.waiting.is_empty() {
        let title = format!("{} changed and hold only after a restart of the server", archiving.waiting.join(", "));
        let step = Step::words("Restart the server when that is possible, for example: systemctl restart postgresql");
        found.push(finding(Severity::Critical, Code::Config, title, vec![step]));
    }
    if state.archive_mode == "off" && !waits("archive_mode") {
        let title = "archiving is off: nothing after the last backup can be recovered";
        found.push(finding(Severity::Critical, Code::Config, title, vec![enable()]));
    } else if state.wal_level == "minimal" && !waits("wal_level") {
        found.push(finding(
            Severity::Critical,
            Code::Config,
            "wal_level is minimal: the log does not hold what recovery needs",
            vec![enable()],
        ));
    }
    let is_command = state.archive_library.is_empty();
    if state.archive_mode != "off" && is_command && wal.source.kind == CommandKind::Nothing {
        let title = if archiving.command.trim().is_empty() {
            "archive_mode is on and there is no archive_command: the server keeps all of its log until its disk is full"
        } else {
            "the archive_command does nothing: the log is thrown away"
        };
        found.push(finding(Severity::Critical, Code::Config, title, vec![enable()]));
    }
    if state.archive_mode == "on" && state.in_recovery {
        let title = "this is a standby, which archives nothing with archive_mode = on";
        let step = Step::words("Look at the primary, or set archive_mode = always here.");
        found.push(finding(Severity::Warning, Code::Config, title, vec![step]));
    }
}

fn archiver(state: &ArchiverState, wal: &WalReport, found: &mut Vec<Finding>) {
    if state.is_failing() {
        let (name, at) = state.last_failed.clone().unwrap_or_default();
        let ago = span(state.clock.since(at));
        let steps = vec![
            Step::words("The server's log says why: look for \"archive command failed\"."),
            Step::run("See whether the folder can be written to by the server's user:", dir_command(wal)),
        ];
        found.push(
            finding(Severity::Fatal, Code::WalArchiveMissing, format!("the archiver fails: segment {} {ago} ago", clean(&name)), steps)
                .shown_by(format!("{} failures; the server keeps its log and tries again until its disk is full", state.failed)),
        );
    }
    if let Some(ready) = state.ready.filter(|ready| *ready > WAITING) {
        let title = format!("{ready} segments wait for being archived");
        let step = Step::words("The archive_command is slower than the server writes: see the disk it writes to, and --wal-jobs.");
        found.push(finding(Severity::Warning, Code::WalArchiveMissing, title, vec![step]));
    }
}

fn dir_command(wal: &WalReport) -> String {
    let dir = quoted(wal.source.dir.as_deref().unwrap_or(Path::new("/wal")));
    format!("ls -ld {dir}; df {dir}")
}

fn identity(archiving: &Archiving, report: &RecoveryReport, found: &mut Vec<Finding>) {
    if let (Some(server), Some(archive)) = (&archiving.system_identifier, &report.wal.system_identifier)
        && server != archive
    {
        let step = Step::words("Give the folder of this server's archive with --archive-dir, or a folder of its own to each server.");
        let finding = finding(Severity::Fatal, Code::WalForeign, "the archive is another server's", vec![step]);
        found.push(finding.shown_by(format!("the server's system identifier is {server}, the archive's {archive}")));
    }
}

/// The command that makes a base backup, with the folders of this report.
fn base_backup(wal: &WalReport, backups: Option<&Path>) -> String {
    let backups = backups.unwrap_or(Path::new("/backups"));
    let archive = wal.source.dir.as_ref().map_or_else(String::new, |dir| format!(" --archive-dir {}", quoted(dir)));
    format!("dbbackup backup base --backup-dir {}{archive}", quoted(backups))
}

fn archive(report: &RecoveryReport, backups: Option<&Path>, found: &mut Vec<Finding>) {
    let wal = &report.wal;
    let base_backup = base_backup(wal, backups);
    if wal.stats.segments > 0 && report.bases.is_empty() {
        let step = Step::run("Make one:", base_backup.clone());
        found.push(finding(Severity::Critical, Code::FileMissing, "there is no base backup: the log alone recovers nothing", vec![step]));
    } else if !report.bases.is_empty() && report.windows.is_empty() {
        let step = Step::run("Make a new base backup:", base_backup.clone());
        let title = "no base backup has the log that it needs: nothing can be recovered";
        found.push(finding(Severity::Fatal, Code::FileMissing, title, vec![step]));
    }
    let missing: u64 = wal.gaps.iter().map(crate::domain::wal::Gap::count).sum();
    if let Some(last) = wal.gaps.last() {
        let title = match missing {
            1 => format!("1 segment is missing: {}", last.name),
            many => format!("{many} segments are missing, the last of them from {} on", last.name),
        };
        let steps = vec![
            Step::words("Copy them from where they still are: the server's pg_wal, a standby, another archive."),
            Step::run("Else make a new base backup, from which the log is whole again:", base_backup.clone()),
        ];
        found.push(finding(Severity::Critical, Code::FileMissing, title, steps));
    }
    if let Some(left) = wal.full_in_ms.filter(|left| *left < FULL_MS) {
        let free = wal.room.map(|(free, _)| free).unwrap_or_default();
        let title = format!("at this rate the archive's disk ({free} free) is full in {}", span(left));
        let dirs = base_backup.trim_start_matches("dbbackup backup base").to_owned();
        let step = Step::run("See what no base backup needs any more:", format!("dbbackup wal cleanup{dirs}"));
        found.push(finding(Severity::Warning, Code::DiskFull, title, vec![step]));
    }
}

fn slots(wal: &WalReport, found: &mut Vec<Finding>) {
    for slot in wal.slots.iter().filter(|slot| !slot.active && slot.held > HELD) {
        let title = format!("replication slot {} holds {} of the log and nobody reads it", slot.name, slot.held);
        let drop = format!("SELECT pg_drop_replication_slot('{}')", slot.name.replace('\'', "''"));
        let step = Step::run("Start what reads it, or drop it:", drop);
        found.push(finding(Severity::Warning, Code::ServerDiskFull, title, vec![step]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Stamp;
    use crate::domain::wal::{Gap, SlotHold};

    fn titles(report: &RecoveryReport, archiving: Option<&Archiving>) -> Vec<String> {
        findings(report, archiving, None).into_iter().map(|finding| finding.title).collect()
    }

    fn good() -> Archiving {
        let state = ArchiverState { wal_level: "replica".into(), archive_mode: "on".into(), ..ArchiverState::default() };
        Archiving { state, command: "dbbackup wal archive %p %f --archive-dir /wal".into(), ..Archiving::default() }
    }

    fn report() -> RecoveryReport {
        let mut report = RecoveryReport::default();
        report.wal.source.kind = CommandKind::Dbbackup;
        report
    }

    #[test]
    fn what_is_as_it_should_be_is_no_finding() {
        assert_eq!(titles(&report(), Some(&good())), Vec::<String>::new());
        assert_eq!(titles(&report(), None), Vec::<String>::new());
    }

    #[test]
    fn each_trouble_is_named_with_a_cure() {
        type Case = (&'static str, fn(&mut Archiving, &mut RecoveryReport));
        let cases: &[Case] = &[
            ("archiving is off", |server, _| server.state.archive_mode = "off".into()),
            ("wal_level is minimal", |server, _| server.state.wal_level = "minimal".into()),
            ("no archive_command", |server, report| (server.command, report.wal.source.kind) = (String::new(), CommandKind::Nothing)),
            ("does nothing", |server, report| (server.command, report.wal.source.kind) = ("true".into(), CommandKind::Nothing)),
            ("hold only after a restart", |server, _| server.waiting = vec!["archive_mode".into()]),
            ("this is a standby", |server, _| server.state.in_recovery = true),
            ("the archiver fails: segment X", |server, _| server.state.last_failed = Some(("X".into(), Stamp(5)))),
            ("17 segments wait", |server, _| server.state.ready = Some(17)),
            ("another server's", |server, report| {
                (server.system_identifier, report.wal.system_identifier) = (Some("1".into()), Some("2".into()));
            }),
            ("no base backup: the log alone", |_, report| report.wal.stats.segments = 1),
            ("nothing can be recovered", |_, report| report.bases.push(crate::domain::recovery::BaseBackup::default())),
            ("7 segments are missing", |_, report| report.wal.gaps = vec![Gap { first: 1, last: 7, ..Gap::default() }]),
            ("is full in 9 d", |_, report| report.wal.full_in_ms = Some(9 * 86_400_000)),
            ("slot s holds 2.0 GB", |_, report| {
                report.wal.slots = vec![SlotHold { name: "s".into(), active: false, held: Bytes(2_000_000_000) }];
            }),
        ];
        for (title, spoil) in cases {
            let (mut server, mut report) = (good(), report());
            spoil(&mut server, &mut report);
            let found = findings(&report, Some(&server), None);
            assert_eq!(found.len(), 1, "{title}: {found:?}");
            assert!(found[0].title.contains(title), "{title}: {}", found[0].title);
            assert!(!found[0].steps.is_empty(), "{title}");
        }
    }
}
