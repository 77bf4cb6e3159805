//! Makes backups.

pub mod plan;

use super::Context;
use crate::domain::Fault;
use crate::domain::job::Summary;
use crate::domain::spec::BackupSpec;

/// Carries out a backup.
pub async fn run(spec: &BackupSpec, context: &Context) -> Result<Summary, Fault> {
    let _ = (spec, context);
    unimplemented!()
}
