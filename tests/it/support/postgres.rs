//! A private PostgreSQL server in a temporary folder, started once for each version and test run.
//!
//! The server hangs on a pipe held by this process: when the process ends, however it ends, the server stops and its folder goes.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The versions that the tests run against. Each is exercised, or the run fails.
pub const VERSIONS: [u32; 2] = [15, 17];

/// A running server.
pub struct Postgres {
    /// Its major version.
    pub major: u32,
    /// The folder of its programs.
    pub bin: PathBuf,
    /// The folder of its socket.
    pub socket: PathBuf,
    /// Its port, on 127.0.0.1 and in the socket's name.
    pub port: u16,
    /// Its data directory.
    pub data: PathBuf,
    /// Its log file.
    pub log: PathBuf,
    /// Whether the group of the roles that need a password is there.
    passwords: OnceLock<()>,
    _watch: Child,
}

/// Which extensions a server has at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extensions {
    /// What comes with PostgreSQL, and those in `tests/it/data/extension`.
    Ours,
    /// Nothing but plpgsql.
    None,
}

/// The group of roles that need a password; all others are trusted.
const WITH_PASSWORD: &str = "with_password";

static NEXT: AtomicU32 = AtomicU32::new(0);

/// The folder of a version's programs: what `scripts/servers` installed, or Debian's own.
pub fn bin(major: u32) -> PathBuf {
    let root =
        std::env::var_os("DBBACKUP_SERVERS").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/servers"), PathBuf::from);
    let unpacked = root.join(format!("pg{major}/usr/lib/postgresql/{major}/bin"));
    let host = PathBuf::from(format!("/usr/lib/postgresql/{major}/bin"));
    let found = [unpacked, host].into_iter().find(|dir| dir.join("postgres").exists());
    found.unwrap_or_else(|| panic!("no PostgreSQL {major}: run scripts/servers (make test does)"))
}

/// The shared server of a version.
pub fn server(major: u32) -> &'static Postgres {
    static SERVERS: OnceLock<Vec<(u32, OnceLock<Postgres>)>> = OnceLock::new();
    let servers = SERVERS.get_or_init(|| VERSIONS.map(|major| (major, OnceLock::new())).into());
    let slot = servers.iter().find(|(known, _)| *known == major).expect("a version of the list");
    slot.1.get_or_init(|| Postgres::start(major, ""))
}

/// Makes an installation with our own extensions in a folder: a copy of the server's program beside links to all the rest. PostgreSQL
/// finds its shared files from the place of its program, so nothing outside of the folder is touched.
fn installation(bin: &Path, major: u32, root: &Path, extensions: Extensions) -> PathBuf {
    let lib = format!("usr/lib/postgresql/{major}");
    let share = format!("usr/share/postgresql/{major}");
    let original = bin.ancestors().nth(5).expect("a bin folder lies five deep");
    let ours = root.join("installation");
    let link = |from: PathBuf, to: PathBuf| std::os::unix::fs::symlink(from, to).expect("a link");
    std::fs::create_dir_all(ours.join(&lib).join("bin")).expect("a folder");
    std::fs::create_dir_all(ours.join(&share).join("extension")).expect("a folder");
    let program = ours.join(&lib).join("bin/postgres");
    // By another process: what is open for writing here could be inherited by a child that is just being started, and a program that is
    // open for writing cannot be run ("text file busy").
    let copied = Command::new("cp").arg(bin.join("postgres")).arg(&program).status().expect("cp");
    assert!(copied.success(), "the server's program");
    link(original.join(&lib).join("lib"), ours.join(&lib).join("lib"));
    let entries = |dir: PathBuf| std::fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path());
    for path in entries(original.join(&share)).filter(|path| !path.ends_with("extension")) {
        link(path.clone(), ours.join(&share).join(path.file_name().expect("a name")));
    }
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/extension");
    let own = if extensions == Extensions::Ours { entries(data).collect() } else { Vec::new() };
    for path in entries(original.join(&share).join("extension")).chain(own) {
        let name = path.file_name().expect("a name").to_owned();
        if extensions == Extensions::Ours || name.to_string_lossy().starts_with("plpgsql") {
            let target = ours.join(&share).join("extension").join(name);
            std::fs::copy(&path, &target).expect("an extension's file");
        }
    }
    program
}

impl Postgres {
    /// Starts a server of its own, with further lines for postgresql.conf.
    pub fn start(major: u32, conf: &str) -> Self {
        Self::start_with(major, conf, Extensions::Ours)
    }

