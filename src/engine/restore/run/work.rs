//! Does what a node says, in one session.

use super::guard::guarded;
use super::trouble::label;
use super::{Job, OnError, Shared};
use crate::domain::schema::SchemaObject;
use crate::domain::{Code, Fault};
use crate::engine::event::Level;
use crate::engine::restore::feed::Chunks;
use crate::engine::restore::graph::{Graph, Work};
use crate::engine::restore::schedule::NodeId;
use crate::server::Loader;

/// Runs what was taken. One outcome for all of it, or one for each where they had to be run one by one.
pub async fn work(job: &Job<'_>, graph: &Graph, shared: &Shared, loader: &mut dyn Loader, taken: &[NodeId]) -> Vec<Result<u64, Fault>> {
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
