//! The monitor of locks, and the ending of sessions that are in the way.

use super::locks::{client, until_waiting};
use super::{connection, postgres, reached, run};
use crate::support::postgres::{VERSIONS, server};
use dbbackup::domain::wait::{Blocker, Ending, Wait};
use dbbackup::domain::{Code, Connection, Fault};
use dbbackup::server::{Monitor, Server};
use std::time::Duration;

/// Far longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(30);

/// Looks until there is a wait.
async fn first(monitor: &mut dyn Monitor) -> Wait {
    let look = async {
        loop {
            if let Some(wait) = monitor.waits().await.expect("a look").into_iter().next() {
                return wait;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, look).await.expect("a wait that is seen")
}

#[test]
fn a_wait_of_ours_is_seen_with_its_tree_and_others_are_not() {
    for major in VERSIONS {
        let server = server(major);
        let database = server.database("watched");
        server.sql(&database, "create schema \"Odd\"; create table \"Odd\".\"Tab\u{1b}le\" (i int)");
        run(async {
            let here = postgres(server);
            let mut monitor = here.monitor().await.expect("a monitor").expect("PostgreSQL has one");
            assert_eq!(monitor.waits().await.expect("a look"), []);
            let holder = client(server, &database).await;
            holder.batch_execute("begin; lock table \"Odd\".\"Tab\u{1b}le\"").await.expect("a lock");
            let stranger = client(server, &database).await;
            let strange = tokio::spawn(async move { stranger.batch_execute("begin; lock table \"Odd\".\"Tab\u{1b}le\"; commit").await });
            until_waiting(server, &database, "somebody", 1).await;
            // Another connector's sessions are not this one's, though they have the same name.
            let other = postgres(server);
            let opened = [here, other].map(|server| {
                let database = database.clone();
                tokio::spawn(async move { server.snapshot(&database).await.map(drop) })
            });
            until_waiting(server, &database, "dbbackup", 2).await;
            let wait = first(monitor.as_mut()).await;
            assert_eq!(monitor.waits().await.expect("a look").len(), 1);
            assert_eq!((wait.object.as_str(), wait.mode.as_str()), ("\"Odd\".\"Tab\\x1ble\"", "ACCESS SHARE"));
            assert!(wait.waited_ms >= 900 && wait.limit_ms == 60_000, "{wait:?}");
            let roots: Vec<&Blocker> = wait.roots().collect();
            assert!(
                !roots.is_empty() && roots.iter().all(|root| root.client == "local" && root.user == "postgres" && !root.ours),
                "{wait:?}"
            );
            assert!(wait.lines().iter().all(|line| !line.contains('\u{1b}')));
            holder.batch_execute("commit").await.expect("a commit");
            for opened in opened {
                opened.await.expect("no panic").expect("a snapshot");
            }
            strange.await.expect("no panic").expect("a lock, for a moment");
            assert_eq!(monitor.waits().await.expect("a look"), []);
            monitor.close().await;
        });
    }
}

#[test]
fn a_prepared_transaction_in_the_way_is_named() {
    let server = server(17);
    let database = server.database("prepared");
    server.sql(&database, "create table t (i int)");
    server.sql(&database, "begin; lock table t; prepare transaction 'left behind'");
    run(async {
        let here = postgres(server);
        let mut monitor = here.monitor().await.expect("a monitor").expect("PostgreSQL has one");
        let mut opened = tokio::spawn({
            let database = database.clone();
            async move { here.snapshot(&database).await.map(drop) }
        });
        let wait = tokio::select! {
            wait = first(monitor.as_mut()) => wait,
            opened = &mut opened => panic!("the lock was not held: {:?}", opened.expect("no panic")),
        };
        let root = wait.roots().next().expect("a root");
        assert!(root.pid == 0 && root.statement.contains("'left behind' of postgres"), "{root:?}");
        assert!(root.untouchable().is_some());
        server.sql(&database, "rollback prepared 'left behind'");
        opened.await.expect("no panic").expect("a snapshot");
    });
}

#[test]
fn only_a_stranger_who_is_still_there_is_ended_and_only_by_who_may() {
    let server = server(15);
    let database = server.database("ended");
    let (weak, strong) = (server.role("weak"), server.role("strong"));
    server.sql("postgres", &format!("alter role {weak} login; alter role {strong} login"));
    server.sql("postgres", &format!("grant pg_signal_backend to {strong}"));
    let victim_role = server.role("victim");
    server.sql("postgres", &format!("alter role {victim_role} login"));
    run(async {
        let victim = client_of(server, &database, &victim_role).await;
        let row = victim
            .query_one(
                "select pid, (extract(epoch from backend_start) * 1000)::int8 from pg_stat_activity where pid = pg_backend_pid()",
                &[],
            )
            .await
            .expect("who it is");
        let blocker = Blocker { pid: row.get(0), since: dbbackup::domain::Stamp(row.get(1)), ..Blocker::default() };
        let end = async |user: &str, blocker: &Blocker, ending: Ending| {
            let here = reached(server, Connection { user: user.into(), ..connection(server) }, None);
            here.end_session(blocker, ending).await
        };
        let fault = end(&weak, &blocker, Ending::Terminate).await.expect_err("no right to");
        assert!(fault.code == Code::PermissionDenied && says(&fault, "GRANT pg_signal_backend"), "{}", fault.render("x"));
        let another = Blocker { since: dbbackup::domain::Stamp(blocker.since.0 - 1), ..blocker.clone() };
        assert_eq!(end("postgres", &another, Ending::Terminate).await.expect_err("another session").code, Code::Conflict);
        let ours = Blocker { ours: true, ..blocker.clone() };
        assert!(says(&end("postgres", &ours, Ending::Cancel).await.expect_err("ours"), "cancel that job instead"));
        victim.batch_execute("begin").await.expect("nothing has ended it");
        end(&strong, &blocker, Ending::Cancel).await.expect("it may");
        victim.batch_execute("commit").await.expect("an idle session stays");
        end(&strong, &blocker, Ending::Terminate).await.expect("it may");
        let gone = async { while victim.batch_execute("select 1").await.is_ok() {} };
        tokio::time::timeout(LIMIT, gone).await.expect("it is ended");
    });
}

fn says(fault: &Fault, words: &str) -> bool {
    fault.render("Failed").contains(words)
}

async fn client_of(server: &crate::support::postgres::Postgres, database: &str, user: &str) -> tokio_postgres::Client {
    let mut config = tokio_postgres::Config::new();
    config.host_path(&server.socket).port(server.port).user(user).dbname(database);
    let (client, wire) = config.connect(tokio_postgres::NoTls).await.expect("a session");
    tokio::spawn(wire);
    client
}
