//! Killed or cancelled at any moment: nothing that looks like a backup, nothing left on the server.

use super::faults::bytes_in;
use super::{Home, exists, lookalikes, sessions, slow_database};
use crate::support::postgres::{VERSIONS, server};
use crate::support::program;
use rustix::process::Signal;
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
        assert_eq!(program::names(&dir), Vec::<String>::new());
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
        assert_eq!(program::names(&dir), Vec::<String>::new());
    }
}

/// Waits until no session is left in a database.
fn gone(server: &crate::support::postgres::Postgres, name: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while sessions(server, name) > 0 {
        assert!(Instant::now() < deadline, "sessions are left on the server");
    }
}

#[test]
fn a_cancelled_restore_takes_its_new_database_along() {
    let server = server(15);
    let name = slow_database(server, "half");
    server
        .sql(&name, "create index on big (md5(v || v)); create index on big (reverse(v)); create index on big (upper(v) text_pattern_ops)");
    let home = Home::new();
    let archive = home.backup(server, &name, &[]).display().to_string();
    let target = format!("{name}_copy");
    let mut command = program::on(server, home.path(), &["restore", "single", &archive, "--target", &target, "--create", "--jobs", "1"]);
    let mut run = program::start(&mut command);
    assert!(run.until(|| exists(server, &target) && sessions(server, &target) > 0), "it ended too early: {}", run.finish().text());
    run.signal(Signal::INT);
    run.finish().fails(130, "CANCELLED");
    assert!(!exists(server, &target), "the half restored database is still there");
    assert!(exists(server, &name));
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
