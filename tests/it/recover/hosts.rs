//! Hosts as they are: configuration outside of the data directory, and users without rights.

use super::story::{own, own_all};
use crate::support::postgres::Postgres;
use crate::support::{eventually, program};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A command as the user that runs servers, with a home of its own.
fn as_server(home: &Path, words: &[&str]) -> Command {
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--", words[0]]);
        command
    } else {
        Command::new(words[0])
    };
    command.args(&words[1..]);
    program::clean(&mut command, home);
    command
}

/// A server as Debian lays one out, which archives into a folder; its configuration lies in `etc`.
struct Laid {
    server: Postgres,
    home: PathBuf,
}

impl Laid {
    fn out(major: u32) -> Self {
        let server = Postgres::start(major, "archive_mode = on\nmax_connections = 150\nfull_page_writes = on");
        let root = server.socket.clone();
        for name in ["etc", "wal", "backups", "home"] {
            std::fs::create_dir(root.join(name)).expect("a folder");
            own(&root.join(name));
        }
        let home = root.join("home");
        let [data, etc, wal] = [server.data.clone(), root.join("etc"), root.join("wal")].map(|path| path.display().to_string());
        let program = env!("CARGO_BIN_EXE_dbbackup");
        let pg_ctl = server.bin.join("pg_ctl").display().to_string();
        program::run(&mut as_server(&home, &[&pg_ctl, "stop", "-D", &data, "-m", "fast", "-w"])).ok();
        for name in ["postgresql.conf", "pg_hba.conf", "pg_ident.conf"] {
            std::fs::rename(server.data.join(name), root.join("etc").join(name)).expect("moved");
        }
        let conf = root.join("etc/postgresql.conf");
        let text = std::fs::read_to_string(&conf).expect("a configuration");
        let more = format!(
            "data_directory = '{data}'\nhba_file = '{etc}/pg_hba.conf'\nident_file = '{etc}/pg_ident.conf'\n\
             archive_command = '{program} wal archive %p %f --archive-dir {wal} --audit-file off'\n"
        );
        std::fs::write(&conf, text + &more).expect("a configuration");
        own_all(&root.join("etc"));
        let log = root.join("elsewhere.log").display().to_string();
        program::run(&mut as_server(&home, &[&pg_ctl, "start", "-D", &etc, "-l", &log, "-w"])).ok();
        Self { server, home }
    }
}

/// All of it as the server's user: archiving, base backup, recovery.
#[test]
fn a_server_whose_configuration_lies_elsewhere_is_recovered_by_a_user_without_rights() {
    for major in [15, 17] {
        let Laid { server, home } = Laid::out(major);
        let root = server.socket.clone();
        let [wal, backups, target] = ["wal", "backups", "restored"].map(|name| root.join(name).display().to_string());
        let (bin, socket, port) = (server.bin.display().to_string(), server.socket.display().to_string(), server.port.to_string());
        let program = env!("CARGO_BIN_EXE_dbbackup");
        server.sql("postgres", "create table t as select 1 as n");
        let there = ["--host", &socket, "--port", &port, "--user", "postgres", "--batch", "--audit-file", "off"];
        let backup = [program, "backup", "base", "--backup-dir", &backups];
        let made = program::run(&mut as_server(&home, &[&backup[..], &there].concat())).ok();
        assert!(made.text().contains("base_"), "{}", made.text());
        server.sql("postgres", "insert into t values (2)");
        let last = server.sql("postgres", "select pg_walfile_name(pg_switch_wal())");
        eventually("it is archived", || {
            server.sql("postgres", "select coalesce(max(last_archived_wal), '') from pg_stat_archiver") >= last
        });
        let restore = [
            program,
            "restore",
            "pitr",
            "--backup-dir",
            &backups,
            "--wal-archive",
            &wal,
            "--target-dir",
            &target,
            "--bin-dir",
            &bin,
            "--start",
            "--batch",
            "--audit-file",
            "off",
        ];
        let outcome = program::run(&mut as_server(&home, &restore)).ok();
        assert!(outcome.text().contains("The base backup has no postgresql.conf, pg_hba.conf, pg_ident.conf"), "{}", outcome.text());
        let pid = std::fs::read_to_string(root.join("restored/postmaster.pid")).expect("it runs");
        let lines: Vec<&str> = pid.lines().collect();
        // Its list lets users of the host in by their names.
        let sql = "select (select count(*) from t), current_setting('max_connections')::int >= 150, pg_is_in_recovery()";
        let psql = server.bin.join("psql").display().to_string();
        let said = program::run(&mut as_server(&home, &[&psql, "-h", lines[4], "-p", lines[3], "-XAtqc", sql, "postgres"]));
        let pg_ctl = server.bin.join("pg_ctl").display().to_string();
        program::run(&mut as_server(&home, &[&pg_ctl, "stop", "-D", &target, "-m", "immediate", "-w"])).ok();
        assert_eq!(said.stdout.trim_end(), "2|t|f", "{major}: {}\n{}", said.stderr, outcome.text());
        // Started again without what --start adds, with what was written alone.
        let log = root.join("restored.log").display().to_string();
        let options = format!("-k {target} -p {}", lines[3]);
        program::run(&mut as_server(&home, &[&pg_ctl, "start", "-D", &target, "-l", &log, "-o", &options, "-w"])).ok();
        program::run(&mut as_server(&home, &[&pg_ctl, "stop", "-D", &target, "-m", "immediate", "-w"])).ok();
        without_a_user(&home, &root, &backups, &wal, &bin);
    }
}

/// Root on a host that has nobody to whom a server could belong is told what to do.
fn without_a_user(home: &Path, root: &Path, backups: &str, wal: &str, bin: &str) {
    let passwd = root.join("passwd");
    let all = std::fs::read_to_string("/etc/passwd").expect("the users");
    std::fs::write(&passwd, all.lines().filter(|line| !line.starts_with("postgres:")).map(|line| format!("{line}\n")).collect::<String>())
        .expect("users");
    let target = root.join("nobodys");
    let mut command = Command::new("unshare");
    command.arg("--mount");
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command
        .args(["sh", "-c", "mount --bind \"$1\" /etc/passwd && shift && exec \"$@\"", "sh"])
        .arg(&passwd)
        .arg(env!("CARGO_BIN_EXE_dbbackup"));
    command.args([
        "restore",
        "pitr",
        "--backup-dir",
        backups,
        "--wal-archive",
        wal,
        "--bin-dir",
        bin,
        "--start",
        "--batch",
        "--audit-file",
        "off",
    ]);
    command.arg("--target-dir").arg(&target);
    program::clean(&mut command, home);
    let refused = program::run(&mut command).fails(78, "CONFIG");
    assert!(refused.text().contains("PostgreSQL does not run as root") && refused.text().contains("Make the user"), "{}", refused.text());
    assert!(!target.exists());
}
