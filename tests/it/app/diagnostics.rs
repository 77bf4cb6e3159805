//! The Diagnostics screen: what it asks for, what keys do there, and how a failed job leads to it.

use super::harness::Harness;
use crate::view::fixtures;
use dbbackup::app::action::Action;
use dbbackup::app::cmd::{Cmd, Query, ReqId};
use dbbackup::app::msg::{Msg, Reply};
use dbbackup::domain::Fault;
use dbbackup::engine::event::Event;
use std::path::PathBuf;

fn asked(harness: &mut Harness) -> Query {
    asked_as(harness).1
}

fn asked_as(harness: &mut Harness) -> (ReqId, Query) {
    let cmds = harness.take();
    match cmds.as_slice() {
        [Cmd::Fetch(id, query)] => (*id, query.clone()),
        other => panic!("one question, not {other:?}"),
    }
}

#[test]
fn the_screen_collects_when_it_is_opened_and_again_on_request() {
    let mut harness = Harness::new().quietly().keys("8");
    let here = Query::Diagnose(Some(Box::new(fixtures::connection())), "/var/backups/dbbackup".into(), None);
    assert_eq!(asked(&mut harness), here);
    Harness::of(harness.model).keys("1").quietly().keys("8").sends_nothing().shows("looking at host and server");
    let mut harness = Harness::of(fixtures::diagnosed()).shows("FINDINGS").shows("96.1 %").quietly().keys("R").shows("collecting again");
    assert_eq!(asked(&mut harness), here);
}

#[test]
fn evidence_fix_and_report_are_a_key_away() {
    let harness = Harness::of(fixtures::diagnosed()).hides("96.1 GB of 100.0 GB used").keys("enter").shows("96.1 GB of 100.0 GB used");
    let mut harness = harness.keys("enter").hides("96.1 GB of 100.0 GB used").quietly().keys("y").shows("The fix, sent to the clipboard");
    let fix = "du -xh --max-depth=1 /var/backups/dbbackup | sort -h | tail".to_owned();
    assert_eq!(harness.take(), [Cmd::Copy(fix)]);
    let mut harness = harness.keys("esc").keys("w");
    match asked(&mut harness) {
        Query::KeepReport(dir, report) => assert_eq!((dir, *report), ("/var/backups/dbbackup".into(), fixtures::diagnosis())),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_command_line_that_does_the_same_is_a_key_away() {
    let mut harness = Harness::of(fixtures::diagnosed()).quietly().keys("Y").shows("The same from a shell");
    let words = "dbbackup --host db01 --user backup diagnose --backup-dir /var/backups/dbbackup".to_owned();
    assert_eq!(harness.take(), [Cmd::Copy(words.clone())]);
    let parsed = dbbackup::cli::parse::parse(words.split(' ').map(std::ffi::OsString::from)).expect("it can be typed");
    assert!(matches!(parsed.cli.command, Some(dbbackup::cli::Command::Diagnose(_))));
}

#[test]
fn news_of_one_screen_does_not_hide_the_keys_of_the_next() {
    let harness = Harness::of(fixtures::at_plan(fixtures::blocked_plan())).quietly().keys("enter").shows("start: a check failed");
    harness.keys("esc").shows("q quit");
}

#[test]
fn a_past_report_is_read_and_not_written_again() {
    let mut harness = Harness::of(fixtures::past_reports()).shows("LOCK_TABLE_FULL").quietly().keys("enter");
    let file = PathBuf::from("/var/backups/dbbackup/diagnostics-20260130-181540.json");
    let (id, query) = asked_as(&mut harness);
    assert_eq!(query, Query::Report(file));
    let harness = harness
        .send(Msg::Done(id, Ok(Reply::Diagnosis(Box::new(fixtures::diagnosis_of_failure())))))
        .shows("Report diagnostics-20260130-181540.json");
    harness.shows("refuses connections").shows("connect failed").keys("w").shows("this one is kept already");
}

#[test]
fn a_failed_job_leads_to_its_report() {
    let failed = |fault: Fault| Harness::of(fixtures::running()).send(Msg::Engine(fixtures::JOB, Event::Failed(fault))).quietly();
    let with = failed(fixtures::auth_fault().at(Fault::REPORT, "diagnostics-20260130-181503.json"));
    let mut by_key = with.keys("e").shows("Report: diagnostics-20260130-181503.json").keys("d");
    let folder = fixtures::cluster_restore_plan().spec.folder();
    assert_eq!(asked(&mut by_key), Query::Report(folder.join("diagnostics-20260130-181503.json")));
    // Without a report one is made of what there is now.
    let mut without = failed(fixtures::auth_fault()).keys("d");
    match asked(&mut without) {
        Query::Diagnose(Some(_), dir, Some(fault)) => assert_eq!((dir, fault), (folder, fixtures::auth_fault())),
        other => panic!("{other:?}"),
    }
    // A plan that a check refuses is no different.
    let obstacle = fixtures::blocked_plan().obstacle().expect("a failed check");
    let mut refused = Harness::of(fixtures::at_plan(fixtures::blocked_plan())).quietly().keys("d");
    match asked(&mut refused) {
        Query::Diagnose(Some(_), _, Some(fault)) => assert_eq!(fault, obstacle),
        other => panic!("{other:?}"),
    }
    // And where nothing failed the key says so.
    Harness::new().quietly().act(Action::Diagnose).sends_nothing();
}
