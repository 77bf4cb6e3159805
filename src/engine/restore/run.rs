//! Carries out a graph with several sessions.
//!
//! Each session takes the next node that may start; when none may, it waits until another session is done with one. The first failure
//! ends all work at once, or with `continue_on_error` only that of what depends on it.

use super::feed::{Chunks, Feeder};
use super::graph::{Graph, Work, is_index};
use super::progress::Board;
use super::schedule::{NodeId, Schedule};
use super::select::Chosen;
use crate::archive::manifest;
use crate::domain::schema::SchemaObject;
use crate::domain::size::grouped;
use crate::domain::{Code, Fault, time};
use crate::engine::Context;
use crate::engine::event::Level;
use crate::server::{Cancel, LoadSettings, Loader, TargetChoices};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Quick objects run in one transaction: far below what the lock table holds for one.
const QUICK_AT_ONCE: usize = 200;

/// Definitions in one transaction, which hold all their locks until it ends (`max_locks_per_transaction` is 64 by default, for each of
/// 100 connections).
pub const DEFINITIONS_AT_ONCE: usize = 500;

/// How often a statement is asked to end, and how often it is asked again.
const CANCEL_EVERY: Duration = Duration::from_millis(500);
const CANCEL_TRIES: usize = 20;

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
    /// Where progress is written, and this database's place there.
    pub board: &'a Board,
    /// This database's place on the board.
    pub place: usize,
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
    faults: Vec<Fault>,
    skipped: Vec<String>,
    /// For each table: when its first rows came, rows so far, parts left, indexes made.
    tables: HashMap<usize, Table>,
    stopped: bool,
}

struct Table {
    began: Instant,
    rows: u64,
    parts: usize,
}

/// What went wrong where it went on all the same.
#[derive(Debug, Default)]
pub struct Troubles {
    /// Failures, the first one first.
    pub faults: Vec<Fault>,
    /// Objects that were skipped because of them.
    pub skipped: Vec<String>,
}

/// Makes the definitions that come before rows, in order, some hundred in a transaction.
pub async fn definitions(job: &Job<'_>, graph: &Graph, loader: &mut dyn Loader, halt: &CancellationToken) -> Result<Troubles, Fault> {
    let mut troubles = Troubles::default();
    let mut lost: std::collections::HashSet<u32> = Default::default();
    for some in graph.first.chunks(DEFINITIONS_AT_ONCE) {
        let objects: Vec<&SchemaObject> = some.iter().map(|at| &job.chosen.objects[*at]).collect();
        let canceller = loader.canceller();
        let done = guarded(loader.run(&objects, job.choices), canceller, halt).await;
        match (done, job.on_error) {
            (Ok(()), _) => continue,
            (Err(fault), OnError::Stop) => return Err(fault),
            (Err(fault), _) if halt.is_cancelled() => return Err(fault),
            (Err(_), OnError::Continue) => {}
        }
        for object in objects {
            if object.depends.iter().any(|on| lost.contains(on)) {
                lost.insert(object.id);
                troubles.skipped.push(label(object));
                continue;
            }
            let canceller = loader.canceller();
            if let Err(fault) = guarded(loader.run(&[object], job.choices), canceller, halt).await {
                if halt.is_cancelled() {
                    return Err(fault);
                }
                lost.insert(object.id);
                troubles.faults.push(fault);
            }
        }
    }
    Ok(troubles)
}

fn label(object: &SchemaObject) -> String {
    crate::domain::text::clean(&format!("{} {}", object.kind, object.name))
}

