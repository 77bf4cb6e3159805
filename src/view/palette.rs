//! The command palette: what is typed, and below it what can be done, with its key or the reason why not now.

use super::look::Role;
use super::page::{Row, Size, window};
use super::screens::form::with_cursor;
use super::screens::{Here, listed, nothing};
use super::text;
use crate::app::model::Model;
use crate::app::palette::{self, Entry};
use tui_input::Input;

/// The lines of the palette.
pub fn rows(model: &Model, input: &Input, at: usize, size: Size) -> Vec<Row> {
    let entries = palette::matching(model, input.value());
    let at = at.min(entries.len().saturating_sub(1));
    let field = Row::of(": ", Role::Key).join(with_cursor(input.value(), input.cursor(), size.cols.saturating_sub(16)));
    let mut rows = vec![field.ending(text::plural(entries.len() as u64, "command", "commands"), Role::Muted, size.cols)];
    if size.rows > 12 {
        rows.push(Row::new());
    }
    let room = size.rows.saturating_sub(rows.len());
    if entries.is_empty() {
        rows.push(nothing("nothing is called so"));
    }
    let label = entries.iter().map(|entry| text::width(entry.label)).max().unwrap_or(0).clamp(12, 30).min(size.cols / 2);
    let lines: Vec<Row> =
        entries.iter().enumerate().map(|(nth, one)| listed(line(one, label, size.cols), Here::at(nth, at), size.cols)).collect();
    rows.extend(window(lines, at, room));
    rows
}

fn line(entry: &Entry, label: usize, cols: usize) -> Row {
    let (role, says) = match &entry.blocked {
        None => (Role::Text, entry.place.to_owned()),
        Some(why) => (Role::Muted, format!("· {why}")),
    };
    let key = if entry.blocked.is_none() { Role::Key } else { Role::Muted };
    let wide = if cols < 70 { 7 } else { 13 };
    let room = cols.saturating_sub(label + 2 + wide + 2);
    Row::of(text::left(entry.label, label), role).gap(2).then(text::left(&entry.keys, wide), key).then(text::cut(&says, room), Role::Muted)
}

/// The form for terminals too small for a screen: what is typed and what Enter would do.
pub fn one_line(model: &Model, input: &Input) -> Row {
    let row = Row::of(format!(":{}", input.value()), Role::Field).then(" ", Role::Selected);
    match palette::chosen(model) {
        Some(entry) if entry.blocked.is_none() => row.then(format!(" {}", entry.label), Role::Text),
        Some(entry) => row.then(format!(" {} ✗", entry.label), Role::Muted),
        None => row.then(" ?", Role::Muted),
    }
}
