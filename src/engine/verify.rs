//! Checks archives: `quick` and `full`.

use super::Context;
use crate::domain::Fault;
use crate::domain::job::{Damage, Summary};
use crate::domain::plan::Plan;
use crate::domain::spec::{Depth, VerifySpec};
use std::path::Path;

/// What a verification would look at.
pub fn plan(spec: &VerifySpec) -> Result<Plan, Fault> {
    let _ = spec;
    unimplemented!()
}

/// Checks all archives of a spec, side by side; a damaged one is a fault that names entry and offset of each damage.
pub async fn run(spec: &VerifySpec, context: &Context) -> Result<Summary, Fault> {
    let _ = (spec, context);
    unimplemented!()
}

/// Checks one file with so many threads, reading it from the disk; `expected_sha256` of the whole file where known.
/// `progress` is told how many bytes of the file were checked; returning false ends the check with a `CANCELLED` fault.
pub fn check(
    path: &Path,
    depth: Depth,
    jobs: u32,
    expected_sha256: Option<&str>,
    progress: &(dyn Fn(u64) -> bool + Sync),
) -> Result<Vec<Damage>, Fault> {
    let _ = (path, depth, jobs, expected_sha256, progress);
    unimplemented!()
}
