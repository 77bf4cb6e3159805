//! Reports that are made by themselves when a job fails: where they lie, who may read them, and that the first error stays the first.

use super::{Home, alone, reports};
use crate::support::postgres::server;
use crate::support::program;
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
fn where_the_backups_folder_takes_nothing_the_report_lies_with_the_programs_state() {
    let home = Home::new();
    let server = server(15);
    let name = server.database("reported");
    server.sql(&name, "create table t (a integer)");
    let dir = home.backups().display().to_string();
    let script = "mount -t tmpfs -o ro,size=64m none \"$1\" || exit 99; shift; exec \"$@\"";
    let mut args =
        vec![dir.clone(), env!("CARGO_BIN_EXE_dbbackup").into(), "backup".into(), "single".into(), name, "--backup-dir".into(), dir];
    args.extend(program::connection(server));
    let mut command = alone(&home, script, &args.iter().map(String::as_str).collect::<Vec<_>>());
    command.env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", server.bin.display()));
    let outcome = program::run(&mut command);
    assert_eq!(outcome.code, 73, "{}", outcome.text());
    // A check that fails before the job begins says all there is to say; where the job itself fails there is a report, with its whole path.
    for path in reports(&home.state()) {
        assert!(outcome.stderr.contains(&path.display().to_string()), "{}", outcome.stderr);
    }
    assert_eq!(reports(&home.backups()), Vec::<std::path::PathBuf>::new());
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
