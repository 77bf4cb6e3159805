//! Makes backups.

pub mod budget;
pub mod halt;
pub mod plan;
pub mod pool;
pub mod press;
pub mod progress;
pub mod ranges;
pub mod rows;
pub mod seats;
pub mod table;
pub mod writing;

use super::Context;
use crate::domain::Fault;
use crate::domain::job::Summary;
use crate::domain::spec::BackupSpec;

/// Carries out a backup.
pub async fn run(spec: &BackupSpec, context: &Context) -> Result<Summary, Fault> {
    let _ = (spec, context);
    unimplemented!()
}
