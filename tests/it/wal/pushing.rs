//! What `wal archive` leaves in the archive.

use super::{Site, decoded, name};
use crate::support::program;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, SystemTime};

#[test]
fn a_segment_is_stored_with_each_codec_for_its_owner_only_and_keeps_its_time() {
    for (codec, ending) in [("zstd", ".zst"), ("zstd:1", ".zst"), ("gzip", ".gz"), ("lz4", ".lz4"), ("none", "")] {
        let site = Site::new();
        let name = site.segment(3, 1);
        let written = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let file = std::fs::File::options().write(true).open(site.wal().join(&name)).expect("the segment");
        file.set_modified(written).expect("a time");
        let outcome = site.push(&name, &["--compression", codec]).ok();
        assert_eq!(outcome.text().trim(), "", "the server's log stays empty");
        assert_eq!(site.complete(), [format!("{name}{ending}")]);
        let meta = std::fs::metadata(site.archive().join(format!("{name}{ending}"))).expect("stored");
        assert_eq!(meta.permissions().mode() & 0o777, 0o600);
        assert_eq!(meta.modified().expect("a time"), written);
        assert!(codec == "none" || meta.len() < 400_000, "{codec}: {}", meta.len());
        assert!(!program::logs(site.path()).exists(), "no log for each call");
    }
}

#[test]
fn the_settings_say_how_segments_are_stored_and_those_of_backups_do_not() {
    let site = Site::new();
    let name = site.segment(3, 1);
    let dir = site.path().join(".config/dbbackup");
    std::fs::create_dir_all(&dir).expect("a folder");
    let archive = site.archive().display().to_string();
    let config = format!("[backup]\ncompression = \"none\"\n[wal]\ndir = {archive:?}\ncompression = \"gzip:1\"\n");
    std::fs::write(dir.join("config.toml"), config).expect("a configuration");
    program::run(&mut program::dbbackup(site.path(), &["wal", "archive", &format!("pg_wal/{name}"), &name])).ok();
    assert_eq!(site.complete(), [format!("{name}.gz")]);
    // A wrong configuration is told, and the server keeps its log.
    std::fs::write(dir.join("config.toml"), "[wal]\ndirr = 1\n").expect("a configuration");
    site.push(&name, &[]).fails(78, "CONFIG");
    std::fs::write(dir.join("config.toml"), "[log]\nfile = \"asked.log\"\n").expect("a configuration");
    site.push(&name, &[]).ok();
    let log = std::fs::read_to_string(site.path().join("asked.log")).expect("the log that was asked for");
    assert!(log.contains(&format!("{name} is archived")), "{log}");
}

#[test]
fn the_same_again_is_success_and_anything_else_is_not_and_changes_nothing() {
    let site = Site::new();
    let name = site.segment(9, 1);
    site.push(&name, &["--compression", "gzip"]).ok();
    for codec in ["gzip", "zstd", "lz4", "none"] {
        site.push(&name, &["--compression", codec]).ok();
    }
    assert_eq!(site.complete(), [format!("{name}.gz")], "one file, whatever codec is asked for now");
    let stored = site.archive().join(format!("{name}.gz"));
    let before = (std::fs::read(&stored).expect("stored"), std::fs::metadata(&stored).expect("stored").ino());
    site.segment(9, 2);
    for codec in ["gzip", "zstd", "none"] {
        let outcome = site.push(&name, &["--compression", codec]).fails(73, "WAL_CONFLICT");
        assert!(outcome.stderr.lines().count() <= 5 && outcome.stderr.contains("to fix:"), "{}", outcome.stderr);
    }
    assert_eq!((std::fs::read(&stored).expect("stored"), std::fs::metadata(&stored).expect("stored").ino()), before);
    assert_eq!(program::names(&site.archive()), [format!("{name}.gz"), "dbbackup-wal.json".into()]);
}

#[test]
fn one_that_is_damaged_in_the_archive_is_named_and_not_overwritten() {
    let site = Site::new();
    let name = site.segment(9, 1);
    site.push(&name, &[]).ok();
    let stored = site.archive().join(format!("{name}.zst"));
    let whole = std::fs::read(&stored).expect("stored");
    std::fs::write(&stored, &whole[..whole.len() / 2]).expect("cut off");
    site.push(&name, &[]).fails(65, "CORRUPTED_BACKUP");
    assert_eq!(std::fs::metadata(&stored).expect("stored").len(), whole.len() as u64 / 2);
    // As the message says: moved away, the server's next try succeeds.
    std::fs::rename(&stored, site.archive().join("damaged.old")).expect("moved");
    site.push(&name, &[]).ok();
    assert!(decoded(&stored) == std::fs::read(site.wal().join(&name)).expect("the server's"));
}

