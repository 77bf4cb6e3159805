//! Recovery to a moment: a data directory from a base backup and the archived log.

use super::Context;
use crate::domain::Fault;
use crate::domain::job::Summary;
use crate::domain::plan::Plan;
use crate::domain::spec::RecoverSpec;

/// Finds out what it would do.
pub async fn plan(spec: &RecoverSpec, context: &Context) -> Result<Plan, Fault> {
    let (_, _) = (spec, context);
    Err(Fault::internal("being built"))
}

/// Does it.
pub async fn run(spec: &RecoverSpec, context: &Context) -> Result<Summary, Fault> {
    let (_, _) = (spec, context);
    Err(Fault::internal("being built"))
}
