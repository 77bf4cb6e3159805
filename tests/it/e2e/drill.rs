//! Restore tests: archives restored into throw-away databases, which are gone afterwards whatever happened.

use super::{Home, slow_database};
use crate::support::eventually;
use crate::support::postgres::{Postgres, server};
use crate::support::program::{self, Outcome};
use crate::support::rewritten;
use dbbackup::archive::reader::Archive;
use rustix::process::Signal;
use std::path::Path;
use std::sync::{Mutex, MutexGuard};

/// Each of these tests looks at all throw-away databases of a server: one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The throw-away databases that are there.
fn throwaways(server: &Postgres) -> Vec<String> {
    let names = server.sql("postgres", "select datname from pg_database where starts_with(datname, '_dbbackup_verify_') order by 1");
    names.lines().map(str::to_owned).collect()
}

fn test(home: &Home, server: &Postgres, archive: &Path, more: &[&str]) -> Outcome {
    let archive = archive.display().to_string();
    let mut args = vec!["verify", "--restore-test", &archive];
    args.extend(more);
    home.on(server, &args)
}

/// Writes an archive again with another fingerprint of its first table.
fn with_another_fingerprint(path: &Path) {
    rewritten::with_manifest(path, path, |manifest| manifest.databases[0].tables[0].fingerprint = "0".repeat(32));
}

#[test]
fn a_cluster_archive_is_tried_out_small_medium_and_large() {
    let _alone = alone();
    let server = server(15);
    let stem = server.database("drilled");
    for (name, rows) in [("a", 10), ("b", 2_000), ("c", 500), ("d", 20_000), ("e", 100)] {
        server.sql("postgres", &format!("create database {stem}_{name} template template0"));
        server.sql(
            &format!("{stem}_{name}"),
            &format!(
                "create table t (id serial primary key, v text); insert into t (v) select md5(i::text) from generate_series(1, {rows}) i; \
                 create index on t (v); create view w as select count(*) from t; comment on database {stem}_{name} is 'mine'; \
                 alter database {stem}_{name} set work_mem = '5MB'; alter database {stem}_{name} connection limit 7"
            ),
        );
    }
    // What runs of itself would tell on itself: the throw-away databases have it too, and nothing of it happens elsewhere.
    server.sql(
        &format!("{stem}_d"),
        "create function tell() returns event_trigger language plpgsql as $$ begin raise log 'told'; end $$; \
         create event trigger e on ddl_command_end execute function tell()",
    );
    let home = Home::new();
    let dir = home.backups().display().to_string();
    let include = format!("{stem}_*");
    let archive = home.on(server, &["backup", "cluster", "--backup-dir", &dir, "--include", &include]).ok().archive();
    let tested = test(&home, server, &archive, &["--jobs", "2"]).ok();
    for name in ["a", "c", "d"] {
        assert!(tested.stdout.contains(&format!("{stem}_{name}: restored and proven in ")), "{}", tested.text());
    }
    assert!(!tested.stdout.contains(&format!("{stem}_b:")) && tested.stdout.contains("verified (restore-test)"), "{}", tested.text());
    let all = test(&home, server, &archive, &["--all", "--jobs", "3", "--json"]).ok();
    let last: serde_json::Value = serde_json::from_str(all.stdout.lines().last().expect("a line")).expect("JSON");
    assert_eq!((last["status"].as_str(), last["rows"].as_u64()), (Some("success"), Some(22_610)));
    let plan = test(&home, server, &archive, &["--dry-run"]).ok();
    assert!(plan.stdout.contains("small") && plan.stdout.contains("disk space"), "{}", plan.stdout);
    assert_eq!(throwaways(server), Vec::<String>::new());
    assert_eq!(
        server.sql("postgres", &format!("select shobj_description(oid, 'pg_database') from pg_database where datname = '{stem}_d'")),
        "mine"
    );
}

