//! Definitions: with their settings, in order, and each known again after whatever happened.

use super::{Kind, head, object, of_run, open, run, server};
use dbbackup::domain::Code;
use dbbackup::domain::schema::SchemaObject;
use dbbackup::server::{Claim, Mark, Opened, Step, TargetChoices, Trial};

fn all() -> Vec<SchemaObject> {
    vec![
        object(1, "TABLE", "a", "CREATE TABLE `a` (`id` int NOT NULL AUTO_INCREMENT, `v` int, PRIMARY KEY (`id`))"),
        object(
            2,
            "FUNCTION",
            "f",
            "SET sql_mode = 'PIPES_AS_CONCAT';\nSET time_zone = '+03:00';\nCREATE DEFINER=`nobody`@`%` FUNCTION `f`(x int) RETURNS varchar(20) DETERMINISTIC\nBEGIN\nSET @a = 1;\nRETURN x || ';';\nEND",
        ),
        object(3, "VIEW", "v", "CREATE DEFINER=`nobody`@`%` SQL SECURITY INVOKER VIEW `v` AS SELECT f(`id`) AS `x` FROM `a`"),
        object(4, "INDEX", "a", "ALTER TABLE `a` ADD KEY `k` (`v`), ADD KEY `k2` (`v`, `id`)"),
        object(5, "FK CONSTRAINT", "fk", "ALTER TABLE `a` ADD CONSTRAINT `fk` FOREIGN KEY (`v`) REFERENCES `a` (`id`)"),
        object(6, "TRIGGER", "t", "CREATE DEFINER=`nobody`@`%` TRIGGER `t` BEFORE INSERT ON `a` FOR EACH ROW SET NEW.v = NULL"),
        object(7, "EVENT", "e", "CREATE DEFINER=`nobody`@`%` EVENT `e` ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 1"),
    ]
}

fn marks(objects: &[SchemaObject]) -> Vec<Mark> {
    objects.iter().map(|object| Mark::Object(object.id, Step::Whole)).collect()
}

#[test]
fn definitions_are_made_with_their_settings_and_definers() {
    for kind in Kind::ALL {
        let server = server(kind);
        let db = server.database("objects");
        let objects = all();
        run(async {
            let mut loader = open(server, &db).await;
            let choices = TargetChoices { no_owner: true, ..TargetChoices::default() };
            loader.run(&objects.iter().collect::<Vec<_>>(), &choices, Claim::default()).await.expect("all of them");
            // What this session has made it does not make again.
            loader.run(&objects.iter().collect::<Vec<_>>(), &choices, Claim::default()).await.expect("nothing to do");
            loader.close().await;
        });
        server.sql(&db, "insert into a (v) values (5)");
        assert_eq!(server.sql(&db, "select x from v"), "1;", "{kind:?}");
        let definers = "select definer, sql_mode from information_schema.routines where routine_schema = database()";
        assert_eq!(server.sql(&db, definers), "root@localhost\tPIPES_AS_CONCAT");
        assert!(server.sql(&db, "show create table a").contains("CONSTRAINT `fk`"));
    }
}

#[test]
fn the_failing_object_is_named_and_the_others_are_known() {
    for kind in Kind::ALL {
        let server = server(kind);
        let db = server.database("failing");
        let objects = [
            object(1, "TABLE", "a", "CREATE TABLE `a` (`id` int)"),
            object(2, "VIEW", "v", "SET sql_mode = 'ANSI';\nCREATE VIEW v AS SELECT nope FROM a"),
            object(3, "TABLE", "c", "CREATE TABLE `c` (`id` int)"),
        ];
        let these: Vec<&SchemaObject> = objects.iter().collect();
        let marks = marks(&objects);
        run(async {
            let mut loader = of_run(server, &db, "run").await;
            assert_eq!(loader.open_ledger(&head("run")).await.expect("a ledger"), Opened::Made);
            let fault = loader.run(&these, &TargetChoices::default(), Claim::of(&marks)).await.expect_err("a column that is not there");
            assert!(fault.what.contains("VIEW v"), "{fault:?}");
            assert_eq!(fault.statement.as_deref(), Some("CREATE VIEW v AS SELECT nope FROM a"));
            assert_eq!(loader.marks().await.expect("marks"), [marks[0]]);
            let repaired = object(2, "VIEW", "v", "CREATE VIEW v AS SELECT id FROM a");
            loader.run(&[these[0], &repaired, these[2]], &TargetChoices::default(), Claim::of(&marks)).await.expect("the rest");
            let mut done = loader.marks().await.expect("marks");
            done.sort_unstable();
            assert_eq!(done, marks);
            // What was there before it was begun is nobody's of ours.
            server.sql(&db, "create table theirs (id int); insert into theirs values (1)");
            let theirs = object(9, "TABLE", "theirs", "CREATE TABLE `theirs` (`id` int)");
            let mark = [Mark::Object(9, Step::Whole)];
            for _ in 0..2 {
                let fault = loader.run(&[&theirs], &TargetChoices::default(), Claim::of(&mark)).await.expect_err("it is there");
                assert_eq!(fault.code, Code::DuplicateObject, "{fault:?}");
            }
            loader.close().await;
        });
        assert_eq!(server.sql(&db, "select count(*) from theirs"), "1");
    }
}

