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
mod preflight;
pub(super) mod progress;
mod rename;
mod report;
mod run;
mod schedule;
mod select;
pub(super) mod source;
pub(super) mod throwaway;

use super::Context;
use crate::domain::job::Summary;
use crate::domain::plan::Plan;
use crate::domain::spec::{RestoreScope, RestoreSpec};
use crate::domain::{Code, Fault};
use database::{Entry, Order};
use feed::Feeder;
use progress::Board;
use report::Ended;
use std::sync::Arc;
use std::time::Instant;

/// Finds out what a restore would do: of our own archive, or of a dump that another program made.
pub async fn plan(spec: &RestoreSpec, context: &Context) -> Result<Plan, Fault> {
    match foreign::recognise(&spec.archive).await? {
        Some(dump) => foreign::plan(spec, context, dump).await,
        None => preflight::plan(spec, context).await,
    }
}

/// Carries out a restore. A cluster of which at least one database was restored is a summary in which the others carry their faults.
pub async fn run(spec: &RestoreSpec, context: &Context) -> Result<Summary, Fault> {
    let began = Instant::now();
    if let Some(dump) = foreign::recognise(&spec.archive).await? {
        return foreign::run(spec, context, dump).await;
    }
    let archive = source::open(&spec.archive).await?;
    let mut summary = match &spec.scope {
        RestoreScope::Cluster { include, exclude, parallel } => cluster::run(spec, context, &archive, include, exclude, *parallel).await?,
        RestoreScope::Single { database, target, selection } => {
            let database = source::database(&archive, database.as_deref())?;
            let bytes = database.tables.iter().map(|table| table.bytes).sum();
            let board = Board::new(&[(target.clone(), bytes, database.tables.len() as u64)], spec.effort.memory);
            let feeder = Feeder::new(Arc::clone(&archive), spec.effort.memory);
            let measured = Arc::clone(&feeder);
            board.measure(move || measured.held());
            let ticker = board.post(context);
            let order = Order {
                context,
                spec,
                archive: &archive,
                feeder: &feeder,
                database,
                target,
                selection,
                effort: spec.effort,
                board: &board,
                place: 0,
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
            report::summary(spec, &archive, major, Vec::new(), vec![Ended { name: target.clone(), done }]).await?
        }
    };
    summary.duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(summary)
}

/// The last sample of a database that failed.
fn ended(board: &Board, context: &Context, fault: Fault) -> Fault {
    board.leave(0, Err(&fault));
    context.events.post(super::event::Event::Progress(Box::new(board.sample())));
    fault
}
