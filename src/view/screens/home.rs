//! Home: how the servers stand, the one thing to do next, what runs, what ran last.

use super::{Here, nothing, state};
use crate::app::action::Action;
use crate::app::availability::availability;
use crate::app::jobs::{Job, file_name};
use crate::app::load::Load;
use crate::app::model::{Model, ServerView};
use crate::app::screens::archives::BASE;
use crate::app::screens::home;
use crate::app::when;
use crate::domain::time::span;
use crate::domain::{Code, Stamp};
use crate::view::bar;
use crate::view::fault;
use crate::view::layout::Density;
use crate::view::look::Role;
use crate::view::page::{Row, Size};
use crate::view::table::{Layout, grows, longest, names, numbers, texts};
use crate::view::text;

/// The lines of the screen.
pub fn rows(model: &Model, size: Size, density: Density) -> Vec<Row> {
    let air = density == Density::Full;
    let mut rows = Vec::new();
    rows.extend(advice(model, size.cols));
    let running: Vec<&Job> = model.running().collect();
    // What runs and the servers come first; the rest shares what is left.
    let reserved = running.len().min(3) + usize::from(!running.is_empty()) * 2;
    let mut servers = Vec::new();
    for (at, server) in model.servers.iter().enumerate() {
        servers.extend(server_rows(model, at, server, size));
    }
    if model.servers.is_empty() {
        servers.push(nothing("no server is configured: start dbbackup with --host, or write a [servers.NAME] section"));
    }
    let most = size.rows.saturating_sub(rows.len() + reserved + 5).max(4);
    if servers.len() > most {
        let hidden = servers.len() - most + 1;
        servers.truncate(most - 1);
        servers.push(nothing(&format!("{hidden} more lines: a taller window shows them")));
    }
    rows.extend(servers);
    if !running.is_empty() {
        rows.push(Row::new());
        rows.push(Row::of("RUNNING", Role::Muted));
        for job in running.iter().take(3) {
            rows.push(running_row(job, size.cols));
        }
    }
    if air || rows.len() + 3 < size.rows {
        rows.push(Row::new());
    }
    let left = size.rows.saturating_sub(rows.len());
    rows.extend(last_runs(model, size.cols, left));
    rows
}

fn advice(model: &Model, cols: usize) -> Vec<Row> {
    let offer = availability(model, &Action::Enter).is_ok();
    match home::advice(model) {
        Some(advice) => {
            if text::width(&advice.text) + 2 > cols {
                let mut rows = Row::wrapped(&format!("▲ {}", advice.text), Role::Warn, 2, cols);
                rows.truncate(2);
                return rows;
            }
            let row = Row::of(format!("▲ {}", advice.text), Role::Warn);
            let offer = if offer { format!("Enter: {}", advice.offer) } else { String::new() };
            vec![row.ending(offer, Role::Key, cols), Row::new()]
        }
        None if model.servers.iter().all(|server| matches!(server.facts, Load::Ready(..))) && model.archives.value().is_some() => {
            vec![Row::of(format!("✓ every database has a good backup within {} h", home::TARGET_HOURS), Role::Ok), Row::new()]
        }
        None => Vec::new(),
    }
}

fn server_rows(model: &Model, at: usize, server: &ServerView, size: Size) -> Vec<Row> {
    let here = Here::at(at, model.server);
    let label = server.connection.label();
    let address = server.connection.address();
    let mut rows = Vec::new();
    let line = |glyph: &str, role: Role, said: String| {
        let row = Row::of(format!("{glyph} "), role).then(text::cut(&label, 30), Role::Title);
        let row = listed_head(row.then(format!("  {said}"), if role == Role::Ok { Role::Muted } else { role }), here);
        // The address is said where it is another one than the label, and where there is room for all of it.
        let room = size.cols.saturating_sub(row.width() + 4);
        if address == label || text::width(&address) > room { row } else { row.ending(&address, Role::Muted, size.cols) }
    };
    match &server.facts {
        Load::Idle | Load::Loading(_) => rows.push(line("▸", Role::Muted, "connecting …".to_owned())),
        Load::Failed(fault) => {
            rows.push(line("✗", Role::Bad, "cannot be reached".to_owned()));
            rows.extend(fault::short(fault, size.cols.saturating_sub(6)).into_iter().map(|row| Row::new().gap(4).join(row)));
            let again = Row::new().gap(4).then("R", Role::Key).then(" asks again", Role::Muted);
            rows.push(match fault.code {
                Code::AuthFailed => again.then("   p", Role::Key).then(" types the password", Role::Muted),
                _ => again,
            });
        }
        Load::Ready((info, databases), _) | Load::Stale((info, databases), _) => {
            let usable = databases.iter().filter(|database| database.allow_connections && !database.is_template).count();
            let connections = format!("{} of {} connections", info.connections, info.max_connections);
            let said = format!("{} · {} · {connections}", info.title(), text::plural(usable as u64, "database", "databases"));
            rows.push(line("●", Role::Ok, said));
            if let Load::Stale(_, fault) = &server.facts {
                let row = Row::new().gap(4).then(format!("▲ these are older figures: {}", fault.code.title()), Role::Warn);
                rows.push(row.then("   R", Role::Key).then(" asks again", Role::Muted));
            }
        }
    }
    rows.extend(recoverable(model, at, size.cols));
    rows.extend(backups(model, server, size));
    rows
}

