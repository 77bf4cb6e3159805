//! What the target lacks: found before a database is made, told with its cure, and gone over only when that is asked for.

use super::*;
use crate::support::postgres::{Extensions, Postgres as TestServer};
use crate::support::rewritten;

/// Things that a dump leaves out, because they seem to belong to the server: made in `pg_catalog` and used by the user's objects.
const ONLY_HERE: &str = "\
    create function pg_catalog.only_here(int) returns int language sql immutable as 'select $1'; \
    create collation pg_catalog.only_sorted_here from \"C\"; \
    create table calls (a int default pg_catalog.only_here(1), b int); \
    create table sorted (a text collate pg_catalog.only_sorted_here); \
    create table sorted_too (a text collate pg_catalog.only_sorted_here); \
    create view on_sorted as select a from sorted; create index on sorted (a); \
    create table good (a int primary key); insert into good values (1), (2)";

#[test]
fn what_is_missing_is_known_before_the_target_exists() {
    let from = TestServer::start(15, "allow_in_place_tablespaces = on");
    from.sql("postgres", "create role only_owner; create role only_reader");
    from.sql("postgres", "create database rich template template0");
    from.sql("postgres", "create tablespace only_space location ''");
    from.sql("rich", ONLY_HERE);
    from.sql(
        "rich",
        "create extension hstore; create table extended (h hstore); create table owned (a int); alter table owned owner to only_owner; \
         create table read_by (a int); grant select on read_by to only_reader; create table placed (a int) tablespace only_space",
    );
    let to = TestServer::start_with(15, "", Extensions::None);
    let before = databases(&to);
    let home = tempfile::tempdir().expect("a folder");
    run(async {
        let (here, _) = elsewhere(&from);
        let backup = BackupSpec {
            connection: connection(&from),
            scope: Scope::Single { databases: vec!["rich".into()] },
            dir: home.path().to_owned(),
            compression: Compression::default(),
            effort: effort(2),
            verify: VerifyMode::Off,
            name_time: NameTime::Utc,
        };
        let plan = engine::plan(&JobSpec::Backup(backup), &here).await.expect("a plan");
        let summary = engine::run(Confirmed::by_name(plan, None).expect("nothing is destroyed"), &here).await.expect("a backup");
        let base = spec(&to, &summary.archives[0], "rich");
        let (there, _) = elsewhere(&to);
        let plan = plan_on(&there, &base).await;
        failed(&plan, "extensions", Code::MissingExtension, "hstore");
        let cure = lines(&plan, "extensions")[0].cure.clone().expect("a cure");
        assert!(cure.contains("apt-get install postgresql-15") && cure.contains("dnf install postgresql15-contrib"), "{cure}");
        failed(&plan, "roles", Code::MissingRole, "only_owner, only_reader");
        failed(&plan, "tablespaces", Code::MissingTablespace, "only_space");
        failed(&plan, "rehearsal", Code::MissingObject, "only_here(integer) does not exist (SQLSTATE 42883)");
        failed(&plan, "rehearsal", Code::MissingCollation, "TABLE sorted cannot be made and 1 more: collation");
        failed(&plan, "rehearsal", Code::MissingCollation, "needed by");
        failed(&plan, "rehearsal", Code::MissingCollation, "statement: CREATE TABLE public.sorted");
        let trials = lines(&plan, "rehearsal");
        assert!(
            !trials.iter().any(|check| check.detail.contains("hstore") || check.detail.contains("only_owner")),
            "told once: {trials:#?}"
        );
        assert_eq!(databases(&to), before, "nothing was made, and what was made for the trial is gone");
        // Without what is only missing by name nothing but the rehearsal's findings are left; without the rehearsal nothing.
        let bare = RestoreSpec { no_owner: true, no_acl: true, no_tablespaces: true, ..base.clone() };
        let plan = plan_on(&there, &bare).await;
        assert!(lines(&plan, "roles")[0].state == CheckState::Ok && lines(&plan, "tablespaces")[0].state == CheckState::Ok, "{plan:#?}");
        let plan = plan_on(&there, &care(&bare, |care| care.rehearse = Rehearse::Off)).await;
        assert_eq!(line(&plan, "rehearsal").state, CheckState::Unknown);
        // --force goes on, and what works comes back.
        let forced = RestoreSpec { continue_on_error: true, prove: false, ..care(&base, |care| care.force = true) };
        let plan = plan_on(&there, &forced).await;
        assert_eq!(plan.obstacle(), None);
        assert!(lines(&plan, "extensions")[0].detail.ends_with("(gone over: --force)"), "{plan:#?}");
        let _ = engine::run(Confirmed::by_name(plan, None).expect("nothing to confirm"), &there).await;
    });
    assert_eq!(to.sql("rich", "select count(*) from good"), "2");
}

