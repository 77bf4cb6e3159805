//! Which error is shown in full on request: that of the plan, of the job, or of the database under the cursor; with what is missing
//! because of it.

use super::marks;
use crate::app::model::Model;
use crate::app::nav::Place;
use crate::domain::cause::Missing;
use crate::domain::job::{DatabaseOutcome, DatabaseState, JobState, Summary};
use crate::domain::spec::JobSpec;
use crate::domain::{Code, Fault};

/// An error to be shown.
pub struct InSight {
    /// "Restore failed".
    pub headline: String,
    /// The error.
    pub fault: Fault,
    /// What is not there because of it, one line each.
    pub missing: Vec<String>,
}

/// The error in sight, if there is one.
pub fn in_sight(model: &Model) -> Option<InSight> {
    let plain = |headline: String, fault: Fault| InSight { headline, fault, missing: Vec::new() };
    if *model.nav.place() == Place::Plan {
        let refused = || model.plan.plan.value()?.obstacle().map(|fault| plain("A check failed".to_owned(), fault));
        return model.plan.plan.fault().map(|fault| plain("Plan failed".to_owned(), fault.clone())).or_else(refused);
    }
    let job = model.job_in_sight()?;
    let headline = format!("{} failed", job.spec().noun());
    if let JobState::Failed(fault) = &job.state {
        return Some(plain(headline, fault.clone()));
    }
    let under_cursor = match model.nav.place() {
        Place::Database(_, name) => Some(name.clone()),
        Place::Job(_) => model.databases_picker.current(&marks::database_names(model)).cloned(),
        _ => None,
    };
    let mut failed: Vec<(String, Fault, Vec<String>)> = Vec::new();
    if let JobState::Finished(summary) = &job.state {
        let ended = summary.databases.iter();
        failed.extend(ended.filter_map(|one| one.fault.clone().map(|fault| (one.name.clone(), fault, of_database(one)))));
        failed.extend(globals(summary).map(|(fault, missing)| (server_wide(job.spec()).to_owned(), fault, missing)));
    }
    failed.extend(job.progress.databases.iter().filter_map(|one| match &one.state {
        DatabaseState::Failed(fault) => Some((one.name.clone(), fault.clone(), Vec::new())),
        _ => None,
    }));
    let at = failed.iter().position(|(name, ..)| Some(name) == under_cursor.as_ref()).unwrap_or(0);
    failed.into_iter().nth(at).map(|(name, fault, missing)| InSight { headline: format!("{headline} for {name}"), fault, missing })
}

/// What a server has beside its databases, in its product's words.
fn server_wide(spec: &JobSpec) -> &'static str {
    match spec {
        JobSpec::Restore(restore) if restore.connection.product.is_mysql() => "users and grants",
        _ => "roles and tablespaces",
    }
}

fn of_database(one: &DatabaseOutcome) -> Vec<String> {
    let mut lines: Vec<String> = one.failures.iter().map(line).collect();
    lines.extend(one.skipped.iter().map(line));
    let unlisted = one.objects.missing().saturating_sub(lines.len() as u64);
    if unlisted > 0 {
        lines.push(format!("and {unlisted} more: the failure list has all"));
    }
    lines
}

fn line(missing: &Missing) -> String {
    match missing.code {
        Some(code) => format!("✗ {}  {}: {}", missing.object, code.as_str(), missing.message),
        None => format!("· {}  needs what failed (cause {})", missing.object, missing.cause + 1),
    }
}

/// Roles and tablespaces that failed, as one error.
fn globals(summary: &Summary) -> Option<(Fault, Vec<String>)> {
    let first = summary.globals.first()?;
    let mut fault = Fault::new(first.code.unwrap_or(Code::Partial), format!("{} could not be made", first.object)).because(&first.message);
    if let Some(cause) = summary.causes.get(first.cause) {
        fault.steps.clone_from(&cause.steps);
    }
    Some((fault, summary.globals.iter().map(line).collect()))
}