/// Runs all nodes. `first` is a session that is open already; further ones are opened as there is work for them.
pub async fn nodes(job: &Job<'_>, graph: &Graph, first: Box<dyn Loader>, halt: &CancellationToken) -> Result<Troubles, Fault> {
    let schedule = Schedule::new(graph.nodes.clone())
        .map_err(|at| Fault::new(Code::CorruptedBackup, format!("the archive's objects depend on each other in a circle (node {at})")))?;
    let mut tables: HashMap<usize, Table> = HashMap::new();
    for work in &graph.work {
        if let Work::Load { table, .. } = work {
            tables.entry(*table).or_insert_with(|| Table { began: Instant::now(), rows: 0, parts: 0 }).parts += 1;
        }
    }
    let state = State { schedule, quick: false, faults: Vec::new(), skipped: Vec::new(), tables, stopped: false };
    // A child, so that the first failure can end the other sessions without cancelling the job.
    let shared = Shared { state: Mutex::new(state), changed: Notify::new(), halt: halt.child_token() };
    let work = graph.work.iter().filter(|work| !matches!(work, Work::Milestone)).count();
    let sessions = (job.jobs.max(1) as usize).min(work.max(1));
    let mut first = Some(first);
    let workers = (0..sessions).map(|_| worker(job, graph, &shared, first.take()));
    futures_util::future::join_all(workers).await;
    let state = shared.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    if halt.is_cancelled() {
        return Err(Fault::new(Code::Cancelled, "cancelled"));
    }
    if state.stopped {
        return Err(state.faults.into_iter().next().unwrap_or_else(|| Fault::internal("a restore stopped without a reason")));
    }
    Ok(Troubles { faults: state.faults, skipped: state.skipped })
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

async fn worker(job: &Job<'_>, graph: &Graph, shared: &Shared, mut loader: Option<Box<dyn Loader>>) {
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
        if loader.is_none() {
            match open(job, &shared.halt).await {
                Ok(opened) => loader = Some(opened),
                Err(fault) => {
                    settle(job, graph, shared, &taken, vec![Err(fault)]);
                    continue;
                }
            }
        }
        if let Some(loader) = loader.as_mut() {
            let outcome = work(job, graph, shared, loader.as_mut(), &taken).await;
            settle(job, graph, shared, &taken, outcome);
        }
    }
    shared.changed.notify_waiters();
    if let Some(loader) = loader {
        loader.close().await;
    }
}

async fn open(job: &Job<'_>, halt: &CancellationToken) -> Result<Box<dyn Loader>, Fault> {
    let server = job.context.server()?;
    tokio::select! {
        opened = server.loader(job.target, job.settings) => opened,
        () = halt.cancelled() => Err(Fault::new(Code::Cancelled, "cancelled")),
    }
}

/// Runs what was taken. One outcome for all of it, or one for each where they had to be run one by one.
async fn work(job: &Job<'_>, graph: &Graph, shared: &Shared, loader: &mut dyn Loader, taken: &[NodeId]) -> Vec<Result<u64, Fault>> {
    let objects: Vec<&SchemaObject> = taken
        .iter()
        .filter_map(|at| match &graph.work[*at as usize] {
            Work::Object(object) => Some(object.as_ref()),
            _ => None,
        })
        .collect();
    if objects.len() == taken.len() && !objects.is_empty() {
        let table = objects[0].table.as_ref().map(|table| table.to_string()).unwrap_or_default();
        let doing = if objects.len() == 1 { label(objects[0]).to_lowercase() } else { format!("{} objects", objects.len()) };
        job.board.begin(job.place, &table, &doing, 0);
        let canceller = loader.canceller();
        let done = guarded(loader.run(&objects, job.choices), canceller, &shared.halt).await;
        job.board.end(job.place, &table, &doing, 0);
        if done.is_ok() || objects.len() == 1 || job.on_error == OnError::Stop || shared.halt.is_cancelled() {
            return vec![done.map(|()| 0)];
        }
        let mut outcomes = Vec::new();
        for object in objects {
            let canceller = loader.canceller();
            outcomes.push(guarded(loader.run(&[object], job.choices), canceller, &shared.halt).await.map(|()| 0));
        }
        return outcomes;
    }
    let canceller = loader.canceller();
    let Some(at) = taken.first() else { return Vec::new() };
    let done = match &graph.work[*at as usize] {
        Work::Milestone | Work::Object(_) => Ok(0),
        Work::Load { table, chunks, mode } => {
            let (entry_at, description) = &job.chosen.tables[*table];
            let entry = &job.database.tables[*entry_at];
            let name = description.name.to_string();
            job.board.begin(job.place, &name, "rows", entry.bytes);
            let sent = |bytes| job.board.sent(job.place, &name, bytes);
            let expected: u64 = entry.chunks[chunks.clone()].iter().map(|chunk| chunk.rows).sum();
            let mut source = Chunks::new(&job.feeder, entry, chunks.clone(), shared.halt.clone(), &sent);
            let done = guarded(loader.load(description, *mode, &mut source), canceller, &shared.halt).await;
            drop(source);
            job.board.end(job.place, &name, "rows", done.as_ref().copied().unwrap_or(0));
            match done {
                Ok(rows) if rows != expected => Err(Fault::new(Code::ProofFailed, format!("the server took {rows} rows for {name}"))
                    .because(format!("the archive holds {expected} in this part"))
                    .at("Database", job.target)),
                other => other,
            }
        }
        Work::Refresh(view) => {
            let name = view.to_string();
            job.board.begin(job.place, &name, "refresh", 0);
            let mut done = guarded(loader.refresh(view), canceller, &shared.halt).await;
            if done.is_ok() {
                let canceller = loader.canceller();
                done = spared(job, guarded(loader.analyze(view), canceller, &shared.halt).await);
            }
            job.board.end(job.place, &name, "refresh", 0);
            done.map(|()| 0)
        }
        Work::Sequences => guarded(loader.set_sequences(&job.chosen.sequences), canceller, &shared.halt).await.map(|()| 0),
        Work::Analyze(table) => {
            let name = table.to_string();
            job.board.begin(job.place, &name, "analyze", 0);
            let done = spared(job, guarded(loader.analyze(table), canceller, &shared.halt).await);
            job.board.end(job.place, &name, "analyze", 0);
            done.map(|()| 0)
        }
    };
    vec![done]
}

