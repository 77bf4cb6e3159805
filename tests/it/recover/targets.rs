//! Each kind of target: the recovered server has exactly the transactions up to it.

use super::story::{Story, moment};
use std::time::Instant;

/// Recovers to a target and compares; `count` transactions have to be there.
#[track_caller]
fn exactly(story: &Story, name: &str, args: &[&str], count: usize) {
    let began = Instant::now();
    let (server, outcome) = story.recover(name, &[args, &["--start"]].concat());
    let outcome = outcome.ok();
    let (rows, wanted) = (server.rows(), story.rows(count));
    assert_eq!(rows.len(), wanted.len(), "{args:?}\n{}", outcome.stdout);
    assert_eq!(rows, wanted, "{args:?}");
    // The log is read here and by the server: both name the same transaction.
    let last = story.commits[..count].iter().last().expect("there are some");
    assert!(outcome.stdout.contains(&format!("Last transaction recovered: {} (", last.xid)), "{}", outcome.stdout);
    assert!(!outcome.stdout.contains("neither of the two"), "{}", outcome.stdout);
    eprintln!("{name} took {:?}", began.elapsed());
}

/// A commit somewhere in the middle of the load after the last base backup, whose neighbours have other times.
fn middle(story: &Story) -> usize {
    let from = story.commits.len() - 400;
    let is_apart = |at: &usize| {
        let [before, here, after] = [at - 1, *at, at + 1].map(|at| story.commits[at].at);
        // All before it ended earlier, all after it later: then every rule for a moment says the same.
        let earlier = story.commits[..*at].iter().all(|commit| commit.at < here);
        let later = story.commits[at + 1..].iter().all(|commit| commit.at > here);
        before < here && here < after && earlier && later
    };
    (from..story.commits.len() - 50).find(is_apart).expect("a commit that stands by itself")
}

fn time(major: u32) {
    let story = Story::of(major);
    let at = middle(story);
    let here = moment(story.commits[at].at);
    exactly(story, "time", &["--target-time", &here], at + 1);
    exactly(story, "before-time", &["--target-time", &here, "--target-exclusive"], at);
}

#[test]
fn a_moment_is_met_to_the_transaction_15() {
    time(15);
}

#[test]
fn a_moment_is_met_to_the_transaction_17() {
    time(17);
}
