//! Makes the definitions that come before rows.

use super::guard::guarded;
use super::trouble::{About, Failure, Skipped, Troubles};
use super::{Job, OnError};
use crate::domain::Fault;
use crate::domain::schema::SchemaObject;
use crate::engine::restore::graph::Graph;
use crate::server::Loader;
use tokio_util::sync::CancellationToken;

/// Definitions in one transaction, which hold all their locks until it ends (`max_locks_per_transaction` is 64 by default, for each of
/// 100 connections).
pub const DEFINITIONS_AT_ONCE: usize = 500;

/// Makes them in order, some hundred in a transaction.
pub async fn definitions(job: &Job<'_>, graph: &Graph, loader: &mut dyn Loader, halt: &CancellationToken) -> Result<Troubles, Fault> {
    let mut troubles = Troubles::default();
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
            if let Some(because) = troubles.lost_by(object) {
                troubles.lost.insert(object.id, because);
                troubles.skipped.push(Skipped::of(About::object(object), because));
                continue;
            }
            let canceller = loader.canceller();
            if let Err(fault) = guarded(loader.run(&[object], job.choices), canceller, halt).await {
                if halt.is_cancelled() {
                    return Err(fault);
                }
                troubles.lost.insert(object.id, troubles.failures.len());
                troubles.failures.push(Failure::of(Some(About::object(object)), job.context.events.explain(fault)));
            }
        }
    }
    Ok(troubles)
}
