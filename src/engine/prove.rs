//! Proves a restored database: every table's rows and fingerprint, indexes, constraints, sequences, counts of every kind; and the write probe.
//!
//! Rows are read as a backup reads them, by the same planner, sessions and threads, only that nothing is written. Knows no archive file:
//! what is expected is given.

mod compare;
mod groups;

use super::Context;
use super::backup::budget::Budget;
use super::backup::halt::Halt;
use super::backup::moment::Moment;
use super::backup::pool::{Pool, Worker};
use super::backup::press::look;
use super::backup::progress::{DatabaseMeter, Meter};
use super::backup::rows::{Chunk, Reading, sessions};
use super::backup::seats::Seats;
use super::backup::table::TableWork;
use crate::archive::manifest;
use crate::domain::Fault;
use crate::domain::job::{Difference, Proof};
use crate::domain::schema::{InventoryItem, Table, TableName};
use crate::domain::spec::Effort;
use crate::server::{Behind, LoadSettings, Loader, Server, Snapshot};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// How often progress is told.
const TICK: Duration = Duration::from_millis(125);

/// The probe builds no index: any value does.
const PROBE_MEMORY: u64 = 64 << 20;

/// What is expected, and how names were changed on the way.
pub struct Expected<'a> {
    /// The database's entry in the manifest.
    pub database: &'a manifest::Database,
    /// Its inventory.
    pub inventory: Vec<InventoryItem>,
    /// Whether definitions can be compared literally: source and target are of the same major version.
    pub same_version: bool,
    /// Which tables of the manifest were restored, by index, and under which name.
    pub tables: Vec<(usize, TableName)>,
    /// Whether everything was restored, so that the inventory must be equal.
    pub whole: bool,
    /// Owners were left out or mapped, so ownership is not compared.
    pub ignore_owners: bool,
    /// Rights were left out, so they are not compared.
    pub ignore_acl: bool,
}

/// Compares `target` with what is expected. `progress` is told row bytes as they are read, and how many there are in all. `session` is one
/// that is open in the target, where there is one: it is used first, and closed.
pub async fn prove(
    expected: &Expected<'_>,
    target: &str,
    effort: Effort,
    context: &Context,
    progress: &(dyn Fn(u64, u64) + Sync),
    session: Option<Box<dyn Loader>>,
) -> Result<Proof, Fault> {
    let server = context.server()?.clone();
    let halt = Halt::under(&context.cancel);
    let _stop = halt.stop_when_dropped();
    let named = |fault: Fault| fault.at("Database", target).at("Host", server.connection().address());
    let mut proof = Proof::default();
    let (probed, behind) = halt.or(probe(server.as_ref(), target, session)).await.map_err(named)?;
    let moment = Moment::open(&server, &[target.to_owned()], sessions(effort.jobs.max(1)), &halt).await.map_err(named)?;
    let snapshot = halt.or(moment.snapshot(target)).await.map_err(named)?;
    let read = async {
        let there = halt.or(snapshot.tables()).await?;
        rows(expected, target, effort, snapshot.as_ref(), &there, &halt, progress, &mut proof).await?;
        if expected.whole {
            let (inventory, sequences) = halt.or(snapshot.inventory()).await?;
            compare::objects(expected, target, &inventory, &sequences, &mut proof);
        }
        Ok(())
    };
    let read: Result<(), Fault> = read.await;
    let _ = tokio::time::timeout(TICK * 40, snapshot.release()).await;
    moment.release().await;
    read.map_err(named)?;
    proof.probed = probed;
    proof.differences.extend(behind.into_iter().map(|behind| Difference {
        database: target.to_owned(),
        object: format!("sequence of column {}", behind.column),
        expected: format!("next value above {}", behind.greatest),
        found: format!("next value {}", behind.next),
    }));
    Ok(proof)
}

/// Reads all tables and compares their rows.
#[allow(clippy::too_many_arguments, reason = "one call, and each is a different thing")]
async fn rows(
    expected: &Expected<'_>,
    target: &str,
    effort: Effort,
    snapshot: &dyn Snapshot,
    there: &[Table],
    halt: &Halt,
    progress: &(dyn Fn(u64, u64) + Sync),
    proof: &mut Proof,
) -> Result<(), Fault> {
    let database = DatabaseMeter::new(target, 0);
    let groups = groups::of(expected, target, there, proof);
    let total: u64 = groups.iter().map(|group| group.bytes).sum();
    let tables: Vec<Arc<TableWork>> =
        groups.iter().flat_map(|group| &group.tables).map(|table| TableWork::new(table.clone(), String::new(), database.clone())).collect();
    let jobs = effort.jobs.max(1);
    let workers: Vec<Worker<Chunk>> = (0..jobs).map(|_| Box::new(|chunk: Chunk| fingerprint(chunk)) as Worker<Chunk>).collect();
    let (pool, feed) = Pool::start("prove", workers, halt)?;
    // Nothing is kept of a chunk: a small one is looked at while it is in the processor's cache.
    let chunk_size = usize::try_from(effort.chunk_size).unwrap_or(usize::MAX >> 1).clamp(1 << 16, 1 << 20);
    let reading = Reading {
        feed,
        wrap: |chunk| chunk,
        budget: Budget::new(effort.memory, chunk_size, sessions(jobs) as usize),
        seats: Seats::new(sessions(jobs)),
        meter: Meter::new(vec![database.clone()]),
        chunk_size,
        jobs,
        done: Arc::new(|_| {}),
    };
    let tables: Arc<[Arc<TableWork>]> = tables.into();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let read = {
        let read = reading.read(snapshot, &tables, halt);
        tokio::pin!(read);
        loop {
            tokio::select! {
                biased;
                done = &mut read => break done,
                _ = tick.tick() => progress(database.bytes.load(Relaxed).min(total), total),
            }
        }
    };
    drop(reading);
    tokio::task::spawn_blocking(move || pool.join()).await.map_err(|error| Fault::internal("cannot wait for threads").caused_by(&error))?;
    halt.check()?;
    read?;
    progress(total, total);
    for (group, tables) in groups.iter().zip(groups::split(&groups, &tables)) {
        group.compare(tables, target, proof);
    }
    Ok(())
}

fn fingerprint(chunk: Chunk) -> Result<(), Fault> {
    let Chunk { table, rows, lease, .. } = chunk;
    look(&table, &rows.data, rows.count)?;
    lease.recycle(rows.data);
    Ok(())
}

/// Whether an application can write: sequences are past what is in their columns.
async fn probe(server: &dyn Server, target: &str, session: Option<Box<dyn Loader>>) -> Result<(u64, Vec<Behind>), Fault> {
    let mut loader = match session {
        Some(loader) => loader,
        None => server.loader(target, &LoadSettings { index_memory: PROBE_MEMORY, ..LoadSettings::default() }).await?,
    };
    let probed = loader.write_probe().await;
    loader.close().await;
    probed
}
