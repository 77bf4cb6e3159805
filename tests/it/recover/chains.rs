//! Incremental base backups: their chains make the very files that the server had, and broken ones are refused.

use super::story::{Recovered, Story};
use crate::support::postgres::Postgres;
use crate::support::program;
use std::process::Command;

/// What is in the tables, whichever way they were brought.
const CONTENT: &str = "select count(*), md5(string_agg(n || text, ',' order by n, text)) from padding";

fn chain(major: u32) {
    let story = Story::of(major);
    let wanted = story.server.sql("postgres", CONTENT);
    for (name, base) in ["of-full", "of-first", "of-second"].into_iter().zip(&story.bases) {
        let (server, outcome) = story.recover(name, &["--base-backup", &base.display().to_string(), "--start"]);
        let outcome = outcome.ok();
        assert_eq!(server.sql(CONTENT), wanted, "{name}\n{}", outcome.stdout);
        assert!(server.rows() == story.rows(story.commits.len()), "{name}");
        // Nothing comes back that was dropped or truncated, and every page of every table can be read.
        assert_eq!(server.sql("select count(*) from pg_class where relname = 'dropped'"), "0", "{name}");
        let link = std::fs::read_link(server.data.join("pg_tblspc").join(tablespace(&server))).expect("a link");
        assert_eq!(link, story.dir.join(format!("{name}-apart")), "the tablespace is where it was mapped to");
    }
}

fn tablespace(server: &Recovered<'_>) -> String {
    server.sql("select oid from pg_tablespace where spcname = 'apart'")
}

#[test]
fn every_backup_of_a_chain_makes_the_same_server_15() {
    chain(15);
}

#[test]
fn every_backup_of_a_chain_makes_the_same_server_17() {
    chain(17);
}

#[test]
fn a_full_backup_is_what_the_server_sent() {
    use std::os::unix::fs::MetadataExt as _;
    for major in [15, 17] {
        let story = Story::of(major);
        let full = story.bases[0].display().to_string();
        let (server, outcome) = story.recover("verified", &["--base-backup", &full]);
        let outcome = outcome.ok();
        assert!(outcome.stdout.contains("Start it; it replays the log by itself:"), "{}", outcome.stdout);
        // The server's own judge compares every file with its checksum. The map of tablespaces became links.
        let judged = Command::new(story.server.bin.join("pg_verifybackup"))
            .args(["-n", "-i", "tablespace_map"])
            .arg(&server.data)
            .output()
            .expect("pg_verifybackup");
        assert!(judged.status.success(), "{}", String::from_utf8_lossy(&judged.stderr));
        let meta = |path: &str| std::fs::metadata(server.data.join(path)).expect(path);
        assert_eq!((meta("").mode() & 0o777, meta("PG_VERSION").mode() & 0o777), (0o700, 0o600));
        let owner = std::fs::metadata(&story.dir).expect("a folder").uid();
        for path in ["", "PG_VERSION", "global/pg_control", "pg_tblspc", "recovery.signal", "postgresql.auto.conf"] {
            assert_eq!(meta(path).uid(), owner, "{path}");
        }
        let auto = std::fs::read_to_string(server.data.join("postgresql.auto.conf")).expect("settings");
        assert!(auto.contains("archive_command = '/bin/false'") && !auto.contains("wal archive"), "{auto}");
        assert!(!server.data.join("UNFINISHED_RECOVERY").exists() && !server.data.join("tablespace_map").exists());
    }
}