#[test]
fn what_waits_behind_is_archived_too_and_the_next_calls_return_at_once() {
    let site = Site::new();
    let names: Vec<String> = (5..25).map(|number| site.segment(number, number)).collect();
    names.iter().for_each(|name| site.ready(name));
    site.ready("00000001000000000000001F");
    site.push(&names[0], &["--wal-jobs", "3"]).ok();
    assert_eq!(site.complete().len(), names.len(), "a mark without a segment is left alone");
    let marks = program::names(&site.wal().join("archive_status"));
    assert_eq!(marks.len(), names.len() + 1, "the server's own marks are as they were");
    // A call that compares contents reads the stored file; one that remembers does not.
    let stored = |name: &str| site.archive().join(format!("{name}.zst"));
    let reads = |name: &str| {
        let mut command = std::process::Command::new("strace");
        command.args(["-f", "-qq", "-e", "trace=openat", "-o"]).arg(site.path().join("trace")).arg(env!("CARGO_BIN_EXE_dbbackup"));
        command.args(["wal", "archive", &format!("pg_wal/{name}"), name, "--archive-dir", "archive"]);
        program::clean(&mut command, site.path());
        program::run(&mut command).ok();
        std::fs::read_to_string(site.path().join("trace")).expect("a trace").contains(&format!("{name}.zst"))
    };
    assert!(!reads(&names[7]));
    // The memory counts only as long as both files are what they were.
    let content = std::fs::read(stored(&names[8])).expect("stored");
    std::fs::write(stored(&names[8]), &content).expect("written again");
    assert!(reads(&names[8]), "the archive's file was touched");
    site.segment(5 + 9, 9_999);
    site.push(&names[9], &[]).fails(73, "WAL_CONFLICT");
    std::fs::remove_file(stored(&names[10])).expect("removed");
    site.push(&names[10], &[]).ok();
    assert!(stored(&names[10]).exists(), "it is archived again");
    std::fs::write(site.wal().join(".dbbackup-spool/archived-ahead"), "archive\nnonsense\t\t\n\0").expect("spoilt");
    site.push(&names[11], &[]).ok();
}

#[test]
fn one_that_cannot_be_archived_ahead_is_told_when_its_turn_comes() {
    let site = Site::new();
    let names: Vec<String> = (0..6).map(|number| site.segment(number + 7, number)).collect();
    names.iter().for_each(|name| site.ready(name));
    site.segment_of(4711, 9, 1);
    site.push(&names[0], &[]).ok();
    assert!(!site.complete().contains(&format!("{}.zst", names[2])));
    site.push(&names[1], &[]).ok();
    site.push(&names[2], &[]).fails(65, "WAL_FOREIGN");
}

#[test]
fn leftovers_of_killed_runs_go_and_files_of_living_ones_stay() {
    let site = Site::new();
    let first = site.segment(1, 1);
    site.push(&first, &[]).ok();
    let leftover = |random: &str| site.archive().join(format!(".{}.zst.77-{random}.partial", name(2)));
    std::fs::write(leftover("0123456789ab"), "half").expect("a leftover");
    std::fs::write(leftover("ba9876543210"), "at work").expect("a living run's");
    let living = std::fs::File::open(leftover("ba9876543210")).expect("open");
    living.lock().expect("a lock");
    site.push(&site.segment(2, 2), &[]).ok();
    assert!(!leftover("0123456789ab").exists() && leftover("ba9876543210").exists());
}

#[test]
fn large_segments_pass_through_and_are_the_same() {
    let site = Site::new();
    // 64 MiB: more than is compressed in one go.
    let size = 64_u64 << 20;
    let mut bytes = super::content(super::OWN, 0, 5);
    bytes[8..16].copy_from_slice(&(3 * size).to_le_bytes());
    bytes[32..36].copy_from_slice(&(size as u32).to_le_bytes());
    bytes.resize(size as usize, 7);
    let name = "000000010000000000000003";
    std::fs::write(site.wal().join(name), &bytes).expect("a segment");
    for codec in ["zstd", "lz4", "none"] {
        let outcome = site.push(name, &["--compression", codec]).ok();
        assert!(outcome.peak < 60 << 20, "{codec}: {}", outcome.peak);
        assert_eq!(site.complete().len(), 1);
        site.restore(name, &[]).ok();
        assert!(std::fs::read(site.handed()).expect("handed over") == bytes);
        site.complete().iter().for_each(|file| std::fs::remove_file(site.archive().join(file)).expect("removed"));
    }
}
