//! The command palette: every action of the table of keys, with its key and why it cannot be done now, ranked by what is typed.

use super::action::Action;
use super::availability::below;
use super::keymap::{self, KEYS, Scope};
use super::modal::Modal;
use super::model::Model;

/// A line of the palette.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it does.
    pub action: Action,
    /// A word or two for people.
    pub label: &'static str,
    /// Its keys here, or where it has some.
    pub keys: String,
    /// Where it works.
    pub place: &'static str,
    /// Why it cannot be done now.
    pub blocked: Option<String>,
}

/// All actions: what works here first, each once.
pub fn all(model: &Model) -> Vec<Entry> {
    let here = keymap::place_scope(model).chain();
    let far = |scope: Scope| here.iter().position(|known| *known == scope).unwrap_or(here.len());
    let mut binds: Vec<_> = KEYS.iter().filter(|bind| bind.action != Action::Palette).collect();
    // Moving about is what nobody looks for in a palette.
    binds.sort_by_key(|bind| (matches!(bind.action, Action::Move(_)), far(bind.scope)));
    let mut entries: Vec<Entry> = Vec::new();
    for bind in binds {
        match entries.iter_mut().find(|entry| entry.action == bind.action) {
            Some(entry) if far(bind.scope) < here.len() || entry.place == bind.scope.title() => {
                let key = keymap::name(bind.key);
                if !entry.keys.split(' ').any(|known| known == key) && entry.keys.len() + key.len() < 12 {
                    entry.keys = format!("{} {key}", entry.keys);
                }
            }
            Some(_) => {}
            None => entries.push(Entry {
                action: bind.action.clone(),
                label: bind.label.trim_start_matches("←→ "),
                keys: keymap::name(bind.key),
                place: bind.scope.title(),
                blocked: below(model, &bind.action).err(),
            }),
        }
    }
    entries
}

/// Those that match what is typed, the best first.
pub fn matching(model: &Model, text: &str) -> Vec<Entry> {
    let wanted = text.trim().to_lowercase();
    let mut ranked: Vec<(u8, bool, Entry)> =
        all(model).into_iter().filter_map(|entry| Some((rank(&wanted, &entry)?, entry.blocked.is_some(), entry))).collect();
    if !wanted.is_empty() {
        ranked.sort_by_key(|(rank, blocked, _)| (*rank, *blocked));
    }
    ranked.into_iter().map(|(_, _, entry)| entry).collect()
}

/// How well an entry matches: its beginning, the beginnings of words, anything in it, its place and stable name, the letters in their order.
fn rank(wanted: &str, entry: &Entry) -> Option<u8> {
    let label = entry.label.to_lowercase();
    let name = keymap::action_name(&entry.action).replace('-', " ");
    // What works everywhere is not found by that word.
    let place =
        if [Scope::Always, Scope::Screens, Scope::Moving].iter().any(|scope| scope.title() == entry.place) { "" } else { entry.place };
    let whole = format!("{label} {name} {}", place.to_lowercase());
    if label.starts_with(wanted) {
        return Some(0);
    }
    if words_begin(wanted, &label) {
        return Some(1);
    }
    if label.contains(wanted) {
        return Some(2);
    }
    if name.starts_with(wanted) || words_begin(wanted, &whole) {
        return Some(3);
    }
    if whole.contains(wanted) {
        return Some(4);
    }
    let mut rest = label.chars();
    let in_order = wanted.chars().filter(|c| *c != ' ').all(|c| rest.any(|other| other == c));
    in_order.then_some(5)
}

/// Whether each word that is typed begins another word of the text, in order: `wh cl` is "whole cluster".
fn words_begin(wanted: &str, text: &str) -> bool {
    let mut words = text.split([' ', ':', ',']);
    wanted.split(' ').filter(|part| !part.is_empty()).all(|part| words.any(|word| word.starts_with(part)))
}

/// The entry under the cursor of the palette that is open.
pub fn chosen(model: &Model) -> Option<Entry> {
    match model.modals.last() {
        Some(Modal::Palette { input, at }) => {
            let mut entries = matching(model, input.value());
            let at = (*at).min(entries.len().checked_sub(1)?);
            Some(entries.swap_remove(at))
        }
        _ => None,
    }
}
