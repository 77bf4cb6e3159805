//! Real servers: what they archive under load and at a promotion is what they wrote, and a recovery from it comes out right, or stops.

use crate::support::postgres::Postgres;
use crate::support::{eventually, program};
use dbbackup::domain::wal::{Stored, WalName};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A folder of the server's user with an archive in it, and the program where that user reaches it.
struct Stage {
    dir: TempDir,
}

impl Stage {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(dir.path().join("archive")).expect("a folder");
        let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_dbbackup")).arg(dir.path().join("dbbackup")).status().expect("cp");
        assert!(copied.success());
        if rustix::process::geteuid().is_root() {
            assert!(Command::new("chown").args(["-R", "postgres:"]).arg(dir.path()).status().expect("chown").success());
        }
        Self { dir }
    }

    fn archive(&self) -> PathBuf {
        self.dir.path().join("archive")
    }

    fn archive_command(&self) -> String {
        let at = self.dir.path().display();
        format!("archive_mode = on\narchive_command = '{at}/dbbackup wal archive %p %f --archive-dir {at}/archive'\n")
    }

    fn restore_command(&self, archive: &Path) -> String {
        format!("restore_command = '{}/dbbackup wal restore %f %p --archive-dir {}'\n", self.dir.path().display(), archive.display())
    }

    /// A program as the server's user.
    fn as_server(&self, program: &Path) -> Command {
        let mut command = if rustix::process::geteuid().is_root() { Command::new("runuser") } else { Command::new(program) };
        if rustix::process::geteuid().is_root() {
            command.args(["-u", "postgres", "--"]).arg(program);
        }
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("LC_ALL", "C").current_dir(self.dir.path());
        command
    }

    fn copy(&self, from: &Path, to: &Path) {
        done(self.as_server(Path::new("/bin/cp")).arg("-a").arg(from).arg(to).output());
    }
}

#[track_caller]
fn done(out: std::io::Result<Output>) -> String {
    let out = out.expect("it starts");
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stderr), String::from_utf8_lossy(&out.stdout));
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

/// A second server on a copy of the first one's data.
struct Copy<'a> {
    stage: &'a Stage,
    bin: PathBuf,
    data: PathBuf,
    port: u16,
}

impl Drop for Copy<'_> {
    fn drop(&mut self) {
        let _ = self.stage.as_server(&self.bin.join("pg_ctl")).arg("-D").arg(&self.data).args(["-m", "immediate", "-w", "stop"]).output();
    }
}

impl<'a> Copy<'a> {
    /// In a data directory that is there; `conf` comes last, `signal` says what it begins as.
    fn new(stage: &'a Stage, server: &Postgres, data: PathBuf, conf: &str, signal: &str) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let file = data.join("postgresql.conf");
        let old = std::fs::read_to_string(&file).expect("postgresql.conf");
        let place = stage.dir.path().display();
        std::fs::write(&file, format!("{old}\nport = {port}\nunix_socket_directories = '{place}'\n{conf}")).expect("postgresql.conf");
        done(stage.as_server(Path::new("/usr/bin/touch")).arg(data.join(signal)).output());
        Self { stage, bin: server.bin.clone(), data, port }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.data.join("server.log")).unwrap_or_default()
    }

    fn start(&self) -> Output {
        let mut command = self.stage.as_server(&self.bin.join("pg_ctl"));
        command.arg("-D").arg(&self.data).args(["-w", "-t", "60", "-l"]).arg(self.data.join("server.log")).arg("start");
        command.stdout(std::process::Stdio::null()).output().expect("pg_ctl")
    }

    fn sql(&self, sql: &str) -> Option<String> {
        let mut command = Command::new(self.bin.join("psql"));
        command.arg("-h").arg(self.stage.dir.path()).args(["-p", &self.port.to_string(), "-U", "postgres", "-XAtqc", sql, "postgres"]);
        let out = command.output().expect("psql");
        out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
    }
}

