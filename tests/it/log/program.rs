//! What a run of the program leaves in its log, and in the file of `--save-debug-log`.

use super::json_lines;
use crate::support::postgres::server;
use crate::support::program::{clean, connection, dbbackup, names, on, run};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

fn messages(path: &Path) -> Vec<String> {
    json_lines(path).iter().map(|line| line["message"].as_str().expect("a message").to_owned()).collect()
}

#[test]
fn a_run_leaves_its_story_where_nobody_said_where() {
    let server = server(15);
    let name = server.database("told");
    server.sql(&name, "create table t as select generate_series(1, 100) i");
    let home = tempfile::tempdir().expect("a folder");
    let logs = home.path().join("logs");
    let dir = home.path().display().to_string();
    let mut command = on(server, home.path(), &["backup", "single", &name, "--backup-dir", &dir, "--log-format", "json"]);
    run(command.env("LOGS_DIRECTORY", &logs)).ok();
    let path = logs.join("dbbackup.log");
    let lines = json_lines(&path);
    let said = messages(&path);
    let position = |what: &str| said.iter().position(|text| text.starts_with(what)).unwrap_or_else(|| panic!("no {what:?} in {said:#?}"));
    let story = ["run begins", "planned: Back up ", "begins: Back up ", "phase: ", "done in ", "run ends after "];
    let places: Vec<usize> = story.iter().map(|what| position(what)).collect();
    assert!(places.is_sorted(), "{said:#?}");
    let first = &lines[0];
    assert!(first["command"].as_str().is_some_and(|command| command.contains("backup single")), "{first}");
    assert!(first["version"].is_string() && first["host"].is_string() && first["user"].is_string(), "{first}");
    assert!(lines.iter().all(|line| line["run"] == first["run"] && line["time"].is_string() && line["level"].is_string()));
    assert_eq!(lines.last().expect("lines")["exit"], 0);
    for (path, mode) in [(logs.clone(), 0o700), (path, 0o600), (logs.join("audit.jsonl"), 0o600)] {
        let found = std::fs::metadata(&path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(found, mode, "{}", path.display());
    }
    run(on(server, home.path(), &["list"]).env("LOGS_DIRECTORY", home.path().join("asked"))).ok();
    assert!(!home.path().join("asked").exists(), "who only asks leaves no log");
}

#[test]
fn a_restore_that_fails_is_told_with_code_cause_and_cure() {
    let server = server(15);
    let name = server.database("failing");
    server.sql(&name, "create table t (i int); insert into t values (1), (1)");
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().display().to_string();
    let archive = run(&mut on(server, home.path(), &["backup", "single", &name, "--backup-dir", &dir])).ok().archive();
    let archive = archive.display().to_string();
    // Rows only, into a table that will not have them.
    let target = server.database("narrow");
    server.sql(&target, "create table t (i int check (i > 1))");
    let (log, debug) = (home.path().join("log"), home.path().join("debug.json"));
    let mut command = on(server, home.path(), &["restore", "single", &archive, "--target", &target, "--data-only", "--log-format", "json"]);
    let outcome = run(command.arg("--log-file").arg(&log).arg("--save-debug-log").arg(&debug));
    assert!(outcome.code > 0, "{}", outcome.text());
    let lines = json_lines(&log);
    let failure = lines.iter().find(|line| line["level"] == "error" && line["code"].is_string());
    let failure = failure.unwrap_or_else(|| panic!("no failure in {lines:#?}"));
    assert!(failure.to_string().contains("t_i_check") && failure["code"] == "CONSTRAINT_VIOLATED", "{failure}");
    assert_eq!(lines.last().expect("lines")["exit"], outcome.code);
    let debug: serde_json::Value = serde_json::from_slice(&std::fs::read(&debug).expect("the debug log")).expect("JSON");
    assert_eq!(debug["run"]["id"], lines[0]["run"]);
    assert_eq!(debug["outcome"]["exit"], outcome.code);
    assert!(debug["plans"][0]["title"].is_string() && debug["config"]["connection.host"]["origin"].is_string());
    assert!(debug["events"].as_array().is_some_and(|events| !events.is_empty()));
    assert!(debug["log"].as_array().is_some_and(|log| log.len() >= lines.len()), "the tail holds what is said at debug as well");
}

#[test]
fn a_debug_log_holds_no_secret_and_comes_whatever_happens() {
    let home = tempfile::tempdir().expect("a folder");
    let path = home.path().join("debug.json");
    let read = || -> serde_json::Value {
        let mode = std::fs::metadata(&path).expect("the debug log").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600);
        let text = std::fs::read_to_string(&path).expect("text");
        std::fs::remove_file(&path).expect("removed");
        assert!(!text.contains("geheim"), "{text}");
        serde_json::from_str(&text).expect("JSON")
    };
    let config = home.path().join("dbbackup.toml");
    std::fs::write(&config, "[connection]\npassword = \"geheim\"\n").expect("a file");
    std::fs::set_permissions(&config, std::fs::Permissions::from_mode(0o600)).expect("its mode");
    let base = ["backup", "single", "shop", "--batch", "--port", "1", "--host", "127.0.0.1"];
    let program = |more: &[&str]| {
        let mut command = dbbackup(home.path(), &base);
        command.args(more).arg("--save-debug-log").arg(&path).env("PGPASSWORD", "geheim");
        command
    };
    // No server.
    run(program(&[]).arg("--config").arg(&config)).fails(69, "CONNECTION_REFUSED");
    let refused = read();
    assert_eq!(refused["outcome"]["error"]["code"], "CONNECTION_REFUSED", "{}", refused["outcome"]);
    assert_eq!(refused["config"]["connection.password"]["value"], "********");
    assert_eq!(refused["panicked"], false);
    // A configuration that cannot be read.
    std::fs::write(&config, "[connection]\npassword = \"geheim\"\nprot = 1\n").expect("a file");
    run(program(&[]).arg("--config").arg(&config)).fails(78, "CONFIG");
    assert_eq!(read()["outcome"]["exit"], 78);
    // A bug in a job.
    run(program(&[]).env("DBBACKUP_TEST_PANIC", "worker")).fails(70, "INTERNAL");
    let broken = read();
    assert!(broken["log"].to_string().contains("panic in a worker"), "{}", broken["log"]);
    // A file that cannot be written is said, and changes nothing else.
    let mut nowhere = dbbackup(home.path(), &base);
    run(nowhere.args(["--save-debug-log", "/proc/nowhere/debug.json"])).fails(69, "OUTPUT_UNWRITABLE");
}

