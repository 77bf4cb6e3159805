//! PITR and WAL: what they ask for and when, how the cursor moves, and how both lead to a recovery.

use super::harness::Harness;
use crate::view::{fixtures, recovery};
use dbbackup::app::cmd::{Cmd, Query, ReqId};
use dbbackup::app::msg::{Clock, Msg, Reply};
use dbbackup::app::nav::Place;
use dbbackup::app::screens::pitr;
use dbbackup::domain::plan::Plan;
use dbbackup::domain::recovery::judge;
use dbbackup::domain::recovery::{BaseKind, Bound, Micros, RecoveryReport, Target, TargetAction, TimelineChoice};
use dbbackup::domain::spec::{BaseSpec, CheckLogSpec, JobSpec, RecoverSpec, Start};
use dbbackup::domain::wal::{SegmentSize, Timeline};
use dbbackup::domain::{Fault, Stamp};

const MINUTE: i64 = 60_000;

fn at(key: &str) -> Harness {
    Harness::of(recovery::shown(key, recovery::report())).quietly()
}

fn question() -> Query {
    Query::Recovery(Some(Box::new(fixtures::connection())), "/var/backups/dbbackup".into(), None)
}

/// The same when the archive's place is known.
fn again() -> Query {
    Query::Recovery(Some(Box::new(fixtures::connection())), "/var/backups/dbbackup".into(), Some("/wal".into()))
}

fn questions(harness: &mut Harness) -> Vec<Query> {
    let cmds = harness.take().into_iter();
    cmds.filter_map(|cmd| match cmd {
        Cmd::Fetch(_, query) => Some(query),
        _ => None,
    })
    .collect()
}

fn later(harness: Harness, milliseconds: i64) -> Harness {
    let now = Stamp(harness.model.clock.now.0 + milliseconds);
    harness.send(Msg::Tick(Clock { now, ..fixtures::clock() }))
}

fn moment(harness: &Harness) -> i64 {
    harness.model.recovery.moment.expect("a moment").stamp().0
}

fn planned(harness: &mut Harness) -> JobSpec {
    match harness.take().pop() {
        Some(Cmd::Plan(_, spec)) => *spec,
        other => panic!("no plan was asked for: {other:?}"),
    }
}

fn planned_recovery(harness: &mut Harness) -> RecoverSpec {
    match planned(harness) {
        JobSpec::Recover(spec) => spec,
        other => panic!("no recovery: {other:?}"),
    }
}

#[test]
fn one_question_feeds_both_screens_and_is_asked_again_calmly() {
    let mut harness = Harness::new().quietly().keys("6").shows("looking at the server");
    assert_eq!(questions(&mut harness), [question()]);
    // The other screen waits for the same answer.
    let harness = harness.keys("7").sends_nothing().answered().keys("6").sends_nothing().shows("any moment from");
    let harness = later(harness, MINUTE / 2).sends_nothing();
    let mut harness = later(harness, MINUTE / 2);
    assert_eq!(questions(&mut harness), [again()]);
    // While the answer is on its way nobody asks twice, and what is shown stays.
    let harness = later(harness, 5 * MINUTE).sends_nothing().shows("any moment from").shows("looking again");
    let mut harness = harness.keys("R");
    assert_eq!(questions(&mut harness), [again()]);
    // Nobody looks: nobody asks. Whoever comes back later gets fresh figures.
    let harness = later(harness.answered().keys("1"), 10 * MINUTE).sends_nothing();
    let mut harness = harness.keys("7");
    assert_eq!(questions(&mut harness), [again()]);
}

#[test]
fn a_server_that_no_longer_answers_still_has_its_archive() {
    let mut harness = at("6").keys("R");
    let Query::Recovery(_, _, wal) = questions(&mut harness).pop().expect("a question") else { panic!("another question") };
    assert_eq!(wal, Some("/wal".into()));
    // Nothing was ever known: the way to name the folder is said.
    let lost = Harness::of(recovery::shown("6", recovery::lost())).shows("it is not known").shows("--archive-dir").quietly();
    lost.keys("y").shows("nothing here wants a command").sends_nothing();
}

#[test]
fn figures_that_cannot_be_renewed_stay_with_a_word_of_warning() {
    let failed = at("7").keys("R").fails().shows("these are older figures").shows("SAVED %").keys("6").shows("these are older figures");
    failed.shows("recoverable");
    Harness::new().keys("6").fails().shows("authentication error").shows("asks again").keys("enter").shows("it is not known yet");
}

