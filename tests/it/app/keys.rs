//! The table of keys keeps its promises.

use super::harness::Harness;
use crate::view::fixtures;
use dbbackup::app::action::Action;
use dbbackup::app::keymap::{KEYS, Scope, action_name, document, hints, name};
use dbbackup::app::model::Model;
use std::collections::BTreeSet;

#[test]
fn no_key_means_two_things_where_it_is_asked() {
    for scope in Scope::ALL {
        let chain = scope.chain();
        let mut seen = BTreeSet::new();
        for bind in KEYS.iter().filter(|bind| chain.contains(&bind.scope)) {
            assert!(seen.insert((name(bind.key), format!("{:?}", bind.key))), "{scope:?}: {} is bound twice", name(bind.key));
        }
    }
}

/// What scripts and the program itself ask for has no key.
const KEYLESS: [&str; 2] = ["submit", "notice"];

#[test]
fn every_action_has_a_key() {
    // One of each: the compiler tells when one is missing here.
    let verb = |action: &Action| match action {
        Action::Submit(_) => "submit",
        Action::Notice(_) => "notice",
        Action::Quit => "quit",
        Action::Interrupt => "interrupt",
        Action::Suspend => "suspend",
        Action::Redraw => "redraw",
        Action::Help => "help",
        Action::Back => "back",
        Action::Screen(_) => "screen",
        Action::Move(_) => "move",
        Action::Change(_) => "change",
        Action::Part(_) => "part",
        Action::Enter => "enter",
        Action::Mark => "mark",
        Action::MarkAll => "mark-all",
        Action::Filter => "filter",
        Action::Refresh => "refresh",
        Action::Login => "login",
        Action::CopyCommand => "copy-command",
        Action::DryRun => "dry-run",
        Action::WholeCluster => "whole-cluster",
        Action::CancelJob => "cancel-job",
        Action::Resume => "resume",
        Action::NextBlocker => "next-blocker",
        Action::EndBlocker(_) => "end-blocker",
        Action::ShowLog => "show-log",
        Action::Freeze => "freeze",
        Action::ShowError => "show-error",
        Action::Sort(_) => "sort",
        Action::Reverse => "reverse",
        Action::Verify => "verify",
        Action::RestoreTest => "restore-test",
        Action::Inside => "inside",
        Action::RestoreThis => "restore-this",
        Action::Delete => "delete",
        Action::Follow => "follow",
        Action::Level => "level",
        Action::Diagnose => "diagnose",
        Action::CheckLog => "check-log",
        Action::CopyFix => "copy-fix",
        Action::KeepReport => "keep-report",
        Action::PastReports => "past-reports",
        Action::Match(_) => "match",
        Action::OnlyMatches => "only-matches",
        Action::Wrap => "wrap",
        Action::SaveDebugLog => "save-debug-log",
        Action::Finer(_) => "finer",
        Action::Jump(_) => "jump",
        Action::Zoom(_) => "zoom",
        Action::TypeMoment => "type-moment",
        Action::BaseBackup => "base-backup",
        Action::Palette => "palette",
        Action::Unset => "unset",
        Action::Accept => "accept",
    };
    let bound: BTreeSet<&str> = KEYS.iter().map(|bind| verb(&bind.action)).collect();
    for bind in KEYS {
        assert!(action_name(&bind.action).starts_with(verb(&bind.action)), "{}", action_name(&bind.action));
    }
    assert_eq!(bound.len(), 54 - KEYLESS.len(), "{bound:?}");
}

#[test]
fn every_footer_fits_eighty_columns() {
    for path in [
        "1",
        "2",
        "2 tab",
        "3",
        "4",
        "5",
        "6",
        "6 t",
        "7",
        "8",
        "9",
        "3 enter",
        "4 enter",
        "4 enter enter",
        "c",
        "q",
        "5 d",
        "5 space space d",
        "e",
        "Y",
        "?",
        "5 /",
        ",",
        ", enter",
        ", /",
        ":",
    ] {
        let harness = Harness::of(fixtures::running()).at(80, 24).keys(path);
        let screen = harness.screen();
        let footer = screen.lines().last().unwrap_or_default();
        assert!(unicode_width::UnicodeWidthStr::width(footer) <= 80, "{path}: {footer}");
        assert!(!footer.contains('…'), "{path}: {footer}");
    }
}

#[test]
fn every_scope_advertises_its_first_key() {
    for scope in Scope::ALL {
        if matches!(scope, Scope::Always | Scope::Screens | Scope::Moving) {
            continue;
        }
        assert!(!hints(scope).is_empty(), "{scope:?}");
    }
}

#[test]
fn the_page_of_keys_is_fresh() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/keys.md");
    let fresh = document();
    if std::env::var_os("DBBACKUP_WRITE_DOCS").is_some() {
        std::fs::write(path, &fresh).expect("docs/keys.md can be written");
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == fresh, "docs/keys.md is not what the table says: run the tests with DBBACKUP_WRITE_DOCS=1");
}

#[test]
fn a_text_field_takes_letters_before_the_table() {
    let harness = Harness::new().keys("5 /").types("q?1");
    assert!(harness.model.outcome().is_none());
    harness.shows("/ q?1").keys("esc").hides("/ q?1");
}

#[test]
fn what_cannot_be_done_says_why() {
    Harness::new().keys("4 c").shows("cancel: no job is in sight").sends_nothing();
    Harness::of(fixtures::empty()).keys("5 v").shows("verify: there is no archive");
    Harness::of(fixtures::empty()).keys("2 enter").shows("there is no database");
}

#[test]
fn esc_goes_back_one_level_and_never_leaves() {
    let mut harness = Harness::of(fixtures::running()).keys("down enter e esc").shows("public.orders");
    for _ in 0..12 {
        harness = harness.keys("esc");
    }
    assert!(harness.model.outcome().is_none());
    harness.shows("LAST GOOD BACKUP");
}

#[test]
fn the_cursor_stays_on_its_archive_when_the_order_changes() {
    let on = |model: &Model| model.list.picker.selected.clone();
    let harness = Harness::new().keys("5 down down");
    let before = on(&harness.model);
    assert!(before.is_some());
    let harness = harness.keys("s s S");
    assert_eq!(on(&harness.model), before);
}
