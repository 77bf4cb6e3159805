//! Restores one database: the target made ready, definitions, rows and indexes, proof, properties; and the way back when it was cancelled.

mod emptied;
mod filling;
mod target;

use super::aftermath;
use super::feed::Feeder;
use super::product;
use super::progress::Board;
use super::record::{Made, Numbers, Record};
use super::report;
use super::retry::insist;
use super::run::{Failure, Troubles};
use super::select::{self, Chosen};
use super::source;
use super::transition::Transition;
use crate::archive::manifest;
use crate::archive::reader::Archive;
use crate::domain::cause::Fate;
use crate::domain::job::{Phase, Proof};
use crate::domain::schema::TableName;
use crate::domain::size::grouped;
use crate::domain::spec::{Effort, RestoreSpec, Selection};
use crate::domain::{Code, Fault, text};
use crate::engine::Context;
use crate::engine::event::Level;
use crate::engine::prove::{self, Expected};
use crate::server::{LoadSettings, Loader, TargetChoices};
use std::collections::HashMap;
use std::sync::Arc;
use target::{Next, Ready};

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
    /// What is kept of how far this restore is.
    pub record: &'a Record,
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

/// Memory for one index build: what twice the row budget gives each session, from 64 MB to 1 GB. The budget stands for the size of the
/// machine: it is a quarter of its memory, 512 MB at the most.
pub fn index_memory(effort: Effort) -> u64 {
    (effort.memory.saturating_mul(2) / u64::from(effort.jobs.max(1))).clamp(64 << 20, 1 << 30)
}

/// The choices of a restore.
pub fn choices(spec: &RestoreSpec) -> TargetChoices {
    TargetChoices { no_owner: spec.no_owner, no_acl: spec.no_acl, no_tablespaces: spec.no_tablespaces, map_roles: spec.map_roles.clone() }
}

/// Restores it. What an earlier run has done, by the order's record and the target's ledger, is not done again.
pub async fn restore(order: &Order<'_>) -> Result<Done, Fault> {
    let context = order.context;
    context.alive()?;
    if let Some(numbers) = order.record.complete(order.target) {
        context.events.log(Level::Info, format!("{}: complete already", order.target));
        return Ok(Done { tables: numbers.tables, rows: numbers.rows, bytes: numbers.bytes, ..Done::default() });
    }
    order.board.enter(order.place, Phase::Preparing);
    let server = context.server()?;
    let objects = source::objects(order.archive, order.database).await?;
    let _held = order.board.hold(&objects);
    let chosen = select::choose(order.archive.manifest().head.source.product(), objects, order.database, order.selection)?;
    let ready = match target::ready(order, server.as_ref(), &chosen).await {
        Ok(ready) => ready,
        Err(fault) => {
            let fault = context.events.explain(fault);
            note(order, &fault);
            return Err(fault);
        }
    };
    let done = match fill(order, &chosen, &ready).await {
        Ok(done) => done,
        Err(fault) => {
            let fault = target::undo(order, server.as_ref(), ready.whose, context.events.explain(fault)).await;
            if context.cancel.is_cancelled() {
                note(order, &fault);
                return Err(fault);
            }
            Done { fault: Some(fault), ..Done::default() }
        }
    };
    let Some(fault) = &done.fault else { return Ok(done) };
    note(order, fault);
    Ok(aftermath::settle(order, server.as_ref(), ready.whose, done).await)
}

