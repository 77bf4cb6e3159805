//! Does what nodes say.

use super::persist::{What, persist};
use super::trouble::label;
use super::{Job, OnError, Shared, guard::guarded};
use crate::domain::schema::SchemaObject;
use crate::domain::{Code, Fault};
use crate::engine::event::Level;
use crate::engine::restore::graph::{Graph, Work};
use crate::engine::restore::ledger::marks_of;
use crate::engine::restore::schedule::NodeId;
use crate::engine::restore::transition::Transition;
use crate::server::{Loader, Mark};

/// Runs what was taken. One outcome for all of it, or one for each where they had to be run one by one.
pub async fn work(
    job: &Job<'_>,
    graph: &Graph,
    shared: &Shared,
    session: &mut Option<Box<dyn Loader>>,
    taken: &[NodeId],
) -> Vec<Result<u64, Fault>> {
    let Some(first) = taken.first().map(|at| &graph.work[*at as usize]) else { return Vec::new() };
    let objects: Vec<(&SchemaObject, Mark)> = taken
        .iter()
        .filter_map(|at| match &graph.work[*at as usize] {
            Work::Object(object, step) => Some((object.as_ref(), Mark::Object(object.id, *step))),
            _ => None,
        })
        .collect();
    if objects.len() == taken.len() {
        return make(job, shared, session, &objects).await;
    }
    let (name, doing, total) = match first {
        Work::Load { table, .. } => {
            let (place, description) = &job.chosen.tables[*table];
            (description.name.to_string(), "rows", job.database.tables[*place].bytes)
        }
        Work::Refresh(place) => (job.chosen.views[*place].to_string(), "refresh", 0),
        Work::Analyze(place) => (job.chosen.tables[*place].1.name.to_string(), "analyze", 0),
        Work::Sequences => (String::new(), "sequences", 0),
        Work::Milestone | Work::Object(..) => return vec![Ok(0)],
    };
    job.board.begin(job.place, &name, doing, total);
    let mut done = persist(job, &shared.halt, session, What::Node(first), &marks_of(job.chosen, first)).await;
    if let (Ok(_), Work::Refresh(place), Some(loader)) = (&done, first, session.as_mut()) {
        let canceller = loader.canceller();
        let analyzed = guarded(loader.analyze(&job.chosen.views[*place]), canceller, &shared.halt).await;
        // The view is filled; its statistics are no part of what is restored, whatever keeps them from being gathered.
        if let Err(fault) = analyzed {
            job.context.events.log(Level::Warn, fault.to_string());
        }
    }
    if matches!(first, Work::Analyze(_)) {
        done = spared(job, done);
    }
    job.board.end(job.place, &name, doing, done.as_ref().copied().unwrap_or(0));
    vec![done]
}

/// Makes objects: all at once, or when that fails and others are to go on all the same, one by one.
async fn make(
    job: &Job<'_>,
    shared: &Shared,
    session: &mut Option<Box<dyn Loader>>,
    objects: &[(&SchemaObject, Mark)],
) -> Vec<Result<u64, Fault>> {
    let (all, marks): (Vec<&SchemaObject>, Vec<Mark>) = objects.iter().copied().unzip();
    let table = all[0].table.as_ref().map(|table| table.to_string()).unwrap_or_default();
    let doing = if all.len() == 1 { label(all[0]).to_lowercase() } else { format!("{} objects", all.len()) };
    job.context.events.passing(Transition::ObjectsBegun);
    job.board.begin(job.place, &table, &doing, 0);
    let done = persist(job, &shared.halt, session, What::Objects(&all), &marks).await;
    job.board.end(job.place, &table, &doing, 0);
    if done.is_ok() {
        job.context.events.passing(Transition::ObjectsMade);
    }
    if done.is_ok() || all.len() == 1 || job.on_error == OnError::Stop || shared.halt.is_cancelled() || job.is_broken() {
        return vec![done];
    }
    let mut outcomes = Vec::with_capacity(all.len());
    for (object, mark) in objects {
        outcomes.push(persist(job, &shared.halt, session, What::Objects(&[object]), &[*mark]).await);
    }
    outcomes
}

/// Statistics are no part of what is restored: where the server cannot gather them (a child of the table lies on a foreign server that
/// does not answer), that is said and the restore goes on. Only what the server answered is spared, not a lost session.
fn spared(job: &Job<'_>, done: Result<u64, Fault>) -> Result<u64, Fault> {
    match done {
        Err(fault) if fault.sqlstate.is_some() && fault.code != Code::Cancelled => {
            job.context.events.log(Level::Warn, fault.to_string());
            Ok(0)
        }
        done => done,
    }
}
