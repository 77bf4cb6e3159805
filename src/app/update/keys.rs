//! Keys: text fields take what can be typed, the rest means what the table says.

use super::{act, toast};
use crate::app::availability::availability;
use crate::app::cmd::Cmd;
use crate::app::form::{Form, Value, type_text};
use crate::app::keymap;
use crate::app::list::Filter;
use crate::app::modal::Modal;
use crate::app::model::Model;
use crate::app::msg::{Key, KeyCode};
use crate::app::nav::Place;
use crate::app::screens::backup::Part;
use crate::engine::event::Level;
use tui_input::{Input, InputRequest};

/// The filter of the list that is shown.
pub fn filter(model: &Model) -> Option<&Filter> {
    match model.nav.place() {
        Place::Backup => Some(&model.backup.filter),
        Place::Restore => Some(&model.restore.filter),
        Place::Contents => Some(&model.contents.filter),
        Place::Archives => Some(&model.list.filter),
        Place::Log => Some(&model.log_screen.filter),
        Place::Settings => Some(&model.settings.filter),
        _ => None,
    }
}

/// The same, to be changed.
pub fn filter_mut(model: &mut Model) -> Option<&mut Filter> {
    match model.nav.place() {
        Place::Backup => Some(&mut model.backup.filter),
        Place::Restore => Some(&mut model.restore.filter),
        Place::Contents => Some(&mut model.contents.filter),
        Place::Archives => Some(&mut model.list.filter),
        Place::Log => Some(&mut model.log_screen.filter),
        Place::Settings => Some(&mut model.settings.filter),
        _ => None,
    }
}

/// Whether what is typed confirms something that destroys.
fn is_confirming(model: &Model) -> bool {
    match model.modals.last() {
        Some(Modal::Delete { paths, .. }) => paths.len() > 1,
        Some(_) => false,
        None => *model.nav.place() == Place::Plan && model.plan.wanted().is_some(),
    }
}

/// The text field that has the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Focus {
    Delete,
    Palette,
    Password,
    Setting,
    Filter,
    Confirm,
    BackupForm,
    TargetForm,
    RecoverForm,
    Moment,
}

fn focus(model: &Model) -> Option<Focus> {
    let on_text = |form: &Form| matches!(form.current().map(|field| &field.value), Some(Value::Text(_)));
    match model.modals.last() {
        Some(Modal::Delete { paths, .. }) if paths.len() > 1 => return Some(Focus::Delete),
        Some(Modal::Palette { .. }) => return Some(Focus::Palette),
        Some(Modal::Password { .. }) => return Some(Focus::Password),
        Some(_) => return None,
        None => {}
    }
    if *model.nav.place() == Place::Settings && model.settings.edit.is_some() {
        return Some(Focus::Setting);
    }
    if filter(model).is_some_and(Filter::is_typing) {
        return Some(Focus::Filter);
    }
    match model.nav.place() {
        Place::Plan if model.plan.wanted().is_some() => Some(Focus::Confirm),
        Place::Backup if model.backup.part == Part::Options && on_text(&model.backup.form) => Some(Focus::BackupForm),
        Place::Target if on_text(&model.target.form) => Some(Focus::TargetForm),
        Place::Recover if on_text(&model.recover.form) => Some(Focus::RecoverForm),
        Place::Pitr if model.recovery.typing.is_some() => Some(Focus::Moment),
        _ => None,
    }
}

fn focused(model: &mut Model) -> Option<&mut Input> {
    match focus(model)? {
        Focus::Delete => match model.modals.last_mut() {
            Some(Modal::Delete { typed, .. }) => Some(typed),
            _ => None,
        },
        Focus::Palette => match model.modals.last_mut() {
            Some(Modal::Palette { input, at }) => {
                *at = 0;
                Some(input)
            }
            _ => None,
        },
        Focus::Password => match model.modals.last_mut() {
            Some(Modal::Password { typed, .. }) => Some(&mut typed.0),
            _ => None,
        },
        Focus::Setting => model.settings.edit.as_mut().map(|edit| &mut edit.input),
        Focus::Filter => match filter_mut(model) {
            Some(Filter::Typing(input)) => Some(input),
            _ => None,
        },
        Focus::Confirm => Some(&mut model.plan.typed),
        Focus::BackupForm => model.backup.form.input(),
        Focus::TargetForm => model.target.form.input(),
        Focus::RecoverForm => model.recover.form.input(),
        Focus::Moment => model.recovery.typing.as_mut(),
    }
}

/// Whether a text field has the keys.
pub fn is_typing(model: &Model) -> bool {
    focus(model).is_some()
}

/// Takes a key.
pub fn key(model: &mut Model, key: Key, out: &mut Vec<Cmd>) {
    if let Some(request) = edit(key)
        && let Some(input) = focused(model)
    {
        input.handle(request);
        model.plan.refused = None;
        return;
    }
    if digits(model, key) {
        return;
    }
    let scope = keymap::scope(model);
    let Some(bind) = keymap::lookup(scope, key) else { return };
    match availability(model, &bind.action) {
        Ok(()) => act::act(model, bind.action.clone(), out),
        Err(reason) => toast(model, Level::Warn, format!("{}: {reason}", bind.label.trim_start_matches("←→ "))),
    }
}

/// Takes a pasted text. What confirms destruction must be typed: a paste does not show that it was read.
pub fn paste(model: &mut Model, text: &str) {
    if is_confirming(model) {
        model.plan.refused = Some("type it: a paste is not taken here".to_owned());
        toast(model, Level::Warn, "the name must be typed, a paste is not taken");
    } else if let Some(input) = focused(model) {
        type_text(input, text);
    }
}

/// What a key does in a text field, if it is one for it.
fn edit(key: Key) -> Option<InputRequest> {
    match (key.code, key.ctrl, key.alt) {
        (KeyCode::Char(c), false, false) => Some(InputRequest::InsertChar(c)),
        (KeyCode::Backspace, false, false) => Some(InputRequest::DeletePrevChar),
        (KeyCode::Delete, false, false) => Some(InputRequest::DeleteNextChar),
        (KeyCode::Left, false, false) => Some(InputRequest::GoToPrevChar),
        (KeyCode::Right, false, false) => Some(InputRequest::GoToNextChar),
        (KeyCode::Home, false, false) => Some(InputRequest::GoToStart),
        (KeyCode::End, false, false) => Some(InputRequest::GoToEnd),
        (KeyCode::Char('u'), true, false) => Some(InputRequest::DeleteLine),
        (KeyCode::Char('w'), true, false) => Some(InputRequest::DeletePrevWord),
        (KeyCode::Char('a'), true, false) => Some(InputRequest::GoToStart),
        (KeyCode::Char('e'), true, false) => Some(InputRequest::GoToEnd),
        _ => None,
    }
}

/// Digits go into a number that has the cursor.
fn digits(model: &mut Model, key: Key) -> bool {
    if !model.modals.is_empty() || key.ctrl || key.alt {
        return false;
    }
    let form = match model.nav.place() {
        Place::Backup if model.backup.part == Part::Options => &mut model.backup.form,
        Place::Target => &mut model.target.form,
        Place::Recover => &mut model.recover.form,
        _ => return false,
    };
    match key.code {
        KeyCode::Char(c) if c.is_ascii_digit() && form.on_number() => form.digit(c.to_digit(10)),
        KeyCode::Backspace if form.on_number() => form.digit(None),
        _ => return false,
    }
    true
}
