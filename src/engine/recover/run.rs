//! Carries a recovery out: unpacks, finishes, and starts the server where that is wanted.

use super::board::Board;
use super::choose::{self, Road, words};
use super::finish::{Finish, leftover};
use super::launch::{self, Launch};
use super::place::{self, UNFINISHED};
use super::plan::{Known, look};
use super::replay::{Replay, State};
use super::unpack::{self, Crew, Maker};
use super::watch;
use crate::domain::job::Summary;
use crate::domain::plan::CheckState;
use crate::domain::recovery::{Target, TargetAction};
use crate::domain::spec::{RecoverSpec, Start};
use crate::domain::wal::Lsn;
use crate::domain::{Bytes, Code, Fault};
use crate::engine::Context;
use crate::engine::event::{Event, Level};
use crate::server::postgres::install::{self, Installation};
use crate::server::postgres::recovery::{self, Orders};
use std::time::Instant;

/// Does it.
pub async fn run(spec: &RecoverSpec, context: &Context) -> Result<Summary, Fault> {
    let began = Instant::now();
    context.events.post(Event::Started);
    let (asked, inner) = (spec.clone(), context.clone());
    let known = tokio::task::spawn_blocking(move || look(&asked, &inner));
    let known = known.await.map_err(|error| Fault::internal("looking at the backup broke off").caused_by(&error))??;
    let installation = match install::find(spec.bin_dir.as_deref(), known.choice.base.version_num / 10_000).await {
        Ok(found) => Some(found),
        Err(fault) if spec.start == Start::Yes => return Err(fault),
        Err(_) => None,
    };
    let (spec, inner) = (spec.clone(), context.clone());
    let task = tokio::task::spawn_blocking(move || blocking(&spec, known, installation, &inner));
    let mut summary = task.await.map_err(|error| Fault::internal("the recovery broke off").caused_by(&error))??;
    summary.duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(summary)
}

fn blocking(spec: &RecoverSpec, known: Known, installation: Option<Installation>, context: &Context) -> Result<Summary, Fault> {
    // What was free when it was planned may be taken by now.
    let folders = std::iter::once(("data directory".to_owned(), &spec.target_dir));
    let folders = folders.chain(known.places.iter().map(|place| (format!("tablespace {}", place.oid), &place.to)));
    for (name, folder) in folders {
        let check = place::free(&name, folder);
        if check.state == CheckState::Failed {
            let fault = Fault::new(check.code.unwrap_or(Code::TargetNotEmpty), format!("{name}: {}", check.detail));
            return Err(check.cure.into_iter().fold(fault, Fault::step));
        }
    }
    let maker = Maker { owner: known.owner.as_ref().map(|owner| owner.ids) };
    let name = spec.target_dir.display().to_string();
    let board = Board::new(context.events.as_ref(), name, known.layout.bytes);
    let notes = make(spec, &known, installation.as_ref(), &maker, &board, context)
        .map_err(|fault| leftover(fault, &spec.target_dir, &known.places))?;
    let mut summary = Summary {
        archives: known.choice.chain.iter().map(|base| base.path.clone()).collect(),
        row_bytes: Bytes(known.layout.bytes),
        notes: vec![format!("Recovered {} into {}.", words(&spec.target, spec.bound), spec.target_dir.display())],
        ..Summary::default()
    };
    match (spec.start, &installation) {
        (Start::Yes, Some(installation)) => start(spec, &known, installation, &maker, &board, context, &mut summary)?,
        (_, found) => by_hand(spec, &known, found.as_ref(), &mut summary),
    }
    summary.notes.extend(notes);
    Ok(summary)
}

/// Makes the data directory.
fn make(
    spec: &RecoverSpec,
    known: &Known,
    installation: Option<&Installation>,
    maker: &Maker,
    board: &Board<'_>,
    context: &Context,
) -> Result<Vec<String>, Fault> {
    maker.folder(&spec.target_dir, 0o700)?;
    maker.write(
        &spec.target_dir.join(UNFINISHED),
        b"A recovery by dbbackup began here and has not come to its end. While this file is here, no server can use the folder.\n",
    )?;
    for place in &known.places {
        maker.folder(&place.to, 0o700)?;
    }
    let done = |bytes| board.unpacked(bytes);
    let crew = Crew { jobs: spec.jobs.max(1) as usize, cancel: &context.cancel, done: &done };
    unpack::all(&known.chain, &known.layout, maker, &crew)?;
    context.alive()?;
    board.finishing();
    let program = std::env::current_exe().map_err(|error| Fault::internal("this program does not know where it is").caused_by(&error))?;
    let orders = known.choice.road.as_ref().map(|road| Orders {
        restore_command: recovery::restore_command(&program, road.log.dir()),
        target: &spec.target,
        bound: spec.bound,
        timeline: choose::other_timeline(&known.choice),
        action: spec.action,
    });
    let finish = Finish {
        chain: &known.chain,
        layout: &known.layout,
        target: &spec.target_dir,
        places: &known.places,
        orders,
        major: known.choice.base.version_num / 10_000,
        installation,
    };
    finish.run(maker)
}