/// Whether nothing waits to be archived.
fn idle(data: &Path) -> bool {
    let names = program::names(&data.join("pg_wal/archive_status"));
    names.iter().all(|name| !name.ends_with(".ready"))
}

fn pgbench(server: &Postgres, flags: &[&str]) {
    let mut command = Command::new(server.bin.join("pgbench"));
    command.arg("-h").arg(&server.socket).args(["-p", &server.port.to_string(), "-U", "postgres"]).args(flags).arg("postgres");
    done(command.output());
}

/// Every file of the archive, decoded by the codec's own program, is what one of the servers has under that name.
#[track_caller]
fn compare(archive: &Path, servers: &[&Path]) -> Vec<WalName> {
    let files = program::names(archive).into_iter().filter(|name| name != "dbbackup-wal.json");
    let one = |file: String| {
        let stored = Stored::parse(&file).unwrap_or_else(|| panic!("a stranger: {file}"));
        let out = Command::new("zstd").args(["-dcq"]).arg(archive.join(&file)).output().expect("zstd");
        assert!(out.status.success(), "{file}: {}", String::from_utf8_lossy(&out.stderr));
        let there = servers.iter().filter_map(|data| std::fs::read(data.join("pg_wal").join(stored.name.to_string())).ok());
        let originals: Vec<_> = there.collect();
        assert!(originals.contains(&out.stdout), "{file} is not what a server wrote; {} have it", originals.len());
        let meta = archive.join(&file).metadata().expect("stored");
        assert_eq!(meta.mode() & 0o777, 0o600);
        stored.name
    };
    files.map(one).collect()
}

fn archives_and_recovers(major: u32) {
    let stage = Stage::new();
    let keep = "wal_keep_size = '8GB'\nmax_wal_size = '8GB'\n";
    let server = Postgres::start(major, &format!("{}{keep}", stage.archive_command()));
    pgbench(&server, &["-i", "-q", "-s", "3"]);
    let base = stage.dir.path().join("base");
    let mut basebackup = stage.as_server(&server.bin.join("pg_basebackup"));
    basebackup.arg("-h").arg(&server.socket).args(["-p", &server.port.to_string(), "-U", "postgres", "-c", "fast", "-D"]).arg(&base);
    done(basebackup.args(["-X", "none", "--no-manifest"]).output());
    // A standby that streams, to be promoted under load.
    let standby_data = stage.dir.path().join("standby");
    stage.copy(&base, &standby_data);
    let follow = format!("primary_conninfo = 'host={} port={} user=postgres'\n", server.socket.display(), server.port);
    let standby =
        Copy::new(&stage, &server, standby_data, &format!("{follow}{}", stage.restore_command(&stage.archive())), "standby.signal");
    let started = standby.start();
    assert!(started.status.success(), "{}", standby.log());
    std::thread::scope(|scope| {
        let load = scope.spawn(|| pgbench(&server, &["-c", "4", "-t", "600", "-n"]));
        for _ in 0..8 {
            server.sql("postgres", "select pg_switch_wal()");
        }
        load.join().expect("the load");
    });
    server.sql("postgres", "create table marker as select 4711 as n");
    let last = server.sql("postgres", "select pg_walfile_name(pg_current_wal_lsn())");
    server.sql("postgres", "select pg_switch_wal()");
    eventually("everything is archived", || idle(&server.data) && stage.archive().join(format!("{last}.zst")).exists());
    assert_eq!(
        server.sql("postgres", "select failed_count from pg_stat_archiver"),
        "0",
        "{}",
        std::fs::read_to_string(&server.log).expect("a log")
    );
    assert!(!std::fs::read_to_string(&server.log).expect("a log").contains("dbbackup wal"), "the server's log stays empty");
    let names = compare(&stage.archive(), &[&server.data]);
    assert!(names.len() >= 10 && names.iter().any(|name| matches!(name, WalName::Backup(..))), "{names:?}");
    recovers(&stage, &server, &base);
    stops(&stage, &server, &base);
    // The promoted one archives the history of its timeline and what there is of the segment that was begun.
    server.sql("postgres", "create table begun as select 1 as n");
    eventually("the standby follows", || standby.sql("select n from begun").as_deref() == Some("1"));
    done(stage.as_server(&server.bin.join("pg_ctl")).arg("-D").arg(&standby.data).args(["-w", "promote"]).output());
    standby.sql("create table after as select 1; select pg_switch_wal()").expect("promoted");
    let archived = |ending: &str| program::names(&stage.archive()).iter().any(|name| name.ends_with(ending));
    eventually("history and unfinished segment", || archived("00000002.history.zst") && archived(".partial.zst") && idle(&standby.data));
    let names = compare(&stage.archive(), &[&server.data, &standby.data]);
    assert!(names.iter().any(|name| matches!(name, WalName::Partial(_))) && names.contains(&"00000002.history".parse().expect("a name")));
    assert!(!standby.data.join("pg_wal/.dbbackup-spool").exists() || entries(&standby.data).is_empty());
}

