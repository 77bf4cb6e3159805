//! What a job would do: items, checks, what is destroyed, and the field for the name. The field is always in sight.

use super::nothing;
use crate::app::load::Load;
use crate::app::model::Model;
use crate::app::screens::plan::{PlanScreen, Purpose};
use crate::app::setup::Mode;
use crate::domain::plan::{CheckState, Plan};
use crate::view::fault;
use crate::view::look::Role;
use crate::view::page::{Row, Size};
use crate::view::table::{Layout, grows, numbers};
use crate::view::text;

/// The lines of the screen.
pub fn rows(model: &Model, size: Size) -> Vec<Row> {
    let screen = &model.plan;
    match &screen.plan {
        Load::Idle => vec![nothing("nothing is planned")],
        Load::Loading(_) => {
            let what = screen.spec.as_ref().map(crate::app::jobs::name_of).unwrap_or_default();
            vec![
                Row::of(format!("Planning the {what}"), Role::Title),
                Row::new(),
                nothing("▸ looking at what is there; nothing is changed …"),
            ]
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
    let top = fault::scrolled(top(screen, plan, size.cols), screen.scroll, height);
    let mut rows = top;
    rows.resize_with(height, Row::new);
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
        .map(|(at, line)| if at == 0 { Row::of(line, Role::Title).to_right(kind, Role::Muted, cols) } else { Row::of(line, Role::Title) })
        .collect();
    rows.push(Row::new());
    // Names and targets are shown in full: what is overwritten must be readable.
    let layout = Layout::new(&[grows("", 12, 44), numbers("", 9, 1), grows("", 14, 60), grows("", 10, 60)], cols);
    for item in &plan.items {
        let size = item.bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
        let note = if item.destroys { Role::Bad } else { Role::Muted };
        rows.push(layout.row(&[
            (item.name.clone(), Role::Text),
            (size, Role::Text),
            (format!("→ {}", item.target), Role::Text),
            (item.note.clone(), note),
        ]));
    }
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
    if !plan.checks.is_empty() {
        rows.push(Row::new());
        rows.push(Row::of("CHECKS", Role::Muted));
    }
    for check in &plan.checks {
        let (glyph, word, role) = match check.state {
            CheckState::Ok => ("✓", "", Role::Ok),
            CheckState::Warning => ("▲", "warning: ", Role::Warn),
            CheckState::Failed => ("✗", "failed: ", Role::Bad),
            CheckState::Unknown => ("·", "not known: ", Role::Muted),
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

fn foot(screen: &PlanScreen, plan: &Plan, mode: Mode, size: Size) -> Vec<Row> {
    let mut rows = Vec::new();
    let most = if size.rows < 12 { 1 } else { (size.rows / 3).max(2) };
    for (at, loss) in plan.destroys.iter().take(most).enumerate() {
        let head = if at == 0 { "DESTROYS   " } else { "           " };
        rows.push(Row::of(head, Role::Bad).then(text::cut(loss, size.cols.saturating_sub(11)), Role::Bad));
    }
    if plan.destroys.len() > most {
        rows.push(Row::of(format!("           and {} more", plan.destroys.len() - most), Role::Bad));
    }
    if let Some(obstacle) = plan.obstacle() {
        rows.push(Row::of(text::cut(&format!("✗ cannot start: {}", obstacle.what), size.cols), Role::Bad));
        return rows;
    }
    if screen.purpose == Purpose::DryRun {
        rows.push(Row::of("This is a dry run: nothing was changed, nothing will start from here.", Role::Muted));
        return rows;
    }
    match screen.wanted() {
        Some(wanted) => {
            let sign = screen.refused.as_ref().map(|refused| format!("   ✗ {refused}")).unwrap_or_default();
            rows.push(
                Row::of("Type ", Role::Text)
                    .then(text::cut(wanted, size.cols / 2), Role::Title)
                    .then(" to start:  ", Role::Text)
                    .then(screen.typed.value(), Role::Field)
                    .then(" ", Role::Selected)
                    .then(sign, Role::Bad),
            );
        }
        None if mode == Mode::Batch => {}
        None => rows.push(Row::of("Nothing is destroyed. ", Role::Muted).then("Enter", Role::Key).then(" starts it.", Role::Text)),
    }
    rows
}
