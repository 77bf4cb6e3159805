//! What can be done on the log's screen.

use super::toast;
use crate::app::action::Toward;
use crate::app::model::Model;
use crate::app::screens::log::{FARTHEST, Follow, Long, Only, STEP, lines, matches, next_match};
use crate::engine::event::Level;

/// Follows, or holds the newest line.
pub fn follow(model: &mut Model) {
    model.log_screen.follow = match model.log_screen.follow {
        Follow::Newest => match lines(model).last() {
            Some((number, _)) => Follow::Held(*number),
            None => Follow::Newest,
        },
        Follow::Held(_) => Follow::Newest,
    }
}

/// Leaves out lighter lines; after the weightiest everything is shown again.
pub const fn level(model: &mut Model) {
    model.log_screen.level = match model.log_screen.level {
        Level::Debug => Level::Info,
        Level::Info => Level::Warn,
        Level::Warn => Level::Error,
        Level::Error => Level::Debug,
    }
}

/// To the next line that holds what is searched for.
pub fn go_on(model: &mut Model, toward: Toward) {
    match next_match(model, toward) {
        Some(number) => model.log_screen.follow = Follow::Held(number),
        None => toast(model, Level::Info, "no further match"),
    }
}

/// Hides the lines that do not hold it, or shows them again.
pub const fn only(model: &mut Model) {
    model.log_screen.only = match model.log_screen.only {
        Only::All => Only::Matching,
        Only::Matching => Only::All,
    }
}

/// Breaks long lines, or cuts them.
pub const fn wrap(model: &mut Model) {
    model.log_screen.shift = 0;
    model.log_screen.long = match model.log_screen.long {
        Long::Cut => Long::Wrapped,
        Long::Wrapped => Long::Cut,
    }
}

/// Moves lines that are cut.
pub fn shift(model: &mut Model, toward: Toward) {
    let shift = model.log_screen.shift;
    model.log_screen.shift = match (model.log_screen.long, toward) {
        (Long::Wrapped, _) => 0,
        (Long::Cut, Toward::Previous) => shift.saturating_sub(STEP),
        (Long::Cut, Toward::Next) => (shift + STEP).min(FARTHEST),
    };
}

/// Goes to the newest line that holds what was searched for; where there is none, everything stays as it is.
pub fn show_found(model: &mut Model) {
    let lines = lines(model);
    let newest = lines.last().map(|(number, _)| *number);
    let found = lines.into_iter().rev().find(|(_, line)| matches(&model.log_screen, line)).map(|(number, _)| number);
    if let Some(number) = found {
        model.log_screen.follow = if Some(number) == newest { Follow::Newest } else { Follow::Held(number) };
    }
}
