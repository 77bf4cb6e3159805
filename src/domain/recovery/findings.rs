//! What of archiving and recovery wants attention, with its cure: what the screens and `pitr status` say alike. Pure; judges by the report alone.

use super::moment;
use super::standing::{Standing, product, standing};
use super::{BaseBackup, RecoveryReport};
use crate::domain::diagnosis::Finding;
use crate::domain::fault::{Code, Severity, Step};
use crate::domain::text::{clean, quoted};
use crate::domain::time::span;
use crate::domain::wal::{ArchiverState, CommandKind, Gap, WalReport};
use crate::domain::{Bytes, Connection};
use std::path::{Path, PathBuf};

/// Segments that may wait without anything being wrong: a burst is archived within seconds.
const WAITING: u64 = 16;

/// A slot that holds more than this while nobody reads it wants attention.
const HELD: Bytes = Bytes(1_000_000_000);

/// Days in which a full disk wants attention.
const FULL_MS: u64 = 14 * 86_400_000;

/// Without an `archive_timeout` a quiet server archives nothing for as long as it is quiet. Longer than this is worth a word.
const QUIET_MS: u64 = 3_600_000;

/// Base backups that cannot be used and are told one by one.
const TOLD: usize = 3;

/// What the commands of the cures are filled in with.
#[derive(Clone, Debug, Default)]
pub struct Cures {
    /// The server; none: the usual one.
    pub connection: Option<Connection>,
    /// Where base backups lie.
    pub backups: Option<PathBuf>,
}

impl Cures {
    fn line(&self, server: Option<&Connection>, command: &str, flags: &[(&str, &Path)]) -> String {
        let mut words = vec!["dbbackup".to_owned()];
        words.extend(server.map(|server| server.words().iter().map(|word| quoted(word)).collect::<Vec<_>>()).unwrap_or_default());
        words.push(command.to_owned());
        words.extend(flags.iter().flat_map(|(flag, dir)| [(*flag).to_owned(), quoted(&dir.to_string_lossy())]));
        words.join(" ")
    }

    fn backups(&self) -> &Path {
        self.backups.as_deref().unwrap_or(Path::new("/backups"))
    }

    fn enable(&self, wal: &WalReport) -> Step {
        let dir = wal.source.dir.clone().unwrap_or_else(|| self.backups.as_ref().map_or("/wal".into(), |dir| dir.join("wal")));
        Step::run("Switch archiving on:", self.line(self.connection.as_ref(), "pitr enable", &[("--archive-dir", &dir)]))
    }

    fn base_backup(&self, wal: &WalReport) -> String {
        let archive = wal.source.dir.as_ref().map(|dir| ("--archive-dir", dir.as_path()));
        let flags: Vec<_> = [("--backup-dir", self.backups())].into_iter().chain(archive).collect();
        self.line(self.connection.as_ref(), "backup base", &flags)
    }

    fn cleanup(&self, dir: &Path) -> String {
        self.line(None, "wal cleanup", &[("--archive-dir", dir), ("--backup-dir", self.backups())])
    }
}

/// What wants attention, the worst first.
pub fn findings(report: &RecoveryReport, cures: &Cures) -> Vec<Finding> {
    let mut found = Vec::new();
    if !report.waiting.is_empty() {
        let title = format!("{} changed and hold only after a restart of the server", report.waiting.join(", "));
        let step = Step::words("Restart the server when that is possible, for example: systemctl restart postgresql");
        found.push(finding(Severity::Critical, Code::Config, title, vec![step]));
    }
    whole(report, cures, &mut found);
    if let Some(state) = &report.wal.archiver {
        settings(report, state, cures, &mut found);
        if state.archive_mode != "off" {
            archiver(state, &report.wal, &mut found);
        }
    }
    identity(report, &mut found);
    bases(report, cures, &mut found);
    gap(report, cures, &mut found);
    room(&report.wal, cures, &mut found);
    slots(&report.wal, &mut found);
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    found
}

fn finding(severity: Severity, code: Code, title: impl Into<String>, steps: Vec<Step>) -> Finding {
    Finding { steps, ..Finding::new(severity, code, title) }
}