/// Statistics are no part of what is restored: where the server cannot gather them (a child of the table lies on a foreign server that
/// does not answer), that is said and the restore goes on. Only what the server answered is spared, not a lost session.
fn spared(job: &Job<'_>, done: Result<(), Fault>) -> Result<(), Fault> {
    match done {
        Err(fault) if fault.sqlstate.is_some() && fault.code != Code::Cancelled => {
            job.context.events.log(Level::Warn, fault.to_string());
            Ok(())
        }
        done => done,
    }
}

/// Tells the schedule what came of the nodes.
fn settle(job: &Job<'_>, graph: &Graph, shared: &Shared, taken: &[NodeId], outcomes: Vec<Result<u64, Fault>>) {
    let mut state = shared.lock();
    if taken.first().is_some_and(|at| graph.quick[*at as usize]) {
        state.quick = false;
    }
    let one_for_all = outcomes.len() == 1;
    let mut outcomes = outcomes.into_iter();
    let mut last = outcomes.next().unwrap_or(Ok(0));
    for (number, at) in taken.iter().enumerate() {
        if number > 0 && !one_for_all {
            last = outcomes.next().unwrap_or(Ok(0));
        }
        match &last {
            Ok(rows) => {
                state.schedule.done(*at);
                account(job, graph, &mut state, *at, *rows);
            }
            Err(fault) => {
                let skipped = state.schedule.failed(*at);
                let names = skipped.iter().filter_map(|at| match &graph.work[*at as usize] {
                    Work::Object(object) => Some(label(object)),
                    _ => None,
                });
                state.skipped.extend(names);
                // What fails after the stop fails because of it.
                if !state.stopped && !shared.halt.is_cancelled() && (number == 0 || !one_for_all) {
                    job.context.events.log(Level::Error, fault.to_string());
                    state.faults.push(fault.clone());
                }
                if job.on_error == OnError::Stop {
                    state.stopped = true;
                    shared.halt.cancel();
                }
            }
        }
    }
    drop(state);
    shared.changed.notify_waiters();
}

/// Counts what is done, and says so where it matters.
fn account(job: &Job<'_>, graph: &Graph, state: &mut State, at: NodeId, rows: u64) {
    match &graph.work[at as usize] {
        Work::Load { table, .. } => {
            let Some(one) = state.tables.get_mut(table) else { return };
            one.rows += rows;
            one.parts = one.parts.saturating_sub(1);
            if one.parts == 0 {
                let took = time::span(u64::try_from(one.began.elapsed().as_millis()).unwrap_or(u64::MAX));
                let name = &job.chosen.tables[*table].1.name;
                let text = format!("{}: {name}: {} rows in, {took} after the start of loading", job.target, grouped(one.rows));
                job.context.events.log(Level::Info, text);
                job.board.database(job.place, |database| database.tables.done += 1);
            }
        }
        Work::Object(object) if is_index(object) && (object.kind == "INDEX" || !object.sql.starts_with("CREATE UNIQUE INDEX")) => {
            job.board.database(job.place, |database| database.indexes.done += 1);
        }
        _ => {}
    }
}

/// Waits for a call; when the job ends before, asks the server to end the statement until it does.
async fn guarded<T>(
    call: impl std::future::Future<Output = Result<T, Fault>>,
    canceller: Arc<dyn Cancel>,
    halt: &CancellationToken,
) -> Result<T, Fault> {
    let mut call = std::pin::pin!(call);
    tokio::select! {
        biased;
        done = &mut call => return done,
        () = halt.cancelled() => {}
    }
    for _ in 0..CANCEL_TRIES {
        canceller.cancel().await;
        if let Ok(done) = tokio::time::timeout(CANCEL_EVERY, &mut call).await {
            return done;
        }
    }
    Err(Fault::new(Code::Cancelled, "cancelled").because("the server did not end the statement in time"))
}
