//! Sessions in the way of a job: which one is chosen, and whether it may be ended.

use super::jobs::Job;
use super::model::Model;
use crate::domain::Connection;
use crate::domain::spec::JobSpec;
use crate::domain::wait::{Blocker, Ending};

/// The sessions in the way of a job, each once, in the order in which they are shown.
pub fn blockers(job: &Job) -> Vec<&Blocker> {
    let mut found: Vec<&Blocker> = Vec::new();
    if job.state.is_over() {
        return found;
    }
    for blocker in job.progress.waits.iter().flat_map(|wait| &wait.blockers) {
        if !found.iter().any(|known| known.pid == blocker.pid) {
            found.push(blocker);
        }
    }
    found
}

/// The chosen one: what the person chose while it is there, else the first for whom all others wait.
pub fn chosen<'a>(model: &Model, job: &'a Job) -> Option<&'a Blocker> {
    let all = blockers(job);
    let wanted = all.iter().find(|one| Some(one.pid) == model.blocker);
    wanted.or_else(|| all.iter().find(|one| one.is_root())).or(all.first()).copied()
}

/// Chooses the next one.
pub fn choose_next(model: &mut Model) {
    let Some(job) = model.job_in_sight() else { return };
    let pids: Vec<i32> = blockers(job).iter().map(|one| one.pid).collect();
    let at = chosen(model, job).and_then(|one| pids.iter().position(|pid| *pid == one.pid));
    model.blocker = at.and_then(|at| pids.get((at + 1) % pids.len().max(1)).copied());
}

/// Whether the chosen one may be ended, and why not.
pub fn may_end(model: &Model) -> Result<(), String> {
    let Some(blocker) = model.job_in_sight().and_then(|job| chosen(model, job)) else {
        return Err("nobody is in the way".to_owned());
    };
    match blocker.untouchable() {
        Some(reason) => Err(reason.to_owned()),
        None => Ok(()),
    }
}

/// The server that a job works on, if it works on one.
pub fn connection(spec: &JobSpec) -> Option<&Connection> {
    spec.connection()
}

/// What the question and the news about it say.
pub fn words(ending: Ending, blocker: &Blocker) -> String {
    match ending {
        Ending::Cancel => format!("the statement of pid {} of {}", blocker.pid, blocker.user),
        Ending::Terminate => format!("the session of pid {} of {}", blocker.pid, blocker.user),
    }
}
