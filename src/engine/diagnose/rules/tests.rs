//! Each rule in a scene where it applies, and in one that looks like it where it does not.

mod mysql;

use super::*;
use crate::domain::diagnosis::*;
use crate::domain::fault::Severity;
use crate::domain::wait::{Blocker, Wait};
use crate::domain::{Bytes, Fault, Stamp};
use crate::engine::diagnose::judge;

const GB: u64 = 1_000_000_000;

fn disk(what: &str, used: u64, free: u64) -> Disk {
    let usage = Usage { total: Bytes(used + free), used: Bytes(used), free: Bytes(free), inodes: 1000, inodes_used: 10, read_only: false };
    Disk { uses: vec![what.to_owned()], path: format!("/{}", what.replace(' ', "-")).into(), usage: Fact::Known(usage) }
}

fn about() -> About {
    About {
        version: "PostgreSQL 15.4".into(),
        version_num: 150_004,
        max_connections: 100,
        reserved: 3,
        locks: Locks { per_transaction: 64, max_connections: 100, max_prepared: 0 },
        shared_buffers: "128MB".into(),
        started: Stamp(0),
        now: Stamp(1_000_000_000),
        ..About::default()
    }
}

fn hop(step: HopStep, outcome: Result<&str, (Code, &str)>) -> Hop {
    let (outcome, code) = match outcome {
        Ok(said) => (Fact::Known(said.to_owned()), None),
        Err((code, why)) => (Fact::Unknown(why.to_owned()), Some(code)),
    };
    Hop { step, took_ms: 3, outcome, code, sqlstate: None }
}

/// Everything is as it should be.
fn calm() -> Diagnosis {
    Diagnosis {
        version: FORMAT,
        host: HostFacts {
            disks: vec![disk("backup", 40 * GB, 60 * GB), disk("data directory", 40 * GB, 60 * GB)],
            memory: Fact::Known(Memory { total: Bytes(8 * GB), used: Bytes(3 * GB), group: None }),
            files: Fact::Known(Files { own: 20, own_limit: 1024, system: 2000, system_limit: 1_000_000 }),
            ..HostFacts::default()
        },
        server: Some(ServerFacts {
            address: "db01:5432".into(),
            host: "db01".into(),
            port: 5432,
            user: "backup".into(),
            database: "postgres".into(),
            reach: vec![
                hop(HopStep::Resolve, Ok("10.0.0.1")),
                hop(HopStep::Connect, Ok("10.0.0.1:5432")),
                hop(HopStep::Login, Ok("as backup")),
            ],
            about: Fact::Known(about()),
            connections: Fact::Known(15),
            locks_in_use: Fact::Known(100),
            slots: Fact::Known(Vec::new()),
            archiver: Fact::Known(Archiver { mode: "on".into(), ..Archiver::default() }),
            transactions: Fact::Known(Vec::new()),
            waits: Fact::Known(Vec::new()),
            wal: Fact::Known(Bytes(GB)),
            tool: Fact::Known("pg_dump 15.4".into()),
            ..ServerFacts::default()
        }),
        ..Diagnosis::default()
    }
}

/// Something failed in a scene.
fn failed(code: Code, says: &str, change: impl FnOnce(&mut Diagnosis)) -> Diagnosis {
    let fault = Fault::new(code, "it failed").because(says);
    let mut diagnosis = Diagnosis { error: Some((&fault).into()), ..calm() };
    change(&mut diagnosis);
    judge(diagnosis)
}

fn server(diagnosis: &mut Diagnosis) -> &mut ServerFacts {
    diagnosis.server.as_mut().expect("a server")
}

fn stuck(diagnosis: &mut Diagnosis, at: Hop) {
    let server = server(diagnosis);
    server.reach.retain(|hop| (hop.step as u8) < at.step as u8);
    server.about = Fact::Unknown("not reached".into());
    server.connections = Fact::Unknown("not reached".into());
    server.reach.push(at);
}

fn change_about(diagnosis: &mut Diagnosis, change: impl FnOnce(&mut About)) {
    if let Fact::Known(about) = &mut server(diagnosis).about {
        change(about);
    }
}

