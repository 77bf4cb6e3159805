//! Troubles of the server: connections, locks, WAL.

use super::{Home, finding, report, rule};
use crate::support::postgres::{Postgres, server};
use crate::support::program;
use dbbackup::domain::Code;
use dbbackup::domain::diagnosis::Diagnosis;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Stdio};

/// A session that has run something and stays open until it is dropped.
struct Open(Child);

impl Open {
    fn new(server: &Postgres, role: &str, sql: &str) -> Self {
        let mut command = server.psql("postgres");
        let mut child = command.env("PGUSER", role).args(["-U", role]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("psql");
        writeln!(child.stdin.as_mut().expect("a pipe"), "{sql}\n\\echo ready").expect("written");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        assert!(lines.any(|line| line.expect("a line") == "ready"), "{sql}");
        Self(child)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn look(home: &Home, server: &Postgres, args: &[&str]) -> Diagnosis {
    report(program::run(&mut home.diagnose_on(server, args)))
}

/// Asks again until what is done in the background has come to it.
fn until(home: &Home, server: &Postgres, args: &[&str], wanted: impl Fn(&Diagnosis) -> bool) -> Diagnosis {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let diagnosis = look(home, server, args);
        if wanted(&diagnosis) {
            return diagnosis;
        }
        assert!(std::time::Instant::now() < deadline, "it never came to it: {diagnosis:?}");
    }
}

#[test]
fn a_server_in_every_trouble_at_once() {
    let home = Home::new();
    let conf = "max_connections = 20\nmax_locks_per_transaction = 10\nmax_prepared_transactions = 0\nmax_wal_senders = 0\nwal_level = replica\n\
                archive_mode = on\narchive_command = 'false'\n";
    let server = Postgres::start(15, conf);
    server.sql("postgres", "create role worker login; create table orders (a integer)");

    // The lock table: 200 entries by its making, of which one session takes most.
    let locks = Open::new(&server, "worker", "select count(pg_advisory_lock(i)) from generate_series(1, 180) i;");
    let full =
        look(&home, &server, &["--error", "ERROR:  out of shared memory\nHINT:  You might need to increase max_locks_per_transaction."]);
    assert_eq!(rule(&full), "lock-capacity");
    assert!(full.root_cause.as_ref().is_some_and(|cause| cause.text.contains("(200 total locks)")), "{:?}", full.root_cause);
    let nearly = finding(&full, "the lock table is nearly full");
    assert!(nearly.commands().is_some_and(|commands| commands.contains("max_locks_per_transaction = 4096")), "{nearly:?}");
    let text = dbbackup::domain::diagnosis::text::render(&full);
    for line in [
        "  Max Locks: 10 per transaction\n  Total Lock Capacity: ~200\n  Locks In Use: ",
        "  Current lock capacity: 200 locks (max_locks_per_transaction × max_connections)\n  ⚠ max_locks_per_transaction is low (10)\n  • Increase: ALTER SYSTEM SET max_locks_per_transaction = 4096;\n  • Then restart PostgreSQL: sudo systemctl restart postgresql\n",
        "Suggested Action:\n  Fix: ALTER SYSTEM SET max_locks_per_transaction = 4096; then\n  RESTART PostgreSQL\n",
    ] {
        assert!(text.contains(line), "{line}\n--- in\n{text}");
    }
    drop(locks);

    // The archiver fails, and WAL stays.
    server.sql("postgres", "select pg_switch_wal()");
    let failing = until(&home, &server, &[], |diagnosis| {
        diagnosis.server.as_ref().and_then(|server| server.archiver.known()).is_some_and(|archiver| archiver.failing)
    });
    finding(&failing, "the archiver fails");
    let disk = look(&home, &server, &["--error", "PANIC:  53100: could not write to file \"pg_wal/xlogtemp.1\""]);
    assert_eq!((rule(&disk), disk.error.as_ref().expect("an error").code), ("archiver-holds-wal", Code::ServerDiskFull));

    // Somebody has a lock and does nothing; somebody waits for it.
    let holder = Open::new(&server, "postgres", "begin; lock table orders;");
    let waiter = server.psql("postgres").args(["-c", "select * from orders"]).stdout(Stdio::null()).spawn().expect("psql");
    let waiting = until(&home, &server, &["--error", "ERROR:  canceling statement due to lock timeout"], |diagnosis| {
        diagnosis.server.as_ref().and_then(|server| server.waits.known()).is_some_and(|waits| !waits.is_empty())
    });
    assert_eq!(rule(&waiting), "idle-in-transaction");
    let wait = &waiting.server.as_ref().and_then(|server| server.waits.known()).expect("waits")[0];
    assert_eq!((wait.object.as_str(), wait.blockers[0].state.as_str()), ("public.orders", "idle in transaction"));
    drop(holder);
    let mut waiter = waiter;
    assert!(waiter.wait().expect("psql").success());

    // All that ordinary roles may have: 20 without the three of the superusers.
    let open: Vec<Open> = (0..17).map(|_| Open::new(&server, "worker", "select 1;")).collect();
    let none_left = look(&home, &server, &["--error", "FATAL:  sorry, too many clients already"]);
    assert_eq!(rule(&none_left), "connections-exhausted");
    finding(&none_left, "connections are exhausted");
    let port = server.port.to_string();
    let refused = report(program::run(&mut home.diagnose(&["--host", "127.0.0.1", "--port", &port, "--user", "worker"])));
    assert_eq!((rule(&refused), refused.error.as_ref().expect("an error").code), ("connections-exhausted", Code::TooManyConnections));
    drop(open);
}

#[test]
fn a_slot_that_nobody_reads_from_explains_a_full_disk() {
    let home = Home::new();
    let server = server(15);
    server.sql("postgres", "select pg_create_physical_replication_slot('forgotten', true)");
    // What it holds is worth blaming from a tenth of the data's disk on, which a test cannot write: the real figures, on a smaller disk.
    server.sql("postgres", "create table wal_filler as select repeat('x', 1000) from generate_series(1, 20000); drop table wal_filler");
    let mut diagnosis = look(&home, server, &["--error", "ERROR:  could not extend file \"base/1/2\": No space left on device"]);
    server.sql("postgres", "select pg_drop_replication_slot('forgotten')");
    let held = diagnosis.server.as_ref().and_then(|server| server.heaviest_slot()?.held).expect("a slot that holds WAL");
    assert!(held.0 > 10_000_000, "{held:?}");
    for disk in diagnosis.host.disks.iter_mut().filter(|disk| disk.holds("data directory")) {
        let small = dbbackup::domain::diagnosis::Usage { total: held, used: held, ..Default::default() };
        disk.usage = dbbackup::domain::diagnosis::Fact::Known(small);
    }
    let diagnosis = dbbackup::engine::diagnose::judge(diagnosis);
    assert_eq!(rule(&diagnosis), "slot-holds-wal");
    assert!(
        finding(&diagnosis, "forgotten holds")
            .commands()
            .is_some_and(|commands| commands.contains("pg_drop_replication_slot('forgotten')"))
    );
}

#[test]
fn what_a_role_may_not_know_is_missing_and_says_why() {
    let home = Home::new();
    let server = server(17);
    let role = server.role("plain");
    server.sql("postgres", &format!("alter role {role} login valid until '2020-01-01'"));
    let port = server.port.to_string();
    let diagnosis = report(program::run(&mut home.diagnose(&["--host", "127.0.0.1", "--port", &port, "--user", &role])));
    let facts = diagnosis.server.as_ref().expect("a server");
    assert!(facts.wal.why().is_some_and(|why| why.contains("permission denied")), "{:?}", facts.wal);
    assert!(facts.slots.known().is_some() && facts.archiver.known().is_some(), "a refused question costs no other: {facts:?}");
    assert!(facts.connections.known().is_some_and(|used| *used > 0));
    finding(&diagnosis, &format!("the password of role {role} expired"));
}
