//! Restores a whole server: globals first, then databases side by side. One that fails does not stop the others.

use super::database::{self, Done, Entry, Order};
use super::feed::Feeder;
use super::progress::Board;
use super::record::{Numbers, Record};
use super::report::{self, Ended};
use super::retry::insist;
use super::run::Failure;
use super::source;
use super::transition::Transition;
use crate::archive::manifest;
use crate::archive::reader::Archive;
use crate::domain::job::{Phase, Summary};
use crate::domain::spec::{Effort, Enough, RestoreSpec, Selection};
use crate::domain::{Code, Fault, Retry, text};
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
        _ if spec.connection.product.is_mysql() => Entry::Flags,
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
    record: &Record,
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
    if spec.prove {
        board.proves();
    }
    for (place, one) in databases.iter().enumerate() {
        if record.complete(&one.name).is_some() {
            board.complete(place);
        }
    }
    let feeder = Feeder::new(Arc::clone(archive), spec.effort.memory);
    let measured = Arc::clone(&feeder);
    board.measure(move || measured.held());
    let _ticker = board.post(context);
    board.phase(Phase::Globals);
    let globals = match record.has_globals() {
        true => Vec::new(),
        false => globals(spec, context, archive).await?,
    };
    if globals.is_empty() {
        record.globals_made(context).await?;
        context.events.passing(Transition::GlobalsMade);
    }
    let existing: Vec<String> =
        insist(context, spec.care.retries, || server.databases()).await?.into_iter().map(|database| database.name).collect();
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
            record,
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
                context.events.log(Level::Error, format!("{}: {fault}", text::clean(&one.name)));
            }
            (place, outcome)
        }
    });
    let work: Vec<_> = work.collect();
    let mut ended: Vec<(usize, Result<Done, Fault>)> = futures_util::stream::iter(work).buffer_unordered(parallel as usize).collect().await;
    ended.sort_by_key(|(place, _)| *place);
    let names = databases.iter().map(|one| one.name.clone()).collect();
    finish(spec, context, archive, globals, names, ended).await
}

/// A database that is there on every server and has nothing in the archive needs no emptiness.
async fn restore(order: &Order<'_>) -> Result<Done, Fault> {
    let nothing = order.entry == Entry::InPlace && order.database.objects == 0 && order.database.tables.is_empty();
    if !nothing {
        return database::restore(order).await;
    }
    if order.record.complete(order.target).is_some() {
        return Ok(Done::default());
    }
    let (server, choices) = (order.context.server()?, database::choices(order.spec));
    let properties = &order.database.properties;
    insist(order.context, order.spec.care.retries, || server.apply_properties(order.target, properties, &choices)).await?;
    order.record.done(order.context, order.target, Numbers::default()).await?;
    Ok(Done::default())
}

/// Roles, tablespaces and their settings. One that fails is noted, and missed by what needs it; it ends the run only where everything is
/// wanted, or where the server is gone.
async fn globals(spec: &RestoreSpec, context: &Context, archive: &Arc<Archive>) -> Result<Vec<Failure>, Fault> {
    let server = context.server()?;
    let choices = database::choices(spec);
    let mut failures = Vec::new();
    for object in source::globals(archive).await? {
        context.alive()?;
        if spec.care.enough == Enough::All {
            insist(context, spec.care.retries, || server.apply_global(&object, &choices)).await?;
            continue;
        }
        for (part, fault) in insist(context, spec.care.retries, || server.apply_global_parts(&object, &choices)).await? {
            // Not a refusal of the server: it is gone, or about to go.
            if fault.sqlstate.is_none() || fault.code.retry() != Retry::Never {
                return Err(fault);
            }
            context.events.log(Level::Error, fault.to_string());
            let label = text::clean(&format!("{} {}", part.kind, part.name));
            failures.push(Failure { object: None, label, kind: part.kind, fault });
        }
    }
    Ok(failures)
}

/// The summary; of a cancelled run, what it leaves.
async fn finish(
    spec: &RestoreSpec,
    context: &Context,
    archive: &Archive,
    globals: Vec<Failure>,
    names: Vec<String>,
    ended: Vec<(usize, Result<Done, Fault>)>,
) -> Result<Summary, Fault> {
    if context.cancel.is_cancelled() {
        let mut left = Vec::new();
        for (place, outcome) in &ended {
            match outcome {
                Ok(done) if done.fault.is_none() => left.push(format!("database {}, restored", text::clean(&names[*place]))),
                Ok(done) => left.extend(done.fault.iter().flat_map(left_of)),
                Err(fault) => left.extend(left_of(fault)),
            }
        }
        let fault = Fault::new(Code::Cancelled, "cancelled");
        return Err(if left.is_empty() { fault } else { fault.at("Left", left.join("; ")) });
    }
    let failed = !globals.is_empty() || ended.iter().any(|(_, outcome)| outcome.as_ref().map_or(true, |done| done.fault.is_some()));
    // Its version is asked for only where packages are to be named; a server that went away names none.
    let major = if failed { context.server()?.info().await.map(|info| info.major()).unwrap_or_default() } else { 0 };
    let mut names: Vec<Option<String>> = names.into_iter().map(Some).collect();
    let ended = ended.into_iter().map(|(place, outcome)| {
        let done = outcome.unwrap_or_else(|fault| Done { fault: Some(fault), ..Done::default() });
        Ended { name: names.get_mut(place).and_then(Option::take).unwrap_or_default(), done }
    });
    let ended = ended.collect();
    report::summary(spec, archive, major, globals, ended).await
}

/// What a failed database left on the server.
fn left_of(fault: &Fault) -> Vec<String> {
    fault.context.iter().filter(|(name, _)| name == "Left").map(|(_, what)| what.clone()).collect()
}
