//! Reports about real troubles of MySQL and MariaDB: what the built program finds out, and what it says to do.

use crate::support::mysql::{Kind, Mysql, server};
use crate::support::program;
use dbbackup::domain::Code;
use dbbackup::domain::diagnosis::{Diagnosis, Fact, Finding, HopStep};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

/// A session of the stock client, which says what it was told and stays open until it is dropped.
struct Open {
    child: Child,
    says: Option<ChildStdin>,
    told: std::io::Lines<BufReader<ChildStdout>>,
}

impl Open {
    fn new(server: &Mysql, database: &str) -> Self {
        let mut child =
            server.client(database).arg("--unbuffered").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the stock client");
        let (says, told) = (child.stdin.take(), BufReader::new(child.stdout.take().expect("its output")).lines());
        Self { child, says, told }
    }

    /// Sends SQL without waiting for it.
    fn say(&mut self, sql: &str) {
        self.says.as_mut().expect("its input").write_all(format!("{sql};\n").as_bytes()).expect("it listens");
    }

    /// The session's number, when all that was said before is done.
    fn id(&mut self) -> i32 {
        self.say("select concat('id ', connection_id())");
        let line = self.told.by_ref().map(|line| line.expect("a line")).find(|line| line.starts_with("id ")).expect("its number");
        line[3..].parse().expect("a number")
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        drop(self.says.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn report(args: &[&str], flags: &[String]) -> (Diagnosis, String) {
    let home = tempfile::tempdir().expect("a folder");
    let run = |form: &[&str]| {
        let dir = home.path().display().to_string();
        let all: Vec<&str> =
            ["diagnose", "--backup-dir", &dir].into_iter().chain(form.iter().copied()).chain(args.iter().copied()).collect();
        let mut command = program::dbbackup(home.path(), &all);
        program::run(command.args(flags)).ok().stdout
    };
    let json = run(&["--json"]);
    let diagnosis: Diagnosis = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
    assert!(diagnosis.took_ms <= 5000, "it took {} ms", diagnosis.took_ms);
    (diagnosis, run(&[]))
}

/// Looks again until what is begun in the background has come to it.
fn until(server: &Mysql, args: &[&str], wanted: impl Fn(&Diagnosis) -> bool) -> Diagnosis {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let (diagnosis, _) = report(args, &server.flags());
        if wanted(&diagnosis) {
            return diagnosis;
        }
        assert!(Instant::now() < deadline, "it never came to it: {diagnosis:?}");
    }
}

#[track_caller]
fn finding<'a>(diagnosis: &'a Diagnosis, words: &str) -> &'a Finding {
    let titles: Vec<&String> = diagnosis.findings.iter().map(|one| &one.title).collect();
    diagnosis.findings.iter().find(|one| one.title.contains(words)).unwrap_or_else(|| panic!("{words:?} is not among {titles:?}"))
}

#[track_caller]
fn rule(diagnosis: &Diagnosis) -> &str {
    diagnosis.root_cause.as_ref().unwrap_or_else(|| panic!("no root cause: {diagnosis:?}")).rule.as_str()
}

