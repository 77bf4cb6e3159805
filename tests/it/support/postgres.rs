//! A private PostgreSQL server in a temporary folder, started once for each version and test run.
//!
//! The server hangs on a pipe held by this process: when the process ends, however it ends, the server stops and its folder goes.

use std::io::Write as _;
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
    watch: Child,
}

/// Which extensions a server has at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extensions {
    /// What comes with PostgreSQL, and those in `tests/it/data/extension`.
    Ours,
    /// Nothing but plpgsql.
    None,
}

/// What a small disk has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// Nothing is left.
    None,
    /// As much as before.
    Again,
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
    for path in entries(&original.join(&share)).into_iter().filter(|path| !path.ends_with("extension")) {
        link(path.clone(), ours.join(&share).join(path.file_name().expect("a name")));
    }
    supply(bin, major, root, extensions);
    program
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
}

/// Puts the extensions that a server may have into its installation.
fn supply(bin: &Path, major: u32, root: &Path, extensions: Extensions) {
    let share = format!("usr/share/postgresql/{major}/extension");
    let original = bin.ancestors().nth(5).expect("a bin folder lies five deep");
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/extension");
    let own = if extensions == Extensions::Ours { entries(&data) } else { Vec::new() };
    for path in entries(&original.join(&share)).into_iter().chain(own) {
        let name = path.file_name().expect("a name").to_owned();
        if extensions == Extensions::Ours || name.to_string_lossy().starts_with("plpgsql") {
            std::fs::copy(&path, root.join("installation").join(&share).join(name)).expect("an extension's file");
        }
    }
}

impl Postgres {
    /// Starts a server of its own, with further lines for postgresql.conf.
    pub fn start(major: u32, conf: &str) -> Self {
        Self::start_with(major, conf, Extensions::Ours)
    }

    /// The same, with a choice of extensions.
    pub fn start_with(major: u32, conf: &str, extensions: Extensions) -> Self {
        Self::begin(major, conf, extensions, None)
    }

    /// The same, with a tablespace `small` on a disk of so many megabytes, which only the server and its children see.
    pub fn start_beside_a_small_disk(major: u32, conf: &str, megabytes: u32) -> Self {
        let server = Self::begin(major, conf, Extensions::Ours, Some(megabytes));
        server.sql("postgres", &format!("create tablespace small location '{}'", server.small_disk().display()));
        server
    }

    fn small_disk(&self) -> PathBuf {
        self.socket.join("small")
    }

    /// Fills the small disk to its last byte, or makes room on it again.
    pub fn fill_small_disk(&self, room: Room) {
        let filler = self.small_disk().join("filler").display().to_string();
        let program = match room {
            Room::None => format!("dd if=/dev/zero of={filler} bs=64k 2>/dev/null; dd if=/dev/zero of={filler}2 bs=1k 2>/dev/null; true"),
            Room::Again => format!("rm {filler} {filler}2"),
        };
        self.sql("postgres", &format!("copy (select 1) to program '{program}'"));
    }

    fn begin(major: u32, conf: &str, extensions: Extensions, small: Option<u32>) -> Self {
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
        // The shell outlives this process just long enough to stop the server and remove the folder. A line starts a server again that has
        // stopped.
        let mount = small.map_or_else(String::new, |megabytes| {
            format!("mkdir '{0}/small' && mount -t tmpfs -o size={megabytes}m,mode=700 none '{0}/small' && chown --reference '{0}' '{0}/small' || exit 1; ", root.display())
        });
        let script = format!(
            "trap '' INT TERM HUP; {mount}start() {{ {run} '{program}' -D '{data}' >>'{log}' 2>&1 </dev/null & pid=$!; }}; start; \
             while read -r _; do wait $pid; start; done; kill -INT $pid $(head -1 '{data}/postmaster.pid') 2>/dev/null; wait $pid; {unmount}rm -rf '{root}'",
            run = if root_user { "runuser -u postgres --" } else { "" },
            program = program.display(),
            data = data.display(),
            log = log.display(),
            root = root.display(),
            unmount = if small.is_some() { format!("umount '{}/small'; ", root.display()) } else { String::new() },
        );
        let mut watch = Command::new(if small.is_some() { "unshare" } else { "sh" });
        if small.is_some() {
            let own: &[&str] = if root_user { &[] } else { &["--user", "--map-current-user", "--keep-caps"] };
            watch.arg("--mount").args(own).arg("sh");
        }
        let watch = watch
            .args(["-c", &script])
            .env("LC_ALL", "C")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh");
        let server = Self { major, bin, socket: root, port, data, log, passwords: OnceLock::new(), watch };
        server.until_ready();
        server
    }

    fn until_ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.ready() {
            assert!(Instant::now() < deadline, "the server did not start: {}", std::fs::read_to_string(&self.log).unwrap_or_default());
            std::thread::yield_now();
        }
    }

    /// Stops the server at once and starts it again: what it had not written down is lost.
    pub fn restart_now(&self) {
        self.stop_now();
        let mut pipe = self.watch.stdin.as_ref().expect("the pipe that the server hangs on");
        pipe.write_all(b"again\n").expect("the one who starts it listens");
        self.until_ready();
    }

    /// Installs the extensions that the server was started without.
    pub fn install_extensions(&self) {
        supply(&self.bin, self.major, &self.socket, Extensions::Ours);
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
