//! What the model looks like: pure functions from `&Model` and `&Look` to a frame. Changes nothing, locks nothing, asks no clock.

mod bar;
mod chart;
mod chrome;
mod fault;
mod layout;
pub mod look;
mod modal;
mod page;
mod palette;
mod screens;
mod table;
mod text;
mod timeline;

use crate::app::modal::Modal;
use crate::app::model::Model;
use crate::app::nav::Place;
use layout::Density;
use look::{Glyphs, Look, Role};
use page::{Row, Size};
use ratatui::Frame;
use ratatui::layout::Rect;

/// Draws the whole screen. Any size will do, 0×0 included.
pub fn view(model: &Model, look: &Look, frame: &mut Frame<'_>) {
    let area = frame.area();
    frame.buffer_mut().set_style(area, look.style(Role::Text));
    let density = layout::density(area.width, area.height);
    let cols = usize::from(area.width);
    if density == Density::Line {
        let line = match model.modals.last() {
            Some(Modal::Palette { input, .. }) => palette::one_line(model, input),
            _ => screens::one_line(model, area.width, area.height),
        };
        put(frame, look, area, area.height / 2, 0, &line);
    } else {
        let (above, below) = (layout::above(density), layout::below(density));
        put(frame, look, area, 0, 0, &chrome::header(model, cols));
        if above > 1 {
            put(frame, look, area, 1, 0, &chrome::tabs(model));
            put(frame, look, area, 2, 0, &Row::of("─".repeat(cols), Role::Rule));
        }
        let size = layout::body(area.width, area.height);
        for (at, row) in body(model, size, density).iter().take(size.rows).enumerate() {
            put(frame, look, area, above + at as u16, 1, row);
        }
        if below > 1 {
            put(frame, look, area, area.height - 2, 0, &Row::of("─".repeat(cols), Role::Rule));
        }
        put(frame, look, area, area.height - 1, 0, &chrome::footer(model, cols));
    }
    if look.glyphs == Glyphs::Ascii {
        look::ascii::plain(frame.buffer_mut());
    }
}

fn put(frame: &mut Frame<'_>, look: &Look, area: Rect, row: u16, margin: u16, content: &Row) {
    if row < area.height && margin < area.width {
        let cells = area.width - margin;
        let line = content.line(look, usize::from(cells));
        frame.buffer_mut().set_line(area.x + margin, area.y + row, &line, cells);
    }
}

/// The screen, with a question below it, or an explanation in its place.
fn body(model: &Model, size: Size, density: Density) -> Vec<Row> {
    let Some(top) = model.modals.last() else { return screen(model, size, density) };
    let own = modal::rows(model, top, size);
    match modal::extent(top) {
        modal::Extent::Whole => own,
        modal::Extent::Band => {
            let rest = size.rows.saturating_sub(own.len() + 1);
            let mut rows = screen(model, Size { cols: size.cols, rows: rest }, density);
            rows.truncate(rest);
            rows.resize_with(rest, Row::new);
            rows.push(Row::of("─".repeat(size.cols), Role::Rule));
            rows.extend(own);
            rows
        }
    }
}

fn screen(model: &Model, size: Size, density: Density) -> Vec<Row> {
    match model.nav.place() {
        Place::Home => screens::home::rows(model, size, density),
        Place::Backup => screens::backup::rows(model, size, density),
        Place::Restore => screens::archives::restore(model, size),
        Place::Contents => screens::contents::rows(model, size),
        Place::Target => screens::target::rows(model, size),
        Place::Plan => screens::plan::rows(model, size),
        Place::Jobs => screens::jobs::rows(model, size),
        Place::Job(id) => screens::job::rows(model, *id, size, density),
        Place::Database(id, name) => screens::database::rows(model, *id, name, size),
        Place::Archives => screens::archives::rows(model, size),
        Place::Pitr => screens::pitr::rows(model, size, density),
        Place::Recover => screens::recover::rows(model, size),
        Place::Wal => screens::wal::rows(model, size, density),
        Place::Diagnostics => screens::diagnostics::rows(model, size, density),
        Place::Reports => screens::diagnostics::past(model, size),
        Place::Log => screens::log::rows(model, size),
        Place::Settings => screens::settings::rows(model, size),
    }
}
