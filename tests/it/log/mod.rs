//! The log: files that are rotated, sockets, floods, pauses; and what a run leaves in it.

mod audit;
mod file;
mod program;
mod socket;
mod stream;

use dbbackup::domain::levels::Levels;
use dbbackup::runtime::log::{Destination, Format, Limits, Log, Memory, open};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a flush may take at most.
const LIMIT: Duration = Duration::from_secs(20);

/// Limits that no test reaches by chance.
const WIDE: Limits = Limits { size: 100 << 20, files: 10, total: 1 << 30, free: 0 };

/// Says things to a log of its own; gives what was said of trouble.
fn logged(destination: &Destination, levels: &str, say: impl FnOnce(&Log)) -> Vec<String> {
    let trouble = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&trouble);
    let levels: Levels = levels.parse().expect("levels");
    let listener = Box::new(move |text: &str| heard.lock().expect("no panic").push(text.to_owned()));
    let (log, subscriber) = open(destination, &levels, Memory::Off, "0123456789ab", listener).expect("a log");
    tracing::subscriber::with_default(subscriber, || say(&log));
    log.end();
    trouble.lock().expect("no panic").clone()
}

/// The lines of a file.
fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).lines().map(str::to_owned).collect()
}

/// The lines of a file, each a JSON object.
fn json_lines(path: &Path) -> Vec<serde_json::Value> {
    lines(path)
        .iter()
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert!(value.is_object(), "{line}");
            value
        })
        .collect()
}

fn json_file(path: &Path) -> Destination {
    Destination::File(path.to_owned(), WIDE, Format::Json)
}
