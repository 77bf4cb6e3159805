//! The ledger: rows and their marks stay together, and another run's is left alone.

use super::{Kind, head, of_run, open, pieces, run, server, table};
use dbbackup::domain::Code;
use dbbackup::domain::schema::Table;
use dbbackup::server::{Claim, Continuity, LoadMode, Mark, Opened, Server};

#[test]
fn rows_and_their_marks_stay_together() {
    for kind in Kind::ALL {
        let server = server(kind);
        let db = server.database("marks");
        server.sql(&db, "create table t (id int primary key); create table m (id int) engine=MyISAM");
        let columns = table("t", &["id"]);
        let plain = Table { engine: Some("MyISAM".into()), ..table("m", &["id"]) };
        run(async {
            let mut loader = of_run(server, &db, "run").await;
            assert_eq!(loader.open_ledger(&head("run")).await.expect("a ledger"), Opened::Made);
            assert_eq!(loader.open_ledger(&head("run")).await.expect("a ledger"), Opened::Found);
            let mark = [Mark::Chunk(0, 0)];
            let claim = Claim { marks: &mark, rows: Some(2) };
            loader.load(&columns, LoadMode::Alone, &mut pieces(&[b"1\n1\n"]), claim).await.expect_err("a double row");
            assert!(loader.marks().await.expect("marks").is_empty());
            loader.load(&columns, LoadMode::Alone, &mut pieces(&[b"1\n2\n"]), claim).await.expect("rows");
            for mode in [LoadMode::Shared, LoadMode::Alone] {
                let fault = loader.load(&columns, mode, &mut pieces(&[b"3\n4\n"]), claim).await.expect_err("done already");
                assert_eq!(fault.code, Code::Conflict, "{fault:?}");
            }
            let mark = [Mark::Chunk(1, 0)];
            let claim = Claim { marks: &mark, rows: Some(2) };
            loader.load(&plain, LoadMode::Alone, &mut pieces(&[b"1\n2\n"]), claim).await.expect("rows");
            let fault = loader.load(&plain, LoadMode::Alone, &mut pieces(&[b"1\n2\n"]), claim).await.expect_err("done already");
            assert_eq!(fault.code, Code::Conflict, "{fault:?}");
            // A load into a table of theirs that was begun and not ended cannot be gone on with.
            server.sql(&db, "insert into _dbbackup_ledger (kind, a, b, done) values ('chunk', 1, 1, 0)");
            let mark = [Mark::Chunk(1, 1)];
            let fault = loader.load(&plain, LoadMode::Shared, &mut pieces(&[b"3\n"]), Claim::of(&mark)).await.expect_err("undecided");
            assert_eq!(fault.code, Code::TargetNotEmpty, "{fault:?}");
            let mut marks = loader.marks().await.expect("marks");
            marks.sort_unstable();
            assert_eq!(marks, [Mark::Chunk(0, 0), Mark::Chunk(1, 0)]);
            assert_eq!(loader.seal().await.expect("a seal"), Continuity::Unbroken);
            loader.close().await;
            let found = super::reached(server).ledger(&db).await.expect("an answer");
            assert_eq!(found, Some(head("run")));
            let mut other = of_run(server, &db, "other").await;
            assert_eq!(other.open_ledger(&head("other")).await.expect("an answer"), Opened::Foreign(head("run")));
            assert_eq!(other.drop_ledger().await.expect("its end"), Continuity::Unbroken);
            other.close().await;
            assert_eq!(super::reached(server).ledger(&db).await.expect("an answer"), None);
        });
        assert_eq!(server.sql(&db, "select group_concat(id) from t; select group_concat(id) from m"), "1,2\n1,2");
    }
}

#[test]
fn sessions_of_the_same_run_are_found_and_ended() {
    for kind in Kind::ALL {
        let server = server(kind);
        let (db, elsewhere) = (server.database("ended"), server.database("ended"));
        server.sql(&db, "create table t (id int primary key)");
        run(async {
            let mut others = Vec::new();
            for _ in 0..3 {
                others.push(of_run(server, &db, "run").await);
            }
            let mut same_run = of_run(server, &elsewhere, "run").await;
            let mut other_run = of_run(server, &db, "another").await;
            let mut plain = open(server, &db).await;
            let mut loader = of_run(server, &db, "run").await;
            assert_eq!(loader.end_others().await.expect("an end"), 3);
            assert_eq!(loader.end_others().await.expect("an end"), 0);
            for mut gone in others {
                gone.unlogged().await.expect_err("its session was ended");
            }
            for left in [&mut same_run, &mut other_run, &mut plain, &mut loader] {
                left.unlogged().await.expect("it is none of those");
            }
        });
    }
}

#[test]
fn who_may_not_make_a_table_has_no_ledger() {
    for kind in Kind::ALL {
        let server = server(kind);
        let db = server.database("refused");
        let user = server.login(server.plugins()[0], "secret");
        server.sql(&db, &format!("grant select, insert on {db}.* to {user}@'%'"));
        run(async {
            let reached = dbbackup::server::mysql::Mysql::new(server.connection(&user), Some("secret".into())).expect("a way");
            let mut loader = reached.loader(&db, &Default::default()).await.expect("a session");
            let opened = loader.open_ledger(&head("run")).await.expect("an answer");
            assert!(matches!(opened, Opened::Refused(_)), "{opened:?}");
            loader.close().await;
        });
    }
}
