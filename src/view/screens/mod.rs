//! The screens, each a function from the model to lines.

pub mod archives;
mod archiving;
pub mod backup;
mod binlog;
pub mod causes;
pub mod contents;
pub mod database;
pub mod diagnostics;
pub mod form;
pub mod home;
pub mod job;
mod job_parts;
pub mod jobs;
pub mod log;
mod physical;
pub mod pitr;
pub mod plan;
pub mod recover;
pub mod settings;
pub mod target;
mod waits;
pub mod wal;

use super::bar;
use super::look::Role;
use super::page::Row;
use super::text;
use crate::app::jobs::Job;
use crate::app::model::Model;
use crate::domain::job::{JobState, Verdict};

/// The form for terminals too small for a screen: the state of the newest job, or what is missing.
pub fn one_line(model: &Model, cols: u16, rows: u16) -> Row {
    let wide = usize::from(cols);
    match model.running().next().or(model.jobs.last()) {
        Some(job) => {
            let (glyph, word, role) = state(job);
            let percent = if job.state.is_over() { String::new() } else { bar::percent_text(job.progress.bytes, bar::Over::No) };
            Row::of(text::cut(&format!("{glyph} {}{percent} {word}", job.name()), wide), role)
        }
        None => Row::of(text::cut(&format!("need 40x10, have {cols}x{rows}"), wide), Role::Warn),
    }
}

/// A job's state: glyph, word, role.
pub fn state(job: &Job) -> (&'static str, &'static str, Role) {
    match &job.state {
        JobState::Queued => ("·", "queued", Role::Muted),
        JobState::Running(progress) if progress.waiting.is_some() => ("▲", "waiting", Role::Warn),
        JobState::Running(progress) => ("●", physical::phase(job.spec(), progress.phase), Role::Accent),
        JobState::Stopping(_) => ("▲", "stopping", Role::Warn),
        JobState::Finished(_) => match crate::app::update::flow::exit_code(job.spec(), &job.state) {
            65 => ("✗", "differs", Role::Bad),
            0 if any_failed(job) => ("▲", "partial", Role::Warn),
            0 => ("✓", "done", Role::Ok),
            _ => ("✗", "partial", Role::Bad),
        },
        JobState::Failed(_) => ("✗", "failed", Role::Bad),
        JobState::Cancelled(_) => ("▲", "cancelled", Role::Warn),
    }
}

fn any_failed(job: &Job) -> bool {
    match &job.state {
        JobState::Finished(summary) => summary.verdict() != Verdict::Complete,
        _ => false,
    }
}

/// The cursor's sign before a line.
pub const fn pointer(here: Here) -> &'static str {
    match here {
        Here::Yes => "▸ ",
        Here::No => "  ",
    }
}

/// Whether the cursor is on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Here {
    /// It is.
    Yes,
    /// It is elsewhere.
    No,
}

impl Here {
    /// Whether row `at` is the cursor's.
    pub fn at(at: usize, cursor: usize) -> Self {
        if at == cursor { Here::Yes } else { Here::No }
    }
}

/// A line of a list, with its sign and its ground when the cursor is on it.
pub fn listed(row: Row, here: Here, cols: usize) -> Row {
    match here {
        Here::Yes => Row::of(pointer(here), Role::Selected).join(row.all(Role::Selected)).fill(cols, Role::Selected),
        Here::No => Row::of(pointer(here), Role::Text).join(row),
    }
}

/// What is said in place of an empty list.
pub fn nothing(text: &str) -> Row {
    Row::of(format!("  {text}"), Role::Muted)
}

/// The line that shows a filter, with how many lines it lets through.
pub fn filter_row(filter: &crate::app::list::Filter, shown: usize, cols: usize) -> Option<Row> {
    let text = filter.text()?;
    let row = Row::of("/ ", Role::Key).then(text, Role::Field);
    let row = if filter.is_typing() { row.then(" ", Role::Selected) } else { row.then("   Esc clears", Role::Muted) };
    Some(row.ending(format!("{shown} shown"), Role::Muted, cols))
}
