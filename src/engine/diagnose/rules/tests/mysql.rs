//! The same on MySQL and MariaDB: their words in every cure, and the findings that only they have.

use super::*;
use crate::domain::Product;
use crate::domain::diagnosis::mysql::*;

/// Everything is as it should be on a server of MySQL's.
fn calm_mysql() -> Diagnosis {
    let facts = MysqlFacts {
        users: Fact::Known(vec![UserConnections { user: "app".into(), connections: 14, idle: 9 }]),
        pool: Fact::Known(BufferPool { size: Bytes(GB), used: Bytes(GB / 2), dirty: Bytes(0), requests: 1_000_000, reads: 1000 }),
        data: Fact::Known(Bytes(3 * GB)),
        files: Fact::Known(OpenFiles { files: 90, limit: 10_000, tables: 300, cache: 4000, opened: 400, up_ms: 36_000_000 }),
        log: log(GB / 2),
        replication: Fact::Known(Vec::new()),
        settings: Fact::Known(ServerSettings {
            max_allowed_packet: Bytes(64 << 20),
            local_infile: true,
            performance_schema: true,
            ..ServerSettings::default()
        }),
    };
    let mut diagnosis = calm();
    let one = server(&mut diagnosis);
    (one.product, one.port, one.address, one.mysql) = (Product::Mysql, 3306, "db01:3306".into(), Some(facts));
    (one.locks_in_use, one.slots) = (Fact::Unknown("none".into()), Fact::Unknown("none".into()));
    one.archiver = Fact::Unknown("none".into());
    change_about(&mut diagnosis, |about| {
        (about.version, about.version_num, about.reserved, about.locks) = ("MySQL 9.7.1".into(), 90_701, 0, Locks::default());
    });
    diagnosis
}

pub fn log(bytes: u64) -> Fact<BinaryLog> {
    Fact::Known(BinaryLog { written: true, files: 42, bytes: Bytes(bytes), keep_seconds: 2_592_000 })
}

/// Something failed in a scene.
pub fn failed(code: Code, says: &str, change: impl FnOnce(&mut ServerFacts, &mut MysqlFacts)) -> Diagnosis {
    let fault = Fault::new(code, "it failed").because(says);
    let mut diagnosis = Diagnosis { error: Some((&fault).into()), ..calm_mysql() };
    let one = server(&mut diagnosis);
    let mut facts = one.mysql.take().expect("of that product");
    change(one, &mut facts);
    one.mysql = Some(facts);
    judge(diagnosis)
}

fn found(change: impl FnOnce(&mut ServerFacts, &mut MysqlFacts)) -> Vec<Finding> {
    let mut diagnosis = calm_mysql();
    let one = server(&mut diagnosis);
    let mut facts = one.mysql.take().expect("of that product");
    change(one, &mut facts);
    one.mysql = Some(facts);
    judge(diagnosis).findings
}

fn channel(receives: &str, applies: &str, behind: Option<u64>, error: Option<&str>) -> Fact<Vec<Channel>> {
    Fact::Known(vec![Channel {
        source: "db00:3306".into(),
        receives: receives.into(),
        applies: applies.into(),
        behind_seconds: behind,
        error: error.map(str::to_owned),
        ..Channel::default()
    }])
}

fn set(facts: &mut MysqlFacts, change: impl FnOnce(&mut ServerSettings)) {
    if let Fact::Known(settings) = &mut facts.settings {
        change(settings);
    }
}

#[test]
fn what_is_as_it_should_be_is_no_finding() {
    assert_eq!(found(|_, _| {}), Vec::new());
    // Rights that are missing are said where the figure would be, and are no finding.
    assert_eq!(found(|_, facts| *facts = MysqlFacts::unknown("Access denied; you need the PROCESS privilege")), Vec::new());
}

