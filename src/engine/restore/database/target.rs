//! The target of a restore made ready: dropped, made, found empty or found half filled by an earlier run; its ledger; and the way back.

use super::{Entry, Order, choices, missing, not_empty};
use crate::domain::spec::What;
use crate::domain::{Code, Fault, text};
use crate::engine::destroy::drop_database;
use crate::engine::event::Level;
use crate::engine::restore::ledger;
use crate::engine::restore::record::{Made, Stage};
use crate::engine::restore::retry::{insist, may_pass};
use crate::engine::restore::select::Chosen;
use crate::engine::restore::transition::Transition;
use crate::server::{LedgerHead, Server};
use std::time::Duration;

/// How long the removal of what was made may take after a cancellation.
const UNDO_LIMIT: Duration = Duration::from_secs(20);

/// A target that can be filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Whose database it is.
    pub whose: Made,
    /// What is left to do.
    pub stage: Next,
    /// Whether an earlier run has begun it.
    pub again: Again,
}

/// What is left to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Everything, or what has no mark.
    Fill,
    /// Everything is in: the proof, and what comes after it.
    Finish,
    /// All is done, only that could not be written down any more.
    Nothing,
}

/// Whether an earlier run has begun a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// No.
    First,
    /// Yes: what it did is in the ledger.
    Resumed,
}

impl Ready {
    const fn new(whose: Made) -> Self {
        Self { whose, stage: Next::Fill, again: Again::First }
    }

    const fn resumed(whose: Made, stage: Next) -> Self {
        Self { whose, stage, again: Again::Resumed }
    }
}

/// Makes the target ready: as the flags say, or as an earlier run has left it.
pub async fn ready(order: &Order<'_>, server: &dyn Server, chosen: &Chosen) -> Result<Ready, Fault> {
    let retries = order.spec.care.retries;
    let Some((stage, whose)) = order.record.stage(order.target) else { return first(order, server, chosen).await };
    let found = insist(order.context, retries, || server.database(order.target)).await?;
    match (stage, found) {
        // Nothing of ours had been done to it yet.
        (Stage::Replacing, _) | (Stage::Entering, None) => first(order, server, chosen).await,
        // Its sessions may be at it still: they are ended before the ledger is looked for.
        (Stage::Entering, Some(_)) => Ok(Ready { again: Again::Resumed, ..enter(order, server, chosen).await? }),
        (Stage::Making, None) => {
            make(order, server, whose, Again::Resumed).await?;
            Ok(Ready::new(whose))
        }
        (_, None) => Err(missing(order.target).because("it was there when this restore was interrupted")),
        // Only the very last step closes a database for connections.
        (Stage::Loaded, Some(found)) if !found.allow_connections => Ok(Ready::resumed(whose, Next::Nothing)),
        // The end of the ledger is the first thing that is sure to be on the server's disk.
        (Stage::Loaded, Some(_)) => match insist(order.context, retries, || server.ledger(order.target)).await? {
            Some(head) if is_ours(order, &head) => Ok(Ready::resumed(whose, Next::Fill)),
            _ => Ok(Ready::resumed(whose, Next::Finish)),
        },
        (Stage::Making | Stage::Filling, Some(_)) => {
            let head = insist(order.context, retries, || server.ledger(order.target)).await?;
            match head {
                Some(head) if is_ours(order, &head) => Ok(Ready::resumed(whose, Next::Fill)),
                Some(head) => Err(ledger::foreign(chosen.product, order.target, &head)),
                None if stage == Stage::Filling => Err(Fault::new(
                    Code::TargetNotEmpty,
                    format!("the ledger of this restore is not in the database {} any more", text::clean(order.target)),
                )
                .because("without it nobody can tell which rows are there already")
                .at("Database", text::clean(order.target))
                .step("Remove what was restored, and restore it anew, without the manifest.")),
                None => {
                    let (objects, bytes) = insist(order.context, retries, || server.weigh(order.target)).await?;
                    // The earlier run had made it and come no further.
                    if objects == 0 { Ok(Ready::resumed(whose, Next::Fill)) } else { Err(not_empty(order.target, objects, bytes)) }
                }
            }
        }
    }
}

/// Drops, makes or looks at the target, as the flags say.
async fn first(order: &Order<'_>, server: &dyn Server, chosen: &Chosen) -> Result<Ready, Fault> {
    let (spec, target, context) = (order.spec, order.target, order.context);
    let retries = spec.care.retries;
    let exists = insist(context, retries, || server.has_database(target)).await?;
    let replace = spec.clean && is_whole(order) && order.entry == Entry::Flags && order.selection.what != What::DataOnly;
    if exists && !replace {
        return enter(order, server, chosen).await;
    }
    if exists {
        order.record.enter(context, target, Stage::Replacing, Made::Before).await?;
        insist(context, retries, || drop_target(order, server)).await?;
        context.events.log(Level::Info, format!("{target}: dropped, to be made anew"));
        context.events.passing(Transition::TargetDropped);
    } else if !(spec.create || spec.clean) {
        return Err(missing(target));
    }
    let whose = if exists { Made::Replaced } else { Made::ByUs };
    make(order, server, whose, Again::First).await?;
    Ok(Ready::new(whose))
}

