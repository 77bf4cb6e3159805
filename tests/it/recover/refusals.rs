//! What cannot be recovered is refused before anything is made, with the reason; what is broken off leaves nothing that could be started.

use super::story::{Recovered, Story, moment};
use crate::support::program;
use rustix::process::Signal;
use std::path::Path;
use std::process::Command;

/// Runs it; it has to fail so, and to leave no data directory.
#[track_caller]
fn refused(story: &Story, name: &str, args: &[&str], code: i32, kind: &str, words: &[&str]) {
    let (server, outcome) = story.recover(name, args);
    let outcome = outcome.fails(code, kind);
    for word in words {
        assert!(outcome.text().contains(word), "{word} is not said:\n{}", outcome.text());
    }
    assert!(!server.data.exists(), "a folder was made");
}

fn late(story: &Story) -> String {
    moment(story.commits[story.commits.len() - 20].at)
}

/// A copy of the archive of the log without one segment, so many before the end.
fn with_a_hole(story: &Story, name: &str, back: usize) -> (std::path::PathBuf, String) {
    let dir = story.dir.join(name);
    assert!(Command::new("cp").arg("-a").arg(story.wal()).arg(&dir).status().expect("cp").success());
    let mut segments: Vec<String> = std::fs::read_dir(&dir)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("00000001") && !name.contains(".backup"))
        .collect();
    segments.sort();
    let gone = segments[segments.len() - back].clone();
    std::fs::remove_file(dir.join(&gone)).expect("a segment");
    (dir, gone[..24].to_owned())
}

#[test]
fn a_missing_segment_is_named_before_anything_starts() {
    for major in [15, 17] {
        let story = Story::of(major);
        let (dir, gone) = with_a_hole(story, "hole", 2);
        let time = late(story);
        let mut command = program::dbbackup(&story.dir.join("home"), &["restore", "pitr", "--batch", "--audit-file", "off", "--start"]);
        command.arg("--wal-archive").arg(&dir).arg("--backup-dir").arg(story.backups()).arg("--bin-dir").arg(&story.server.bin);
        command.arg("--target-dir").arg(story.dir.join("holed")).args(["--target-time", &time]);
        command.arg("--map-tablespace").arg(format!("{}={}", story.dir.join("apart").display(), story.dir.join("holed-apart").display()));
        let outcome = program::run(&mut command).fails(66, "FILE_MISSING");
        assert!(outcome.text().contains(&gone), "{gone} is not named:\n{}", outcome.text());
        assert!(!story.dir.join("holed").exists(), "a folder was made");
    }
}

#[test]
fn targets_that_are_not_in_the_log_are_refused() {
    let story = Story::of(15);
    let last = story.commits.last().expect("a commit").at;
    let beyond = moment(last + 60_000_000);
    refused(story, "beyond", &["--target-time", &beyond], 66, "NOT_IN_ARCHIVE", &["the archived log ends before", "pg_switch_wal"]);
    let before = moment(story.commits[0].at - 60_000_000);
    refused(
        story,
        "earlier",
        &["--target-time", &before],
        66,
        "NOT_IN_ARCHIVE",
        &["no base backup leads to the target", "Choose a moment after"],
    );
    refused(story, "nameless", &["--target-name", "nowhere"], 66, "NOT_IN_ARCHIVE", &["nowhere"]);
    refused(story, "numberless", &["--target-xid", "4000000000"], 66, "NOT_IN_ARCHIVE", &["no base backup leads to the target"]);
    let other = Story::of(17).wal().display().to_string();
    let time = late(story);
    let (_server, outcome) = {
        let mut command = story.command("other", &["--target-time", &time]);
        let args: Vec<String> =
            command.get_args().map(|arg| arg.to_string_lossy().replace(&story.wal().display().to_string(), &other)).collect();
        command = program::dbbackup(&story.dir.join("home"), &args.iter().map(String::as_str).collect::<Vec<_>>());
        (Recovered::of(story, "other"), program::run(&mut command))
    };
    outcome.fails(65, "WAL_FOREIGN");
}

