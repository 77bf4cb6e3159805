//! The life of a job: planned, confirmed, started, cancelled, over; and how the program ends.

use super::harness::{Harness, key};
use crate::view::fixtures::{self, JOB};
use dbbackup::app::action::Action;
use dbbackup::app::cmd::{Cmd, Query, ReqId};
use dbbackup::app::model::{Model, Outcome};
use dbbackup::app::msg::{Clock, Msg, Reply, Why};
use dbbackup::app::setup::{Mode, Setup};
use dbbackup::domain::fault::{Code, Fault};
use dbbackup::domain::job::{DatabaseOutcome, JobState, Leftovers, Proof, Summary};
use dbbackup::domain::password::Password;
use dbbackup::domain::plan::{Confirmed, Plan};
use dbbackup::domain::spec::JobSpec;
use dbbackup::domain::wait::Ending;
use dbbackup::domain::{Bytes, Stamp};
use dbbackup::engine::event::{Event, Level};

fn confirmed(plan: Plan, typed: Option<&str>) -> Box<Confirmed> {
    Box::new(Confirmed::by_name(plan, typed).expect("the name is right"))
}

fn command(mode: Mode, spec: JobSpec, change: impl FnOnce(&mut Setup)) -> (Harness, ReqId) {
    let mut setup = Setup { job: Some(spec.clone()), ..fixtures::setup(mode) };
    change(&mut setup);
    let (model, cmds) = Model::new(setup);
    assert_eq!(cmds, [Cmd::Plan(ReqId(1), Box::new(spec))], "a command asks for its plan and for nothing else");
    (Harness::of(model), ReqId(1))
}

fn planned(plan: Plan) -> Msg {
    Msg::Done(ReqId(1), Ok(Reply::Plan(Box::new(plan))))
}

fn outcome(harness: &Harness) -> Outcome {
    harness.model.outcome().expect("it has ended").clone()
}

#[test]
fn opening_asks_the_server_and_the_folder() {
    let (_, cmds) = Model::new(fixtures::setup(Mode::Interactive));
    assert_eq!(
        cmds,
        [
            Cmd::Fetch(ReqId(1), Query::Server(Box::new(fixtures::connection()))),
            Cmd::Fetch(ReqId(2), Query::Archives("/var/backups/dbbackup".into()))
        ]
    );
}

#[test]
fn a_backup_is_planned_looked_at_and_started() {
    let plan = fixtures::backup_plan();
    Harness::new()
        .keys("2 enter")
        .expect_cmds(&[Cmd::Plan(ReqId(3), Box::new(fixtures::backup_spec()))])
        .shows("nothing is changed")
        .send(Msg::Done(ReqId(3), Ok(Reply::Plan(Box::new(plan.clone())))))
        .shows("about 750 MB")
        .sends_nothing()
        .keys("enter")
        .expect_cmds(&[Cmd::Start(JOB, confirmed(plan, None))])
        .shows("job 1");
}

#[test]
fn wrong_name_never_starts_a_restore() {
    let harness = Harness::of(fixtures::at_plan(fixtures::restore_plan())).quietly();
    let harness = harness.keys("enter").sends_nothing().types("shpo").keys("enter").sends_nothing().shows("this is not the name");
    harness.keys("ctrl-u").types("shop").keys("enter").expect_cmds(&[Cmd::Start(JOB, confirmed(fixtures::restore_plan(), Some("shop")))]);
}

#[test]
fn a_pasted_name_is_not_taken() {
    Harness::of(fixtures::at_plan(fixtures::restore_plan()))
        .quietly()
        .send(Msg::Paste("shop".into()))
        .keys("enter")
        .sends_nothing()
        .shows("type the name to start");
}

#[test]
fn a_failed_check_keeps_a_plan_from_starting() {
    let harness = Harness::of(fixtures::at_plan(fixtures::blocked_plan())).quietly();
    harness.shows("cannot start").types("shop").keys("enter").sends_nothing().shows("a check failed");
}

#[test]
fn a_dry_run_never_starts() {
    let plan = fixtures::backup_plan();
    Harness::new()
        .keys("2 n")
        .answer(Ok(Reply::Plan(Box::new(plan))))
        .quietly()
        .shows("Dry run")
        .keys("enter")
        .sends_nothing()
        .shows("this is a dry run");
}

