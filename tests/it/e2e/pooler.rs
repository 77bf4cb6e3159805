//! Through PgBouncer: what works, what is refused, and that nobody who comes after us finds anything that we left in the pool.

use super::faults::bytes_in;
use super::{Home, exists, slow_database};
use crate::support::pgbouncer::PgBouncer;
use crate::support::postgres::{Postgres, VERSIONS, server};
use crate::support::program;
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

/// Has PgBouncer take and ignore the options that it refuses otherwise; many are set up so.
const IGNORES_OPTIONS: &str = "ignore_startup_parameters = extra_float_digits, options";

/// The program, led to a pooler, and to a database of this test for work on the whole server.
fn through(server: &Postgres, pooler: &PgBouncer, login: &str, home: &Home, args: &[&str]) -> Command {
    let mut command = program::dbbackup(home.path(), args);
    command.args(["--host", "127.0.0.1", "--port", &pooler.port.to_string(), "--user", "postgres", "--dbname", login, "--batch"]);
    command.env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", server.bin.display()));
    command
}

/// The settings of a session that differ from those of a fresh session on the server, apart from those that PgBouncer itself keeps in step
/// with each client; with the session's prepared statements and temporary tables.
const LEFT: &str = "select pg_backend_pid() || ' ' || coalesce((select string_agg(name || '=' || setting, ' ' order by name) from pg_settings \
     where source = 'session' and name not in ('application_name', 'client_encoding', 'DateStyle', 'TimeZone', 'standard_conforming_strings')), '') \
     || coalesce((select string_agg(name, ' ') from pg_prepared_statements), '') \
     || coalesce((select string_agg(relname, ' ') from pg_class where relpersistence = 't' and relkind = 'r' and pg_table_is_visible(oid)), '') \
     || coalesce(current_setting('dbbackup.remains', true), '')";

/// What other clients find in every session of the server that the pooler has for a database.
fn left_behind(server: &Postgres, pooler: &PgBouncer, database: &str) -> Vec<String> {
    let sessions = || {
        let sql = format!("select pid from pg_stat_activity where datname = '{database}' and client_addr is not null");
        server.sql("postgres", &sql).lines().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (mut seen, mut held, mut left) = (BTreeSet::new(), Vec::new(), Vec::new());
        let deadline = Instant::now() + Duration::from_secs(30);
        // Each client holds on to what it got, so that the next one gets another.
        while seen.is_empty() || !sessions().is_subset(&seen) {
            assert!(Instant::now() < deadline, "some of {:?} were not given out: {seen:?}", sessions());
            let mut config = tokio_postgres::Config::new();
            config.host("127.0.0.1").port(pooler.port).user("postgres").dbname(database).connect_timeout(Duration::from_secs(10));
            let (client, wire) =
                config.connect(tokio_postgres::NoTls).await.unwrap_or_else(|error| panic!("no session: {error}\n{}", pooler.log()));
            tokio::spawn(wire);
            if pooler.mode != "statement" {
                client.batch_execute("begin").await.expect("a transaction");
            }
            let found: String = match &client.simple_query(LEFT).await.expect("an answer")[1] {
                tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).expect("a text").to_owned(),
                other => panic!("no row: {other:?}"),
            };
            let (pid, rest) = found.split_once(' ').expect("a process id");
            seen.insert(pid.to_owned());
            if !rest.is_empty() {
                left.push(rest.to_owned());
            }
            held.push(client);
        }
        left
    })
}