/// How it stands with the archive as a whole. That the server does not archive is told with its settings.
fn whole(report: &RecoveryReport, cures: &Cures, found: &mut Vec<Finding>) {
    let named = || Step::words("Name its folder with --archive-dir, or as wal.dir in the settings.");
    let (title, steps) = match standing(report) {
        Standing::Archive | Standing::Off => return,
        Standing::Unknown if report.wal.archiver.is_none() => {
            ("the server does not say where its log is archived".to_owned(), vec![named()])
        }
        Standing::Unknown => ("it is not known where the log is archived".to_owned(), vec![named(), cures.enable(&report.wal)]),
        Standing::Foreign(kind) => {
            let step = format!("Recover with {}, or archive the log here instead.", product(kind));
            (format!("the log goes to {}, whose archive only {} itself reads", product(kind), product(kind)), vec![Step::words(step)])
        }
        Standing::Empty => {
            let dir = report.wal.source.dir.as_ref().map(|dir| clean(&dir.display().to_string())).unwrap_or_default();
            let step = Step::words("The first one comes when the server has filled a segment, or is told to: SELECT pg_switch_wal()");
            (format!("{dir} holds no file of the log yet"), vec![step])
        }
    };
    found.push(finding(Severity::Critical, Code::WalArchiveMissing, title, steps));
}

/// What of the server's settings keeps its log from being of use.
fn settings(report: &RecoveryReport, state: &ArchiverState, cures: &Cures, found: &mut Vec<Finding>) {
    let wal = &report.wal;
    let waits = |name: &str| report.waiting.iter().any(|one| one == name);
    let mut bad = |title: &str| found.push(finding(Severity::Critical, Code::Config, title, vec![cures.enable(wal)]));
    if state.archive_mode == "off" && !waits("archive_mode") {
        bad("archiving is off: nothing after the last base backup can be recovered");
    } else if state.wal_level == "minimal" && !waits("wal_level") {
        bad("wal_level is minimal: the log does not hold what recovery needs");
    }
    if state.archive_mode != "off" && state.archive_library.is_empty() && wal.source.kind == CommandKind::Nothing {
        bad(match wal.source.command.as_deref().is_none_or(|command| command.trim().is_empty()) {
            true => "archive_mode is on and there is no archive_command: the server keeps all of its log until its disk is full",
            false => "the archive_command does nothing: the log is thrown away",
        });
    }
    if state.archive_mode == "on" && state.in_recovery {
        let title = "this is a standby, which archives nothing with archive_mode = on";
        let step = Step::words("Look at the primary, or set archive_mode = always here.");
        found.push(finding(Severity::Warning, Code::Config, title, vec![step]));
    }
}

fn archiver(state: &ArchiverState, wal: &WalReport, found: &mut Vec<Finding>) {
    let ready = state.ready.filter(|ready| *ready > WAITING);
    if state.is_failing() {
        let (name, at) = state.last_failed.clone().unwrap_or_default();
        let since = state.last.as_ref().map_or_else(String::new, |(_, good)| format!(" since {}", span(state.clock.since(*good))));
        let ago = span(state.clock.since(at));
        let waits = ready.map_or_else(String::new, |ready| format!(", {ready} segments wait"));
        let steps = vec![
            Step::words("The server's log says why: look for \"archive command failed\"."),
            Step::run("See whether the folder can be written to by the server's user:", dir_command(wal)),
        ];
        let title = format!("archiving fails{since}: segment {} {ago} ago{waits}", clean(&name));
        found.push(
            finding(Severity::Fatal, Code::WalArchiveMissing, title, steps)
                .shown_by(format!("{} failures; the server keeps its log and tries again until its disk is full", state.failed)),
        );
        return;
    }
    if let Some(ready) = ready {
        let title = format!("{ready} segments wait for being archived");
        let step = Step::words("The archive_command is slower than the server writes: see the disk it writes to, and --wal-jobs.");
        found.push(finding(Severity::Warning, Code::WalArchiveMissing, title, vec![step]));
    }
    let quiet = state.last.as_ref().map_or(0, |(_, at)| state.clock.since(*at));
    if quiet > QUIET_MS && state.archive_timeout == 0 {
        let title = format!("nothing was archived for {}: a segment goes only when it is full, because archive_timeout is 0", span(quiet));
        let step = Step::run(
            "Have the server close a segment after a while:",
            "ALTER SYSTEM SET archive_timeout = '5min'; SELECT pg_reload_conf();",
        );
        found.push(finding(Severity::Warning, Code::Config, title, vec![step]));
    }
}

fn dir_command(wal: &WalReport) -> String {
    let dir = quoted(&wal.source.dir.as_deref().unwrap_or(Path::new("/wal")).to_string_lossy());
    format!("ls -ld {dir}; df {dir}")
}

fn identity(report: &RecoveryReport, found: &mut Vec<Finding>) {
    if let (Some(server), Some(archive)) = (&report.server, &report.wal.system_identifier)
        && server != archive
    {
        let step = Step::words("Give the folder of this server's archive with --archive-dir, or a folder of its own to each server.");
        let finding = finding(Severity::Fatal, Code::WalForeign, "the archive is another server's", vec![step]);
        found.push(finding.shown_by(format!("the server's system identifier is {server}, the archive's {archive}")));
    }
}

