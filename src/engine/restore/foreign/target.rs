//! The database that a foreign dump goes into: made ready before, and put in order again after a failure.

use super::super::database::{missing, not_empty};
use crate::domain::schema::DatabaseProperties;
use crate::domain::spec::{OnFailure, RestoreSpec, What};
use crate::domain::{Code, Fault, text};
use crate::engine::Context;
use crate::engine::destroy::drop_database;
use crate::engine::event::Level;
use crate::server::{Server, TargetChoices};
use std::time::Duration;

/// How long the removal of what was made may take after a failure.
const UNDO_LIMIT: Duration = Duration::from_secs(20);

/// What was done to the target before anything was put into it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    Found,
    Made,
    Replaced,
}

/// How much of a restore that failed is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it was one transaction: nothing.
    Whole,
    /// What was done before the failure.
    Piecewise,
}

/// Drops, makes or looks at the target.
pub async fn ready(
    spec: &RestoreSpec,
    context: &Context,
    properties: &DatabaseProperties,
    target: &str,
    what: What,
) -> Result<Ready, Fault> {
    let server = context.server()?;
    let exists = server.databases().await?.into_iter().any(|database| database.name == target);
    let replace = spec.clean && what != What::DataOnly;
    if exists && !replace {
        if what != What::DataOnly {
            let (objects, bytes) = server.weigh(target).await?;
            if objects > 0 {
                return Err(not_empty(target, objects, bytes));
            }
        }
        return Ok(Ready::Found);
    }
    if exists {
        drop_database(context.events.as_ref(), server.as_ref(), target).await?;
        context.events.log(Level::Info, format!("{target}: dropped, to be made anew"));
    } else if !(spec.create || spec.clean) {
        return Err(missing(target));
    }
    server.create_database(target, properties, &TargetChoices::default()).await?;
    context.events.log(Level::Info, format!("{target}: made"));
    Ok(if exists { Ready::Replaced } else { Ready::Made })
}

/// After a failure: what a cancelled run made goes again, and so does what holds nothing; what stays is told.
pub async fn undo(
    spec: &RestoreSpec,
    context: &Context,
    server: &dyn Server,
    target: &str,
    ready: Ready,
    extent: Extent,
    fault: Fault,
) -> Fault {
    let name = text::clean(target);
    let cancelled = context.cancel.is_cancelled();
    let fault = if cancelled && fault.code != Code::Cancelled { Fault::new(Code::Cancelled, "cancelled") } else { fault };
    let fault = fault.at("Database", &name);
    let whole = extent == Extent::Whole;
    if ready == Ready::Found {
        let left =
            if whole { format!("nothing: database {name} is as it was before") } else { format!("database {name}, partly restored") };
        return if whole && cancelled { fault } else { fault.at("Left", left) };
    }
    if cancelled || whole || spec.care.on_failure == OnFailure::Drop {
        let dropped = tokio::time::timeout(UNDO_LIMIT, drop_database(context.events.as_ref(), server, target)).await;
        if matches!(dropped, Ok(Ok(()))) {
            return match ready {
                Ready::Replaced => fault.at("Left", format!("nothing: the database {name} was dropped before, and is gone")),
                _ if cancelled => fault,
                _ => fault.at("Left", format!("nothing: the database {name} was dropped again")),
            };
        }
    }
    fault.at("Left", format!("database {name}, partly restored; --clean --confirm {name} replaces it"))
}
