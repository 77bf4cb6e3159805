//! Restores a whole server: globals first, then databases side by side. One that fails does not stop the others.

use super::database::{self, Done, Entry, Order};
use super::feed::Feeder;
use super::progress::Board;
use super::source;
use crate::archive::manifest;
use crate::archive::reader::Archive;
use crate::domain::job::{DatabaseOutcome, Phase, Summary};
use crate::domain::spec::{Effort, RestoreSpec, Selection};
use crate::domain::{Bytes, Code, Fault, text};
use crate::engine::Context;
use crate::engine::event::Level;
use futures_util::StreamExt;
use globset::{Glob, GlobSet, GlobSetBuilder};
use std::sync::Arc;

/// Databases of the archive that are wanted, in its order.
pub fn wanted<'a>(archive: &'a Archive, include: &[String], exclude: &[String]) -> Result<Vec<&'a manifest::Database>, Fault> {
    let (included, excluded) = (globs(include)?, globs(exclude)?);
    let found: Vec<_> = archive
        .manifest()
        .databases
        .iter()
        .filter(|database| (include.is_empty() || included.is_match(&database.name)) && !excluded.is_match(&database.name))
        .collect();
    if found.is_empty() {
        let names: Vec<String> = archive.manifest().databases.iter().map(|database| text::clean(&database.name)).collect();
        return Err(Fault::new(Code::NotInArchive, "no database of the archive is wanted").step(format!("It holds {}.", names.join(", "))));
    }
    Ok(found)
}

fn globs(patterns: &[String]) -> Result<GlobSet, Fault> {
    let bad = |pattern: &str, error: globset::Error| Fault::new(Code::Usage, format!("{pattern:?} is not a pattern")).because(error);
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(Glob::new(pattern).map_err(|error| bad(pattern, error))?);
    }
    set.build().map_err(|error| bad("all together", error))
}

/// How a database of a cluster enters the target: those that every server has are filled where they are.
pub fn entry(name: &str, spec: &RestoreSpec, exists: bool) -> Entry {
    match name {
        "template1" => Entry::InPlace,
        // It can be replaced only by who is logged in elsewhere.
        "postgres" if exists && (!spec.clean || spec.connection.database == "postgres") => Entry::InPlace,
        _ => Entry::Flags,
    }
}

/// Carries it out.
pub async fn run(
    spec: &RestoreSpec,
    context: &Context,
    archive: &Arc<Archive>,
    include: &[String],
    exclude: &[String],
    parallel: u32,
) -> Result<Summary, Fault> {
    let server = context.server()?;
    let databases = wanted(archive, include, exclude)?;
    let board = Board::new(
        &databases
            .iter()
            .map(|one| (one.name.clone(), one.tables.iter().map(|table| table.bytes).sum(), one.tables.len() as u64))
            .collect::<Vec<_>>(),
        spec.effort.memory,
    );
    let feeder = Feeder::new(Arc::clone(archive), spec.effort.memory);
    let measured = Arc::clone(&feeder);
    board.measure(move || measured.held());
    let _ticker = board.post(context);
    board.phase(Phase::Globals);
    let choices = database::choices(spec);
    for object in source::globals(archive).await? {
        context.alive()?;
        server.apply_global(&object, &choices).await?;
    }
    let existing: Vec<String> = server.databases().await?.into_iter().map(|database| database.name).collect();
    let parallel = parallel.clamp(1, 64);
    let jobs = (spec.effort.jobs / parallel).max(1);
    let effort = Effort { jobs, ..spec.effort };
    // A cluster restore makes every database that is missing.
    let spec = &RestoreSpec { create: true, ..spec.clone() };
    let selection = Selection::default();
    let work = databases.iter().enumerate().map(|(place, one)| {
        let order = Order {
            context,
            spec,
            archive,
            feeder: &feeder,
            database: one,
            target: &one.name,
            selection: &selection,
            effort,
            board: &board,
            place,
            entry: entry(&one.name, spec, existing.contains(&one.name)),
        };
        async move {
            let outcome = match &one.failed {
                Some(why) => Err(Fault::new(Code::NotInArchive, format!("the backup of {} failed", text::clean(&one.name))).because(why)),
                None => restore(&order).await,
            };
            let fault = outcome.as_ref().err().or(outcome.as_ref().ok().and_then(|done| done.fault.as_ref()));
            order.board.leave(order.place, fault.map_or(Ok(order.spec.prove), Err));
            if let Some(fault) = fault {
                context.events.log(Level::Error, format!("{}: {fault}", one.name));
            }
            (place, outcome)
        }
    });
    let work: Vec<_> = work.collect();
    let mut ended: Vec<(usize, Result<Done, Fault>)> = futures_util::stream::iter(work).buffer_unordered(parallel as usize).collect().await;
    ended.sort_by_key(|(place, _)| *place);
    summary(spec, context, archive, &databases, ended)
}

/// A database that is there on every server and has nothing in the archive needs no emptiness.
async fn restore(order: &Order<'_>) -> Result<Done, Fault> {
    let nothing = order.entry == Entry::InPlace && order.database.objects == 0 && order.database.tables.is_empty();
    if !nothing {
        return database::restore(order).await;
    }
    let server = order.context.server()?;
    server.apply_properties(order.target, &order.database.properties, &database::choices(order.spec)).await?;
    Ok(Done::default())
}

fn summary(
    spec: &RestoreSpec,
    context: &Context,
    archive: &Archive,
    databases: &[&manifest::Database],
    ended: Vec<(usize, Result<Done, Fault>)>,
) -> Result<Summary, Fault> {
    let mut summary = Summary { archives: vec![spec.archive.clone()], archive_bytes: Bytes(archive.bytes()), ..Summary::default() };
    let mut left = Vec::new();
    for (place, outcome) in ended {
        let name = databases[place].name.clone();
        let (done, fault) = match outcome {
            Ok(mut done) => {
                let fault = done.fault.take();
                (done, fault)
            }
            Err(fault) => {
                left.extend(fault.context.iter().filter(|(name, _)| name == "Left").map(|(_, what)| what.clone()));
                (Done::default(), Some(fault))
            }
        };
        summary.rows += done.rows;
        summary.row_bytes += Bytes(done.bytes);
        summary.warnings.extend(done.warnings.iter().map(|warning| format!("{}: {warning}", text::clean(&name))));
        if let Some(proof) = done.proof {
            let sum = summary.proof.get_or_insert_default();
            sum.tables += proof.tables;
            sum.rows += proof.rows;
            sum.objects += proof.objects;
            sum.probed += proof.probed;
            sum.differences.extend(proof.differences);
        }
        summary.databases.push(DatabaseOutcome {
            name,
            tables: done.tables,
            rows: done.rows,
            bytes: Bytes(done.bytes),
            fault,
            ..DatabaseOutcome::default()
        });
    }
    if context.cancel.is_cancelled() {
        let done =
            summary.databases.iter().filter(|one| one.fault.is_none()).map(|one| format!("database {}, restored", text::clean(&one.name)));
        left.extend(done);
        let fault = Fault::new(Code::Cancelled, "cancelled");
        return Err(if left.is_empty() { fault } else { fault.at("Left", left.join("; ")) });
    }
    if summary.databases.iter().all(|one| one.fault.is_some())
        && let Some(first) = summary.databases.iter().find_map(|one| one.fault.clone())
    {
        return Err(first);
    }
    Ok(summary)
}
