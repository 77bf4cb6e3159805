//! One moment over several sessions, while others write, and what becomes of it without the rights to hold it.

use super::{chunks, lines, mysql, run, table};
use crate::support::mysql::{Kind, Mysql, server};
use dbbackup::domain::Code;
use dbbackup::server::{Server as _, View};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Moves money between two databases all the time, until it is dropped.
struct Transfers {
    clients: Vec<std::process::Child>,
}

impl Transfers {
    fn between(server: &Mysql, from: &str, to: &str) -> Self {
        let clients = (0..2).map(|n| {
            let mut child = server.client("").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the stock client");
            let mut pipe = child.stdin.take().expect("a pipe");
            let sql = format!(
                "begin; update {from}.a{n} set money = money - 1 where id = 1; update {to}.a{n} set money = money + 1 where id = 1; commit;\n"
            );
            std::thread::spawn(move || {
                use std::io::Write as _;
                while pipe.write_all(sql.as_bytes()).is_ok() {}
            });
            child
        });
        Self { clients: clients.collect() }
    }
}

impl Drop for Transfers {
    fn drop(&mut self) {
        for client in &mut self.clients {
            let _ = client.kill();
            let _ = client.wait();
        }
    }
}

fn accounts(server: &Mysql) -> [String; 2] {
    ["left", "right"].map(|stem| {
        let database = server.database(stem);
        server.sql(&database, "create table a0 (id int primary key, money int); create table a1 like a0; insert into a0 values (1, 5000); insert into a1 values (1, 5000)");
        database
    })
}

/// All money, each account read through a session of its own.
async fn money(view: &dyn View, databases: &[String]) -> i64 {
    let mut sum = 0;
    let mut kept = Vec::new();
    for database in databases {
        let snapshot = view.snapshot(database).await.expect("a snapshot");
        for name in ["a0", "a1"] {
            let account = table(&*snapshot, name).await;
            // Sessions are taken in turn: what was read stays with its reader until the end.
            let row = lines(&chunks(&*snapshot, &account, None, 1000).await).remove(0);
            let row = String::from_utf8(row).expect("digits");
            sum += row.split('\t').nth(1).expect("money").parse::<i64>().expect("a number");
        }
        kept.push(snapshot);
    }
    sum
}

async fn view(server: &Mysql, user: &str, databases: &[String]) -> Box<dyn View> {
    let opened = mysql(server, user).view(databases, 4).await;
    opened.unwrap_or_else(|fault| panic!("{}", fault.render("Backup failed"))).expect("such servers have views")
}

#[test]
fn several_sessions_see_one_moment_of_several_databases() {
    for kind in Kind::ALL {
        // Of its own: no test's long statement keeps the lock of the whole server away.
        let server = &Mysql::start_with(kind, &[]);
        let databases = accounts(server);
        let _transfers = Transfers::between(server, &databases[0], &databases[1]);
        run(async {
            for _ in 0..5 {
                let view = view(server, "root", &databases).await;
                assert_eq!(money(&*view, &databases).await, 20_000);
                assert_eq!(money(&*view, &databases).await, 20_000);
                let position = view.position().clone();
                assert!(position.gtid.as_ref().is_some_and(|set| !set.is_empty()), "{position:?}");
                assert!(
                    position.binlog.as_ref().is_some_and(|place| place.file.starts_with("binlog.") && place.offset > 4),
                    "{position:?}"
                );
                assert_eq!(view.notes(), Vec::<String>::new());
                view.confirm().await.expect("nothing was changed but rows");
                view.release().await;
            }
        });
    }
}

/// Rights are taken away one by one: the moment is held in other ways, or by one session, and it says so.
#[test]
fn without_rights_the_moment_is_held_in_other_ways() {
    for kind in Kind::ALL {
        let server = server(kind);
        let databases = accounts(server);
        let locker = server.login(server.plugins()[0], "");
        let reader = server.login(server.plugins()[0], "");
        for database in &databases {
            server.sql("", &format!("grant select, lock tables on {database}.* to {locker}; grant select on {database}.* to {reader}"));
        }
        let _transfers = Transfers::between(server, &databases[0], &databases[1]);
        run(async {
            let view = view(server, &locker, &databases).await;
            assert_eq!(money(&*view, &databases).await, 20_000);
            assert!(
                view.notes().iter().any(|note| note.contains("locks on the tables") && note.contains("no right")),
                "{:?}",
                view.notes()
            );
            view.release().await;
            let view = super::moment::view(server, &reader, &databases).await;
            assert_eq!(money(&*view, &databases).await, 20_000);
            let notes = view.notes();
            assert!(notes.iter().any(|note| note.contains("without a lock") || note.contains("one session reads everything")), "{notes:?}");
            view.release().await;
        });
        server.sql(&databases[0], "set lock_wait_timeout = 2, innodb_lock_wait_timeout = 10; insert into a0 values (2, 0)");
    }
}

