//! A private PgBouncer before a test server. Like the servers it hangs on a pipe held by this process, and goes when the tests go.

use super::postgres::Postgres;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A running PgBouncer.
pub struct PgBouncer {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// Its pool mode.
    pub mode: &'static str,
    log: PathBuf,
    _watch: Child,
}

static NEXT: AtomicU32 = AtomicU32::new(0);

impl PgBouncer {
    /// Starts one in a pool mode, with further lines for its section of settings.
    pub fn start(server: &Postgres, mode: &'static str, settings: &str) -> Self {
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"].into_iter().find(|path| Path::new(path).exists());
        let program = program.expect("no pgbouncer: run scripts/servers (make test does)");
        let root = std::env::temp_dir().join(format!("dbbackup-pooler-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir(&root).expect("a temporary folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let shown = root.display();
        std::fs::write(root.join("users.txt"), "\"postgres\" \"\"\n").expect("a file");
        let ini = format!(
            "[databases]\n* = host=127.0.0.1 port={server}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = trust\nauth_file = {shown}/users.txt\nlogfile = {shown}/log\npool_mode = {mode}\nmax_client_conn = 200\n{settings}\n",
            server = server.port
        );
        std::fs::write(root.join("pgbouncer.ini"), ini).expect("a file");
        let as_root = rustix::process::geteuid().is_root();
        if as_root {
            let done = Command::new("chown").args(["-R", "postgres:"]).arg(&root).status().expect("chown");
            assert!(done.success(), "chown");
        }
        // setpriv becomes the pooler itself, so that signals reach it.
        let run = if as_root { "setpriv --reuid postgres --regid postgres --clear-groups" } else { "" };
        let script = format!(
            "trap '' INT TERM HUP; {run} {program} -q '{shown}/pgbouncer.ini' >/dev/null 2>&1 </dev/null & pid=$!; read -r _; \
             kill -TERM $pid; wait $pid; rm -rf '{shown}'"
        );
        let watch = super::leashed(&script);
        let log = root.join("log");
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "PgBouncer did not start: {}", std::fs::read_to_string(&log).unwrap_or_default());
            std::thread::yield_now();
        }
        Self { port, mode, log, _watch: watch }
    }

    /// What it wrote into its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_else(|error| error.to_string())
    }
}
