//! Every kind of failure that the program can be made to meet is met, by the built program against a real server, and ends with its code,
//! its exit code and a cure.

use super::faults::small_file_system;
use super::{Home, lookalikes};
use crate::pty::terminal;
use crate::support::postgres::{Postgres, server};
use crate::support::program::{self, Outcome};
use dbbackup::domain::Code;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// A way to meet a failure.
type Way = fn(&Stage) -> Outcome;

/// Codes with the way to meet them.
const WAYS: &[(Code, Way)] = &[
    (Code::Usage, |at| at.run(&["restore", "table", &at.archive, "no_dot_in_it_(", "--target", "x"])),
    (Code::NotConfirmed, |at| at.run(&["restore", "single", &at.archive, "--target", &at.target("confirm"), "--clean"])),
    (Code::CorruptedBackup, |at| {
        at.run(&[
            "verify",
            &at.altered("corrupted", |bytes| {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 0x55
            }),
            "--full",
        ])
    }),
    (Code::TruncatedBackup, |at| at.run(&["verify", &at.altered("truncated", |bytes| bytes.truncate(bytes.len() - 700)), "--full"])),
    (Code::ForeignFile, |at| at.run(&["archive", "show", &at.file("foreign.tar.zst", "just a text")])),
    (Code::FileMissing, |at| at.run(&["verify", "no_such.tar.zst"])),
    (Code::DatabaseMissing, |at| at.run(&["backup", "single", "no_such_database", "--backup-dir", &at.dir()])),
    (Code::NotInArchive, |at| at.run(&["restore", "table", &at.archive, "public.nope", "--target", &at.target("not_in")])),
    (Code::ConnectionRefused, |at| {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|it| it.local_addr()).expect("a port").port();
        at.elsewhere(&["--host", "127.0.0.1", "--port", &port.to_string()])
    }),
    (Code::HostUnknown, |at| at.elsewhere(&["--host", "no-such-host.invalid"])),
    (Code::ConnectTimeout, |at| {
        // It takes connections and says nothing.
        let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = silent.local_addr().expect("its address").port().to_string();
        at.elsewhere(&["--host", "127.0.0.1", "--port", &port, "--connect-timeout", "1"])
    }),
    (Code::TlsFailed, |at| at.tcp(&["--ssl-mode", "require"])),
    (Code::TooManyConnections, |at| at.login("connection limit 0", "secret")),
    (Code::ServerUnavailable, |at| {
        let rude = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = rude.local_addr().expect("its address").port().to_string();
        // The thread ends with the test's process.
        std::thread::spawn(move || {
            for visitor in rude.incoming().flatten() {
                let mut visitor = visitor;
                let _ = visitor.read(&mut [0; 8]);
            }
        });
        at.elsewhere(&["--host", "127.0.0.1", "--port", &port, "--ssl-mode", "disable"])
    }),
    (Code::ServerReadOnly, |at| {
        let role = at.server.role("reader_only");
        at.server.sql("postgres", &format!("alter role {role} login superuser; alter role {role} set default_transaction_read_only = on"));
        let target = at.target("read_only");
        at.run(&["restore", "single", &at.archive, "--target", &target, "--user", &role, "--rehearse", "off"])
    }),
    (Code::OutputUnwritable, |at| at.run(&["backup", "single", &at.database, "--backup-dir", &at.file("a_file", "x")])),
    (Code::ReadOnlyFileSystem, |at| at.end(&mut small_file_system(at.server, &at.home, "ro,size=64m", &at.database))),
    (Code::OutputExists, |at| {
        at.run(&["config", "init"]).ok();
        at.run(&["config", "init"])
    }),
    (Code::DiskFull, |at| {
        at.server.sql(
            &at.database,
            "create table if not exists swelling as select array_fill(-1000000000, array[1000]) a from generate_series(1, 900)",
        );
        at.end(&mut small_file_system(at.server, &at.home, "size=2m", &at.database))
    }),
    (Code::InodesExhausted, |at| at.end(&mut small_file_system(at.server, &at.home, "size=64m,nr_inodes=1", &at.database))),
    (Code::OutOfMemory, |at| {
        let bin = at.home.path().join("killed");
        std::fs::create_dir(&bin).expect("a folder");
        let program = bin.join("pg_dump");
        std::fs::write(&program, "#!/bin/sh\ncase $1 in --version) echo 'pg_dump (PostgreSQL) 15.99';; *) kill -9 $$;; esac\n")
            .expect("a script");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).expect("rights");
        let mut command = at.command(&["backup", "single", &at.database, "--backup-dir", &at.dir()]);
        at.end(command.env("DBBACKUP_PG_BIN", bin).env("PATH", "/usr/sbin:/sbin"))
    }),
    (Code::ServerOutOfMemory, |at| at.raising("53200", "out of memory")),
    (Code::Deadlock, |at| at.raising("40P01", "deadlock detected")),
    (Code::Conflict, |at| at.raising("40001", "could not serialize access")),
    (Code::StatementTimeout, |at| at.raising("57014", "canceling statement due to statement timeout")),
    (Code::SqlFailed, |at| at.raising("22012", "division by zero")),
    (Code::TooManyFiles, |at| {
        let program = at.command(&["backup", "single", &at.database, "--backup-dir", &at.dir(), "--jobs", "16"]);
        let mut limited = Command::new("sh");
        limited.args(["-c", "ulimit -n 14; exec \"$@\"", "sh"]).arg(program.get_program()).args(program.get_args());
        program::clean(&mut limited, at.home.path());
        at.end(limited.env("PATH", format!("{}:/usr/bin:/bin", at.server.bin.display())))
    }),
    (Code::LockTimeout, |at| {
        let target = at.target("locked");
        at.server.sql(&target, "create table held (a integer)");
        let client = at.server.psql(&target).args(["-c", "begin; lock table held; select pg_sleep(60)"]).spawn();
        let mut holder = client.expect("psql");
        let locks = "select count(*) from pg_locks where relation = 'held'::regclass and granted";
        crate::support::eventually("nobody locks", || at.server.sql(&target, locks) == "1");
        let outcome = at.run(&["backup", "single", &target, "--backup-dir", &at.dir(), "--lock-timeout", "1"]);
        holder.kill().expect("its end");
        holder.wait().expect("its end");
        outcome
    }),
    (Code::AuthFailed, |at| at.login("", "another")),
    (Code::PermissionDenied, |at| {
        let role = at.server.role("may_not");
        at.server.sql("postgres", &format!("alter role {role} login"));
        at.run(&["restore", "single", &at.archive, "--target", "never_made", "--create", "--user", &role])
    }),
    (Code::FilePermission, |at| {
        let file = at.file("password", "secret");
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("rights");
        at.run(&["status", "--password-file", &file])
    }),
    (Code::Config, |at| {
        let file = at.file("config.toml", "[backup]\njobbs = 3\n");
        at.run(&["status", "--config", &file])
    }),
    (Code::Incomplete, |at| {
        let role = at.server.role("half_blind");
        let name = at.target("hidden");
        at.server.sql(&name, &format!("create table t (a integer); alter role {role} login; grant usage on schema public to {role}; grant select on t to {role}; alter table t enable row level security; create policy p on t using (a = 1)"));
        at.run(&["backup", "single", &name, "--backup-dir", &at.dir(), "--user", &role])
    }),
    (Code::MissingObject, |at| at.table_alone("typed", "create type mood as enum ('x'); create table t (m mood)")),
    (Code::MissingRole, |at| {
        let (role, name) = (at.server.role("gone"), at.target("owned"));
        at.server.sql(&name, &format!("create table t (a integer); alter table t owner to {role}"));
        let archive = at.backed_up(&name);
        at.server.sql(&name, &format!("drop table t; drop role {role}"));
        at.run(&["restore", "single", &archive, "--target", "never_made", "--create"])
    }),
    (Code::MissingTablespace, |at| {
        let name = at.target("spaced");
        let space = name.replace('-', "_");
        at.server.sql("postgres", "alter system set allow_in_place_tablespaces = on");
        at.server.sql("postgres", "select pg_reload_conf()");
        crate::support::eventually("the server does not take the setting", || {
            at.server.sql("postgres", "show allow_in_place_tablespaces") == "on"
        });
        at.server.sql("postgres", &format!("create tablespace {space} location ''"));
        at.server.sql(&name, &format!("create table t (a integer) tablespace {space}"));
        let archive = at.backed_up(&name);
        at.server.sql(&name, "drop table t");
        at.server.sql("postgres", &format!("drop tablespace {space}"));
        at.run(&["restore", "single", &archive, "--target", "never_made", "--create"])
    }),
    (Code::MissingExtension, |at| {
        at.raising("58P01", "could not open extension control file \"/x/postgis.control\": No such file or directory")
    }),
    (Code::MissingCollation, |at| at.raising("42704", "collation \"x\" for encoding \"UTF8\" does not exist")),
    (Code::MissingLibrary, |at| at.raising("58P01", "could not access file \"$libdir/postgis-3\": No such file or directory")),
    (Code::TargetNotEmpty, |at| {
        let target = at.target("taken");
        at.server.sql(&target, "create table t (a integer)");
        at.run(&["restore", "single", &at.archive, "--target", &target])
    }),
    (Code::DuplicateObject, |at| at.raising("42P07", "relation \"x\" already exists")),
    (Code::ConstraintViolated, |at| at.rows_into("breaks", "insert into t values ('1'), ('1')", "create table t (a text unique)")),
    (Code::OutOfRange, |at| at.rows_into("wide", "insert into t values ('99999999999')", "create table t (a integer)")),
    (Code::Encoding, |at| {
        let name = at.target("cyrillic");
        at.server.sql(&name, "create table t (a text); insert into t values (U&'\\0416')");
        let archive = at.backed_up(&name);
        let target = format!("{name}_latin");
        at.server.sql("postgres", &format!("create database \"{target}\" template template0 encoding 'LATIN1' locale 'C'"));
        at.run(&["restore", "single", &archive, "--target", &target, "--rehearse", "off"])
    }),
];

