//! One database of a job: its figures and the tables at work now.

use super::job_parts::{database_state, moved};
use super::nothing;
use crate::app::model::Model;
use crate::domain::Bytes;
use crate::domain::job::{DatabaseState, JobId};
use crate::domain::time::span;
use crate::view::bar;
use crate::view::fault;
use crate::view::look::Role;
use crate::view::page::{Row, Size};
use crate::view::table::{Layout, grows, numbers, texts};
use crate::view::text;

/// The lines of the screen.
pub fn rows(model: &Model, id: JobId, name: &str, size: Size) -> Vec<Row> {
    let frozen = model.frozen.as_ref().map(|frozen| &frozen.job).filter(|job| job.id == id);
    let Some(job) = frozen.or_else(|| model.job(id)) else { return vec![nothing("this job is not known")] };
    let Some(one) = job.progress.databases.iter().find(|one| one.name == name) else {
        return vec![nothing("this database is not part of the job")];
    };
    let (glyph, word, role) = database_state(&one.state);
    let mut rows =
        vec![Row::of(text::cut(&one.name, size.cols.saturating_sub(28)), Role::Title).then(format!("   {glyph} {word}"), role).ending(
            format!("{} · job {}", text::cut(&job.name(), size.cols / 3), job.id),
            Role::Muted,
            size.cols,
        )];
    if frozen.is_some() {
        rows.push(Row::of(" FROZEN ", Role::Selected));
    }
    if let DatabaseState::Failed(fault) = &one.state {
        rows.push(Row::new());
        let room = size.rows.saturating_sub(rows.len());
        rows.extend(fault::scrolled(fault::rows(&format!("{} of {name} failed", job.spec().noun()), fault, size.cols), 0, room));
        return rows;
    }
    let over = if matches!(one.state, DatabaseState::Done | DatabaseState::Proven) { bar::Over::Yes } else { bar::Over::No };
    let moved = moved(one);
    let figures = format!(" {}  {} / {}", bar::percent_text(one.work(), over), Bytes(moved.done), Bytes(moved.total));
    rows.push(bar::bar(one.work(), over, size.cols.saturating_sub(text::width(&figures) + 1).min(60)).then(figures, Role::Text));
    let mut facts = format!("tables {} of {}", one.tables.done, one.tables.total);
    if one.indexes.total > 0 {
        facts.push_str(&format!("   indexes and constraints {} of {}", one.indexes.done, one.indexes.total));
    }
    facts.push_str(&format!("   rows {}", text::count(one.rows)));
    if let Some(began) = one.began {
        facts.push_str(&format!("   {}", span(one.ended.or(job.ended).unwrap_or(model.clock.now).since(began))));
    }
    rows.push(Row::of(facts, Role::Muted));
    rows.push(Row::new());
    let active: Vec<_> = job.progress.active.iter().filter(|table| table.database == name).collect();
    if active.is_empty() {
        rows.push(nothing(match one.state {
            DatabaseState::Waiting => "its turn has not come yet",
            _ => "no table is at work now",
        }));
        return rows;
    }
    let layout = Layout::new(
        &[
            grows("TABLE", 16, 60),
            texts("DOING", 22, 1),
            texts("", 10, 3),
            numbers("DATA", 21, 2),
            numbers("%", 7, 0),
            numbers("ROWS", 9, 4),
            numbers("SESSIONS", 8, 5),
        ],
        size.cols.saturating_sub(2),
    );
    rows.push(Row::new().gap(2).join(layout.head()));
    for table in active {
        let row = layout.row(&[
            (table.table.clone(), Role::Text),
            (table.doing.clone(), Role::Accent),
            (bar::bar(table.bytes, bar::Over::No, 10).text(), Role::Bar),
            (format!("{} / {}", Bytes(table.bytes.done), Bytes(table.bytes.total)), Role::Text),
            (bar::percent_text(table.bytes, bar::Over::No), Role::Text),
            (text::count(table.rows), Role::Text),
            (table.workers.to_string(), Role::Muted),
        ]);
        rows.push(Row::new().gap(2).join(row));
    }
    rows
}