fn usage(diagnosis: &mut Diagnosis, at: usize) -> &mut Usage {
    match &mut diagnosis.host.disks[at].usage {
        Fact::Known(usage) => usage,
        Fact::Unknown(_) => panic!("it is known"),
    }
}

fn fill(diagnosis: &mut Diagnosis, at: usize) {
    let usage = usage(diagnosis, at);
    (usage.used, usage.free) = (Bytes(97 * GB), Bytes(3 * GB));
}

fn group(limit: u64, used: u64, killed: u64) -> Fact<Memory> {
    let group = Some(GroupLimit { group: "/backup.service".into(), limit: Bytes(limit), used: Bytes(used), killed });
    Fact::Known(Memory { total: Bytes(8 * GB), used: Bytes(3 * GB), group })
}

fn slot(active: bool, held: u64) -> Fact<Vec<Slot>> {
    Fact::Known(vec![Slot { name: "old_standby".into(), kind: "physical".into(), active, held: Some(Bytes(held)), ..Slot::default() }])
}

fn idle() -> Wait {
    let root = Blocker {
        pid: 4711,
        user: "anna".into(),
        state: "idle in transaction".into(),
        transaction_ms: Some(540_000),
        ..Blocker::default()
    };
    Wait { pid: 7, object: "public.orders".into(), waited_ms: 17_000, blockers: vec![root], ..Wait::default() }
}

type Case = (&'static str, Diagnosis, &'static str);

