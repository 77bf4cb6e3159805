//! Makes one archive, of one database or of many.

use super::database::{self, Backed};
use super::finish::{self, Ending};
use super::halt::{Halt, panicked};
use super::moment::Moment;
use super::press::{self, Press, Setup};
use super::progress::{DatabaseMeter, Meter};
use super::table::TableWork;
use super::{documents, name};
use crate::archive::manifest::{self, FORMAT, Head, Kind, Manifest, Source, Status};
use crate::domain::fault::{Code, Fault};
use crate::domain::job::{DatabaseOutcome, DatabaseState, Phase};
use crate::domain::schema::SchemaObject;
use crate::domain::server::ServerInfo;
use crate::domain::size::{Bytes, grouped};
use crate::domain::spec::{BackupSpec, Depth, VerifyMode};
use crate::domain::time::span;
use crate::engine::Context;
use crate::engine::event::Level;
use crate::system;
use jiff::Zoned;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Tables that took this long get a line in the log.
const WORTH_A_LINE: Duration = Duration::from_secs(5);

/// What all archives of a run share.
pub struct Run<'a> {
    /// What was asked for.
    pub spec: &'a BackupSpec,
    /// The world.
    pub context: &'a Context,
    /// The server.
    pub info: &'a ServerInfo,
    /// The counters of all databases.
    pub meter: &'a Arc<Meter>,
}

/// An archive that is to be made.
pub struct Order {
    /// What it covers.
    pub kind: Kind,
    /// Its databases, in the order in which they are listed.
    pub databases: Vec<Arc<DatabaseMeter>>,
    /// Roles and so on, for a cluster.
    pub globals: Option<Vec<SchemaObject>>,
    /// Databases at work at the same time.
    pub parallel: usize,
    /// Databases that are in it by name only, each with the reason.
    pub lost: Vec<(String, Fault)>,
}

/// A finished archive.
pub struct Made {
    /// Where it is.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Each database, failed ones included.
    pub databases: Vec<DatabaseOutcome>,
    /// What was checked.
    pub verified: Option<Depth>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

/// Makes an archive. After a failure nothing of it is left. One failed database of a cluster is noted and the others go on; if all
/// fail, so does this.
pub async fn make(run: &Run<'_>, order: Order) -> Result<Made, Fault> {
    let began = Instant::now();
    let at = Zoned::now();
    let subject = match order.kind {
        Kind::Single => name::Subject::Database(order.databases[0].name()),
        Kind::Cluster | Kind::Base => name::Subject::Cluster,
    };
    let stem = name::stem(subject, &at, &run.spec.name_time)?;
    let path = name::free(&run.spec.dir, &stem, run.spec.compression.codec);
    let mtime = u64::try_from(at.timestamp().as_second()).unwrap_or(0);
    let halt = Halt::under(&run.context.cancel);
    // Whoever drops this future drops the press with it: the threads then end by themselves, and the unfinished file goes.
    let _stop = halt.stop_when_dropped();
    let done = table_log(run);
    run.meter.phase(Phase::Data);
    let setup = Setup { path: &path, compression: run.spec.compression, effort: run.spec.effort, mtime, meter: run.meter, done };
    let (press, threads) = press::start(&setup, halt.clone())?;
    drop(setup);
    let read = read(run, press, &order, &halt).await;
    let ended = tokio::task::spawn_blocking(move || threads.end()).await;
    let writer = ended.map_err(|error| Fault::internal("cannot wait for the threads").caused_by(&error))?;
    // What stopped the threads comes first: a reader then only knows that it was stopped.
    let (writer, (backed, faults, notes)) = (writer?, read?);
    let (manifest, outcomes) = manifest(run, &order, backed, faults, &at, began);
    let verified = depth(run.spec.verify, order.kind);
    let globals = order.globals.as_deref().map(|globals| documents::globals(run.info.product, globals));
    let (meter, cancel, jobs) = (run.meter.clone(), run.context.cancel.clone(), run.spec.effort.jobs.max(1));
    let finished = tokio::task::spawn_blocking(move || {
        let documents = finish::documents(&manifest, &path, globals);
        let ending = Ending { documents, manifest: &manifest, mtime, verify: verified, jobs, path: &path, meter: &meter, cancel: &cancel };
        let named = finish::finish(writer, ending)?;
        Ok::<_, Fault>((named, manifest))
    });
    let (named, manifest) = finished.await.map_err(join_fault)??;
    let mut warnings = named.warnings;
    warnings.extend(notes);
    for database in &manifest.databases {
        warnings.extend(database.notes.iter().map(|note| format!("{}: {note}", database.name)));
    }
    run.context.events.log(
        Level::Info,
        format!(
            "{} is complete: {} in {}",
            named.path.display(),
            Bytes(named.bytes),
            span(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX))
        ),
    );
    Ok(Made { path: named.path, bytes: named.bytes, databases: outcomes, verified, warnings })
}

