//! Settings: what holds, why, and a value being typed. Knows nothing of files: it asks for a value to be saved and is told what holds then.

use crate::app::list::{Filter, Picker};
use crate::app::model::Model;
use crate::app::nav::Place;
use crate::domain::setting::Kind;
use tui_input::Input;

/// A setting as it is shown. Holds no secret: the value of one is never here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingView {
    /// Its name in files: `backup.jobs`.
    pub name: &'static str,
    /// What it is, in one line.
    pub doc: &'static str,
    /// What its value must look like.
    pub kind: Kind,
    /// Its flag without dashes.
    pub flag: Option<&'static str>,
    /// Its environment variable.
    pub variable: Option<String>,
    /// Its default.
    pub default: Option<&'static str>,
    /// What holds; for a secret only that there is one.
    pub value: Option<String>,
    /// Where that came from.
    pub origin: String,
    /// What is stronger than the user's file for it now: "environment DBBACKUP_JOBS".
    pub covered: Option<String>,
}

impl SettingView {
    /// What a value saved now changes, and when.
    pub fn effect(&self) -> Effect {
        if self.name == THEME { Effect::AtOnce } else { Effect::NextStart }
    }
}

/// The setting that takes effect while the screen is open.
pub const THEME: &str = "output.theme";

/// The origin of what follows from processors and memory.
pub const HOST: &str = "this machine";

/// When a saved value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Now.
    AtOnce,
    /// When the program starts again: jobs and connections of this run keep what they were made with.
    NextStart,
}

/// A value being typed.
#[derive(Clone, Debug)]
pub struct Edit {
    /// Of which setting.
    pub name: &'static str,
    /// The text.
    pub input: Input,
}

/// What the screen remembers.
#[derive(Clone, Debug, Default)]
pub struct SettingsScreen {
    /// The cursor.
    pub picker: Picker<&'static str>,
    /// Narrows the list.
    pub filter: Filter,
    /// A value being typed.
    pub edit: Option<Edit>,
}

/// The settings that pass the filter.
pub fn shown(model: &Model) -> Vec<&SettingView> {
    let filter = &model.settings.filter;
    model.setup.settings.iter().filter(|view| filter.lets(view.name) || filter.lets(view.doc)).collect()
}

/// Their names.
pub fn names(model: &Model) -> Vec<&'static str> {
    shown(model).iter().map(|view| view.name).collect()
}

/// The setting under the cursor.
pub fn current(model: &Model) -> Option<&SettingView> {
    let shown = shown(model);
    let row = model.settings.picker.row(&names(model));
    shown.get(row).copied()
}

/// A setting by its name.
pub fn named<'a>(model: &'a Model, name: &str) -> Option<&'a SettingView> {
    model.setup.settings.iter().find(|view| view.name == name)
}

/// Why what is typed will not do.
pub fn wrong(model: &Model) -> Option<String> {
    let edit = model.settings.edit.as_ref()?;
    named(model, edit.name)?.kind.check(edit.input.value().trim()).err()
}

/// Why the setting under the cursor cannot be changed here.
pub fn may_change(model: &Model) -> Result<&SettingView, String> {
    let view = current(model).ok_or_else(|| "no setting passes the filter".to_owned())?;
    if view.kind == Kind::Secret {
        return Err("a password is not typed here: ~/.pgpass, ~/.my.cnf or a password file is the place for it".to_owned());
    }
    if model.setup.settings_file.is_none() {
        return Err("there is no home folder to save it in".to_owned());
    }
    Ok(view)
}

/// Begins to type, with what holds.
pub fn open(model: &mut Model) {
    let Ok(view) = may_change(model) else { return };
    // What this machine decides is rounded for people; it is no value to be saved.
    let text = view.value.clone().filter(|_| view.origin != HOST).unwrap_or_default();
    let edit = Edit { name: view.name, input: Input::new(text) };
    model.settings.edit = Some(edit);
}

/// Whether a value is being typed for which there is no list of words.
pub fn is_without_choices(model: &Model) -> bool {
    let edit = model.settings.edit.as_ref().filter(|_| *model.nav.place() == Place::Settings);
    edit.and_then(|edit| named(model, edit.name)).is_some_and(|view| view.kind.words().is_empty())
}

/// Puts the next of the words to choose from in place of what is typed.
pub fn next_word(model: &mut Model) {
    let Some(kind) = model.settings.edit.as_ref().and_then(|edit| named(model, edit.name)).map(|view| view.kind) else { return };
    let words = kind.words();
    if let (Some(edit), false) = (model.settings.edit.as_mut(), words.is_empty()) {
        let next = words.iter().position(|word| *word == edit.input.value()).map_or(0, |at| (at + 1) % words.len());
        edit.input = Input::new(words[next].to_owned());
    }
}
