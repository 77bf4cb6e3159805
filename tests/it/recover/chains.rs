//! Incremental base backups: their chains make the very files that the server had, and broken ones are refused.

use super::story::{Recovered, Story};
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
