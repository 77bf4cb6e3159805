//! Rotation: by size and number, with a cap on the total, under writers that know nothing of each other.

use super::lines;
use dbbackup::runtime::log::{Limits, Rotating};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The log files in a folder, the newest first.
fn files(path: &Path) -> Vec<PathBuf> {
    let numbered = (1..1000).map(|number| PathBuf::from(format!("{}.{number}", path.display())));
    std::iter::once(path.to_owned()).chain(numbered).filter(|file| file.exists()).collect()
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).expect("a file").len()
}

#[test]
fn files_are_rotated_by_size_and_kept_by_number() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("a.log");
    let limits = Limits { size: 1000, files: 3, total: 1 << 20, free: 0 };
    let mut log = Rotating::open(path.clone(), limits).expect("a log");
    for number in 0..100 {
        log.append(format!("line {number:03} {}\n", "x".repeat(90)).as_bytes()).expect("room");
    }
    let found = files(&path);
    assert_eq!(found.len(), 3, "{found:?}");
    for file in &found {
        assert!(size(file) <= 1000, "{}: {}", file.display(), size(file));
        assert_eq!(std::fs::metadata(file).expect("a file").permissions().mode() & 0o777, 0o600);
    }
    let all: Vec<String> = found.iter().rev().flat_map(|file| lines(file)).collect();
    assert!(all.last().expect("lines").starts_with("line 099"), "the newest line is the last");
    let numbers: Vec<u32> = all.iter().map(|line| line[5..8].parse().expect("a number")).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
}

#[test]
fn the_total_is_never_exceeded_whatever_is_found() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("a.log");
    // Left by a run with other limits.
    for number in [1, 2, 7, 900] {
        std::fs::write(format!("{}.{number}", path.display()), "y".repeat(5000)).expect("a file");
    }
    std::fs::write(dir.path().join("a.log.old"), "somebody's own").expect("a file");
    let limits = Limits { size: 1000, files: 50, total: 3500, free: 0 };
    let mut log = Rotating::open(path.clone(), limits).expect("a log");
    for number in 0..200 {
        log.append(format!("line {number:03} {}\n", "x".repeat(90)).as_bytes()).expect("room");
        let total: u64 = files(&path).iter().map(|file| size(file)).sum();
        assert!(number < 20 || total <= 3500, "{total} bytes after line {number}: {:?}", files(&path));
    }
    assert!(dir.path().join("a.log.old").exists(), "only what is ours is removed");
}

#[test]
fn parallel_writers_lose_nothing_tear_nothing_and_keep_the_limits() {
    const WRITERS: usize = 6;
    const EACH: usize = 1500;
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("a.log");
    let limits = Limits { size: 20_000, files: 900, total: 1 << 30, free: 0 };
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let path = path.clone();
            scope.spawn(move || {
                // Each has its own description of the file, as another process would.
                let mut log = Rotating::open(path, limits).expect("a log");
                for number in 0..EACH {
                    log.append(format!("{writer} {number} {}\n", "x".repeat(60 + number % 40)).as_bytes()).expect("written");
                }
            });
        }
    });
    let found = files(&path);
    assert!(found.len() > 20, "it was rotated: {}", found.len());
    let mut next: BTreeMap<usize, usize> = BTreeMap::new();
    for file in found.iter().rev() {
        assert!(size(file) <= 20_000, "{}", size(file));
        for line in lines(file) {
            let parts: Vec<&str> = line.split(' ').collect();
            let [writer, number, rest] = parts.as_slice() else { panic!("a torn line: {line:?}") };
            let (writer, number): (usize, usize) = (writer.parse().expect("a writer"), number.parse().expect("a number"));
            assert_eq!(rest.len(), 60 + number % 40, "{line:?}");
            assert_eq!(number, *next.entry(writer).or_default(), "lines of writer {writer} are in order and whole");
            next.insert(writer, number + 1);
        }
    }
    assert_eq!(next, (0..WRITERS).map(|writer| (writer, EACH)).collect());
}

#[test]
fn a_file_that_was_renamed_by_somebody_else_is_made_anew() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("a.log");
    let mut log = Rotating::open(path.clone(), super::WIDE).expect("a log");
    log.append(b"one\n").expect("written");
    std::fs::rename(&path, dir.path().join("elsewhere")).expect("renamed, as logrotate does");
    log.append(b"two\n").expect("written");
    assert_eq!(lines(&path), ["two"]);
    std::fs::remove_file(&path).expect("removed");
    log.append(b"three\n").expect("written");
    assert_eq!(lines(&path), ["three"]);
}

#[test]
fn a_pipe_that_nobody_reads_does_not_hold_up_the_start() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR, 0)
        .expect("a pipe");
    assert!(Rotating::open(path, super::WIDE).is_err());
    let mut device = Rotating::open("/dev/null".into(), Limits { size: 1, files: 1, total: 1, free: 0 }).expect("a device");
    device.append(b"a device is not rotated\n").expect("written");
    let mut full = Rotating::open("/dev/full".into(), super::WIDE).expect("a device");
    assert_eq!(full.append(b"x\n").expect_err("it is full").kind(), std::io::ErrorKind::StorageFull);
}
