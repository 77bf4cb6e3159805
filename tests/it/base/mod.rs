//! Base backups of real servers, judged by what owes nothing to the program: tar, `pg_verifybackup`, `pg_combinebackup`, and the servers that come
//! out of them.

mod by_hand;
mod chain;
mod faults;
mod standby;

use crate::support::postgres::Postgres;
use crate::support::program::{self, Outcome};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A server that archives its log into a folder beside it, with a tablespace and some tables.
pub struct Archived {
    pub server: Postgres,
    pub wal: PathBuf,
}

impl Archived {
    /// Starts one, with further lines for postgresql.conf.
    pub fn start(major: u32, conf: &str) -> Self {
        let server = Postgres::start(major, &format!("archive_mode = on\narchive_command = ''\n{conf}"));
        let [wal, space] = ["wal", "space"].map(|name| server.socket.join(name));
        for dir in [&wal, &space] {
            std::fs::create_dir(dir).expect("a folder");
            to_server(dir);
        }
        server.sql("postgres", &format!("alter system set archive_command = 'cp %p \"{}/%f\"'", wal.display()));
        server.sql("postgres", &format!("create tablespace space location '{}'", space.display()));
        server.sql("postgres", "select pg_reload_conf()");
        server.sql(
            "postgres",
            "create table plain as select n, md5(n::text) as word from generate_series(1, 40000) n; \
             create table apart tablespace space as select n, md5(n::text) as word from generate_series(1, 9000) n; \
             create index on apart (word) tablespace space",
        );
        Self { server, wal }
    }

    /// Makes a base backup.
    pub fn backup(&self, dir: &Path, more: &[&str]) -> Outcome {
        let dir = dir.to_str().expect("a path");
        let args: Vec<&str> = ["backup", "base", "--backup-dir", dir].iter().chain(more).copied().collect();
        program::run(&mut program::on(&self.server, Path::new(dir), &args))
    }
}

/// Gives a file or folder to the server's user.
pub fn to_server(path: &Path) {
    if rustix::process::geteuid().is_root() {
        assert!(Command::new("chown").args(["-R", "postgres:"]).arg(path).status().expect("chown").success());
    }
}

/// A program as the server's user.
pub fn as_server(program: &Path) -> Command {
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C").current_dir("/");
    command
}

/// Runs a command; gives what it prints.
#[track_caller]
pub fn done(command: &mut Command) -> String {
    let out = command.output().expect("it starts");
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{command:?}\n{said}");
    said
}

/// A folder that the server's user may enter and write to.
pub fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    to_server(dir.path());
    dir
}

/// Unpacks an archive with stock tar, and links its tablespaces as a server would.
pub fn untar(archive: &Path, into: &Path) -> PathBuf {
    std::fs::create_dir_all(into).expect("a folder");
    done(Command::new("tar").arg("--zstd").arg("-xpf").arg(archive).arg("-C").arg(into));
    let data = into.join("base");
    for entry in std::fs::read_dir(into.join("tablespaces")).into_iter().flatten() {
        let entry = entry.expect("an entry");
        std::os::unix::fs::symlink(entry.path(), data.join("pg_tblspc").join(entry.file_name())).expect("a link");
    }
    data
}

/// A data directory that is run as a server until dropped.
pub struct Revived<'a> {
    origin: &'a Postgres,
    data: PathBuf,
    port: u16,
}

impl<'a> Revived<'a> {
    /// Starts the server and waits until its recovery is over.
    pub fn start(origin: &'a Postgres, data: &Path) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|taken| taken.local_addr()).expect("a free port").port();
        to_server(data);
        let revived = Self { origin, data: data.to_owned(), port };
        let options = format!("-c port={port} -c archive_mode=off -c logging_collector=off -c log_min_messages=info");
        let log = data.join("revived.log");
        let started = revived.control(&["-w", "-t", "60", "-l", log.to_str().expect("a path"), "-o", &options, "start"]).output();
        let started = started.expect("pg_ctl");
        assert!(started.status.success(), "{}", std::fs::read_to_string(&log).unwrap_or_default());
        crate::support::eventually("recovery does not end", || revived.sql("select pg_is_in_recovery()") == "f");
        revived
    }

    fn control(&self, args: &[&str]) -> Command {
        let mut command = as_server(&self.origin.bin.join("pg_ctl"));
        command.arg("-D").arg(&self.data).args(args);
        command
    }

    /// Asks it.
    pub fn sql(&self, sql: &str) -> String {
        let mut psql = Command::new(self.origin.bin.join("psql"));
        psql.arg("-h").arg(&self.origin.socket).args(["-p", &self.port.to_string(), "-U", "postgres", "-XAtqc", sql, "postgres"]);
        done(&mut psql).trim_end().to_owned()
    }
}

impl Drop for Revived<'_> {
    fn drop(&mut self) {
        let _ = self.control(&["-m", "immediate", "-w", "stop"]).output();
    }
}

/// What tells two servers' tables apart.
pub const SUMS: &str =
    "select (select md5(string_agg(t::text, ',' order by n)) from plain t), (select md5(string_agg(t::text, ',' order by n)) from apart t)";
