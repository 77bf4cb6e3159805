//! Makes the definitions that come before rows.

use super::persist::{What, persist};
use super::trouble::{About, Failure, Skipped, Troubles};
use super::{Job, OnError};
use crate::domain::Fault;
use crate::domain::schema::SchemaObject;
use crate::engine::restore::graph::Graph;
use crate::engine::restore::ledger::marks_of_objects;
use crate::engine::restore::transition::Transition;
use crate::server::Loader;
use tokio_util::sync::CancellationToken;

/// Definitions in one transaction, which hold all their locks until it ends (`max_locks_per_transaction` is 64 by default, for each of
/// 100 connections).
pub const DEFINITIONS_AT_ONCE: usize = 500;

/// Makes them in order, some hundred in a transaction.
pub async fn definitions(
    job: &Job<'_>,
    graph: &Graph,
    session: &mut Option<Box<dyn Loader>>,
    halt: &CancellationToken,
) -> Result<Troubles, Fault> {
    let mut troubles = Troubles::default();
    for some in graph.first.chunks(DEFINITIONS_AT_ONCE) {
        let objects: Vec<&SchemaObject> = some.iter().map(|at| &job.chosen.objects[*at]).collect();
        let done = persist(job, halt, session, What::Objects(&objects), &marks_of_objects(&objects)).await;
        if done.is_ok() {
            job.context.events.passing(Transition::DefinitionsMade);
        }
        match (done, job.on_error) {
            (Ok(_), _) => continue,
            (Err(fault), OnError::Stop) => return Err(fault),
            (Err(fault), _) if halt.is_cancelled() || job.is_broken() => return Err(fault),
            (Err(_), OnError::Continue) => {}
        }
        for object in objects {
            if let Some(because) = troubles.lost_by(object) {
                troubles.lost.insert(object.id, because);
                troubles.skipped.push(Skipped::of(About::object(object), because));
                continue;
            }
            if let Err(fault) = persist(job, halt, session, What::Objects(&[object]), &marks_of_objects(&[object])).await {
                if halt.is_cancelled() || job.is_broken() {
                    return Err(fault);
                }
                troubles.lost.insert(object.id, troubles.failures.len());
                troubles.failures.push(Failure::of(Some(About::object(object)), job.context.events.explain(fault)));
            }
        }
    }
    Ok(troubles)
}
