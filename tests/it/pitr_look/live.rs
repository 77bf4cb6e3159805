//! Looking at the archive of a live server.

use super::{archive, archiving, write};
use crate::support::postgres::VERSIONS;
use crate::support::program::{dbbackup, on, run};
use serde_json::Value;
use std::path::Path;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn the_archive_is_found_from_the_server_and_told() {
    for major in VERSIONS {
        let server = archiving(major);
        let home = tempfile::tempdir().expect("a folder");
        let last = write(&server, 3);
        server.sql("postgres", "select pg_create_physical_replication_slot('held', true)");
        let stats = run(&mut on(&server, home.path(), &["wal", "stats"])).ok().stdout;
        for line in [
            "WAL Archive Statistics:",
            "  Compressed:       0 files",
            "  Segment Size:     16 MiB",
            "  Timelines:        1\n",
            "  Gaps:             none",
            "  Archiver:         on, last ",
            "(written by a copying command)",
            "held holds ",
            &format!("  Newest WAL:       {last}"),
        ] {
            assert!(stats.contains(line), "{line}\n{stats}");
        }
        let list = json(&run(&mut on(&server, home.path(), &["wal", "list", "--json"])).ok().stdout);
        assert!(list.as_array().is_some_and(|all| all.iter().any(|one| one["file"] == last.as_str())), "{list}");
        let identifier = server.sql("postgres", "select system_identifier from pg_control_system()");
        let told = json(&run(&mut on(&server, home.path(), &["wal", "stats", "--json"])).ok().stdout);
        assert_eq!(told["wal"]["system_identifier"], identifier.as_str());
        assert_eq!(told["wal"]["stats"]["segment_size"], 16 << 20);
    }
}

#[test]
fn verify_names_what_is_damaged_and_what_is_missing() {
    let server = archiving(15);
    let home = tempfile::tempdir().expect("a folder");
    write(&server, 6);
    let dir = archive(&server);
    let verify = || run(&mut dbbackup(home.path(), &["wal", "verify", "--archive-dir", &dir.display().to_string()]));
    let whole = verify().ok().stdout;
    assert!(whole.starts_with("FOUND    timeline 1  00000001000000000000000"), "{whole}");
    assert!(whole.contains("nothing is missing, nothing is damaged"), "{whole}");
    let one = dir.join("000000010000000000000004");
    let kept = std::fs::read(&one).expect("a segment");
    std::fs::write(&one, &kept[..kept.len() - 8192]).expect("a segment");
    let damaged = verify().fails(65, "CORRUPTED_BACKUP").stdout;
    assert!(damaged.contains("DAMAGED  000000010000000000000004  it has 16769024 bytes"), "{damaged}");
    // Only what is asked for is looked at.
    let some = |segments: &str| {
        let flags = ["wal", "verify", "--archive-dir", &dir.display().to_string(), "--segments", segments, "--jobs", "1"];
        run(&mut dbbackup(home.path(), &flags))
    };
    some("000000010000000000000002..000000010000000000000003").ok();
    let within = some("000000010000000000000003..000000010000000000000005").fails(65, "CORRUPTED_BACKUP");
    assert!(within.stdout.contains("3 segments"), "{}", within.stdout);
    assert!(within.stderr.contains("backup base --backup-dir"), "{}", within.stderr);
    std::fs::remove_file(&one).expect("it was there");
    let missing = verify().fails(65, "CORRUPTED_BACKUP").stdout;
    assert!(missing.contains("MISSING  timeline 1  000000010000000000000004  1 segment, "), "{missing}");
}

