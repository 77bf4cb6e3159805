//! The jobs of this run.

use super::{Here, listed, nothing, state};
use crate::app::model::Model;
use crate::app::when;
use crate::domain::time::span;
use crate::view::bar;
use crate::view::look::Role;
use crate::view::page::{Row, Size, window};
use crate::view::table::{Layout, grows, numbers, texts};

/// The lines of the screen.
pub fn rows(model: &Model, size: Size) -> Vec<Row> {
    if model.jobs.is_empty() {
        return vec![Row::of("Jobs of this run", Role::Title), Row::new(), nothing("no job has run yet: 2 makes a backup, 3 restores one")];
    }
    let layout = Layout::new(
        &[
            texts("", 1, 0),
            numbers("JOB", 3, 2),
            grows("WHAT", 26, 90),
            texts("STATE", 18, 0),
            numbers("DONE", 7, 0),
            numbers("SPEED", 11, 3),
            numbers("TIME", 11, 1),
            texts("STARTED", 16, 4),
        ],
        size.cols.saturating_sub(2),
    );
    let mut rows = vec![Row::new().gap(2).join(layout.head())];
    let ids = model.job_ids();
    let cursor = model.jobs_picker.row(&ids);
    let mut lines = Vec::new();
    for (at, job) in model.jobs.iter().rev().enumerate() {
        let (glyph, word, role) = state(job);
        let over = if job.state.is_over() { bar::Over::Yes } else { bar::Over::No };
        let done = match (&job.state, over) {
            (crate::domain::job::JobState::Finished(_), _) => bar::percent_text(job.progress.bytes, over),
            (_, bar::Over::Yes) => "—".to_owned(),
            (_, bar::Over::No) => bar::percent_text(job.progress.bytes, over),
        };
        let speed = match (over, job.speed.current()) {
            (bar::Over::No, Some(speed)) => format!("{}/s", crate::domain::Bytes(speed)),
            _ => String::new(),
        };
        let row = layout.row(&[
            (glyph.to_owned(), role),
            (job.id.to_string(), Role::Muted),
            (job.name(), Role::Text),
            (word.to_owned(), role),
            (done, Role::Text),
            (speed, Role::Muted),
            (span(job.elapsed(model.clock.now)), Role::Text),
            (when::day(job.admitted, &model.clock), Role::Muted),
        ]);
        lines.push(listed(row, Here::at(at, cursor), size.cols));
    }
    rows.extend(window(lines, cursor, size.rows.saturating_sub(1)));
    rows
}
