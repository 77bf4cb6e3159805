//! Backups beside sessions that change tables: whoever queues for an exclusive lock stops nobody, and nothing is lost silently.

use super::{connection, reached, run, tcp};
use crate::support::postgres::{Postgres as TestServer, VERSIONS, server};
use crate::support::proxy::Proxy;
use dbbackup::domain::connection::SslMode;
use dbbackup::domain::schema::Table;
use dbbackup::domain::{Code, Connection, Fault};
use dbbackup::server::{Answer, ChunkSink, Rows, Server, Snapshot};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Far longer than anything here takes: what lasts this long is a deadlock.
const LIMIT: Duration = Duration::from_secs(30);

/// A client of its own.
pub async fn client(server: &TestServer, database: &str) -> tokio_postgres::Client {
    let mut config = tokio_postgres::Config::new();
    config.host_path(&server.socket).port(server.port).user("postgres").dbname(database).application_name("somebody");
    let (client, wire) = config.connect(tokio_postgres::NoTls).await.expect("a session");
    tokio::spawn(wire);
    client
}

/// Runs a statement in a session of its own, in the background.
pub fn in_background(server: &'static TestServer, database: &str, sql: &'static str) -> JoinHandle<()> {
    let database = database.to_owned();
    tokio::spawn(async move { client(server, &database).await.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error}")) })
}

/// Waits until so many sessions in a database wait for locks, by the start of their `application_name`.
pub async fn until_waiting(server: &TestServer, database: &str, application: &str, count: i64) {
    let client = client(server, "postgres").await;
    let sql = "select count(*) from pg_stat_activity where datname = $1 and application_name like $2 || '%' and wait_event_type = 'Lock'";
    let look = async {
        while client.query_one(sql, &[&database, &application]).await.expect("a look").get::<_, i64>(0) != count {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LIMIT, look).await.unwrap_or_else(|_| panic!("never saw {count} sessions of {application} wait in {database}"));
}

/// Counts rows.
#[derive(Default)]
struct Count(u64);

impl ChunkSink for Count {
    fn buffer(&mut self, _: usize) -> Answer<'_, Vec<u8>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn chunk(&mut self, rows: Rows) -> Answer<'_, ()> {
        self.0 += rows.count;
        Box::pin(async { Ok(()) })
    }
}

async fn count(snapshot: &dyn Snapshot, table: &Table) -> u64 {
    let mut reader = snapshot.reader().await.expect("a reader");
    let mut rows = Count::default();
    reader.read(table, None, 10_000, &mut rows).await.unwrap_or_else(|fault| panic!("{}", fault.render("Backup failed")));
    reader.close().await;
    rows.0
}

/// A server whose sessions wait for ever for a lock.
fn patient(server: &TestServer) -> impl Server + 'static {
    reached(server, Connection { lock_timeout: 0, ..connection(server) }, None)
}

fn says(fault: &Fault, words: &str) -> bool {
    fault.render("Backup failed").contains(words)
}

#[test]
fn readers_read_though_others_are_queued_to_change_their_tables() {
    for major in VERSIONS {
        let server = server(major);
        let database = server.database("queued");
        let names = ["altered", "truncated", "dropped", "rewritten", "left_alone"];
        for name in names {
            server.sql(&database, &format!("create table {name} as select i, repeat('x', 50) as x from generate_series(1, 3000) i"));
        }
        let work = async {
            let snapshot: Arc<dyn Snapshot> = Arc::from(patient(server).snapshot(&database).await.expect("a snapshot"));
            let tables = snapshot.contents().await.expect("the contents").tables;
            let changes: Vec<_> =
                ["alter table altered add column y int", "truncate truncated", "drop table dropped", "vacuum full rewritten"]
                    .map(|sql| in_background(server, &database, sql))
                    .into();
            until_waiting(server, &database, "somebody", 4).await;
            let reading: Vec<_> = tables
                .into_iter()
                .map(|table| {
                    let snapshot = snapshot.clone();
                    tokio::spawn(async move { (table.name.name.clone(), count(&*snapshot, &table).await) })
                })
                .collect();
            let mut read = 0;
            for reading in reading {
                let (name, rows) = reading.await.expect("a reader");
                assert_eq!(rows, 3000, "{name}");
                read += 1;
            }
            assert_eq!(read, names.len());
            drop(snapshot);
            for change in changes {
                change.await.expect("the change gets through afterwards");
            }
        };
        run(async { tokio::time::timeout(LIMIT, work).await.expect("no deadlock") });
        assert_eq!(server.sql(&database, "select count(*) from truncated"), "0");
        assert_eq!(server.sql(&database, "select to_regclass('dropped') is null"), "t");
    }
}

#[test]
fn who_is_queued_before_pg_dump_does_not_hang_the_backup() {
    let server = server(17);
    let database = server.database("before_dump");
    server.sql(&database, "create table t as select i from generate_series(1, 100) i");
    run(async {
        let snapshot = patient(server).snapshot(&database).await.expect("a snapshot");
        let change = in_background(server, &database, "truncate t");
        until_waiting(server, &database, "somebody", 1).await;
        let fault = tokio::time::timeout(LIMIT, snapshot.contents()).await.expect("no deadlock").expect_err("a conflict");
        assert_eq!(fault.code, Code::Conflict, "{fault}");
        assert!(says(&fault, "somebody") && says(&fault, "truncate t"), "{}", fault.render("Backup failed"));
        snapshot.release().await;
        change.await.expect("the change gets through");
        let gone = "select count(*) from pg_stat_activity where application_name like 'dbbackup: pg_dump%' and datname = '";
        let left = server.sql("postgres", &format!("{gone}{database}'"));
        assert_eq!(left, "0", "no session of pg_dump is left in the queue");
    });
}

#[test]
fn a_table_emptied_between_snapshot_and_lock_is_never_taken_for_empty() {
    for major in VERSIONS {
        let server = server(major);
        let database = server.database("emptied");
        server.sql(&database, "create table t as select i from generate_series(1, 100) i; create table log (what text)");
        run(async {
            let change = client(server, &database).await;
            change.batch_execute("begin; truncate t; insert into log values ('t is emptied')").await.expect("an open transaction");
            let here = patient(server);
            let opened = tokio::spawn({
                let database = database.clone();
                async move { here.snapshot(&database).await }
            });
            until_waiting(server, &database, "dbbackup", 1).await;
            change.batch_execute("commit").await.expect("a commit");
            let snapshot = tokio::time::timeout(LIMIT, opened).await.expect("in time").expect("no panic").expect("a later snapshot");
            let tables = snapshot.contents().await.expect("the contents").tables;
            let of = |name: &str| tables.iter().find(|table| table.name.name == name).expect("the table").clone();
            // The first snapshot saw neither the commit nor its rows: it would have had both tables empty.
            assert_eq!((count(&*snapshot, &of("t")).await, count(&*snapshot, &of("log")).await), (0, 1));
            snapshot.release().await;
        });
    }
}

#[test]
fn no_application_that_locks_in_another_order_meets_a_deadlock() {
    for major in VERSIONS {
        let server = server(major);
        let database = server.database("order");
        server.sql(&database, "create table a as select 1 as i; create table b as select 1 as i; create table c as select 1 as i");
        run(async {
            let change = client(server, &database).await;
            change.batch_execute("begin; truncate b").await.expect("an open transaction");
            let here = patient(server);
            let opened = tokio::spawn({
                let database = database.clone();
                async move { here.snapshot(&database).await }
            });
            until_waiting(server, &database, "dbbackup", 1).await;
            // A backup that waits with the lock of another table in its hands would be waited for here.
            change
                .batch_execute("set local lock_timeout = '100ms'; truncate a; truncate c; insert into a values (2); commit")
                .await
                .expect("free");
            let snapshot = tokio::time::timeout(LIMIT, opened).await.expect("in time").expect("no panic").expect("a snapshot");
            let tables = snapshot.contents().await.expect("the contents").tables;
            let mut rows = Vec::new();
            for table in &tables {
                rows.push(count(&*snapshot, table).await);
            }
            assert_eq!(rows, [1, 0, 0]);
            snapshot.release().await;
        });
    }
}

#[test]
fn a_table_that_changes_all_the_time_fails_the_backup_and_is_named() {
    let server = server(17);
    for (stem, change) in [
        ("truncates", "truncate t"),
        ("rewrites", "alter table t alter i type int using i + 1"),
        ("drops", "begin; drop table t; create table t (i int); commit"),
        ("swaps", "begin; alter table b rename to x; alter table t rename to b; alter table x rename to t; commit"),
    ] {
        let database = server.database(stem);
        server.sql(&database, "create table t as select i from generate_series(1, 100) i; create table b (i int)");
        // Every attempt meets a change, exactly between its snapshot and its lock.
        let (proxy, mut knocks) = Proxy::gated(server.port, "LOCK TABLE");
        let here = reached(server, Connection { port: proxy.port, ..tcp(server, "postgres", SslMode::Disable) }, None);
        let work = async {
            let client = client(server, &database).await;
            let mut opened = tokio::spawn({
                let database = database.clone();
                async move { here.snapshot(&database).await.map(drop) }
            });
            let mut attempts = 0;
            loop {
                tokio::select! {
                    fault = &mut opened => break (fault.expect("no panic"), attempts),
                    open = knocks.recv() => {
                        client.batch_execute(change).await.expect("a change");
                        attempts += 1;
                        open.expect("the proxy lives").send(()).expect("the attempt waits");
                    }
                }
            }
        };
        let (outcome, attempts) = run(async { tokio::time::timeout(LIMIT, work).await.expect("in time") });
        let fault = outcome.expect_err("a failure");
        assert!(attempts > 1, "{stem}: it is tried again");
        assert_eq!(fault.code, Code::Conflict, "{stem}: {fault}");
        assert!(says(&fault, "Run this again"), "{stem}: {}", fault.render("Backup failed"));
    }
}

#[test]
fn a_lock_timeout_of_role_or_database_does_not_hurt() {
    let server = server(15);
    let database = server.database("impatient");
    let role = server.role("impatient");
    server.sql(&database, "create table t as select 1 as i");
    server.sql("postgres", &format!("alter role {role} superuser login; alter role {role} set lock_timeout = '1ms'"));
    server.sql("postgres", &format!("alter database \"{database}\" set lock_timeout = '1ms'"));
    run(async {
        let change = client(server, &database).await;
        change.batch_execute("begin; lock table t in access exclusive mode").await.expect("a lock");
        let here = reached(server, Connection { user: role.clone(), ..connection(server) }, None);
        let opened = tokio::spawn({
            let database = database.clone();
            async move {
                let snapshot = here.snapshot(&database).await?;
                let contents = snapshot.contents().await?;
                Ok::<_, Fault>(count(&*snapshot, &contents.tables[0]).await)
            }
        });
        until_waiting(server, &database, "dbbackup", 1).await;
        change.batch_execute("commit").await.expect("a commit");
        assert_eq!(opened.await.expect("no panic").expect("all of it"), 1);
    });
}