/// A statement that runs for long while the moment is opened: neither it nor others wait for the backup.
#[test]
fn a_long_statement_does_not_become_everybodys_problem() {
    for kind in Kind::ALL {
        let server = Mysql::start_with(kind, &[]);
        let databases = accounts(&server);
        let mut long =
            server.client(&databases[0]).args(["-e", "select sleep(60) from a0"]).stdout(Stdio::null()).spawn().expect("the stock client");
        let until = Instant::now() + Duration::from_secs(10);
        let sleeps =
            || server.sql("", "select count(*) from information_schema.processlist where info like 'select sleep%' and time >= 2") == "1";
        while !sleeps() {
            assert!(Instant::now() < until, "the long statement runs");
        }
        run(async {
            let began = Instant::now();
            let view = view(&server, "root", &databases).await;
            assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
            let told = view.notes().iter().any(|note| note.contains("has been running for"));
            assert_eq!(told, kind == Kind::Mysql, "MariaDB's stages do not wait for it: {:?}", view.notes());
            let began = Instant::now();
            server.sql(&databases[0], "select * from a0; update a0 set money = money + 0");
            assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
            assert_eq!(money(&*view, &databases).await, 20_000);
            view.release().await;
        });
        let _ = long.kill();
        let _ = long.wait();
    }
}

/// Tables that change places, lose rows or go while they are backed up.
#[test]
fn changes_of_definitions_are_found() {
    for kind in Kind::ALL {
        let server = server(kind);
        let database = server.database("changed");
        let user = server.login(server.plugins()[0], "");
        server.sql(
            &database,
            &format!(
                "create table x (id int primary key); create table emptied (id int primary key); create table gone (id int primary key); \
                 create table later (id int primary key); insert into x values (1); insert into emptied values (1); insert into later values (1); \
                 grant select, lock tables on {database}.* to {user}; do sleep(1.1); create table y (id int primary key); insert into y values (9)"
            ),
        );
        if kind == Kind::Mariadb {
            server.sql("", &format!("grant binlog admin on *.* to {user}"));
        }
        let databases = [database.clone()];
        run(async {
            let view = view(server, &user, &databases).await;
            let snapshot = view.snapshot(&database).await.expect("a snapshot");
            let later = table(&*snapshot, "later").await;
            assert_eq!(lines(&chunks(&*snapshot, &later, None, 1000).await), [b"1"]);
            let (x, emptied, gone) = (table(&*snapshot, "x").await, table(&*snapshot, "emptied").await, table(&*snapshot, "gone").await);
            // A table that was read may be changed at once: nobody waits for the backup.
            server.sql(&database, "do sleep(1.1); set lock_wait_timeout = 20; alter table later add column more int");
            view.confirm().await.expect("it was changed after it was read");
            server.sql(&database, "set lock_wait_timeout = 20; truncate emptied; drop table gone");
            for one in [&emptied, &gone] {
                let mut reader = snapshot.reader().await.expect("a reader");
                let fault = reader.read(one, None, 1000, &mut super::Kept::default()).await.expect_err("it is not what it was");
                assert_eq!(fault.code, Code::Conflict, "{fault:?}");
                assert!(fault.what.contains(&one.name.name) && !fault.steps.is_empty(), "{fault:?}");
            }
            server.sql(&database, "rename table x to z, y to x");
            assert_eq!(lines(&chunks(&*snapshot, &x, None, 1000).await), [b"9"], "the server gives what is there now");
            let fault = view.confirm().await.expect_err("another table's rows");
            assert_eq!(fault.code, Code::Conflict);
            assert!(
                fault.causes.iter().any(|cause| cause.contains(".x")) && !fault.causes.iter().any(|cause| cause.contains("later")),
                "{fault:?}"
            );
            view.release().await;
        });
    }
}

/// With the right to, MySQL keeps such statements waiting until the backup is done.
#[test]
fn mysql_keeps_definitions_as_they_are() {
    let server = server(Kind::Mysql);
    let database = server.database("guarded");
    server.sql(&database, "create table t (id int primary key); insert into t values (1)");
    let databases = [database.clone()];
    run(async {
        let view = view(server, "root", &databases).await;
        let out = server.client(&database).args(["-e", "set lock_wait_timeout = 1; truncate t"]).output().expect("the stock client");
        assert!(String::from_utf8_lossy(&out.stderr).contains("1205"), "{}", String::from_utf8_lossy(&out.stderr));
        server.sql(&database, "insert into t values (2)");
        let snapshot = view.snapshot(&database).await.expect("a snapshot");
        assert_eq!(lines(&chunks(&*snapshot, &table(&*snapshot, "t").await, None, 1000).await), [b"1"]);
        view.confirm().await.expect("nothing could change");
        drop(snapshot);
        view.release().await;
        server.sql(&database, "set lock_wait_timeout = 1; truncate t");
    });
}
