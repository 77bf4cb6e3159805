//! Databases and globals on real servers.

use super::target_loader::object;
use super::{connection, postgres, reached, run};
use crate::support::postgres::{VERSIONS, server};
use dbbackup::domain::schema::DatabaseProperties;
use dbbackup::domain::{Code, Connection};
use dbbackup::server::{Server, TargetChoices};

fn properties() -> DatabaseProperties {
    DatabaseProperties {
        name: "source".into(),
        owner: "prop_owner".into(),
        encoding: "UTF8".into(),
        locale_provider: "libc".into(),
        collate: "C.UTF-8".into(),
        ctype: "C.UTF-8".into(),
        tablespace: "pg_default".into(),
        connection_limit: 7,
        is_template: true,
        allow_connections: false,
        comment: Some("it's a \\ copy".into()),
        statements: vec![
            format!("ALTER DATABASE {} SET work_mem TO '9MB'", DatabaseProperties::PLACEHOLDER),
            format!("GRANT TEMPORARY ON DATABASE {} TO prop_owner", DatabaseProperties::PLACEHOLDER),
        ],
        ..DatabaseProperties::default()
    }
}

#[test]
fn a_database_is_made_dressed_weighed_and_dropped() {
    for major in VERSIONS {
        let server = server(major);
        let name = "made \"here\"";
        server.sql("postgres", "create role prop_owner");
        run(async {
            let it = postgres(server);
            let choices = TargetChoices::default();
            it.create_database(name, &properties(), &choices).await.expect("made");
            assert_eq!(it.weigh(name).await.expect("weighed").0, 0, "a new database is empty");
            let fault = it.create_database(name, &properties(), &choices).await.expect_err("it is there");
            assert_eq!(fault.code, Code::DuplicateObject);
            it.apply_properties(name, &properties(), &choices).await.expect("dressed");
        });
        let row = server.sql(
            "postgres",
            "select datdba::regrole, datconnlimit, datistemplate, datallowconn, shobj_description(oid, 'pg_database'), \
               (select setconfig from pg_db_role_setting where setdatabase = d.oid), pg_encoding_to_char(encoding), datcollate \
             from pg_database d where datname = 'made \"here\"'",
        );
        assert_eq!(row, "prop_owner|7|t|f|it's a \\ copy|{work_mem=9MB}|UTF8|C.UTF-8");
        run(async { postgres(server).drop_database(name).await.expect("dropped, though a template") });
        run(async { postgres(server).drop_database(name).await.expect("nothing to drop is no failure") });
        assert_eq!(server.sql("postgres", "select count(*) from pg_database where datname like 'made%'"), "0");
        server.sql("postgres", "drop role prop_owner");
    }
}

#[test]
fn what_a_person_made_is_counted_and_extensions_are_not() {
    for major in VERSIONS {
        let server = server(major);
        let db = server.database("weigh");
        let count = |sql: &str| {
            server.sql(&db, sql);
            run(async { postgres(server).weigh(&db).await.expect("weighed").0 })
        };
        assert_eq!(count("create extension pg_trgm"), 0);
        assert_eq!(count("create table t (id int primary key, doc text)"), 1);
        assert_eq!(count("create function f() returns int language sql as 'select 1'"), 2);
        assert_eq!(count("create schema s; create type s.e as enum ('a')"), 4);
        assert_eq!(count("select lo_create(0)"), 5);
    }
}

#[test]
fn what_must_stay_is_not_dropped() {
    let server = server(15);
    run(async {
        for name in ["template0", "template1", "postgres"] {
            let fault = postgres(server).drop_database(name).await.expect_err("refused");
            assert_eq!(fault.code, Code::PermissionDenied, "{name}");
            assert!(!fault.steps.is_empty());
        }
    });
}

#[test]
fn sessions_in_a_database_do_not_keep_it() {
    let server = server(17);
    let db = server.database("busy");
    run(async {
        let here = reached(server, Connection { database: db.clone(), ..connection(server) }, None);
        let loader =
            here.loader(&db, &dbbackup::server::LoadSettings { index_memory: 1 << 26, ..Default::default() }).await.expect("a session");
        postgres(server).drop_database(&db).await.expect("dropped under a session");
        loader.close().await;
    });
    assert_eq!(server.sql("postgres", &format!("select count(*) from pg_database where datname = '{db}'")), "0");
}

