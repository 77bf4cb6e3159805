//! The archive's disk fails in each way: the server keeps its log, and nothing half-written counts.

use super::{Site, alone, name};
use crate::support::program;

#[test]
fn a_full_disk_leaves_nothing_and_the_next_try_succeeds_when_there_is_room() {
    let site = Site::new();
    for number in 1..4 {
        site.segment(number, number);
    }
    // 1.5 MiB: the first segment fits uncompressed, the second does not.
    let script = format!(
        "mount -t tmpfs -o size=1536k none archive || exit 99; \
         push() {{ \"$1\" wal archive pg_wal/$2 $2 --archive-dir archive --compression none; }}; \
         push \"$1\" {0} || exit 98; push \"$1\" {1}; echo first $?; ls -A archive; \
         mount -o remount,size=8m archive; push \"$1\" {1}; echo second $?; cmp pg_wal/{1} archive/{1} && echo same",
        name(1),
        name(2)
    );
    let outcome = program::run(&mut alone(&site, &script)).ok();
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines, ["first 74", &name(1), "dbbackup-wal.json", "second 0", "same"], "{}", outcome.text());
    assert!(outcome.stderr.contains("DISK_FULL") && outcome.stderr.contains("df -h archive"), "{}", outcome.stderr);
}

#[test]
fn a_disk_without_room_for_names_and_one_that_takes_no_changes_are_told_apart() {
    let site = Site::new();
    site.segment(1, 1);
    let script = format!(
        "push() {{ \"$1\" wal archive pg_wal/{0} {0} --archive-dir archive; echo $?; }}; \
         mount -t tmpfs -o nr_inodes=1,size=8m none archive || exit 99; push \"$1\"; umount archive; \
         mount -t tmpfs -o ro none archive || exit 99; push \"$1\"; ls -A archive",
        name(1)
    );
    let outcome = program::run(&mut alone(&site, &script)).ok();
    assert_eq!(outcome.stdout.lines().collect::<Vec<_>>(), ["74", "73"], "{}", outcome.text());
    assert!(outcome.stderr.contains("INODES_EXHAUSTED") && outcome.stderr.contains("READ_ONLY_FILE_SYSTEM"), "{}", outcome.stderr);
}

#[test]
fn a_disk_that_fails_while_it_is_written_to_leaves_nothing_that_counts() {
    for (call, error) in
        [("write", "EIO"), ("fsync", "EIO"), ("fsync", "ENOSPC"), ("renameat2", "EIO"), ("flock", "ENOLCK"), ("utimensat", "EPERM")]
    {
        let site = Site::new();
        let segment = site.segment(1, 1);
        site.push(&segment, &[]).ok();
        let next = site.segment(2, 2);
        let failing = |times: u32| {
            let mut command = std::process::Command::new("strace");
            command.args([
                "-f",
                "-qq",
                "-o",
                "/dev/null",
                "-e",
                &format!("trace={call}"),
                "-e",
                &format!("inject={call}:error={error}:when={times}"),
            ]);
            command.arg(env!("CARGO_BIN_EXE_dbbackup")).args([
                "wal",
                "archive",
                &format!("pg_wal/{next}"),
                &next,
                "--archive-dir",
                "archive",
            ]);
            program::clean(&mut command, site.path());
            program::run(&mut command)
        };
        let mut failed = 0;
        for times in 1..20 {
            let outcome = failing(times);
            assert!((0..126).contains(&outcome.code), "{call} {error} {times}: {}", outcome.text());
            failed += u32::from(outcome.code != 0);
            let stored = site.complete();
            if outcome.code == 0 {
                assert_eq!(stored.len(), 2, "{call} {error} {times}");
                break;
            }
        }
        assert!(failed > 0 || call == "flock", "{call} {error} was not met");
        site.push(&next, &[]).ok();
        assert_eq!(site.complete().len(), 2);
        assert_eq!(program::names(&site.archive()).len(), 3, "{call} {error}: {:?}", program::names(&site.archive()));
    }
}

#[test]
fn usage_that_cannot_be_meant_is_told_to_either_side_in_its_own_way() {
    let site = Site::new();
    let first = site.segment(1, 1);
    site.push(&first, &["--compression", "xz"]).fails(64, "xz");
    site.push(&first, &["--nonsense"]).fails(64, "--nonsense");
    site.restore(&first, &["--nonsense"]).fails(64 + 128, "--nonsense");
    program::run(&mut site.command(&["wal", "--quiet", "restore", &first])).fails(64 + 128, "PATH");
    site.push(&first, &["--dry-run"]).fails(64, "USAGE");
    let path = format!("pg_wal/{first}");
    program::run(&mut program::dbbackup(site.path(), &["wal", "archive", &path, &first])).fails(64, "--archive-dir");
    program::run(&mut program::dbbackup(site.path(), &["wal", "restore", &first, &path])).fails(64 + 128, "--archive-dir");
    program::run(&mut site.command(&["wal", "restore", &first, &path, "--config", "none.toml"])).fails(78 + 128, "CONFIG");
    let outcome = site.push("000000010000000000000007", &[]).fails(66, "FILE_MISSING");
    assert!(outcome.stderr.contains("%p"), "{}", outcome.stderr);
    let json = site.push("000000010000000000000007", &["--json"]);
    let said: serde_json::Value = serde_json::from_str(json.stderr.trim()).expect("one line of JSON");
    assert_eq!((json.code, &said["fault"]["code"]), (66, &serde_json::json!("FILE_MISSING")));
}
