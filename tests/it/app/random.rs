//! Whatever comes, in whatever order, at whatever size: nothing panics, and no control character reaches a cell.

use crate::view::{buffer, fixtures, recovery};
use dbbackup::app::action::{Action, Motion, ScreenId, Toward};
use dbbackup::app::cmd::Cmd;
use dbbackup::app::model::Model;
use dbbackup::app::msg::{Clock, Key, KeyCode, Msg, Reply, Why};
use dbbackup::app::setup::Mode;
use dbbackup::app::update::update;
use dbbackup::domain::Stamp;
use dbbackup::domain::job::{JobId, Leftovers};
use dbbackup::engine::event::{Event, Level};
use dbbackup::view::look::{Depth, Glyphs, Look};
use proptest::prelude::*;
use proptest::sample::select;

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    Msg(Msg),
    /// The newest question that is open is answered.
    Answer(u8),
    /// Time goes by, in milliseconds.
    Pass(u32),
}

fn key() -> impl Strategy<Value = Key> {
    let named = select(vec![
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Tab,
        KeyCode::BackTab,
        KeyCode::Backspace,
        KeyCode::Delete,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::F(1),
    ]);
    let letters = "1234566677?:,uqyYnpttawsSBvdirelfcjkgGR/<>+- 09ü表".chars().map(KeyCode::Char).collect::<Vec<_>>();
    // Enter leads deeper, so that it comes more often.
    let code = prop_oneof![3 => select(letters), 2 => named, 1 => Just(KeyCode::Enter), 1 => any::<char>().prop_map(KeyCode::Char)];
    (code, prop::bool::weighted(0.08), prop::bool::weighted(0.03)).prop_map(|(code, ctrl, alt)| Key { code, ctrl, alt, shift: false })
}

fn action() -> impl Strategy<Value = Action> {
    let motions = [Motion::Up, Motion::Down, Motion::PageUp, Motion::PageDown, Motion::First, Motion::Last].map(Action::Move);
    let screens = ScreenId::ALL.map(Action::Screen);
    let toward = [Toward::Previous, Toward::Next];
    let mut all = vec![
        Action::Submit(Box::new(fixtures::backup_spec())),
        Action::Submit(Box::new(fixtures::restore_spec())),
        Action::Submit(Box::new(fixtures::cluster_restore_spec())),
        Action::Notice(fixtures::HOSTILE.into()),
        Action::Interrupt,
        Action::Help,
        Action::Back,
        Action::Enter,
        Action::Mark,
        Action::MarkAll,
        Action::Filter,
        Action::Refresh,
        Action::CopyCommand,
        Action::DryRun,
        Action::WholeCluster,
        Action::CancelJob,
        Action::ShowLog,
        Action::Freeze,
        Action::ShowError,
        Action::Reverse,
        Action::Verify,
        Action::RestoreTest,
        Action::Inside,
        Action::RestoreThis,
        Action::Delete,
        Action::Follow,
        Action::Level,
        Action::Palette,
        Action::Unset,
        Action::Screen(ScreenId::Settings),
        Action::Accept,
        Action::Diagnose,
        Action::CopyFix,
        Action::KeepReport,
        Action::PastReports,
        Action::TypeMoment,
        Action::BaseBackup,
    ];
    all.extend(motions);
    all.extend(screens);
    all.extend(toward.iter().flat_map(|toward| {
        let toward = *toward;
        [
            Action::Change(toward),
            Action::Part(toward),
            Action::Sort(toward),
            Action::Finer(toward),
            Action::Jump(toward),
            Action::Zoom(toward),
        ]
    }));
    select(all)
}

