//! What the server is asked about itself and about others: waits, ways, binary logs.

use super::{connector, root};
use crate::support::mysql::{Kind, server};
use dbbackup::domain::diagnosis::HopStep;
use dbbackup::domain::wait::{Ending, Wait};
use dbbackup::domain::{Code, Connection};
use dbbackup::server::Server;
use dbbackup::server::mysql::Mysql;
use dbbackup::server::mysql::session::{Binlog, Until};
use secrecy::SecretString;
use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

fn product(connection: Connection) -> Mysql {
    Mysql::new(connection, Some(SecretString::from(""))).expect("a server")
}

#[tokio::test]
async fn a_wait_is_seen_and_who_is_in_the_way_is_ended_on_request() {
    for kind in Kind::ALL {
        let name = server(kind).database("waits");
        // A program of somebody else's. Whoever is in a database that is dropped is ended without being asked for.
        let mut other = server(kind).client("").arg("--unbuffered").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a client");
        let mut says = other.stdin.take().expect("its input");
        let sql = format!(
            "create table {name}.t (id int primary key); insert into {name}.t values (1); begin; select * from {name}.t; \
             select connection_id();\n"
        );
        says.write_all(sql.as_bytes()).expect("it listens");
        let mut told = BufReader::new(other.stdout.take().expect("its output")).lines().map(|line| line.expect("a line"));
        assert_eq!(told.next().as_deref(), Some("1"));
        let id: u64 = told.next().expect("its number").parse().expect("a number");
        let product = product(server(kind).local("root"));
        let mut monitor = product.monitor().await.expect("a monitor").expect("this product has one");
        assert_eq!(monitor.waits().await.expect("a look"), []);
        let (dropped, wait) = tokio::join!(product.drop_database(&name), async {
            let began = Instant::now();
            let wait: Wait = loop {
                if let Some(wait) = monitor.waits().await.expect("a look").pop() {
                    break wait;
                }
                assert!(began.elapsed() < Duration::from_secs(20), "nobody waits");
                tokio::time::sleep(Duration::from_millis(100)).await;
            };
            match wait.blockers.first() {
                Some(blocker) => product.end_session(blocker, Ending::Terminate).await.expect("it may"),
                None => says.write_all(b"commit;\n").expect("it listens"),
            }
            wait
        });
        dropped.expect("nobody is in the way any more");
        assert!(wait.statement.to_uppercase().starts_with("DROP DATABASE") && wait.waited_ms >= 900 && wait.limit_ms == 60_000, "{wait:?}");
        match kind {
            Kind::Mysql => {
                assert_eq!((wait.object.as_str(), wait.blockers.len()), (format!("{name}.t").as_str(), 1), "{wait:?}");
                let blocker = &wait.blockers[0];
                assert_eq!((u64::try_from(blocker.pid), blocker.user.as_str()), (Ok(id), "root"));
                assert_eq!(product.end_session(blocker, Ending::Terminate).await.expect_err("it is gone").code, Code::Conflict);
            }
            // Without its performance schema, which is off by default, this one says that something is waited for, and nothing more.
            Kind::Mariadb => assert!(wait.blockers.is_empty() && wait.object.starts_with("the definition of a "), "{wait:?}"),
        }
        monitor.close().await;
        drop(says);
        other.wait().expect("its end");
    }
}

