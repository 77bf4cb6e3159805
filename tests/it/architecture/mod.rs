//! The rooms of the house: who may know whom. Reads the sources, so that a forbidden edge fails before it is reviewed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Every edge that is allowed: a room, and the rooms it may name.
const EDGES: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("archive", &["domain"]),
    ("storage", &["domain"]),
    ("server", &["domain"]),
    ("system", &["domain"]),
    ("config", &["domain", "system"]),
    ("engine", &["domain", "archive", "storage", "server", "system", "config"]),
    ("bus", &[]),
    ("app", &["domain", "engine"]),
    ("view", &["domain", "engine", "app"]),
    ("runtime", &["domain", "engine", "server", "storage", "archive", "system", "config", "bus", "app", "view"]),
    ("batch", &["domain", "engine", "server", "app", "view", "runtime", "config", "cli", "system", "bus"]),
    ("cli", &["domain", "config", "app"]),
];

/// Words that a room must not name at all.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("domain", &["tokio", "ratatui", "crossterm", "std::fs", "std::net", "std::process"]),
    ("app", &["tokio", "ratatui", "crossterm", "std::time::Instant", "SystemTime", "std::fs", "std::env", "std::thread"]),
    ("view", &["tokio", "crossterm", "std::fs", "std::env", "std::thread", "Mutex", "RefCell", "std::time::Instant", "SystemTime"]),
    ("engine", &["ratatui", "crossterm"]),
    ("archive", &["tokio_postgres", "ratatui", "crossterm"]),
    ("server", &["ratatui", "crossterm"]),
];

/// Rooms above the engine may know its events, which are plain data, and nothing else of it.
const PLAIN: &[&str] = &["app", "view"];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn files(dir: &Path, out: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            out.push(path);
        }
    }
}

fn room_files(room: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(&source().join(room), &mut found);
    let lone = source().join(format!("{room}.rs"));
    if lone.exists() {
        found.push(lone);
    }
    found
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).expect("a source file can be read");
            let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect();
            (path, code)
        })
        .collect()
}

/// The rooms that a text names as `crate::room`, with what follows.
fn named(code: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for part in code.split("crate::").skip(1) {
        let path: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':').collect();
        let (room, rest) = path.split_once("::").unwrap_or((&path, ""));
        if room.is_empty() && part.starts_with('{') {
            // `use crate::{a, b::c}`: each name up to the closing brace.
            let inside: String = part[1..].chars().take_while(|c| *c != ';').collect();
            found.extend(inside.split([',', '{', '}']).filter_map(|name| {
                let name = name.trim().split("::").next().unwrap_or_default();
                if name.is_empty() { None } else { Some((name.to_owned(), String::new())) }
            }));
        } else {
            found.push((room.to_owned(), rest.to_owned()));
        }
    }
    found
}

fn rooms() -> BTreeSet<String> {
    std::fs::read_dir(source())
        .expect("there are sources")
        .flatten()
        .filter_map(|entry| entry.path().file_stem().map(|name| name.to_string_lossy().into_owned()))
        .filter(|name| name != "main" && name != "lib")
        .collect()
}

#[test]
fn every_edge_is_on_the_list() {
    let rooms = rooms();
    let mut edges = 0;
    for room in &rooms {
        let allowed = EDGES.iter().find(|(name, _)| name == room).map(|(_, allowed)| *allowed);
        let allowed = allowed.unwrap_or_else(|| panic!("the room {room} is not on the list of edges"));
        for (path, code) in room_files(room) {
            for (other, rest) in named(&code) {
                if !rooms.contains(&other) || other == *room {
                    continue;
                }
                edges += 1;
                assert!(allowed.contains(&other.as_str()), "{}: {room} may not know {other}", path.display());
                let plain = !PLAIN.contains(&room.as_str()) || other != "engine" || rest.starts_with("event");
                assert!(plain, "{}: {room} may know engine::event only, not engine::{rest}", path.display());
            }
        }
    }
    assert!(edges > 20, "the sources were not read: {edges} edges");
}

#[test]
fn no_room_names_what_it_must_not_know() {
    for (room, words) in FORBIDDEN {
        for (path, code) in room_files(room) {
            for word in *words {
                let hit = code.lines().find(|line| line.contains(word));
                assert!(hit.is_none(), "{}: {room} may not name {word}: {}", path.display(), hit.unwrap_or_default().trim());
            }
        }
    }
}

#[test]
fn the_reader_of_edges_sees_them() {
    let rooms = |code: &str| named(code).into_iter().map(|(room, _)| room).collect::<Vec<_>>();
    assert_eq!(rooms("use crate::app::model::Model;\nfn f() { crate::bus::post() }"), ["app", "bus"]);
    assert_eq!(rooms("use crate::{domain::Fault, server};"), ["domain", "server"]);
}
