//! A server that is killed while it is written to: what the ledger says is there, and what a restart empties is known.

use super::{Kind, TestServer, head, object, of_run, pieces, run, table};
use dbbackup::domain::schema::{SchemaObject, Table, TableName};
use dbbackup::server::{Claim, Continuity, LoadMode, Mark, Opened, Step, TargetChoices};

#[test]
fn what_the_ledger_says_is_there_after_a_crash() {
    for kind in Kind::ALL {
        let own = TestServer::start_with(kind, &["--innodb-flush-log-at-trx-commit=1"]);
        let db = own.database("crash");
        own.sql(&db, "create table t (id int primary key); create table m (id int primary key) engine=MEMORY");
        let columns = table("t", &["id"]);
        let memory = Table { engine: Some("MEMORY".into()), ..table("m", &["id"]) };
        let trigger = SchemaObject {
            table: Some(TableName::new("", "m")),
            ..object(4, "TRIGGER", "tr", "CREATE TRIGGER tr BEFORE INSERT ON m FOR EACH ROW SET NEW.id = NEW.id + 1")
        };
        let (one, two, three, made) = ([Mark::Chunk(0, 0)], [Mark::Chunk(0, 1)], [Mark::Chunk(1, 0)], [Mark::Object(4, Step::Whole)]);
        run(async {
            let mut loader = of_run(&own, &db, "run").await;
            loader.open_ledger(&head("run")).await.expect("a ledger");
            loader.load(&columns, LoadMode::Shared, &mut pieces(&[b"1\n2\n"]), Claim::of(&one)).await.expect("rows");
            loader.load(&memory, LoadMode::Alone, &mut pieces(&[b"1\n2\n"]), Claim::of(&three)).await.expect("rows");
            loader.run(&[&trigger], &TargetChoices::default(), Claim::of(&made)).await.expect("a trigger");
            assert_eq!(loader.continuity().await.expect("an answer"), Continuity::Unbroken);
            // The clock that tells has whole seconds.
            tokio::time::sleep(std::time::Duration::from_secs(3)).await;
            let mut source = Killing { server: &own, left: 2 };
            loader.load(&columns, LoadMode::Shared, &mut source, Claim::of(&two)).await.expect_err("the server is gone");
            loader.close().await;
            own.restart_now();
            let mut loader = of_run(&own, &db, "run").await;
            assert_eq!(loader.continuity().await.expect("an answer"), Continuity::Broken, "{kind:?}");
            assert_eq!(loader.drop_ledger().await.expect("an answer"), Continuity::Broken);
            assert_eq!(loader.open_ledger(&head("run")).await.expect("an answer"), Opened::Emptied);
            assert_eq!(loader.unlogged().await.expect("tables"), [TableName::new("", "m")]);
            let marks = [made[0], three[0]];
            loader.take_back(&[&trigger], &marks).await.expect("it is taken back");
            assert_eq!(loader.marks().await.expect("marks"), one);
            assert_eq!(loader.continuity().await.expect("an answer"), Continuity::Unbroken);
            loader.load(&columns, LoadMode::Shared, &mut pieces(&[b"3\n4\n"]), Claim::of(&two)).await.expect("rows");
            loader.load(&memory, LoadMode::Alone, &mut pieces(&[b"1\n2\n"]), Claim::of(&three)).await.expect("rows");
            assert_eq!(loader.drop_ledger().await.expect("an answer"), Continuity::Unbroken);
            loader.close().await;
        });
        assert_eq!(own.sql(&db, "select group_concat(id) from t; select group_concat(id) from m"), "1,2,3,4\n1,2");
    }
}

/// Kills the server between two pieces of rows.
struct Killing<'a> {
    server: &'a TestServer,
    left: usize,
}

impl dbbackup::server::RowSource for Killing<'_> {
    fn next(&mut self) -> dbbackup::server::Answer<'_, Option<bytes::Bytes>> {
        self.left = self.left.saturating_sub(1);
        let rows: Vec<u8> = (0..200_000).flat_map(|n| format!("{}\n", n + 10).into_bytes()).collect();
        if self.left == 0 {
            self.server.stop_now();
        }
        Box::pin(std::future::ready(Ok(Some(rows.into()))))
    }
}
