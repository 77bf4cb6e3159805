//! Each kind of target: the recovered server has exactly the transactions up to it.

use super::story::{Recovered, Story, moment};
use dbbackup::domain::wal::Lsn;
use std::process::Command;

/// Recovers to a target and compares; `count` transactions have to be there.
#[track_caller]
fn exactly<'a>(story: &'a Story, name: &str, args: &[&str], count: usize) -> Recovered<'a> {
    let (server, outcome) = story.recover(name, &[args, &["--start"]].concat());
    let outcome = outcome.ok();
    let (rows, wanted) = (server.rows(), story.rows(count));
    assert_eq!(rows.len(), wanted.len(), "{args:?}\n{}", outcome.stdout);
    assert!(rows == wanted, "{args:?}: other transactions, though as many");
    assert!(!outcome.stdout.contains("neither of the two"), "{}", outcome.stdout);
    server
}

/// The same, of a target at which the program names the last transaction, found by reading the log itself.
#[track_caller]
fn named(story: &Story, name: &str, args: &[&str], count: usize) {
    let (server, outcome) = story.recover(name, &[args, &["--start"]].concat());
    let outcome = outcome.ok();
    assert!(server.rows() == story.rows(count), "{args:?}\n{}", outcome.stdout);
    let last = &story.commits[count - 1];
    assert!(outcome.stdout.contains(&format!("Last transaction recovered: {} (", last.xid)), "{}", outcome.stdout);
    assert!(outcome.stdout.contains("The server says the same: recovery stopping"), "{}", outcome.stdout);
}

/// A commit somewhere in the middle of the load after the last base backup, which stands by itself: all before it ended earlier, all after it
/// later, so that a moment has one meaning.
fn middle(story: &Story) -> usize {
    let commits = &story.commits;
    let stands = |at: &usize| {
        let here = commits[*at].at;
        commits[..*at].iter().all(|commit| commit.at < here) && commits[at + 1..].iter().all(|commit| commit.at > here)
    };
    (commits.len() - 400..commits.len() - 50).find(stands).expect("a commit that stands by itself")
}

fn time(major: u32) {
    let story = Story::of(major);
    let at = middle(story);
    let here = moment(story.commits[at].at);
    named(story, "time", &["--target-time", &here], at + 1);
    named(story, "before-time", &["--target-time", &here, "--target-exclusive"], at);
}

#[test]
fn a_moment_is_met_to_the_transaction_15() {
    time(15);
}

#[test]
fn a_moment_is_met_to_the_transaction_17() {
    time(17);
}

fn number(major: u32) {
    let story = Story::of(major);
    let at = middle(story);
    let xid = story.commits[at].xid.to_string();
    named(story, "xid", &["--target-xid", &xid, "--target-action", "promote"], at + 1);
    named(story, "before-xid", &["--target-xid", &xid, "--target-exclusive"], at);
}

#[test]
fn a_transaction_is_met_15() {
    number(15);
}

#[test]
fn a_transaction_is_met_17() {
    number(17);
}

/// Commits whose records begin before a position.
fn before(story: &Story, lsn: u64) -> usize {
    story.commits.iter().filter(|commit| commit.lsn < lsn).count()
}

#[test]
fn a_position_is_met_15() {
    let story = Story::of(15);
    let at = middle(story);
    drop(exactly(story, "lsn", &["--target-lsn", &Lsn(story.commits[at].lsn).to_string()], at + 1));
}

#[test]
fn a_position_is_met_17() {
    let story = Story::of(17);
    let at = middle(story);
    drop(exactly(story, "before-lsn", &["--target-lsn", &Lsn(story.commits[at].lsn).to_string(), "--target-exclusive"], at));
}

fn name(major: u32) {
    let story = Story::of(major);
    // The newest base backup is later than the point: an older one is taken by itself.
    drop(exactly(story, "name", &["--target-name", "halfway"], before(story, story.halfway)));
    let (server, outcome) = story.recover("immediate", &["--target-immediate", "--start"]);
    outcome.ok();
    let rows = server.rows();
    assert!(rows == story.rows(rows.len()), "a whole number of transactions in their order");
    assert!(rows.len() > before(story, story.halfway) && rows.len() < story.commits.len());
}