#[test]
fn an_older_server_is_told_what_it_does_not_know() {
    let bench = Bench::new(server(17));
    let source = bench.server.database("newer");
    bench.server.sql(
        &source,
        "create collation built (provider = builtin, locale = 'C.UTF-8'); create table t (a text collate built); \
         create view j as select x from json_table('[1]'::jsonb, '$[*]' columns (x int path '$')); create table plain (a int)",
    );
    let plain = bench.server.database("newer_plain");
    bench.server.sql(&plain, "create table plain (a int)");
    run(async {
        let archive = bench.backup_of(&source).await;
        let old = server(15);
        let (context, _) = elsewhere(old);
        let to = spec(old, &archive, &source);
        let plan = plan_on(&context, &to).await;
        failed(&plan, "version", Code::VersionUnsupported, "JSON_TABLE (version 17): VIEW j");
        failed(&plan, "version", Code::VersionUnsupported, "the collation provider builtin (version 17): COLLATION built");
        let trials: Vec<&str> = lines(&plan, "rehearsal").iter().map(|check| check.detail.as_str()).collect();
        assert!(
            trials.iter().any(|line| line.contains("VIEW j")) && trials.iter().any(|line| line.contains("COLLATION built")),
            "{trials:#?}"
        );
        assert!(trials.iter().any(|line| line.contains("needed by 1 × table")), "{trials:#?}");
        assert_eq!(old.sql("postgres", &format!("select count(*) from pg_database where datname = '{source}'")), "0");
        assert_eq!(plan_on(&context, &care(&to, |care| care.force = true)).await.obstacle(), None);
        let archive = bench.backup_of(&plain).await;
        let plan = plan_on(&context, &spec(old, &archive, &plain)).await;
        assert_eq!((line(&plan, "version").state, plan.obstacle()), (CheckState::Warning, None));
    });
}

#[test]
fn a_locale_that_the_target_lacks_is_found_by_making_a_database() {
    let bench = Bench::new(server(15));
    let source = bench.server.database("sorted");
    bench.server.sql(&source, "create table t (id int)");
    run(async {
        let archive = bench.backup_of(&source).await;
        let target = format!("{source}_copy");
        let base = spec(bench.server, &archive, &target);
        assert_eq!(line(&bench.plan(&base).await.expect("a plan"), "locale").state, CheckState::Ok);
        // The same archive, of a database that sorts as no host does.
        let strange = with_locale(&archive, "xx_XX.UTF-8");
        let plan = bench.plan(&RestoreSpec { archive: strange, ..base }).await.expect("a plan");
        let locale = lines(&plan, "locale");
        assert!(locale.iter().any(|check| check.state == CheckState::Warning && check.detail.contains("xx_XX.UTF-8")), "{locale:#?}");
        assert!(
            locale.iter().any(|check| check.state == CheckState::Failed && check.detail.contains("invalid locale name")),
            "{locale:#?}"
        );
        assert!(!bench.exists(&target));
    });
}

/// The same entries under a manifest in which the databases sort otherwise.
fn with_locale(archive: &Path, locale: &str) -> PathBuf {
    let path = archive.with_file_name("db_elsewhere_20260101_000000_UTC.tar.zst");
    rewritten::with_manifest(archive, &path, |manifest| {
        for database in &mut manifest.databases {
            (database.properties.collate, database.properties.ctype) = (locale.into(), locale.into());
        }
    });
    path
}