#[test]
fn what_cannot_be_meant_is_wrong_usage() {
    let story = Story::of(15);
    for (args, words) in [
        (&["--target-time", "2026-01-30 14:02:59"][..], "does not say in which time zone"),
        (&["--target-time", "2026-10-25 02:30:00 Europe/Berlin"], "there was twice"),
        (&["--target-time", "2026-03-29 02:30:00 Europe/Berlin"], "there never was"),
        (&["--target-time", "2026-01-30 14:02:59Z", "--target-xid", "700"], "cannot be used with"),
        (&["--target-exclusive"], "says nothing without a target"),
        (&["--target-action", "shutdown"], "--target-action needs a target"),
        (&["--timeline", "newest"], "current or latest"),
        (&["--map-tablespace", "/nowhere=/elsewhere"], "the backup has no tablespace in /nowhere"),
    ] {
        let outcome = program::run(&mut story.command("usage", args));
        assert_eq!(outcome.code, 64, "{args:?}\n{}", outcome.text());
        assert!(outcome.text().contains(words), "{args:?}\n{}", outcome.text());
    }
    // A zone from the configuration will do, and what is meant is said in UTC.
    let local = story.commits[story.commits.len() - 20].at;
    let berlin = jiff::Timestamp::from_microsecond(local).expect("a moment").in_tz("Europe/Berlin").expect("a zone");
    let text = berlin.strftime("%Y-%m-%d %H:%M:%S%.6f").to_string();
    let mut command = story.command("zone", &["--target-time", &text, "--dry-run"]);
    let outcome = program::run(command.env("DBBACKUP_TARGET_TIMEZONE", "Europe/Berlin")).ok();
    let utc = moment(local);
    assert!(outcome.stdout.contains(utc[..26].trim_end_matches('0')), "{utc}\n{}", outcome.stdout);
    assert!(outcome.stdout.contains("Last transaction:") && outcome.stdout.contains("First one left out:"), "{}", outcome.stdout);
}

#[test]
fn folders_and_programs_have_to_fit() {
    let story = Story::of(15);
    let time = late(story);
    let target = ["--target-time", &time, "--start"];
    let other = Story::of(17).server.bin.display().to_string();
    refused(story, "version", &[&target[..], &["--bin-dir", &other]].concat(), 69, "VERSION_UNSUPPORTED", &["no server of PostgreSQL 15"]);
    let full = story.dir.join("full");
    std::fs::create_dir(&full).expect("a folder");
    std::fs::write(full.join("mine"), "mine").expect("a file");
    let outcome = program::run(&mut story.command("full", &target)).fails(1, "TARGET_NOT_EMPTY");
    assert!(outcome.text().contains("nothing is overwritten"), "{}", outcome.text());
    assert_eq!(std::fs::read_to_string(full.join("mine")).expect("it is there"), "mine");
    let inside = story.server.data.join("inside").display().to_string();
    let outcome =
        program::run(&mut story.command("within", &[&target[..], &["--target-dir", &inside]].concat())).fails(1, "TARGET_NOT_EMPTY");
    assert!(outcome.text().contains("which is the data directory of a server"), "{}", outcome.text());
}

#[test]
fn a_killed_recovery_leaves_nothing_that_starts() {
    let story = Story::of(17);
    let time = late(story);
    let data = story.dir.join("killed");
    let mut run = program::start(&mut story.command("killed", &["--target-time", &time]));
    assert!(run.until(|| data.join("base").exists()), "it ended before it could be killed");
    run.signal(Signal::KILL);
    assert_eq!(run.finish().code, -9);
    assert!(!data.join("global/pg_control").exists());
    let outcome = program::run(&mut story.command("killed", &["--target-time", &time])).fails(1, "TARGET_NOT_EMPTY");
    assert!(outcome.text().contains(&format!("rm -rf -- {}", data.display())), "{}", outcome.text());
    // Asked to stop, it says itself what is left.
    let mut run = program::start(&mut story.command("stopped", &["--target-time", &time]));
    let stopped = story.dir.join("stopped");
    assert!(run.until(|| stopped.join("base").exists()), "it ended before it could be stopped");
    run.signal(Signal::INT);
    let outcome = run.finish();
    assert_eq!(outcome.code, 130, "{}", outcome.text());
    assert!(outcome.text().contains(&format!("Left: {}", stopped.display())), "{}", outcome.text());
    assert!(!stopped.join("global/pg_control").exists());
    drop([Recovered::of(story, "killed"), Recovered::of(story, "stopped")]);
}

/// A recovery into a small disk of its own, made so by options of mount.
fn on_a_small_disk(story: &Story, name: &str, options: &str) -> program::Outcome {
    let disk = story.dir.join(name);
    std::fs::create_dir(&disk).expect("a folder");
    let time = late(story);
    let inner = story.command(&format!("{name}/data"), &["--target-time", &time]);
    let words: Vec<String> = std::iter::once(inner.get_program())
        .chain(inner.get_args())
        .map(|word| shell_words::quote(&word.to_string_lossy()).into_owned())
        .collect();
    let script = format!("mount -t tmpfs -o {options} none {} && {}", disk.display(), words.join(" "));
    let mut command = Command::new("unshare");
    program::clean(&mut command, &story.dir.join("home"));
    command.arg("--mount");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    program::run(command.arg("sh").arg("-c").arg(script))
}

