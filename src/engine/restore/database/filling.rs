//! Fills a target: its ledger opened, definitions, rows, indexes and the rest, the ledger's end. After a crash of the server it begins again at
//! what the ledger says, however often the spec allows that.
//!
//! Commits do not wait for the server's disk, so what a run was told is not sure until the ledger's end, which does: the server has one log,
//! and what was committed before is in it before. Nothing is said to be done earlier, neither to the user nor in the manifest.

use super::emptied;
use super::target::Ready;
use super::{Order, target};
use crate::archive::manifest;
use crate::domain::Fault;
use crate::domain::job::Phase;
use crate::engine::event::Level;
use crate::engine::restore::graph::{self, Graph, Work};
use crate::engine::restore::ledger::{self, Done, Keeping};
use crate::engine::restore::record::{Made, Stage};
use crate::engine::restore::retry::insist;
use crate::engine::restore::run::{self, Job, OnError, Troubles};
use crate::engine::restore::select::Chosen;
use crate::engine::restore::transition::Transition;
use crate::server::{Continuity, LoadSettings, Loader, Opened};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What went wrong, and a session that is still open, if any.
type Filled = (Troubles, Option<Box<dyn Loader>>);

/// What came of one go.
enum Went {
    /// It came to its end.
    Through(Filled),
    /// The server has crashed; what was done is in the ledger alone.
    Broken(Fault),
}

/// Fills it. With something missing the ledger stays: the cause can be removed, and the restore gone on with.
pub async fn fill(order: &Order<'_>, chosen: &Chosen, ready: &Ready, settings: &LoadSettings) -> Result<Filled, Fault> {
    let mut left = order.spec.care.retries.0;
    let mut ready = *ready;
    loop {
        let fault = match once(order, chosen, &ready, settings).await? {
            Went::Through(filled) => return Ok(filled),
            Went::Broken(fault) => fault,
        };
        if left == 0 || order.context.cancel.is_cancelled() {
            return Err(fault);
        }
        left -= 1;
        ready.again = target::Again::Resumed;
        order.context.events.log(Level::Warn, format!("{}: {fault}; going on from there", order.target));
    }
}

async fn once(order: &Order<'_>, chosen: &Chosen, ready: &Ready, settings: &LoadSettings) -> Result<Went, Fault> {
    let context = order.context;
    let retries = order.spec.care.retries;
    let Ledger { session, keeping, done } = insist(context, retries, || open_ledger(order, chosen, ready, settings)).await?;
    let (troubles, mut session) = match load(order, chosen, settings, session, keeping, &done).await? {
        Went::Through(filled) => filled,
        broken => return Ok(broken),
    };
    let broken = || Ok(Went::Broken(run::broken(order.target)));
    if !troubles.failures.is_empty() {
        if keeping == Keeping::Nothing {
            return Ok(Went::Through((troubles, session)));
        }
        let (sealed, session) = insist(context, retries, || end(order, settings, session.take(), End::Sealed)).await?;
        return if sealed == Continuity::Broken { broken() } else { Ok(Went::Through((troubles, Some(session)))) };
    }
    order.record.enter(context, order.target, Stage::Loaded, ready.whose).await?;
    context.events.passing(Transition::LoadedNoted);
    let (dropped, session) = insist(context, retries, || end(order, settings, session.take(), End::Dropped)).await?;
    if dropped == Continuity::Broken {
        session.close().await;
        return broken();
    }
    context.events.passing(Transition::LedgerDropped);
    Ok(Went::Through((troubles, Some(session))))
}

/// What becomes of the ledger.
#[derive(Clone, Copy)]
enum End {
    /// It stays, and all that it says is on the disk.
    Sealed,
    /// It goes, and all that it said is on the disk.
    Dropped,
}

/// Ends the ledger, with a session that is open or a new one; gives that back.
async fn end(
    order: &Order<'_>,
    settings: &LoadSettings,
    session: Option<Box<dyn Loader>>,
    how: End,
) -> Result<(Continuity, Box<dyn Loader>), Fault> {
    let mut session = match session {
        Some(session) => session,
        None => order.context.server()?.loader(order.target, settings).await?,
    };
    let ended = match how {
        End::Sealed => session.seal().await,
        End::Dropped => session.drop_ledger().await,
    };
    match ended {
        Ok(continuity) => Ok((continuity, session)),
        Err(fault) => {
            session.close().await;
            Err(fault)
        }
    }
}

/// A session, and what the ledger says.
struct Ledger {
    session: Box<dyn Loader>,
    keeping: Keeping,
    done: Done,
}