/// Whether a ledger is that of this restore.
fn is_ours(order: &Order<'_>, head: &LedgerHead) -> bool {
    order.record.head().is_some_and(|ours| ours.run == head.run)
}

/// Whether no parts are picked out.
fn is_whole(order: &Order<'_>) -> bool {
    order.selection.include.is_empty() && order.selection.exclude.is_empty() && order.selection.rename.is_none()
}

/// A database that is there is filled where it is: a whole one only where it is empty.
async fn enter(order: &Order<'_>, server: &dyn Server, chosen: &Chosen) -> Result<Ready, Fault> {
    let (target, context) = (order.target, order.context);
    if chosen.definitions && is_whole(order) {
        let (objects, bytes) = insist(context, order.spec.care.retries, || server.weigh(target)).await?;
        if objects > 0 {
            return match server.ledger(target).await {
                // The run that is gone on with had made its ledger, and could not write that down any more.
                Ok(Some(head)) if is_ours(order, &head) => Ok(Ready::resumed(Made::Before, Next::Fill)),
                Ok(Some(head)) => Err(ledger::foreign(chosen.product, target, &head)),
                _ => Err(not_empty(target, objects, bytes)),
            };
        }
    }
    order.record.enter(context, target, Stage::Entering, Made::Before).await?;
    Ok(Ready::new(Made::Before))
}

/// Drops the target, and says what of it stays on other servers. One that is gone already was dropped by a session that was lost, or by
/// that of a run which was killed.
async fn drop_target(order: &Order<'_>, server: &dyn Server) -> Result<(), Fault> {
    let dropped = async {
        for said in server.detach_database(order.target).await? {
            order.context.events.log(Level::Warn, said);
        }
        drop_database(order.context.events.as_ref(), server, order.target).await
    };
    match dropped.await {
        Err(fault) if fault.code == Code::DatabaseMissing => Ok(()),
        done => done,
    }
}

/// Makes the database. That it is ours is on the disk before, so that one that was made just before the end is known again.
async fn make(order: &Order<'_>, server: &dyn Server, whose: Made, run: Again) -> Result<(), Fault> {
    let (context, target) = (order.context, order.target);
    order.record.enter(context, target, Stage::Making, whose).await?;
    context.events.passing(Transition::TargetNoted);
    let choices = choices(order.spec);
    let mut tries = 0;
    let made = insist(context, order.spec.care.retries, || {
        tries += 1;
        let again = tries > 1 || run == Again::Resumed;
        let choices = &choices;
        async move {
            // A session that was lost may have made it all the same, or may just be at it.
            if again && server.has_database(target).await? {
                return Ok(());
            }
            match server.create_database(target, &order.database.properties, choices).await {
                Err(fault) if again && fault.code == Code::DuplicateObject => match server.weigh(target).await? {
                    (0, _) => Ok(()),
                    _ => Err(fault),
                },
                made => made,
            }
        }
    })
    .await;
    if let Err(fault) = made {
        if !may_pass(&fault) {
            order.record.forget(target);
        }
        return Err(fault);
    }
    context.events.log(Level::Info, format!("{target}: made"));
    context.events.passing(Transition::TargetMade);
    Ok(())
}

/// After a failure. What a cancelled run made goes again when no table is complete in it yet; what stays is told.
pub async fn undo(order: &Order<'_>, server: &dyn Server, whose: Made, fault: Fault) -> Fault {
    let name = text::clean(order.target);
    let cancelled = order.context.cancel.is_cancelled();
    let fault = if cancelled && fault.code != Code::Cancelled { Fault::new(Code::Cancelled, "cancelled") } else { fault };
    let fault = fault.at("Database", &name);
    let (mut done, mut total) = (0, 0);
    order.board.database(order.place, |one| (done, total) = (one.tables.done, one.tables.total));
    if cancelled && whose != Made::Before && done == 0 {
        let dropped = tokio::time::timeout(UNDO_LIMIT, drop_target(order, server)).await;
        if matches!(dropped, Ok(Ok(()))) {
            order.record.forget(order.target);
            return match whose {
                Made::Replaced => fault.at("Left", format!("nothing: the database {name} was dropped before, and is gone")),
                _ => fault,
            };
        }
    }
    let partly = format!("database {name}, partly restored ({done} of {total} tables have their rows)");
    let cure = match whose {
        Made::Before => partly,
        Made::ByUs | Made::Replaced => format!("{partly}; --clean --confirm {name} replaces it"),
    };
    fault.at("Left", cure)
}
