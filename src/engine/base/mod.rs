//! Base backups: the files of a whole server, streamed into an archive.

pub mod compare;
pub mod incoming;
pub mod press;
pub mod split;

use super::Context;
use crate::domain::Fault;
use crate::domain::job::Summary;
use crate::domain::plan::Plan;
use crate::domain::spec::BaseSpec;

/// Finds out what it would do.
pub async fn plan(spec: &BaseSpec, context: &Context) -> Result<Plan, Fault> {
    let (_, _) = (spec, context);
    Err(Fault::internal("being built"))
}

/// Does it.
pub async fn run(spec: &BaseSpec, context: &Context) -> Result<Summary, Fault> {
    let (_, _) = (spec, context);
    Err(Fault::internal("being built"))
}
