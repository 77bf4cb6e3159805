//! The life of a job as the application sees it: asked for, planned, confirmed, started, cancelled, over; and how the program ends.

use super::{stays, toast};
use crate::app::cmd::Cmd;
use crate::app::jobs::{Job, file_name};
use crate::app::load::Load;
use crate::app::modal::Modal;
use crate::app::model::{Asked, Model};
use crate::app::msg::Why;
use crate::app::nav::{Nav, Place};
use crate::app::screens::archives::Checked;
use crate::app::screens::plan::{PlanScreen, Purpose};
use crate::app::setup::Mode;
use crate::domain::job::{JobId, JobState, Summary, Verdict};
use crate::domain::plan::{Confirmed, Plan};
use crate::domain::spec::{Enough, JobSpec, RestoreScope};
use crate::domain::{Code, Fault};
use crate::engine::event::Level;

/// Asks what a job would do, and shows it where someone looks on.
pub fn submit(model: &mut Model, spec: JobSpec, out: &mut Vec<Cmd>) {
    ask(model, spec, Purpose::Start, out);
}

/// The same, only to look at.
pub fn dry_run(model: &mut Model, spec: JobSpec, out: &mut Vec<Cmd>) {
    ask(model, spec, Purpose::DryRun, out);
}

fn ask(model: &mut Model, spec: JobSpec, purpose: Purpose, out: &mut Vec<Cmd>) {
    let id = model.request(Asked::Plan);
    model.plan = PlanScreen { spec: Some(spec.clone()), plan: Load::Loading(id), purpose, ..PlanScreen::default() };
    if stays(model) {
        model.nav.enter(Place::Plan);
    } else {
        model.nav = Nav::at(Place::Plan);
    }
    out.push(Cmd::Plan(id, Box::new(spec)));
}

/// Gives up a plan that is still being made: its checks need not go on.
pub fn abandon(model: &mut Model, out: &mut Vec<Cmd>) {
    if let Load::Loading(id) = model.plan.plan {
        model.asked.remove(&id);
        model.plan = PlanScreen::default();
        out.push(Cmd::Abandon(id));
    }
}

/// Takes a plan.
pub fn planned(model: &mut Model, answer: Result<Plan, Fault>, out: &mut Vec<Cmd>) {
    let now = model.clock.now;
    if let Some(exit) = model.leaving {
        return model.end(exit, Some(unplanned(model, exit, answer.err())), None, out);
    }
    if stays(model) {
        let verify = match &model.plan.spec {
            Some(JobSpec::Verify(spec)) => spec.restore_test.is_none(),
            Some(JobSpec::CheckLog(_)) => true,
            _ => false,
        };
        match answer {
            // Checking changes nothing, so that there is nothing to look at first.
            Ok(plan) if verify && plan.obstacle().is_none() => {
                model.nav.back();
                start(model, plan, None, out);
            }
            answer => model.plan.plan.answer(answer, now),
        }
        return;
    }
    let plan = match answer {
        Ok(plan) => plan,
        Err(fault) => return model.end(fault.code.exit(), Some(fault), None, out),
    };
    if let Some(obstacle) = plan.obstacle() {
        return model.end(obstacle.code.exit(), Some(obstacle), Some(plan), out);
    }
    if model.setup.dry_run {
        return model.end(0, None, Some(plan), out);
    }
    let typed = model.setup.confirm.clone();
    match (model.setup.mode, &plan.confirm, &typed) {
        // Someone looks on who can still type the name.
        (Mode::Command, Some(_), None) => model.plan.plan.answer(Ok(plan), now),
        _ => start(model, plan, typed.as_deref(), out),
    }
}

/// What a planning leaves that was stopped half-way: nothing was begun, and its own fault names what of its checks could not be removed.
fn unplanned(model: &Model, exit: u8, fault: Option<Fault>) -> Fault {
    let noun = model.plan.spec.as_ref().map_or("the job".to_owned(), |spec| format!("the {}", spec.noun().to_lowercase()));
    let code = if exit == Code::Terminated.exit() { Code::Terminated } else { Code::Cancelled };
    let mut said = Fault::new(code, format!("{noun} was stopped while it was planned; nothing of it was begun"));
    if let Some(fault) = fault {
        said.context = fault.context.iter().filter(|(name, _)| name == "Left").cloned().collect();
    }
    said
}

/// Stops a planning that somebody waits for, once; its answer ends the program. False where there is none.
fn stop_planning(model: &mut Model, exit: u8, out: &mut Vec<Cmd>) -> bool {
    let Load::Loading(id) = model.plan.plan else { return false };
    if stays(model) || model.leaving.is_some() {
        return false;
    }
    model.leaving = Some(exit);
    out.push(Cmd::Abandon(id));
    true
}

