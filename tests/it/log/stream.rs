//! From those who speak to the file: floods, levels, secrets, pauses; and that nobody who speaks waits.

use super::{LIMIT, WIDE, json_file, json_lines, lines, logged};
use dbbackup::runtime::log::{Destination, Format, QUEUE};
use std::time::Instant;

#[test]
fn a_flood_of_equal_lines_is_one_line_and_a_number() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    logged(&Destination::File(path.clone(), WIDE, Format::Text), "info", |_| {
        for _ in 0..413 {
            tracing::warn!(target: "dbbackup::engine", job = 1u64, "the same");
        }
        tracing::info!(target: "dbbackup::engine", "something else");
    });
    let lines = lines(&path);
    assert_eq!(lines.len(), 3, "{lines:#?}");
    assert!(lines[0].ends_with("WARN  0123456789ab engine job 1: the same"), "{}", lines[0]);
    assert!(lines[2].ends_with("the same (repeated 412 times)"), "{}", lines[2]);
}

#[test]
fn no_line_of_a_flood_of_different_ones_vanishes_uncounted() {
    const THREADS: u64 = 4;
    let each = 4 * QUEUE as u64;
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    let dispatched = |_: &dbbackup::runtime::log::Log| {
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let dispatch = dispatch.clone();
                scope.spawn(move || {
                    tracing::dispatcher::with_default(&dispatch, || {
                        for number in 0..each {
                            tracing::info!(target: "dbbackup::engine", thread, number, "line");
                        }
                    });
                });
            }
        });
    };
    logged(&json_file(&path), "info", dispatched);
    let (mut written, mut missing) = (0, 0);
    for line in json_lines(&path) {
        let message = line["message"].as_str().expect("a message");
        match message.split_once(" lines are missing here") {
            Some((number, _)) => missing += number.parse::<u64>().expect("a number"),
            None => written += 1,
        }
    }
    assert_eq!(written + missing, THREADS * each, "{written} written, {missing} said to be missing");
}

#[test]
fn who_speaks_never_waits_for_a_disk() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    // Somebody holds the lock of the file and does not let go.
    let holder = std::fs::File::create(&path).expect("a file");
    holder.lock().expect("the lock");
    let trouble = logged(&json_file(&path), "info", |log| {
        let began = Instant::now();
        for number in 0..3 * QUEUE {
            tracing::info!(target: "dbbackup::engine", number, "line");
        }
        let took = began.elapsed();
        assert!(took < LIMIT, "{took:?} for lines that only had to be queued or counted");
        holder.unlock().expect("unlocked");
        log.flush(LIMIT);
    });
    assert!(trouble.iter().all(|text| text.contains("lock")), "{trouble:?}");
    let said = json_lines(&path);
    assert!(said.iter().any(|line| line["message"].as_str().is_some_and(|text| text.contains("missing here"))));
}

#[test]
fn a_log_that_cannot_be_written_pauses_says_so_and_goes_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().join("logs");
    let path = folder.join("log");
    let trouble = logged(&json_file(&path), "info", |log| {
        tracing::info!(target: "dbbackup::engine", "before");
        log.flush(LIMIT);
        std::fs::rename(&folder, dir.path().join("away")).expect("the folder goes");
        for number in 0..12 {
            tracing::info!(target: "dbbackup::engine", number, "lost");
        }
        log.flush(LIMIT);
        std::fs::create_dir(&folder).expect("the folder is back");
        tracing::info!(target: "dbbackup::engine", "after");
        log.flush(LIMIT);
    });
    assert_eq!(trouble.len(), 1, "a pause is told once: {trouble:?}");
    assert!(trouble[0].starts_with("the log is paused: "), "{trouble:?}");
    let said: Vec<String> = json_lines(&path).iter().map(|line| line["message"].as_str().expect("a text").to_owned()).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("12 lines are missing here"), "{said:?}");
    assert_eq!(said[1], "after");
}

#[test]
fn a_disk_that_is_nearly_full_is_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    // A floor above what is there is brought down to a twentieth of the disk.
    let space = rustix::fs::statvfs(dir.path()).expect("the disk");
    let floor = dbbackup::runtime::log::Limits { free: u64::MAX, ..WIDE };
    let mut log = dbbackup::runtime::log::Rotating::open(path.clone(), floor).expect("a log");
    let has_room = space.f_bavail > space.f_blocks / 20 + 1000;
    assert_eq!(log.append(b"one line\n").is_ok(), has_room);
    assert_eq!(std::fs::read(&path).expect("the file").is_empty(), !has_room);
}

#[test]
fn levels_hold_for_single_rooms_and_libraries_say_their_warnings() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    logged(&json_file(&path), "error,engine=debug,server=off", |_| {
        tracing::debug!(target: "dbbackup::engine::backup", "yes 1");
        tracing::trace!(target: "dbbackup::engine", "no");
        tracing::warn!(target: "dbbackup::storage", "no");
        tracing::error!(target: "dbbackup::storage", "yes 2");
        tracing::error!(target: "dbbackup::server::postgres", "no");
        tracing::warn!(target: "tokio_postgres", "no");
        tracing::error!(target: "tokio_postgres", "yes 3");
    });
    let said: Vec<String> = json_lines(&path).iter().map(|line| format!("{} {}", line["room"], line["message"])).collect();
    assert_eq!(said, [r#""engine::backup" "yes 1""#, r#""storage" "yes 2""#, r#""tokio_postgres" "yes 3""#]);
    logged(&json_file(&path), "trace", |_| tracing::debug!(target: "tokio_postgres", "a statement with data"));
    assert_eq!(json_lines(&path).len(), 3, "a driver's debug lines hold statements");
}

#[test]
fn hostile_and_endless_texts_stay_one_line_and_secrets_stay_out() {
    let dir = tempfile::tempdir().expect("a folder");
    let (json, text) = (dir.path().join("json"), dir.path().join("text"));
    for destination in [json_file(&json), Destination::File(text.clone(), WIDE, Format::Text)] {
        logged(&destination, "info", |_| {
            let hostile = "a\u{1b}[2J\n2026-01-01 forged line\r\u{202e}\"}";
            tracing::info!(target: "dbbackup::engine", run = "forged", table = hostile, "{hostile}");
            tracing::info!(target: "dbbackup::engine", url = "postgres://a:geheim@db/x", error = ?"PASSWORD 'geheim'", "PGPASSWORD=geheim");
            tracing::info!(target: "dbbackup::engine", "{}", "ü".repeat(100_000));
        });
    }
    let lines = json_lines(&json);
    assert_eq!((lines.len(), super::lines(&text).len()), (3, 3));
    assert_eq!(lines[0]["run"], "0123456789ab", "a field does not take the place of ours");
    for path in [json, text] {
        let all = std::fs::read_to_string(path).expect("text");
        assert!(!all.contains('\u{1b}') && !all.contains('\u{202e}') && !all.contains("geheim"), "{all}");
        assert!(all.contains("bytes more") && all.len() < 40_000, "{}", all.len());
    }
}