#[test]
fn modes_without_lasting_sessions_are_refused_at_once_and_by_name() {
    let server = server(15);
    let name = server.database("pooled");
    server.sql(&name, "create table t as select generate_series(1, 1000) i");
    let (home, login) = (Home::new(), server.database("login"));
    let dir = home.backups().display().to_string();
    for (mode, options) in [("transaction", ""), ("statement", ""), ("transaction", IGNORES_OPTIONS), ("statement", IGNORES_OPTIONS)] {
        let pooler = PgBouncer::start(server, mode, &format!("default_pool_size = 5\n{options}"));
        let who = if options.is_empty() { "PgBouncer" } else { "a connection pooler" };
        let log = std::fs::read_to_string(&server.log).expect("a log").len();
        for args in [vec!["backup", "single", &name, "--backup-dir", &dir], vec!["status"]] {
            let outcome = program::run(&mut through(server, &pooler, &login, &home, &args)).fails(69, "POOLER_MODE");
            let text = outcome.text();
            assert!(text.contains(&format!("cannot work through {who} in {mode} mode")), "{text}");
            if mode == "transaction" {
                assert!(text.contains(&format!("--host 127.0.0.1 --port {}", server.port)), "the way around it\n{text}");
            }
            assert!(text.contains("postgres = pool_mode=session"), "the way through it\n{text}");
        }
        assert_eq!(program::leftovers(&home.backups()), Vec::<String>::new());
        assert_eq!(left_behind(server, &pooler, &login), Vec::<String>::new(), "{mode}, {options}");
        let said = std::fs::read_to_string(&server.log).expect("a log")[log..].to_owned();
        assert!(!said.contains("syntax error"), "{said}");
    }
}

#[test]
fn session_mode_backs_up_and_restores_and_leaves_nothing_in_the_pool() {
    for (major, options) in VERSIONS.into_iter().zip(["", IGNORES_OPTIONS]) {
        let server = server(major);
        let name = slow_database(server, "by_session");
        server.sql(&name, "select lo_from_bytea(0, 'large'); create materialized view m as select count(*) from small");
        let pooler = PgBouncer::start(server, "session", &format!("default_pool_size = 20\n{options}"));
        let (home, login) = (Home::new(), server.database("login"));
        let dir = home.backups().display().to_string();
        let status = program::run(&mut through(server, &pooler, &login, &home, &["status"])).ok();
        let who = if options.is_empty() { "PgBouncer" } else { "a connection pooler" };
        assert!(status.stdout.contains(&format!("{who}, session mode")), "{}", status.stdout);
        let dry =
            program::run(&mut through(server, &pooler, &login, &home, &["backup", "single", &name, "--backup-dir", &dir, "--dry-run"]))
                .ok();
        assert!(dry.text().contains("session mode: each connection takes one of its pool"), "{}", dry.text());
        let archive =
            program::run(&mut through(server, &pooler, &login, &home, &["backup", "single", &name, "--backup-dir", &dir])).ok().archive();
        assert_eq!(left_behind(server, &pooler, &name), Vec::<String>::new());
        let (archive, copy) = (archive.display().to_string(), format!("{name}_copy"));
        let restore = ["restore", "single", &archive, "--target", &copy, "--create", "--prove"];
        program::run(&mut through(server, &pooler, &login, &home, &restore)).ok();
        let rows = "select count(*), sum(hashtext(v)) from big";
        assert_eq!(server.sql(&name, rows), server.sql(&copy, rows));
        for database in [&login, &name, &copy] {
            assert_eq!(left_behind(server, &pooler, database), Vec::<String>::new(), "{database}");
        }
    }
}

#[test]
fn a_run_that_dies_or_is_cancelled_leaves_nothing_in_the_pool() {
    let server = server(15);
    let name = slow_database(server, "dies");
    let pooler = PgBouncer::start(server, "session", "");
    let login = server.database("login");
    for (signal, code) in [(Signal::KILL, -9), (Signal::INT, 130)] {
        let home = Home::new();
        let dir = home.backups().display().to_string();
        let backup = ["backup", "single", &name, "--backup-dir", &dir, "--compression", "xz:6", "--chunk-size", "128KiB"];
        let mut run = program::start(&mut through(server, &pooler, &login, &home, &backup));
        assert!(run.until(|| bytes_in(&home.backups()) > 100_000), "it ended too early");
        run.signal(signal);
        assert_eq!(run.finish().code, code);
        assert_eq!(left_behind(server, &pooler, &name), Vec::<String>::new(), "backup, {signal:?}");
    }
    let home = Home::new();
    let archive = home.backup(server, &name, &[]).display().to_string();
    for (signal, code, copy) in [(Signal::KILL, -9, "dies_killed"), (Signal::INT, 130, "dies_cancelled")] {
        let mut run = program::start(&mut through(
            server,
            &pooler,
            &login,
            &home,
            &["restore", "single", &archive, "--target", copy, "--create", "--jobs", "2"],
        ));
        assert!(run.until(|| exists(server, copy) && super::sessions(server, copy) > 1), "it ended too early");
        run.signal(signal);
        assert_eq!(run.finish().code, code);
        for database in if exists(server, copy) { vec![login.as_str(), copy] } else { vec![login.as_str()] } {
            assert_eq!(left_behind(server, &pooler, database), Vec::<String>::new(), "restore, {signal:?}");
        }
    }
}

