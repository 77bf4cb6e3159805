//! What Enter does in the palette and on the settings.

use super::act;
use crate::app::cmd::{Cmd, Query};
use crate::app::model::{Asked, Model};
use crate::app::palette;
use crate::app::screens::settings;

/// Does what is chosen in the palette, which goes.
pub fn run_chosen(model: &mut Model, out: &mut Vec<Cmd>) {
    if let Some(entry) = palette::chosen(model).filter(|entry| entry.blocked.is_none()) {
        model.modals.pop();
        act::act(model, entry.action, out);
    }
}

/// Saves what is typed, or begins to type.
pub fn setting(model: &mut Model, out: &mut Vec<Cmd>) {
    match &model.settings.edit {
        None => settings::open(model),
        Some(edit) if settings::wrong(model).is_none() => {
            let (name, text) = (edit.name, edit.input.value().trim().to_owned());
            model.settings.edit = None;
            save(model, name, Some(text), out);
        }
        Some(_) => {}
    }
}

/// Asks for a setting to be saved, or taken out.
pub fn save(model: &mut Model, name: &'static str, text: Option<String>, out: &mut Vec<Cmd>) {
    let id = model.request(Asked::Save(name));
    out.push(Cmd::Fetch(id, Query::Save(name, text)));
}