#[test]
fn a_log_that_fills_its_disk_pauses_and_the_backup_goes_on() {
    let server = server(15);
    let name = server.database("logged_full");
    server.sql(&name, "create table t as select generate_series(1, 100) i");
    // The file system is the run's own; what is on it is shown at the end. First the floor is reached, then the very end of the disk.
    // Of 64 pages the log has one, with a line in it already.
    let script = "mount -t tmpfs -o size=256k none \"$1\" || exit 99; dir=$1; shift; \
                  printf '{\"before\": \"%03000d\"}\\n' 0 > \"$dir/dbbackup.log\"; head -c 258048 /dev/zero > \"$dir/fill\"; \
                  \"$@\"; code=$?; echo; echo ---; cat \"$dir/dbbackup.log\"; exit $code";
    for floor in ["100MB", "0"] {
        let home = tempfile::tempdir().expect("a folder");
        let logs = home.path().join("logs");
        std::fs::create_dir(&logs).expect("a folder");
        let dir = home.path().display().to_string();
        let mut command = Command::new("unshare");
        command.arg("--mount");
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["sh", "-c", script, "sh"]).arg(&logs).arg(env!("CARGO_BIN_EXE_dbbackup"));
        command.args([
            "backup",
            "single",
            &name,
            "--backup-dir",
            &dir,
            "--log-format",
            "json",
            "--log-min-free",
            floor,
            "--audit-file",
            "off",
        ]);
        command.args(["--log-level", "debug"]).args(connection(server));
        clean(&mut command, home.path());
        command.env("LOGS_DIRECTORY", &logs).env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", server.bin.display()));
        let outcome = run(&mut command).ok();
        assert_eq!(outcome.stderr.matches("the log is paused").count(), 1, "said once: {}", outcome.stderr);
        assert!(names(home.path()).iter().any(|file| file.ends_with(".tar.zst")), "the backup is there");
        let (_, log) = outcome.stdout.split_once("---\n").expect("the log");
        for line in log.lines() {
            assert!(serde_json::from_str::<serde_json::Value>(line).is_ok_and(|line| line.is_object()), "half a line: {line:?}");
        }
        assert!(log.starts_with("{\"before\""), "what was there stays: {log}");
        assert!(floor == "0" || log.lines().count() == 1, "below the floor nothing is written: {log}");
    }
}

#[test]
fn wrong_choices_are_refused_with_the_nearest() {
    let home = tempfile::tempdir().expect("a folder");
    run(&mut dbbackup(home.path(), &["list", "--log-level", "info,engin=debug"])).fails(64, "did you mean engine?");
    run(&mut dbbackup(home.path(), &["list", "--log-target", "sylog"])).fails(64, "did you mean syslog?");
    run(&mut dbbackup(home.path(), &["list", "--log-target", "journald", "--log-socket", "/nowhere"])).fails(73, "OUTPUT_UNWRITABLE");
    run(&mut dbbackup(home.path(), &["list", "--log-file", "/proc/nowhere/log"])).fails(73, "OUTPUT_UNWRITABLE");
}
