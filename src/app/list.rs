//! Cursors and filters of lists. The cursor stays on the thing, not on the row: a refresh or another order never moves it to another thing.

use super::action::Motion;
use std::collections::BTreeSet;
use tui_input::Input;

/// A cursor and marks over things that have a key.
#[derive(Clone, Debug)]
pub struct Picker<K> {
    /// The thing under the cursor; none stands for the first.
    pub selected: Option<K>,
    /// The marked things.
    pub marked: BTreeSet<K>,
}

impl<K> Default for Picker<K> {
    fn default() -> Self {
        Self { selected: None, marked: BTreeSet::new() }
    }
}

impl<K: Clone + Ord> Picker<K> {
    /// The row of the cursor among these things: 0 when its thing is not among them.
    pub fn row(&self, keys: &[K]) -> usize {
        self.selected.as_ref().and_then(|selected| keys.iter().position(|key| key == selected)).unwrap_or(0)
    }

    /// The thing under the cursor.
    pub fn current<'a>(&self, keys: &'a [K]) -> Option<&'a K> {
        keys.get(self.row(keys))
    }

    /// Moves the cursor among these things, `page` rows a page.
    pub fn go(&mut self, motion: Motion, keys: &[K], page: usize) {
        let last = keys.len().saturating_sub(1);
        let row = moved(self.row(keys), motion, last, page);
        self.selected = keys.get(row).cloned();
    }

    /// Marks the thing under the cursor or takes the mark away, and moves on.
    pub fn mark(&mut self, keys: &[K]) {
        if let Some(key) = self.current(keys).cloned() {
            if !self.marked.remove(&key) {
                self.marked.insert(key);
            }
            self.go(Motion::Down, keys, 1);
        }
    }

    /// Marks all, or none when all are marked.
    pub fn mark_all(&mut self, keys: &[K]) {
        if keys.iter().all(|key| self.marked.contains(key)) {
            self.marked.clear();
        } else {
            self.marked.extend(keys.iter().cloned());
        }
    }

    /// The marked things in the order of the list, or the one under the cursor when none is marked.
    pub fn chosen(&self, keys: &[K]) -> Vec<K> {
        let marked: Vec<K> = keys.iter().filter(|key| self.marked.contains(key)).cloned().collect();
        if marked.is_empty() { self.current(keys).cloned().into_iter().collect() } else { marked }
    }
}

/// A row after a motion.
pub fn moved(row: usize, motion: Motion, last: usize, page: usize) -> usize {
    match motion {
        Motion::Up => row.saturating_sub(1),
        Motion::Down => (row + 1).min(last),
        Motion::PageUp => row.saturating_sub(page.max(1)),
        Motion::PageDown => (row + page.max(1)).min(last),
        Motion::First => 0,
        Motion::Last => last,
    }
}

/// A text that narrows a list; with a leading `!` it keeps what does not match.
#[derive(Clone, Debug, Default)]
pub enum Filter {
    /// Everything is shown.
    #[default]
    Off,
    /// It is being typed.
    Typing(Input),
    /// It stands.
    On(String),
}

impl Filter {
    /// The text, if there is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Filter::Off => None,
            Filter::Typing(input) => Some(input.value()),
            Filter::On(text) => Some(text),
        }
    }

    /// Whether a name passes.
    pub fn lets(&self, name: &str) -> bool {
        let Some(text) = self.text() else { return true };
        let name = name.to_lowercase();
        match text.strip_prefix('!') {
            Some(not) => not.is_empty() || !name.contains(&not.to_lowercase()),
            None => name.contains(&text.to_lowercase()),
        }
    }

    /// Begins to type, with the text that stands.
    pub fn open(&mut self) {
        *self = Filter::Typing(Input::new(self.text().unwrap_or_default().to_owned()));
    }

    /// Ends typing and keeps the text.
    pub fn keep(&mut self) {
        *self = match self.text() {
            Some(text) if !text.is_empty() => Filter::On(text.to_owned()),
            _ => Filter::Off,
        };
    }

    /// Whether it is being typed.
    pub const fn is_typing(&self) -> bool {
        matches!(self, Filter::Typing(_))
    }
}
