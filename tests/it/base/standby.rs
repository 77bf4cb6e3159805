//! A standby is backed up as its primary is, and what is archived by the primary leads on from there.

use super::{done, folder, to_server};
use crate::postgres::source_standby;
use crate::support::postgres::{Postgres, VERSIONS};
use crate::support::{eventually, program};
use std::process::Command;

#[test]
fn a_base_backup_of_a_standby_leads_to_what_its_primary_archived() {
    for major in VERSIONS {
        let primary = Postgres::start(major, "archive_mode = on\narchive_command = ''\nfull_page_writes = on");
        let (wal, dir) = (primary.socket.join("wal"), folder());
        std::fs::create_dir(&wal).expect("a folder");
        to_server(&wal);
        primary.sql("postgres", "create table t as select n from generate_series(1, 1000) n");
        let standby = source_standby::of(&primary);
        primary.sql("postgres", &format!("alter system set archive_command = 'cp %p \"{}/%f\"'", wal.display()));
        primary.sql("postgres", "select pg_reload_conf()");
        let (host, port) = (standby.connection.host.clone(), standby.connection.port.to_string());
        let [path, wal_path, target] =
            [dir.path().to_owned(), wal.clone(), dir.path().join("restored")].map(|path| path.display().to_string());
        let run = |args: &[&str]| {
            let mut command = program::dbbackup(dir.path(), args);
            command.args(["--host", &host, "--port", &port, "--user", "postgres", "--batch", "--audit-file", "off"]);
            program::start(command.env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", primary.bin.display())))
        };
        let backup = ["backup", "base", "--backup-dir", &path, "--archive-dir", &wal_path];
        let plan = run(&[&backup[..], &["--dry-run"]].concat()).finish().ok();
        for words in ["the server is a standby", "full_page_writes", "SELECT pg_switch_wal();"] {
            assert!(plan.text().contains(words), "{words}\n{}", plan.text());
        }
        // Without the primary's folder the log is sent along, and the plan does not say that archiving is to be switched on at a standby.
        let alone = run(&["backup", "base", "--backup-dir", &path, "--dry-run"]).finish().ok();
        assert!(alone.text().contains("--archive-dir") && !alone.text().contains("pitr enable"), "{}", alone.text());
        // The primary is quiet: somebody has to have it end its segment, once the files are there.
        let senders = || {
            let mut psql = Command::new(primary.bin.join("psql"));
            psql.args(["-h", &host, "-p", &port, "-U", "postgres", "-XAtqc"]);
            psql.args(["select count(*) from pg_stat_activity where backend_type = 'walsender'", "postgres"]);
            done(&mut psql).trim_end().to_owned()
        };
        let mut running = run(&backup);
        assert!(running.until(|| senders() == "1"), "it never began");
        running.until(|| senders() == "0");
        primary.sql("postgres", "select pg_create_restore_point('over')");
        primary.sql("postgres", "select pg_switch_wal()");
        running.finish().ok();
        primary.sql("postgres", "insert into t select 0 from generate_series(1, 10)");
        let last = primary.sql("postgres", "select pg_walfile_name(pg_switch_wal())");
        eventually("it is archived", || {
            primary.sql("postgres", "select coalesce(max(last_archived_wal), '') from pg_stat_archiver") >= last
        });
        let bin = primary.bin.display().to_string();
        let args =
            ["restore", "pitr", "--backup-dir", &path, "--wal-archive", &wal_path, "--target-dir", &target, "--bin-dir", &bin, "--start"];
        let mut command = program::dbbackup(dir.path(), &args);
        let outcome = program::run(command.args(["--batch", "--audit-file", "off"])).ok();
        let pid = std::fs::read_to_string(dir.path().join("restored/postmaster.pid")).expect("it runs");
        let lines: Vec<&str> = pid.lines().collect();
        let mut psql = Command::new(primary.bin.join("psql"));
        psql.args(["-h", lines[4], "-p", lines[3], "-U", "postgres", "-XAtqc", "select count(*), pg_is_in_recovery() from t", "postgres"]);
        let said = done(&mut psql);
        let mut stop = super::as_server(&primary.bin.join("pg_ctl"));
        done(stop.args(["stop", "-m", "immediate", "-w", "-D", &target]));
        assert_eq!(said.trim_end(), "1010|f", "{major}\n{}", outcome.text());
    }
}