#[test]
fn an_answer_that_is_no_longer_awaited_is_dropped() {
    let harness = Harness::new().keys("2 enter esc").keys("enter");
    let late = Plan { title: "the older plan".into(), ..fixtures::backup_plan() };
    harness.send(Msg::Done(ReqId(3), Ok(Reply::Plan(Box::new(late))))).hides("the older plan").shows("nothing is changed");
}

#[test]
fn cancelling_asks_once_and_waits_until_it_has_stopped() {
    Harness::of(fixtures::running())
        .quietly()
        .keys("c")
        .shows("Cancel the restore of cluster db01:5432?")
        .sends_nothing()
        .keys("enter")
        .sends_nothing()
        .keys("y")
        .expect_cmds(&[Cmd::Cancel(JOB)])
        .shows("stopping")
        .keys("c")
        .sends_nothing()
        .shows("it is stopping already")
        .send(Msg::Engine(
            JOB,
            Event::Cancelled(Leftovers { things: vec!["database app_db, partly restored".into()], ..Leftovers::default() }),
        ))
        .shows("app_db, partly restored");
}

#[test]
fn ctrl_c_asks_then_cancels_then_leaves_at_once() {
    let harness = Harness::of(fixtures::running()).quietly().keys("ctrl-c").shows("Cancel the").sends_nothing();
    let harness = harness.keys("ctrl-c").expect_cmds(&[Cmd::Cancel(JOB)]);
    let harness = harness.keys("ctrl-c").expect_cmds(&[Cmd::Quit]);
    assert_eq!(outcome(&harness).exit, 130);
}

#[test]
fn quitting_lists_what_runs_and_can_stay() {
    let harness = Harness::of(fixtures::running()).quietly().keys("q").shows("1 job is still running").keys("esc").sends_nothing();
    let harness = harness.keys("q y").expect_cmds(&[Cmd::Cancel(JOB)]);
    assert!(harness.model.outcome().is_none(), "it leaves when the job has stopped");
    let harness = harness.send(Msg::Engine(JOB, Event::Cancelled(Leftovers::default()))).expect_cmds(&[Cmd::Quit]);
    assert_eq!(outcome(&harness).exit, 130);
    let harness = Harness::new().quietly().keys("q").expect_cmds(&[Cmd::Quit]);
    assert_eq!(outcome(&harness).exit, 0);
}

#[test]
fn a_signal_cancels_safely_and_a_second_one_does_not_wait() {
    for (why, exit) in [(Why::Terminate, 143), (Why::Hangup, 143), (Why::Interrupt, 130)] {
        let harness = Harness::of(fixtures::running()).quietly().send(Msg::Shutdown(why)).expect_cmds(&[Cmd::Cancel(JOB)]);
        let harness = harness.send(Msg::Engine(JOB, Event::Cancelled(Leftovers::default()))).expect_cmds(&[Cmd::Quit]);
        assert_eq!(outcome(&harness).exit, exit);
        let harness = Harness::of(fixtures::running()).quietly().send(Msg::Shutdown(why)).send(Msg::Shutdown(why));
        let harness = harness.expect_cmds(&[Cmd::Cancel(JOB), Cmd::Quit]);
        assert_eq!(outcome(&harness).exit, exit);
        assert!(matches!(outcome(&harness).jobs[0].state, JobState::Stopping(_)));
    }
    let harness = Harness::new().quietly().send(Msg::Shutdown(Why::Terminate)).expect_cmds(&[Cmd::Quit]);
    assert_eq!(outcome(&harness).exit, 143);
}

#[test]
fn batch_starts_what_destroys_nothing_and_ends_with_its_job() {
    let plan = fixtures::backup_plan();
    let (harness, _) = command(Mode::Batch, fixtures::backup_spec(), |_| {});
    let harness = harness.send(planned(plan.clone())).expect_cmds(&[Cmd::Start(JOB, confirmed(plan, None))]);
    let harness = harness.send(Msg::Engine(JOB, Event::Finished(Box::new(fixtures::summary())))).expect_cmds(&[Cmd::Quit]);
    let outcome = outcome(&harness);
    assert_eq!((outcome.exit, outcome.fault, outcome.jobs.len()), (0, None, 1));
    assert_eq!((outcome.jobs[0].noun, outcome.jobs[0].name.as_str()), ("Backup", "backup of shop"));
}