#[test]
fn a_server_in_every_trouble_at_once() {
    for kind in Kind::ALL {
        // A replica of nobody who listens, small in everything.
        let own = Mysql::start_with(
            kind,
            &[
                "--max-connections=12",
                "--server-id=7",
                "--max-allowed-packet=1M",
                "--local-infile=0",
                "--relay-log=relay",
                "--skip-replica-start",
            ]
            .map(|flag| if kind == Kind::Mariadb { flag.replace("replica-start", "slave-start") } else { flag.to_owned() })
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
        );
        let name = own.database("troubled");
        own.sql(&name, "create table t (id int primary key) engine=InnoDB; insert into t values (1)");
        own.sql("", match kind {
            Kind::Mariadb => "change master to master_host = '127.0.0.1', master_port = 1, master_user = 'u', master_password = 'p'; start slave",
            Kind::Mysql => {
                "change replication source to source_host = '127.0.0.1', source_port = 1, source_user = 'u', source_password = 'p'; start replica"
            }
        });
        let troubled = until(&own, &[], |diagnosis| {
            let mysql = diagnosis.server.as_ref().and_then(|server| server.mysql.as_ref()).expect("its product's facts");
            mysql.replication.known().is_some_and(|channels| channels.iter().any(|one| one.error.is_some()))
        });
        let broken = finding(&troubled, "replication from 127.0.0.1:1 does not work: it cannot reach its source");
        assert!(broken.evidence.iter().any(|line| line.contains("(error 2003)")), "{broken:?}");
        finding(&troubled, "no packets above 1.0 MB");
        finding(&troubled, "local_infile is off");
        let facts = troubled.server.as_ref().expect("a server");
        let mysql = facts.mysql.as_ref().expect("its product's facts");
        let (pool, files, log) =
            (mysql.pool.known().expect("known"), mysql.files.known().expect("known"), mysql.log.known().expect("known"));
        assert!(pool.size.0 == 64 << 20 && pool.used.0 > 0 && pool.requests > 0, "{pool:?}");
        assert!(files.limit > 0 && files.cache > 0, "{files:?}");
        assert!(log.written && log.files > 0 && log.bytes.0 > 0, "{log:?}");
        assert!(mysql.data.known().is_some_and(|data| data.0 > 100_000), "{:?}", mysql.data);
        assert!(troubled.host.disks.iter().any(|disk| disk.holds("data directory")), "{:?}", troubled.host.disks);

        // Somebody is in a transaction with a table, and somebody else waits to change its definition.
        let mut holder = Open::new(&own, &name);
        holder.say("begin; select * from t");
        let held = holder.id();
        let mut waiter = Open::new(&own, &name);
        waiter.say("alter table t add column v int");
        let waiting =
            until(&own, &["--error", "ERROR 1205 (HY000): Lock wait timeout exceeded; try restarting transaction"], |diagnosis| {
                diagnosis.server.as_ref().and_then(|server| server.waits.known()).is_some_and(|waits| !waits.is_empty())
            });
        assert_eq!(waiting.error.as_ref().expect("an error").code, Code::LockTimeout);
        let wait = &waiting.server.as_ref().and_then(|server| server.waits.known()).expect("waits")[0];
        assert!(wait.statement.starts_with("alter table t"), "{wait:?}");
        let args = ["--error", "ERROR 1205 (HY000): Lock wait timeout exceeded; try restarting transaction"];
        let told = match kind {
            Kind::Mysql => waiting,
            // Without its performance schema, which is off by default, it tells who waits and not for whom; a plugin does.
            Kind::Mariadb => {
                assert_eq!((wait.object.as_str(), wait.blockers.len()), ("the definition of a table", 0), "{wait:?}");
                own.sql("", "install soname 'metadata_lock_info'");
                report(&args, &own.flags()).0
            }
        };
        let wait = &told.server.as_ref().and_then(|server| server.waits.known()).expect("waits")[0];
        assert_eq!((wait.object.as_str(), wait.blockers.len()), (format!("{name}.t").as_str(), 1), "{wait:?}");
        assert_eq!((wait.blockers[0].pid, wait.blockers[0].state.as_str()), (held, "idle in transaction"));
        assert_eq!(rule(&told), "idle-in-transaction");
        assert!(told.root_cause.as_ref().is_some_and(|cause| cause.action.contains(&format!("KILL {held};"))), "{:?}", told.root_cause);
        drop(holder);
        waiter.id();

        // All connections that there are, and one that this report comes in by.
        let mut open: Vec<Open> = Vec::new();
        let used =
            || own.sql("", "show status like 'Threads_connected'").split('\t').nth(1).and_then(|count| count.parse().ok()).unwrap_or(0);
        while used() < 11 {
            let mut one = Open::new(&own, "");
            one.id();
            open.push(one);
        }
        let (none_left, text) = report(&["--error", "ERROR 1040 (HY000): Too many connections"], &own.flags());
        let found = finding(&none_left, "connections are ");
        assert!(found.evidence.iter().any(|line| line.starts_with("root: ")), "{found:?}");
        assert!(found.commands().is_some_and(|commands| commands.contains("max_connections = 24")), "{found:?}");
        assert_eq!(rule(&none_left), "connections-exhausted");
        assert!(!text.contains("pg_") && !text.contains("PostgreSQL") && !text.contains("Max Locks"), "{text}");
        drop(open);
    }
}

#[test]
fn what_a_user_may_not_know_is_missing_and_says_why() {
    for kind in Kind::ALL {
        let server = server(kind);
        let user = server.login(server.plugins()[0], "secret");
        let home = tempfile::tempdir().expect("a folder");
        let port = server.port.to_string();
        let flags = ["diagnose", "--json", "--engine", kind.word(), "--host", "127.0.0.1", "--port", &port, "--user", &user, "--batch"];
        let outcome = program::run(program::dbbackup(home.path(), &flags).env("MYSQL_PWD", "secret")).ok();
        let diagnosis: Diagnosis = serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {}", outcome.text()));
        let facts = diagnosis.server.as_ref().expect("a server");
        assert!(facts.broken().is_none() && !facts.about.known().expect("what it says of itself").superuser, "{facts:?}");
        let mysql = facts.mysql.as_ref().expect("its product's facts");
        let refused = |why: Option<&str>| why.is_some_and(|why| why.contains("Access denied") && why.contains("privilege"));
        assert!(refused(mysql.data.why()) && refused(mysql.log.why()) && refused(mysql.replication.why()), "{mysql:?}");
        assert!(refused(facts.transactions.why()), "{:?}", facts.transactions);
        assert!(mysql.pool.known().is_some() && mysql.settings.known().is_some() && facts.connections.known().is_some(), "{facts:?}");
        assert_eq!(mysql.users.known().map(|users| users.iter().map(|one| one.user.as_str()).collect()), Some(vec![user.as_str()]));

        let wrong = program::run(program::dbbackup(home.path(), &flags).env("MYSQL_PWD", "guessed")).ok();
        let diagnosis: Diagnosis = serde_json::from_str(&wrong.stdout).expect("a report");
        assert_eq!(rule(&diagnosis), "password-wrong");
        let broken = diagnosis.server.as_ref().and_then(|server| server.broken()).expect("no login");
        assert_eq!((broken.step, broken.code), (HopStep::Login, Some(Code::AuthFailed)));
        assert!(matches!(
            diagnosis.server.as_ref().and_then(|server| server.mysql.as_ref()).map(|mysql| &mysql.pool),
            Some(Fact::Unknown(_))
        ));
    }
}

