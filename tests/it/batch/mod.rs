//! The headless run against a scripted engine: the same model as the screen's, results for scripts, clean cancellation.

mod program;

use dbbackup::app::action::Action;
use dbbackup::app::cmd::{Cmd, Query};
use dbbackup::app::jobs::Job;
use dbbackup::app::model::{Model, Outcome};
use dbbackup::app::msg::{Msg, Reply, Why};
use dbbackup::app::setup::{Mode, Setup};
use dbbackup::batch::result::{self, Volume};
use dbbackup::domain::job::{JobState, Phase, Progress, Ratio, Summary};
use dbbackup::domain::plan::{Confirmed, Plan};
use dbbackup::domain::spec::{BackupSpec, Effort, JobSpec, NameTime, Scope, VerifyMode};
use dbbackup::domain::{Bytes, Code, Compression, Connection, Fault};
use dbbackup::engine::event::{Event, EventSink, Level};
use dbbackup::runtime::exec::Executor;
use dbbackup::runtime::inbox::Inbox;
use dbbackup::runtime::run::{Front, run};
use dbbackup::runtime::work::Work;
use futures_util::future::BoxFuture;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How a scripted job goes.
#[derive(Clone)]
enum Script {
    /// These events, then this end.
    Say(Vec<Event>, Box<Result<Summary, Fault>>),
    /// Waits until it is cancelled, and leaves this.
    UntilCancelled(Vec<&'static str>),
    /// Panics.
    Panic,
}

struct Fake {
    script: Script,
    confirm: Option<&'static str>,
}

fn plan_of(spec: JobSpec, confirm: Option<&str>) -> Plan {
    Plan {
        title: "Back up shop".into(),
        destroys: confirm.map(|name| format!("{name} (212 MB)")).into_iter().collect(),
        confirm: confirm.map(str::to_owned),
        total: Bytes(1000),
        ..Plan::of(spec)
    }
}

impl Work for Fake {
    fn plan(&self, spec: JobSpec, _events: Arc<dyn EventSink>, _cancel: CancellationToken) -> BoxFuture<'static, Result<Plan, Fault>> {
        let plan = plan_of(spec, self.confirm);
        Box::pin(async move { Ok(plan) })
    }

    fn run(&self, _plan: Confirmed, events: Arc<dyn EventSink>, cancel: CancellationToken) -> BoxFuture<'static, Result<Summary, Fault>> {
        let script = self.script.clone();
        Box::pin(async move {
            match script {
                Script::Say(says, end) => {
                    for event in says {
                        events.post(event);
                    }
                    *end
                }
                Script::UntilCancelled(left) => {
                    events.log(Level::Info, "waiting");
                    cancel.cancelled().await;
                    // A straggler that speaks after the end must not be heard.
                    events.post(Event::Finished(Box::default()));
                    let mut fault = Fault::new(Code::Cancelled, "cancelled");
                    fault.context.extend(left.iter().map(|thing| ("Left".to_owned(), (*thing).to_owned())));
                    Err(fault)
                }
                Script::Panic => panic!("a bug in the engine"),
            }
        })
    }

    fn answer(&self, _query: Query) -> BoxFuture<'static, Result<Reply, Fault>> {
        Box::pin(async { Ok(Reply::Archives(Vec::new())) })
    }
}

fn spec() -> JobSpec {
    JobSpec::Backup(BackupSpec {
        connection: Connection::default(),
        scope: Scope::Single { databases: vec!["shop".into()] },
        dir: "/backups".into(),
        compression: Compression::default(),
        effort: Effort::for_host(2, 1 << 30),
        verify: VerifyMode::Auto,
        name_time: NameTime::Local,
    })
}

fn setup(mode: Mode, job: Option<JobSpec>) -> Setup {
    Setup {
        connections: vec![Connection::default()],
        dir: "/backups".into(),
        compression: Compression::default(),
        effort: Effort::for_host(2, 1 << 30),
        verify: VerifyMode::Auto,
        name_time: NameTime::Local,
        mode,
        job,
        dry_run: false,
        confirm: None,
        settings: Vec::new(),
        settings_file: None,
        clipboard: dbbackup::app::setup::Clipboard::default(),
    }
}

fn progress(done: u64) -> Event {
    let bytes = Ratio { done, total: 1000 };
    Event::Progress(Box::new(Progress { phase: Phase::Data, bytes, rows: done, ..Progress::default() }))
}

fn summary() -> Summary {
    Summary {
        archives: vec!["/backups/db_shop.tar.zst".into()],
        archive_bytes: Bytes(400),
        row_bytes: Bytes(1000),
        rows: 1000,
        duration_ms: 1500,
        ..Summary::default()
    }
}

