//! Restores one database: the target made ready, definitions, rows and indexes, proof, properties; and the way back when it was cancelled.

use super::aftermath;
use super::feed::Feeder;
use super::progress::Board;
use super::report;
use super::run::{self, Failure, Job, OnError, Troubles};
use super::select::{self, Chosen};
use super::{graph, source};
use crate::archive::manifest;
use crate::archive::reader::Archive;
use crate::domain::cause::Fate;
use crate::domain::job::{Phase, Proof};
use crate::domain::spec::{Effort, RestoreSpec, Selection, What};
use crate::domain::{Code, Fault, text};
use crate::engine::Context;
use crate::engine::event::Level;
use crate::engine::prove::{self, Expected};
use crate::server::{LoadSettings, Server, TargetChoices};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// How long the removal of what was made may take after a cancellation.
const UNDO_LIMIT: Duration = Duration::from_secs(20);

/// How many differences a fault tells in full.
const DIFFERENCES: usize = 50;

/// One database to restore.
pub struct Order<'a> {
    /// The outside.
    pub context: &'a Context,
    /// What was asked for.
    pub spec: &'a RestoreSpec,
    /// The archive.
    pub archive: &'a Arc<Archive>,
    /// Its rows.
    pub feeder: &'a Arc<Feeder>,
    /// The database in it.
    pub database: &'a manifest::Database,
    /// The name it gets.
    pub target: &'a str,
    /// Which parts.
    pub selection: &'a Selection,
    /// How hard to work on this one.
    pub effort: Effort,
    /// Progress.
    pub board: &'a Board,
    /// Its place there.
    pub place: usize,
    /// How the target is made ready.
    pub entry: Entry,
}

/// How the target is made ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// As the flags say: dropped, made, or found empty.
    Flags,
    /// It is there on every server and stays: filled where it is.
    InPlace,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Done {
    /// Tables whose rows were loaded.
    pub tables: u64,
    /// Rows.
    pub rows: u64,
    /// Row bytes.
    pub bytes: u64,
    /// What the proof found, where one was asked for.
    pub proof: Option<Proof>,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// Why it failed, or what was gone over.
    pub fault: Option<Fault>,
    /// What failed and what was skipped because of that.
    pub troubles: Troubles,
    /// How many objects it has: definitions, tables with rows, contents of views, sequences' values.
    pub objects: u64,
    /// What each object needs, where something failed.
    pub needs: HashMap<u32, Vec<u32>>,
    /// What became of it after it failed.
    pub fate: Fate,
}

/// What happened to the target before anything was put into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// It was there and is filled.
    Found,
    /// It was made by us and was not there before.
    Made,
    /// It was made by us after another of that name was dropped.
    Replaced,
}

/// Memory for one index build: what twice the row budget gives each session, from 64 MB to 1 GB. The budget stands for the size of the
/// machine: it is a quarter of its memory, 512 MB at the most.
pub fn index_memory(effort: Effort) -> u64 {
    (effort.memory.saturating_mul(2) / u64::from(effort.jobs.max(1))).clamp(64 << 20, 1 << 30)
}

/// The choices of a restore.
pub fn choices(spec: &RestoreSpec) -> TargetChoices {
    TargetChoices { no_owner: spec.no_owner, no_acl: spec.no_acl, no_tablespaces: spec.no_tablespaces, map_roles: spec.map_roles.clone() }
}

/// Restores it.
pub async fn restore(order: &Order<'_>) -> Result<Done, Fault> {
    let server = order.context.server()?;
    order.context.alive()?;
    order.board.enter(order.place, Phase::Preparing);
    let objects = source::objects(order.archive, order.database).await?;
    let _held = order.board.hold(&objects);
    let chosen = select::choose(objects, order.database, order.selection)?;
    let ready = ready(order, server.as_ref(), &chosen).await?;
    let outcome = fill(order, &chosen, ready).await;
    match outcome {
        Ok(done) if done.fault.is_none() => Ok(done),
        Ok(done) => Ok(aftermath::settle(order, server.as_ref(), ready, done).await),
        Err(fault) => {
            let fault = undo(order, server.as_ref(), ready, fault).await;
            if order.context.cancel.is_cancelled() {
                return Err(fault);
            }
            Ok(aftermath::settle(order, server.as_ref(), ready, Done { fault: Some(fault), ..Done::default() }).await)
        }
    }
}