#[test]
fn a_plan_names_what_a_user_may_not_do_with_the_grant_that_lets_him() {
    for kind in Kind::ALL {
        let server = server(kind);
        let name = server.database("planned");
        server.sql(&name, "create table t (id int primary key); create table old (id int) engine=MyISAM; create view v as select 1");
        let user = server.login(server.plugins()[0], "secret");
        server.sql("", &format!("grant select, show view on `{name}`.* to {user}@'%'"));
        let home = tempfile::tempdir().expect("a folder");
        let (port, dir) = (server.port.to_string(), home.path().display().to_string());
        let plan = |user: &str, password: &str| {
            let words = ["backup", "single", &name, "--dry-run", "--backup-dir", &dir, "--engine", kind.word(), "--host", "127.0.0.1"];
            let rest = ["--port", &port, "--user", user, "--batch"];
            let all: Vec<&str> = words.into_iter().chain(rest).collect();
            program::run(program::dbbackup(home.path(), &all).env("MYSQL_PWD", password)).ok().text()
        };
        let poor = plan(&user, "secret");
        for line in [
            "[ OK ] rights: all of 2 tables may be read",
            "what this user cannot see is not in the backup: triggers, events",
            &format!("GRANT TRIGGER, EVENT ON `{name}`.* TO '{user}'@'%';"),
            "[WARN] one moment: this user has no RELOAD",
            "[WARN] log position: not noted",
            "are as they are when they are read: old (MyISAM)",
        ] {
            assert!(poor.contains(line), "{kind:?}: {line:?} is not in\n{poor}");
        }
        // What it asks for is what it needs.
        let grants: Vec<&str> = poor.lines().map(str::trim).filter(|line| line.starts_with("GRANT ")).collect();
        server.sql("", &grants.join(" "));
        let rich = plan(&user, "secret");
        assert!(!rich.contains("GRANT ") && rich.contains("[ OK ] definitions") && rich.contains("[ OK ] log position"), "{rich}");
        for text in [&poor, &rich] {
            assert!(!text.contains("pg_dump") && !text.contains("lock table") && !text.contains("superuser"), "{text}");
        }

        let status = program::run(program::dbbackup(home.path(), &["status"]).args(server.flags())).ok().text();
        assert!(status.contains(&format!("Server:             {}", server.socket.display())), "{status}");
        assert!(status.contains("read and write") && !status.contains("Lock capacity"), "{status}");
    }
}

#[test]
fn a_server_that_takes_no_writes_is_said_before_a_restore_is_begun() {
    for kind in Kind::ALL {
        let own = Mysql::start_with(kind, &["--read-only=1"]);
        own.sql("", "create database kept");
        own.sql("kept", "create table t (id int primary key); insert into t values (1)");
        let home = tempfile::tempdir().expect("a folder");
        let dir = home.path().display().to_string();
        program::run(program::dbbackup(home.path(), &["backup", "single", "kept", "--backup-dir", &dir]).args(own.flags())).ok();
        let archive = std::fs::read_dir(home.path()).expect("a folder").map(|entry| entry.expect("an entry").path());
        let archive = archive.into_iter().find(|path| path.extension().is_some_and(|end| end == "zst")).expect("an archive");
        let plan = |user: &str, password: &str| {
            let (port, archive) = (own.port.to_string(), archive.display().to_string());
            let words = ["restore", "single", &archive, "--target", "copy", "--create", "--dry-run", "--engine", kind.word()];
            let rest = ["--host", "127.0.0.1", "--port", &port, "--user", user, "--batch"];
            let all: Vec<&str> = words.into_iter().chain(rest).collect();
            program::run(program::dbbackup(home.path(), &all).env("MYSQL_PWD", password)).text()
        };
        // Who may do everything may write all the same.
        let rich = plan("root", "");
        assert!(rich.contains("[WARN] writing: read_only is set") && !rich.contains("standby, which"), "{rich}");
        assert!(!rich.contains("tablespaces") && !rich.contains("extensions") && !rich.contains("PostgreSQL"), "{rich}");
        let user = own.login(own.plugins()[0], "secret");
        own.sql("", &format!("grant all privileges on copy.* to {user}@'%'"));
        let poor = plan(&user, "secret");
        assert!(poor.contains("[FAIL] writing: read_only is set: only users with a special right may write"), "{poor}");
    }
}