#[test]
fn what_is_wrong_ends_with_its_code_and_leaves_nothing() {
    let _alone = alone();
    let server = server(17);
    let (owner, reader) = (server.role("drill_owner"), server.role("drill_reader"));
    let name = server.database("wrong");
    server.sql(
        &name,
        &format!(
            "create schema s authorization {owner}; create table s.t (id int primary key, v text); alter table s.t owner to {owner}; \
             insert into s.t select i, md5(i::text) from generate_series(1, 3000) i; grant select on s.t to {reader}; \
             create policy p on s.t for select to {reader} using (id > 0); alter default privileges for role {owner} grant select on tables to {reader}"
        ),
    );
    let home = Home::new();
    let archive = home.backup(server, &name, &[]);
    let with_roles = test(&home, server, &archive, &[]).ok();
    assert!(!with_roles.stdout.contains("without owners"), "{}", with_roles.text());
    server.sql("postgres", &format!("drop database {name}"));
    server.sql("postgres", &format!("drop role {owner}; drop role {reader}"));
    let without = test(&home, server, &archive, &[]).ok();
    let said = format!("restored without owners and rights: the server has no role {owner}, {reader}");
    assert!(without.stdout.contains(&said), "{}", without.text());
    // A server that has no such roles can still tell that something differs.
    with_another_fingerprint(&archive);
    let differs = test(&home, server, &archive, &[]).fails(65, "PROOF_FAILED");
    assert!(differs.stderr.contains("table s.t") && differs.stderr.contains(&name), "{}", differs.text());
    assert!(!differs.stderr.contains("_dbbackup_verify_"), "nothing of that name is there any more: {}", differs.text());
    let mut bytes = std::fs::read(&archive).expect("the archive");
    let middle = Archive::open(&archive)
        .expect("open")
        .frames()
        .iter()
        .max_by_key(|frame| frame.length)
        .map(|frame| frame.offset + frame.length / 2);
    bytes[middle.expect("a frame") as usize] ^= 0x55;
    std::fs::write(&archive, bytes).expect("the archive");
    test(&home, server, &archive, &[]).fails(65, "CORRUPTED_BACKUP");
    test(&home, server, Path::new("no_such.tar.zst"), &[]).fails(66, "FILE_MISSING");
    assert_eq!(throwaways(server), Vec::<String>::new());
}

#[test]
fn a_test_that_is_stopped_or_killed_leaves_nothing_for_long() {
    let _alone = alone();
    let server = server(17);
    let name = slow_database(server, "drill_slow");
    server.sql(&name, "create index on big (md5(v || v)); create index on big (reverse(v)); create index on big (upper(v))");
    let home = Home::new();
    let archive = home.backup(server, &name, &[]).display().to_string();
    let start = || {
        let mut run = program::start(&mut program::on(server, home.path(), &["verify", "--restore-test", &archive, "--jobs", "1"]));
        let under_way = || {
            throwaways(server).first().is_some_and(|made| server.sql(made, "select count(*) from pg_class where relname = 'big'") == "1")
        };
        assert!(run.until(under_way), "it ended too early: {}", run.finish().text());
        run
    };
    let run = start();
    run.signal(Signal::INT);
    run.finish().fails(130, "CANCELLED");
    assert_eq!(throwaways(server), Vec::<String>::new());
    let run = start();
    let alive = throwaways(server);
    // One that is named like ours, and that somebody has given a meaning.
    let mine = "_dbbackup_verify_0badcafe";
    server.sql("postgres", &format!("create database {mine} template template0"));
    server.sql("postgres", &format!("comment on database {mine} is 'keep me'"));
    let clean = || home.on(server, &["verify", "--restore-test", "--clean-leftovers"]).ok();
    let said = format!("{}, which a killed restore test had left, was dropped", alive[0]);
    let beside = clean();
    assert!(!beside.stdout.contains(&alive[0]) && throwaways(server).contains(&alive[0]), "it is in use: {}", beside.text());
    assert!(beside.stdout.contains(&format!("{mine} is named like a restore test's and is left alone")), "{}", beside.text());
    run.signal(Signal::KILL);
    assert_eq!(run.finish().code, -9);
    assert!(throwaways(server).contains(&alive[0]), "nobody was there to drop it");
    // The server learns of the death by the closed connection, a moment later.
    let free = || server.sql("postgres", "select count(*) from pg_locks where locktype = 'advisory' and classid = x'64626272'::int") == "0";
    eventually("the lock of a dead process stays", free);
    let cleaned = clean();
    assert!(cleaned.stdout.contains(&said), "{}", cleaned.text());
    assert_eq!(throwaways(server), [mine]);
    server.sql("postgres", &format!("drop database {mine}"));
}
