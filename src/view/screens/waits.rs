//! Who is in the way of a job: the tree of sessions that hold what it waits for, with the chosen one.

use crate::app::jobs::Job;
use crate::app::model::Model;
use crate::app::waits;
use crate::domain::time::span;
use crate::domain::wait::{Blocker, Wait};
use crate::view::look::Role;
use crate::view::page::Row;
use crate::view::text;

/// The trees of all waits, in at most so many lines.
pub fn rows(model: &Model, job: &Job, cols: usize, most: usize) -> Vec<Row> {
    if most < 3 {
        return Vec::new();
    }
    let chosen = waits::chosen(model, job).map(|one| one.pid);
    let mut rows = Vec::new();
    let mut is_first = true;
    for wait in job.progress.waits.iter().filter(|wait| !wait.blockers.is_empty()) {
        rows.push(head(wait, cols));
        for blocker in &wait.blockers {
            // A session in two trees is pointed at in the first.
            let is_chosen = is_first && chosen == Some(blocker.pid);
            is_first &= !is_chosen;
            rows.push(line(blocker, if is_chosen { "▸ " } else { "  " }, cols));
        }
    }
    if rows.len() > most {
        let hidden = rows.len() - most.saturating_sub(1);
        rows.truncate(most.saturating_sub(1));
        rows.push(Row::of(format!("  and {hidden} more lines: l shows the log"), Role::Muted));
    }
    rows
}

fn head(wait: &Wait, cols: usize) -> Row {
    let said = format!("session {} in {} wants {} on {}", wait.pid, wait.database, wait.mode, wait.object);
    Row::of(text::cut(&said, cols), Role::Muted)
}

fn line(blocker: &Blocker, sign: &str, cols: usize) -> Row {
    let indent = "  ".repeat(blocker.depth.min(8) as usize);
    let who = match blocker.pid {
        0 => "prepared transaction".to_owned(),
        pid => format!("{pid} {}", blocker.user),
    };
    let mut facts = Vec::new();
    if !blocker.application.is_empty() {
        facts.push(blocker.application.clone());
    }
    if !blocker.client.is_empty() {
        facts.push(blocker.client.clone());
    }
    if blocker.ours {
        facts.push("dbbackup's own".to_owned());
    }
    if !blocker.state.is_empty() {
        facts.push(blocker.state.clone());
    }
    if let Some(open) = blocker.transaction_ms {
        facts.push(span(open));
    }
    let role = if blocker.is_root() { Role::Bad } else { Role::Warn };
    let word = if blocker.is_root() { " root" } else { "" };
    let row = Row::of(sign, Role::Accent).then(format!("{indent}└ {who}{word}"), role);
    let facts = text::cut(&format!("  {}", facts.join(", ")), cols.saturating_sub(row.width()));
    let row = row.then(facts, Role::Text);
    let left = cols.saturating_sub(row.width() + 2);
    if left < 8 { row } else { row.then(format!("  {}", text::cut(&blocker.statement, left)), Role::Muted) }
}