fn bases(report: &RecoveryReport, cures: &Cures, found: &mut Vec<Finding>) {
    let step = |text: &str| vec![Step::run(text, cures.base_backup(&report.wal))];
    let is_usable = report.bases.iter().any(|base| base.broken.is_none());
    match standing(report) {
        // Who keeps the log elsewhere keeps base backups there too.
        Standing::Foreign(_) => {}
        _ if report.bases.is_empty() => {
            let title = "there is no base backup: the log alone recovers nothing";
            found.push(finding(Severity::Critical, Code::FileMissing, title, step("Make one:")));
        }
        _ if !is_usable => {
            let title = "no base backup can be used: recovery has nothing to begin from";
            found.push(finding(Severity::Critical, Code::FileMissing, title, step("Make a new one:")));
        }
        Standing::Archive if report.windows.is_empty() => {
            let title = "no base backup has the log that it needs: nothing can be recovered";
            found.push(finding(Severity::Fatal, Code::FileMissing, title, step("Make a new base backup:")));
        }
        _ => {}
    }
    for base in report.bases.iter().filter(|base| base.broken.is_some()).take(TOLD) {
        let name = clean(&base.path.file_name().unwrap_or(base.path.as_os_str()).to_string_lossy());
        let title = format!("{name} cannot be used: {}", clean(base.broken.as_deref().unwrap_or_default()));
        let step = Step::words("Bring back what it needs from another copy, or remove it when it is of no use any more.");
        found.push(finding(Severity::Warning, Code::CorruptedBackup, title, vec![step]));
    }
}

/// The newest gap: whether a base backup has been made since, which makes it harmless for all that came after.
fn gap(report: &RecoveryReport, cures: &Cures, found: &mut Vec<Finding>) {
    let Some(newest) = report.wal.gaps.iter().max_by_key(|gap| gap.to) else { return };
    let mends = |base: &BaseBackup| base.broken.is_none() && base.began >= newest.from && base.ended >= newest.to;
    let missing = if newest.count() == 1 { "1 segment is".to_owned() } else { format!("{} segments are", newest.count()) };
    let missing = format!("{missing} missing after {}", moment::brief(newest.from.into(), report.zone.as_deref()));
    let copy = Step::words("Copy them from where they still are: the server's pg_wal, a standby, another archive.");
    let told = if report.bases.iter().any(mends) {
        finding(Severity::Warning, Code::FileMissing, format!("{missing}: a later base backup covers what came after"), vec![copy])
    } else {
        let step = Step::run("Else make a new base backup, from which the log is whole again:", cures.base_backup(&report.wal));
        let title = format!("{missing}: nothing later can be recovered until there is a new base backup");
        finding(Severity::Critical, Code::FileMissing, title, vec![copy, step])
    };
    let all: u64 = report.wal.gaps.iter().map(Gap::count).sum();
    let more = if all > newest.count() { format!("; {all} are missing in all") } else { String::new() };
    found.push(told.shown_by(format!("missing from {} on{more}", clean(&newest.name))));
}

/// The archive's room, where it is near its end.
fn room(wal: &WalReport, cures: &Cures, found: &mut Vec<Finding>) {
    let (Some(left), Some(dir)) = (wal.full_in_ms.filter(|left| *left < FULL_MS), &wal.source.dir) else { return };
    let free = wal.room.map(|(free, _)| free).unwrap_or_default();
    let title = format!("at this rate {} ({free} free) is full in {}", clean(&dir.display().to_string()), span(left));
    let step = Step::run("See what no base backup needs any more:", cures.cleanup(dir));
    found.push(finding(Severity::Warning, Code::DiskFull, title, vec![step]));
}