#[test]
fn a_restore_point_and_the_base_backup_alone_are_met_15() {
    name(15);
}

#[test]
fn a_restore_point_and_the_base_backup_alone_are_met_17() {
    name(17);
}

fn shutdown(major: u32) {
    let story = Story::of(major);
    let at = middle(story);
    let xid = story.commits[at].xid.to_string();
    let (server, outcome) = story.recover("shutdown", &["--target-xid", &xid, "--target-action", "shutdown", "--start"]);
    let outcome = outcome.ok();
    assert!(outcome.stdout.contains("The server stopped at the target, as it was told to."), "{}", outcome.stdout);
    assert!(outcome.stdout.contains(&format!("Last transaction recovered: {xid} (")), "{}", outcome.stdout);
    assert!(!server.data.join("postmaster.pid").exists(), "the server still runs");
    // As it says: another action, and it opens where it had stopped.
    let file = server.data.join("postgresql.auto.conf");
    let settings = std::fs::read_to_string(&file).expect("settings");
    assert!(settings.contains("recovery_target_action = 'shutdown'"), "{settings}");
    std::fs::write(&file, settings.replace("recovery_target_action = 'shutdown'", "recovery_target_action = 'pause'")).expect("settings");
    server.start();
    assert!(server.rows() == story.rows(at + 1), "other transactions");
}

#[test]
fn a_server_that_is_to_stop_at_its_target_stops_there_15() {
    shutdown(15);
}

#[test]
fn a_server_that_is_to_stop_at_its_target_stops_there_17() {
    shutdown(17);
}

/// On from a server that was promoted in the middle: its timeline is the newest, and what the first one did after it is not on it.
fn branch(major: u32) {
    let story = Story::of(major);
    // An archive of its own, so that the other tests do not see the branch.
    let wal = story.dir.join("branched");
    assert!(Command::new("cp").arg("-a").arg(story.wal()).arg(&wal).status().expect("cp").success());
    let branched = wal.display().to_string();
    let at = middle(story);
    let here = moment(story.commits[at].at);
    let first = exactly(story, "promoted", &["--target-time", &here, "--target-action", "promote"], at + 1);
    let archive =
        format!("{} wal archive %p %f --archive-dir {branched} --log-target off --audit-file off", env!("CARGO_BIN_EXE_dbbackup"));
    first.sql(&format!("alter system set archive_command = '{archive}'"));
    first.sql("select pg_reload_conf()");
    first.sql("insert into moves (filler) values ('on the branch')");
    let branch_rows = first.rows();
    first.sql("select pg_switch_wal()");
    let last = first.sql("select pg_walfile_name(pg_current_wal_lsn() - 1)");
    crate::support::eventually("the branch is archived", || {
        first.sql("select coalesce(max(last_archived_wal), '') from pg_stat_archiver") >= last
    });
    drop(first);
    for (name, more, rows) in
        [("on-latest", vec![], branch_rows), ("on-current", vec!["--timeline", "current"], story.rows(story.commits.len()))]
    {
        let mut command = story.command(name, &[&more[..], &["--start"]].concat());
        let args: Vec<_> =
            command.get_args().map(|arg| arg.to_string_lossy().replace(&story.wal().display().to_string(), &branched)).collect();
        command = crate::support::program::dbbackup(&story.dir.join("home"), &args.iter().map(String::as_str).collect::<Vec<_>>());
        let server = Recovered::of(story, name);
        let outcome = crate::support::program::run(&mut command).ok();
        assert!(server.rows() == rows, "{name}\n{}", outcome.stdout);
    }
}

#[test]
fn a_branch_of_the_timeline_is_followed_15() {
    branch(15);
}

#[test]
fn a_branch_of_the_timeline_is_followed_17() {
    branch(17);
}