fn event() -> impl Strategy<Value = Event> {
    let waits = |done| {
        let mut progress = fixtures::cluster_progress(done);
        progress.waiting = Some(fixtures::HOSTILE.into());
        progress.databases.truncate((done % 7) as usize);
        Event::Progress(Box::new(progress))
    };
    prop_oneof![
        2 => Just(Event::Started),
        4 => any::<u64>().prop_map(|done| Event::Progress(Box::new(fixtures::cluster_progress(done)))),
        2 => any::<u64>().prop_map(waits),
        2 => Just(Event::Log { level: Level::Warn, text: fixtures::HOSTILE.into() }),
        1 => Just(Event::Finished(Box::new(fixtures::summary()))),
        1 => Just(Event::Failed(fixtures::auth_fault())),
        1 => Just(Event::Cancelled(Leftovers { things: vec![fixtures::HOSTILE.into()], ..Leftovers::default() })),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let size = prop_oneof![(0u16..130, 0u16..40), Just((80, 24)), Just((200, 60)), Just((1, 1))];
    prop_oneof![
        12 => key().prop_map(|key| Step::Msg(Msg::Key(key))),
        4 => action().prop_map(|action| Step::Msg(Msg::Act(action))),
        6 => any::<u8>().prop_map(Step::Answer),
        4 => (1u64..4, event()).prop_map(|(job, event)| Step::Msg(Msg::Engine(JobId(job), event))),
        2 => (0u32..20_000_000).prop_map(Step::Pass),
        1 => size.prop_map(|(cols, rows)| Step::Msg(Msg::Resize { cols, rows })),
        1 => select(vec!["shop", "delete 2", fixtures::HOSTILE]).prop_map(|text| Step::Msg(Msg::Paste(text.into()))),
        1 => any::<u64>().prop_map(|lost| Step::Msg(Msg::Lagged(lost % 1000))),
        1 => select(vec![Why::Interrupt, Why::Terminate]).prop_map(|why| Step::Msg(Msg::Shutdown(why))),
    ]
}

fn start(which: u8) -> Model {
    match which % 6 {
        0 => fixtures::opened(),
        1 => fixtures::running(),
        2 => fixtures::failed(),
        3 => fixtures::hostile(),
        4 => Model::new(fixtures::setup(Mode::Command)).0,
        _ => fixtures::ready(),
    }
}

/// A fitting answer, or an error.
fn answer(cmds: &[Cmd], which: u8) -> Option<Msg> {
    let (id, reply) = cmds.iter().rev().find_map(|cmd| match cmd {
        Cmd::Plan(id, _) => {
            let mut plan = [fixtures::backup_plan(), fixtures::restore_plan(), fixtures::blocked_plan(), fixtures::cluster_restore_plan()]
                [usize::from(which) % 4]
                .clone();
            if which.is_multiple_of(8) {
                plan.confirm = None;
                plan.destroys.clear();
            }
            Some((*id, Reply::Plan(Box::new(plan))))
        }
        Cmd::Fetch(id, query) => Some((
            *id,
            match query {
                dbbackup::app::cmd::Query::Server(_) | dbbackup::app::cmd::Query::Login(..) => {
                    Reply::Server(Box::new(fixtures::server_info()), fixtures::databases())
                }
                dbbackup::app::cmd::Query::Archives(_) => Reply::Archives(fixtures::archives().split_off(usize::from(which) % 4)),
                dbbackup::app::cmd::Query::Contents(_) => Reply::Contents(Box::new(fixtures::contents(fixtures::cluster_archive()))),
                dbbackup::app::cmd::Query::Delete(_) => Reply::Deleted,
                dbbackup::app::cmd::Query::CleanLog(plan) => Reply::Cleaned(plan.remove.len() as u64, plan.bytes),
                dbbackup::app::cmd::Query::SwitchArchiving(_, switch) => Reply::Switched(switch.checks.clone()),
                dbbackup::app::cmd::Query::Recovery(..) => recovery::told(match which % 7 {
                    0 => recovery::report(),
                    1 => recovery::failing(),
                    2 => recovery::calm(),
                    3 => recovery::off(),
                    4 => recovery::fresh(),
                    5 => recovery::hostile(),
                    _ => dbbackup::domain::recovery::RecoveryReport::default(),
                }),
                dbbackup::app::cmd::Query::Binlog(..) => Reply::Binlog(Box::default()),
                dbbackup::app::cmd::Query::Save(..) => Reply::Settings(fixtures::settings(&[])),
                dbbackup::app::cmd::Query::EndSession(..) => Reply::Ended,
                dbbackup::app::cmd::Query::Diagnose(.., fault) => Reply::Diagnosis(Box::new(match fault {
                    Some(_) => fixtures::diagnosis_of_failure(),
                    None => fixtures::diagnosis(),
                })),
                dbbackup::app::cmd::Query::Report(_) => Reply::Diagnosis(Box::new(fixtures::diagnosis_of_failure())),
                dbbackup::app::cmd::Query::Reports(_) => Reply::Reports(fixtures::kept_reports()),
                dbbackup::app::cmd::Query::KeepReport(dir, _) => Reply::Kept(dir.join("diagnostics-20260130-181503.json")),
            },
        )),
        _ => None,
    })?;
    Some(Msg::Done(id, if which > 230 { Err(fixtures::auth_fault()) } else { Ok(reply) }))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_happens_makes_it_panic(which in any::<u8>(), steps in prop::collection::vec(step(), 1..80)) {
        let (look, _) = Look::load("default-dark", Depth::Ansi256, Glyphs::Unicode, "");
        let mut model = start(which);
        let (mut cmds, mut size, mut now) = (Vec::new(), (80, 24), fixtures::NOW + 60_000);
        for (nth, step) in steps.into_iter().enumerate() {
            let msg = match step {
                Step::Msg(msg) => Some(msg),
                Step::Answer(which) => answer(&cmds, which),
                Step::Pass(time) => {
                    now += i64::from(time);
                    Some(Msg::Tick(Clock { now: Stamp(now), ..fixtures::clock() }))
                }
            };
            if let Some(Msg::Resize { cols, rows }) = &msg {
                size = (*cols, *rows);
            }
            let Some(msg) = msg else { continue };
            update(&mut model, msg, &mut cmds);
            // The loop asks these after every step.
            let _ = (model.dirty(), model.next_wake(), model.outcome().is_some());
            if nth % 3 == 0 {
                let buffer = buffer(&model, &look, size.0, size.1);
                prop_assert!(buffer.content.iter().all(|cell| !cell.symbol().chars().any(char::is_control)));
            }
        }
        buffer(&model, &look, size.0, size.1);
    }
}
