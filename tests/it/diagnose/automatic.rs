//! Reports that are made by themselves when a job fails: where they lie, who may read them, and that the first error stays the first.

use super::{Home, alone, reports};
use crate::support::postgres::server;
use crate::support::program;
use dbbackup::domain::Code;
use dbbackup::domain::diagnosis::Diagnosis;
use dbbackup::engine::diagnose::read;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_failed_backup_leaves_a_report_beside_the_backups_and_names_it() {
    let home = Home::new();
    let server = server(15);
    let user = server.login_with_password("the right one", "superuser");
    let (dir, port) = (home.backups().display().to_string(), server.port.to_string());
    let args = ["backup", "single", "postgres", "--backup-dir", &dir, "--host", "127.0.0.1", "--port", &port, "--user", &user, "--batch"];
    let mut command = program::dbbackup(home.path(), &args);
    let outcome = program::run(command.env("PGPASSWORD", "planted-and-wrong")).fails(77, "AUTH_FAILED");
    let [path] = reports(&home.backups()).try_into().expect("one report");
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(outcome.stderr.contains(&format!("More: docs/troubleshooting.md#auth_failed          Report: {name}\n")), "{}", outcome.stderr);
    assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&path).expect("readable");
    assert!(!text.contains("planted-and-wrong"), "a secret in a report");
    let diagnosis = read(&path).expect("a report");
    assert_eq!(diagnosis.root_cause.expect("a cause").rule, "password-wrong");
    // For scripts, in the result's error.
    let mut command = program::dbbackup(home.path(), &args);
    let outcome = program::run(command.arg("--json").env("PGPASSWORD", "planted-and-wrong"));
    let result: serde_json::Value = serde_json::from_str(outcome.stdout.lines().last().expect("a line")).expect("JSON");
    let named = result["error"]["context"].as_array().expect("facts").iter().any(|fact| fact[0] == "Report");
    assert!(named && reports(&home.backups()).len() == 2, "{result}");
}

#[test]
fn a_disk_that_runs_full_half_way_has_its_report_on_the_room_that_became_free() {
    let home = Home::new();
    let server = server(15);
    let name = server.database("swelling");
    // Text of numbers is several times as long as what the server keeps of them, so that the estimate is far too small.
    server.sql(&name, "create table t as select array_fill(-1000000000, array[1000]) a from generate_series(1, 3000)");
    let dir = home.backups().display().to_string();
    let script = "dir=$1; mount -t tmpfs -o size=9m none \"$dir\" || exit 99; shift; \"$@\"; code=$?; stat -c 'mode %a' \"$dir\"/*; cat \"$dir\"/*; exit $code";
    let mut args = vec![dir.clone(), env!("CARGO_BIN_EXE_dbbackup").into(), "backup".into(), "single".into(), name];
    args.extend(["--compression".into(), "none".into(), "--backup-dir".into(), dir]);
    args.extend(program::connection(server));
    let mut command = alone(&home, script, &args.iter().map(String::as_str).collect::<Vec<_>>());
    command.env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", server.bin.display()));
    let outcome = program::run(&mut command).fails(74, "DISK_FULL");
    assert!(outcome.stderr.contains("          Report: diagnostics-2"), "{}", outcome.stderr);
    let (mode, json) = outcome.stdout.split_once('\n').expect("what lies in the folder");
    assert_eq!(mode, "mode 600", "one file, the report");
    let diagnosis: Diagnosis = serde_json::from_str(json).expect("a report");
    assert_eq!(diagnosis.root_cause.expect("a cause").rule, "disk-was-full");
    assert_eq!(diagnosis.error.expect("an error").code, Code::DiskFull);
}

#[test]
fn a_plan_that_a_check_refuses_has_its_report() {
    let home = Home::new();
    let server = server(15);
    let name = server.database("refused");
    server.sql(&name, "create table hidden ()");
    let user = server.login_with_password("known", "");
    let (dir, port) = (home.backups().display().to_string(), server.port.to_string());
    let args = ["backup", "single", &name, "--backup-dir", &dir, "--host", "127.0.0.1", "--port", &port, "--user", &user, "--batch"];
    let mut command = program::dbbackup(home.path(), &args);
    let outcome = program::run(command.env("PGPASSWORD", "known")).fails(1, "INCOMPLETE");
    let [path] = reports(&home.backups()).try_into().expect("one report");
    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(outcome.stderr.contains(&format!("Report: {name}\n")), "{}", outcome.stderr);
    assert_eq!(read(&path).expect("a report").error.expect("an error").code, Code::Incomplete);
}

#[test]
fn a_missing_folder_has_its_report_in_the_programs_state() {
    let home = Home::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port().to_string();
    let dir = home.path().join("missing").display().to_string();
    let args = ["backup", "single", "shop", "--backup-dir", &dir, "--host", "127.0.0.1", "--port", &closed, "--user", "x", "--batch"];
    let outcome = program::run(&mut program::dbbackup(home.path(), &args)).fails(69, "CONNECTION_REFUSED");
    let [path] = reports(&home.state()).try_into().expect("one report");
    assert!(outcome.stderr.contains(&format!("Report: {}", path.display())), "{}", outcome.stderr);
    assert!(!home.path().join("missing").exists(), "nothing is made that was not there");
    // A dry run leaves nothing behind, and wrong usage is nothing that an environment explains.
    let mut dry = program::dbbackup(home.path(), &args);
    program::run(dry.arg("--dry-run")).fails(69, "CONNECTION_REFUSED");
    assert_eq!(reports(&home.state()).len(), 1);
}
