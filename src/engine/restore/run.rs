//! Carries out a graph with several sessions.
//!
//! Each session takes the next node that may start; when none may, it waits until another session is done with one. The first failure
//! ends all work at once, or with `continue_on_error` only that of what depends on it.

mod definitions;
mod guard;
mod persist;
mod settle;
mod trouble;
mod work;

use super::feed::Feeder;
use super::graph::{Graph, Work};
use super::ledger::Keeping;
use super::progress::Board;
use super::record::Record;
use super::schedule::{NodeId, Schedule};
use super::select::Chosen;
use crate::archive::manifest;
use crate::domain::spec::Retries;
use crate::domain::{Code, Fault, text};
use crate::engine::Context;
use crate::server::{LoadSettings, Loader, TargetChoices};
pub use definitions::{DEFINITIONS_AT_ONCE, definitions};
use settle::settle;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
pub use trouble::{Failure, Troubles};
use work::work;

/// Quick objects run in one transaction: far below what the lock table holds for one.
const QUICK_AT_ONCE: usize = 200;

/// What a run works with.
pub struct Job<'a> {
    /// The outside.
    pub context: &'a Context,
    /// The database that is written to.
    pub target: &'a str,
    /// What is restored.
    pub chosen: &'a Chosen,
    /// From which database of the archive.
    pub database: &'a manifest::Database,
    /// Rows.
    pub feeder: Arc<Feeder>,
    /// Choices of statements.
    pub choices: &'a TargetChoices,
    /// Settings of sessions.
    pub settings: &'a LoadSettings,
    /// Sessions at the same time.
    pub jobs: u32,
    /// Go on after a failure.
    pub on_error: OnError,
    /// Whether what is done is marked in the target.
    pub keeping: Keeping,
    /// How often something is tried again that may pass.
    pub retries: Retries,
    /// What is kept of how far this restore is.
    pub record: &'a Record,
    /// Where progress is written, and this database's place there.
    pub board: &'a Board,
    /// This database's place on the board.
    pub place: usize,
    /// Whether a session found that the server has crashed since the ledger was opened: what this run believes to be done need not be there.
    pub broken: AtomicBool,
}

impl Job<'_> {
    /// Whether nothing that was done is sure any more.
    pub fn is_broken(&self) -> bool {
        self.broken.load(Ordering::SeqCst)
    }

    /// Nothing that was done is sure any more, with the fault to say so where it is not gone on.
    pub fn breaks(&self) -> Fault {
        self.broken.store(true, Ordering::SeqCst);
        broken(self.target)
    }
}

/// The fault of a server that has crashed.
pub fn broken(target: &str) -> Fault {
    Fault::new(Code::ServerUnavailable, "the server has crashed and started again while it was written to")
        .because("what was not on its disk yet is lost, and what it does not log; the ledger tells what is left")
        .at("Database", text::clean(target))
}

/// What a failure of one object means for the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// Everything stops.
    Stop,
    /// What does not depend on it goes on.
    Continue,
}

struct State {
    schedule: Schedule,
    /// Whether a session runs quick objects: one does at a time, so that no two change the same row of a catalog.
    quick: bool,
    troubles: Troubles,
    /// For each table: when its first rows came, rows so far, parts left, indexes made.
    tables: HashMap<usize, Table>,
    stopped: bool,
}

struct Table {
    began: Instant,
    rows: u64,
    parts: usize,
}

