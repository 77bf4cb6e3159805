//! One call to the target, tried again while what is in its way may pass.
//!
//! A call that failed is repeated on a new session. Whether the lost one did it after all is asked from the ledger, never guessed. A new session
//! may also find that the server has crashed: then nothing that was believed to be done is sure, and the whole run ends, to begin again at
//! what the ledger says.

use super::guard::guarded;
use super::{Job, open};
use crate::archive::manifest::Chunk;
use crate::domain::Fault;
use crate::domain::schema::SchemaObject;
use crate::engine::restore::feed::Chunks;
use crate::engine::restore::graph::Work;
use crate::engine::restore::ledger::{Done, Keeping};
use crate::engine::restore::retry::{Tries, was_undone};
use crate::engine::restore::transition::Transition;
use crate::server::{Claim, Continuity, Loader, Mark};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio_util::sync::CancellationToken;

/// What is done in one call.
#[derive(Clone, Copy)]
pub enum What<'a> {
    /// Objects, in one transaction.
    Objects(&'a [&'a SchemaObject]),
    /// What a node does that is no object.
    Node(&'a Work),
}

/// Does it; gives the rows that were loaded.
pub async fn persist(
    job: &Job<'_>,
    halt: &CancellationToken,
    session: &mut Option<Box<dyn Loader>>,
    what: What<'_>,
    marks: &[Mark],
) -> Result<u64, Fault> {
    let marks = if job.keeping == Keeping::Marks { marks } else { &[] };
    let mut tries = Tries::new(job.context, halt, job.retries);
    let mut asks = false;
    loop {
        let done = once(job, halt, session, what, marks, asks).await;
        let Err(fault) = done else { return done };
        // Without a ledger only what the server itself has undone can be done again, and what may be done twice.
        if job.is_broken() || (marks.is_empty() && !is_harmless(job, what) && !was_undone(&fault) && session.is_some()) {
            return Err(fault);
        }
        if let Some(lost) = session.take() {
            lost.close().await;
        }
        tries.again(fault).await?;
        asks = true;
    }
}

/// Whether work can be done twice, with a ledger that tells of crashes.
fn is_harmless(job: &Job<'_>, what: What<'_>) -> bool {
    job.keeping == Keeping::Marks && matches!(what, What::Node(Work::Analyze(_)))
}

async fn once(
    job: &Job<'_>,
    halt: &CancellationToken,
    session: &mut Option<Box<dyn Loader>>,
    what: What<'_>,
    marks: &[Mark],
    asks: bool,
) -> Result<u64, Fault> {
    let loader = match session {
        Some(loader) => loader,
        None => {
            let mut loader = open(job, halt).await?;
            if job.keeping == Keeping::Marks {
                let canceller = loader.canceller();
                if guarded(loader.continuity(), canceller, halt).await? == Continuity::Broken {
                    loader.close().await;
                    return Err(job.breaks());
                }
            }
            session.insert(loader)
        }
    };
    if asks && !marks.is_empty() {
        let canceller = loader.canceller();
        let done = Done::of(guarded(loader.marks(), canceller, halt).await?);
        // All of them are of one transaction.
        if marks.iter().all(|mark| done.has(*mark)) {
            if let What::Node(Work::Load { table, .. }) = what {
                // What was not told before is told now; what was sent counts once.
                let bytes = chunks_of(job, what).map(|chunk| chunk.bytes).sum();
                job.board.sent(job.place, &job.chosen.tables[*table].1.name.to_string(), bytes);
            }
            return Ok(rows_of(job, what));
        }
    }
    perform(job, halt, loader.as_mut(), what, Claim::of(marks)).await
}

/// The chunks that a load brings; none of what is no load.
fn chunks_of<'a>(job: &Job<'a>, what: What<'_>) -> impl Iterator<Item = &'a Chunk> {
    let chunks = match what {
        What::Node(Work::Load { table, chunks, .. }) => {
            let entry = job.chosen.tables.get(*table).and_then(|(place, _)| job.database.tables.get(*place));
            entry.and_then(|entry| entry.chunks.get(chunks.clone()))
        }
        What::Node(_) | What::Objects(_) => None,
    };
    chunks.into_iter().flatten()
}

/// The rows that a load brings.
fn rows_of(job: &Job<'_>, what: What<'_>) -> u64 {
    chunks_of(job, what).map(|chunk| chunk.rows).sum()
}

async fn perform(job: &Job<'_>, halt: &CancellationToken, loader: &mut dyn Loader, what: What<'_>, claim: Claim<'_>) -> Result<u64, Fault> {
    let canceller = loader.canceller();
    let events = &job.context.events;
    match what {
        What::Objects(objects) => guarded(loader.run(objects, job.choices, claim), canceller, halt).await.map(|()| 0),
        What::Node(Work::Milestone | Work::Object(..)) => Ok(0),
        What::Node(Work::Load { table, chunks, mode }) => {
            let (place, description) = &job.chosen.tables[*table];
            let entry = &job.database.tables[*place];
            let name = description.name.to_string();
            let sum = AtomicU64::new(0);
            let sent = |bytes| {
                sum.fetch_add(bytes, Ordering::Relaxed);
                job.board.sent(job.place, &name, bytes);
            };
            let ended = || events.passing(Transition::LoadSent);
            let mut source = Chunks::new(&job.feeder, entry, chunks.clone(), halt.clone(), &sent, &ended);
            let claim = Claim { rows: Some(rows_of(job, what)), ..claim };
            events.passing(Transition::LoadBegun);
            let done = guarded(loader.load(description, *mode, &mut source, claim), canceller, halt).await;
            if done.is_ok() {
                events.passing(Transition::LoadCommitted);
            } else {
                job.board.resent(job.place, &name, sum.load(Ordering::Relaxed));
            }
            done.map_err(|fault| fault.at("Database", job.target))
        }
        What::Node(Work::Refresh(place)) => {
            let view = &job.chosen.views[*place];
            guarded(loader.refresh(view, claim), canceller, halt).await?;
            events.passing(Transition::ViewFilled);
            Ok(0)
        }
        What::Node(Work::Sequences) => {
            guarded(loader.set_sequences(&job.chosen.sequences, claim), canceller, halt).await?;
            events.passing(Transition::SequencesSet);
            Ok(0)
        }
        What::Node(Work::Analyze(place)) => {
            guarded(loader.analyze(&job.chosen.tables[*place].1.name), canceller, halt).await?;
            events.passing(Transition::StatisticsGathered);
            Ok(0)
        }
    }
}
