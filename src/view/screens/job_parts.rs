//! The parts of a job's picture.

use super::{Here, listed, state};
use crate::app::jobs::{Job, file_name};
use crate::app::model::Model;
use crate::app::when;
use crate::domain::job::{DatabaseProgress, DatabaseState, JobState, Phase, Ratio};
use crate::domain::spec::{JobSpec, RestoreScope};
use crate::domain::time::span;
use crate::domain::{Bytes, Code};
use crate::engine::event::Level;
use crate::view::bar;
use crate::view::layout::Density;
use crate::view::look::Role;
use crate::view::page::{Row, Size, window};
use crate::view::table::{Layout, grows, longest, numbers, texts};
use crate::view::text;

/// What it is: "Restore db_shop….tar.zst → shop2 on db09:5432", with the job's number.
pub fn title(job: &Job, cols: usize) -> Row {
    let number = format!("job {}", job.id);
    let room = cols.saturating_sub(number.len() + 2);
    let said = match job.spec() {
        JobSpec::Backup(spec) => {
            let tail = format!(" → {}", spec.dir.to_string_lossy());
            format!("{}{}", text::cut(&capital(&job.name()), room.saturating_sub(text::width(&tail)).max(room / 2)), tail)
        }
        JobSpec::Restore(spec) => {
            let target = match &spec.scope {
                RestoreScope::Single { target, .. } => format!("{target} on {}", spec.connection.label()),
                RestoreScope::Cluster { .. } => spec.connection.label(),
            };
            let tail = format!(" → {}", text::cut(&target, room / 2));
            let head = text::cut_middle(&file_name(&spec.archive), room.saturating_sub(8 + text::width(&tail)));
            format!("Restore {head}{tail}")
        }
        JobSpec::Verify(_) | JobSpec::CheckLog(_) => capital(&job.name()),
        JobSpec::Base(spec) => format!("{} → {}", capital(&job.name()), spec.dir.to_string_lossy()),
        JobSpec::Replay(spec) => format!("{} → {}", capital(&job.name()), spec.connection.label()),
        JobSpec::Recover(spec) => format!("Recovery → {}", spec.target_dir.to_string_lossy()),
    };
    Row::of(text::cut(&said, room), Role::Title).ending(number, Role::Muted, cols)
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// What it is doing, how many databases are how, since when.
pub fn phase(model: &Model, job: &Job, cols: usize) -> Row {
    let (glyph, word, role) = state(job);
    let mut row = Row::of(format!("{glyph} {word}"), role);
    let all = &job.progress.databases;
    if all.len() > 1 {
        let count = |wanted: fn(&DatabaseState) -> bool| all.iter().filter(|one| wanted(&one.state)).count();
        let done = count(|state| matches!(state, DatabaseState::Done | DatabaseState::Proven));
        let running = count(|state| matches!(state, DatabaseState::Running(_)));
        let failed = count(crate::app::availability::failed);
        row = row.then(format!(" · {done} of {} databases done, {running} running", all.len()), Role::Text);
        if failed > 0 {
            row = row.then(", ", Role::Text).then(format!("✗ {failed} failed"), Role::Bad);
        }
    }
    let since = format!(
        "started {}  {}",
        when::second(job.began.unwrap_or(job.admitted), &model.clock),
        text::right(&span(job.elapsed(model.clock.now)), 12)
    );
    row.ending(since, Role::Muted, cols)
}

/// The bar by bytes, and the line of speed, time left and memory.
pub fn meters(job: &Job, cols: usize, density: Density) -> Vec<Row> {
    let progress = &job.progress;
    let percent = bar::percent_text(progress.bytes, bar::Over::No);
    let sign = if progress.estimated { "≈ " } else { "" };
    let figures = match progress.bytes.total {
        0 => format!("  {:>9}", Bytes(progress.bytes.done).to_string()),
        total => format!("  {:>9} / {sign}{}", Bytes(progress.bytes.done).to_string(), Bytes(total)),
    };
    let bar_cells = cols.saturating_sub(percent.len() + text::width(&figures) + 2).min(120);
    let mut first = bar::bar(progress.bytes, bar::Over::No, bar_cells);
    // An unknown total has no percentage.
    first = if progress.bytes.total > 0 { first.then(format!(" {percent}"), Role::Title) } else { first.gap(percent.len() + 1) };
    first = first.then(figures, Role::Text);
    let mut rows = vec![first];
    let speed = job.speed.current().map_or("—".to_owned(), |speed| format!("{}/s", Bytes(speed)));
    let mut second = Row::of("speed ", Role::Muted).then(text::right(&speed, 11), Role::Text);
    if density == Density::Full {
        let cells = (cols / 5).clamp(12, 60);
        second = second.gap(1).then(text::left(&bar::spark(job.speed.history.iter(), cells), cells), Role::Accent);
    }
    let remaining = progress.bytes.total.saturating_sub(progress.bytes.done);
    if let Some(left) = left(job, remaining) {
        second = second.then("   left ", Role::Muted).then(left, Role::Text);
    }
    let memory = match progress.memory_limit {
        // A recovery or a check of the log holds next to nothing, and does not count it.
        0 if progress.memory == 0 && matches!(job.spec(), JobSpec::Recover(_) | JobSpec::CheckLog(_)) => String::new(),
        0 => format!("memory {:>8}", Bytes(progress.memory).to_string()),
        limit => format!("memory {:>8} of {}", Bytes(progress.memory).to_string(), Bytes(limit)),
    };
    let written = if progress.written > 0 { format!("written {:>8}   ", Bytes(progress.written).to_string()) } else { String::new() };
    rows.push(match density {
        Density::Short | Density::Line => second,
        Density::Compact | Density::Full => {
            let both = format!("{written}{memory}");
            if second.width() + text::width(&both) + 2 <= cols {
                second.ending(both, Role::Muted, cols)
            } else {
                second.ending(memory, Role::Muted, cols)
            }
        }
    });
    rows
}

/// How long it may take, as a range; only while rows flow, for nothing is known of what comes after.
fn left(job: &Job, remaining: u64) -> Option<String> {
    if !matches!(job.state, JobState::Running(_))
        || !matches!(job.progress.phase, Phase::Data | Phase::DataAndIndexes | Phase::Verifying | Phase::Proving | Phase::Replaying)
    {
        return None;
    }
    let (quick, slow) = job.speed.left(remaining)?;
    let (quick, slow) = (span(quick), span(slow));
    Some(if quick == slow { format!("about {quick}") } else { format!("{quick} – {slow}") })
}

/// The table of databases, with the cursor.
pub fn databases(model: &Model, job: &Job, cols: usize, height: usize) -> Vec<Row> {
    let all = job.listed();
    if all.is_empty() || height < 2 {
        return Vec::new();
    }
    let restore = matches!(job.spec(), JobSpec::Restore(_));
    let names: Vec<String> = all.iter().map(|one| one.name.clone()).collect();
    let columns = [
        grows("DATABASE", 12, longest(names.iter().map(String::as_str), 12, 40)),
        texts("STATE", if cols < 60 { 11 } else { 18 }, 0),
        texts("", 10, 4),
        numbers("DATA", 17, 1),
        numbers("%", 7, 0),
        numbers("ROWS", 7, 5),
        numbers("TABLES", 12, if restore { 4 } else { 3 }),
        numbers("INDEXES", if restore { 12 } else { 0 }, 3),
        numbers("TIME", 11, 2),
    ];
    let layout = Layout::new(&columns, cols.saturating_sub(2));
    let cursor = model.databases_picker.row(&names);
    let mut rows = vec![Row::new().gap(2).join(layout.head())];
    let lines: Vec<Row> =
        all.iter().enumerate().map(|(at, one)| listed(database(model, job, one, &layout), Here::at(at, cursor), cols)).collect();
    let room = height - 1;
    if lines.len() > room {
        let waiting = all.iter().filter(|one| one.state == DatabaseState::Waiting).count();
        rows.extend(window(lines, cursor, room.saturating_sub(1)));
        let word = if job.state.is_over() { "not begun" } else { "waiting" };
        rows.push(Row::of(format!("  {} in all, {waiting} {word}", all.len()), Role::Muted));
    } else {
        rows.extend(lines);
    }
    rows
}

fn database(model: &Model, job: &Job, one: &DatabaseProgress, layout: &Layout) -> Row {
    let (glyph, word, role) = match &one.state {
        DatabaseState::Running(_) if job.state.is_over() => ("▲", "stopped", Role::Muted),
        DatabaseState::Waiting if job.state.is_over() => ("·", "not begun", Role::Muted),
        state => database_state(state),
    };
    let over = match one.state {
        DatabaseState::Done | DatabaseState::Proven => bar::Over::Yes,
        DatabaseState::Waiting | DatabaseState::Running(_) | DatabaseState::Failed(_) => bar::Over::No,
    };
    if let DatabaseState::Failed(fault) = &one.state
        && fault.code != Code::Cancelled
    {
        let name = text::left(&one.name, layout.cells(0));
        let said = format!("{glyph} {word}  {}: {}", fault.code.as_str(), fault.root_cause());
        return Row::of(name, Role::Text).gap(2).then(said, Role::Bad);
    }
    let moved = moved(one);
    let data = match (over, moved.total) {
        (bar::Over::Yes, _) if moved.done == 0 => "0 B".to_owned(),
        (_, 0) if moved.done == 0 => String::new(),
        (bar::Over::Yes, _) => Bytes(moved.done).to_string(),
        (bar::Over::No, total) if one.state == DatabaseState::Waiting => Bytes(total).to_string(),
        (bar::Over::No, total) => format!("{} / {}", Bytes(moved.done), Bytes(total)),
    };
    // Only what moves has a bar: what is done stays quiet.
    let little = bar::bar(one.work(), over, if matches!(one.state, DatabaseState::Running(_)) && !job.state.is_over() { 10 } else { 0 });
    let percent = if one.state == DatabaseState::Waiting { String::new() } else { bar::percent_text(one.work(), over) };
    let time = match one.began {
        Some(began) => span(one.ended.or(job.ended).unwrap_or(model.clock.now).since(began)),
        None => String::new(),
    };
    let mut row = layout.row(&[
        (one.name.clone(), Role::Text),
        (format!("{glyph} {word}"), role),
        (little.text(), Role::Bar),
        (data, Role::Text),
        (percent, Role::Text),
        (if one.rows > 0 { text::count(one.rows) } else { String::new() }, Role::Text),
        (part(one.tables), Role::Text),
        (part(one.indexes), Role::Text),
        (time, Role::Muted),
    ]);
    if one.state == DatabaseState::Waiting {
        row = row.all(Role::Muted);
    }
    row
}

/// The bytes that a database's phase moves: those that are read back while it is proven, else those that are brought.
pub fn moved(one: &DatabaseProgress) -> Ratio {
    if one.state == DatabaseState::Running(Phase::Proving) { one.proof } else { one.bytes }
}

fn part(ratio: Ratio) -> String {
    if ratio.total == 0 { String::new() } else { format!("{} of {}", text::count(ratio.done), text::count(ratio.total)) }
}

/// A database's state: glyph, word, role.
pub fn database_state(state: &DatabaseState) -> (&'static str, &'static str, Role) {
    match state {
        DatabaseState::Waiting => ("·", "waiting", Role::Muted),
        DatabaseState::Running(phase) => ("●", phase.words(), Role::Accent),
        DatabaseState::Done => ("✓", "done", Role::Ok),
        DatabaseState::Proven => ("✓", "proven", Role::Ok),
        DatabaseState::Failed(fault) if matches!(fault.code, Code::Cancelled) => ("▲", "cancelled", Role::Warn),
        DatabaseState::Failed(_) => ("✗", "failed", Role::Bad),
    }
}

/// The end of its log.
pub fn log_tail(model: &Model, job: &Job, height: usize) -> Vec<Row> {
    let from = job.log.lines.len().saturating_sub(height);
    job.log.lines.iter().skip(from).map(|line| log_row(model, line, Size { cols: usize::MAX, rows: 1 })).collect()
}

/// A line of a log: time, level, text.
pub fn log_row(model: &Model, line: &crate::app::jobs::LogLine, size: Size) -> Row {
    let (sign, role) = match line.level {
        Level::Debug => ("  ", Role::Muted),
        Level::Info => ("  ", Role::Text),
        Level::Warn => ("▲ ", Role::Warn),
        Level::Error => ("✗ ", Role::Bad),
    };
    let time = when::second(line.at, &model.clock);
    Row::of(time, Role::Muted).gap(1).then(sign, role).then(text::cut(&line.text, size.cols.saturating_sub(11)), role)
}