#[test]
fn roles_that_exist_are_altered_and_ours_stays() {
    for major in VERSIONS {
        let server = server(major);
        server.sql("postgres", "create role glob_a");
        let script = object(
            "ROLE",
            "glob",
            "CREATE ROLE glob_a;\nALTER ROLE glob_a WITH NOSUPERUSER INHERIT CREATEROLE LOGIN PASSWORD 'it;s';\n\
             CREATE ROLE glob_b;\nALTER ROLE postgres WITH NOSUPERUSER;\nGRANT glob_a TO glob_b;\nALTER ROLE glob_b SET work_mem TO '5MB';\n",
        );
        run(async {
            let it = postgres(server);
            it.apply_global(&script, &TargetChoices::default()).await.expect("applied");
            it.apply_global(&script, &TargetChoices::default()).await.expect("and once more");
            let space = object("TABLESPACE", "ts", "CREATE TABLESPACE glob_ts OWNER postgres LOCATION '/nonexistent/dir';\n");
            let fault = it.apply_global(&space, &TargetChoices::default()).await.expect_err("no such folder");
            assert!(fault.steps.iter().any(|step| step.text.contains("--no-tablespaces")), "{fault:?}");
            it.apply_global(&space, &TargetChoices { no_tablespaces: true, ..TargetChoices::default() }).await.expect("left out");
            let supplies = it.supplies().await.expect("supplies").expect("of PostgreSQL");
            assert!(supplies.roles.contains(&"glob_b".to_owned()) && supplies.tablespaces.contains(&"pg_default".to_owned()));
            assert!(
                supplies.may_create
                    && supplies.extensions.iter().any(|extension| extension.name == "plpgsql" && !extension.version.is_empty())
            );
        });
        assert_eq!(server.sql("postgres", "select rolcreaterole, rolcanlogin from pg_roles where rolname = 'glob_a'"), "t|t");
        assert_eq!(server.sql("postgres", "select rolsuper from pg_roles where rolname = 'postgres'"), "t");
        assert_eq!(server.sql("postgres", "select pg_has_role('glob_b', 'glob_a', 'member')"), "t");
        server.sql("postgres", "drop role glob_b; drop role glob_a");
    }
}

#[test]
fn a_database_with_subscriptions_is_dropped_and_what_stays_is_said() {
    for major in VERSIONS {
        let server = server(major);
        let (publisher, subscriber) = (server.database("publisher"), server.database("subscriber"));
        server.sql(&publisher, "create table t (id int primary key); create publication p for table t");
        for (slot, more) in [("at_work", "enabled = true"), ("idle", "enabled = false")] {
            server.sql(&publisher, &format!("select pg_create_logical_replication_slot('{slot}', 'pgoutput')"));
            server.sql(
                &subscriber,
                &format!(
                    "create table if not exists t (id int primary key); create subscription \"of {slot}\" connection \
                     'host={} port={} user=postgres dbname={publisher}' publication p with (create_slot = false, slot_name = '{slot}', copy_data = false, {more})",
                    server.socket.display(),
                    server.port
                ),
            );
        }
        // Rows come through: the worker of the one that is enabled is at work.
        server.sql(&publisher, "insert into t values (1)");
        crate::support::eventually("nothing is replicated", || server.sql(&subscriber, "select count(*) from t") != "0");
        run(async {
            let it = postgres(server);
            let said = it.detach_database(&subscriber).await.expect("detached");
            assert_eq!(said.len(), 2, "{said:?}");
            assert!(said[0].contains("of at_work") && said[0].contains("pg_drop_replication_slot('at_work')"), "{said:?}");
            assert_eq!(it.detach_database(&subscriber).await, Ok(Vec::new()));
            it.drop_database(&subscriber).await.expect("dropped");
            assert_eq!(it.detach_database("no such database").await, Ok(Vec::new()));
        });
        let slots = "select string_agg(slot_name, ' ' order by slot_name) from pg_replication_slots";
        assert_eq!(server.sql("postgres", slots), "at_work idle", "what belongs to the publisher stays");
        // Without a word it is dropped as well.
        let other = server.database("subscriber");
        server.sql(
            &other,
            "create subscription alone connection 'host=nowhere.invalid dbname=x' publication p with (connect = false, slot_name = none)",
        );
        run(async { postgres(server).drop_database(&other).await.expect("dropped") });
        server.sql("postgres", "select pg_drop_replication_slot(slot_name) from pg_replication_slots");
        server.sql("postgres", &format!("drop database {publisher}"));
    }
}