#[tokio::test]
async fn the_way_and_the_state_are_told_step_by_step() {
    for kind in Kind::ALL {
        let server = server(kind);
        let name = server.database("state");
        let mut holder = root(server).await;
        holder
            .run(&format!("use {name}; create table t (id int primary key); insert into t values (1); begin; update t set id = 2"))
            .await
            .expect("a lock");
        let mut waiting = root(server).await;
        let update = format!("update {name}.t set id = 3");
        let facts = tokio::select! {
            done = waiting.run(&update) => panic!("it waits: {done:?}"),
            facts = async {
                let product = product(server.connection("root"));
                let began = Instant::now();
                loop {
                    let facts = product.examine(Duration::from_secs(10)).await;
                    if facts.waits.known().expect("waits").iter().any(|wait| wait.statement == update) {
                        break facts;
                    }
                    assert!(began.elapsed() < Duration::from_secs(20), "nobody waits");
                    // InnoDB's lists stay as they are for whoever looks more often than this.
                    tokio::time::sleep(Duration::from_millis(150)).await;
                }
            } => facts,
        };
        let steps: Vec<_> = facts.reach.iter().map(|hop| (hop.step, hop.outcome.known().is_some())).collect();
        assert_eq!(steps, [(HopStep::Resolve, true), (HopStep::Connect, true), (HopStep::Tls, true), (HopStep::Login, true)], "{facts:?}");
        let about = facts.about.known().expect("what it says of itself");
        assert!(about.version.contains('.') && about.superuser && !about.in_recovery && about.started <= about.now, "{about:?}");
        assert!(*facts.connections.known().expect("connections") > 1 && facts.wal.known().expect("its logs").0 > 0);
        assert!(facts.locks().is_none() && facts.broken().is_none());
        let waits = facts.waits.known().expect("waits");
        let wait = waits.iter().find(|wait| wait.statement == update).expect("the wait");
        assert_eq!((wait.object.as_str(), wait.blockers.len()), (format!("a row of {name}.t").as_str(), 1), "{wait:?}");
        assert_eq!(u64::try_from(wait.blockers[0].pid), Ok(holder.id()));
        assert_eq!((wait.blockers[0].state.as_str(), wait.blockers[0].is_root()), ("idle in transaction", true));
        holder.close().await;

        let facts = product(Connection { user: "nobody".into(), ..server.connection("root") }).examine(Duration::from_secs(10)).await;
        let broken = facts.broken().expect("no login");
        assert_eq!((broken.step, broken.code, broken.sqlstate.as_deref()), (HopStep::Login, Some(Code::AuthFailed), Some("28000")));
        let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = silent.local_addr().expect("an address").port();
        let facts = product(Connection { port, ..server.connection("root") }).examine(Duration::from_millis(300)).await;
        assert_eq!(facts.broken().expect("no login").code, Some(Code::ConnectTimeout));
    }
}

#[tokio::test]
async fn binary_logs_arrive_byte_for_byte() {
    for kind in Kind::ALL {
        let server = server(kind);
        let name = server.database("logged");
        server.sql(&name, "create table t (id int primary key, v longtext); insert into t values (1, repeat('x', 100000)), (2, 'y')");
        let mut session = root(server).await;
        let file = session.query("show binary logs").await.expect("logs").last().expect("one").owned(0);
        let wanted = Binlog { file: &file, offset: 4, server_id: 0, until: Until::Now, heartbeat: Duration::from_secs(1) };
        let mut events = session.binlog(&wanted).await.expect("events");
        let mut got: Vec<Vec<u8>> = Vec::new();
        while let Some(event) = events.next().await.expect("an event") {
            // What the server makes up for a replica is in no file, and says so by the place of its end.
            if event[13..17] != [0; 4] {
                got.push(event.to_vec());
            }
        }
        assert!(session.query("select 1").await.is_err(), "the server closes the session behind the last event");
        let on_disk = std::fs::read(server.data.join(&file)).expect("the file");
        // The first event of a file that is still written says so, and is told to replicas without.
        let (described, rest) = got.split_first().expect("a description");
        let from = 4 + described.len();
        let rest = rest.concat();
        assert!(rest.len() > 100_000 && on_disk.get(from..from + rest.len()) == Some(&rest[..]), "{} of {}", rest.len(), on_disk.len());

        // From then on: a change that is made later arrives while it is waited for.
        let other = connector(server.local("root"), "");
        let mut session = other.session(None).await.expect("a session");
        let wanted = Binlog { server_id: 4_000_000_001, until: Until::Ever, ..wanted };
        let mut events = session.binlog(&wanted).await.expect("events");
        server.sql(&name, "insert into t values (3, 'the last word of all')");
        loop {
            let event = events.next().await.expect("an event").expect("there is no end");
            if event.windows(20).any(|part| part == b"the last word of all") {
                break;
            }
        }
        drop(session);
        other.settled().await;
    }
}