fn note(order: &Order<'_>, fault: &Fault) {
    order.record.failed(order.target, order.board.phase_of(order.place).words(), fault);
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
async fn fill(order: &Order<'_>, chosen: &Chosen, ready: &Ready) -> Result<Done, Fault> {
    let context = order.context;
    let retries = order.spec.care.retries;
    let settings = settings(order);
    let (mut troubles, mut session) = match ready.stage {
        Next::Fill => filling::fill(order, chosen, ready, &settings).await?,
        Next::Finish | Next::Nothing => {
            order.board.database(order.place, |one| one.bytes.done = one.bytes.total);
            (Troubles::default(), None)
        }
    };
    context.alive()?;
    let mut warnings = chosen.notes.clone();
    let proof = match (order.spec.prove && ready.stage != Next::Nothing, troubles.failures.is_empty()) {
        (true, true) => {
            let proof = insist(context, retries, || proven(order, chosen, Extent::Everything, session.take())).await?;
            context.events.passing(Transition::Proven);
            Some(proof)
        }
        (true, false) => {
            let (there, missing) = aftermath::loaded(chosen, &troubles);
            warnings.push(partly_proven(there.len(), &missing));
            let sequences_lost = troubles.failures.iter().any(|one| one.kind.starts_with("SEQUENCE"));
            match insist(context, retries, || proven(order, chosen, Extent::Rows(there.clone()), session.take())).await {
                Ok(mut proof) => {
                    if sequences_lost {
                        // That they are not there is told already.
                        proof.differences.retain(|one| !one.object.starts_with("sequence "));
                    }
                    Some(proof)
                }
                Err(fault) if context.cancel.is_cancelled() => return Err(fault),
                // What is missing matters more than that the rest could not be looked at.
                Err(fault) => {
                    warnings.push(format!("what is there could not be proven: {fault}"));
                    None
                }
            }
        }
        (false, _) => None,
    };
    // Before the properties, which may close the database for connections.
    if let Some(session) = session.take() {
        session.close().await;
    }
    if ready.stage != Next::Nothing {
        dress(order, chosen, ready, &mut troubles).await?;
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
        if done.fault.is_none() {
            let numbers = Numbers { tables: done.tables, rows: done.rows, bytes: done.bytes };
            order.record.done(context, order.target, numbers).await?;
            context.events.passing(Transition::DoneNoted);
        }
        return Ok(done);
    }
    done.objects = aftermath::objects(chosen, order.database);
    done.needs = chosen.objects.iter().map(|object| (object.id, object.depends.clone())).collect();
    let major = context.server()?.info().await.map(|info| info.major()).unwrap_or_default();
    done.fault = Some(report::partial(order.target, &troubles, &done.needs, done.objects, major));
    done.troubles = troubles;
    Ok(done)
}

/// Gives the database its properties: the last step, where the whole of it is ours.
async fn dress(order: &Order<'_>, chosen: &Chosen, ready: &Ready, troubles: &mut Troubles) -> Result<(), Fault> {
    let context = order.context;
    let of_ours = ready.whose != Made::Before || order.entry == Entry::InPlace;
    if !chosen.whole || !of_ours {
        return Ok(());
    }
    order.board.enter(order.place, Phase::Finishing);
    let (server, choices) = (context.server()?, choices(order.spec));
    let properties = &order.database.properties;
    match insist(context, order.spec.care.retries, || server.apply_properties(order.target, properties, &choices)).await {
        Err(fault) if order.spec.continue_on_error && !context.cancel.is_cancelled() => {
            context.events.log(Level::Error, fault.to_string());
            let (label, kind) = (format!("PROPERTIES {}", text::clean(order.target)), "PROPERTIES".to_owned());
            troubles.failures.push(Failure { object: None, label, kind, fault });
        }
        applied => applied?,
    }
    context.events.passing(Transition::PropertiesSet);
    Ok(())
}

/// The settings of the sessions that load.
fn settings(order: &Order<'_>) -> LoadSettings {
    LoadSettings {
        index_memory: index_memory(order.effort),
        toast_compression: order.spec.toast_compression.clone(),
        row_encoding: Some(order.database.properties.encoding.clone()).filter(|name| !name.is_empty()),
        choices: choices(order.spec),
        binlog: order.spec.binlog,
        run: order.record.head().map(|head| head.run),
    }
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

/// How much is compared.
enum Extent {
    /// What was chosen; of a whole database its objects too.
    Everything,
    /// The rows of these tables: place in the manifest, and name.
    Rows(Vec<(usize, TableName)>),
}

/// What is said of a database whose tables are not all there.
fn partly_proven(there: usize, missing: &[String]) -> String {
    const NAMED: usize = 10;
    let there = if there == 1 { "1 table".to_owned() } else { format!("{} tables", grouped(there as u64)) };
    if missing.is_empty() {
        return format!("only the rows of {there} are proven, because other objects are missing");
    }
    let mut names = missing.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if missing.len() > NAMED {
        names.push_str(&format!(" and {} more", missing.len() - NAMED));
    }
    format!("only the rows of {there} are proven; not there: {names}")
}

async fn proven(order: &Order<'_>, chosen: &Chosen, extent: Extent, session: Option<Box<dyn Loader>>) -> Result<Proof, Fault> {
    order.board.enter(order.place, Phase::Proving);
    let server = order.context.server()?;
    let info = server.info().await?;
    let spec = order.spec;
    let (tables, whole) = match extent {
        Extent::Everything => (chosen.tables.iter().map(|(at, table)| (*at, table.name.clone())).collect(), chosen.whole),
        Extent::Rows(tables) => (tables, false),
    };
    let expected = Expected {
        database: order.database,
        inventory: source::inventory(order.archive, order.database).await?,
        same_version: product::is_same_series(&order.archive.manifest().head, &info),
        tables,
        whole,
        ignore_owners: spec.no_owner || !spec.map_roles.is_empty(),
        ignore_acl: spec.no_acl || !spec.map_roles.is_empty(),
    };
    let progress = |done: u64, total: u64| {
        order.board.proven(order.place, done, total);
    };
    prove::prove(&expected, order.target, order.effort, order.context, &progress, session).await
}
