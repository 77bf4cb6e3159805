//! Rows that are loaded: of any size, all of them or none.

use super::{first, root};
use crate::support::mysql::{Kind, server};
use bytes::Bytes;
use dbbackup::domain::{Code, Fault};
use dbbackup::server::mysql::connect::Session;
use dbbackup::server::mysql::session::LoadError;
use dbbackup::server::{Answer, RowSource};
use std::collections::VecDeque;

/// Pieces that were made before, and what comes after them.
struct Pieces(VecDeque<Bytes>, Option<Fault>);

impl RowSource for Pieces {
    fn next(&mut self) -> Answer<'_, Option<Bytes>> {
        let next = match (self.0.pop_front(), self.1.take()) {
            (Some(piece), fault) => {
                self.1 = fault;
                Ok(Some(piece))
            }
            (None, Some(fault)) => Err(fault),
            (None, None) => Ok(None),
        };
        Box::pin(std::future::ready(next))
    }
}

const LOAD: &str = "LOAD DATA LOCAL INFILE 'rows' INTO TABLE t CHARACTER SET binary FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' \
                    LINES TERMINATED BY '\\n' (id, v)";

async fn table(session: &mut Session, name: &str) {
    session.run(&format!("use {name}; create table t (id int primary key, v longblob)")).await.expect("a table");
}

#[tokio::test]
async fn values_of_every_size_go_there_and_come_back() {
    for kind in Kind::ALL {
        let name = server(kind).database("sizes");
        let mut session = root(server(kind)).await;
        table(&mut session, &name).await;
        // A row's packet holds a value and its length: 5 bytes for the number and the length before it make these exactly 2^24 - 2 bytes, …
        let full = (1 << 24) - 1;
        let lengths = [0, 250, 251, 65_536, full - 2 - 4 - 1, full - 2 - 4, full - 2 - 4 + 1, 40_000_000];
        let pieces = lengths.iter().enumerate().flat_map(|(at, length)| {
            [Bytes::from(format!("{at}\t")), Bytes::new(), Bytes::from(vec![b'a' + at as u8; *length]), Bytes::from_static(b"\n")]
        });
        let done = session.load(LOAD, &mut Pieces(pieces.collect(), None)).await.expect("loaded");
        assert_eq!((done.affected, done.warnings), (lengths.len() as u64, 0), "{}", done.info);
        let mut rows = session.stream("select id, v from t order by id").await.expect("rows");
        for (at, length) in lengths.iter().enumerate() {
            let row = rows.next().await.expect("a row").expect("one more");
            let mut values = row.iter();
            assert_eq!(values.next(), Some(Some(at.to_string().as_bytes())));
            let value = values.next().expect("a value").expect("no null");
            assert!(value.len() == *length && value.iter().all(|byte| *byte == b'a' + at as u8), "row {at}");
            assert_eq!(values.next(), None);
        }
        assert!(rows.next().await.expect("the end").is_none());
        session.close().await;
    }
}

#[tokio::test]
async fn rows_whose_source_fails_leave_nothing() {
    for kind in Kind::ALL {
        let name = server(kind).database("broken");
        let mut session = root(server(kind)).await;
        let id = session.id();
        table(&mut session, &name).await;
        let rows: String = (0..200_000).map(|id| format!("{id}\tvalue\n")).collect();
        let fault = Fault::new(Code::CorruptedBackup, "a piece is damaged");
        let mut source = Pieces([Bytes::from(rows)].into(), Some(fault));
        match session.load(LOAD, &mut source).await {
            Err(LoadError::Source(fault)) => assert_eq!(fault.code, Code::CorruptedBackup),
            other => panic!("{other:?}"),
        }
        assert!(session.query("select 1").await.is_err(), "the session is gone");
        let mut other = root(server(kind)).await;
        // The server ends what it was told to end when it looks up from its work.
        let there = format!("select count(*) from information_schema.processlist where id = {id}");
        while first(&mut other, &there).await != "0" {
            tokio::task::yield_now().await;
        }
        assert_eq!(first(&mut other, &format!("select count(*) from {name}.t")).await, "0");
        other.close().await;
    }
}

#[tokio::test]
async fn a_row_that_is_refused_takes_the_others_with_it_and_the_session_goes_on() {
    for kind in Kind::ALL {
        let name = server(kind).database("refused");
        let mut session = root(server(kind)).await;
        table(&mut session, &name).await;
        let rows: String = (0..100_000).chain([7]).map(|id| format!("{id}\tvalue\n")).collect();
        // What breaks a key or a rule is only warned of in a LOAD DATA LOCAL; what a trigger refuses ends it.
        let trigger = "create trigger no before insert on t for each row if new.id = 99000 then signal sqlstate '45000'; end if";
        session.run(trigger).await.expect("a trigger");
        let refused = session.load(LOAD, &mut Pieces([Bytes::from(rows)].into(), None)).await.expect_err("a trigger that refuses");
        let LoadError::Server(error) = refused else { panic!("{refused:?}") };
        assert_eq!(error.number(), Some(1644), "{error:?}");
        assert_eq!(first(&mut session, "select count(*) from t").await, "0");
        let answer = session.load("select 1", &mut Pieces(VecDeque::new(), None)).await;
        assert!(matches!(answer, Err(LoadError::Server(_))), "nothing was asked for: {answer:?}");
        // Nobody gets a file by asking where none was offered.
        let mut session = root(server(kind)).await;
        let asked = session.run(&LOAD.replace(" t ", &format!(" {name}.t "))).await.expect_err("no file");
        assert!(asked.to_string().contains("asks for a file"), "{asked}");
    }
}
