//! The frame around every screen: one line of context, one of tabs, one of keys and news.

use super::bar;
use super::look::Role;
use super::page::Row;
use super::text;
use crate::app::action::{Action, ScreenId};
use crate::app::availability::{availability, is_of_another_product};
use crate::app::keymap::{self, Hint};
use crate::app::load::Load;
use crate::app::modal::{Keys, Modal};
use crate::app::model::Model;
use crate::app::setup::Mode;
use crate::app::update::keys::is_typing;
use crate::app::when;
use crate::engine::event::Level;

/// The line of context: program, server, jobs, clock.
pub fn header(model: &Model, cols: usize) -> Row {
    let mut left = Row::of(" dbbackup", Role::Title).gap(3);
    if let Some(server) = model.server() {
        left = left.then(text::cut(&server.connection.label(), cols / 3), Role::Accent);
        left = match &server.facts {
            Load::Ready((info, _), _) | Load::Stale((info, _), _) => {
                left.then(format!(" · {} · {}", info.title(), info.state()), Role::Muted)
            }
            Load::Loading(_) => left.then(" · connecting …", Role::Muted),
            Load::Failed(fault) => left.then(format!(" · ✗ {}", fault.code.title()), Role::Bad),
            Load::Idle => left,
        };
    }
    let mut right = Row::new();
    let running: Vec<_> = model.running().collect();
    if let [first, ..] = running.as_slice() {
        let jobs = text::plural(running.len() as u64, "job", "jobs");
        right = right.then(format!("{jobs} ▸{}", bar::percent_text(first.progress.bytes, bar::Over::No)), Role::Accent).gap(3);
    }
    if model.clock.now.0 != 0 {
        right =
            right.then(when::minute(model.clock.now, &model.clock), Role::Text).then(format!(" {}", model.clock.zone), Role::Muted).gap(1);
    }
    let room = cols.saturating_sub(right.width());
    left = left.cut(room.saturating_sub(2));
    if left.width() < room { left.fill(room, Role::Text).join(right) } else { left }
}

/// The line of tabs; in a run about one job there is only its place.
pub fn tabs(model: &Model) -> Row {
    if model.setup.mode == Mode::Command {
        return Row::of(" this run ends with its job", Role::Muted);
    }
    let open = model.nav.tab();
    let label = |screen: ScreenId| format!("{} {}", screen.digit(), screen.title());
    let role = |screen: ScreenId| if screen == open { Role::Tab } else { Role::Muted };
    let wide: usize = ScreenId::ALL.into_iter().map(|screen| label(screen).len()).sum();
    let all = ScreenId::ALL.len();
    match usize::from(model.size.0) {
        cols if cols >= wide + 2 * all => {
            ScreenId::ALL.into_iter().fold(Row::new(), |row, screen| row.then(format!(" {} ", label(screen)), role(screen)))
        }
        cols if cols > wide + all => ScreenId::ALL.into_iter().fold(Row::new(), |row, screen| row.gap(1).then(label(screen), role(screen))),
        // Where there is no room for all names, the open one's and the digits.
        _ => ScreenId::ALL.into_iter().fold(Row::new(), |row, screen| match screen == open {
            true => row.then(format!(" {} ", label(screen)), Role::Tab),
            false => row.then(format!(" {} ", screen.digit()), Role::Muted),
        }),
    }
}

/// The line of keys, or of news while there are any.
pub fn footer(model: &Model, cols: usize) -> Row {
    // A question's keys are never hidden by news.
    if let Some(toast) = model.toasts.back().filter(|_| model.modals.is_empty()) {
        let (glyph, role) = match toast.level {
            Level::Debug | Level::Info => ("✓", Role::Ok),
            Level::Warn => ("▲", Role::Warn),
            Level::Error => ("✗", Role::Bad),
        };
        return Row::of(format!(" {glyph} {}", toast.text), role);
    }
    keys(model, cols)
}

/// The keys that fit: the first ones, then help and quit at the end.
pub fn keys(model: &Model, cols: usize) -> Row {
    let scope = keymap::scope(model);
    let hints = keymap::hints(scope);
    let (last, rest): (Vec<_>, Vec<_>) = hints.into_iter().partition(|bind| bind.hint == Hint::Last);
    let piece = |bind: &keymap::Bind| {
        let ready = availability(model, &bind.action).is_ok();
        // A changing key says both of its arrows.
        let (key, label) = match bind.label.strip_prefix("←→ ") {
            Some(label) => ("←→".to_owned(), label),
            None => (keymap::name(bind.key), bind.label),
        };
        let label = match (&bind.action, model.modals.last()) {
            (Action::Freeze, _) if model.frozen.is_some() => "go on",
            (Action::Help, Some(Modal::Help { keys: Keys::All, .. })) => "keys here",
            (Action::Accept, Some(Modal::Quit)) if model.running().count() == 1 => "cancel it and leave",
            _ => label,
        };
        Row::of(key, if ready { Role::Key } else { Role::Muted }).then(format!(" {label}"), if ready { Role::Text } else { Role::Muted })
    };
    let mut end = Row::new();
    if is_typing(model) {
        let label = if scope == keymap::Scope::AskDeleteMany { " keep" } else { " back" };
        end = end.gap(3).then("Esc", Role::Key).then(label, Role::Text);
    } else {
        if !model.modals.is_empty() || !model.nav.is_root() {
            let label = match scope {
                keymap::Scope::Job | keymap::Scope::Database if model.running().next().is_some() => " leave running",
                keymap::Scope::AskCancel => " let it go on",
                keymap::Scope::AskQuit => " stay",
                keymap::Scope::AskDelete | keymap::Scope::AskDeleteMany => " keep",
                _ => " back",
            };
            if model.setup.mode == Mode::Interactive || !model.modals.is_empty() {
                end = end.gap(3).then("Esc", Role::Key).then(label, Role::Text);
            }
        }
        // Where it is narrow, the keys of the screen need the room.
        for bind in last.into_iter().filter(|bind| cols >= 60 || bind.action != Action::Palette) {
            end = end.gap(3).join(piece(bind));
        }
    }
    let mut row = Row::new().gap(1);
    for bind in rest {
        if is_typing(model) && !matches!(bind.key.code, crate::app::msg::KeyCode::Enter | crate::app::msg::KeyCode::Tab) {
            continue;
        }
        if is_of_another_product(model, &bind.action) {
            continue;
        }
        let piece = piece(bind);
        let gap = if row.width() > 1 { 3 } else { 0 };
        if row.width() + gap + piece.width() + end.width() + 1 > cols {
            break;
        }
        row = row.gap(gap).join(piece);
    }
    // Where no key fits, the end begins at the margin: the gap before it is for a key before it.
    if row.width() <= 1 { end.skip(2) } else { row.join(end) }
}
