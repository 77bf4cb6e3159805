//! What goes wrong ends with the right exit code, one clear error, and nothing left behind.

use super::{Home, exists, lookalikes, slow_database};
use crate::support::postgres::{Extensions, Postgres, server};
use crate::support::{program, zoo};
use std::process::Command;

#[test]
fn a_wrong_password() {
    let server = server(15);
    let user = server.login_with_password("the right one", "superuser");
    let home = Home::new();
    let dir = home.backups().display().to_string();
    let port = server.port.to_string();
    let args = ["backup", "single", "postgres", "--backup-dir", &dir, "--host", "127.0.0.1", "--port", &port, "--user", &user, "--batch"];
    let mut wrong = program::dbbackup(home.path(), &args);
    let outcome = program::run(wrong.env("PGPASSWORD", "planted-and-wrong")).fails(77, "AUTH_FAILED");
    assert!(!outcome.text().contains("planted-and-wrong"), "{}", outcome.text());
    assert!(outcome.text().contains(&user) && outcome.text().contains("How to fix"), "{}", outcome.text());
    let none = program::run(&mut program::dbbackup(home.path(), &args));
    assert_eq!(none.code, 77, "{}", none.text());
    assert_eq!(program::leftovers(&home.backups()), Vec::<String>::new());
}

#[test]
fn no_server_there() {
    let home = Home::new();
    let dir = home.backups().display().to_string();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port().to_string();
    let args = ["backup", "single", "shop", "--backup-dir", &dir, "--host", "127.0.0.1", "--port", &closed, "--user", "x", "--batch"];
    program::run(&mut program::dbbackup(home.path(), &args)).fails(69, "CONNECTION_REFUSED");
    let args = ["status", "--host", "no-such-host.invalid", "--user", "x", "--batch"];
    assert_eq!(program::run(&mut program::dbbackup(home.path(), &args)).code, 69);
}

#[test]
fn a_missing_database_is_answered_with_the_nearest_name() {
    let server = server(17);
    let name = server.database("warehouse_of_shoes");
    let home = Home::new();
    let typo = name.replace("house", "hose");
    let outcome = program::run(&mut home.backup_command(server, &typo, &[])).fails(66, "DATABASE_MISSING");
    assert!(outcome.text().contains(&name), "{}", outcome.text());
    assert_eq!(program::leftovers(&home.backups()), Vec::<String>::new());
}

#[test]
fn a_wrong_flag_is_usage() {
    let home = Home::new();
    for args in [
        &["backup", "single"][..],
        &["--no-such-flag"],
        &["backup", "single", "x", "--compression", "zip:9"],
        &["restore", "single", "x", "--batch"],
    ] {
        let outcome = program::run(&mut program::dbbackup(home.path(), args));
        assert_eq!(outcome.code, 64, "{args:?}: {}", outcome.text());
    }
}

#[test]
fn a_server_that_stops_half_way() {
    let server = Postgres::start(15, "");
    let name = slow_database(&server, "stopping");
    let home = Home::new();
    let mut run = program::start(&mut home.backup_command(&server, &name, &["--compression", "xz:6", "--chunk-size", "256KiB"]));
    let dir = home.backups();
    assert!(run.until(|| bytes_in(&dir) > 300_000), "it ended too early: {}", run.finish().text());
    server.stop_now();
    run.finish().fails(69, "SERVER_UNAVAILABLE");
    assert_eq!(program::leftovers(&dir), Vec::<String>::new());
}

/// Bytes of all files in a folder.
pub fn bytes_in(dir: &std::path::Path) -> u64 {
    let files = std::fs::read_dir(dir).expect("a folder").flatten();
    // A file may go away between the two looks.
    files.filter_map(|file| file.metadata().ok()).map(|data| data.len()).sum()
}

#[test]
fn a_folder_that_cannot_be_written() {
    let server = server(15);
    let name = server.database("nowhere");
    let home = Home::new();
    std::fs::write(home.path().join("file"), "x").expect("a file");
    for dir in ["/proc/dbbackup".to_owned(), home.path().join("file").display().to_string()] {
        home.on(server, &["backup", "single", &name, "--backup-dir", &dir]).fails(73, "OUTPUT_UNWRITABLE");
    }
    program::run(&mut small_file_system(server, &home, "ro,size=64m", &name)).fails(73, "READ_ONLY_FILE_SYSTEM");
}

/// A backup onto a file system that only this run sees; what is left on it is printed last.
pub fn small_file_system(server: &Postgres, home: &Home, options: &str, name: &str) -> Command {
    let dir = home.backups().display().to_string();
    let script = "mount -t tmpfs -o \"$1\" none \"$2\" || exit 99; dir=$2; shift 2; \"$@\"; code=$?; echo left: $(ls -A \"$dir\" | grep -v ^diagnostics-); exit $code";
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["sh", "-c", script, "sh", options, &dir, env!("CARGO_BIN_EXE_dbbackup"), "backup", "single", name, "--backup-dir", &dir]);
    command.args(["--compression", "none"]).args(program::connection(server));
    program::clean(&mut command, home.path());
    command.env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", server.bin.display()));
    command
}