/// How far recovery reaches, where that is known already: Home asks nothing for it.
fn recoverable(model: &Model, at: usize, cols: usize) -> Option<Row> {
    let report = model.recovery.report.value().filter(|_| model.recovery.server == at)?;
    let failing = report.wal.archiver.as_ref().is_some_and(crate::domain::wal::ArchiverState::is_failing);
    let (_, to) = report.windows.last()?;
    let to = when::day(*to, &model.clock);
    let (said, role) = match failing {
        true => (format!("▲ recoverable to {}: archiving fails", to.trim_start()), Role::Warn),
        false => (format!("recoverable to {}", to.trim_start()), Role::Muted),
    };
    Some(Row::new().gap(4).then(text::cut(&said, cols.saturating_sub(16)), role).then("   6", Role::Key).then(" PITR", Role::Muted))
}

fn listed_head(row: Row, here: Here) -> Row {
    Row::of(super::pointer(here), Role::Accent).join(row)
}

fn backups(model: &Model, server: &ServerView, size: Size) -> Vec<Row> {
    let last = home::last_backups(model, server);
    if last.is_empty() || model.archives.fault().is_some_and(|_| model.archives.value().is_none()) {
        return Vec::new();
    }
    if !matches!(model.archives, Load::Ready(..) | Load::Stale(..)) {
        return vec![nothing("  looking for archives …")];
    }
    let files: Vec<String> =
        last.iter().filter_map(|backup| backup.archive.as_ref()).map(|(archive, _)| file_name(&archive.path)).collect();
    let layout = Layout::new(
        &[
            texts("", 1, 0),
            grows("DATABASE", 14, longest(last.iter().map(|backup| backup.database.as_str()), 14, 63)),
            texts("LAST GOOD BACKUP", 17, 1),
            numbers("AGE", 8, 0),
            numbers("SIZE", 11, 2),
            names("ARCHIVE", 20, longest(files.iter().map(String::as_str), 20, 96)).ranked(4),
            texts("STATE", 7, 3),
        ],
        size.cols.saturating_sub(4),
    );
    let mut rows = vec![Row::new().gap(4).join(layout.head())];
    for backup in &last {
        let late = backup.is_late(model.clock.now);
        let (glyph, role, word) = if late { ("▲", Role::Warn, "late") } else { ("✓", Role::Ok, "ok") };
        let cells = match &backup.archive {
            Some((archive, head)) => vec![
                (glyph.to_owned(), role),
                (backup.database.clone(), Role::Text),
                (when::day(Stamp(head.created_ms), &model.clock), Role::Text),
                (when::age(Stamp(head.created_ms), &model.clock), if late { role } else { Role::Text }),
                match head.databases.len() {
                    // The size of the whole archive, of which it is a part.
                    _ if head.kind == BASE => (format!("in {}", archive.bytes), Role::Muted),
                    2.. => (format!("in {}", archive.bytes), Role::Muted),
                    _ => (archive.bytes.to_string(), Role::Text),
                },
                (file_name(&archive.path), Role::Muted),
                (word.to_owned(), if late { role } else { Role::Muted }),
            ],
            None => vec![
                (glyph.to_owned(), role),
                (backup.database.clone(), Role::Text),
                ("never".to_owned(), role),
                ("—".to_owned(), Role::Muted),
                ("—".to_owned(), Role::Muted),
                (String::new(), Role::Muted),
                ("none".to_owned(), Role::Muted),
            ],
        };
        rows.push(Row::new().gap(4).join(layout.row(&cells)));
    }
    rows
}