/// Drops, makes or looks at the target.
async fn ready(order: &Order<'_>, server: &dyn Server, chosen: &Chosen) -> Result<Ready, Fault> {
    let (spec, target) = (order.spec, order.target);
    let exists = server.has_database(target).await?;
    let whole = order.selection.include.is_empty() && order.selection.exclude.is_empty() && order.selection.rename.is_none();
    let replace = spec.clean && whole && order.entry == Entry::Flags && order.selection.what != What::DataOnly;
    if exists && !replace {
        if chosen.definitions && whole {
            let (objects, bytes) = server.weigh(target).await?;
            if objects > 0 {
                return Err(not_empty(target, objects, bytes));
            }
        }
        return Ok(Ready::Found);
    }
    if exists {
        drop_target(order, server).await?;
        order.context.events.log(Level::Info, format!("{target}: dropped, to be made anew"));
    } else if !(spec.create || spec.clean) {
        return Err(missing(target));
    }
    server.create_database(target, &order.database.properties, &choices(spec)).await?;
    order.context.events.log(Level::Info, format!("{target}: made"));
    Ok(if exists { Ready::Replaced } else { Ready::Made })
}

/// Drops the target, and says what of it stays on other servers.
async fn drop_target(order: &Order<'_>, server: &dyn Server) -> Result<(), Fault> {
    for said in server.detach_database(order.target).await? {
        order.context.events.log(Level::Warn, said);
    }
    server.drop_database(order.target).await
}

/// The fault of a target that holds something.
pub fn not_empty(target: &str, objects: u64, bytes: u64) -> Fault {
    let name = text::clean(target);
    Fault::new(Code::TargetNotEmpty, format!("the database {name} is not empty"))
        .because(format!("it holds {objects} objects, {}", crate::domain::Bytes(bytes)))
        .at("Database", &name)
        .step_run("Replace it, with everything that is in it:", format!("--clean --confirm {name}"))
        .step_run("Or restore beside it:", format!("--target {name}_restored --create"))
}

/// The fault of a target that is not there.
pub fn missing(target: &str) -> Fault {
    let name = text::clean(target);
    Fault::new(Code::DatabaseMissing, format!("the database {name} does not exist"))
        .at("Database", &name)
        .step_run("Have it made:", "--create")
}

/// Everything from the first definition to the last property.
async fn fill(order: &Order<'_>, chosen: &Chosen, ready: Ready) -> Result<Done, Fault> {
    let context = order.context;
    let server = context.server()?;
    let choices = choices(order.spec);
    let row_encoding = Some(order.database.properties.encoding.clone()).filter(|name| !name.is_empty());
    let settings = LoadSettings {
        index_memory: index_memory(order.effort),
        toast_compression: order.spec.toast_compression.clone(),
        row_encoding,
        choices: choices.clone(),
    };
    let graph = graph::build(chosen, order.database, order.effort.jobs);
    let entries = || chosen.tables.iter().filter_map(|(at, _)| order.database.tables.get(*at));
    order.board.database(order.place, |one| {
        one.bytes.total = entries().map(|entry| entry.bytes).sum();
        one.tables.total = entries().filter(|entry| !entry.chunks.is_empty()).count() as u64;
        one.indexes.total = graph.indexes;
    });
    let job = Job {
        context,
        target: order.target,
        chosen,
        database: order.database,
        feeder: Arc::clone(order.feeder),
        choices: &choices,
        settings: &settings,
        jobs: order.effort.jobs,
        on_error: if order.spec.continue_on_error { OnError::Continue } else { OnError::Stop },
        board: order.board,
        place: order.place,
    };
    let mut loader = server.loader(order.target, &settings).await?;
    order.board.enter(order.place, Phase::Schema);
    let first = run::definitions(&job, &graph, loader.as_mut(), &context.cancel).await;
    let troubles = match first {
        Ok(troubles) => troubles,
        Err(fault) => {
            loader.close().await;
            return Err(fault);
        }
    };
    order.board.enter(order.place, Phase::DataAndIndexes);
    let mut troubles = run::nodes(&job, &graph, loader, troubles, &context.cancel).await?;
    context.alive()?;
    let mut warnings = chosen.notes.clone();
    let proof = match (order.spec.prove, troubles.failures.is_empty()) {
        (true, true) => Some(proven(order, chosen).await?),
        (true, false) => {
            warnings.push("not proven equal to the backup, because objects are missing".to_owned());
            None
        }
        (false, _) => None,
    };
    let of_ours = ready != Ready::Found || order.entry == Entry::InPlace;
    if chosen.whole && of_ours {
        order.board.enter(order.place, Phase::Finishing);
        match server.apply_properties(order.target, &order.database.properties, &choices).await {
            Err(fault) if job.on_error == OnError::Continue && !context.cancel.is_cancelled() => {
                context.events.log(Level::Error, fault.to_string());
                let (label, kind) = (format!("PROPERTIES {}", text::clean(order.target)), "PROPERTIES".to_owned());
                troubles.failures.push(Failure { object: None, label, kind, fault });
            }
            applied => applied?,
        }
    }
    let mut done = Done { tables: chosen.tables.len() as u64, warnings, proof, ..Done::default() };
    let lost = aftermath::lost_rows(&troubles);
    for (_, entry) in
        chosen.tables.iter().filter_map(|(at, table)| Some((table, order.database.tables.get(*at)?))).filter(|(table, _)| !lost(table))
    {
        done.rows += entry.rows;
        done.bytes += entry.bytes;
    }
    if troubles.failures.is_empty() {
        done.fault = differing(done.proof.as_ref(), order.target);
        return Ok(done);
    }
    done.objects = aftermath::objects(chosen, order.database);
    done.needs = chosen.objects.iter().map(|object| (object.id, object.depends.clone())).collect();
    let major = server.info().await.map(|info| info.major()).unwrap_or_default();
    done.fault = Some(report::partial(order.target, &troubles, &done.needs, done.objects, major));
    done.troubles = troubles;
    Ok(done)
}

