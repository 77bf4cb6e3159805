//! A server that is archived and backed up while hundreds of transactions a second change it, and what it remembers of each of them.

use crate::support::postgres::Postgres;
use crate::support::program::{self, Outcome};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A commit, as the server that made it remembers it (`track_commit_timestamp`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The transaction.
    pub xid: u32,
    /// When, in microseconds since 1970.
    pub at: i64,
    /// Where its record is, as `pg_waldump` says.
    pub lsn: u64,
}

/// What was done to the server.
pub struct Story {
    /// The server.
    pub server: Postgres,
    /// The folder with everything, which goes with the server.
    pub dir: PathBuf,
    /// Its commits in the order of the log.
    pub commits: Vec<Commit>,
    /// The base backups in the order in which they were made: full, incremental, incremental.
    pub bases: Vec<PathBuf>,
    /// Where the restore point `halfway` is.
    pub halfway: u64,
}

/// The server's table: a row for each transaction, in a tablespace of its own beside one in the usual place.
const TABLES: &str = "create tablespace apart location 'APART';
    create table moves (id bigserial, xid xid default pg_current_xact_id()::xid, filler text) tablespace apart;
    create table padding as select n, repeat(md5(n::text), 20) as text from generate_series(1, 20000) n;
    create table dropped as select n from generate_series(1, 1000) n;
    checkpoint";

const LOAD: &str = "insert into moves (filler) values (repeat('x', 200));\n";