fn good() -> Script {
    let log = |text: &str| Event::Log { level: Level::Warn, text: text.into() };
    Script::Say(vec![progress(10), log("one"), progress(500), log("two"), progress(1000)], Box::new(Ok(summary())))
}

/// Looks at everything that goes to the model, and can act on it.
struct Watch<'a> {
    seen: Vec<Msg>,
    on: Box<dyn FnMut(&Msg) + 'a>,
}

impl Front for Watch<'_> {
    fn notice(&mut self, msg: &Msg) {
        (self.on)(msg);
        self.seen.push(msg.clone());
    }
    fn show(&mut self, _model: &Model) -> io::Result<()> {
        Ok(())
    }
    fn gap(&self) -> Duration {
        Duration::ZERO
    }
    fn next_wake(&self) -> Option<Instant> {
        None
    }
    fn copy(&mut self, _text: &str) -> io::Result<()> {
        Ok(())
    }
    fn theme(&mut self, _name: &str) -> io::Result<()> {
        Ok(())
    }

    fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }
    fn redraw(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Run {
    outcome: Outcome,
    jobs: Vec<Job>,
    events: Vec<Event>,
}

fn play(setup: Setup, fake: Fake, mut on: impl FnMut(&Msg, &Inbox)) -> Run {
    let inbox = Arc::new(Inbox::default());
    let mut executor = Executor::new(Arc::clone(&inbox), Arc::new(fake)).expect("an executor");
    let (mut model, first) = Model::new(setup);
    let of_watch = Arc::clone(&inbox);
    let mut watch = Watch { seen: Vec::new(), on: Box::new(move |msg| on(msg, &of_watch)) };
    let outcome = run(&mut model, first, &inbox, &mut executor, &mut watch);
    let seen = std::mem::take(&mut watch.seen);
    let events = seen.into_iter().filter_map(|msg| if let Msg::Engine(_, event) = msg { Some(event) } else { None }).collect();
    Run { outcome, jobs: model.jobs, events }
}

fn headless(script: Script) -> Run {
    play(setup(Mode::Batch, Some(spec())), Fake { script, confirm: None }, |_, _| {})
}

fn is_last(event: &Event) -> bool {
    matches!(event, Event::Finished(_) | Event::Failed(_) | Event::Cancelled(_))
}

#[test]
fn a_backup_ends_with_its_path_as_the_last_line() {
    let run = headless(good());
    let said = result::say(&run.outcome, Volume::Normal, Some("Backup"));
    assert_eq!((run.outcome.exit, said.err.as_str()), (0, ""));
    assert_eq!(said.out.lines().last(), Some("/backups/db_shop.tar.zst"));
    assert!(said.out.contains("1,000 rows"), "{}", said.out);
    assert_eq!(result::say(&run.outcome, Volume::Quiet, Some("Backup")), result::Said::default());
    let json = result::json(&run.outcome);
    assert_eq!((&json["status"], &json["archive"], &json["v"]), (&"success".into(), &"/backups/db_shop.tar.zst".into(), &1.into()));
    assert_eq!((&json["duration_s"], &json["bytes"], &json["error"]), (&1.5.into(), &400.into(), &serde_json::Value::Null));
}

#[test]
fn every_job_begins_once_and_ends_once_whatever_it_says_itself() {
    let says = vec![Event::Started, Event::Finished(Box::default()), progress(5)];
    let run = headless(Script::Say(says, Box::new(Ok(summary()))));
    assert_eq!(run.events.first(), Some(&Event::Started));
    assert_eq!(run.events.iter().filter(|event| **event == Event::Started).count(), 1);
    assert_eq!(run.events.iter().filter(|event| is_last(event)).count(), 1);
    assert_eq!(run.events.last(), Some(&Event::Finished(Box::new(summary()))));
}

#[test]
fn a_failure_is_told_with_its_cure_and_its_exit_code() {
    let fault = Fault::new(Code::DiskFull, "cannot write").at("File", "/backups/x").step("Free some space.");
    let run = headless(Script::Say(Vec::new(), Box::new(Err(fault))));
    let said = result::say(&run.outcome, Volume::Quiet, Some("Backup"));
    assert_eq!((run.outcome.exit, said.out.as_str()), (74, ""));
    assert!(said.err.contains("Backup failed") && said.err.contains("DISK_FULL") && said.err.contains("Free some space."));
    let json = result::json(&run.outcome);
    assert_eq!((&json["status"], &json["error"]["code"]), (&"failed".into(), &"DISK_FULL".into()));
}

#[test]
fn a_panic_in_a_worker_fails_its_job_and_nothing_else() {
    let run = headless(Script::Panic);
    assert_eq!(run.outcome.exit, 70);
    let JobState::Failed(fault) = &run.jobs[0].state else { panic!("{:?}", run.jobs[0].state) };
    assert!(fault.code == Code::Internal && fault.root_cause().contains("a bug in the engine"), "{fault:?}");
}

#[test]
fn signals_cancel_the_job_say_what_is_left_and_give_their_exit_codes() {
    for (why, exit) in [(Why::Interrupt, 130), (Why::Terminate, 143), (Why::Hangup, 143)] {
        let fake = Fake { script: Script::UntilCancelled(vec!["database shop2, partly restored"]), confirm: None };
        let run = play(setup(Mode::Batch, Some(spec())), fake, |msg, inbox| {
            if matches!(msg, Msg::Engine(_, Event::Started)) {
                inbox.answer(Msg::Shutdown(why));
                if why == Why::Hangup {
                    // Reader and writer notice it too.
                    inbox.answer(Msg::Shutdown(why));
                }
            }
        });
        assert_eq!(run.outcome.exit, exit);
        assert_eq!(run.events.iter().filter(|event| is_last(event)).count(), 1);
        let said = result::say(&run.outcome, Volume::Normal, Some("Backup"));
        assert!(said.err.contains("Left: database shop2, partly restored"), "{said:?}");
        assert_eq!(result::json(&run.outcome)["status"], "cancelled");
    }
}

#[test]
fn a_destructive_job_without_its_name_is_not_started() {
    let start = |confirm: Option<&str>| {
        let with = Setup { confirm: confirm.map(str::to_owned), ..setup(Mode::Batch, Some(spec())) };
        play(with, Fake { script: good(), confirm: Some("shop2") }, |_, _| {})
    };
    for wrong in [None, Some("shop"), Some("")] {
        let run = start(wrong);
        assert_eq!((run.outcome.exit, run.events.len()), (64, 0));
        let said = result::say(&run.outcome, Volume::Normal, Some("Backup"));
        assert!(said.err.contains("--confirm shop2") && said.out.contains("DESTROYS shop2"), "{said:?}");
    }
    assert_eq!(start(Some("shop2")).outcome.exit, 0);
}

#[test]
fn a_dry_run_stops_at_the_plan() {
    let with = Setup { dry_run: true, ..setup(Mode::Batch, Some(spec())) };
    let run = play(with, Fake { script: Script::Panic, confirm: None }, |_, _| {});
    assert_eq!((run.outcome.exit, run.events.len()), (0, 0));
    assert!(result::say(&run.outcome, Volume::Normal, Some("Backup")).out.starts_with("Back up shop\n"));
}

/// Replays the same events into a model of each kind, without threads, so that both see the very same input.
fn replay(mode: Mode, events: &[Event]) -> Vec<Job> {
    let (mut model, mut commands) = Model::new(setup(mode, None));
    let take = |model: &mut Model, msg: Msg, commands: &mut Vec<Cmd>| dbbackup::app::update::update(model, msg, commands);
    take(&mut model, Msg::Act(Action::Submit(Box::new(spec()))), &mut commands);
    let mut started = None;
    for _ in 0..8 {
        for command in std::mem::take(&mut commands) {
            match command {
                Cmd::Plan(id, spec) => {
                    let plan = Reply::Plan(Box::new(plan_of(*spec, None)));
                    take(&mut model, Msg::Done(id, Ok(plan)), &mut commands);
                    // Where a person looks on, the plan is shown and Enter starts it.
                    if model.jobs.is_empty() && !commands.iter().any(|command| matches!(command, Cmd::Start(..))) {
                        take(&mut model, Msg::Act(Action::Enter), &mut commands);
                    }
                }
                Cmd::Start(id, _) => started = Some(id),
                _ => {}
            }
        }
    }
    let id = started.expect("the job was started");
    for event in events {
        take(&mut model, Msg::Engine(id, event.clone()), &mut commands);
    }
    model.jobs
}

#[test]
fn screen_and_headless_run_come_to_the_same_jobs() {
    let fault = Fault::new(Code::LockTimeout, "lock not granted");
    for script in [
        good(),
        Script::Say(vec![progress(300)], Box::new(Err(fault))),
        Script::Say(vec![progress(700)], Box::new(Err(Fault::new(Code::Cancelled, "cancelled")))),
        Script::Panic,
    ] {
        let recorded = headless(script).events;
        assert!(recorded.last().is_some_and(is_last));
        let [screen, command, batch] = [Mode::Interactive, Mode::Command, Mode::Batch].map(|mode| replay(mode, &recorded));
        assert_eq!(screen, batch);
        assert_eq!(command, batch);
        assert!(batch[0].state.is_over());
    }
}
