//! Databases, and what stands beside the rows: the next values, what the server offers, what its settings mean.

use super::{Kind, object, open, pieces, reached, run, server, table};
use crate::support::mysql::Mysql as TestServer;
use dbbackup::domain::Code;
use dbbackup::domain::schema::{DatabaseProperties, SequenceState, TableName};
use dbbackup::domain::spec::Binlog;
use dbbackup::server::{Claim, Demands, LoadMode, LoadSettings, Server, TargetChoices, Verdict};

#[test]
fn databases_are_made_weighed_and_dropped() {
    for kind in Kind::ALL {
        let server = server(kind);
        let name = format!("{}`x", server.database("made"));
        let properties = DatabaseProperties {
            encoding: "latin1".into(),
            collate: "latin1_german2_ci".into(),
            statements: vec![format!("ALTER DATABASE {} COLLATE latin1_bin", DatabaseProperties::PLACEHOLDER)],
            ..DatabaseProperties::default()
        };
        run(async {
            let reached = reached(server);
            let choices = TargetChoices::default();
            reached.create_database(&name, &properties, &choices).await.expect("a database");
            let fault = reached.create_database(&name, &properties, &choices).await.expect_err("it is there");
            assert_eq!(fault.code, Code::DuplicateObject, "{fault:?}");
            assert_eq!(reached.weigh(&name).await.expect("a weight").0, 0);
            let mut loader = open(server, &name).await;
            loader.run(&[&object(1, "TABLE", "t", "CREATE TABLE t (a int)")], &choices, Claim::default()).await.expect("a table");
            loader.load(&table("t", &["a"]), LoadMode::Shared, &mut pieces(&[b"1\n"]), Claim::default()).await.expect("a row");
            loader.analyze(&TableName::new("", "t")).await.expect("statistics");
            assert_eq!(reached.weigh(&name).await.expect("a weight").0, 1);
            reached.apply_properties(&name, &properties, &choices).await.expect("properties");
            let collation = format!("select default_collation_name from information_schema.schemata where schema_name = '{name}'");
            assert_eq!(server.sql("", &collation), "latin1_bin");
            // A session in it, idle or not, does not keep it from being dropped.
            reached.drop_database(&name).await.expect("it is dropped");
            reached.drop_database(&name).await.expect("it is gone already");
            loader.unlogged().await.expect_err("its session was ended");
            assert_eq!(reached.drop_database("mysql").await.expect_err("the server's own").code, Code::PermissionDenied);
            let wrong =
                DatabaseProperties { encoding: "utf8mb4".into(), collate: "utf8mb4_of_elsewhere".into(), ..DatabaseProperties::default() };
            let fault = reached.create_database(&name, &wrong, &choices).await.expect_err("an unknown collation");
            assert_eq!(fault.code, Code::MissingCollation, "{fault:?}");
        });
    }
}

#[test]
fn the_next_values_are_looked_at() {
    for kind in Kind::ALL {
        let server = server(kind);
        let db = server.database("next");
        server.sql(
            &db,
            "create table good (id int auto_increment primary key); insert into good values (5); \
                         create table full (id tinyint unsigned auto_increment primary key); insert into full values (255); \
                         create table none (id int auto_increment primary key)",
        );
        if kind == Kind::Mariadb {
            server.sql(&db, "create sequence s start with 3; create sequence used; create table seq (id int default nextval(s)); insert into seq values (9)");
        }
        run(async {
            let mut loader = open(server, &db).await;
            let (probed, behind) = loader.write_probe().await.expect("a look");
            match kind {
                Kind::Mysql => assert_eq!((probed, behind.len()), (3, 0), "{behind:?}"),
                Kind::Mariadb => {
                    assert_eq!(probed, 4);
                    let told: Vec<_> = behind.iter().map(|one| (one.column.as_str(), one.greatest, one.next)).collect();
                    assert_eq!(told, [("seq.id", 9, 3)]);
                    let state = |name: &str, last_value: i64, is_called: bool| SequenceState {
                        name: TableName::new("", name),
                        last_value,
                        is_called,
                        ..SequenceState::default()
                    };
                    let states = [state("s", 10, false), state("used", 7, true)];
                    for _ in 0..2 {
                        loader.set_sequences(&states, Claim::default()).await.expect("values");
                    }
                    assert_eq!(loader.write_probe().await.expect("a look").1, []);
                    assert_eq!(server.sql(&db, "select nextval(s), nextval(used)"), "10\t8");
                    loader.set_sequences(&[state("s", 2, false)], Claim::default()).await.expect("values");
                    assert_eq!(server.sql(&db, "select nextval(s)"), "2", "backwards too");
                }
            }
            loader.close().await;
        });
    }
}

#[test]
fn the_log_is_left_out_only_by_who_may() {
    for kind in Kind::ALL {
        // Of its own: no test's large events are in the log, which the stock client could not show.
        let server = &TestServer::start_with(kind, &[]);
        let db = server.database("logged");
        let user = server.login(server.plugins()[0], "secret");
        server.sql(&db, &format!("grant all on {db}.* to {user}@'%'; create table t (a int)"));
        let off = LoadSettings { binlog: Binlog::Off, ..LoadSettings::default() };
        let position = || server.sql("", if kind == Kind::Mysql { "show binary log status" } else { "show master status" });
        run(async {
            let before = position();
            let mut loader = reached(server).loader(&db, &off).await.expect("a session");
            loader.load(&table("t", &["a"]), LoadMode::Shared, &mut pieces(&[b"1\n"]), Claim::default()).await.expect("a row");
            loader.close().await;
            assert_eq!(server.sql(&db, "select a from t"), "1");
            let file = before.split('\t').next().expect("a file").to_owned();
            let events = server.sql("", &format!("show binlog events in '{file}'"));
            assert!(!events.lines().any(|line| line.contains("Table_map") && line.contains(&format!("{db}.t"))), "{kind:?}");
            let low = dbbackup::server::mysql::Mysql::new(server.connection(&user), Some("secret".into())).expect("a way");
            let fault = low.loader(&db, &off).await.err().expect("a refusal");
            assert!(fault.steps.iter().any(|step| step.to_string().contains("--binlog on")), "{fault:?}");
            let demands = Demands { binlog: Binlog::Off, ..Demands::default() };
            let verdict = |conditions: Vec<dbbackup::server::Condition>| {
                conditions.into_iter().find(|one| one.name == "binary log").expect("a line").verdict
            };
            assert_eq!(verdict(low.conditions(&demands).await.expect("conditions")), Verdict::Refusal(Code::PermissionDenied));
            assert_eq!(verdict(reached(server).conditions(&demands).await.expect("conditions")), Verdict::Warning);
            let supplies = low.supplies().await.expect("supplies").expect("some");
            assert!(supplies.may_create && !supplies.may_create_roles, "{supplies:?}");
            let all = reached(server).supplies().await.expect("supplies").expect("some");
            assert!(all.may_create && all.may_create_roles && all.roles.contains(&format!("{user}@%")), "{:?}", all.roles);
            assert!(all.locales.contains(&"utf8mb4_bin".to_owned()));
        });
    }
}