impl Story {
    /// The story of a version, told once for a run.
    pub fn of(major: u32) -> &'static Self {
        static STORIES: [OnceLock<Story>; 2] = [OnceLock::new(), OnceLock::new()];
        STORIES[usize::from(major != 15)].get_or_init(|| Self::tell(major))
    }

    /// The folder of the archived log.
    pub fn wal(&self) -> PathBuf {
        self.dir.join("wal")
    }

    /// The folder of base backups.
    pub fn backups(&self) -> PathBuf {
        self.dir.join("backups")
    }

    fn tell(major: u32) -> Self {
        let summaries = if major >= 17 { "summarize_wal = on" } else { "" };
        let conf = format!(
            "archive_mode = on\ntrack_commit_timestamp = on\nwal_keep_size = '1GB'\nfull_page_writes = on\nautovacuum = off\nmax_wal_senders = 8\n\
             shared_buffers = '32MB'\n{summaries}"
        );
        let server = Postgres::start(major, &conf);
        let dir = server.socket.join("story");
        for name in ["", "wal", "backups", "apart", "home"] {
            let path = dir.join(name);
            std::fs::create_dir(&path).expect("a folder");
            own(&path);
        }
        let command = format!(
            "{} wal archive %p %f --archive-dir {} --log-target off --audit-file off",
            env!("CARGO_BIN_EXE_dbbackup"),
            dir.join("wal").display()
        );
        server.sql("postgres", &format!("alter system set archive_command = '{command}'"));
        server.sql("postgres", "select pg_reload_conf()");
        for statement in TABLES.replace("APART", &dir.join("apart").display().to_string()).split(';') {
            server.sql("postgres", statement);
        }
        let mut story = Self { server, dir, commits: Vec::new(), bases: Vec::new(), halfway: 0 };
        let script = story.dir.join("load.sql");
        std::fs::write(&script, LOAD).expect("a script");
        let mut load = Command::new(story.server.bin.join("pgbench"))
            .arg("-h")
            .arg(&story.server.socket)
            .args(["-p", &story.server.port.to_string(), "-U", "postgres", "-n", "-c", "4", "-R", "700", "-T", "60", "-f"])
            .arg(&script)
            .arg("postgres")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("pgbench");
        story.until(200);
        story.base("full");
        story.until(300);
        story.server.sql("postgres", "truncate dropped; insert into padding select n, 'more' from generate_series(1, 3000) n");
        story.base("incremental");
        story.until(300);
        story.halfway = lsn(&story.server.sql("postgres", "select pg_create_restore_point('halfway')"));
        for statement in
            ["drop table dropped; delete from padding where n > 15000", "vacuum padding", "create table new as select 1 as one"]
        {
            story.server.sql("postgres", statement);
        }
        story.base("incremental");
        // Transactions that end otherwise: rolled back, and in two steps with a subtransaction.
        story.server.sql("postgres", "begin; insert into moves (filler) values ('undone'); rollback");
        story.server.sql(
            "postgres",
            "begin; create table prepared (n int); savepoint one; insert into prepared values (1); prepare transaction 'two'",
        );
        story.server.sql("postgres", "commit prepared 'two'");
        story.until(600);
        load.kill().expect("pgbench is there");
        load.wait().expect("it ends");
        story.server.sql("postgres", "select pg_switch_wal()");
        story.archived();
        story.remember();
        story
    }

    /// Waits until so many more transactions are done.
    fn until(&self, more: u64) {
        let count = || self.server.sql("postgres", "select count(*) from moves").parse::<u64>().expect("a number");
        let wanted = count() + more;
        let deadline = Instant::now() + Duration::from_secs(60);
        while count() < wanted {
            assert!(Instant::now() < deadline, "there is no load");
        }
    }

    fn base(&mut self, kind: &str) {
        let backups = self.backups().display().to_string();
        let args =
            ["backup", "base", "--backup-dir", &backups, "--type", kind, "--jobs", "2", "--archive-dir", &self.wal().display().to_string()]
                .map(str::to_owned);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        program::run(&mut program::on(&self.server, &self.dir.join("home"), &args)).ok();
        let archives = std::fs::read_dir(self.backups()).expect("a folder").map(|entry| entry.expect("an entry").path());
        let new = archives.filter(|path| path.to_string_lossy().contains(".tar.") && path.extension().is_some_and(|end| end == "zst"));
        self.bases.push(new.into_iter().find(|path| !self.bases.contains(path)).expect("a new archive"));
    }

    /// Waits until everything is archived.
    fn archived(&self) {
        let last = self.server.sql("postgres", "select pg_walfile_name(pg_current_wal_lsn() - 1)");
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.server.sql("postgres", "select coalesce(max(last_archived_wal), '') from pg_stat_archiver") < last {
            assert!(Instant::now() < deadline, "{last} is not archived: {}", std::fs::read_to_string(&self.server.log).unwrap_or_default());
        }
    }

    /// Asks the server for the time of each commit, and pg_waldump for its place.
    fn remember(&mut self) {
        let sql = "select xid, (extract(epoch from pg_xact_commit_timestamp(xid)) * 1000000)::bigint from moves";
        let times: std::collections::HashMap<u32, i64> = self
            .server
            .sql("postgres", sql)
            .lines()
            .map(|line| {
                let (xid, at) = line.split_once('|').expect("two columns");
                (xid.parse().expect("a number"), at.parse().expect("a number"))
            })
            .collect();
        let commits = self.dump("Transaction");
        self.commits = commits
            .lines()
            .filter(|line| line.contains("desc: COMMIT "))
            .filter_map(|line| {
                let xid = word_after(line, "tx:").trim_end_matches(',').parse().expect("a number");
                Some(Commit { xid, at: *times.get(&xid)?, lsn: lsn(word_after(line, "lsn:").trim_end_matches(',')) })
            })
            .collect();
        assert_eq!(self.commits.len(), times.len(), "each transaction ends once");
    }

    /// What pg_waldump says of the records of a kind.
    pub fn dump(&self, kind: &str) -> String {
        let wal = self.server.data.join("pg_wal");
        let mut names: Vec<String> = std::fs::read_dir(&wal)
            .expect("pg_wal")
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .filter(|name| name.len() == 24)
            .collect();
        names.sort();
        let mut command = Command::new(self.server.bin.join("pg_waldump"));
        let (log, segment) = (&names[0][8..16], u32::from_str_radix(&names[0][16..], 16).expect("a number"));
        command.env("TZ", "UTC").arg("-p").arg(&wal).arg("-s").arg(format!("{log}/{:X}", segment << 24));
        if !kind.is_empty() {
            command.arg(format!("--rmgr={kind}"));
        }
        let output = command.output().expect("pg_waldump");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Commits up to and with one, by its number in the order of the log.
    pub fn rows(&self, count: usize) -> Vec<u32> {
        let mut xids: Vec<u32> = self.commits[..count].iter().map(|commit| commit.xid).collect();
        xids.sort_unstable();
        xids
    }

    /// Runs `restore pitr` into a folder of this name.
    pub fn recover(&self, name: &str, more: &[&str]) -> (Recovered<'_>, Outcome) {
        let recovered = Recovered::of(self, name);
        let outcome = program::run(&mut self.command(name, more));
        (recovered, outcome)
    }

    /// The command for it. The tablespace goes beside the data directory.
    pub fn command(&self, name: &str, more: &[&str]) -> Command {
        let mut command = program::dbbackup(&self.dir.join("home"), &["restore", "pitr", "--batch", "--audit-file", "off", "--jobs", "2"]);
        command.arg("--wal-archive").arg(self.wal()).arg("--backup-dir").arg(self.backups()).arg("--bin-dir").arg(&self.server.bin);
        command.arg("--target-dir").arg(self.dir.join(name));
        command.arg("--map-tablespace").arg(format!(
            "{}={}",
            self.dir.join("apart").display(),
            self.dir.join(format!("{name}-apart")).display()
        ));
        command.args(more);
        command
    }
}