/// Starts a plan, if the name that was typed is right. Where nobody can type again, a wrong one ends the program.
pub fn start(model: &mut Model, plan: Plan, typed: Option<&str>, out: &mut Vec<Cmd>) {
    let confirmed = match Confirmed::by_name(plan.clone(), typed) {
        Ok(confirmed) => confirmed,
        Err(_) if stays(model) || (model.setup.mode == Mode::Command && model.setup.confirm.is_none()) => {
            model.plan.refused = Some(match typed {
                Some("") | None => "type the name to start".to_owned(),
                Some(_) => "this is not the name".to_owned(),
            });
            return;
        }
        Err(fault) => return model.end(fault.code.exit(), Some(fault), Some(plan), out),
    };
    let id = JobId(model.jobs.len() as u64 + 1);
    if let JobSpec::Verify(spec) = &plan.spec {
        model.checked.extend(spec.archives.iter().map(|path| (path.clone(), Checked::Running)));
    }
    let verify = matches!(plan.spec, JobSpec::Verify(_));
    model.jobs.push(Job::new(id, plan, model.clock.now));
    model.jobs_picker.selected = Some(id);
    model.databases_picker.selected = None;
    model.plan = PlanScreen::default();
    out.push(Cmd::Start(id, Box::new(confirmed)));
    if !stays(model) {
        model.nav = Nav::at(Place::Job(id));
    } else if verify && *model.nav.place() == Place::Archives {
        toast(model, Level::Info, format!("verifying, see Jobs (4) for how far it is: job {id}"));
    } else {
        model.nav = Nav::at(Place::Jobs);
        model.nav.enter(Place::Job(id));
    }
}

/// Asks a job to stop.
pub fn cancel(model: &mut Model, id: JobId, out: &mut Vec<Cmd>) {
    if let Some(job) = model.jobs.iter_mut().find(|job| job.id == id && !job.state.is_over()) {
        job.stopping();
        out.push(Cmd::Cancel(id));
    }
}

/// Ctrl-C: cancels the job in sight, asking first where someone stays; a second one while it stops leaves at once.
pub fn interrupt(model: &mut Model, out: &mut Vec<Cmd>) {
    if let Some(Modal::Cancel(id)) = model.modals.last() {
        let id = *id;
        model.modals.pop();
        return cancel(model, id, out);
    }
    if model.running().next().is_none() {
        let exit = if stays(model) { 0 } else { Code::Cancelled.exit() };
        if stop_planning(model, exit, out) {
            return;
        }
        return model.end(exit, None, None, out);
    }
    let stopping: Vec<JobId> = model.running().filter(|job| matches!(job.state, JobState::Stopping(_))).map(|job| job.id).collect();
    let running = model.running().count();
    match model.job_in_sight().filter(|job| !job.state.is_over()).map(|job| job.id) {
        Some(id) if stopping.contains(&id) => model.end(Code::Cancelled.exit(), None, None, out),
        Some(id) if stays(model) => model.modals.push(Modal::Cancel(id)),
        Some(id) => {
            model.leaving.get_or_insert(Code::Cancelled.exit());
            cancel(model, id, out);
        }
        None if stopping.len() == running => model.end(Code::Cancelled.exit(), None, None, out),
        None => quit(model, out),
    }
}

/// Leaves, or asks first when jobs run.
pub fn quit(model: &mut Model, out: &mut Vec<Cmd>) {
    if model.running().next().is_none() {
        let exit = model.leaving.unwrap_or(0);
        model.end(exit, None, None, out);
    } else if !matches!(model.modals.last(), Some(Modal::Quit)) {
        model.modals.push(Modal::Quit);
    }
}

/// Cancels everything and leaves when all has stopped.
pub fn leave(model: &mut Model, exit: u8, out: &mut Vec<Cmd>) {
    model.leaving.get_or_insert(exit);
    let running: Vec<JobId> = model.running().filter(|job| !matches!(job.state, JobState::Stopping(_))).map(|job| job.id).collect();
    for id in running {
        cancel(model, id, out);
    }
    if model.running().next().is_none() {
        let exit = model.leaving.unwrap_or(exit);
        model.end(exit, None, None, out);
    }
}

/// The process is to end: all jobs are cancelled safely first. A second call does not wait for them.
pub fn shutdown(model: &mut Model, why: Why, out: &mut Vec<Cmd>) {
    let exit = match why {
        Why::Interrupt => Code::Cancelled.exit(),
        Why::Terminate | Why::Hangup => Code::Terminated.exit(),
    };
    if model.leaving.is_some() {
        model.end(exit, None, None, out);
    } else if !stop_planning(model, exit, out) {
        leave(model, exit, out);
    }
}

