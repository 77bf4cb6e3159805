//! Killed or cancelled at any moment: nothing that looks like a backup, nothing left on the server.

use super::faults::bytes_in;
use super::{Home, exists, lookalikes, sessions, slow_database};
use crate::support::postgres::{Postgres, VERSIONS, server};
use crate::support::program;
use rustix::process::Signal;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[test]
fn a_killed_backup_leaves_nothing_that_looks_like_one() {
    let server = server(15);
    let name = slow_database(server, "killed");
    let home = Home::new();
    let dir = home.backups();
    let mut killed_half_way = 0;
    for (round, bytes) in [0_u64, 1, 50_000, 200_000, 700_000, 2_000_000].into_iter().enumerate() {
        let mut run = program::start(&mut home.backup_command(server, &name, &["--compression", "xz:3", "--chunk-size", "128KiB"]));
        // The first one dies at its first session, the others when so much is written.
        run.until(|| if round == 0 { sessions(server, &name) > 0 } else { bytes_in(&dir) >= bytes });
        run.signal(Signal::KILL);
        let outcome = run.finish();
        assert_eq!(outcome.code, -9, "it ended before it was killed: {}", outcome.text());
        killed_half_way += usize::from(!program::names(&dir).is_empty());
        assert_eq!(lookalikes(&dir), Vec::<String>::new(), "after {bytes} bytes");
    }
    assert!(killed_half_way > 0, "no run was killed while it wrote");
    // The next run clears away what the killed ones left.
    let archive = home.backup(server, &name, &[]);
    let stem = archive.file_name().expect("a name").to_string_lossy().into_owned();
    let strangers: Vec<_> = program::names(&dir).into_iter().filter(|name| !name.starts_with(&stem)).collect();
    assert_eq!(strangers, Vec::<String>::new());
}

#[test]
fn a_cancelled_backup_leaves_nothing_at_all() {
    let cases = [(Signal::INT, 130, "CANCELLED"), (Signal::TERM, 143, "TERMINATED")];
    for (major, (signal, code, kind)) in VERSIONS.into_iter().zip(cases) {
        let server = server(major);
        let name = slow_database(server, "cancelled");
        let home = Home::new();
        let dir = home.backups();
        let mut run = program::start(&mut home.backup_command(server, &name, &["--compression", "xz:6", "--chunk-size", "128KiB"]));
        assert!(run.until(|| bytes_in(&dir) > 100_000), "it ended too early: {}", run.finish().text());
        run.signal(signal);
        run.finish().fails(code, kind);
        assert_eq!(program::leftovers(&dir), Vec::<String>::new());
        gone(server, &name);
    }
}

#[test]
fn a_backup_that_compresses_slowly_is_cancelled_at_once() {
    let server = server(17);
    let chunks = slow_database(server, "slowly");
    let giant = server.database("giant");
    // One value of 210 MB, which repeats itself only behind the window of zstd.
    server.sql(
        &giant,
        "create table t (v text); alter table t alter v set storage external; \
         insert into t select repeat(string_agg(md5(n::text), ''), 20) from generate_series(1, 330000) n",
    );
    let home = Home::new();
    let dir = home.backups();
    for (name, compression) in [(&chunks, "zstd:19"), (&giant, "zstd:19"), (&giant, "xz:9")] {
        let more = ["--compression", compression, "--chunk-size", "2MiB", "--jobs", "2"];
        let mut run = program::start(&mut home.backup_command(server, name, &more));
        // A thread has been compressing for a while: it is in the middle of a frame.
        assert!(run.until_it(|run| run.thread_time("compress") >= 25), "{compression}: it ended too early: {}", run.finish().text());
        let told = Instant::now();
        run.signal(Signal::INT);
        let outcome = run.finish();
        let took = told.elapsed();
        outcome.fails(130, "CANCELLED");
        assert!(took < Duration::from_secs(2), "{name} with {compression}: it took {took:?} to stop");
        assert_eq!(program::leftovers(&dir), Vec::<String>::new());
    }
}

/// Waits until no session is left in a database.
fn gone(server: &crate::support::postgres::Postgres, name: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while sessions(server, name) > 0 {
        assert!(Instant::now() < deadline, "sessions are left on the server");
    }
}

/// A database with two tables whose function sleeps as long as a role of the database's name with `_slow` is there. `late` is SQL that uses it.
fn sleepy_database(server: &Postgres, stem: &str, late: &str) -> (String, String) {
    let name = server.database(stem);
    let role = format!("{name}_slow");
    server.sql(
        &name,
        &format!(
            "create function slow(i int) returns int immutable language plpgsql as $$ begin \
               perform pg_sleep(0.1) where exists (select from pg_roles where rolname = '{role}'); return i; end $$; \
             create table one (id int primary key); insert into one select generate_series(1, 1000); {late}"
        ),
    );
    server.sql("postgres", &format!("create role \"{role}\""));
    (name, role)
}

fn asleep(server: &Postgres, database: &str) -> bool {
    server.sql("postgres", &format!("select count(*) from pg_stat_activity where datname = '{database}' and wait_event = 'PgSleep'")) != "0"
}

/// Starts a restore, and waits until a session in its target sleeps.
fn restore_until_asleep(server: &Postgres, home: &Home, args: &[&str], target: &str) -> program::Running {
    let mut run = program::start(&mut program::on(server, home.path(), args));
    assert!(run.until(|| asleep(server, target)), "it ended too early: {}", run.finish().text());
    run
}

fn manifests(home: &Home) -> Vec<String> {
    program::names(&home.backups()).into_iter().filter(|name| name.starts_with("restore-manifest-")).collect()
}