/// Codes that other tests meet, or that nothing can be made to meet.
const ELSEWHERE: &[(Code, &str)] = &[
    (Code::WalForeign, "tests/it/wal: a second server, a segment under another name"),
    (Code::WalArchiveMissing, "tests/it/wal: a folder that is not there, or was one"),
    (Code::WalConflict, "tests/it/wal: other content under the same name"),
    (Code::FormatTooNew, "archive::verify and e2e::foreign write such files"),
    (Code::ProofFailed, "e2e::drill alters a fingerprint"),
    (Code::PoolerMode, "e2e::pooler starts one"),
    (Code::ToolMissing, "server::postgres::program has folders without and with old programs"),
    (Code::ToolTooOld, "server::postgres::program, and postgres::source_contents asks for version 99"),
    (Code::VersionUnsupported, "restore::preflight::missing restores to an older server"),
    (Code::Internal, "a bug of ours: none is known"),
    (Code::TempFull, "engine::restore::foreign::space, and e2e::foreign unpacks onto a small disk"),
    (Code::ServerDiskFull, "restore::preflight::program has a small disk under a tablespace"),
    (Code::Io, "devices that fail cannot be had here"),
    (Code::LockTableFull, "restore::preflight::room and backup::obstacles have servers with few locks"),
    (Code::AnotherRun, "e2e::interrupted"),
    (Code::Partial, "e2e::partial"),
    (Code::Cancelled, "e2e::interrupted"),
    (Code::Terminated, "e2e::interrupted"),
];