/// Opens a session and the ledger.
async fn open_ledger(order: &Order<'_>, chosen: &Chosen, ready: &Ready, settings: &LoadSettings) -> Result<Ledger, Fault> {
    let context = order.context;
    let mut session = context.server()?.loader(order.target, settings).await?;
    let Some(head) = order.record.head() else {
        return Ok(Ledger { session, keeping: Keeping::Nothing, done: Done::default() });
    };
    if ready.again == target::Again::Resumed {
        let ended = session.end_others().await?;
        if ended > 0 {
            context.events.log(Level::Info, format!("{}: ended {ended} sessions of the interrupted run", order.target));
        }
    }
    let opened = session.open_ledger(&head).await?;
    let done = match opened {
        Opened::Made => Done::default(),
        Opened::Found => Done::of(session.marks().await?),
        Opened::Emptied => {
            let done = Done::of(session.marks().await?);
            emptied::take_back(order, chosen, session.as_mut(), done).await?
        }
        Opened::Foreign(head) => {
            session.close().await;
            return Err(ledger::foreign(chosen.product, order.target, &head));
        }
        Opened::Refused(why) => {
            let text = format!(
                "{}: without the right to make a schema there is no ledger ({why}): if this is interrupted, it cannot be gone on with",
                order.target
            );
            context.events.log(Level::Warn, text);
            order.record.forget(order.target);
            return Ok(Ledger { session, keeping: Keeping::Nothing, done: Done::default() });
        }
    };
    context.events.passing(Transition::LedgerMade);
    if ready.whose == Made::Before {
        order.record.enter(context, order.target, Stage::Filling, ready.whose).await?;
        context.events.passing(Transition::FillingNoted);
    }
    Ok(Ledger { session, keeping: Keeping::Marks, done })
}

/// Definitions, rows, indexes and the rest.
async fn load(
    order: &Order<'_>,
    chosen: &Chosen,
    settings: &LoadSettings,
    session: Box<dyn Loader>,
    keeping: Keeping,
    done: &Done,
) -> Result<Went, Fault> {
    let context = order.context;
    let graph = graph::build(chosen, order.database, order.effort.jobs, done);
    begin(order, chosen, &graph, done);
    let job = Job {
        context,
        target: order.target,
        chosen,
        database: order.database,
        feeder: Arc::clone(order.feeder),
        choices: &settings.choices,
        settings,
        jobs: order.effort.jobs,
        on_error: if order.spec.continue_on_error { OnError::Continue } else { OnError::Stop },
        keeping,
        retries: order.spec.care.retries,
        record: order.record,
        board: order.board,
        place: order.place,
        broken: AtomicBool::new(false),
    };
    let mut session = Some(session);
    order.board.enter(order.place, Phase::Schema);
    let filled = match run::definitions(&job, &graph, &mut session, &context.cancel).await {
        Ok(troubles) => {
            order.board.enter(order.place, Phase::DataAndIndexes);
            run::nodes(&job, &graph, session, troubles, &context.cancel).await
        }
        Err(fault) => {
            if let Some(session) = session {
                session.close().await;
            }
            Err(fault)
        }
    };
    match filled {
        Ok(filled) => Ok(Went::Through(filled)),
        Err(fault) if job.is_broken() && !context.cancel.is_cancelled() => Ok(Went::Broken(fault)),
        Err(fault) => Err(fault),
    }
}

/// Where the progress of this database starts: at nothing, or at what is done already.
fn begin(order: &Order<'_>, chosen: &Chosen, graph: &Graph, done: &Done) {
    let entries = || chosen.tables.iter().filter_map(|(at, _)| Some((*at, order.database.tables.get(*at)?)));
    let filled = || entries().filter(|(_, entry)| !entry.chunks.is_empty());
    let missing = |at: usize, entry: &manifest::TableEntry| -> u64 {
        done.missing(at, entry.chunks.len()).into_iter().flat_map(|run| &entry.chunks[run]).map(|chunk| chunk.bytes).sum()
    };
    let left: u64 = graph.work.iter().filter(|work| matches!(work, Work::Object(object, _) if graph::is_index(object))).count() as u64;
    order.board.database(order.place, |one| {
        one.bytes.total = entries().map(|(_, entry)| entry.bytes).sum();
        one.proof.total = if order.spec.prove { one.bytes.total } else { 0 };
        one.bytes.done = one.bytes.total - entries().map(|(at, entry)| missing(at, entry)).sum::<u64>().min(one.bytes.total);
        one.tables.total = filled().count() as u64;
        one.tables.done = filled().filter(|(at, entry)| done.missing(*at, entry.chunks.len()).is_empty()).count() as u64;
        one.indexes.total = graph.indexes;
        one.indexes.done = if done.is_empty() { 0 } else { graph.indexes.saturating_sub(left) };
    });
    if !done.is_empty() {
        let chunks = entries().map(|(at, entry)| (entry, done.missing(at, entry.chunks.len())));
        for (entry, missing) in chunks {
            let mut from = 0;
            for run in missing.into_iter().chain(std::iter::once(entry.chunks.len()..entry.chunks.len())) {
                order.record.loaded(order.target, &entry.table.name.to_string(), &(from..run.start));
                from = run.end;
            }
        }
    }
}
