//! The log's screen and the debug log, in a real terminal.

use super::terminal::{Terminal, program};
use std::path::Path;
use tempfile::TempDir;

fn debug_log(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).expect("the debug log")).expect("JSON")
}

fn start(path: &Path, variables: &[(&str, &str)]) -> Terminal {
    let mut command = program(variables);
    command.args(["--save-debug-log", path.to_str().expect("a path")]);
    let terminal = Terminal::start(command, (80, 24));
    terminal.wait_for(super::TABS);
    terminal
}

#[test]
fn the_debug_log_is_saved_by_a_key_and_at_the_end() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("debug.json");
    let mut terminal = start(&path, &[]);
    terminal.wait_for("connection refused");
    // The log stands last among the tabs, whatever its number.
    let tabs = terminal.contents().lines().nth(1).expect("tabs").to_owned();
    let number = tabs.split_whitespace().rev().nth(1).expect("its number").to_owned();
    terminal.press(&number);
    terminal.wait_for("Log of all jobs");
    terminal.press("s");
    terminal.wait_for("saved as");
    let saved = debug_log(&path);
    assert_eq!((&saved["panicked"], &saved["outcome"]), (&false.into(), &serde_json::Value::Null));
    assert!(saved["events"].to_string().contains("CONNECTION_REFUSED"), "{}", saved["events"]);
    terminal.press("q");
    assert!(terminal.ends_well().success());
    assert_eq!(debug_log(&path)["outcome"]["exit"], 0);
}

#[test]
fn a_panic_of_the_screen_leaves_a_debug_log() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("debug.json");
    let mut terminal = start(&path, &[("DBBACKUP_TEST_PANIC", "ui"), ("TMPDIR", folder.path().to_str().expect("a path"))]);
    terminal.press("?");
    assert_eq!(terminal.ends_well().exit_code(), 70);
    let saved = debug_log(&path);
    assert_eq!(saved["panicked"], true);
    assert!(saved["log"].to_string().contains("panic in the screen"), "{}", saved["log"]);
}
