//! The log.

use super::job_parts::log_row;
use super::{filter_row, nothing};
use crate::app::model::Model;
use crate::app::screens::log::{Follow, in_sight, lines};
use crate::engine::event::Level;
use crate::view::look::Role;
use crate::view::page::{Row, Size};

/// The lines of the screen.
pub fn rows(model: &Model, size: Size) -> Vec<Row> {
    let screen = &model.log_screen;
    let title = match screen.job.and_then(|id| model.job(id)) {
        Some(job) => format!("Log of job {}, {}", job.id, job.name()),
        None => "Log of all jobs of this run".to_owned(),
    };
    let all = lines(model);
    let seen = in_sight(model);
    let (word, role) = match screen.follow {
        Follow::Newest => ("following".to_owned(), Role::Ok),
        Follow::Held(_) => (format!("▲ held, {} newer", all.len() - seen.len()), Role::Warn),
    };
    let level = match screen.level {
        Level::Debug => "everything",
        Level::Info => "info and above",
        Level::Warn => "warnings and errors",
        Level::Error => "errors only",
    };
    let mut rows = vec![Row::of(title, Role::Title).ending(format!("{level} · {word}"), role, size.cols)];
    let room = size.rows.saturating_sub(1 + usize::from(screen.filter.text().is_some()));
    let gone = model.log.lost;
    let from = seen.len().saturating_sub(room);
    if seen.is_empty() {
        rows.push(nothing(if model.log.lines.is_empty() { "nothing was said yet" } else { "no line passes" }));
    }
    for (nth, (_, line)) in seen.iter().skip(from).enumerate() {
        // The marker takes the place of the first line, so that the rest stays where it is.
        if nth == 0 && from == 0 && gone > 0 && seen.len() == room {
            rows.push(marker(gone));
        } else {
            rows.push(log_row(model, line, size));
        }
    }
    if gone > 0 && seen.len() < room {
        rows.insert(1, marker(gone));
    }
    rows.resize_with(rows.len().max(room + 1), Row::new);
    rows.extend(filter_row(&screen.filter, all.len(), size.cols));
    rows
}

fn marker(gone: u64) -> Row {
    Row::of(format!("… {gone} older lines are no longer kept"), Role::Muted)
}