#[test]
fn what_was_begun_and_exists_is_done() {
    for kind in Kind::ALL {
        let server = server(kind);
        let db = server.database("begun");
        let objects = all();
        let these: Vec<&SchemaObject> = objects.iter().collect();
        let marks = marks(&objects);
        run(async {
            let mut loader = of_run(server, &db, "run").await;
            loader.open_ledger(&head("run")).await.expect("a ledger");
            loader
                .run(&these, &TargetChoices { no_owner: true, ..TargetChoices::default() }, Claim::of(&marks))
                .await
                .expect("all of them");
            // As a run leaves it that was killed between its last definition and the mark.
            server.sql(&db, "update _dbbackup_ledger set done = 0 where kind = 'object'");
            assert!(loader.marks().await.expect("marks").is_empty());
            loader
                .run(&these, &TargetChoices { no_owner: true, ..TargetChoices::default() }, Claim::of(&marks))
                .await
                .expect("all of them are there");
            assert_eq!(loader.marks().await.expect("marks").len(), marks.len());
            loader.drop_ledger().await.expect("the end of the ledger");
            loader.close().await;
        });
        assert_eq!(server.sql(&db, "select count(*) from information_schema.tables where table_schema = database()"), "2");
    }
}

#[test]
fn definitions_are_tried_out_in_scratch_databases_only() {
    use dbbackup::domain::schema::DatabaseProperties;
    use dbbackup::server::{LoadSettings, Purpose, Server};
    for kind in Kind::ALL {
        let server = server(kind);
        let db = server.database("tried");
        let objects = [
            object(1, "TABLE", "a", "CREATE TABLE `a` (`id` int)"),
            object(2, "VIEW", "v", "CREATE VIEW v AS SELECT nope FROM a"),
            object(3, "VIEW", "w", "CREATE VIEW w AS SELECT id FROM a"),
        ];
        let these: Vec<&SchemaObject> = objects.iter().collect();
        run(async {
            let choices = TargetChoices::default();
            let mut loader = open(server, &db).await;
            loader.attempt(&these, &choices, Trial::TakenBack).await.expect_err("no scratch database");
            loader.close().await;
            let reached = super::reached(server);
            let properties =
                DatabaseProperties { encoding: "latin1".into(), collate: "latin1_bin".into(), ..DatabaseProperties::default() };
            let scratch = reached.scratch(Purpose::Rehearsal, &properties, &choices).await.expect("a scratch database");
            let name = scratch.name().to_owned();
            let mut loader = reached.loader(&name, &LoadSettings::default()).await.expect("a session");
            for _ in 0..2 {
                let failed = loader.attempt(&these, &choices, Trial::TakenBack).await.expect("a trial");
                assert_eq!(failed.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1], "{failed:?}");
                let collation = format!("select default_collation_name from information_schema.schemata where schema_name = '{name}'");
                assert_eq!(server.sql("", &collation), "latin1_bin");
            }
            assert!(reached.sweep_scratches(Purpose::Rehearsal).await.expect("a sweep").dropped.iter().all(|dropped| *dropped != name));
            loader.close().await;
            scratch.remove().await.expect("it is dropped");
            server.sql("", "create database _dbbackup_rehearsal_0123abcd; create database _dbbackup_rehearsal_mine");
            assert!(
                reached
                    .sweep_scratches(Purpose::Rehearsal)
                    .await
                    .expect("a sweep")
                    .dropped
                    .contains(&"_dbbackup_rehearsal_0123abcd".to_owned())
            );
            assert!(reached.has_database("_dbbackup_rehearsal_mine").await.unwrap_or(true));
        });
        assert_eq!(server.sql("", "show databases like '\\_dbbackup\\_rehearsal\\_%'"), "_dbbackup_rehearsal_mine");
        server.sql("", "drop database _dbbackup_rehearsal_mine");
    }
}