/// What differs, as one fault.
fn differing(proof: Option<&Proof>, target: &str) -> Option<Fault> {
    let name = text::clean(target);
    let differences = &proof?.differences;
    if differences.is_empty() {
        return None;
    }
    let mut fault =
        Fault::new(Code::ProofFailed, format!("{} differences between the backup and {name}", differences.len())).at("Database", &name);
    for one in differences.iter().take(DIFFERENCES) {
        fault = fault.because(format!("{}: {} expected, {} found", one.object, one.expected, one.found));
    }
    if differences.len() > DIFFERENCES {
        fault = fault.because(format!("and {} more", differences.len() - DIFFERENCES));
    }
    Some(fault.step("See whether something wrote to the database meanwhile; else restore again and keep this report."))
}

async fn proven(order: &Order<'_>, chosen: &Chosen) -> Result<Proof, Fault> {
    order.board.enter(order.place, Phase::Proving);
    let server = order.context.server()?;
    let version = server.version_num().await?;
    let spec = order.spec;
    let expected = Expected {
        database: order.database,
        inventory: source::inventory(order.archive, order.database).await?,
        same_version: version / 10_000 == order.archive.manifest().head.source.version_num / 10_000,
        tables: chosen.tables.iter().map(|(at, table)| (*at, table.name.clone())).collect(),
        whole: chosen.whole,
        ignore_owners: spec.no_owner || !spec.map_roles.is_empty(),
        ignore_acl: spec.no_acl || !spec.map_roles.is_empty(),
    };
    let progress = |done: u64, total: u64| {
        order.board.database(order.place, |one| {
            one.bytes.done = done;
            one.bytes.total = total;
        });
    };
    prove::prove(&expected, order.target, order.effort, order.context, &progress).await
}

/// After a failure: what a cancelled run made goes again; what stays is told.
async fn undo(order: &Order<'_>, server: &dyn Server, ready: Ready, fault: Fault) -> Fault {
    let name = text::clean(order.target);
    let cancelled = order.context.cancel.is_cancelled();
    let fault = if cancelled && fault.code != Code::Cancelled { Fault::new(Code::Cancelled, "cancelled") } else { fault };
    let fault = fault.at("Database", &name);
    if cancelled && ready != Ready::Found {
        let dropped = tokio::time::timeout(UNDO_LIMIT, drop_target(order, server)).await;
        if matches!(dropped, Ok(Ok(()))) {
            return match ready {
                Ready::Replaced => fault.at("Left", format!("nothing: the database {name} was dropped before, and is gone")),
                _ => fault,
            };
        }
    }
    let cure = match ready {
        Ready::Found => format!("database {name}, partly restored"),
        Ready::Made | Ready::Replaced => format!("database {name}, partly restored; --clean --confirm {name} replaces it"),
    };
    fault.at("Left", cure)
}
