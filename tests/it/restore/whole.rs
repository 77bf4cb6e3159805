//! A whole database there and back.

use super::*;
use crate::support::postgres::{VERSIONS, server};

#[test]
fn the_zoo_comes_back_equal() {
    for major in VERSIONS {
        let bench = Bench::new(server(major));
        let source = zoo(bench.server, "zoo");
        let target = format!("{source}_copy");
        let summary = run(async {
            let archive = bench.backup_of(&source).await;
            bench.restore(&spec(bench.server, &archive, &target)).await.unwrap_or_else(|fault| panic!("{}", fault.render("Restore failed")))
        });
        let proof = summary.proof.expect("a proof");
        assert!(proof.differences.is_empty() && proof.tables > 15, "{proof:?}");
        assert_eq!(definitions(bench.server, &source), definitions(bench.server, &target));
        assert_eq!(rows(bench.server, &source), rows(bench.server, &target));
        assert_eq!(bench.server.sql(&target, "select n from app.m2"), "3000");
        assert_eq!(bench.server.sql(&target, "select relispopulated from pg_class where relname = 'm_empty'"), "f");
        assert_ne!(bench.server.sql(&target, "select count(*) from pg_statistic where starelid = 'app.orders'::regclass"), "0");
        assert_eq!(bench.server.sql(&target, "insert into app.orders (customer) values (1) returning id"), "5001");
        assert_eq!(bench.server.sql(&target, "select length(lo_get(424242))"), "9000");
    }
}

#[test]
fn jobs_and_chunks_make_no_difference_and_big_tables_are_shared() {
    let bench = Bench::new(server(17));
    let source = bench.server.database("big");
    bench.server.sql(
        &source,
        "create table big (id int primary key, a text, b int unique); \
         insert into big select i, md5(i::text) || repeat(md5((i * 7)::text), 6), -i from generate_series(1, 150000) i; \
         create index on big (a); create table other (big int references big, t text); insert into other select i, 'x' from generate_series(1, 20000) i; \
         create table empty (id int primary key)",
    );
    let expected = rows(bench.server, &source);
    for jobs in [1, 4] {
        let target = format!("{source}_{jobs}");
        run(async {
            let archive = bench.backup(Scope::Single { databases: vec![source.clone()] }, effort(jobs)).await;
            let spec = RestoreSpec { effort: effort(jobs), ..spec(bench.server, &archive, &target) };
            let summary = bench.restore(&spec).await.unwrap_or_else(|fault| panic!("{}", fault.render("Restore failed")));
            assert_eq!(summary.rows, 170_000);
        });
        assert_eq!(rows(bench.server, &target), expected);
        assert_eq!(definitions(bench.server, &source), definitions(bench.server, &target));
        assert_eq!(
            bench.server.sql(&target, "select count(*) from pg_constraint where conrelid = 'big'::regclass and contype in ('p', 'u')"),
            "2"
        );
    }
    let peak = bench
        .heard
        .0
        .lock()
        .expect("events")
        .iter()
        .filter_map(|event| match event {
            Event::Progress(progress) => Some((progress.memory, progress.memory_limit)),
            _ => None,
        })
        .max();
    let (memory, limit) = peak.expect("samples");
    assert!(memory <= limit, "{memory} of {limit}");
}

#[test]
fn a_cluster_comes_back_with_roles_and_one_failure_spoils_nothing() {
    let source = crate::support::postgres::Postgres::start(15, "");
    let source: &'static _ = Box::leak(Box::new(source));
    let target: &'static _ = Box::leak(Box::new(crate::support::postgres::Postgres::start(15, "")));
    source.sql("postgres", "create role \"app owner\" login password 'x;y'; create role child in role \"app owner\"");
    for sql in [
        "create database one owner \"app owner\"",
        "create database two",
        "create database three",
        "alter database one set work_mem = '7MB'",
    ] {
        source.sql("postgres", sql);
    }
    source.sql("one", "create table t (id int primary key); insert into t select generate_series(1, 100)");
    source.sql("two", "create extension pg_trgm; create table t (id int); insert into t values (1)");
    source.sql("postgres", "create table notes (t text); insert into notes values ('kept')");
    // What is there already fails one database and no other.
    target.sql("postgres", "create database three");
    target.sql("three", "create table in_the_way (id int)");
    let from = Bench::new(source);
    let to = Bench::new(target);
    let summary = run(async {
        let archive = from.backup(Scope::Cluster { include: vec![], exclude: vec![], parallel: 2 }, effort(2)).await;
        let spec =
            RestoreSpec { scope: RestoreScope::Cluster { include: vec![], exclude: vec![], parallel: 2 }, ..spec(target, &archive, "") };
        let plan = to.plan(&spec).await.expect("a plan");
        assert_eq!(plan.confirm.as_deref(), Some(connection(target).confirm_name().as_str()));
        assert!(plan.obstacle().is_some_and(|fault| fault.what.contains("three")), "{:?}", plan.checks);
        let name = plan.confirm.clone();
        engine::run(Confirmed::by_name(plan, name.as_deref()).expect("confirmed"), &to.context).await.expect("a summary")
    });
    let failed: Vec<&str> = summary.failed().map(|one| one.name.as_str()).collect();
    assert_eq!(failed, ["three"], "{summary:?}");
    assert_eq!(
        summary.failed().next().and_then(|one| one.fault.clone()).map(|fault| fault.code),
        Some(dbbackup::domain::Code::TargetNotEmpty)
    );
    assert_eq!(
        target.sql(
            "one",
            "select count(*), current_setting('work_mem'), (select datdba::regrole from pg_database where datname = 'one') from t"
        ),
        "100|7MB|\"app owner\""
    );
    assert_eq!(target.sql("two", "select id from t"), "1");
    assert_eq!(target.sql("postgres", "select t from notes"), "kept");
    assert_eq!(
        target.sql("postgres", "select pg_has_role('child', 'app owner', 'member'), rolcanlogin from pg_roles where rolname = 'app owner'"),
        "t|t"
    );
}

#[test]
fn rows_keep_their_encoding() {
    let bench = Bench::new(server(15));
    let source = bench.server.database("latin");
    bench.server.sql("postgres", &format!("drop database \"{source}\"; "));
    bench.server.sql("postgres", &format!("create database \"{source}\" template template0 encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'"));
    bench.server.sql(&source, "create table t (v text); insert into t values (convert_from('\\xe4f6'::bytea, 'LATIN1'))");
    let target = format!("{source}_copy");
    run(async {
        let archive = bench.backup_of(&source).await;
        bench.restore(&spec(bench.server, &archive, &target)).await.unwrap_or_else(|fault| panic!("{}", fault.render("Restore failed")));
        // Into a database of another encoding, too; fingerprints are over other bytes there.
        let utf = bench.server.database("utf");
        let into = RestoreSpec { create: false, prove: false, ..spec(bench.server, &archive, &utf) };
        bench.restore(&into).await.unwrap_or_else(|fault| panic!("{}", fault.render("Restore failed")));
        assert_eq!(bench.server.sql(&utf, "select v from t"), "äö");
    });
    assert_eq!(bench.server.sql(&target, "select encode(convert_to(v, 'LATIN1'), 'hex') from t"), "e4f6");
}
