//! Restores, straight from the archive.
//!
//! Definitions first; then rows, indexes, keys and the rest as soon as what each needs is there (`graph`, `schedule`), by several
//! sessions (`run`) that are fed within a memory budget (`feed`); then the proof.

mod aftermath;
mod causes;
mod cluster;
mod database;
mod failure_list;
pub(super) mod feed;
mod foreign;
mod graph;
mod ledger;
mod preflight;
mod product;
pub(super) mod progress;
mod record;
mod rename;
mod report;
mod retry;
mod run;
mod schedule;
mod select;
pub(super) mod source;
pub(super) mod throwaway;
pub mod transition;

use super::Context;
use crate::archive::reader::Archive;
use crate::domain::fault::Step;
use crate::domain::job::Summary;
use crate::domain::plan::Plan;
use crate::domain::spec::{RestoreScope, RestoreSpec};
use crate::domain::{Code, Fault, text};
use database::{Entry, Order};
use feed::Feeder;
use progress::Board;
use record::{Kept, Record};
use report::Ended;
use std::sync::Arc;
use std::time::Instant;

/// Finds out what a restore would do: of our own archive, or of a dump that another program made.
pub async fn plan(spec: &RestoreSpec, context: &Context) -> Result<Plan, Fault> {
    match foreign::recognise(&spec.archive).await? {
        Some(dump) => super::unless_cancelled(context, foreign::plan(spec, context, dump)).await,
        None => preflight::plan(spec, context).await,
    }
}

/// Carries out a restore, or goes on with one that was interrupted. A cluster of which at least one database was restored is a summary in
/// which the others carry their faults. Where something is missing in the end and can be gone on with, fault or summary name the manifest.
pub async fn run(spec: &RestoreSpec, context: &Context) -> Result<Summary, Fault> {
    let began = Instant::now();
    if let Some(dump) = foreign::recognise(&spec.archive).await? {
        return foreign::run(spec, context, dump).await;
    }
    let archive = source::open(&spec.archive).await?;
    let server = context.server()?;
    let info = retry::insist(context, spec.care.retries, || server.info()).await?;
    product::fits(&archive.manifest().head, &info)?;
    let (record, spec) = match &spec.care.resume {
        Some(manifest) => Record::resume(manifest, spec, &archive, &info).await?,
        None => (Record::new(spec, &archive, &info, names(spec, &archive)?), spec.clone()),
    };
    let outcome = restore(&spec, context, &archive, &record).await;
    let kept = record.end(context, &spec).await;
    let outcome = match (outcome, kept) {
        (outcome, None) => outcome,
        (Ok(summary), Some(kept)) => Ok(resumable(summary, &spec, kept)),
        (Err(fault), Some(kept)) => Err(interrupted(fault, &spec, &kept)),
    };
    outcome.map(|summary| Summary { duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX), ..summary })
}

/// The databases that are to be restored, by their names on the target.
fn names(spec: &RestoreSpec, archive: &Archive) -> Result<Vec<String>, Fault> {
    Ok(match &spec.scope {
        RestoreScope::Single { target, .. } => vec![target.clone()],
        RestoreScope::Cluster { include, exclude, .. } => {
            let wanted = cluster::wanted(archive, include, exclude)?;
            wanted.into_iter().filter(|one| one.failed.is_none()).map(|one| one.name.clone()).collect()
        }
    })
}

/// A summary in which something is missing, with the way to go on.
fn resumable(mut summary: Summary, spec: &RestoreSpec, kept: Kept) -> Summary {
    summary.then = Some(Step {
        text: "Then go on where it stopped; what is complete is not done again:".into(),
        command: Some(record::command(spec, &kept)),
    });
    summary.manifest = Some(kept.path);
    summary
}

/// A fault with the way to go on.
fn interrupted(fault: Fault, spec: &RestoreSpec, kept: &Kept) -> Fault {
    let command = record::command(spec, kept);
    let mut fault = fault.at("Manifest", text::clean(&kept.path.display().to_string()));
    if fault.code == Code::Cancelled {
        fault.context.push(("Left".into(), format!("the restore manifest; go on with: {command}")));
    }
    fault.step_run("Go on where it stopped, once the cause is removed:", command)
}

async fn restore(spec: &RestoreSpec, context: &Context, archive: &Arc<Archive>, record: &Record) -> Result<Summary, Fault> {
    let summary = match &spec.scope {
        RestoreScope::Cluster { include, exclude, parallel } => {
            cluster::run(spec, context, archive, record, include, exclude, *parallel).await?
        }
        RestoreScope::Single { database, target, selection } => {
            let database = source::database(archive, database.as_deref())?;
            let bytes = database.tables.iter().map(|table| table.bytes).sum();
            let board = Board::new(&[(target.clone(), bytes, database.tables.len() as u64)], spec.effort.memory);
            if spec.prove {
                board.proves();
            }
            if record.complete(target).is_some() {
                board.complete(0);
            }
            let feeder = Feeder::new(Arc::clone(archive), spec.effort.memory);
            let measured = Arc::clone(&feeder);
            board.measure(move || measured.held());
            let ticker = board.post(context);
            let order = Order {
                context,
                spec,
                archive,
                feeder: &feeder,
                database,
                target,
                selection,
                effort: spec.effort,
                board: &board,
                place: 0,
                record,
                entry: Entry::Flags,
            };
            let outcome = database::restore(&order).await;
            drop(ticker);
            let done = match outcome {
                // Objects that were gone over leave a result; a database that stopped leaves its fault.
                Ok(done) => match &done.fault {
                    Some(fault) if fault.code != Code::Partial => return Err(ended(&board, context, fault.clone())),
                    Some(fault) => {
                        ended(&board, context, fault.clone());
                        done
                    }
                    None => {
                        board.leave(0, Ok(spec.prove));
                        context.events.post(super::event::Event::Progress(Box::new(board.sample())));
                        done
                    }
                },
                Err(fault) => return Err(ended(&board, context, fault)),
            };
            let major = if done.fault.is_some() { context.server()?.info().await?.major() } else { 0 };
            report::summary(spec, archive, major, Vec::new(), vec![Ended { name: target.clone(), done }]).await?
        }
    };
    Ok(summary)
}

/// The last sample of a database that failed.
fn ended(board: &Board, context: &Context, fault: Fault) -> Fault {
    board.leave(0, Err(&fault));
    context.events.post(super::event::Event::Progress(Box::new(board.sample())));
    fault
}