#[test]
fn a_pool_that_does_not_clean_is_refused() {
    let server = server(15);
    let name = server.database("unclean");
    let pooler = PgBouncer::start(server, "session", "server_reset_query =");
    let (home, login) = (Home::new(), server.database("login"));
    let dir = home.backups().display().to_string();
    let refused = program::run(&mut through(server, &pooler, &login, &home, &["backup", "single", &name, "--backup-dir", &dir]));
    let refused = refused.fails(69, "POOLER_MODE");
    assert!(refused.text().contains("server_reset_query = DISCARD ALL"), "{}", refused.text());
    assert_eq!(left_behind(server, &pooler, &login), Vec::<String>::new());
    // What another client leaves behind is seen: this is what the other tests rely on.
    let mut other = Command::new(server.bin.join("psql"));
    other.args(["-h", "127.0.0.1", "-p", &pooler.port.to_string(), "-U", "postgres", "-Xqc", "set statement_timeout = 5000", &login]);
    assert!(other.status().expect("psql").success());
    assert_eq!(left_behind(server, &pooler, &login), ["statement_timeout=5000"]);
}

#[test]
fn a_pool_that_is_used_up_has_a_limit_and_a_cure() {
    let server = server(15);
    let name = slow_database(server, "used_up");
    // One session: not even the look at the pooler is possible.
    let pooler = PgBouncer::start(server, "session", "default_pool_size = 1");
    let (home, login) = (Home::new(), server.database("login"));
    let dir = home.backups().display().to_string();
    let backup = ["backup", "single", &name, "--backup-dir", &dir, "--connect-timeout", "2"];
    let begun = Instant::now();
    let outcome = program::run(&mut through(server, &pooler, &login, &home, &backup)).fails(69, "TOO_MANY_CONNECTIONS");
    assert!(outcome.text().contains("default_pool_size"), "{}", outcome.text());
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(left_behind(server, &pooler, &login), Vec::<String>::new());
}

#[test]
fn cancelling_reaches_the_server_through_the_pool() {
    let server = server(17);
    let name = slow_database(server, "long");
    // An index that is built at once where it comes from, and takes minutes where it goes to.
    server.sql(
        &name,
        "create function slow(v int) returns int immutable language plpgsql as \
         $$begin perform pg_sleep(coalesce(current_setting('slow.nap', true), '0')::float8); return v; end$$; \
         create table few as select i from generate_series(1, 2000) i; create index one_of_a_kind on few (slow(i));",
    );
    let (home, login) = (Home::new(), server.database("login"));
    let archive = home.backup(server, &name, &[]).display().to_string();
    let copy = server.database("long_copy");
    server.sql("postgres", &format!("alter database {copy} set slow.nap = '0.2'"));
    let pooler = PgBouncer::start(server, "session", "");
    let building = || {
        let sql =
            format!("select count(*) from pg_stat_activity where datname = '{copy}' and state = 'active' and query like '%one_of_a_kind%'");
        server.sql("postgres", &sql) != "0"
    };
    let restore = ["restore", "single", &archive, "--target", &copy];
    let mut run = program::start(&mut through(server, &pooler, &login, &home, &restore));
    assert!(run.until(building), "it built no index: {}", run.finish().text());
    let begun = Instant::now();
    run.signal(Signal::INT);
    run.finish().fails(130, "CANCELLED");
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    assert!(!pooler.log().contains("FATAL"), "the pooler suffered: {}", pooler.log());
    let deadline = Instant::now() + Duration::from_secs(10);
    while building() {
        assert!(Instant::now() < deadline, "the statement is still at work on the server");
    }
}
