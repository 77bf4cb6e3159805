//! What a restore would do, and what it would destroy.

use crate::domain::Fault;
use crate::domain::plan::Plan;
use crate::domain::spec::RestoreSpec;
use crate::engine::Context;

/// Looks at archive and target; nothing is changed.
pub async fn plan(spec: &RestoreSpec, context: &Context) -> Result<Plan, Fault> {
    let _ = (spec, context);
    unimplemented!()
}