fn join_fault(error: tokio::task::JoinError) -> Fault {
    match error.try_into_panic() {
        Ok(panic) => panicked("finishing the archive", panic.as_ref()),
        Err(error) => Fault::internal("finishing the archive was aborted").caused_by(&error),
    }
}

/// What is checked, by the mode and what the archive covers (V1).
pub const fn depth(mode: VerifyMode, kind: Kind) -> Option<Depth> {
    match (mode, kind) {
        (VerifyMode::Off, _) => None,
        (VerifyMode::Quick, _) | (VerifyMode::Auto, Kind::Cluster | Kind::Base) => Some(Depth::Quick),
        (VerifyMode::Full, _) | (VerifyMode::Auto, Kind::Single) => Some(Depth::Full),
    }
}

fn table_log(run: &Run<'_>) -> Arc<dyn Fn(&TableWork) + Send + Sync> {
    let events = run.context.events.clone();
    Arc::new(move |table| {
        let took = table.began.get().map(Instant::elapsed).unwrap_or_default();
        if took >= WORTH_A_LINE {
            let (rows, bytes) = (grouped(table.rows.load(Relaxed)), Bytes(table.bytes.load(Relaxed)));
            let took = span(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
            events.log(Level::Info, format!("{}.{}: {rows} rows, {bytes}, {took}", table.database.name(), table.table.name));
        }
    })
}

/// What was read, and what failed, by database.
type Read = (Vec<Backed>, BTreeMap<String, Fault>);

/// Opens the moment, reads the databases, and makes sure that all was of the moment. Gives what a person should know of it, too.
async fn read(
    run: &Run<'_>,
    press: Press,
    order: &Order,
    halt: &Halt,
) -> Result<(Vec<Backed>, BTreeMap<String, Fault>, Vec<String>), Fault> {
    let names: Vec<_> = order.databases.iter().map(|meter| meter.name().to_owned()).collect();
    let opened = Moment::open(run.context.server()?, &names, press.reading.seats.all(), halt).await;
    let moment = Arc::new(opened.inspect_err(|fault| stop(halt, fault))?);
    let read = match order.kind {
        Kind::Single => single(press, &moment, &order.databases[0], halt).await,
        Kind::Cluster | Kind::Base => cluster(run, press, &moment, order, halt).await,
    };
    let confirmed = match &read {
        Ok(_) => halt.or(moment.confirm()).await.inspect_err(|fault| stop(halt, fault)),
        Err(_) => Ok(()),
    };
    let notes = moment.notes();
    // Whoever was reading is done: only a session that was stopped half-way may still hold it, and ends it with itself.
    if let Some(moment) = Arc::into_inner(moment) {
        moment.release().await;
    }
    let (backed, faults) = read?;
    confirmed?;
    Ok((backed, faults, notes))
}

/// Chunks that are still under way need not be written. A stop that came from above keeps its own reason.
fn stop(halt: &Halt, fault: &Fault) {
    if !halt.stopped() {
        halt.fail(fault.clone());
    }
}

async fn single(press: Press, moment: &Moment, meter: &Arc<DatabaseMeter>, halt: &Halt) -> Result<Read, Fault> {
    match database::read(&press, moment, meter).await {
        Ok(backed) => Ok((vec![backed], BTreeMap::new())),
        Err(fault) => {
            meter.is(DatabaseState::Failed(fault.clone()));
            stop(halt, &fault);
            Err(fault)
        }
    }
}

/// Reads the databases of a cluster side by side, the largest first: the small ones fill the end.
async fn cluster(run: &Run<'_>, press: Press, moment: &Arc<Moment>, order: &Order, halt: &Halt) -> Result<Read, Fault> {
    let mut waiting = order.databases.clone();
    waiting.sort_by_key(|meter| meter.size);
    let (mut backed, mut faults) = (Vec::new(), BTreeMap::new());
    let mut at_work = JoinSet::new();
    loop {
        while at_work.len() < order.parallel.max(1) && !halt.stopped() {
            let Some(meter) = waiting.pop() else { break };
            let (press, moment) = (press.clone(), moment.clone());
            at_work.spawn(async move {
                // A panic in one database's work is that database's failure.
                let name = meter.name().to_owned();
                let work = tokio::spawn({
                    let meter = meter.clone();
                    async move { database::read(&press, &moment, &meter).await }
                });
                let read = work.await.unwrap_or_else(|error| match error.try_into_panic() {
                    Ok(panic) => Err(panicked("reading a database", panic.as_ref())),
                    Err(error) => Err(Fault::internal("reading a database was aborted").caused_by(&error)),
                });
                if let Err(fault) = &read {
                    meter.is(DatabaseState::Failed(fault.clone()));
                }
                (name, read)
            });
        }
        let Some(ended) = at_work.join_next().await else { break };
        let (name, read) = ended.map_err(|error| Fault::internal("reading a database was aborted").caused_by(&error))?;
        match read {
            Ok(done) => {
                run.context.events.log(Level::Info, format!("{name}: {} rows read", grouped(done.meter.rows.load(Relaxed))));
                backed.push(done);
            }
            Err(fault) if halt.stopped() => return Err(if fault.code == Code::Cancelled { halt.reason() } else { fault }),
            Err(fault) => {
                run.context.events.log(Level::Error, format!("{name} failed, the others go on: {fault}"));
                faults.insert(name, fault);
            }
        }
    }
    halt.check()?;
    match faults.values().next() {
        Some(first) if backed.is_empty() => {
            let fault = first.clone();
            halt.fail(fault.clone());
            Err(fault)
        }
        _ => Ok((backed, faults)),
    }
}

/// The manifest, and each database's outcome in the same order.
fn manifest(
    run: &Run<'_>,
    order: &Order,
    backed: Vec<Backed>,
    mut faults: BTreeMap<String, Fault>,
    at: &Zoned,
    began: Instant,
) -> (Manifest, Vec<DatabaseOutcome>) {
    let mut read: BTreeMap<String, manifest::Database> =
        backed.into_iter().map(|backed| (backed.meter.name().to_owned(), backed.manifest())).collect();
    faults.extend(order.lost.iter().cloned());
    let mut names: Vec<_> = order.databases.iter().map(|meter| meter.name().to_owned()).collect();
    names.extend(order.lost.iter().map(|(name, _)| name.clone()));
    let (mut databases, mut outcomes) = (Vec::new(), Vec::new());
    for name in &names {
        let fault = faults.remove(name);
        let entry = match (read.remove(name), &fault) {
            (Some(entry), _) => entry,
            (None, Some(fault)) => database::failed(name, fault),
            (None, None) => continue,
        };
        outcomes.push(database::outcome(&entry, fault));
        databases.push(entry);
    }
    let complete = databases.iter().all(|database| database.failed.is_none());
    let connection = run.spec.connection.clone();
    let head = Head {
        format: FORMAT,
        id: uuid::Uuid::now_v7().to_string(),
        kind: order.kind,
        status: if complete { Status::Complete } else { Status::Partial },
        created: at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        created_ms: at.timestamp().as_millisecond(),
        tool: concat!("dbbackup ", env!("CARGO_PKG_VERSION")).to_owned(),
        source: Source {
            product: run.info.product.to_string(),
            version: run.info.version.clone(),
            version_num: run.info.version_num,
            system_identifier: run.info.system_identifier.clone(),
            address: connection.address(),
            host: system::hostname(),
        },
        compression: run.spec.compression,
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        database_names: databases.iter().map(|database| database.name.clone()).collect(),
        tables: outcomes.iter().map(|outcome| outcome.tables).sum(),
        rows: outcomes.iter().map(|outcome| outcome.rows).sum(),
        row_bytes: outcomes.iter().map(|outcome| outcome.bytes.0).sum(),
        base: None,
    };
    (Manifest { head, databases }, outcomes)
}