#[test]
fn batch_never_waits_for_a_confirmation() {
    for (confirm, exit) in [(None, 64), (Some("shpo"), 64)] {
        let (harness, _) = command(Mode::Batch, fixtures::restore_spec(), |setup| setup.confirm = confirm.map(str::to_owned));
        let harness = harness.send(planned(fixtures::restore_plan())).expect_cmds(&[Cmd::Quit]);
        let outcome = outcome(&harness);
        assert_eq!(outcome.exit, exit);
        assert_eq!(outcome.fault.map(|fault| fault.code), Some(Code::NotConfirmed));
        assert!(outcome.plan.is_some(), "what would be lost can be shown");
    }
    let (harness, _) = command(Mode::Batch, fixtures::restore_spec(), |setup| setup.confirm = Some("shop".into()));
    harness.send(planned(fixtures::restore_plan())).expect_cmds(&[Cmd::Start(JOB, confirmed(fixtures::restore_plan(), Some("shop")))]);
}

#[test]
fn a_headless_dry_run_stops_at_the_plan() {
    let (harness, _) = command(Mode::Batch, fixtures::restore_spec(), |setup| setup.dry_run = true);
    let harness = harness.send(planned(fixtures::restore_plan())).expect_cmds(&[Cmd::Quit]);
    assert_eq!((outcome(&harness).exit, outcome(&harness).fault), (0, None));
    let (harness, _) = command(Mode::Batch, fixtures::restore_spec(), |setup| setup.dry_run = true);
    let harness = harness.send(planned(fixtures::blocked_plan()));
    assert!(outcome(&harness).fault.is_some_and(|fault| fault.what.contains("postgis")), "a check that failed is told by a dry run too");
}

#[test]
fn a_plan_that_fails_ends_a_command_with_its_code() {
    for mode in [Mode::Batch, Mode::Command] {
        let (harness, id) = command(mode, fixtures::backup_spec(), |_| {});
        let harness = harness.send(Msg::Done(id, Err(fixtures::auth_fault()))).expect_cmds(&[Cmd::Quit]);
        assert_eq!(outcome(&harness).exit, 77);
    }
}

#[test]
fn a_command_on_a_terminal_asks_for_the_name_that_is_missing() {
    let (harness, _) = command(Mode::Command, fixtures::restore_spec(), |_| {});
    let harness = harness.send(planned(fixtures::restore_plan())).sends_nothing().shows("Type shop to start:");
    let harness =
        harness.types("nope").keys("enter").sends_nothing().shows("this is not the name").keys("ctrl-u").types("shop").keys("enter");
    let harness = harness.expect_cmds(&[Cmd::Start(JOB, confirmed(fixtures::restore_plan(), Some("shop")))]);
    harness.shows("this run ends with its job").keys("1").sends_nothing().shows("job 1");
    let (harness, _) = command(Mode::Command, fixtures::restore_spec(), |_| {});
    let harness = harness.send(planned(fixtures::restore_plan())).keys("esc").expect_cmds(&[Cmd::Quit]);
    assert_eq!(outcome(&harness).exit, 64);
}

#[test]
fn ctrl_c_in_a_command_cancels_at_once() {
    let (harness, _) = command(Mode::Command, fixtures::backup_spec(), |_| {});
    let harness = harness.send(planned(fixtures::backup_plan())).quietly().keys("ctrl-c").expect_cmds(&[Cmd::Cancel(JOB)]);
    let harness = harness.send(Msg::Engine(JOB, Event::Cancelled(Leftovers::default()))).expect_cmds(&[Cmd::Quit]);
    assert_eq!(outcome(&harness).exit, 130);
}

