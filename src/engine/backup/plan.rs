//! What a backup would do.

use crate::domain::Fault;
use crate::domain::plan::Plan;
use crate::domain::spec::BackupSpec;
use crate::engine::Context;

/// Checks connection, tools, permissions, space and locks, and sizes up every database.
pub async fn plan(spec: &BackupSpec, context: &Context) -> Result<Plan, Fault> {
    let _ = (spec, context);
    unimplemented!()
}
