//! The program itself without a terminal: streams, exit codes, a reader that goes away.

use crate::support::postgres;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use tempfile::TempDir;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dbbackup"));
    command.env_clear().env("HOME", "/nonexistent").env("PATH", std::env::var_os("PATH").unwrap_or_default()).stdin(Stdio::null());
    command.env("DBBACKUP_LOG_TARGET", "off").env("DBBACKUP_AUDIT_FILE", "off");
    command
}

fn run(command: &mut Command) -> (i32, String, String) {
    let out = command.output().expect("the program");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (out.status.code().unwrap_or(-1), text(&out.stdout), text(&out.stderr))
}

#[test]
fn status_and_list_say_what_the_server_says() {
    let server = postgres::server(15);
    let name = server.database("listed");
    let port = server.port.to_string();
    let at = |arguments: &[&str]| run(program().args(arguments).arg("--socket").arg(&server.socket).args(["--port", &port]));
    let (code, out, err) = at(&["status"]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("PostgreSQL 15.") && out.contains("primary") && out.contains("superuser"), "{out}");
    let (code, out, _) = at(&["list"]);
    assert!(code == 0 && out.contains(&name) && out.starts_with("DATABASE"), "{out}");
    let (code, out, _) = at(&["list", "--json"]);
    let databases: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert!(code == 0 && databases.as_array().expect("a list").iter().any(|database| database["name"] == name.as_str()));
}

#[test]
fn a_server_that_is_not_there_is_69_with_one_clear_error() {
    // A failed backup leaves a report where its archives would be.
    let folder = TempDir::new().expect("a folder");
    let program = || {
        let mut command = program();
        command.current_dir(folder.path());
        command
    };
    for arguments in [&["status"][..], &["backup", "single", "shop"], &["backup", "single", "shop", "--dry-run"]] {
        let (code, out, err) = run(program().args(arguments).args(["--host", "127.0.0.1", "--port", "1"]));
        assert_eq!((code, out.as_str()), (69, ""), "{arguments:?}: {err}");
        assert!(err.contains("CONNECTION_REFUSED") && err.matches("[FAIL]").count() == 1, "{arguments:?}: {err}");
    }
    let (code, out, _) = run(program().args(["backup", "single", "shop", "--json", "--host", "127.0.0.1", "--port", "1"]));
    let last: serde_json::Value = serde_json::from_str(out.lines().last().expect("a result")).expect("JSON");
    assert_eq!((code, &last["event"], &last["status"]), (69, &"result".into(), &"failed".into()));
    assert_eq!(last["error"]["code"], "CONNECTION_REFUSED");
}

#[test]
fn a_wrong_password_is_77_and_is_shown_nowhere() {
    let server = postgres::server(15);
    let user = server.login_with_password("right", "");
    let folder = TempDir::new().expect("a folder");
    let log = folder.path().join("log");
    let (code, out, err) = run(program()
        .env("PGPASSWORD", "wrong-geheim")
        .args(["status", "--user", &user, "--host", "127.0.0.1", "--log-level", "trace", "--log-file"])
        .arg(&log)
        .args(["--port", &server.port.to_string()]));
    assert_eq!(code, 77, "{err}");
    assert!(err.contains("AUTH_FAILED"), "{err}");
    let logged = std::fs::read_to_string(&log).expect("the log");
    assert!(![out, err, logged].iter().any(|text| text.contains("geheim")));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&log).expect("the log").permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_panic_in_a_worker_is_70_with_a_report_that_only_its_owner_reads() {
    let folder = TempDir::new().expect("a folder");
    let (code, _, err) =
        run(program().env("DBBACKUP_TEST_PANIC", "worker").env("TMPDIR", folder.path()).args(["verify", "/nonexistent/x.tar.zst"]));
    assert_eq!(code, 70, "{err}");
    let report = std::fs::read_dir(folder.path()).expect("the folder").next().expect("a report").expect("a report").path();
    assert!(err.contains(&report.display().to_string()), "{err}");
    let text = std::fs::read_to_string(&report).expect("the report");
    assert!(text.contains("panic in a worker") && text.contains("Place:"), "{text}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&report).expect("the report").permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_reader_that_goes_away_is_no_panic_and_no_noise() {
    let mut child =
        program().args(["config", "show", "--origin"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program");
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().expect("stderr").read_to_string(&mut err).expect("text");
    assert_eq!(err, "");
    assert!(matches!(child.wait().expect("its end").code(), Some(0 | 74)));
}

#[test]
fn config_init_writes_once_and_check_reads_it() {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("sub/dbbackup.toml");
    let with = |arguments: &[&str]| run(program().args(arguments).arg("--config").arg(&file));
    assert_eq!(with(&["config", "check"]).0, 78);
    let (code, out, err) = with(&["config", "init"]);
    assert_eq!((code, out.trim()), (0, file.to_str().expect("a path")), "{err}");
    assert_eq!(with(&["config", "init"]).0, 73, "nothing is overwritten");
    let (code, out, _) = with(&["config", "check"]);
    assert!(code == 0 && out.contains("fine"), "{out}");
    let (code, out, _) = with(&["config", "show", "backup.timestamp"]);
    assert_eq!((code, out.as_str()), (0, "local\n"));
    let (_, out, _) = with(&["config", "path"]);
    assert!(out.lines().any(|line| line.starts_with("--config") && line.ends_with("(read)")), "{out}");
}

#[test]
fn without_a_terminal_there_is_no_screen() {
    let mut child = program().env("TERM", "xterm").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program");
    let first = BufReader::new(child.stdout.take().expect("stdout")).lines().next();
    assert!(first.is_none(), "nothing is drawn into a pipe");
    assert_eq!(child.wait().expect("its end").code(), Some(64));
}
