//! A private MySQL or MariaDB server in a temporary folder, started once for each product and test run.
//!
//! The server hangs on a pipe held by this process: when the process ends, however it ends, the server stops and its folder goes.

use super::mysql_model;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The products that the tests run against. Each is exercised, or the run fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// MariaDB 10.11.
    Mariadb,
    /// MySQL 9.
    Mysql,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Mariadb, Self::Mysql];

    /// The word after `--engine`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Mariadb => "mariadb",
            Self::Mysql => "mysql",
        }
    }
}

/// A running server. Its user `root` has no password, on the socket and on 127.0.0.1.
pub struct Mysql {
    /// Its product.
    pub kind: Kind,
    /// The folder below which its programs are: `usr/bin`, `usr/sbin`, `usr/share/mysql`.
    pub prefix: PathBuf,
    /// The folder of everything that is its own; `ca.crt` in it signed its certificate, which is for `localhost`.
    pub root: PathBuf,
    /// Its socket.
    pub socket: PathBuf,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Its data directory, in which the binary log is too.
    pub data: PathBuf,
    /// Its log file.
    pub log: PathBuf,
    watch: Child,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

/// The shared server of a product.
pub fn server(kind: Kind) -> &'static Mysql {
    static SERVERS: [OnceLock<Mysql>; 2] = [const { OnceLock::new() }; 2];
    SERVERS[kind as usize].get_or_init(|| Mysql::start_with(kind, &[]))
}

/// What both servers are started with.
const COMMON: [&str; 16] = [
    "--bind-address=127.0.0.1",
    "--log-bin=binlog",
    "--server-id=1",
    "--sync-binlog=0",
    "--binlog-format=ROW",
    "--log-bin-trust-function-creators=1",
    "--local-infile=1",
    "--secure-file-priv=",
    "--skip-name-resolve",
    "--event-scheduler=OFF",
    "--max-connections=200",
    "--innodb-buffer-pool-size=64M",
    "--innodb-use-native-aio=0",
    "--innodb-doublewrite=0",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-flush-method=nosync",
];

/// What each server needs of its own. The extra ways to log in are those that their Debian packages have.
const fn own(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Mariadb => &["--gtid-strict-mode=1", "--innodb-log-file-size=8M", "--plugin-load-add=auth_ed25519"],
        Kind::Mysql => &[
            "--gtid-mode=ON",
            "--enforce-gtid-consistency=ON",
            "--mysqlx=OFF",
            "--innodb-redo-log-capacity=8M",
            "--plugin-load-add=auth_socket.so",
            "--performance-schema-max-table-instances=500",
            "--performance-schema-max-thread-instances=250",
        ],
    }
}