/// A recovered server; stopped when it is dropped.
pub struct Recovered<'a> {
    story: &'a Story,
    /// Its data directory.
    pub data: PathBuf,
}

impl<'a> Recovered<'a> {
    /// The server that is recovered into a folder of this name.
    pub fn of(story: &'a Story, name: &str) -> Self {
        Self { story, data: story.dir.join(name) }
    }

    /// A command of pg_ctl on it.
    fn control(&self, args: &[&str]) {
        let root = rustix::process::geteuid().is_root();
        let mut command = Command::new(if root { "runuser" } else { "env" });
        if root {
            command.args(["-u", "postgres", "--"]);
        }
        command.arg(self.story.server.bin.join("pg_ctl")).args(args).arg("-D").arg(&self.data);
        let _ = command.current_dir("/").stdout(Stdio::null()).stderr(Stdio::null()).status();
    }

    /// Starts it as a person would, beside the first one, and waits until it is at its target.
    pub fn start(&self) {
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
        let options = format!("-c port={port} -c unix_socket_directories={}", self.data.display());
        self.control(&["start", "-w", "-l", &self.data.join("log").display().to_string(), "-o", &options]);
        crate::support::eventually("it is at its target", || self.sql("select pg_get_wal_replay_pause_state()") == "paused");
    }

    /// Runs SQL on it.
    pub fn sql(&self, sql: &str) -> String {
        let pid = std::fs::read_to_string(self.data.join("postmaster.pid")).expect("it runs");
        let lines: Vec<&str> = pid.lines().collect();
        let mut command = Command::new(self.story.server.bin.join("psql"));
        command.args(["-h", lines[4], "-p", lines[3], "-U", "postgres", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", "postgres", "-c", sql]);
        let out = command.output().expect("psql");
        assert!(out.status.success(), "{sql}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim_end().to_owned()
    }

    /// The transactions that it has, by number.
    pub fn rows(&self) -> Vec<u32> {
        let mut xids: Vec<u32> = self.sql("select xid from moves").lines().map(|line| line.parse().expect("a number")).collect();
        xids.sort_unstable();
        xids
    }

    /// Stops it.
    pub fn stop(&self) {
        self.control(&["stop", "-m", "immediate", "-w"]);
    }
}

impl Drop for Recovered<'_> {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.data);
        let _ = std::fs::remove_dir_all(format!("{}-apart", self.data.display()));
    }
}

/// The word after another one.
pub fn word_after<'a>(line: &'a str, word: &str) -> &'a str {
    let rest = line.split_once(word).unwrap_or_else(|| panic!("{word} in {line}")).1;
    rest.split_whitespace().next().expect("a word")
}

/// A position of the log.
pub fn lsn(text: &str) -> u64 {
    text.parse::<dbbackup::domain::wal::Lsn>().expect("a position").0
}

/// Gives a folder to the user that runs the server.
pub fn own(path: &Path) {
    if rustix::process::geteuid().is_root() {
        assert!(Command::new("chown").arg("postgres:").arg(path).status().expect("chown").success());
    }
}

/// The same with everything in it.
pub fn own_all(path: &Path) {
    if rustix::process::geteuid().is_root() {
        assert!(Command::new("chown").args(["-R", "postgres:"]).arg(path).status().expect("chown").success());
    }
}

/// A moment as the command line takes it.
pub fn moment(micros: i64) -> String {
    let at = jiff::Timestamp::from_microsecond(micros).expect("a moment");
    at.strftime("%Y-%m-%d %H:%M:%S%.6f+00").to_string()
}