fn entries(data: &Path) -> Vec<String> {
    program::names(&data.join("pg_wal/.dbbackup-spool")).into_iter().filter(|name| name.starts_with("0000")).collect()
}

/// From a base backup to the archive's end, with segments fetched ahead.
fn recovers(stage: &Stage, server: &Postgres, base: &Path) {
    let data = stage.dir.path().join("recovered");
    stage.copy(base, &data);
    let conf = format!("archive_mode = off\n{}", stage.restore_command(&stage.archive()));
    let copy = Copy::new(stage, server, data, &conf, "recovery.signal");
    assert!(copy.start().status.success(), "{}", copy.log());
    eventually("the end of recovery", || copy.sql("select pg_is_in_recovery()").as_deref() == Some("f"));
    assert_eq!(copy.sql("select n from marker").as_deref(), Some("4711"));
    let sum = "select count(*), sum(delta) from pgbench_history";
    assert_eq!(copy.sql(sum).expect("its history"), server.sql("postgres", sum));
    assert!(copy.data.join("pg_wal/00000002.history").exists(), "it was promoted");
    assert!(copy.data.join("pg_wal/.dbbackup-spool/fetching.lock").exists(), "segments were fetched ahead");
    assert_eq!(entries(&copy.data), Vec::<String>::new(), "and nothing of that is left");
}

/// A damaged segment in the middle stops the recovery, which does not promote, and goes on when the segment is right.
fn stops(stage: &Stage, server: &Postgres, base: &Path) {
    let data = stage.dir.path().join("stopped");
    stage.copy(base, &data);
    let archive = stage.dir.path().join("damaged");
    stage.copy(&stage.archive(), &archive);
    let segments: Vec<String> = program::names(&archive).into_iter().filter(|name| name.len() == 28).collect();
    let victim = archive.join(&segments[segments.len() - 3]);
    let whole = std::fs::read(&victim).expect("a segment");
    let mut bytes = whole.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(&victim, bytes).expect("damaged");
    let conf = format!("archive_mode = off\n{}", stage.restore_command(&archive));
    let copy = Copy::new(stage, server, data, &conf, "recovery.signal");
    // It may or may not take connections before it meets the segment.
    copy.start();
    eventually("the server stops", || !copy.data.join("postmaster.pid").exists());
    assert!(copy.log().contains("CORRUPTED_BACKUP"), "{}", copy.log());
    assert!(!copy.data.join("pg_wal/00000002.history").exists() && copy.data.join("recovery.signal").exists(), "it did not promote");
    std::fs::write(&victim, whole).expect("right again");
    assert!(copy.start().status.success(), "{}", copy.log());
    eventually("the end of recovery", || copy.sql("select n from marker").as_deref() == Some("4711"));
}

#[test]
fn what_server_15_writes_is_archived_and_recovered_from() {
    archives_and_recovers(15);
}

#[test]
fn what_server_17_writes_is_archived_and_recovered_from() {
    archives_and_recovers(17);
}