    /// The same, with a choice of extensions.
    pub fn start_with(major: u32, conf: &str, extensions: Extensions) -> Self {
        let bin = bin(major);
        let root = std::env::temp_dir().join(format!("dbbackup-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir(&root).expect("a temporary folder");
        let data = root.join("data");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let root_user = rustix::process::geteuid().is_root();
        if root_user {
            let done = Command::new("chown").arg("postgres:").arg(&root).status().expect("chown");
            assert!(done.success(), "chown");
        }
        let as_postgres = |program: &str| {
            let program = bin.join(program);
            let mut command = if root_user { Command::new("runuser") } else { Command::new(&program) };
            if root_user {
                command.args(["-u", "postgres", "--"]).arg(&program);
            }
            command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C").current_dir("/");
            command
        };
        super::cluster::make(major, &data, &as_postgres);
        let extra = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\nfsync = off\nfull_page_writes = off\n\
             max_connections = 100\nmax_wal_senders = 4\nwal_level = logical\nmax_prepared_transactions = 4\nlog_min_messages = warning\n\
             max_locks_per_transaction = 256\n{conf}\n",
            root.display()
        );
        let conf_file = data.join("postgresql.conf");
        let old = std::fs::read_to_string(&conf_file).expect("postgresql.conf");
        std::fs::write(&conf_file, old + &extra).expect("postgresql.conf");
        let hba = data.join("pg_hba.conf");
        let old = std::fs::read_to_string(&hba).expect("pg_hba.conf");
        std::fs::write(
            &hba,
            format!("host all +{WITH_PASSWORD} 127.0.0.1/32 scram-sha-256\nlocal all +{WITH_PASSWORD} scram-sha-256\n{old}"),
        )
        .expect("pg_hba.conf");
        let log = root.join("server.log");
        let program = installation(&bin, major, &root, extensions);
        // The shell outlives this process just long enough to stop the server and remove the folder.
        let script = format!(
            "trap '' INT TERM HUP; {run} '{program}' -D '{data}' >'{log}' 2>&1 </dev/null & pid=$!; read -r _; kill -INT $pid $(head -1 '{data}/postmaster.pid') 2>/dev/null; wait $pid; rm -rf '{root}'",
            run = if root_user { "runuser -u postgres --" } else { "" },
            program = program.display(),
            data = data.display(),
            log = log.display(),
            root = root.display(),
        );
        let watch = Command::new("sh")
            .args(["-c", &script])
            .env("LC_ALL", "C")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh");
        let server = Self { major, bin, socket: root, port, data, log, passwords: OnceLock::new(), _watch: watch };
        let deadline = Instant::now() + Duration::from_secs(60);
        while !server.ready() {
            assert!(Instant::now() < deadline, "the server did not start: {}", std::fs::read_to_string(&server.log).unwrap_or_default());
            std::thread::yield_now();
        }
        server
    }

    /// Stops the server at once, as a crash would: sessions see their connection die.
    pub fn stop_now(&self) {
        let pid = std::fs::read_to_string(self.data.join("postmaster.pid")).expect("postmaster.pid");
        let pid =
            pid.lines().next().and_then(|line| line.trim().parse().ok()).and_then(rustix::process::Pid::from_raw).expect("a process id");
        rustix::process::kill_process(pid, rustix::process::Signal::QUIT).expect("a signal");
    }

    fn ready(&self) -> bool {
        let out = Command::new(self.bin.join("psql"))
            .arg("-h")
            .arg(&self.socket)
            .args(["-p", &self.port.to_string(), "-U", "postgres", "-XAtc", "select 1", "postgres"])
            .output();
        out.is_ok_and(|out| out.status.success())
    }

    /// A psql command on a database, without start-up file.
    pub fn psql(&self, database: &str) -> Command {
        let mut command = Command::new(self.bin.join("psql"));
        command.arg("-h").arg(&self.socket).args([
            "-p",
            &self.port.to_string(),
            "-U",
            "postgres",
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            database,
        ]);
        command
    }

    /// Runs SQL; gives what it prints; panics when it fails.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let out = self.psql(database).env("PGCLIENTENCODING", "UTF8").args(["-c", sql]).output().expect("psql");
        assert!(out.status.success(), "{sql}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim_end().to_owned()
    }

    /// Runs a script file.
    pub fn script(&self, database: &str, file: &Path) {
        let out = self.psql(database).arg("-f").arg(file).output().expect("psql");
        assert!(out.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&out.stderr));
    }

    /// Makes a role that no other test has, which needs its password for every connection; `attributes` as in CREATE ROLE.
    pub fn login_with_password(&self, password: &str, attributes: &str) -> String {
        self.passwords.get_or_init(|| drop(self.sql("postgres", &format!("create role {WITH_PASSWORD}"))));
        let role = self.role("pw_user");
        let password = password.replace('\'', "''");
        let make = format!("alter role {role} login {attributes} password '{password}'; grant {WITH_PASSWORD} to {role}");
        self.sql("postgres", &format!("set standard_conforming_strings = on; set password_encryption = 'scram-sha-256'; {make}"));
        role
    }

    /// Makes a role with a name that no other test has; it needs no quotes.
    pub fn role(&self, stem: &str) -> String {
        let name = format!("{stem}_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("create role {name}"));
        name
    }

    /// Makes an empty database with a name that no other test has.
    pub fn database(&self, stem: &str) -> String {
        let name = format!("{stem}_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("create database \"{name}\" template template0"));
        name
    }
}