#[test]
fn a_broken_chain_is_refused_and_an_older_backup_taken() {
    let story = Story::of(17);
    let backups = story.dir.join("broken");
    assert!(Command::new("cp").arg("-a").arg(story.backups()).arg(&backups).status().expect("cp").success());
    let here = |at: usize| backups.join(story.bases[at].file_name().expect("a name"));
    std::fs::remove_file(here(1)).expect("the one in the middle");
    let newest = here(2).display().to_string();
    let outcome = program::run(&mut story.command("broken-chain", &["--base-backup", &newest])).fails(66, "FILE_MISSING");
    assert!(outcome.text().contains("the chain of") && outcome.text().contains("is not in the folder"), "{}", outcome.text());
    assert!(!story.dir.join("broken-chain").exists());
    let folder = backups.display().to_string();
    let outcome = program::run(&mut story.command("older", &["--backup-dir", &folder, "--dry-run"])).ok();
    assert!(outcome.stdout.contains(&here(0).display().to_string()) && outcome.stdout.contains("Passed over"), "{}", outcome.stdout);
}

/// A server without an archive: its base backup brings the log that makes it consistent.
#[test]
fn a_backup_with_its_own_log_needs_no_archive() {
    let server = Postgres::start(17, "");
    server.sql("postgres", "create table there as select 42 as n");
    let home = server.socket.join("home");
    std::fs::create_dir(&home).expect("a folder");
    super::story::own(&home);
    let (backups, data) = (home.display().to_string(), home.join("data"));
    program::run(&mut program::on(&server, &home, &["backup", "base", "--backup-dir", &backups])).ok();
    let target = data.display().to_string();
    let bin = server.bin.display().to_string();
    let args = [
        "restore",
        "pitr",
        "--batch",
        "--audit-file",
        "off",
        "--backup-dir",
        &backups,
        "--target-dir",
        &target,
        "--bin-dir",
        &bin,
        "--start",
    ];
    let outcome = program::run(&mut program::dbbackup(&home, &args)).ok();
    assert!(outcome.stdout.contains("The server is a primary"), "{}", outcome.stdout);
    let pid = std::fs::read_to_string(data.join("postmaster.pid")).expect("it runs");
    let lines: Vec<&str> = pid.lines().collect();
    let mut psql = Command::new(server.bin.join("psql"));
    psql.args(["-h", lines[4], "-p", lines[3], "-U", "postgres", "-XAtqc", "select n from there", "postgres"]);
    let found = psql.output().expect("psql");
    let process = lines[0].trim().parse().ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    rustix::process::kill_process(process, rustix::process::Signal::QUIT).expect("a signal");
    assert_eq!(String::from_utf8_lossy(&found.stdout).trim(), "42");
}

/// The recipe of docs/pitr.md, as it stands there.
#[test]
fn it_can_be_done_by_hand() {
    let story = Story::of(15);
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pitr.md")).expect("the document");
    let recipe = document.split("### By hand").nth(1).expect("the recipe");
    let lines = recipe.lines().filter_map(|line| line.strip_prefix("    ")).take_while(|line| !line.starts_with("pg_ctl"));
    let hand = story.dir.join("hand");
    std::fs::create_dir(&hand).expect("a folder");
    let server = Recovered::of(story, "hand/restored");
    let count = story.commits.len() - 100;
    let script: String = lines.map(|line| format!("{line}\n")).collect();
    let oid = story.server.sql("postgres", "select oid from pg_tablespace where spcname = 'apart'");
    let script = script
        .replace("/data/", &format!("{}/", hand.display()))
        .replace("-C /data ", &format!("-C {} ", hand.display()))
        .replace("/backups/base_….tar.zst", &story.bases[0].display().to_string())
        .replace("/wal/", &format!("{}/", story.wal().display()))
        .replace("16400", &oid)
        .replace("recovery_target_time = '2026-01-30 13:02:59+00'", &format!("recovery_target_xid = '{}'", story.commits[count - 1].xid));
    let done = Command::new("sh").args(["-euc", &script]).current_dir("/").output().expect("sh");
    assert!(done.status.success(), "{script}\n{}", String::from_utf8_lossy(&done.stderr));
    super::story::own_all(&hand);
    server.start();
    assert!(server.rows() == story.rows(count), "the transactions up to the target");
}
