//! An error in full: what failed, where, why, and what cures it; laid out as the text for the normal screen is.

use super::look::Role;
use super::page::Row;
use super::text;
use crate::domain::Fault;

/// The lines of an error, wrapped to so many cells.
pub fn rows(headline: &str, fault: &Fault, cols: usize) -> Vec<Row> {
    let mut rows = vec![
        Row::of(format!("✗ {headline}: {}", fault.code.title()), Role::Bad).ending(fault.code.as_str(), Role::Muted, cols),
        Row::new(),
    ];
    let wide = cols.saturating_sub(2);
    rows.extend(text::wrap(&fault.what, wide).into_iter().map(|line| Row::of(line, Role::Title)));
    let context = || fault.context.iter().filter(|(name, _)| name != Fault::REPORT);
    let label = context().map(|(name, _)| text::width(name)).max().unwrap_or(0).min(20) + 2;
    for (name, value) in context() {
        for (at, line) in text::wrap(value, wide.saturating_sub(label)).into_iter().enumerate() {
            let name = if at == 0 { text::left(name, label) } else { " ".repeat(label) };
            rows.push(Row::of(name, Role::Muted).then(line, Role::Text));
        }
    }
    if !fault.causes.is_empty() {
        rows.push(Row::new());
        for (at, cause) in fault.causes.iter().rev().enumerate() {
            let label = if at == 0 { "root cause  " } else { "seen as     " };
            for (nth, line) in text::wrap(cause, wide.saturating_sub(12)).into_iter().enumerate() {
                let label = if nth == 0 { label } else { "            " };
                rows.push(Row::of(label, Role::Muted).then(line, if at == 0 { Role::Warn } else { Role::Text }));
            }
        }
    }
    if let Some(sqlstate) = &fault.sqlstate {
        rows.push(Row::of("SQLSTATE    ", Role::Muted).then(sqlstate, Role::Text));
    }
    if let Some(statement) = &fault.statement {
        rows.push(Row::of("statement", Role::Muted));
        for line in statement.lines().take(12) {
            rows.extend(text::wrap(line, wide.saturating_sub(2)).into_iter().map(|line| Row::new().gap(2).then(line, Role::Text)));
        }
    }
    if !fault.steps.is_empty() {
        rows.push(Row::new());
        rows.push(Row::of("HOW TO FIX", Role::Muted));
        for (at, step) in fault.steps.iter().enumerate() {
            for (nth, line) in text::wrap(&step.text, wide.saturating_sub(4)).into_iter().enumerate() {
                let number = if nth == 0 { format!("{:>2}. ", at + 1) } else { "    ".to_owned() };
                rows.push(Row::of(number, Role::Muted).then(line, Role::Text));
            }
            if let Some(command) = &step.command {
                rows.extend(text::wrap(command, wide.saturating_sub(6)).into_iter().map(|line| Row::new().gap(6).then(line, Role::Accent)));
            }
        }
    }
    rows.push(Row::new());
    rows.push(Row::of(format!("More: {}", fault.anchor()), Role::Muted));
    rows.extend(fault.report().into_iter().flat_map(|report| Row::wrapped(&format!("Report: {report}"), Role::Muted, 2, cols)));
    rows
}

/// The lines from `scroll` on that fit, the last page at the most; what is below is said in the last line.
pub fn scrolled(rows: Vec<Row>, scroll: usize, height: usize) -> Vec<Row> {
    if rows.len() <= height {
        return rows;
    }
    let page = height.saturating_sub(1);
    let from = scroll.min(rows.len() - page);
    let below = rows.len() - page - from;
    let mut shown: Vec<Row> = rows.into_iter().skip(from).take(page).collect();
    shown.push(match below {
        0 => Row::of("end", Role::Muted),
        below => Row::of(format!("↓ {}: Down, PgDn", text::plural(below as u64, "more line", "more lines")), Role::Muted),
    });
    shown
}

/// An error in two lines, for places where it is one thing among others: what, then the root cause and the first step.
pub fn short(fault: &Fault, cols: usize) -> Vec<Row> {
    let mut rows = Row::wrapped(&format!("✗ {}: {}", fault.code.title(), fault.what), Role::Bad, 2, cols);
    rows.truncate(3);
    if fault.root_cause() != fault.what {
        rows.extend(
            text::wrap(fault.root_cause(), cols.saturating_sub(2)).into_iter().take(2).map(|line| Row::new().gap(2).then(line, Role::Text)),
        );
    }
    if let Some(step) = fault.steps.first() {
        rows.extend(Row::wrapped(&step.text, Role::Text, 0, cols.saturating_sub(2)).into_iter().map(|row| Row::new().gap(2).join(row)));
        if let Some(command) = &step.command {
            rows.push(Row::new().gap(4).then(command, Role::Accent));
        }
    }
    rows
}