#[test]
fn a_weak_role_is_told_what_it_lacks_and_tries_the_definitions_out_in_the_target() {
    let bench = Bench::new(server(15));
    let source = bench.server.database("weak");
    bench.server.sql(&source, ONLY_HERE.replace("only_", "weak_only_").as_str());
    let role = bench.server.role("weak_restorer");
    bench.server.sql("postgres", &format!("alter role {role} login"));
    let mine = bench.server.database("weak_target");
    bench.server.sql("postgres", &format!("alter database {mine} owner to {role}"));
    run(async {
        let archive = bench.backup_of(&source).await;
        // Gone from the target, which is the same server.
        bench.server.sql(&source, "drop table calls; drop function pg_catalog.weak_only_here(int)");
        let weak = Connection { user: role.clone(), ..connection(bench.server) };
        let (context, _) = on(weak.clone(), bench.server);
        let new = RestoreSpec { connection: weak, no_owner: true, ..spec(bench.server, &archive, "weak_new") };
        let plan = plan_on(&context, &new).await;
        failed(&plan, "target", Code::PermissionDenied, "may not create databases");
        assert_eq!(line(&plan, "rehearsal").state, CheckState::Unknown);
        let RestoreScope::Single { selection, .. } = &new.scope else { panic!("one database") };
        let scope = RestoreScope::Single { database: None, target: mine.clone(), selection: selection.clone() };
        let plan = plan_on(&context, &RestoreSpec { scope, create: false, ..new }).await;
        failed(&plan, "rehearsal", Code::MissingObject, "weak_only_here(integer) does not exist");
        assert_eq!(bench.server.sql(&mine, "select count(*) from pg_class where oid >= 16384"), "0", "nothing of the trial stays");
    });
}

#[test]
fn databases_of_a_cluster_are_tried_out_side_by_side_alike_ones_once_and_a_cause_is_told_once() {
    let server: &'static TestServer = Box::leak(Box::new(TestServer::start(15, "")));
    let bench = Bench::new(server);
    for number in 0..9 {
        // One that sorts differently wants a scratch database of its own, beside that of the others.
        let sorted = if number == 0 { "lc_collate 'C' lc_ctype 'C'" } else { "" };
        server.sql("postgres", &format!("create database many_{number} template template0 {sorted}"));
        server.sql(
            &format!("many_{number}"),
            "create schema app; create table app.t (id serial primary key, a text); create view app.v as select a from app.t",
        );
    }
    for number in 1..=3 {
        server.sql(&format!("many_{number}"), &format!("create table app.only_{number} (a int)"));
    }
    // What comes after rows is not tried out, and makes no difference.
    server.sql("many_4", "create index on app.t (a)");
    for number in [2, 5] {
        server.sql(
            &format!("many_{number}"),
            "create collation pg_catalog.only_sorted_here from \"C\"; create table app.s (a text collate pg_catalog.only_sorted_here)",
        );
    }
    let to = TestServer::start(15, "");
    let before = databases(&to);
    run(async {
        let scope = Scope::Cluster { include: vec!["many_*".into()], exclude: Vec::new(), parallel: 3 };
        let archive = bench.backup(scope, effort(3)).await;
        let scope = |exclude: &[&str]| {
            let exclude = exclude.iter().map(|name| (*name).to_owned()).collect();
            RestoreScope::Cluster { include: Vec::new(), exclude, parallel: 3 }
        };
        let (context, heard) = elsewhere(&to);
        let plan = plan_on(&context, &RestoreSpec { scope: scope(&[]), ..spec(&to, &archive, "") }).await;
        failed(&plan, "rehearsal", Code::MissingCollation, "many_2, many_5: TABLE s cannot be made and 1 more");
        assert_eq!(lines(&plan, "rehearsal").len(), 1, "{plan:#?}");
        assert!(line(&plan, "target").detail.ends_with("and 4 more will be made"), "{plan:#?}");
        let running = |event: &Event| matches!(event, Event::Checked(check) if check.state == CheckState::Running && check.detail == "6 of 6 databases");
        assert!(heard.0.lock().expect("a list").iter().any(running), "0, 1, 2, 3, 5, and one for 4, 6, 7 and 8");
        let plan = plan_on(&context, &RestoreSpec { scope: scope(&["many_2", "many_5"]), ..spec(&to, &archive, "") }).await;
        let tried = line(&plan, "rehearsal");
        assert!(tried.state == CheckState::Ok && tried.detail.contains("definitions of 7 databases (4 different) tried out"), "{tried:?}");
        assert_eq!(databases(&to), before);
    });
}
