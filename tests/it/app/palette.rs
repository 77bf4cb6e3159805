//! The command palette and the settings, as stories.

use super::harness::Harness;
use crate::view::fixtures;
use dbbackup::app::action::{Action, ScreenId};
use dbbackup::app::cmd::{Cmd, Query};
use dbbackup::app::keymap::KEYS;
use dbbackup::app::modal::Modal;
use dbbackup::app::msg::{Msg, Reply};
use dbbackup::app::palette::{all, chosen, matching};
use dbbackup::app::setup::Clipboard;
use dbbackup::config::settings::Key;
use dbbackup::domain::{Code, Fault};

#[test]
fn every_action_is_in_the_palette_once_and_found_by_its_label() {
    for model in [fixtures::ready(), fixtures::running(), fixtures::empty(), fixtures::failed()] {
        let entries = all(&model);
        for bind in KEYS.iter().filter(|bind| bind.action != Action::Palette) {
            let label = bind.label.trim_start_matches("←→ ");
            assert_eq!(entries.iter().filter(|entry| entry.action == bind.action).count(), 1, "{label}");
        }
        for entry in &entries {
            assert!(matching(&model, entry.label).iter().any(|found| found.action == entry.action), "{}", entry.label);
            assert!(!entry.keys.is_empty() && !entry.place.is_empty());
        }
    }
}

#[test]
fn what_begins_so_comes_before_what_only_holds_the_letters() {
    let model = fixtures::ready();
    let first = |text: &str| matching(&model, text).first().map(|entry| entry.action.clone());
    assert_eq!(first("back"), Some(Action::Screen(ScreenId::Backup)));
    assert_eq!(first("wh cl"), Some(Action::WholeCluster));
    assert_eq!(first("sett"), Some(Action::Screen(ScreenId::Settings)));
    assert_eq!(first("cpycmd"), Some(Action::CopyCommand), "letters in their order");
    assert_eq!(first("zzzz"), None);
}

/// Whatever the palette offers as possible is the same as what the key would have been.
#[test]
fn enter_does_what_is_chosen_and_says_why_not() {
    Harness::new().keys(":").types("archives").keys("enter").shows("Archives in").hides(": archives");
    Harness::new().keys(":").types("verify").keys("enter").shows("this works on the Archives screen").sends_nothing();
    let harness = Harness::new().keys("2 :").types("whole").keys("enter");
    assert!(harness.model.modals.is_empty());
    Harness::new().keys(":").types("xyzzy").keys("enter").shows("nothing is called so").keys("esc").shows("LAST GOOD BACKUP");
    let harness = Harness::new().keys(": down down up");
    assert!(matches!(harness.model.modals.last(), Some(Modal::Palette { at: 1, .. })));
    assert_ne!(chosen(&harness.model), chosen(&Harness::new().keys(":").model));
}

#[test]
fn the_smallest_terminal_shows_what_enter_would_do() {
    Harness::new().at(20, 3).keys(":").types("home").shows(":home").shows("Home");
}

#[test]
fn a_setting_is_typed_checked_and_saved() {
    let saved = |flags: &[(Key, String)]| Ok(Reply::Settings(fixtures::settings(flags)));
    let open = || Harness::new().quietly().keys(", /").types("chunk").keys("enter enter").keys("ctrl-u");
    open().types("7").shows("too small").keys("enter").shows("too small").sends_nothing();
    let mut harness = open().types("4MiB").hides("too small").keys("enter");
    let asked = harness.take();
    assert!(matches!(asked.as_slice(), [Cmd::Fetch(_, Query::Save("backup.chunk_size", Some(text)))] if text == "4MiB"), "{asked:?}");
    // The question's number is what the answer goes to.
    let harness = open().types("4MiB").keys("enter").answer(saved(&[]));
    harness.shows("it counts from the next start");
    let flags = [(Key::ChunkSize, "8MiB".to_owned())];
    open().types("4MiB").keys("enter").answer(saved(&flags)).shows("but --chunk-size is stronger");
    let fault = Fault::new(Code::OutputUnwritable, "cannot write the configuration file").because("Read-only file system");
    open().types("4MiB").keys("enter").answer(Err(fault)).shows("Read-only file system");
    open().types("4MiB").keys("esc").hides("4MiB").sends_nothing();
}

#[test]
fn a_theme_changes_at_once_and_a_key_can_be_taken_out() {
    let theme = fixtures::settings(&[]);
    let mut harness = Harness::new().quietly().keys(", /").types("output.theme").keys("enter enter ctrl-u").types("mono").keys("enter");
    harness = harness.answer(Ok(Reply::Settings(theme)));
    assert!(matches!(harness.take().as_slice(), [Cmd::Fetch(..), Cmd::Theme(name)] if name == "default-dark"));
    let mut harness = Harness::new().quietly().keys(", /").types("on_failure").keys("enter enter tab tab").shows("rename").keys("esc u");
    assert!(matches!(harness.take().as_slice(), [Cmd::Fetch(_, Query::Save("restore.on_failure", None))]));
}

#[test]
fn a_secret_is_neither_shown_nor_typed() {
    Harness::new()
        .quietly()
        .keys(", /")
        .types("connection.password")
        .keys("enter enter")
        .shows("a password is not typed here")
        .sends_nothing();
}

#[test]
fn what_cannot_reach_a_clipboard_is_shown_with_a_word() {
    let copies = |cmds: Vec<Cmd>| cmds.iter().filter(|cmd| matches!(cmd, Cmd::Copy(_))).count();
    let mut harness = Harness::new().quietly().keys("2 Y").shows("sent to the clipboard");
    assert_eq!(copies(harness.take()), 1);
    let mut model = fixtures::ready();
    model.setup.clipboard = Clipboard::None;
    let mut harness = Harness::of(model).quietly().keys("2 Y").shows("has no clipboard").shows("dbbackup --host db01");
    assert_eq!(copies(harness.take()), 0);
    let mut harness = Harness::new().quietly();
    harness.model.setup.dir = format!("/{}", "x".repeat(80_000)).into();
    harness = harness.send(Msg::Act(Action::Screen(ScreenId::Backup)));
    harness.model.backup = dbbackup::app::screens::backup::BackupScreen::new(&harness.model.setup);
    let mut harness = harness.keys("Y").shows("too long for the clipboard");
    assert_eq!(copies(harness.take()), 0);
}