/// Where a failure is told.
#[derive(Clone, Copy, PartialEq)]
enum Face {
    /// To a scheduler.
    Lines,
    /// To a person who looks on: the job's screen, and then the normal one.
    Screen,
}

/// What asks on a screen instead of failing there.
const ASKED: &[Code] = &[Code::NotConfirmed];

/// A server, a database of a few rows on it and its archive.
struct Stage {
    face: Face,
    server: &'static Postgres,
    home: Home,
    database: String,
    archive: String,
}

impl Stage {
    fn new(face: Face) -> Self {
        let (server, home) = (server(15), Home::new());
        let database = server.database("codes");
        server.sql(
            &database,
            "create table t (id integer primary key, v text); insert into t select i, md5(i::text) from generate_series(1, 500) i",
        );
        let archive = home.backup(server, &database, &[]).display().to_string();
        Self { face, server, home, database, archive }
    }

    fn dir(&self) -> String {
        self.home.backups().display().to_string()
    }

    fn command(&self, args: &[&str]) -> Command {
        program::on(self.server, self.home.path(), args)
    }

    fn run(&self, args: &[&str]) -> Outcome {
        let mut command = self.command(&[]);
        // What is asked for stands last and wins.
        let names = ["--user"].iter().any(|flag| args.contains(flag));
        if names {
            command = program::dbbackup(self.home.path(), args);
            command.args(["--host", &self.server.socket.display().to_string(), "--port", &self.server.port.to_string(), "--batch"]);
            command.env("PATH", format!("{}:/usr/bin:/bin", self.server.bin.display()));
        } else {
            command.args(args);
        }
        self.end(&mut command)
    }

