//! A run that is killed before any of its calls to the system leaves only complete files under final names, and the next run succeeds.

use super::{Site, content};
use crate::support::program;
use std::process::Command;

/// Calls that change something, or stand between those that do.
const CALLS: [&str; 11] = ["openat", "write", "fsync", "renameat2", "rename", "flock", "utimensat", "unlink", "mkdir", "clone3", "close"];

/// Runs the program and kills it at the n-th of its calls; false when it has fewer.
fn killed(site: &Site, words: &[&str], call: &str, number: u32) -> bool {
    ended(site, words, call, number, ("KILL", 9))
}

/// The same with any signal.
fn ended(site: &Site, words: &[&str], call: &str, number: u32, (signal, code): (&str, i32)) -> bool {
    let mut command = Command::new("strace");
    command.args([
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        &format!("trace={call}"),
        "-e",
        &format!("inject={call}:signal={signal}:when={number}"),
    ]);
    command.arg(env!("CARGO_BIN_EXE_dbbackup")).args(words).args(["--archive-dir", "archive"]);
    program::clean(&mut command, site.path());
    let outcome = program::run(&mut command);
    assert!([0, -code].contains(&outcome.code), "{call} {number}: {}", outcome.text());
    outcome.code == -code
}

/// Opening libraries and closing them comes first and changes nothing of ours.
fn first_of(call: &str) -> u32 {
    if ["openat", "close"].contains(&call) { 4 } else { 1 }
}

#[test]
fn archiving_killed_anywhere_loses_nothing_and_leaves_nothing_half_there() {
    let mut kills = 0;
    for call in CALLS {
        let mut number = first_of(call);
        loop {
            let site = Site::new();
            let names: Vec<String> = (1..4).map(|number| site.segment(number, number)).collect();
            names.iter().for_each(|name| site.ready(name));
            let path = format!("pg_wal/{}", names[0]);
            let was_killed = killed(&site, &["wal", "archive", &path, &names[0]], call, number);
            site.complete();
            for name in &names {
                site.push(name, &[]).ok();
            }
            assert_eq!(site.complete().len(), 3, "{call} {number}");
            let all = program::names(&site.archive());
            assert_eq!(all.len(), 4, "{call} {number}: leftovers {all:?}");
            if !was_killed {
                break;
            }
            kills += 1;
            number += 1;
        }
    }
    assert!(kills > 30, "{kills}");
}

#[test]
fn handing_over_killed_anywhere_hands_over_all_or_nothing() {
    let site = Site::new();
    let name = site.segment(1, 1);
    site.push(&name, &[]).ok();
    let wanted = content(super::OWN, 1, 1);
    let mut kills = 0;
    for call in CALLS {
        let mut number = first_of(call);
        loop {
            let _ = std::fs::remove_file(site.handed());
            let was_killed = killed(&site, &["wal", "restore", &name, "pg_wal/RECOVERYXLOG", "--wal-prefetch", "0"], call, number);
            assert!(!site.handed().exists() || std::fs::read(site.handed()).expect("handed over") == wanted, "{call} {number}");
            if !was_killed {
                break;
            }
            kills += 1;
            number += 1;
        }
    }
    assert!(kills > 15, "{kills}");
    site.restore(&name, &[]).ok();
    let left = program::names(&site.wal());
    assert!(left.iter().all(|name| !name.ends_with(".partial")), "{left:?}");
}

#[test]
fn a_server_that_shuts_down_ends_it_at_once() {
    let site = Site::new();
    let names: Vec<String> = (1..9).map(|number| site.segment(number, number)).collect();
    names.iter().for_each(|name| site.ready(name));
    for call in ["write", "fsync", "renameat2"] {
        let path = format!("pg_wal/{}", names[0]);
        let number = if call == "write" { 2 } else { 1 };
        assert!(ended(&site, &["wal", "archive", &path, &names[0]], call, number, ("TERM", 15)), "{call}");
        assert!(site.complete().len() < 8, "{call}");
    }
    for name in &names {
        site.push(name, &[]).ok();
    }
    assert_eq!((site.complete().len(), program::names(&site.archive()).len()), (8, 9));
}
