//! PITR and WAL on a server of MySQL or MariaDB: from when to when its log is archived, what is missing, from which backups it leads on, and the
//! commands.

use crate::app::jobs::file_name;
use crate::app::load::Load;
use crate::app::model::Model;
use crate::app::screens::binlog;
use crate::app::{command, when};
use crate::domain::binlog::{BinlogReport, Leads, LogScope, LogStanding};
use crate::domain::text::clean;
use crate::domain::time::span;
use crate::domain::{Bytes, Product, Stamp};
use crate::view::look::Role;
use crate::view::page::{Row, Size};
use crate::view::table::{self, Layout, longest, numbers, texts};
use crate::view::{fault, text};

/// Which of the two screens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What can be recovered.
    Recovery,
    /// The archive in figures.
    Archive,
}

/// The lines of the screen.
pub fn rows(model: &Model, product: Product, side: Side, size: Size) -> Vec<Row> {
    let title = match side {
        Side::Recovery => format!("Recovery of {product} to a moment"),
        Side::Archive => format!("Archive of the binary log of {product}"),
    };
    let mut rows = vec![Row::of(title, Role::Title), Row::new()];
    if binlog::dir(model).is_none() {
        rows.extend(beginning(model, size.cols));
        return rows;
    }
    match &model.binlog.report {
        Load::Idle | Load::Loading(_) => rows.push(super::nothing("looking through the archive of the log and the backups …")),
        Load::Failed(problem) => {
            rows.extend(fault::short(problem, size.cols));
            rows.push(Row::of("R", Role::Key).then(" asks again", Role::Muted));
        }
        Load::Ready(standing, _) | Load::Stale(standing, _) => {
            rows.extend(coverage(model, &standing.report, size.cols));
            let room = size.rows.saturating_sub(rows.len());
            match side {
                Side::Recovery => rows.extend(recovery(model, standing, Size { rows: room, ..size })),
                Side::Archive => rows.extend(archive(model, &standing.report, Size { rows: room, ..size })),
            }
        }
    }
    rows
}

/// How an archive is begun.
fn beginning(model: &Model, cols: usize) -> Vec<Row> {
    let mut rows = Row::wrapped(
        "No archive of this server's binary log is configured. With one, and a backup from before, every moment since that backup can be recovered.",
        Role::Text,
        0,
        cols,
    );
    rows.push(Row::new());
    let steps = [
        ("1. Make a folder for it, on another disk than the server's:".to_owned(), "mkdir -m 700 /binlog".to_owned()),
        ("2. Follow the log into it, as a service:".to_owned(), command::shell(&binlog::archive_words(model))),
        ("3. Name the folder as binlog.dir in the settings (,), so that it is shown here.".to_owned(), String::new()),
        ("4. Make a backup of the whole server, from which the log leads on (2).".to_owned(), String::new()),
    ];
    for (said, command) in steps {
        rows.extend(Row::wrapped(&said, Role::Text, 0, cols));
        if !command.is_empty() {
            rows.extend(Row::wrapped(&command, Role::Title, 3, cols));
        }
    }
    rows.push(Row::new());
    rows.extend(Row::wrapped("docs/mysql.md says which rights that needs, and has the service's unit.", Role::Muted, 0, cols));
    rows
}

fn line(name: &str, value: impl Into<String>, role: Role) -> Row {
    Row::of(format!("{name:<10}"), Role::Muted).then(value.into(), role)
}

/// A moment to the second.
fn at(model: &Model, stamp: Stamp) -> String {
    when::exact(Stamp(stamp.0.div_euclid(1000) * 1000).into(), &model.clock)
}

/// From when to when, how far behind, what is missing.
fn coverage(model: &Model, report: &BinlogReport, cols: usize) -> Vec<Row> {
    let cut = |line: String| text::cut(&line, cols.saturating_sub(10));
    let mut rows = vec![line("archive", cut(report.dir.display().to_string()), Role::Text)];
    match (report.logs.first(), report.logs.last()) {
        (Some(first), Some(last)) => {
            let from = first.first.unwrap_or(first.last);
            rows.push(line("reaches", cut(format!("{} to {}", at(model, from), at(model, last.last))), Role::Title));
            let names = if first.log == last.log { first.log.to_string() } else { format!("{} to {}", first.log, last.log) };
            // What is in work has its size as the server wrote it, and lies there too.
            let work = match report.logs.iter().find(|held| !held.whole) {
                Some(held) if report.stats.files == 0 => format!("{} in work", held.bytes),
                Some(held) => format!("{} stored, and {} in work", report.stats.bytes, held.bytes),
                None => format!("{} stored", report.stats.bytes),
            };
            rows.push(line("files", cut(format!("{names}, {work}")), Role::Text));
        }
        _ => rows.push(line("reaches", "nothing is archived yet", Role::Warn)),
    }
    let (behind, role) = match &report.upstream {
        None => ("the server did not say how far it is".to_owned(), Role::Muted),
        Some(upstream) => match upstream.behind {
            Some(Bytes(0)) => ("nothing: it is at the end of the server's log".to_owned(), Role::Ok),
            Some(bytes) => (format!("{bytes} behind the server: is `dbbackup binlog archive` running?"), Role::Warn),
            None => ("the server has removed what follows: make a new backup (2)".to_owned(), Role::Bad),
        },
    };
    rows.push(line("behind", cut(behind), role));
    if report.gaps.is_empty() {
        rows.push(line("gaps", "none", Role::Ok));
    }
    for gap in report.gaps.iter().rev().take(3) {
        let names = if gap.first == gap.last { gap.first.to_string() } else { format!("{} to {}", gap.first, gap.last) };
        rows.push(line("gap", cut(format!("✗ {names}, after {}", at(model, gap.from))), Role::Bad));
    }
    rows.push(Row::new());
    rows
}

