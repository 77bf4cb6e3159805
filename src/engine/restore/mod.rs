//! Restores.

pub mod plan;

use super::Context;
use crate::domain::Fault;
use crate::domain::job::Summary;
use crate::domain::spec::RestoreSpec;

/// Carries out a restore.
pub async fn run(spec: &RestoreSpec, context: &Context) -> Result<Summary, Fault> {
    let _ = (spec, context);
    unimplemented!()
}