#[test]
fn exit_codes_of_jobs() {
    let outcomes = |bad: usize, good: usize| -> Vec<DatabaseOutcome> {
        let one = |name: String, fault| DatabaseOutcome { name, tables: 1, rows: 1, bytes: Bytes(1), fault, ..DatabaseOutcome::default() };
        let failed = (0..bad).map(|at| one(format!("bad{at}"), Some(fixtures::index_fault())));
        failed.chain((0..good).map(|at| one(format!("good{at}"), None))).collect()
    };
    let finished = |databases, proof| Event::Finished(Box::new(Summary { databases, proof, ..Summary::default() }));
    let differs = Proof { differences: vec![Default::default()], ..Proof::default() };
    let backup = fixtures::backup_spec;
    let cluster = fixtures::cluster_restore_spec;
    for (what, spec, event, exit) in [
        ("done", backup(), finished(outcomes(0, 2), None), 0),
        ("one of two databases is not backed up", backup(), finished(outcomes(1, 1), None), 1),
        ("four of five are restored", cluster(), finished(outcomes(1, 4), None), 0),
        ("three of four are restored", cluster(), finished(outcomes(1, 3), None), 1),
        ("the proof found a difference", cluster(), finished(outcomes(0, 1), Some(differs)), 65),
        ("the proof found none", cluster(), finished(outcomes(0, 1), Some(Proof::default())), 0),
        ("failed", backup(), Event::Failed(Fault::new(Code::DiskFull, "full")), 74),
        ("cancelled", backup(), Event::Cancelled(Leftovers::default()), 130),
    ] {
        let (harness, _) = command(Mode::Batch, spec.clone(), |_| {});
        let plan = Plan { spec, confirm: None, ..fixtures::backup_plan() };
        let harness = harness.send(planned(plan)).send(Msg::Engine(JOB, event));
        assert_eq!(outcome(&harness).exit, exit, "{what}");
    }
}

/// The same actions and events give the same jobs, whoever looks on.
#[test]
fn batch_and_screen_have_the_same_jobs() {
    let events = || {
        vec![
            Msg::Engine(JOB, Event::Started),
            Msg::Engine(JOB, Event::Progress(Box::new(fixtures::cluster_progress(7_000_000_000)))),
            Msg::Engine(JOB, Event::Log { level: Level::Warn, text: "slow".into() }),
            Msg::Engine(JOB, Event::Finished(Box::new(fixtures::summary()))),
        ]
    };
    let plan = fixtures::backup_plan();
    let (batch, _) = command(Mode::Batch, fixtures::backup_spec(), |_| {});
    let batch = events().into_iter().fold(batch.send(Msg::Tick(fixtures::clock())).send(planned(plan.clone())), Harness::send);
    let screen = Harness::new().act(Action::Submit(Box::new(fixtures::backup_spec()))).answer(Ok(Reply::Plan(Box::new(plan))));
    let screen = events().into_iter().fold(screen.keys("enter"), Harness::send);
    assert_eq!(batch.model.jobs, screen.model.jobs);
}

#[test]
fn an_idle_screen_is_drawn_once_a_minute() {
    let mut model = fixtures::ready();
    model.clean();
    assert_eq!(model.next_wake(), Some(Stamp((fixtures::NOW / 60_000 + 1) * 60_000)));
    for second in 1..53 {
        let now = Stamp(fixtures::NOW + second * 1000);
        fixtures::feed(&mut model, [Msg::Tick(Clock { now, ..fixtures::clock() })]);
        assert!(!model.dirty(), "second {second}");
    }
    let now = Stamp(fixtures::NOW + 53_000);
    fixtures::feed(&mut model, [Msg::Tick(Clock { now, ..fixtures::clock() })]);
    assert!(model.dirty());
}

#[test]
fn a_running_job_is_drawn_every_second() {
    let mut model = fixtures::running();
    model.clean();
    let now = model.clock.now.0;
    assert_eq!(model.next_wake(), Some(Stamp(now / 1000 * 1000 + 1000)));
    fixtures::feed(&mut model, [Msg::Tick(Clock { now: Stamp(now + 1000), ..fixtures::clock() })]);
    assert!(model.dirty());
}

