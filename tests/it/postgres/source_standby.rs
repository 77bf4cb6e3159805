//! A standby is as good a source as its primary.

use super::{postgres, run};
use crate::support::postgres::Postgres as TestServer;
use dbbackup::domain::Connection;
use dbbackup::server::Server as _;
use dbbackup::server::postgres::Postgres;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Stops the standby and removes its folder, however the test ends.
pub struct Standby {
    /// How it is reached.
    pub connection: Connection,
    bin: std::path::PathBuf,
    folder: std::path::PathBuf,
}

impl Standby {
    fn command(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        if rustix::process::geteuid().is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program).current_dir("/");
            command
        } else {
            Command::new(program)
        }
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        let _ = self.command("pg_ctl").arg("-D").arg(self.folder.join("data")).args(["-m", "immediate", "-w", "stop"]).output();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Starts a standby of a server, which is best one of the test's own: all of it is copied.
pub fn of(server: &TestServer) -> Standby {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("dbbackup-standby-{}-{number}", std::process::id()));
    std::fs::create_dir(&folder).expect("a folder");
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
    let connection = Connection { host: folder.display().to_string(), port, ..Connection::default() };
    let standby = Standby { connection, bin: server.bin.clone(), folder };
    if rustix::process::geteuid().is_root() {
        assert!(Command::new("chown").arg("postgres:").arg(&standby.folder).status().expect("chown").success());
    }
    let data = standby.folder.join("data");
    let copied = standby
        .command("pg_basebackup")
        .arg("-h")
        .arg(&server.socket)
        .args(["-p", &server.port.to_string(), "-U", "postgres", "-R", "-c", "fast", "-D"])
        .arg(&data)
        .output()
        .expect("pg_basebackup");
    assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    let options = format!("-p {port} -k {}", standby.folder.display());
    let started = standby
        .command("pg_ctl")
        .arg("-D")
        .arg(&data)
        .args(["-w", "-l"])
        .arg(standby.folder.join("log"))
        .args(["-o", &options, "start"])
        .output()
        .expect("pg_ctl");
    assert!(started.status.success(), "{}", String::from_utf8_lossy(&started.stdout));
    standby
}

#[test]
fn a_standby_gives_the_same_contents() {
    // A server of its own: all of it is copied, and what other tests write would have to be caught up with.
    let server = &TestServer::start(17, "");
    let database = server.database("standby");
    server.sql(&database, "create table t as select i from generate_series(1, 1000) i; create sequence s; select nextval('s')");
    let standby = of(server);
    let there = Postgres::new(standby.connection.clone(), None).expect("a connection").with_tools(vec![server.bin.clone()]);
    run(async {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !there.databases().await.is_ok_and(|databases| databases.iter().any(|known| known.name == database)) {
            assert!(Instant::now() < deadline, "the standby did not catch up");
        }
        assert!(there.info().await.expect("facts").in_recovery);
        let copy = there.snapshot(&database).await.unwrap_or_else(|fault| panic!("{}", fault.render("Backup failed")));
        let original = postgres(server).snapshot(&database).await.expect("a snapshot");
        assert!(copy.position().lsn.is_some());
        let (here, there) = (original.contents().await.expect("contents"), copy.contents().await.expect("contents"));
        assert_eq!((&here.inventory, here.objects.len(), here.tables.len()), (&there.inventory, there.objects.len(), there.tables.len()));
        // A primary logs sequences 32 values ahead, so that a standby may be ahead, never behind.
        assert!(there.sequences[0].last_value >= here.sequences[0].last_value);
        assert!(copy.reader().await.is_ok(), "readers share the standby's snapshot");
        copy.release().await;
        original.release().await;
    });
}