#[test]
fn a_full_disk() {
    let server = server(15);
    let home = Home::new();
    // Seen beforehand, where the estimate says so.
    let name = slow_database(server, "filling");
    let outcome = program::run(&mut small_file_system(server, &home, "size=3m", &name)).fails(74, "DISK_FULL");
    assert!(outcome.stdout.trim_end().ends_with("left:"), "{}", outcome.stdout);
    // Text of numbers is several times as long as what the server keeps of them, so that the estimate is far too small here.
    let swelling = server.database("swelling");
    server.sql(&swelling, "create table t as select array_fill(-1000000000, array[1000]) a from generate_series(1, 3000)");
    let outcome = program::run(&mut small_file_system(server, &home, "size=9m", &swelling)).fails(74, "DISK_FULL");
    assert!(outcome.stdout.trim_end().ends_with("left:"), "{}", outcome.stdout);
}

#[test]
fn an_extension_that_the_target_lacks() {
    let from = server(15);
    let name = from.database("extended");
    from.sql(&name, "create extension hstore; create table t (h hstore); insert into t values ('a=>1')");
    let home = Home::new();
    let archive = home.backup(from, &name, &[]).display().to_string();
    let bare = Postgres::start_with(15, "", Extensions::None);
    let outcome = home.on(&bare, &["restore", "single", &archive, "--target", "extended", "--create"]).fails(1, "MISSING_EXTENSION");
    assert!(outcome.text().contains("hstore"), "{}", outcome.text());
    assert!(!exists(&bare, "extended"), "a database was made before the extension was missed");
}

#[test]
fn roles_that_the_target_lacks() {
    let from = server(15);
    zoo::zoo(from);
    let home = Home::new();
    let archive = zoo::archive(from).display().to_string();
    let other = Postgres::start(15, "");
    let outcome = home.on(&other, &["restore", "single", &archive, "--target", "zoo", "--create"]).fails(1, "MISSING_ROLE");
    assert!(outcome.text().contains("zoo_owner"), "{}", outcome.text());
    assert!(!exists(&other, "zoo"));
}

#[test]
fn what_cannot_be_read_completely_is_no_backup() {
    let server = server(15);
    let name = server.database("guarded");
    server.sql("postgres", "drop role if exists e2e_guarded; create role e2e_guarded login");
    server.sql(&name, "grant usage on schema public to e2e_guarded; create table open (a integer); grant select on open to e2e_guarded");
    server.sql(&name, "create table guarded (a integer); insert into guarded values (1), (2); grant select on guarded to e2e_guarded");
    server.sql(&name, "alter table guarded enable row level security; create policy p on guarded using (a = 1)");
    let home = Home::new();
    let run = || {
        let mut command = home.backup_command(server, &name, &[]);
        command.args(["--user", "e2e_guarded"]);
        program::run(&mut command)
    };
    let outcome = run();
    assert!(outcome.code == 1 || outcome.code == 77, "{}: {}", outcome.code, outcome.text());
    assert!(outcome.text().contains("guarded"), "{}", outcome.text());
    server.sql(&name, "alter table guarded disable row level security; create table secret (a integer)");
    let outcome = run();
    assert!(outcome.code == 1 || outcome.code == 77, "{}: {}", outcome.code, outcome.text());
    assert!(outcome.text().contains("secret"), "{}", outcome.text());
    assert_eq!(lookalikes(&home.backups()), Vec::<String>::new());
}

#[test]
fn a_lock_that_is_not_granted() {
    let server = server(15);
    let name = server.database("locked");
    server.sql(&name, "create table t (a integer)");
    let mut holder = server.psql(&name).stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().expect("psql");
    use std::io::{BufRead, BufReader, Write};
    let mut input = holder.stdin.take().expect("a pipe");
    writeln!(input, "begin; lock table t in access exclusive mode;\n\\echo locked").expect("written");
    let mut line = String::new();
    BufReader::new(holder.stdout.take().expect("a pipe")).read_line(&mut line).expect("read");
    assert_eq!(line, "locked\n");
    let home = Home::new();
    let outcome = program::run(&mut home.backup_command(server, &name, &["--lock-timeout", "1"])).fails(75, "LOCK_TIMEOUT");
    assert!(outcome.text().contains('t'), "{}", outcome.text());
    drop(input);
    assert!(holder.wait().expect("psql").success());
    home.backup(server, &name, &[]);
}