impl Mysql {
    /// Starts a server of its own, with further arguments.
    pub fn start_with(kind: Kind, arguments: &[&str]) -> Self {
        let prefix = mysql_model::prefix(kind);
        let root = std::env::temp_dir().join(format!(
            "dbbackup-test-{}-{}-{}",
            std::process::id(),
            kind.word(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        ));
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir(&root).expect("a temporary folder");
        mysql_model::certificates(&root);
        let data = root.join("data");
        mysql_model::copy(kind, &prefix, &data);
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let (socket, log) = (root.join("s"), root.join("server.log"));
        // Each statement stands on one line, as this file has to be written; what it does is not for the binary log.
        let first = "SET sql_log_bin=0;\nCREATE USER IF NOT EXISTS root@'127.0.0.1';\nGRANT ALL PRIVILEGES ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n";
        std::fs::write(root.join("first.sql"), first).expect("a file");
        mysql_model::give(&root);
        let mut words: Vec<String> = mysql_model::places(&prefix, &data);
        words.extend(COMMON.iter().chain(own(kind)).map(|&word| word.to_owned()));
        for (option, path) in [("socket", "s"), ("pid-file", "pid"), ("tmpdir", "tmp"), ("init-file", "first.sql")] {
            words.push(format!("--{option}={}", root.join(path).display()));
        }
        words.extend(
            [("ca", "ca.crt"), ("cert", "server.crt"), ("key", "server.key")].map(|(o, f)| format!("--ssl-{o}={}", root.join(f).display())),
        );
        words.push(format!("--port={port}"));
        words.extend(arguments.iter().map(|&word| word.to_owned()));
        // The shell outlives this process just long enough to stop the server and remove the folder. A line starts a server again that has
        // stopped.
        let script = format!(
            "trap '' INT TERM HUP; start() {{ \"$@\" >>'{log}' 2>&1 </dev/null & pid=$!; }}; start \"$@\"; \
             while read -r _; do wait $pid; start \"$@\"; done; kill -KILL $pid 2>/dev/null; wait $pid; rm -rf '{root}'",
            log = log.display(),
            root = root.display(),
        );
        let watch = Command::new("sh")
            .args(["-c", &script, "sh"])
            .arg(mysql_model::program(kind, &prefix))
            .args(words)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh");
        let server = Self { kind, prefix, root, socket, port, data, log, watch };
        server.until_ready();
        server
    }

    fn until_ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let out = self.client("").args(["-e", "select 1"]).output().expect("the stock client");
            if out.status.success() {
                return;
            }
            let said = || std::fs::read_to_string(&self.log).unwrap_or_default();
            assert!(Instant::now() < deadline, "the server did not start: {}\n{}", said(), String::from_utf8_lossy(&out.stderr));
        }
    }

    /// Kills the server at once, as a crash would: sessions see their connection die.
    pub fn stop_now(&self) {
        let text = std::fs::read_to_string(self.root.join("pid")).expect("the server's process id");
        let pid = text.trim().parse().ok().and_then(rustix::process::Pid::from_raw).expect("a process id");
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).expect("a signal");
    }

    /// Kills the server at once and starts it again.
    pub fn restart_now(&self) {
        self.stop_now();
        let mut pipe = self.watch.stdin.as_ref().expect("the pipe that the server hangs on");
        pipe.write_all(b"again\n").expect("the one who starts it listens");
        self.until_ready();
    }

    /// One of the product's own programs, such as `mysqldump`.
    pub fn stock(&self, mysql: &str) -> PathBuf {
        let name = match (self.kind, mysql) {
            (Kind::Mysql, name) => name.to_owned(),
            (Kind::Mariadb, "mysql") => "mariadb".to_owned(),
            (Kind::Mariadb, name) => name.replacen("mysql", "mariadb-", 1),
        };
        self.prefix.join("usr/bin").join(name)
    }

    /// The stock client as root on a database (`""`: on none): bare rows, tabs between values, text as UTF-8.
    pub fn client(&self, database: &str) -> Command {
        let mut command = Command::new(self.stock("mysql"));
        command.args(["--no-defaults", "-uroot", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"]);
        command.arg("-S").arg(&self.socket).env_clear();
        if !database.is_empty() {
            command.args(["-D", database]);
        }
        command
    }

    /// Runs SQL; gives what it prints; panics when it fails.
    #[track_caller]
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let out = self.client(database).args(["-e", sql]).output().expect("the stock client");
        assert!(out.status.success(), "{sql}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim_end().to_owned()
    }

    /// Runs a script file, which may contain DELIMITER.
    #[track_caller]
    pub fn script(&self, database: &str, file: &Path) {
        let input = std::fs::File::open(file).expect("a script");
        let out = self.client(database).arg("--binary-mode").stdin(input).output().expect("the stock client");
        assert!(out.status.success(), "{}: {}", file.display(), String::from_utf8_lossy(&out.stderr));
    }

    /// Makes an empty database with a name that no other test has; it needs no quotes.
    pub fn database(&self, stem: &str) -> String {
        let name = format!("{stem}_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.sql("", &format!("create database `{name}`"));
        name
    }

    /// Makes a user that no other test has, from any host, who logs in by an authentication plugin; its name needs no quotes.
    pub fn login(&self, plugin: &str, password: &str) -> String {
        let name = format!("user_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let password = password.replace('\\', "\\\\").replace('\'', "''");
        let by = match self.kind {
            Kind::Mariadb => format!("identified via {plugin} using password('{password}')"),
            Kind::Mysql => format!("identified with {plugin} by '{password}'"),
        };
        self.sql("", &format!("create user {name}@'%' {by}"));
        name
    }

    /// The plugins that ask for a password, for [`Mysql::login`].
    pub const fn plugins(&self) -> &'static [&'static str] {
        match self.kind {
            Kind::Mariadb => &["mysql_native_password", "ed25519"],
            Kind::Mysql => &["caching_sha2_password", "sha256_password"],
        }
    }

    /// The way to this server on its port, as a user.
    pub fn connection(&self, user: &str) -> dbbackup::domain::Connection {
        let product = self.kind.word().parse().expect("a product");
        dbbackup::domain::Connection {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            user: user.to_owned(),
            ..dbbackup::domain::Connection::to(product)
        }
    }

    /// The way to this server through its socket, as a user.
    pub fn local(&self, user: &str) -> dbbackup::domain::Connection {
        dbbackup::domain::Connection { host: self.socket.display().to_string(), ..self.connection(user) }
    }

    /// The flags that lead to this server as root.
    pub fn flags(&self) -> Vec<String> {
        ["--engine", self.kind.word(), "--host", &self.socket.display().to_string(), "--user", "root", "--batch"].map(str::to_owned).into()
    }
}
