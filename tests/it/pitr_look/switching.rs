//! Switching archiving on and off.

use super::write;
use crate::support::postgres::{Postgres, VERSIONS, server};
use crate::support::program::{dbbackup, logs, names, on, run};

const SETTINGS: &str = "select string_agg(name || '=' || setting, ' ' order by name) from pg_settings \
                        where name in ('wal_level', 'archive_mode', 'archive_command', 'archive_timeout')";

#[test]
fn a_server_that_archives_nothing_archives_after_a_restart_and_no_more_after_another() {
    for major in VERSIONS {
        let server = Postgres::start(major, "wal_level = minimal\nmax_wal_senders = 0");
        let home = tempfile::tempdir().expect("a folder");
        let wal = server.socket.join("my wal").display().to_string();
        let before = server.sql("postgres", SETTINGS);
        let enable = |more: &[&str]| run(&mut on(&server, home.path(), &[&["pitr", "enable", "--archive-dir", &wal], more].concat()));
        let plan = enable(&[]).ok().stdout;
        for line in ["wal_level", "archive_mode", "after a restart", "wal archive %p %f --archive-dir ", "Nothing was changed.", "[THEN]"] {
            assert!(plan.contains(line), "{line}\n{plan}");
        }
        assert!(!plan.contains("NOT TESTED"), "{plan}");
        assert_eq!(server.sql("postgres", SETTINGS), before, "nothing is changed unasked");
        assert!(!server.socket.join("my wal").exists(), "nor made");
        let started = server.sql("postgres", "select pg_postmaster_start_time()");
        let done = enable(&["--archive-timeout", "60", "--confirm"]).ok().stdout;
        assert!(done.contains("the command archived a sample of 16 MiB"), "{done}");
        assert!(done.contains("A restart of the server is needed, and was not made, for: archive_mode, wal_level"), "{done}");
        assert_eq!(server.sql("postgres", "select pg_postmaster_start_time()"), started);
        assert_eq!(names(&server.socket.join("my wal")), ["dbbackup-wal.json"], "the trial leaves nothing");
        let waits = run(&mut on(&server, home.path(), &["pitr", "status"])).ok().stdout;
        assert!(waits.contains("hold only after a restart"), "{waits}");
        server.restart_now();
        write(&server, 2);
        let stats = run(&mut on(&server, home.path(), &["wal", "stats"])).ok().stdout;
        assert!(stats.contains("(written by dbbackup)") && stats.contains("% saved)"), "{stats}");
        let again = enable(&[]).ok().stdout;
        assert!(again.contains("Nothing has to change."), "{again}");

        let off = run(&mut on(&server, home.path(), &["pitr", "disable", "--confirm"])).ok().stdout;
        assert!(off.contains("archive_command stays until then"), "{off}");
        server.restart_now();
        let now = server.sql("postgres", SETTINGS);
        assert!(now.contains("archive_mode=off") && now.contains("archive_timeout=0") && now.contains("wal_level=replica"), "{now}");
        let audit = std::fs::read_to_string(logs(home.path()).join("audit.jsonl")).expect("an audit");
        for action in ["archiving-on", "archiving-off"] {
            assert_eq!(audit.lines().filter(|line| line.contains(&format!("\"action\":\"{action}\""))).count(), 2, "{audit}");
        }
    }
}

#[test]
fn what_is_somebody_elses_is_left_alone() {
    let server = Postgres::start(17, "archive_mode = on\narchive_command = 'cp %p /nowhere/%f PASSWORD=zitronengelb'");
    let home = tempfile::tempdir().expect("a folder");
    let wal = server.socket.join("wal").display().to_string();
    let enable = |more: &[&str]| run(&mut on(&server, home.path(), &[&["pitr", "enable", "--archive-dir", &wal], more].concat()));
    let refused = enable(&["--confirm"]).fails(64, "NOT_CONFIRMED");
    assert!(refused.stderr.contains("cp %p /nowhere/%f") && refused.stderr.contains("--force"), "{}", refused.text());
    assert!(!refused.text().contains("zitronengelb"), "{}", refused.text());
    run(&mut on(&server, home.path(), &["pitr", "disable", "--confirm"])).fails(64, "NOT_CONFIRMED");
    let forced = enable(&["--force", "--confirm"]).ok().stdout;
    assert!(forced.contains("It holds now: no restart is needed."), "{forced}");
    // Another server's archive.
    let identity = server.socket.join("wal/dbbackup-wal.json");
    let own = std::fs::read_to_string(&identity).expect("an identity");
    let id = server.sql("postgres", "select system_identifier from pg_control_system()");
    assert!(own.contains(&id), "{own}");
    std::fs::write(&identity, own.replace(&id, "4711")).expect("an identity");
    enable(&["--confirm"]).fails(65, "WAL_FOREIGN");
}

#[test]
fn a_command_that_does_not_work_changes_nothing() {
    let server = Postgres::start(15, "");
    let home = tempfile::tempdir().expect("a folder");
    let wal = server.socket.join("wal");
    // The folder is there, and the server's user cannot write to it.
    std::fs::create_dir(&wal).expect("a folder");
    if rustix::process::geteuid().is_root() {
        let before = server.sql("postgres", SETTINGS);
        let failed = run(&mut on(&server, home.path(), &["pitr", "enable", "--archive-dir", "/proc/dbbackup/wal", "--confirm"]));
        assert!(failed.code != 0, "{}", failed.text());
        let out = run(&mut on(&server, home.path(), &["pitr", "enable", "--archive-dir", &wal.display().to_string(), "--confirm"]));
        assert!(out.code != 0, "root's own folder is not the server's: {}", out.text());
        assert_eq!(server.sql("postgres", SETTINGS), before);
    }
}

#[test]
fn a_role_without_rights_sees_what_it_may_and_changes_nothing() {
    let server = server(15);
    let role = server.role("onlooker");
    server.sql("postgres", &format!("alter role {role} login"));
    let home = tempfile::tempdir().expect("a folder");
    let (host, port) = (server.socket.display().to_string(), server.port.to_string());
    let as_role = |args: &[&str]| {
        let connection = ["--host", &host, "--port", &port, "--user", &role, "--dbname", "postgres", "--batch"];
        run(&mut dbbackup(home.path(), &[args, &connection].concat()))
    };
    let before = server.sql("postgres", SETTINGS);
    let status = as_role(&["pitr", "status"]).ok().stdout;
    assert!(status.contains("archive_mode off") && status.contains("the server does not say how many segments wait"), "{status}");
    assert!(as_role(&["pitr", "enable", "--archive-dir", "/wal"]).ok().stdout.contains("[NOT TESTED]"));
    let refused = as_role(&["pitr", "enable", "--archive-dir", "/wal", "--confirm"]).fails(77, "PERMISSION_DENIED");
    assert!(refused.stderr.contains("cannot change archive_command"), "{}", refused.text());
    assert_eq!(server.sql("postgres", SETTINGS), before);
    assert!(!std::path::Path::new("/wal/dbbackup-wal.json").exists());
}