#[test]
fn the_cursor_moves_by_columns_and_by_less() {
    let harness = at("6").at(80, 24).shows("the end of the archive");
    let scale = pitr::scale(&harness.model).expect("there is a line");
    let end = pitr::cursor(&harness.model).expect("an end").0;
    let harness = harness.keys("left left left");
    let moved = end - moment(&harness);
    assert!((moved - 3 * scale.step()).abs() < 3 * MINUTE, "{moved} for three times {}", scale.step());
    // Round moments are moved to.
    assert_eq!(moment(&harness) % MINUTE, 0);
    let before = moment(&harness);
    let harness = harness.keys("shift-left");
    assert!((before - moment(&harness) - scale.step() / 10).abs() < MINUTE);
    let harness = harness.keys("> < >");
    assert!((before - moment(&harness)).abs() <= 2000);
    // Beyond the end is the end, and the beginning is not passed.
    let harness = harness.keys("right right right right").shows("the end of the archive");
    assert_eq!(harness.model.recovery.moment, None);
    let harness = harness.keys("home left left");
    assert_eq!(Some(Stamp(moment(&harness))), pitr::extent(&recovery::report()).map(|(from, _)| from));
    assert_eq!(harness.keys("end").model.recovery.moment, None);
}

#[test]
fn nearer_each_column_is_less_and_the_cursor_stays_in_sight() {
    let mut harness = at("6").at(80, 24).keys("p p p");
    let step = |harness: &Harness| pitr::scale(&harness.model).expect("a line").step();
    let (whole, start) = (step(&harness), moment(&harness));
    harness = harness.keys("+ + +");
    assert!(step(&harness) * 60 < whole && step(&harness) * 68 > whole, "{} of {whole}", step(&harness));
    for key in ["right"; 90] {
        harness = harness.keys(key);
        let scale = pitr::scale(&harness.model).expect("a line");
        assert!(scale.column(Stamp(moment(&harness))).is_some());
    }
    assert!(moment(&harness) > start);
    harness = harness.keys("- - -");
    assert_eq!((step(&harness), harness.model.recovery.window), (whole, None));
}

#[test]
fn jumps_stop_at_base_backups_and_gaps() {
    let report = recovery::report();
    let mut harness = at("6");
    let mut stops = Vec::new();
    for _ in 0..20 {
        let before = harness.model.recovery.moment;
        harness = harness.keys("p");
        if harness.model.recovery.moment == before {
            break;
        }
        stops.push(Stamp(moment(&harness)));
    }
    for base in &report.bases {
        assert!(stops.contains(&base.ended), "{:?}", base.path);
    }
    assert!(stops.contains(&report.wal.gaps[0].from) && stops.contains(&report.wal.gaps[0].to));
    assert!(stops.is_sorted_by(|a, b| a > b));
    // And all the way back to the end.
    let harness = (0..30).fold(harness, |harness, _| harness.keys("n"));
    assert_eq!(harness.model.recovery.moment, None);
}

#[test]
fn a_moment_is_typed_in_local_time_and_said_in_utc() {
    let harness = at("6").keys("t").types("30 Jan 14:02:59.184").shows("2026-01-30 13:02:59.184 UTC").keys("enter");
    assert_eq!(harness.model.recovery.moment, Some(Micros(1_769_778_179_184_000)));
    let harness = harness.shows("30 Jan 2026 14:02:59.184 CET").shows("✓ recoverable").shows("from the incremental backup");
    // What cannot be read is said where it is typed, and nothing moves.
    let harness = harness.keys("t ctrl-u").types("25:00").shows("25:00 is not a time").keys("enter").shows("is not a time");
    let harness = harness.keys("esc").hides("moment  ").shows("14:02:59.184 CET");
    // In the gap nothing can be recovered, and what can is named.
    let harness = harness.keys("t ctrl-u").types("22 Jan 03:30").keys("enter").shows("✗ not recoverable");
    harness.shows("22 Jan 10:30:07 after").shows("segments are missing");
}

#[test]
fn a_line_is_chosen_where_timelines_branch() {
    let harness = at("6").keys("up");
    assert_eq!(pitr::wish(&harness.model).timeline, TimelineChoice::Of(Timeline(2)));
    let harness = harness.keys("up up");
    assert_eq!(pitr::line(&harness.model), Some(Timeline(1)));
    let harness = harness.keys("down down");
    assert_eq!(pitr::wish(&harness.model).timeline, TimelineChoice::Latest);
}

