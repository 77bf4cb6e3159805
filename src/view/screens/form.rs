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
                row = row.then(around_cursor(input.value(), input.cursor(), room), Role::Field);
                if here {
                    row = row.then(" ", Role::Selected);
                }
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

/// The part of a text around its cursor; the end when all is before it.
fn around_cursor(value: &str, cursor: usize, room: usize) -> String {
    let clean = crate::domain::text::clean(value);
    if text::width(&clean) <= room {
        return text::left(&clean, text::width(&clean).max(room.min(12)));
    }
    let before: String = value.chars().take(cursor).collect();
    let before = crate::domain::text::clean(&before);
    let skip = text::width(&before).saturating_sub(room.saturating_sub(2));
    let mut passed = 0;
    let shown: String = clean
        .chars()
        .skip_while(|c| {
            let skipped = passed < skip;
            passed += text::width(c.encode_utf8(&mut [0; 4]));
            skipped
        })
        .collect();
    text::cut(&shown, room)
}
