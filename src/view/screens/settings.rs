//! Settings: name, value and origin in a table, and below it what the one under the cursor is, or the value being typed.

use super::form::with_cursor;
use super::{Here, filter_row, listed, nothing};
use crate::app::model::Model;
use crate::app::screens::settings::{Effect, SettingView, current, shown, wrong};
use crate::view::look::Role;
use crate::view::page::{Row, Size, offset};
use crate::view::table::{Layout, grows, longest, names as middles, texts};
use crate::view::text;

/// The lines of the screen.
pub fn rows(model: &Model, size: Size) -> Vec<Row> {
    let screen = &model.settings;
    let file = model.setup.settings_file.as_ref().map(|path| path.display().to_string());
    let place = file.map_or_else(|| "nowhere to save".to_owned(), |file| format!("saved to {file}"));
    let mut rows =
        vec![Row::of("Settings", Role::Title).ending(text::cut_middle(&place, size.cols.saturating_sub(12)), Role::Muted, size.cols)];
    let views = shown(model);
    let name = longest(views.iter().map(|view| view.name), 12, 28);
    let value = longest(views.iter().filter_map(|view| view.value.as_deref()), 12, 40);
    let layout = Layout::new(
        &[texts("SETTING", name, 0), grows("VALUE", 12, value), middles("FROM", 14, 60).ranked(1)],
        size.cols.saturating_sub(2),
    );
    let below = match size.rows {
        0..=7 => Vec::new(),
        _ => detail(model, size.cols),
    };
    rows.push(Row::new().gap(2).join(layout.head()));
    let filter = filter_row(&screen.filter, views.len(), size.cols);
    let room = size.rows.saturating_sub(rows.len() + below.len() + usize::from(filter.is_some()));
    if views.is_empty() {
        rows.push(nothing("no setting passes the filter"));
    }
    let names: Vec<&str> = views.iter().map(|view| view.name).collect();
    let cursor = screen.picker.selected.and_then(|selected| names.iter().position(|name| *name == selected)).unwrap_or(0);
    let from = offset(cursor, views.len(), room);
    let lines = views.iter().enumerate().skip(from).take(room);
    rows.extend(lines.map(|(at, view)| listed(layout.row(&cells(view)), Here::at(at, cursor), size.cols)));
    rows.resize_with(size.rows.saturating_sub(below.len() + usize::from(filter.is_some())).max(rows.len()), Row::new);
    rows.extend(filter);
    rows.extend(below);
    rows
}

fn cells(view: &SettingView) -> Vec<(String, Role)> {
    // What nobody touched is settled; what somebody set is worth a look.
    let set = !matches!(view.origin.as_str(), "default" | "this machine" | "not set");
    let value = view.value.clone().unwrap_or_else(|| "—".to_owned());
    vec![(view.name.to_owned(), Role::Text), (value, if set { Role::Accent } else { Role::Muted }), (view.origin.clone(), Role::Muted)]
}

/// What the setting under the cursor is, or the field with what is wrong in it.
fn detail(model: &Model, cols: usize) -> Vec<Row> {
    let mut rows = vec![Row::of("─".repeat(cols), Role::Rule)];
    let Some(view) = current(model) else { return rows };
    match &model.settings.edit {
        Some(edit) => {
            let label = format!("{} = ", edit.name);
            let room = cols.saturating_sub(text::width(&label));
            rows.push(Row::of(label, Role::Text).join(with_cursor(edit.input.value(), edit.input.cursor(), room)));
            let (said, role) = match wrong(model) {
                Some(_) if edit.input.value().is_empty() => (format!("wanted: {}", view.kind.expects()), Role::Muted),
                Some(why) => (format!("✗ {why}"), Role::Bad),
                None => (format!("wanted: {}", view.kind.expects()), Role::Muted),
            };
            rows.push(Row::of(text::cut(&said, cols), role));
        }
        None => {
            rows.push(Row::of(text::cut(view.doc, cols), Role::Text));
            let mut ways: Vec<String> = view.flag.iter().map(|flag| format!("--{flag}")).collect();
            ways.extend(view.variable.clone());
            ways.extend(view.default.map(|default| format!("default {default}")));
            rows.push(Row::of(text::cut(&ways.join(" · "), cols), Role::Muted));
        }
    }
    rows.push(match (&view.covered, view.effect()) {
        (Some(stronger), _) => Row::of(text::cut(&format!("▲ what is saved here is covered by {stronger}"), cols), Role::Warn),
        (None, Effect::AtOnce) => Row::of("takes effect at once", Role::Muted),
        (None, Effect::NextStart) => Row::of("counts from the next start", Role::Muted),
    });
    rows
}
