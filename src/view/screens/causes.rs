//! Why something is missing after a restore: the causes, folded, the one with the most consequences first.

use crate::domain::cause::causes_words;
use crate::domain::job::Summary;
use crate::view::look::Role;
use crate::view::page::Row;
use crate::view::text;

/// The lines, at most `height`; what does not fit is counted.
pub fn rows(summary: &Summary, cols: usize, height: usize) -> Vec<Row> {
    if summary.causes.is_empty() {
        return Vec::new();
    }
    let mut rows = vec![Row::of(format!("✗ {}", causes_words(&summary.causes)), Role::Bad)];
    let wide = cols.saturating_sub(3);
    // What to do next and where the list lies stay in sight.
    let mut last = Vec::new();
    if let Some(step) = &summary.then {
        last.push(Row::new().gap(3).then(text::cut(&step.text, wide), Role::Text));
        let command = step.command.as_deref().unwrap_or_default();
        last.extend(text::wrap(command, wide).into_iter().take(2).map(|line| Row::new().gap(3).then(line, Role::Accent)));
    }
    if let Some(path) = &summary.failure_list {
        let name = text::cut_middle(&path.to_string_lossy(), wide.saturating_sub(15));
        last.push(Row::new().gap(3).then("every failure  ", Role::Muted).then(name, Role::Text));
    }
    let room = height.saturating_sub(last.len() + 1).max(2);
    for (at, cause) in summary.causes.iter().enumerate() {
        let mut lines: Vec<Row> = Vec::new();
        for (nth, line) in text::wrap(&cause.line(), wide).into_iter().enumerate() {
            let number = if nth == 0 { format!("{:<3}", format!("{}.", at + 1)) } else { "   ".to_owned() };
            lines.push(Row::of(number, Role::Muted).then(line, Role::Warn));
        }
        if summary.databases.len() > 1 && !cause.databases.is_empty() {
            lines.push(Row::new().gap(3).then(text::cut(&format!("in {}", cause.databases.join(", ")), wide), Role::Muted));
        }
        if let Some(step) = cause.steps.first() {
            let said = match &step.command {
                Some(command) => format!("fix: {} {command}", step.text),
                None => format!("fix: {}", step.text),
            };
            lines.extend(text::wrap(&said, wide).into_iter().take(2).map(|line| Row::new().gap(3).then(line, Role::Text)));
        }
        let more = summary.causes.len() - at;
        // One line is kept for the number of those that are left, unless this is the last one.
        if rows.len() + lines.len() + usize::from(more > 1) > room && at > 0 {
            rows.push(Row::of(
                format!("   and {}: e shows each database", text::plural(more as u64, "more cause", "more causes")),
                Role::Muted,
            ));
            break;
        }
        rows.extend(lines);
    }
    rows.extend(last);
    rows
}