fn cases() -> Vec<Case> {
    let late = (Code::ConnectTimeout, "no answer within 4.4 s");
    vec![
        ("read-only-disk", failed(Code::ReadOnlyFileSystem, "read-only", |d| usage(d, 0).read_only = true), "read-only"),
        ("inodes-exhausted", failed(Code::InodesExhausted, "no space", |d| usage(d, 0).inodes_used = 999), "999 of 1,000"),
        ("disk-full", failed(Code::DiskFull, "no space", |d| fill(d, 0)), "97.0 % full"),
        ("disk-full", failed(Code::Io, "write error", |d| fill(d, 0)), "97.0 % full"),
        ("disk-was-full", failed(Code::DiskFull, "no space", |_| {}), "60.0 GB are free now"),
        ("slot-holds-wal", failed(Code::ServerDiskFull, "x", |d| server(d).slots = slot(false, 50 * GB)), "old_standby"),
        (
            "archiver-holds-wal",
            failed(Code::ServerDiskFull, "x", |d| {
                server(d).archiver = Fact::Known(Archiver { mode: "on".into(), failing: true, failed: 9, ..Archiver::default() });
            }),
            "archiver fails",
        ),
        ("binary-log", mysql::failed(Code::ServerDiskFull, "x", |_, facts| facts.log = mysql::log(30 * GB)), "30.0 GB in 42 files"),
        (
            "host-not-allowed",
            mysql::failed(Code::AuthFailed, "Host '10.0.0.9' is not allowed to connect to this server", |_, _| {}),
            "no account",
        ),
        ("server-disk-full", failed(Code::ServerDiskFull, "x", |d| fill(d, 1)), "97.0 % full"),
        ("server-disk-full", failed(Code::ServerDiskFull, "x", |d| server(d).slots = slot(false, GB)), "tablespace"),
        (
            "cgroup-killed",
            failed(Code::ToolMissing, "pg_restore: signal: 9 (SIGKILL)", |d| d.host.memory = group(512_000_000, 100, 1)),
            "512.0 MB",
        ),
        ("cgroup-killed", failed(Code::OutOfMemory, "x", |d| d.host.memory = group(512_000_000, 500_000_000, 0)), "97.7 %"),
        (
            "memory-exhausted",
            failed(Code::Io, "Cannot allocate memory", |d| {
                d.host.memory = Fact::Known(Memory { total: Bytes(8 * GB), used: Bytes(7_900_000_000), group: None });
            }),
            "98.8 % used",
        ),
        (
            "files-exhausted",
            failed(Code::TooManyFiles, "Too many open files (os error 24)", |d| {
                d.host.files = Fact::Known(Files { own: 1020, own_limit: 1024, system: 1, system_limit: 100 });
            }),
            "1,020 of 1,024",
        ),
        ("connection-limit", failed(Code::TooManyConnections, "too many connections for role \"backup\"", |_| {}), "role"),
        (
            "connections-exhausted",
            failed(Code::TooManyConnections, "sorry, too many clients already", |d| server(d).connections = Fact::Known(100)),
            "100 of 100",
        ),
        (
            "connections-exhausted",
            failed(Code::TooManyConnections, "x", |d| stuck(d, hop(HopStep::Login, Err((Code::TooManyConnections, "too many"))))),
            "refuses the login",
        ),
        ("idle-in-transaction", failed(Code::LockTimeout, "x", |d| server(d).waits = Fact::Known(vec![idle()])), "4711"),
        (
            "idle-in-transaction",
            failed(Code::LockTimeout, "x", |d| {
                let one = OpenTransaction {
                    pid: 99,
                    state: "idle in transaction (aborted)".into(),
                    open_ms: 600_000,
                    ..OpenTransaction::default()
                };
                server(d).transactions = Fact::Known(vec![one]);
            }),
            "Session 99",
        ),
        (
            "lock-holder",
            failed(Code::LockTimeout, "x", |d| {
                let mut wait = idle();
                wait.blockers[0].state = "active".into();
                server(d).waits = Fact::Known(vec![wait]);
            }),
            "public.orders",
        ),
        ("lock-capacity", failed(Code::LockTableFull, "out of shared memory", |_| {}), "6,400 total locks"),
        (
            "standby",
            failed(Code::ServerReadOnly, "cannot execute CREATE in a read-only transaction", |d| {
                change_about(d, |about| about.in_recovery = true)
            }),
            "standby",
        ),
        (
            "password-expired",
            failed(Code::AuthFailed, "password authentication failed", |d| change_about(d, |about| about.password_until = Some(Stamp(1)))),
            "expired",
        ),
        ("password-missing", failed(Code::AuthFailed, "password missing", |_| {}), "PGPASSWORD"),
        ("no-hba-entry", failed(Code::AuthFailed, "no pg_hba.conf entry for host", |_| {}), "pg_hba.conf"),
        ("peer", failed(Code::AuthFailed, "Peer authentication failed for user", |_| {}), "operating system's user"),
        ("password-wrong", failed(Code::AuthFailed, "password authentication failed", |_| {}), "does not tell which"),
        (
            "name-unknown",
            failed(Code::HostUnknown, "x", |d| stuck(d, hop(HopStep::Resolve, Err((Code::HostUnknown, "unknown"))))),
            "misspelt",
        ),
        ("name-unknown", failed(Code::HostUnknown, "x", |d| stuck(d, hop(HopStep::Resolve, Err(late)))), "name server"),
        (
            "nothing-listens",
            failed(Code::ConnectionRefused, "x", |d| stuck(d, hop(HopStep::Connect, Err((Code::ConnectionRefused, "refused"))))),
            "listen_addresses",
        ),
        ("no-answer", failed(Code::ConnectTimeout, "x", |d| stuck(d, hop(HopStep::Connect, Err(late)))), "firewall"),
        ("never-answers", failed(Code::ConnectTimeout, "x", |d| stuck(d, hop(HopStep::Tls, Err(late)))), "never answers"),
        ("tls", failed(Code::TlsFailed, "invalid peer certificate: Expired", |_| {}), "expired"),
        ("not-ready", failed(Code::ServerUnavailable, "the database system is starting up", |_| {}), "starting up"),
        (
            "restarted",
            failed(Code::ServerUnavailable, "connection closed", |d| change_about(d, |about| about.started = Stamp(about.now.0 - 12_000))),
            "12 s ago",
        ),
        (
            "tool",
            failed(Code::ToolMissing, "no pg_dump", |d| server(d).tool = Fact::Unknown("no pg_dump for PostgreSQL 15".into())),
            "version 15",
        ),
    ]
}

