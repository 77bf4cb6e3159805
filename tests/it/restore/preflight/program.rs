//! The checks as the built program shows them, and what it leaves behind when it is killed in the middle of one.

use super::*;
use crate::support::postgres::Postgres as TestServer;
use crate::support::program;
use std::process::Command;

const SCRATCHES: &str = "select count(*) from pg_database where datname like '\\_dbbackup\\_rehearsal\\_%'";

/// So many tables that trying them out takes a while.
fn wide(server: &TestServer, name: &str) {
    server.sql("postgres", &format!("create database {name} template template0"));
    server.sql(name, "do $$ begin for i in 1..1500 loop execute format('create table t%s (id serial primary key, a text not null)', i); end loop; end $$");
}

fn archive_of(server: &TestServer, home: &Path, name: &str) -> String {
    let dir = home.display().to_string();
    program::run(&mut program::on(server, home, &["backup", "single", name, "--backup-dir", &dir, "--no-verify"]))
        .ok()
        .archive()
        .display()
        .to_string()
}

#[test]
fn a_dry_run_prints_the_checklist_and_changes_nothing() {
    let server = TestServer::start(15, "");
    server.sql("postgres", "create database shop template template0");
    server.sql("shop", "create table t (id int); insert into t values (1)");
    let home = tempfile::tempdir().expect("a folder");
    let archive = archive_of(&server, home.path(), "shop");
    let before = databases(&server);
    let args = ["restore", "single", archive.as_str(), "--target", "shop2", "--create"];
    let dry = program::run(program::on(&server, home.path(), &args).arg("--dry-run")).ok();
    for wanted in ["[ OK ] archive: 1 tables", "[ OK ] rehearsal: ", "[ OK ] disk space: ", "[ OK ] target: shop2 will be made"] {
        assert!(dry.stdout.contains(wanted), "{wanted}\n{}", dry.stdout);
    }
    assert_eq!(databases(&server), before);
    let json = program::run(program::on(&server, home.path(), &args).args(["--dry-run", "--json"])).ok();
    let events: Vec<serde_json::Value> = json.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(
        events.iter().any(|line| line["event"] == "checked" && line["name"] == "rehearsal" && line["state"] == "running"),
        "{}",
        json.stdout
    );
    assert!(
        events.iter().any(|line| line["event"] == "checked" && line["name"] == "rehearsal" && line["state"] == "ok"),
        "{}",
        json.stdout
    );
    program::run(program::on(&server, home.path(), &args).args(["--rehearse", "sometimes"])).fails(64, "sometimes");
    // A warning before the start stays in the record of the run.
    let run = program::run(program::on(&server, home.path(), &args).args(["--jobs", "200", "--force"])).ok();
    assert!(run.stderr.contains("[WARN] connections: 201 are needed"), "{}", run.stderr);
    program::run(program::on(&server, home.path(), &args).args(["--jobs", "200"])).fails(69, "TOO_MANY_CONNECTIONS");
}

#[test]
fn a_small_disk_is_seen_where_the_server_is_local() {
    let server = server(15);
    let name = server.database("large");
    server.sql(&name, "create table t as select i, md5(i::text) a from generate_series(1, 60000) i; create index on t (a)");
    let home = tempfile::tempdir().expect("a folder");
    let archive = archive_of(server, home.path(), &name);
    // Only the program sees the small file system in the place of the data directory.
    let script = "mount -t tmpfs -o size=2m none \"$1\" || exit 99; shift; exec \"$@\"";
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["sh", "-c", script, "sh"]).arg(&server.data).arg(env!("CARGO_BIN_EXE_dbbackup"));
    command.args(["restore", "single", &archive, "--target", "too_large", "--create"]).args(program::connection(server));
    program::clean(&mut command, home.path());
    let outcome = program::run(&mut command).fails(74, "SERVER_DISK_FULL");
    assert!(outcome.text().contains("2.1 MB free in") && outcome.text().contains("--force"), "{}", outcome.text());
    assert_eq!(server.sql("postgres", "select count(*) from pg_database where datname = 'too_large'"), "0");
}

#[test]
fn scratch_databases_go_with_their_run_or_with_the_next_one() {
    let server = TestServer::start(15, "");
    wide(&server, "wide");
    let home = tempfile::tempdir().expect("a folder");
    let archive = archive_of(&server, home.path(), "wide");
    let args = ["restore", "single", archive.as_str(), "--target", "wide2", "--create", "--dry-run", "--rehearse", "on"];
    // For the runs beside and after it, which are not to take long.
    server.sql("postgres", "create database narrow template template0");
    server.sql("narrow", "create table t (a int)");
    let archive = archive_of(&server, home.path(), "narrow");
    let short = ["restore", "single", archive.as_str(), "--target", "narrow2", "--create", "--dry-run", "--rehearse", "on"];
    let rehearsing = || {
        let mut run = program::start(&mut program::on(&server, home.path(), &args));
        assert!(run.until(|| server.sql("postgres", SCRATCHES) == "1"), "the trial was over before it was seen");
        run
    };
    // Interrupted: it takes its scratch database away before it ends.
    let run = rehearsing();
    run.signal(rustix::process::Signal::INT);
    let outcome = run.finish();
    assert_eq!((outcome.code, server.sql("postgres", SCRATCHES).as_str()), (130, "0"), "{}", outcome.text());
    // Held still: another run leaves what is not its own alone.
    let held = rehearsing();
    held.signal(rustix::process::Signal::STOP);
    let other = program::run(&mut program::on(&server, home.path(), &short)).ok();
    assert!(other.stdout.contains("[ OK ] rehearsal"), "{}", other.stdout);
    assert_eq!(server.sql("postgres", SCRATCHES), "1", "the other run's is still needed");
    // Killed: the next run finds that nobody needs it any more.
    held.signal(rustix::process::Signal::KILL);
    assert_eq!(held.finish().code, -9);
    crate::support::eventually("the server did not notice", || {
        server.sql("postgres", "select count(*) from pg_locks where locktype = 'advisory'") == "0"
    });
    assert_eq!(server.sql("postgres", SCRATCHES), "1");
    program::run(&mut program::on(&server, home.path(), &short)).ok();
    assert_eq!(server.sql("postgres", SCRATCHES), "0");
    assert_eq!(server.sql("postgres", "select count(*) from pg_database where datname in ('wide2', 'narrow2')"), "0");
}