/// The moment, the backup that it begins with, the commands.
fn recovery(model: &Model, standing: &LogStanding, size: Size) -> Vec<Row> {
    let cols = size.cols;
    let mut rows = super::pitr::typed_moment(model, cols).unwrap_or_else(|| {
        let said = model.recovery.moment.map_or_else(|| "the end of the archive".to_owned(), |moment| when::exact(moment, &model.clock));
        vec![line("moment", text::cut(&said, cols.saturating_sub(10)), Role::Title)]
    });
    match binlog::base(model) {
        Some(backup) => {
            let whose = match backup.scope {
                LogScope::Server => "of the whole server".to_owned(),
                LogScope::Single => format!("of {}", clean(&backup.databases.join(", "))),
            };
            let said = format!("✓ from the backup {whose} of {}", at(model, backup.taken));
            rows.push(line("begins", text::cut(&said, cols.saturating_sub(10)), Role::Ok));
        }
        None => rows.push(line("begins", "✗ no backup from which the archived log leads there", Role::Bad)),
    }
    rows.push(Row::new());
    let said = "Enter asks what is recovered on this server, under which name and in place of what, and shows the plan. Or by hand, also elsewhere:";
    rows.extend(Row::wrapped(said, Role::Muted, 0, cols));
    if let Some(words) = binlog::words(model) {
        rows.extend(Row::wrapped(&command::shell(&words), Role::Text, 2, cols));
    }
    rows.extend(Row::wrapped(
        "Without --dry-run it is done; --clean replaces what is there; --host names another server.",
        Role::Muted,
        0,
        cols,
    ));
    let room = size.rows.saturating_sub(rows.len());
    if room >= 3 && !standing.backups.is_empty() {
        rows.push(Row::new());
        rows.extend(backups(model, standing, cols, room - 2));
    }
    rows
}

fn backups(model: &Model, standing: &LogStanding, cols: usize, height: usize) -> Vec<Row> {
    let names: Vec<String> = standing.backups.iter().map(|backup| clean(&file_name(&backup.path))).collect();
    let layout = Layout::new(
        &[
            texts("BACKUP OF", 26, 0),
            texts("LOG FROM", 26, 1),
            texts("LEADS TO", 26, 0),
            table::names("ARCHIVE", 24, longest(names.iter().map(String::as_str), 24, 72)).ranked(2),
        ],
        cols,
    );
    let mut rows = vec![layout.head()];
    for (backup, name) in standing.backups.iter().zip(&names).rev().take(height) {
        let (leads, role) = match backup.leads {
            Leads::ToEnd => ("✓ the end".to_owned(), Role::Ok),
            Leads::UpTo(stamp) => (format!("! {}", at(model, stamp)), Role::Warn),
            Leads::Nowhere => ("✗ not archived".to_owned(), Role::Bad),
        };
        rows.push(layout.row(&[
            (at(model, backup.taken), Role::Text),
            (backup.place.to_string(), Role::Muted),
            (leads, role),
            (name.clone(), Role::Muted),
        ]));
    }
    rows
}

/// Files, newest first, and what they grow by.
fn archive(model: &Model, report: &BinlogReport, size: Size) -> Vec<Row> {
    let mut rows = Vec::new();
    let growth = report.growth.map_or_else(|| "not known yet".to_owned(), |growth| format!("{growth} in an hour"));
    let full = report.full_in_ms.map_or_else(String::new, |ms| format!(", full in {}", span(ms)));
    let room = report.room.map_or_else(String::new, |(free, all)| format!("; {free} of {all} are free{full}"));
    rows.push(line("growth", text::cut(&format!("{growth}{room}"), size.cols.saturating_sub(10)), Role::Text));
    if let Some(saved) = report.stats.saved() {
        rows.push(line("saved", format!("{saved:.0} % by compression"), Role::Text));
    }
    for unknown in report.unknown.iter().take(2) {
        rows.push(line("unknown", text::cut(&clean(unknown), size.cols.saturating_sub(10)), Role::Warn));
    }
    rows.push(Row::new());
    let layout = Layout::new(
        &[texts("FILE", 20, 0), texts("LAST EVENT", 26, 0), numbers("SIZE", 10, 1), numbers("STORED", 10, 1), texts("", 10, 2)],
        size.cols,
    );
    rows.push(layout.head());
    let height = size.rows.saturating_sub(rows.len());
    for held in report.logs.iter().rev().take(height) {
        rows.push(layout.row(&[
            (held.log.to_string(), Role::Text),
            (at(model, held.last), Role::Text),
            (held.plain.map_or_else(String::new, |bytes| bytes.to_string()), Role::Text),
            (held.bytes.to_string(), Role::Text),
            if held.whole { ("whole".to_owned(), Role::Ok) } else { ("in work".to_owned(), Role::Muted) },
        ]));
    }
    rows
}
