//! What a job would do: items, checks, what is destroyed, and the field for the name. The field is always in sight.

use super::nothing;
use crate::app::load::Load;
use crate::app::model::Model;
use crate::app::screens::plan::{PlanScreen, Purpose};
use crate::app::setup::Mode;
use crate::domain::plan::{Check, CheckState, Plan, PlanItem};
use crate::view::fault;
use crate::view::look::Role;
use crate::view::page::{Row, Size};
use crate::view::text;

/// The lines of the screen.
pub fn rows(model: &Model, size: Size) -> Vec<Row> {
    let screen = &model.plan;
    match &screen.plan {
        Load::Idle => vec![nothing("nothing is planned")],
        Load::Loading(_) => {
            let what = screen.spec.as_ref().map(crate::app::jobs::name_of).unwrap_or_default();
            let mut rows = vec![
                Row::of(format!("Planning the {what}"), Role::Title),
                Row::new(),
                nothing("▸ looking at what is there; nothing is changed …"),
            ];
            if !screen.checks.is_empty() {
                rows.push(Row::new());
                rows.push(Row::of("CHECKS", Role::Muted));
                rows.extend(checks(&screen.checks, size.cols));
            }
            // What is being made stands last, and must be in sight.
            let most = size.rows.max(1);
            let hidden = rows.len().saturating_sub(most);
            rows.drain(2..2 + hidden.min(rows.len().saturating_sub(2)));
            rows
        }
        Load::Failed(fault) | Load::Stale(_, fault) => {
            fault::scrolled(fault::rows("Plan failed", fault, size.cols), screen.scroll, size.rows)
        }
        Load::Ready(plan, _) => ready(screen, plan, model.setup.mode, size),
    }
}

fn ready(screen: &PlanScreen, plan: &Plan, mode: Mode, size: Size) -> Vec<Row> {
    let foot = foot(screen, plan, mode, size);
    let height = size.rows.saturating_sub(foot.len());
    let mut rows = fault::scrolled(top(screen, plan, size.cols), screen.scroll, height);
    // What is asked stands right below what is planned, not at the far end of a tall screen.
    if rows.len() < height {
        rows.push(Row::new());
    }
    rows.extend(foot);
    rows
}

fn top(screen: &PlanScreen, plan: &Plan, cols: usize) -> Vec<Row> {
    let kind = match screen.purpose {
        Purpose::Start => "Plan",
        Purpose::DryRun => "Dry run",
    };
    let mut rows: Vec<Row> = text::wrap(&plan.title, cols.saturating_sub(10))
        .into_iter()
        .enumerate()
        .map(|(at, line)| if at == 0 { Row::of(line, Role::Title).ending(kind, Role::Muted, cols) } else { Row::of(line, Role::Title) })
        .collect();
    rows.push(Row::new());
    rows.extend(items(plan, cols));
    if !plan.checks.is_empty() {
        rows.push(Row::new());
        rows.push(Row::of("CHECKS", Role::Muted));
    }
    // What needs a person comes first: on a small screen the rest is below its edge.
    let mut sorted = plan.checks.clone();
    sorted.sort_by_key(|check| match check.state {
        CheckState::Failed => 0,
        CheckState::Warning => 1,
        CheckState::Unknown | CheckState::Running => 2,
        CheckState::Ok => 3,
    });
    rows.extend(checks(&sorted, cols));
    if !plan.facts.is_empty() {
        rows.push(Row::new());
        let label = plan.facts.iter().map(|(name, _)| text::width(name)).max().unwrap_or(0).min(24) + 2;
        for (name, value) in &plan.facts {
            for (at, line) in text::wrap(value, cols.saturating_sub(label)).into_iter().enumerate() {
                let name = if at == 0 { text::left(name, label) } else { " ".repeat(label) };
                rows.push(Row::of(name, Role::Muted).then(line, Role::Text));
            }
        }
    }
    rows
}

/// The checklist: what failed and what is worth knowing with its cure.
fn checks(checks: &[Check], cols: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    for check in checks {
        let (glyph, word, role) = match check.state {
            CheckState::Ok => ("✓", "", Role::Ok),
            CheckState::Warning => ("▲", "warning: ", Role::Warn),
            CheckState::Failed => ("✗", "failed: ", Role::Bad),
            CheckState::Unknown => ("·", "not known: ", Role::Muted),
            CheckState::Running => ("▸", "", Role::Accent),
        };
        let said = format!("{word}{}: {}", check.name, check.detail);
        let said_role = if check.state == CheckState::Ok { Role::Text } else { role };
        for (at, line) in text::wrap(&said, cols.saturating_sub(2)).into_iter().enumerate() {
            let sign = if at == 0 { format!("{glyph} ") } else { "  ".to_owned() };
            rows.push(Row::of(sign, role).then(line, said_role));
        }
        if let Some(cure) = check.cure.as_ref().filter(|_| check.state != CheckState::Ok) {
            rows.extend(text::wrap(cure, cols.saturating_sub(6)).into_iter().map(|line| Row::new().gap(6).then(line, Role::Accent)));
        }
    }
    rows
}