/// A job came to its end.
pub fn ended(model: &mut Model, id: JobId, out: &mut Vec<Cmd>) {
    let Some(job) = model.job(id) else { return };
    let (spec, name) = (job.spec().clone(), job.name());
    let state = job.state.clone();
    if matches!(model.modals.last(), Some(Modal::Cancel(asked)) if *asked == id) {
        model.modals.pop();
    }
    if let JobSpec::Verify(verify) = &spec {
        let single = verify.archives.len() == 1;
        for path in &verify.archives {
            let result = checked(&state, path, single, verify.word());
            match result {
                Some(result) => model.checked.insert(path.clone(), result),
                None => model.checked.remove(path),
            };
        }
    }
    if let Some(leaving) = model.leaving {
        if model.running().next().is_none() {
            model.end(leaving, None, None, out);
        }
        return;
    }
    if !stays(model) {
        if model.running().next().is_none() {
            let exit = model.jobs.iter().map(|job| exit_code(job.spec(), &job.state)).max().unwrap_or(0);
            model.end(exit, None, None, out);
        }
        return;
    }
    if matches!(model.modals.last(), Some(Modal::Quit)) && model.running().next().is_none() {
        model.modals.pop();
    }
    match &state {
        JobState::Finished(summary) if summary.verdict() == Verdict::Complete => {
            toast(model, Level::Info, format!("{name} is done"));
        }
        JobState::Finished(_) => toast(model, Level::Warn, format!("{name} is done, but not all of it: e shows what failed")),
        JobState::Failed(fault) => toast(model, Level::Error, format!("{name} failed: {}", fault.code.title())),
        JobState::Cancelled(_) => toast(model, Level::Info, format!("{name} is cancelled")),
        JobState::Queued | JobState::Running(_) | JobState::Stopping(_) => {}
    }
    model.ask_archives(out);
    if matches!(spec, JobSpec::Base(_)) {
        // What can be recovered has changed: whoever looks next asks anew.
        model.recovery.asked = crate::domain::Stamp::default();
    }
    if matches!(spec, JobSpec::Restore(_)) {
        let server = model.server;
        model.ask_server(server, out);
    }
}

/// How an archive came out of a verification; none when that was cancelled.
fn checked(state: &JobState, path: &std::path::Path, single: bool, deep: &str) -> Option<Checked> {
    match state {
        JobState::Finished(summary) => {
            let name = file_name(path);
            let failed = summary.failed().find(|outcome| single || outcome.name == name || std::path::Path::new(&outcome.name) == path);
            Some(match failed.and_then(|outcome| outcome.fault.as_ref()) {
                Some(fault) => Checked::Bad(fault.code.title().to_owned()),
                None => Checked::Good(deep.to_owned()),
            })
        }
        JobState::Failed(fault) => {
            let name = file_name(path);
            let about = single
                || fault.context.iter().any(|(_, value)| value.contains(&name))
                || fault.what.contains(&name)
                || fault.causes.iter().any(|cause| cause.contains(&name));
            if about { Some(Checked::Bad(fault.code.title().to_owned())) } else { None }
        }
        _ => None,
    }
}

/// The exit code of a job that is over. A difference found by the proof outweighs everything; of a cluster restore that went on after
/// failures, four databases of five are enough, or as many as were asked for (R8); any failed database of a backup is not.
pub fn exit_code(spec: &JobSpec, state: &JobState) -> u8 {
    match state {
        JobState::Failed(fault) => fault.code.exit(),
        JobState::Cancelled(_) => Code::Cancelled.exit(),
        JobState::Finished(summary) => finished_code(spec, summary),
        JobState::Queued | JobState::Running(_) | JobState::Stopping(_) => Code::Cancelled.exit(),
    }
}

fn finished_code(spec: &JobSpec, summary: &Summary) -> u8 {
    if summary.proof.as_ref().is_some_and(|proof| !proof.differences.is_empty()) {
        return Code::ProofFailed.exit();
    }
    let (failed, all) = (summary.failed().count(), summary.databases.len());
    let enough = match spec {
        JobSpec::Restore(restore) => matches!(restore.scope, RestoreScope::Cluster { .. }) && restore.care.enough.is_met(all - failed, all),
        JobSpec::Backup(_) | JobSpec::Verify(_) | JobSpec::Base(_) | JobSpec::Recover(_) | JobSpec::Replay(_) | JobSpec::CheckLog(_) => {
            false
        }
    };
    let all_wanted = matches!(spec, JobSpec::Restore(restore) if restore.care.enough == Enough::All);
    match failed {
        0 if all_wanted && !summary.globals.is_empty() => Code::Partial.exit(),
        0 => 0,
        _ if enough => 0,
        1 if all == 1 => summary.failed().find_map(|one| one.fault.as_ref()).map_or(1, |fault| fault.code.exit()),
        _ => Code::Partial.exit(),
    }
}