/// Bytes of a record that was changed after it was archived: nothing but its checksum tells.
#[test]
fn verify_finds_a_changed_byte_within_a_record() {
    let server = archiving(17);
    let home = tempfile::tempdir().expect("a folder");
    server.sql("postgres", "select pg_logical_emit_message(true, 'test', repeat('find me ', 1000))");
    write(&server, 2);
    let dir = archive(&server);
    let verify = || run(&mut dbbackup(home.path(), &["wal", "verify", "--archive-dir", &dir.display().to_string()]));
    verify().ok();
    let (path, mut bytes, at) = std::fs::read_dir(&dir)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .find_map(|path| {
            let bytes = std::fs::read(&path).expect("a segment");
            let at = bytes.windows(16).position(|eight| eight == b"find me find me ")?;
            Some((path, bytes, at))
        })
        .expect("the message is in a segment");
    bytes[at] = b'F';
    std::fs::write(&path, bytes).expect("a segment");
    let told = verify().fails(65, "CORRUPTED_BACKUP").stdout;
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(told.contains(&format!("DAMAGED  {name}  ")) && told.contains("checksum"), "{told}");
}

fn windows(server: &crate::support::postgres::Postgres, home: &Path, backups: &Path) -> Vec<(i64, i64)> {
    let status = run(&mut on(server, home, &["pitr", "status", "--json", "--backup-dir", &backups.display().to_string()])).ok().stdout;
    let told = json(&status);
    let all = told["report"]["windows"].as_array().expect("windows").clone();
    all.iter().map(|window| (window[0].as_i64().expect("from"), window[1].as_i64().expect("to"))).collect()
}

#[test]
fn status_says_from_when_to_when_one_can_recover() {
    for major in VERSIONS {
        let server = archiving(major);
        let (home, backups) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        write(&server, 2);
        let dir = backups.path().display().to_string();
        let nothing = run(&mut on(&server, home.path(), &["pitr", "status", "--backup-dir", &dir])).ok().stdout;
        assert!(nothing.contains("Recoverable:      nothing") && nothing.contains("there is no base backup"), "{nothing}");
        run(&mut on(&server, home.path(), &["backup", "base", "--backup-dir", &dir])).ok();
        write(&server, 2);
        let before = windows(&server, home.path(), backups.path());
        assert_eq!(before.len(), 1, "{before:?}");
        let moment =
            server.sql("postgres", "select (extract(epoch from clock_timestamp()) * 1000)::int8").parse::<i64>().expect("a moment");
        assert!(before[0].0 < before[0].1 && before[0].1 <= moment + 1000, "{before:?} {moment}");
        let last = write(&server, 3);
        let after = windows(&server, home.path(), backups.path());
        assert!(after[0].0 == before[0].0 && after[0].1 > before[0].1, "{before:?} {after:?}");
        // A segment before the last one is lost: what comes behind it cannot be had.
        let lost = format!("{}{:08X}", &last[..16], u32::from_str_radix(&last[16..], 16).expect("a number") - 1);
        std::fs::remove_file(archive(&server).join(&lost)).expect("it was there");
        let cut = windows(&server, home.path(), backups.path());
        assert!(cut.len() == 1 && cut[0].1 < after[0].1, "{cut:?} {after:?}");
        let told = run(&mut on(&server, home.path(), &["pitr", "status", "--backup-dir", &dir])).ok().stdout;
        for line in [
            "Recoverable:      20",
            " UTC to 20",
            "1 segment is missing after ",
            &lost,
            "[CRITICAL]",
            "base_",
            "wal_level logical, archive_mode on",
        ] {
            assert!(told.contains(line), "{line}\n{told}");
        }
    }
}

#[test]
fn a_failing_archiver_and_a_silent_server_are_told() {
    let server = crate::support::postgres::Postgres::start(17, "archive_mode = on\narchive_command = 'false'");
    let home = tempfile::tempdir().expect("a folder");
    server.sql("postgres", "select pg_logical_emit_message(true, 'test', 'x'); select pg_switch_wal()");
    crate::support::eventually("the archiver does not fail", || {
        server.sql("postgres", "select failed_count > 0 from pg_stat_archiver") == "t"
    });
    let told = run(&mut on(&server, home.path(), &["pitr", "status"])).ok().stdout;
    assert!(told.contains("[FATAL] archiving fails: segment 0000000100000000000000"), "{told}");
    assert!(told.contains("FAILING"), "{told}");
    server.stop_now();
    let silent = run(&mut on(&server, home.path(), &["pitr", "status"]));
    assert_eq!(silent.code, 69, "{}", silent.text());
}
