//! The audit: who did what, before it was done.

use super::json_lines;
use crate::support::postgres::server;
use crate::support::program::{dbbackup, on, run};
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_backup_and_a_restore_that_replaces_leave_who_what_and_how() {
    let server = server(15);
    let name = server.database("audited");
    server.sql(&name, "create table t as select generate_series(1, 100) i");
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().display().to_string();
    let audit = home.path().join("deep/audit.jsonl");
    let flag = audit.display().to_string();
    let archive =
        run(&mut on(server, home.path(), &["backup", "single", &name, "--backup-dir", &dir, "--audit-file", &flag])).ok().archive();
    let archive = archive.display().to_string();
    let restore = ["restore", "single", &archive, "--target", &name, "--clean", "--confirm", &name, "--audit-file", &flag];
    run(on(server, home.path(), &restore).env("SUDO_USER", "anna")).ok();
    let lines = json_lines(&audit);
    let told: Vec<String> =
        lines.iter().map(|line| format!("{} {} {}", line["event"], line["action"], line["outcome"]).replace('"', "")).collect();
    assert_eq!(
        told,
        [
            "begin backup null",
            "end backup done",
            "begin restore null",
            "begin drop-database null",
            "end drop-database done",
            "end restore done"
        ]
    );
    for line in &lines {
        assert!(line["target"].as_str().is_some_and(|target| target.starts_with(&format!("{name} at "))), "{line}");
        assert!(line["uid"].is_u64() && line["user"].is_string() && line["host"].is_string(), "{line}");
        assert!(line["command"].as_str().is_some_and(|command| command.contains("single")), "{line}");
        assert_eq!(line["run"].as_str().map(str::len), Some(12), "{line}");
    }
    assert!(lines[..2].iter().all(|line| line["run"] == lines[0]["run"] && line.get("sudo_user").is_none()));
    assert!(lines[2..].iter().all(|line| line["run"] == lines[2]["run"] && line["sudo_user"] == "anna"));
    assert!(lines[2]["destroys"][0].as_str().is_some_and(|what| what.starts_with(&name)), "{}", lines[2]);
    assert_eq!(std::fs::metadata(&audit).expect("the file").permissions().mode() & 0o777, 0o600);
}

#[test]
fn nothing_is_begun_when_the_audit_that_was_asked_for_cannot_be_written() {
    let server = server(15);
    let name = server.database("unaudited");
    server.sql(&name, "create table t as select 1 i");
    let home = tempfile::tempdir().expect("a folder");
    let dir = home.path().display().to_string();
    let archive =
        run(&mut on(server, home.path(), &["backup", "single", &name, "--backup-dir", &dir, "--audit-file", "off"])).ok().archive();
    let archive = archive.display().to_string();
    let restore = ["restore", "single", &archive, "--target", &name, "--clean", "--confirm", &name, "--audit-file", "/dev/full"];
    run(&mut on(server, home.path(), &restore)).fails(73, "OUTPUT_UNWRITABLE");
    assert_eq!(server.sql(&name, "select count(*) from t"), "1", "the database is as it was");
}

#[test]
fn a_failed_run_says_so_and_a_refused_one_was_never_begun() {
    let home = tempfile::tempdir().expect("a folder");
    let audit = home.path().join("audit.jsonl");
    let arguments = ["backup", "single", "shop", "--host", "127.0.0.1", "--port", "1", "--batch", "--audit-file"];
    run(dbbackup(home.path(), &arguments).arg(&audit)).fails(69, "CONNECTION_REFUSED");
    assert!(!audit.exists(), "what could not even be planned has touched nothing");
}