#[test]
fn a_full_disk_is_told_before_or_names_what_is_left() {
    let story = Story::of(15);
    let outcome = on_a_small_disk(story, "small", "size=20m").fails(74, "DISK_FULL");
    assert!(outcome.text().contains("are needed"), "{}", outcome.text());
    // Room for bytes and not for files: that is met only while unpacking.
    let outcome = on_a_small_disk(story, "narrow", "size=4g,nr_inodes=200");
    assert_eq!(outcome.code, 74, "{}", outcome.text());
    let left = Path::new(&story.dir).join("narrow/data").display().to_string();
    assert!(outcome.text().contains("INODES_EXHAUSTED") && outcome.text().contains(&format!("rm -rf -- {left}")), "{}", outcome.text());
}

/// A copy of the archive of which half of one segment is there; the run on it.
fn with_half(story: &Story, name: &str, back: usize, more: &[&str]) -> (String, program::Outcome) {
    let (dir, gone) = with_a_hole(story, &format!("{name}-wal"), back);
    let stored = std::fs::read_dir(story.wal()).expect("a folder").map(|entry| entry.expect("an entry").path());
    // A base backup that began in it has left its label under the same name and more.
    let is_it = |path: &std::path::PathBuf| path.file_stem().is_some_and(|stem| stem == gone.as_str());
    let original = stored.into_iter().find(is_it).expect("the segment");
    let bytes = std::fs::read(&original).expect("the segment");
    let broken = dir.join(original.file_name().expect("a name"));
    std::fs::write(&broken, &bytes[..bytes.len() / 2]).expect("half of it");
    super::story::own(&broken);
    let base = story.bases[0].display().to_string();
    let inner = story.command(name, &[&["--base-backup", &base, "--start"], more].concat());
    let words = inner
        .get_args()
        .map(|arg| if arg == story.wal().as_os_str() { dir.display().to_string() } else { arg.to_string_lossy().into_owned() });
    let words: Vec<String> = words.collect();
    (gone, program::run(&mut program::dbbackup(&story.dir.join("home"), &words.iter().map(String::as_str).collect::<Vec<_>>())))
}

#[test]
fn a_damaged_segment_is_named_or_the_server_gives_up_with_a_cure() {
    let story = Story::of(15);
    let last = dbbackup::domain::wal::Lsn(story.commits.last().expect("a commit").lsn).to_string();
    let (damaged, outcome) = with_half(story, "half", 2, &["--target-lsn", &last]);
    let outcome = outcome.fails(65, "CORRUPTED_BACKUP");
    assert!(outcome.text().contains(&format!("{damaged}.zst in the archive of the log is damaged")), "{}", outcome.text());
    assert!(!story.dir.join("half").exists(), "a folder was made");
    // Of everything that is archived the plan reads the end alone: this one is found by the server.
    let server = Recovered::of(story, "giving-up");
    let (_, outcome) = with_half(story, "giving-up", 3, &[]);
    let outcome = outcome.fails(69, "SERVER_UNAVAILABLE");
    for words in ["cannot get its log from the archive", "could not restore file", "Server's log:", "dbbackup-recovery.log", "pg_ctl"] {
        assert!(outcome.text().contains(words), "{words} is not said:\n{}", outcome.text());
    }
    assert!(!server.data.join("postmaster.pid").exists(), "the server is gone");
}

#[test]
fn a_replay_that_is_cancelled_stops_the_server() {
    let story = Story::of(15);
    // A pg_ctl that starts the server with a command that never comes back.
    let bin = story.dir.join("slow-bin");
    std::fs::create_dir(&bin).expect("a folder");
    for name in ["postgres", "pg_controldata"] {
        std::os::unix::fs::symlink(story.server.bin.join(name), bin.join(name)).expect("a link");
    }
    let real = story.server.bin.join("pg_ctl").display().to_string();
    let script = format!(
        "#!/bin/sh\ncase \"$1\" in start) exec {real} \"$@\" -o \"-c restore_command='sleep 20'\" ;; *) exec {real} \"$@\" ;; esac\n"
    );
    std::fs::write(bin.join("pg_ctl"), script).expect("a script");
    assert!(Command::new("chmod").arg("755").arg(bin.join("pg_ctl")).status().expect("chmod").success());
    let time = late(story);
    let slow = bin.display().to_string();
    let mut command = story.command("cancelled", &["--target-time", &time, "--start"]);
    let args: Vec<String> = command
        .get_args()
        .map(|arg| if arg == story.server.bin.as_os_str() { slow.clone() } else { arg.to_string_lossy().into_owned() })
        .collect();
    command = program::dbbackup(&story.dir.join("home"), &args.iter().map(String::as_str).collect::<Vec<_>>());
    let server = Recovered::of(story, "cancelled");
    let mut run = program::start(&mut command);
    assert!(run.until(|| server.data.join("postmaster.pid").exists()), "no server was started");
    run.signal(Signal::INT);
    let outcome = run.finish();
    assert_eq!(outcome.code, 130, "{}", outcome.text());
    assert!(outcome.text().contains("complete; its server was stopped"), "{}", outcome.text());
    assert!(!server.data.join("postmaster.pid").exists(), "the server still runs");
}