/// A running job on one line: name, bar, percent, speed.
pub fn running_row(job: &Job, cols: usize) -> Row {
    let (glyph, word, role) = state(job);
    let name = (cols / 3).clamp(12, 40);
    let speed = job.speed.current().map(|speed| format!("{}/s", crate::domain::Bytes(speed))).unwrap_or_default();
    let bar_cells = cols.saturating_sub(name + 2 + 8 + 12 + 20).min(50);
    let mut row = Row::of(format!("{glyph} "), role).then(text::left(&job.name(), name), Role::Text).gap(1);
    if bar_cells >= 8 {
        row = row.join(bar::bar(job.progress.bytes, bar::Over::No, bar_cells)).gap(1);
    }
    row.then(text::right(&bar::percent_text(job.progress.bytes, bar::Over::No), 7), Role::Text)
        .then(text::right(&speed, 12), Role::Muted)
        .then(format!("  {word}"), role)
}

fn last_runs(model: &Model, cols: usize, rows: usize) -> Vec<Row> {
    if rows < 2 {
        return Vec::new();
    }
    let layout = Layout::new(
        &[texts("", 1, 0), texts("", 17, 0), texts("", 12, 2), grows("", 16, 44), numbers("", 9, 1), numbers("", 12, 3), texts("", 14, 2)],
        cols,
    );
    let mut lines: Vec<(i64, Row)> = Vec::new();
    for job in model.jobs.iter().filter(|job| job.state.is_over()) {
        let (glyph, word, role) = state(job);
        let ended = job.ended.unwrap_or(job.admitted);
        let what = match job.fault() {
            Some(fault) => format!("{}: {}", fault.code.as_str(), fault.root_cause()),
            None => job.name(),
        };
        lines.push((
            ended.0,
            layout.row(&[
                (glyph.to_owned(), role),
                (when::day(ended, &model.clock), Role::Text),
                (job.spec().noun().to_lowercase(), Role::Text),
                (what, if job.fault().is_some() { Role::Bad } else { Role::Text }),
                (String::new(), Role::Text),
                (span(job.elapsed(ended)), Role::Muted),
                (word.to_owned(), role),
            ]),
        ));
    }
    // A backup of this run stands in the folder too: its archive is not listed twice.
    let mine: Vec<&std::path::PathBuf> = model
        .jobs
        .iter()
        .filter_map(|job| match &job.state {
            crate::domain::job::JobState::Finished(summary) => Some(&summary.archives),
            _ => None,
        })
        .flatten()
        .collect();
    for archive in model.archives.value().into_iter().flatten().filter(|archive| !mine.contains(&&archive.path)) {
        let Ok(head) = &archive.head else { continue };
        let (glyph, role, word) = if head.complete { ("✓", Role::Ok, "complete") } else { ("▲", Role::Warn, "partial") };
        let what = match (head.kind.as_str(), head.databases.as_slice()) {
            (BASE, _) => "base backup".to_owned(),
            ("cluster", all) => format!("cluster, {}", text::plural(all.len() as u64, "database", "databases")),
            (_, all) => all.join(", "),
        };
        lines.push((
            head.created_ms,
            layout.row(&[
                (glyph.to_owned(), role),
                (when::day(Stamp(head.created_ms), &model.clock), Role::Text),
                ("backup".to_owned(), Role::Text),
                (what, Role::Text),
                (archive.bytes.to_string(), Role::Text),
                (span(head.duration_ms), Role::Muted),
                (word.to_owned(), role),
            ]),
        ));
    }
    let mut out = vec![Row::of("LAST RUNS", Role::Muted)];
    if lines.is_empty() {
        out.push(match &model.archives {
            Load::Idle | Load::Loading(_) => nothing("looking for archives …"),
            Load::Failed(fault) => {
                out.extend(fault::short(fault, cols));
                return out;
            }
            Load::Ready(..) | Load::Stale(..) => nothing("no backup yet: press b"),
        });
    }
    lines.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    out.extend(lines.into_iter().take(rows - 1).map(|(_, row)| row));
    out
}