    /// Runs a command to its end, on the face that is looked at.
    fn end(&self, command: &mut Command) -> Outcome {
        match self.face {
            Face::Lines => program::run(command),
            Face::Screen => {
                let (outcome, shown) = terminal::run(command);
                let is_job = command.get_args().any(|word| ["backup", "restore", "verify"].iter().any(|job| word == *job));
                // What cannot be understood never comes to a screen.
                let is_understood = outcome.code != i32::from(Code::Usage.exit());
                assert_eq!(shown, is_job && is_understood, "the job's screen: {command:?}\n{}", outcome.stdout);
                outcome
            }
        }
    }

    /// The first thing that is done with a server: a question, or the job that leads to a screen.
    fn reaching(&self) -> Vec<String> {
        match self.face {
            Face::Lines => vec!["status".to_owned()],
            Face::Screen => ["backup", "single", &self.database, "--backup-dir", &self.dir()].map(str::to_owned).into(),
        }
    }

    fn elsewhere(&self, args: &[&str]) -> Outcome {
        let mut command = program::dbbackup(self.home.path(), &[]);
        self.end(command.args(self.reaching()).args(args).args(["--user", "x", "--batch"]))
    }

    fn tcp(&self, args: &[&str]) -> Outcome {
        let port = self.server.port.to_string();
        let mut command = program::dbbackup(self.home.path(), &[]);
        self.end(command.args(self.reaching()).args(args).args(["--host", "127.0.0.1", "--port", &port, "--user", "postgres", "--batch"]))
    }

    /// A run as a role with the password "secret".
    fn login(&self, attributes: &str, password: &str) -> Outcome {
        let role = self.server.login_with_password("secret", attributes);
        let port = self.server.port.to_string();
        let mut command = program::dbbackup(self.home.path(), &[]);
        command.args(self.reaching()).args(["--host", "127.0.0.1", "--port", &port, "--user", &role, "--batch"]);
        self.end(command.env("PGPASSWORD", password))
    }

    fn target(&self, stem: &str) -> String {
        self.server.database(stem)
    }

    fn backed_up(&self, database: &str) -> String {
        self.home.backup(self.server, database, &[]).display().to_string()
    }

    fn file(&self, name: &str, content: &str) -> String {
        let path = self.home.path().join(name);
        std::fs::write(&path, content).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("rights");
        path.display().to_string()
    }

    fn altered(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut bytes = std::fs::read(&self.archive).expect("the archive");
        change(&mut bytes);
        let path = self.home.path().join(name).with_extension("tar.zst");
        std::fs::write(&path, bytes).expect("a file");
        path.display().to_string()
    }