#[test]
fn every_rule_applies_where_it_should_and_says_what_and_how() {
    for (rule, diagnosis, says) in cases() {
        let cause = diagnosis.root_cause.unwrap_or_else(|| panic!("{rule}: no root cause of {:?}", diagnosis.error));
        assert_eq!(cause.rule, rule, "{}", cause.text);
        assert!(cause.text.contains(says), "{rule}: {}", cause.text);
        assert!(!cause.action.is_empty() && !cause.steps.is_empty(), "{rule} says no cure");
    }
    let named: std::collections::BTreeSet<_> = cases().into_iter().map(|(rule, ..)| rule).collect();
    let all: std::collections::BTreeSet<_> = RULES.iter().map(|(rule, _)| *rule).collect();
    assert_eq!(named, all, "a rule without a scene");
}

#[test]
fn an_environment_in_order_explains_nothing() {
    for code in [Code::SqlFailed, Code::Io, Code::LockTimeout, Code::ServerUnavailable, Code::CorruptedBackup, Code::PermissionDenied] {
        let diagnosis = failed(code, "something else", |_| {});
        assert_eq!(diagnosis.root_cause, None, "{code:?}");
        assert_eq!(diagnosis.findings, Vec::new(), "{code:?}");
        let shown = diagnosis.shown();
        assert!(shown.len() == 1 && shown[0].title.starts_with("nothing in the environment"), "{shown:?}");
        assert!(!shown[0].steps.is_empty(), "{code:?} has a cure of its own");
    }
    assert_eq!(judge(calm()).root_cause, None);
    // The server's full disk is not ours, and ours not the server's.
    assert_eq!(failed(Code::Io, "write error", |d| fill(d, 1)).root_cause, None);
    let other = failed(Code::ServerDiskFull, "x", |d| fill(d, 0)).root_cause.expect("a cause");
    assert!(other.text.contains("tablespace"), "{}", other.text);
}

#[test]
fn without_an_error_the_way_that_broke_is_the_trouble() {
    let mut diagnosis = calm();
    stuck(&mut diagnosis, hop(HopStep::Connect, Err((Code::ConnectionRefused, "Connection refused"))));
    diagnosis.error = diagnosis.server.as_ref().and_then(crate::engine::diagnose::unreached);
    let diagnosis = judge(diagnosis);
    assert_eq!(diagnosis.error.as_ref().expect("an error").message, "cannot connect to db01:5432: Connection refused");
    assert_eq!(diagnosis.root_cause.as_ref().expect("a cause").rule, "nothing-listens");
    assert!(diagnosis.findings[0].title.contains("connect failed"), "{:?}", diagnosis.findings);
}

#[test]
fn findings_have_the_thresholds_of_the_report() {
    let mut diagnosis = calm();
    fill(&mut diagnosis, 0);
    server(&mut diagnosis).connections = Fact::Known(85);
    server(&mut diagnosis).locks_in_use = Fact::Known(6200);
    server(&mut diagnosis).archiver = Fact::Known(Archiver { mode: "on".into(), failing: true, failed: 3, ..Archiver::default() });
    server(&mut diagnosis).slots = slot(false, 2 * GB);
    server(&mut diagnosis).waits = Fact::Known(vec![idle()]);
    let found = judge(diagnosis).findings;
    let titles: Vec<String> = found.iter().map(|finding| format!("{} {}", finding.severity.as_str(), finding.title)).collect();
    assert_eq!(
        titles,
        [
            "critical the disk of /backup (backup) is nearly full: 97.0% used",
            "critical the lock table is nearly full: 6,200 of 6,400 entries in use (64 × 100)",
            "critical the archiver fails: 3 tries failed",
            "warning connections are running out: 85 of 100 in use",
            "warning replication slot old_standby holds 2.0 GB of WAL, and nobody reads from it",
            "warning pid 7 waits for a lock on public.orders since 17 s",
        ]
    );
    assert!(found.iter().all(|finding| !finding.steps.is_empty()), "each has a cure");
    assert!(found[0].severity == Severity::Critical && found[0].commands().is_some_and(|commands| commands.contains("du -xh")));
    let mut exhausted = calm();
    server(&mut exhausted).connections = Fact::Known(97);
    assert_eq!(judge(exhausted).findings[0].title, "connections are exhausted: 97 of 100 in use", "the reserve is not for ordinary roles");
}
