//! Forms: a few labelled values, changed in place. What a value means and whether it will do is the screen's business.

use super::action::{Motion, Toward};
use tui_input::{Input, InputRequest};

/// Which value a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldId {
    /// The backup folder.
    Folder,
    /// The codec.
    Codec,
    /// Its level.
    Level,
    /// Sessions and threads.
    Jobs,
    /// What is checked afterwards.
    Verify,
    /// The target database.
    Target,
    /// What happens to a target that exists.
    Existing,
    /// Definitions, rows, or both.
    What,
    /// One table's new name.
    Rename,
    /// Owners.
    Owners,
    /// Roles that get other names.
    Roles,
    /// GRANTs.
    Rights,
    /// Tablespaces.
    Tablespaces,
    /// How long values are stored.
    LongValues,
    /// The proof.
    Prove,
    /// After a failure.
    OnFailure,
    /// How much of the archive is checked first.
    VerifyFirst,
    /// Whether definitions are tried out first.
    Rehearse,
    /// What a failed check means.
    Force,
    /// What becomes of a database that failed.
    Fate,
    /// Percent of a cluster that must come back.
    Enough,
    /// Whether the options that are seldom changed are set here.
    More,
    /// Seconds to wait for a lock.
    LockTimeout,
    /// Seconds without a byte after which a session is looked at.
    NetworkTimeout,
    /// How often something is tried again that may pass.
    Retries,
    /// The folder for what is temporary.
    Workdir,
    /// What becomes of what is temporary.
    KeepTemp,
    /// What a base backup holds.
    BaseKind,
    /// The new data directory.
    RecoverInto,
    /// What kind of target recovery has.
    TargetKind,
    /// Its value.
    TargetValue,
    /// Whether what is at the target is recovered.
    Bound,
    /// Which way is taken where timelines branch.
    Timeline,
    /// What the server does at the target.
    TargetAction,
    /// Whether the server is started.
    Start,
    /// On which port.
    Port,
    /// The one database that is recovered.
    Only,
    /// Whether what is done gets into the server's own binary log.
    Logged,
    /// Where the log is archived.
    WalDir,
    /// Other folders for tablespaces.
    MapTablespaces,
    /// The server's programs.
    BinDir,
}

/// What a field holds.
#[derive(Clone, Debug)]
pub enum Value {
    /// A text.
    Text(Input),
    /// One of some words.
    Choice {
        /// The words.
        options: Vec<&'static str>,
        /// Which one.
        at: usize,
    },
    /// A number within limits.
    Number {
        /// The number.
        value: u32,
        /// The smallest that will do.
        low: u32,
        /// The largest.
        high: u32,
    },
}

/// A labelled value.
#[derive(Clone, Debug)]
pub struct Field {
    /// Which one.
    pub id: FieldId,
    /// What people call it.
    pub label: &'static str,
    /// What it holds.
    pub value: Value,
}

impl Field {
    /// A text field.
    pub fn text(id: FieldId, label: &'static str, text: impl Into<String>) -> Self {
        Self { id, label, value: Value::Text(Input::new(text.into())) }
    }

    /// A choice; the first word is the default.
    pub fn choice(id: FieldId, label: &'static str, options: &[&'static str], at: usize) -> Self {
        Self { id, label, value: Value::Choice { options: options.to_vec(), at: at.min(options.len().saturating_sub(1)) } }
    }

    /// A number.
    pub const fn number(id: FieldId, label: &'static str, value: u32, low: u32, high: u32) -> Self {
        Self { id, label, value: Value::Number { value, low, high } }
    }

    /// What it holds, in words.
    pub fn shown(&self) -> String {
        match &self.value {
            Value::Text(input) => input.value().to_owned(),
            Value::Choice { options, at } => options.get(*at).copied().unwrap_or_default().to_owned(),
            Value::Number { value, .. } => value.to_string(),
        }
    }
}