#[track_caller]
fn only_manifest(home: &Home) -> PathBuf {
    let [manifest] = &manifests(home)[..] else { panic!("{:?}", manifests(home)) };
    home.backups().join(manifest)
}

#[test]
fn a_cancelled_restore_takes_its_new_database_along_while_nothing_is_in_it() {
    let server = server(15);
    let late = "insert into one select generate_series(1001, 200000); alter table one add check (slow(id) > 0) ";
    let (name, _) = sleepy_database(server, "half", late);
    let home = Home::new();
    let archive = home.backup(server, &name, &[]).display().to_string();
    let target = format!("{name}_copy");
    let run =
        restore_until_asleep(server, &home, &["restore", "single", &archive, "--target", &target, "--create", "--jobs", "1"], &target);
    run.signal(Signal::INT);
    run.finish().fails(130, "CANCELLED");
    assert!(!exists(server, &target), "the half restored database is still there");
    assert_eq!(manifests(&home), Vec::<String>::new());
    assert!(exists(server, &name));
}

#[test]
fn a_cancelled_restore_of_which_tables_are_there_goes_on() {
    let server = server(15);
    let (name, role) = sleepy_database(server, "goes_on", "create index by_slow on one (slow(id)); create table two (id int)");
    let home = Home::new();
    let archive = home.backup(server, &name, &[]).display().to_string();
    let target = format!("{name}_copy");
    let run =
        restore_until_asleep(server, &home, &["restore", "single", &archive, "--target", &target, "--create", "--jobs", "1"], &target);
    run.signal(Signal::INT);
    let outcome = run.finish().fails(130, "CANCELLED");
    assert!(outcome.text().contains("--resume-from-manifest"), "{}", outcome.text());
    assert!(exists(server, &target));
    let path = only_manifest(&home);
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).expect("the manifest").permissions()) & 0o777, 0o600);
    let said: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).expect("the manifest")).expect("JSON");
    assert_eq!(said["operation"], "restore-single");
    assert_eq!(said["continue_from"], target.as_str());
    assert_eq!(said["databases"][&target]["tables"]["public.one"]["chunks_done"], serde_json::json!([[0, 0]]), "{said}");
    let manifest = path.display().to_string();

    // Anything but what it belongs to is refused, and nothing is changed.
    let other = home.backup(server, &name, &[]).display().to_string();
    home.on(server, &["restore", "single", &other, "--resume-from-manifest", &manifest]).fails(64, "USAGE");
    home.on(crate::support::postgres::server(17), &["restore", "single", &archive, "--resume-from-manifest", &manifest]).fails(64, "USAGE");
    home.on(server, &["restore", "single", &archive, "--target", "elsewhere", "--resume-from-manifest", &manifest]).fails(64, "USAGE");
    // Who restores into it anew is told what it is.
    let anew = home.on(server, &["restore", "single", &archive, "--target", &target]).fails(1, "TARGET_NOT_EMPTY");
    assert!(exists(server, &target), "{}", anew.text());

    server.sql("postgres", &format!("drop role \"{role}\""));
    let before = server.sql(&target, "select pg_relation_filenode('one')");
    home.on(server, &["restore", "single", &archive, "--resume-from-manifest", &manifest, "--prove"]).ok();
    assert_eq!(server.sql(&target, "select pg_relation_filenode('one')"), before, "the rows that were there were loaded again");
    assert_eq!(manifests(&home), Vec::<String>::new());
    crate::support::compare::same_database((server, &name), (server, &target));
}

#[test]
fn rows_that_go_into_a_database_that_was_there_go_on_too() {
    let server = server(15);
    let (name, role) = sleepy_database(server, "rows_on", "create table two (id int); insert into two select generate_series(1, 100)");
    let home = Home::new();
    let archive = home.backup(server, &name, &[]).display().to_string();
    let target = server.database("rows_on_target");
    // The larger table goes first; the other one's rows sleep.
    server.sql(
        &target,
        &format!(
            "create table one (id int primary key); create table two (id int); \
             create function slow() returns trigger language plpgsql as $$ begin \
               perform pg_sleep(0.1) where exists (select from pg_roles where rolname = '{role}'); return new; end $$; \
             create trigger slow before insert on two for each row execute function slow()"
        ),
    );
    let rows = ["restore", "single", &archive, "--target", &target, "--data-only", "--jobs", "1"];
    let run = restore_until_asleep(server, &home, &rows, &target);
    run.signal(Signal::KILL);
    assert_eq!(run.finish().code, -9);
    let manifest = only_manifest(&home).display().to_string();
    // Another restore into it must not double what is there.
    home.on(server, &rows).fails(75, "ANOTHER_RUN");
    server.sql("postgres", &format!("drop role \"{role}\""));
    home.on(server, &["restore", "single", &archive, "--resume-from-manifest", &manifest]).ok();
    assert_eq!(server.sql(&target, "select (select count(*) from one), (select count(*) from two)"), "1000|100");
    assert_eq!(server.sql(&target, "select count(*) from pg_namespace where nspname = '_dbbackup'"), "0");
}

#[test]
fn a_cancelled_restore_keeps_a_database_that_was_there() {
    let server = server(15);
    let name = slow_database(server, "kept");
    let home = Home::new();
    let archive = home.backup(server, &name, &[]).display().to_string();
    let target = server.database("was_there");
    let mut run =
        program::start(&mut program::on(server, home.path(), &["restore", "single", &archive, "--target", &target, "--jobs", "1"]));
    assert!(run.until(|| server.sql(&target, "select count(*) from pg_class where relname = 'big'") == "1"), "it ended too early");
    run.signal(Signal::INT);
    run.finish().fails(130, "CANCELLED");
    assert!(exists(server, &target));
    gone(server, &target);
}