#[test]
fn memory_is_bounded_and_losses_are_said() {
    let line =
        |at: usize| Msg::Engine(JOB, Event::Log { level: if at == 7 { Level::Error } else { Level::Info }, text: format!("line {at}") });
    let harness = (0..5000).fold(Harness::of(fixtures::running()), |harness, at| harness.send(line(at)));
    let job = &harness.model.jobs[0];
    assert_eq!((job.log.lines.len(), harness.model.log.lines.len()), (500, 2000));
    assert!(job.notable.iter().any(|line| line.text == "line 7"), "a flood does not push out the reason of a failure");
    assert!(job.log.lost > 0);
    harness.send(Msg::Lagged(312)).keys("9").shows("312 lines were dropped").keys("home").shows("older lines are no longer kept");
}

#[test]
fn keys_that_mean_nothing_change_nothing() {
    let before = format!("{:?}", Harness::new().model);
    let after = Harness::new().send(key("z")).send(key("%")).sends_nothing();
    assert_eq!(before, format!("{:?}", after.model));
}

#[test]
fn who_is_in_the_way_is_chosen_and_ended_after_a_question() {
    let mut harness = Harness::of(fixtures::waiting()).quietly();
    let (connection, root) = (Box::new(fixtures::connection()), fixtures::waits()[0].blockers[1].clone());
    // The root is chosen by itself; b goes on to the other one and back.
    harness =
        harness.shows("▸   └ 4711 anna root").keys("X").shows("pid 4711 of user anna (psql)").shows("rolled back").shows("UPDATE orders");
    harness =
        harness.keys("esc").sends_nothing().keys("b").shows("▸ └ 5120 migration").keys("b x").shows("runs nothing now").keys("esc X y");
    let ended = harness.take();
    let id = fixtures::last_request(&ended);
    assert_eq!(ended, [Cmd::Fetch(id, Query::EndSession(connection, Box::new(root), Ending::Terminate))]);
    let refused = Fault::new(Code::PermissionDenied, "cannot terminate pid 4711").step_run("Let it:", "GRANT pg_signal_backend TO backup;");
    harness = harness.send(Msg::Done(id, Err(refused))).shows("GRANT pg_signal_backend").keys("esc");
    harness.keys("X y").answer(Ok(Reply::Ended)).shows("is being ended");
}

#[test]
fn sessions_of_ours_are_not_ended_from_here() {
    let mut progress = fixtures::cluster_progress(1);
    progress.waits = fixtures::waits();
    progress.waiting = Some("a lock".into());
    for blocker in &mut progress.waits[0].blockers {
        blocker.ours = true;
    }
    let harness = Harness::of(fixtures::waiting()).send(Msg::Engine(JOB, Event::Progress(Box::new(progress)))).quietly();
    harness.keys("X").shows("cancel that job instead").sends_nothing();
    Harness::of(fixtures::running()).quietly().keys("x").shows("nobody is in the way").sends_nothing();
}

#[test]
fn a_password_that_is_wanted_is_typed_unseen_and_used_at_once() {
    let mut harness = Harness::of(fixtures::failed()).quietly().shows("p types the password");
    harness = harness.keys("p").shows("Password for").types("xyzz\u{e4} 23").shows("********").hides("xyz");
    assert!(!format!("{:?}", harness.model).contains("xyz"), "it is in no debug text");
    harness = harness.keys("enter").hides("Password for").shows("connecting");
    let sent = harness.take();
    let id = fixtures::last_request(&sent);
    let password = Password::typed("xyzz\u{e4} 23");
    assert_eq!(sent, [Cmd::Fetch(id, Query::Login(Box::new(fixtures::connection()), password.clone()))]);
    assert!(!format!("{sent:?} {password:?}").contains("xyz"));
    let answer = Reply::Server(Box::new(fixtures::server_info()), fixtures::databases());
    harness
        .send(Msg::Done(id, Ok(answer)))
        .shows("connections")
        .hides("types the password")
        .keys("p")
        .hides("Password for")
        .shows("does not ask for one");
}

#[test]
fn a_password_is_not_asked_for_twice_by_esc() {
    Harness::of(fixtures::failed())
        .quietly()
        .keys("p")
        .types("secret")
        .keys("esc")
        .sends_nothing()
        .keys("p")
        .hides("*")
        .shows("kept for this run only");
}
