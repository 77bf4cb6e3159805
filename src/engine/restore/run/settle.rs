//! What became of nodes: told to the schedule, counted, and listed where it is a failure.

use super::trouble::{Failure, Skipped, Troubles, about};
use super::{Job, OnError, Shared, State};
use crate::domain::size::grouped;
use crate::domain::{Fault, time};
use crate::engine::event::Level;
use crate::engine::restore::graph::{Graph, Work, is_index};
use crate::engine::restore::schedule::{NodeId, Schedule};
use crate::server::Step;

/// Tells the schedule what came of the nodes.
pub fn settle(job: &Job<'_>, graph: &Graph, shared: &Shared, taken: &[NodeId], outcomes: Vec<Result<u64, Fault>>) {
    let mut state = shared.lock();
    if taken.first().is_some_and(|at| graph.quick[*at as usize]) {
        state.quick = false;
    }
    if job.is_broken() {
        // Nothing of this run counts any more, failures neither.
        state.stopped = true;
        shared.halt.cancel();
        drop(state);
        shared.changed.notify_waiters();
        return;
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
                let fault = job.context.events.explain(fault.clone());
                let skipped = state.schedule.failed(*at);
                // What fails after the stop fails because of it.
                if !state.stopped && !shared.halt.is_cancelled() {
                    let work = &graph.work[*at as usize];
                    // Where one fault ended several, the first stands for it and the others were in its way.
                    let because = if number > 0 && one_for_all {
                        let because = state.troubles.failures.len().saturating_sub(1);
                        state.troubles.skipped.extend(about(job.chosen, work).map(|what| Skipped::of(what, because)));
                        because
                    } else {
                        job.context.events.log(Level::Error, fault.to_string());
                        state.troubles.failures.push(Failure::of(about(job.chosen, work), fault));
                        state.troubles.failures.len() - 1
                    };
                    let skipped = skipped.iter().filter_map(|at| about(job.chosen, &graph.work[*at as usize]));
                    state.troubles.skipped.extend(skipped.map(|what| Skipped::of(what, because)));
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

/// Takes out of the schedule what needs an object that is not there.
pub fn condemned(job: &Job<'_>, graph: &Graph, schedule: &mut Schedule, mut troubles: Troubles) -> Troubles {
    if troubles.lost.is_empty() {
        return troubles;
    }
    for (at, work) in graph.work.iter().enumerate() {
        let on = about(job.chosen, work).and_then(|about| about.id());
        let because = match work {
            Work::Object(object, _) => troubles.lost_by(object),
            Work::Analyze(place) => {
                job.chosen.tables.get(*place).and_then(|(_, table)| table.object).and_then(|id| troubles.lost.get(&id)).copied()
            }
            Work::Load { .. } | Work::Refresh(_) => on.and_then(|id| troubles.lost.get(&id)).copied(),
            Work::Milestone | Work::Sequences => None,
        };
        let Some(because) = because else { continue };
        for at in schedule.condemn(at as NodeId) {
            troubles.skipped.extend(about(job.chosen, &graph.work[at as usize]).map(|what| Skipped::of(what, because)));
        }
    }
    troubles
}

/// Counts what is done, and says so where it matters.
fn account(job: &Job<'_>, graph: &Graph, state: &mut State, at: NodeId, rows: u64) {
    match &graph.work[at as usize] {
        Work::Load { table, chunks, .. } => {
            job.record.loaded(job.target, &job.chosen.tables[*table].1.name.to_string(), chunks);
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
        Work::Object(object, step) if is_index(object) && *step != Step::Index => {
            job.board.database(job.place, |database| database.indexes.done += 1);
        }
        _ => {}
    }
}