#[test]
fn each_finding_has_its_threshold_and_its_cure() {
    let one = |change: fn(&mut ServerFacts, &mut MysqlFacts)| {
        let found = found(change);
        assert_eq!(found.len(), 1, "{found:?}");
        (found[0].title.clone(), found[0].commands().unwrap_or_default())
    };
    for (change, title, cure) in [
        (
            (|_, facts| facts.replication = channel("Yes", "No", None, Some("Duplicate entry '1' (error 1062)")))
                as fn(&mut ServerFacts, &mut MysqlFacts),
            "replication from db00:3306 does not work: what arrives is not applied",
            "SHOW REPLICA STATUS",
        ),
        (|_, facts| facts.replication = channel("No", "No", None, None), "does not work: it is stopped", "START REPLICA;"),
        (
            |_, facts| facts.replication = channel("Yes", "Yes", Some(120), None),
            "the replica is 2 min 00 s behind db00:3306",
            "SHOW REPLICA",
        ),
        (|_, facts| set(facts, |set| set.read_only = "super_read_only".into()), "takes no writes (super_read_only)", "read_only = OFF"),
        (
            |server, facts| {
                server.user = "app".into();
                set(facts, |set| set.own_connections = 15);
            },
            "user app has 14 of the 15 connections",
            "MAX_USER_CONNECTIONS 0",
        ),
        (
            |_, facts| facts.files = Fact::Known(OpenFiles { files: 960, limit: 1000, ..OpenFiles::default() }),
            "960 of 1,000 in use",
            "LimitNOFILE=4000",
        ),
        (
            |_, facts| {
                let open = OpenFiles { limit: 1000, tables: 400, cache: 400, opened: 40_000, up_ms: 36_000_000, ..OpenFiles::default() };
                facts.files = Fact::Known(open);
            },
            "opened anew 10.0 times an hour",
            "SET PERSIST table_open_cache = 800;",
        ),
        (
            |_, facts| {
                facts.data = Fact::Known(Bytes(40 * GB));
                facts.pool = Fact::Known(BufferPool { size: Bytes(128 << 20), requests: 1000, reads: 200, ..BufferPool::default() });
            },
            "80.0% of pages are found in it",
            "SET PERSIST innodb_buffer_pool_size = ",
        ),
        (|_, facts| facts.log = log(26 * GB), "the binary log takes 26.0 GB in 42 files, kept for 30 d", "PURGE BINARY LOGS"),
        (
            |_, facts| {
                facts.log = Fact::Known(BinaryLog { written: true, files: 2, bytes: Bytes(2 * GB), keep_seconds: 0 });
            },
            "never cleaned up",
            "binlog_expire_logs_seconds = 604800",
        ),
        (|_, facts| set(facts, |set| set.max_allowed_packet = Bytes(1 << 20)), "no packets above 1.0 MB", "max_allowed_packet = 67108864"),
        (|_, facts| set(facts, |set| set.local_infile = false), "local_infile is off", "SET PERSIST local_infile = ON;"),
        (
            |server, _| server.connections = Fact::Known(90),
            "connections are running out: 90 of 100 in use",
            "FROM information_schema.processlist",
        ),
        (
            |server, _| {
                let mut wait = idle();
                wait.blockers.clear();
                server.waits = Fact::Known(vec![wait]);
                server.product = Product::Mariadb;
            },
            "pid 7 waits for a lock on public.orders",
            "INSTALL SONAME 'metadata_lock_info';",
        ),
        (|server, _| server.waits = Fact::Known(vec![idle()]), "pid 7 waits", "KILL 4711;"),
        (
            |server, _| {
                let one = OpenTransaction { pid: 99, state: "idle in transaction".into(), open_ms: 600_000, ..OpenTransaction::default() };
                server.transactions = Fact::Known(vec![one]);
            },
            "is idle in transaction for 10 min",
            "KILL 99;",
        ),
    ] {
        let (said, commands) = one(change);
        assert!(said.contains(title), "{title:?}: {said}");
        assert!(commands.contains(cure), "{said}: {commands}");
    }
}

#[test]
fn no_cure_speaks_of_another_product() {
    let refused = |server: &mut ServerFacts, step: HopStep, code: Code| {
        server.reach.retain(|hop| (hop.step as u8) < step as u8);
        server.reach.push(hop(step, Err((code, "why"))));
        server.about = Fact::Unknown("not reached".into());
    };
    for (rule, diagnosis) in [
        ("nothing-listens", failed(Code::ConnectionRefused, "x", |s, _| refused(s, HopStep::Connect, Code::ConnectionRefused))),
        ("never-answers", failed(Code::ConnectTimeout, "x", |s, _| refused(s, HopStep::Login, Code::ConnectTimeout))),
        ("password-wrong", failed(Code::AuthFailed, "Access denied for user 'a'@'b' (using password: YES)", |_, _| {})),
        ("password-missing", failed(Code::AuthFailed, "Access denied for user 'a'@'b' (using password: NO)", |_, _| {})),
        ("password-expired", failed(Code::AuthFailed, "Your password has expired", |_, _| {})),
        ("connection-limit", failed(Code::TooManyConnections, "has exceeded the 'max_user_connections' resource", |_, _| {})),
        ("connections-exhausted", failed(Code::TooManyConnections, "Too many connections", |s, _| s.connections = Fact::Known(100))),
        ("idle-in-transaction", failed(Code::LockTimeout, "x", |s, _| s.waits = Fact::Known(vec![idle()]))),
        ("server-disk-full", failed(Code::ServerDiskFull, "x", |_, _| {})),
        ("tls", failed(Code::TlsFailed, "expired", |_, _| {})),
        (
            "standby",
            failed(Code::ServerReadOnly, "read-only", |s, facts| {
                facts.replication = channel("Yes", "Yes", Some(0), None);
                if let Fact::Known(about) = &mut s.about {
                    about.in_recovery = true;
                }
            }),
        ),
    ] {
        let cause = diagnosis.root_cause.clone().unwrap_or_else(|| panic!("{rule}: no root cause"));
        assert_eq!(cause.rule, rule, "{}", cause.text);
        let all = format!("{cause:?} {:?} {}", diagnosis.findings, crate::domain::diagnosis::text::render(&diagnosis));
        for word in ["pg_", "psql", "PostgreSQL", "postgres", "ALTER SYSTEM", "ALTER ROLE", "PGPASS", "Max Locks"] {
            assert!(!all.contains(word), "{rule}: {word} in {all}");
        }
    }
}