    /// A restore in which the server answers with this error: an index is over a function that raises it everywhere but at the source.
    fn raising(&self, state: &str, message: &str) -> Outcome {
        let name = self.target("raising");
        let message = message.replace('\'', "''").replace('%', "%%");
        self.server.sql(
            &name,
            &format!(
                "create function f(i integer) returns integer immutable language plpgsql as $$ begin \
                 if current_database() <> '{name}' then raise exception using errcode = '{state}', message = '{message}'; end if; return i; end $$; \
                 create table t (a integer); insert into t values (1); create index on t (f(a))"
            ),
        );
        let archive = self.backed_up(&name);
        let target = format!("{name}_copy");
        self.run(&["restore", "single", &archive, "--target", &target, "--create", "--retries", "0", "--on-failure", "drop"])
    }

    /// One table out of a database, into an empty one.
    fn table_alone(&self, stem: &str, sql: &str) -> Outcome {
        let name = self.target(stem);
        self.server.sql(&name, sql);
        let archive = self.backed_up(&name);
        self.run(&["restore", "table", &archive, "public.t", "--target", &self.target(stem), "--rehearse", "off"])
    }

    /// Rows of a table of text into a table that was made by `sql`.
    fn rows_into(&self, stem: &str, rows: &str, sql: &str) -> Outcome {
        let (name, target) = (self.target(stem), self.target(stem));
        self.server.sql(&name, &format!("create table t (a text); {rows}"));
        self.server.sql(&target, sql);
        let archive = self.backed_up(&name);
        self.run(&["restore", "table", &archive, "public.t", "--target", &target, "--data-only"])
    }
}

/// What everybody who fails is told.
#[track_caller]
fn told(code: Code, outcome: Outcome) {
    let outcome = outcome.fails(i32::from(code.exit()), code.as_str());
    let text = outcome.text();
    let plan_refused = text.contains("[FAIL] ");
    assert!(plan_refused, "{}: no structured error\n{text}", code.as_str());
    assert!(text.contains("How to fix:"), "{}: no cure\n{text}", code.as_str());
    assert!(text.contains(&format!("docs/troubleshooting.md#{}", code.as_str().to_lowercase())), "{}: no anchor\n{text}", code.as_str());
    assert!(!text.contains("secret"), "{}: a password\n{text}", code.as_str());
}

fn meet(face: Face, part: usize, of: usize) {
    let stage = Stage::new(face);
    for (code, way) in WAYS.iter().skip(part).step_by(of) {
        if face == Face::Lines || !ASKED.contains(code) {
            told(*code, way(&stage));
        }
    }
    let strange: Vec<String> = lookalikes(Path::new(&stage.home.path())).into_iter().filter(|name| name.ends_with(".part")).collect();
    assert_eq!(strange, Vec::<String>::new());
}

#[test]
fn failures_are_met_and_told_first_part() {
    meet(Face::Lines, 0, 4);
}

#[test]
fn failures_are_met_and_told_second_part() {
    meet(Face::Lines, 1, 4);
}

#[test]
fn failures_are_met_and_told_third_part() {
    meet(Face::Lines, 2, 4);
}

#[test]
fn failures_are_met_and_told_fourth_part() {
    meet(Face::Lines, 3, 4);
}

#[test]
fn failures_are_told_in_a_terminal_first_part() {
    meet(Face::Screen, 0, 4);
}

#[test]
fn failures_are_told_in_a_terminal_second_part() {
    meet(Face::Screen, 1, 4);
}

#[test]
fn failures_are_told_in_a_terminal_third_part() {
    meet(Face::Screen, 2, 4);
}

#[test]
fn failures_are_told_in_a_terminal_fourth_part() {
    meet(Face::Screen, 3, 4);
}

#[test]
fn every_code_is_met_somewhere() {
    for code in Code::ALL {
        let here = WAYS.iter().filter(|(known, _)| known == code).count();
        let there = ELSEWHERE.iter().filter(|(known, why)| known == code && why.len() > 10).count();
        assert_eq!(here + there, 1, "{}", code.as_str());
    }
    assert!(WAYS.len() >= 40, "{}", WAYS.len());
}
