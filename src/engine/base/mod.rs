//! Base backups: the files of a whole server, streamed into an archive.

pub mod compare;
pub mod incoming;
pub mod listed;
pub mod logged;
pub mod make;
pub mod parent;
pub mod plan;
pub mod press;
pub mod progress;
pub mod split;

use super::Context;
use crate::domain::Fault;
use crate::domain::job::Summary;
use crate::domain::plan::Plan;
use crate::domain::spec::BaseSpec;
use std::time::Instant;

/// Finds out what it would do.
pub async fn plan(spec: &BaseSpec, context: &Context) -> Result<Plan, Fault> {
    plan::plan(spec, context).await
}

/// Does it.
pub async fn run(spec: &BaseSpec, context: &Context) -> Result<Summary, Fault> {
    let began = Instant::now();
    let mut summary = make::make(spec, context).await.map_err(|fault| fault.at("Host", spec.connection.address()))?;
    summary.duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(summary)
}