fn slots(wal: &WalReport, found: &mut Vec<Finding>) {
    for slot in wal.slots.iter().filter(|slot| !slot.active && slot.held > HELD) {
        let title = format!("replication slot {} holds {} of the log and nobody reads it", clean(&slot.name), slot.held);
        let drop = format!("SELECT pg_drop_replication_slot('{}')", slot.name.replace('\'', "''"));
        let step = Step::run("Start what reads it, or drop it:", drop);
        found.push(finding(Severity::Warning, Code::ServerDiskFull, title, vec![step]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Stamp;
    use crate::domain::wal::SlotHold;

    /// An archive with a file in it that the server archives to, a base backup, and a window.
    fn good() -> RecoveryReport {
        let mut report =
            RecoveryReport { windows: vec![(Stamp(1), Stamp(2))], bases: vec![BaseBackup::default()], ..RecoveryReport::default() };
        report.wal.source.kind = CommandKind::Dbbackup;
        report.wal.source.dir = Some("/wal".into());
        report.wal.source.command = Some("dbbackup wal archive %p %f --archive-dir /wal".into());
        report.wal.stats.files = 1;
        report.wal.archiver = Some(ArchiverState { wal_level: "replica".into(), archive_mode: "on".into(), ..ArchiverState::default() });
        report
    }

    fn server(report: &mut RecoveryReport) -> &mut ArchiverState {
        report.wal.archiver.as_mut().expect("it was asked")
    }

    #[test]
    fn what_is_as_it_should_be_is_no_finding() {
        assert_eq!(findings(&good(), &Cures::default()), []);
        let unasked = RecoveryReport { wal: WalReport { archiver: None, ..good().wal }, ..good() };
        assert_eq!(findings(&unasked, &Cures::default()), []);
    }

    #[test]
    fn each_trouble_is_named_with_a_cure() {
        type Case = (&'static str, fn(&mut RecoveryReport));
        let cases: &[Case] = &[
            ("archiving is off", |report| server(report).archive_mode = "off".into()),
            ("wal_level is minimal", |report| server(report).wal_level = "minimal".into()),
            ("no archive_command", |report| {
                (report.wal.source.command, report.wal.source.kind) = (Some(String::new()), CommandKind::Nothing)
            }),
            ("does nothing", |report| (report.wal.source.command, report.wal.source.kind) = (Some("true".into()), CommandKind::Nothing)),
            ("hold only after a restart", |report| report.waiting = vec!["archive_mode".into()]),
            ("this is a standby", |report| server(report).in_recovery = true),
            ("archiving fails: segment X", |report| server(report).last_failed = Some(("X".into(), Stamp(5)))),
            ("17 segments wait", |report| server(report).ready = Some(17)),
            ("nothing was archived for 2 h", |report| {
                (server(report).last, server(report).clock) = (Some(("X".into(), Stamp(0))), Stamp(7_200_000));
            }),
            ("another server's", |report| (report.server, report.wal.system_identifier) = (Some("1".into()), Some("2".into()))),
            ("does not say where", |report| report.wal = WalReport::default()),
            ("it is not known where", |report| (report.wal.source.dir, report.wal.stats.files) = (None, 0)),
            ("/wal holds no file", |report| report.wal.stats.files = 0),
            ("goes to Barman", |report| (report.wal.source.kind, report.wal.stats.files) = (CommandKind::Barman, 0)),
            ("there is no base backup: the log alone", |report| report.bases.clear()),
            ("nothing can be recovered", |report| report.windows.clear()),
            ("7 segments are missing", |report| report.wal.gaps = vec![Gap { first: 1, last: 7, to: Stamp(9), ..Gap::default() }]),
            ("is full in 9 d", |report| report.wal.full_in_ms = Some(9 * 86_400_000)),
            ("slot s holds 2.0 GB", |report| {
                report.wal.slots = vec![SlotHold { name: "s".into(), active: false, held: Bytes(2_000_000_000) }];
            }),
        ];
        for (title, spoil) in cases {
            let mut report = good();
            spoil(&mut report);
            let found = findings(&report, &Cures::default());
            assert_eq!(found.len(), 1, "{title}: {found:?}");
            assert!(found[0].title.contains(title), "{title}: {}", found[0].title);
            assert!(!found[0].steps.is_empty(), "{title}");
        }
    }

    #[test]
    fn a_base_backup_after_a_gap_makes_it_harmless_and_a_broken_one_does_not() {
        let mut report = good();
        report.zone = Some("Europe/Berlin".into());
        report.wal.gaps = vec![Gap { first: 3, last: 3, from: Stamp(1_769_778_000_000), to: Stamp(1_769_778_060_000), ..Gap::default() }];
        report.bases.push(BaseBackup { began: Stamp(1_769_778_100_000), ended: Stamp(1_769_778_200_000), ..BaseBackup::default() });
        let found = findings(&report, &Cures::default());
        assert_eq!((found.len(), found[0].severity), (1, Severity::Warning), "{found:?}");
        assert!(found[0].title.starts_with("1 segment is missing after 2026-01-30 14:00 CET: a later"), "{found:?}");
        report.bases[1].broken = Some("it is not complete".into());
        let found =
            findings(&report, &Cures { connection: Some(Connection { host: "db 1".into(), ..Connection::default() }), backups: None });
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].title.contains("until there is a new base backup"), "{found:?}");
        let command = found[0].steps.iter().find_map(|step| step.command.clone()).expect("a command");
        assert!(
            command.starts_with("dbbackup --host 'db 1' ") && command.ends_with("backup base --backup-dir /backups --archive-dir /wal"),
            "{command}"
        );
    }
}