/// Says how it is started.
fn by_hand(spec: &RecoverSpec, known: &Known, installation: Option<&Installation>, summary: &mut Summary) {
    let command = match installation {
        Some(found) => launch::by_hand(found, &spec.target_dir, known.owner.as_ref(), "start"),
        None => format!("pg_ctl -D {} start", super::log::quoted(&spec.target_dir)),
    };
    summary.notes.push(format!("Start it; it replays the log by itself: {command}"));
    if let Some(last) = known.choice.road.as_ref().and_then(|road| road.found.last.as_ref()) {
        summary.notes.push(format!("The last transaction that it will have: {}.", watch::said(last)));
    }
}

/// Starts the server, watches it to its target, and says where it stopped.
fn start(
    spec: &RecoverSpec,
    known: &Known,
    installation: &Installation,
    maker: &Maker,
    board: &Board<'_>,
    context: &Context,
    summary: &mut Summary,
) -> Result<(), Fault> {
    let port = spec.port.map_or_else(launch::free_port, Ok)?;
    let socket = launch::socket_folder(&spec.target_dir, port, maker)?;
    let launch = Launch { installation: installation.clone(), data: spec.target_dir.clone(), owner: known.owner.clone(), port, socket };
    context.alive()?;
    context.events.log(Level::Info, format!("starting PostgreSQL {} on {}", installation.version, launch.data.display()));
    launch.start()?;
    let road = known.choice.road.as_ref();
    let to = road.map(|road| road.found.stops.unwrap_or(Lsn((road.segments.1 + 1) * road.log.size().bytes())));
    let size = known.choice.base.segment_size.bytes();
    let replay = watch::follow(&launch, road, size, to, board, &context.cancel).map_err(|fault| match fault.code {
        Code::Cancelled => fault.at("Left", format!("{}, complete; its server was stopped", launch.data.display())),
        _ => fault,
    })?;
    if let Some(road) = road {
        stopped(road, &replay, spec, summary);
    }
    ended(&launch, &replay, spec, summary);
    Ok(())
}

/// Says at which transaction it stopped, and whether the server says the same.
fn stopped(road: &Road, replay: &Replay, spec: &RecoverSpec, summary: &mut Summary) {
    let found = &road.found;
    match &found.last {
        Some(last) => summary.notes.push(format!("Last transaction recovered: {}.", watch::said(last))),
        None => summary.notes.push("No transaction of the log was recovered: the base backup has everything up to the target.".to_owned()),
    }
    match &found.next {
        Some(next) => summary.notes.push(format!("First one that is not:      {}.", watch::said(next))),
        None => summary.notes.push("No transaction after it is in the archive.".to_owned()),
    }
    let known = [found.last.map(|last| last.xid), found.next.map(|next| next.xid)];
    match replay.transaction() {
        Some(said) if !known.contains(&Some(said)) && matches!(spec.target, Target::Time(_) | Target::Xid(_)) => {
            let words = replay.stopping.clone().unwrap_or_default();
            summary.warnings.push(format!("the server says {words:?}, which is neither of the two"));
        }
        Some(_) | None => {
            if let Some(words) = &replay.stopping {
                summary.notes.push(format!("The server says the same: {words}."));
            }
        }
    }
}

/// Says how the server is now and what can be done with it.
fn ended(launch: &Launch, replay: &Replay, spec: &RecoverSpec, summary: &mut Summary) {
    let mut note = |text: String| summary.notes.push(text);
    note(format!("Data directory: {}; its log: {}.", launch.data.display(), launch.log().display()));
    match replay.state {
        State::Stopped => {
            note("The server stopped at the target, as it was told to.".to_owned());
            note(format!(
                "To open it there for good, set recovery_target_action to promote in postgresql.auto.conf, then: {}",
                launch.by_hand("start")
            ));
            return;
        }
        State::Paused => {
            note(format!("The server waits at the target on port {}, open for reading. Look: {}", launch.port, launch.connect()));
            note(format!("If it is as it should be, make it a primary: {} -c 'select pg_wal_replay_resume()'", launch.connect()));
            note("While it waits, a table that was being dropped or changed at the target stays locked: it can be read once the server is a primary.".to_owned());
        }
        State::Starting | State::Replaying | State::Consistent | State::Promoted | State::Failed => {
            let timeline = replay.timeline.map(|timeline| format!(" on timeline {timeline}")).unwrap_or_default();
            note(format!("The server is a primary{timeline}, on port {}: {}", launch.port, launch.connect()));
        }
    }
    note(format!("It listens on this host alone; with a restart its own settings hold: {}", launch.by_hand("restart")));
    if spec.action == TargetAction::Pause && replay.state == State::Paused {
        note(format!("If it is not, stop it, remove the folder and choose another target: {}", launch.by_hand("stop")));
    }
}