#[test]
fn enter_prepares_the_recovery_of_the_moment() {
    let harness = at("6").keys("t").types("2026-01-30 13:02:59 UTC").keys("enter enter").shows("Recover a server to a moment");
    let harness = harness.keys("enter").shows("into: a folder is needed").types("restore").shows("write it from / on").keys("ctrl-u");
    let mut harness = harness.types("/restore").shows("✓ recoverable").keys("enter");
    let spec = planned_recovery(&mut harness);
    let wanted = RecoverSpec {
        base: None,
        dir: "/var/backups/dbbackup".into(),
        wal_dir: Some("/wal".into()),
        target_dir: "/restore".into(),
        target: Target::Time(Micros(1_769_778_179_000_000)),
        bound: Bound::Inclusive,
        timeline: TimelineChoice::Latest,
        action: TargetAction::Pause,
        map_tablespaces: Vec::new(),
        bin_dir: None,
        start: Start::No,
        port: None,
        jobs: 4,
    };
    assert_eq!(spec, wanted);
    // Coming back finds the form as it was filled in; another moment begins anew.
    let harness = harness.keys("esc").shows("/restore").keys("esc enter").shows("/restore");
    harness.keys("esc left enter").hides("/restore");
}

#[test]
fn every_choice_of_the_form_is_in_the_job() {
    // At the end of the archive there is nothing to choose.
    let harness = at("6")
        .keys("enter")
        .hides("up to it")
        .types("/restore")
        .keys("down right right right")
        .shows("up to it")
        .shows("a position in the log");
    let harness = harness.keys("down").types("x").shows("such as 1/6B374D8").keys("ctrl-u").types("1/6B374D8");
    let harness = harness.keys("down right down right down ctrl-u").types("two").shows("latest, current or a number");
    let harness = harness.keys("ctrl-u").types("2").keys("down right").shows("one that is free").keys("down").types("70000");
    let harness = harness.shows("1 to 65535").keys("ctrl-u").types("6000").keys("down down").types("/a=b").shows("write /old=/new");
    let mut harness = harness.keys("ctrl-u").types("/a=/b, /c=/d").keys("down").types("/opt/pg").keys("down 9").keys("enter");
    let spec = planned_recovery(&mut harness);
    assert_eq!(spec.target, Target::Lsn("1/6B374D8".parse().expect("a position")));
    assert_eq!((spec.bound, spec.timeline), (Bound::Exclusive, TimelineChoice::Of(Timeline(2))));
    assert_eq!((spec.action, spec.start, spec.port), (TargetAction::Promote, Start::Yes, Some(6000)));
    assert_eq!(spec.map_tablespaces, [("/a".into(), "/b".into()), ("/c".into(), "/d".into())]);
    assert_eq!((spec.bin_dir, spec.jobs), (Some("/opt/pg".into()), 49));
}

#[test]
fn without_a_base_backup_there_is_nothing_to_prepare_and_a_way_to_begin() {
    let mut harness = Harness::of(recovery::shown("6", recovery::off())).quietly().keys("enter").shows("there is no base backup");
    harness = harness.keys("left").shows("there is nothing to move along").keys("y").shows("pitr enable --archive-dir");
    assert!(matches!(harness.take().as_slice(), [Cmd::Copy(text)] if text.contains("pitr enable --archive-dir /var/backups/dbbackup/wal")));
}

#[test]
fn a_gap_leads_to_what_can_still_be_recovered() {
    let harness = at("7").shows("00000001000000060000004A").keys("enter").shows("ARCHIVER");
    assert_eq!(Stamp(moment(&harness)), recovery::report().wal.gaps[0].from);
    // The way to the newest timeline leads through it, so that no timeline has to be named.
    assert_eq!(pitr::wish(&harness.model).timeline, TimelineChoice::Latest);
    harness.shows("✓ recoverable");
}

#[test]
fn a_base_backup_is_recovered_from_not_looked_into() {
    for path in ["5 end", "3 end"] {
        let mut harness = Harness::of(recovery::with_base()).keys("5");
        let name = recovery::base_archive().path;
        harness.model.list.picker.selected = Some(name.clone());
        harness.model.restore.picker.selected = Some(name.clone());
        let key = if path.starts_with('3') { "3 enter" } else { "r" };
        let mut harness = harness.quietly().keys(key).shows("from base_012h.tar.zst");
        assert_eq!(questions(&mut harness), [question()]);
        // The report says where the log lies.
        let mut harness = harness.answered().shows("/wal").types("/restore").keys("enter");
        let spec = planned_recovery(&mut harness);
        assert_eq!((spec.base, spec.wal_dir, spec.target), (Some(name), Some("/wal".into()), Target::Latest));
    }
}