/// Items in columns; a note that does not fit goes on below its item, for it says what is lost.
fn items(plan: &Plan, cols: usize) -> Vec<Row> {
    let widest = |text: fn(&PlanItem) -> &str, most: usize| {
        plan.items.iter().map(|item| text::width(&crate::domain::text::clean(text(item)))).max().unwrap_or(0).min(most)
    };
    let name = widest(|item| &item.name, (cols / 4).max(10));
    // All in one archive: its name stands once, above them.
    let common = match plan.items.as_slice() {
        [first, _, ..] if plan.items.iter().all(|item| item.target == first.target) => Some(&first.target),
        _ => None,
    };
    let note = widest(|item| &item.note, cols);
    // Short notes stand beside the target, long ones go below: then it can have the room.
    let beside = if note * 3 > cols { 0 } else { note + 2 };
    let target = widest(|item| &item.target, cols.saturating_sub(name + 14 + beside).max(cols * 2 / 5).max(10));
    let mut rows = Vec::new();
    if let Some(common) = common {
        rows.push(Row::of("→ ", Role::Muted).then(text::cut_middle(common, cols.saturating_sub(2)), Role::Text));
    }
    for item in &plan.items {
        let size = item.bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
        let role = if item.destroys { Role::Bad } else { Role::Muted };
        let row = Row::of(text::left(&item.name, name), Role::Text).then(text::right(&size, 10), Role::Text);
        let row = match common {
            Some(_) => row,
            None => row.then("  → ", Role::Muted).then(text::left(&text::cut_middle(&item.target, target), target), Role::Text),
        };
        let room = cols.saturating_sub(row.width() + 2);
        if text::width(&item.note) <= room {
            rows.push(row.gap(2).then(&item.note, role));
        } else {
            rows.push(row);
            rows.extend(text::wrap(&item.note, cols.saturating_sub(4)).into_iter().map(|line| Row::new().gap(4).then(line, role)));
        }
    }
    rows
}

fn foot(screen: &PlanScreen, plan: &Plan, mode: Mode, size: Size) -> Vec<Row> {
    let mut rows = Vec::new();
    let most = if size.rows < 12 { 2 } else { (size.rows / 3).max(2) };
    let mut shown = 0;
    for loss in &plan.destroys {
        let lines = text::wrap(loss, size.cols.saturating_sub(11));
        if shown > 0 && rows.len() + lines.len() > most {
            break;
        }
        for line in lines.into_iter().take(most) {
            let head = if rows.is_empty() { "DESTROYS   " } else { "           " };
            rows.push(Row::of(head, Role::Bad).then(line, Role::Bad));
        }
        shown += 1;
    }
    if plan.destroys.len() > shown {
        rows.push(Row::of(format!("           and {} more", plan.destroys.len() - shown), Role::Bad));
    }
    if let Some(obstacle) = plan.obstacle() {
        rows.extend(Row::wrapped(&format!("✗ cannot start: {}", obstacle.what), Role::Bad, 2, size.cols).into_iter().take(3));
        return rows;
    }
    if screen.purpose == Purpose::DryRun {
        rows.push(Row::of("This is a dry run: nothing was changed, nothing will start from here.", Role::Muted));
        return rows;
    }
    match screen.wanted() {
        Some(wanted) => {
            // The name is never cut: it must be typed exactly.
            if text::width(wanted) + 15 <= size.cols {
                rows.push(Row::of("Type ", Role::Text).then(wanted, Role::Title).then(" to start:", Role::Text));
            } else {
                rows.extend(Row::wrapped(&format!("Type {wanted} to start:"), Role::Text, 2, size.cols));
            }
            let field = super::form::with_cursor(screen.typed.value(), screen.typed.cursor(), size.cols.saturating_sub(4));
            rows.push(Row::of("▸ ", Role::Accent).join(field));
            if let Some(refused) = &screen.refused {
                rows.push(Row::of(format!("✗ {refused}"), Role::Bad));
            }
        }
        None if mode == Mode::Batch => {}
        None => rows.push(Row::of("Nothing is destroyed. ", Role::Muted).then("Enter", Role::Key).then(" starts it.", Role::Text)),
    }
    rows
}
