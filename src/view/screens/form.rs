//! Forms: label, value, what is wrong with it.

use super::Here;
use crate::app::form::{FieldId, Form, Value};
use crate::view::look::Role;
use crate::view::page::{Row, offset};
use crate::view::text;

/// The lines of a form; `active` when it has the keys.
pub fn rows(form: &Form, active: Here, problem: &dyn Fn(FieldId) -> Option<String>, cols: usize, height: usize) -> Vec<Row> {
    let label = form.fields.iter().map(|field| text::width(field.label)).max().unwrap_or(0) + 2;
    let room = cols.saturating_sub(label + 2);
    let mut rows = Vec::new();
    for (at, field) in form.fields.iter().enumerate() {
        let here = active == Here::Yes && at == form.at;
        let sign = if here { "▸ " } else { "  " };
        let mut row = Row::of(sign, Role::Accent).then(text::left(field.label, label), if here { Role::Text } else { Role::Muted });
        let trouble = problem(field.id);
        let spare = trouble.as_ref().map_or(0, |trouble| text::width(trouble) + 4);
        match &field.value {
            Value::Text(input) => {
                let room = room.saturating_sub(2 + spare).max(6);
                row = row.gap(2).join(match here {
                    true => with_cursor(input.value(), input.cursor(), room),
                    // A text that may be left out must not look like one that was forgotten.
                    false if input.value().is_empty() => Row::of(left_out(field.id), Role::Muted),
                    false => Row::of(text::cut(input.value(), room), Role::Field),
                });
            }
            Value::Choice { .. } | Value::Number { .. } => {
                let shown = text::cut(&field.shown(), room.saturating_sub(4));
                row = if here {
                    row.then("← ", Role::Key).then(shown, Role::Selected).then(" →", Role::Key)
                } else {
                    row.gap(2).then(shown, Role::Text)
                };
            }
        }
        if let Some(trouble) = trouble {
            row = row.then(format!("  ✗ {trouble}"), Role::Bad);
        }
        rows.push(row);
    }
    let from = offset(form.at, rows.len(), height.max(1));
    rows.into_iter().skip(from).take(height.max(1)).collect()
}

/// What an empty text stands for.
const fn left_out(id: FieldId) -> &'static str {
    match id {
        FieldId::Workdir => "where this host has such things",
        FieldId::RecoverInto | FieldId::TargetValue => "",
        FieldId::Port => "one that is free",
        FieldId::Only => "all of them",
        FieldId::Target => "its own",
        FieldId::WalDir => "none: only what the base backup holds",
        FieldId::BinDir => "found by version",
        _ => "as they are",
    }
}

/// The part of a text around its cursor, with the cursor on its character or behind the last one.
pub fn with_cursor(value: &str, cursor: usize, room: usize) -> Row {
    let before: String = value.chars().take(cursor).collect();
    let before = crate::domain::text::clean(&before);
    let at: String = value.chars().skip(cursor).take(1).collect();
    let at = if at.is_empty() { " ".to_owned() } else { crate::domain::text::clean(&at) };
    let after: String = value.chars().skip(cursor + 1).collect();
    let left = tail(&before, room.saturating_sub(text::width(&at) + usize::from(!after.is_empty()) * 2));
    let rest = room.saturating_sub(text::width(left) + text::width(&at));
    let after = text::cut(&after, rest);
    // A short text stands in a field that is seen.
    let spare = 12usize.min(room).saturating_sub(text::width(left) + text::width(&at) + text::width(&after));
    Row::of(left, Role::Field).then(at, Role::Selected).then(after, Role::Field).then(" ".repeat(spare), Role::Field)
}

/// The end of a text that fits in so many cells.
fn tail(text: &str, cells: usize) -> &str {
    let mut rest = text;
    while text::width(rest) > cells {
        let mut chars = rest.chars();
        chars.next();
        rest = chars.as_str();
    }
    rest
}