#[test]
fn what_waits_for_a_restart_is_said_on_both_screens() {
    for key in ["6", "7"] {
        let report = RecoveryReport { waiting: vec!["archive_mode".into()], ..recovery::off() };
        let harness = Harness::of(recovery::shown(key, report));
        harness.shows("archive_mode changed and hold only after a restart").hides("archiving is off");
    }
}

#[test]
fn a_base_backup_is_started_from_the_backup_screen() {
    let mut harness = Harness::new().quietly().keys("2 B");
    let JobSpec::Base(BaseSpec { kind, dir, jobs, wal_dir, .. }) = planned(&mut harness) else { panic!("no base backup") };
    assert_eq!((kind, dir, jobs, wal_dir), (BaseKind::Full, "/var/backups/dbbackup".into(), 4, None));
    let mut harness = Harness::new().quietly().keys("2 tab down down down down down").shows("B makes a base backup").keys("right right B");
    let JobSpec::Base(spec) = planned(&mut harness) else { panic!("no base backup") };
    assert_eq!(spec.kind, BaseKind::Incremental);
}

#[test]
fn the_command_lines_that_do_the_same_are_a_key_away() {
    for (key, words) in [("6", "pitr status --archive-dir /wal --backup-dir /var/backups/dbbackup"), ("7", "wal stats --archive-dir /wal")]
    {
        let mut harness = at(key).keys("Y").shows("The same from a shell");
        assert_eq!(harness.take(), [Cmd::Copy(format!("dbbackup --host db01 --user backup {words}"))]);
    }
    let mut harness = at("6").keys("enter").types("/restore").keys("down Y");
    assert!(
        matches!(harness.take().as_slice(), [Cmd::Copy(text)] if text.contains("restore pitr") && text.contains("--target-dir /restore"))
    );
}

#[test]
fn the_log_that_a_moment_needs_is_read_and_all_of_it_where_none_is_chosen() {
    fn check(harness: &mut Harness) -> (ReqId, CheckLogSpec) {
        match harness.take().pop() {
            Some(Cmd::Plan(id, spec)) => match *spec {
                JobSpec::CheckLog(spec) => (id, spec),
                other => panic!("no check of the log: {other:?}"),
            },
            other => panic!("no plan was asked for: {other:?}"),
        }
    }
    for key in ["6", "7"] {
        let (_, whole) = check(&mut at(key).keys("v"));
        assert_eq!((whole.wal_dir, whole.dir, whole.segments), ("/wal".into(), "/var/backups/dbbackup".into(), vec![]));
    }
    // A moment back on the newest timeline: what its verdict needs, and no more.
    let mut harness = at("6").keys("left left").shows("✓ recoverable").keys("v");
    let needed = match pitr::verdict(&harness.model) {
        Some(judge::Verdict::Recoverable(way)) => way.parts.clone(),
        other => panic!("not recoverable: {other:?}"),
    };
    let (id, spec) = check(&mut harness);
    let parts: Vec<_> = spec.segments.iter().filter_map(|span| span.part(SegmentSize::default())).collect();
    assert!(!parts.is_empty() && parts == needed, "{parts:?}");
    // Nothing has to be looked at before: it begins at once, and shows how far it is.
    let plan = Plan { title: "Verify".into(), ..Plan::of(JobSpec::CheckLog(spec)) };
    let harness = harness.send(Msg::Done(id, Ok(Reply::Plan(Box::new(plan))))).shows("Verification of the log in /wal");
    assert!(matches!(harness.model.nav.place(), Place::Job(_)));
    harness.keys("c").shows("Nothing is changed.");
    // Nobody knows where it is.
    let lost = Harness::of(recovery::shown("6", recovery::lost())).quietly();
    lost.keys("v").shows("it is not known where the log is archived").sends_nothing();
}

trait Answered {
    fn answered(self) -> Self;
    fn fails(self) -> Self;
}

impl Answered for Harness {
    /// Whatever was asked last about recovery is answered.
    fn answered(self) -> Self {
        let id = self.model.waits_for_recovery().expect("it was asked");
        self.send(Msg::Done(id, Ok(recovery::told(recovery::report()))))
    }

    fn fails(self) -> Self {
        let id = self.model.waits_for_recovery().expect("it was asked");
        self.send(Msg::Done(id, Err::<Reply, Fault>(fixtures::auth_fault())))
    }
}