/// Some fields, one of which has the cursor.
#[derive(Clone, Debug, Default)]
pub struct Form {
    /// The fields, from the top.
    pub fields: Vec<Field>,
    /// Which one has the cursor.
    pub at: usize,
}

impl Form {
    /// A form with the cursor on its first field.
    pub const fn new(fields: Vec<Field>) -> Self {
        Self { fields, at: 0 }
    }

    /// A field.
    pub fn field(&self, id: FieldId) -> Option<&Field> {
        self.fields.iter().find(|field| field.id == id)
    }

    /// A field's text, trimmed; empty when there is no such field.
    pub fn text(&self, id: FieldId) -> String {
        self.field(id).map(|field| field.shown().trim().to_owned()).unwrap_or_default()
    }

    /// Which word of a choice; the first when there is no such field.
    pub fn choice(&self, id: FieldId) -> usize {
        match self.field(id).map(|field| &field.value) {
            Some(Value::Choice { at, .. }) => *at,
            _ => 0,
        }
    }

    /// A number; 1 when there is no such field.
    pub fn number(&self, id: FieldId) -> u32 {
        match self.field(id).map(|field| &field.value) {
            Some(Value::Number { value, .. }) => *value,
            _ => 1,
        }
    }

    /// What is wrong with a field's number, if anything.
    pub fn out_of_range(&self, id: FieldId) -> Option<String> {
        match self.field(id).map(|field| &field.value) {
            Some(Value::Number { value, low, high }) if value < low || value > high => Some(format!("{low} to {high}")),
            _ => None,
        }
    }

    /// The field with the cursor.
    pub fn current(&self) -> Option<&Field> {
        self.fields.get(self.at)
    }

    /// The text that has the cursor, if a text field has it.
    pub fn input(&mut self) -> Option<&mut Input> {
        match self.fields.get_mut(self.at).map(|field| &mut field.value) {
            Some(Value::Text(input)) => Some(input),
            _ => None,
        }
    }

    /// Moves the cursor.
    pub fn go(&mut self, motion: Motion) {
        let last = self.fields.len().saturating_sub(1);
        self.at = match motion {
            Motion::Up => self.at.saturating_sub(1),
            Motion::Down => (self.at + 1).min(last),
            Motion::PageUp | Motion::First => 0,
            Motion::PageDown | Motion::Last => last,
        };
    }

    /// Changes the value that has the cursor.
    pub fn change(&mut self, toward: Toward) {
        match (self.fields.get_mut(self.at).map(|field| &mut field.value), toward) {
            (Some(Value::Choice { options, at }), Toward::Next) => *at = (*at + 1) % options.len().max(1),
            (Some(Value::Choice { options, at }), Toward::Previous) => *at = at.checked_sub(1).unwrap_or(options.len().saturating_sub(1)),
            (Some(Value::Number { value, high, .. }), Toward::Next) => *value = value.saturating_add(1).min(*high),
            (Some(Value::Number { value, low, .. }), Toward::Previous) => *value = value.saturating_sub(1).max(*low),
            (Some(Value::Text(_)) | None, _) => {}
        }
    }

    /// Types a digit into a number, or takes the last one away.
    pub fn digit(&mut self, digit: Option<u32>) {
        if let Some(Value::Number { value, .. }) = self.fields.get_mut(self.at).map(|field| &mut field.value) {
            *value = match digit {
                Some(digit) => value.saturating_mul(10).saturating_add(digit).min(9999),
                None => *value / 10,
            };
        }
    }

    /// Whether a number has the cursor.
    pub fn on_number(&self) -> bool {
        matches!(self.current().map(|field| &field.value), Some(Value::Number { .. }))
    }
}

/// Types a text into a field; control characters stay out.
pub fn type_text(input: &mut Input, text: &str) {
    for c in text.chars().filter(|c| !c.is_control()).take(4096) {
        input.handle(InputRequest::InsertChar(c));
    }
}