/// Runs all nodes. `first` is a session that may be open already; further ones are opened as there is work for them.
/// `troubles` is what went wrong before; what needs it is skipped. Gives back what went wrong, and a session that is still open, if any.
pub async fn nodes(
    job: &Job<'_>,
    graph: &Graph,
    mut first: Option<Box<dyn Loader>>,
    troubles: Troubles,
    halt: &CancellationToken,
) -> Result<(Troubles, Option<Box<dyn Loader>>), Fault> {
    let mut schedule = Schedule::new(graph.nodes.clone())
        .map_err(|at| Fault::new(Code::CorruptedBackup, format!("the archive's objects depend on each other in a circle (node {at})")))?;
    let troubles = settle::condemned(job, graph, &mut schedule, troubles);
    let mut tables: HashMap<usize, Table> = HashMap::new();
    for work in &graph.work {
        if let Work::Load { table, .. } = work {
            tables.entry(*table).or_insert_with(|| Table { began: Instant::now(), rows: 0, parts: 0 }).parts += 1;
        }
    }
    let state = State { schedule, quick: false, troubles, tables, stopped: false };
    // A child, so that the first failure can end the other sessions without cancelling the job.
    let shared = Shared { state: Mutex::new(state), changed: Notify::new(), halt: halt.child_token() };
    let work = graph.work.iter().filter(|work| !matches!(work, Work::Milestone)).count();
    let sessions = (job.jobs.max(1) as usize).min(work.max(1));
    let workers = (0..sessions).map(|_| worker(job, graph, &shared, first.take()));
    let mut left: Vec<Box<dyn Loader>> = futures_util::future::join_all(workers).await.into_iter().flatten().collect();
    let state = shared.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    let kept = if halt.is_cancelled() || state.stopped { None } else { left.pop() };
    futures_util::future::join_all(left.into_iter().map(Loader::close)).await;
    if halt.is_cancelled() {
        return Err(Fault::new(Code::Cancelled, "cancelled"));
    }
    if job.is_broken() {
        return Err(broken(job.target));
    }
    if state.stopped {
        return Err(state
            .troubles
            .failures
            .into_iter()
            .next()
            .map(|one| one.fault)
            .unwrap_or_else(|| Fault::internal("a restore stopped without a reason")));
    }
    Ok((state.troubles, kept))
}

struct Shared {
    state: Mutex<State>,
    changed: Notify,
    halt: CancellationToken,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a session takes on at once: one node, or several quick ones.
fn take(state: &mut State, graph: &Graph) -> Vec<NodeId> {
    let is_quick = |at: NodeId| graph.quick[at as usize];
    let busy = state.quick;
    let Some(at) = state.schedule.pick_where(|at| !(busy && is_quick(at))) else { return Vec::new() };
    let mut taken = vec![at];
    if is_quick(at) {
        state.quick = true;
        while taken.len() < QUICK_AT_ONCE {
            let Some(at) = state.schedule.pick_where(is_quick) else { break };
            taken.push(at);
        }
    }
    taken
}

/// Works until nothing is left; gives back its session.
async fn worker(job: &Job<'_>, graph: &Graph, shared: &Shared, mut session: Option<Box<dyn Loader>>) -> Option<Box<dyn Loader>> {
    loop {
        let mut changed = std::pin::pin!(shared.changed.notified());
        // Registered before looking, so that a change between looking and waiting is not missed.
        changed.as_mut().enable();
        let taken = {
            let mut state = shared.lock();
            if state.stopped || shared.halt.is_cancelled() || state.schedule.is_over() {
                break;
            }
            take(&mut state, graph)
        };
        if taken.is_empty() {
            tokio::select! {
                () = changed => {}
                () = shared.halt.cancelled() => {}
            }
            continue;
        }
        // Others may find something that this one left.
        shared.changed.notify_waiters();
        let outcome = work(job, graph, shared, &mut session, &taken).await;
        settle(job, graph, shared, &taken, outcome);
    }
    shared.changed.notify_waiters();
    session
}

async fn open(job: &Job<'_>, halt: &CancellationToken) -> Result<Box<dyn Loader>, Fault> {
    let server = job.context.server()?;
    tokio::select! {
        opened = server.loader(job.target, job.settings) => opened,
        () = halt.cancelled() => Err(Fault::new(Code::Cancelled, "cancelled")),
    }
}
