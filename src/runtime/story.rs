//! What the log tells of a run, so that a week later it can be read what happened: how it was called, what was planned, which phases it
//! went through, how each database came out, each failure with its causes and its cure, how it ended.

use crate::config::environment::Environment;
use crate::domain::fault::Step;
use crate::domain::job::{DatabaseProgress, DatabaseState, JobId, Phase, Progress, Summary, Verdict};
use crate::domain::plan::{CheckState, Plan};
use crate::domain::size::grouped;
use crate::domain::time::span;
use crate::domain::{Bytes, Code, Fault};
use crate::engine::event::{Event, Level};
use std::collections::HashSet;
use std::ffi::OsString;

/// Failed databases whose failures are told in full; the failure list has all of them.
const TOLD: usize = 50;

/// The command line as a shell would read it, without passwords.
pub fn command(arguments: &[OsString]) -> String {
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    crate::domain::redact::redact(&shell_words::join(&words)).into_owned()
}

/// The run begins.
pub fn begun(command: &str, environment: &Environment) {
    let user = crate::system::user::current();
    tracing::info!(
        target: "dbbackup::runtime",
        version = env!("CARGO_PKG_VERSION"),
        host = crate::system::hostname(),
        user = user.name,
        sudo_user = environment.get("SUDO_USER"),
        pid = std::process::id(),
        folder = std::env::current_dir().ok().map(|dir| dir.display().to_string()),
        command,
        "run begins"
    );
}

/// The run is over.
pub fn over(exit: u8, took_ms: u64) {
    tracing::info!(target: "dbbackup::runtime", exit, "run ends after {}", span(took_ms));
}

/// A line of a job.
pub fn line(job: JobId, level: Level, text: &str) {
    let job = job.0;
    match level {
        Level::Error => tracing::error!(target: "dbbackup::engine", job, "{text}"),
        Level::Warn => tracing::warn!(target: "dbbackup::engine", job, "{text}"),
        Level::Info => tracing::info!(target: "dbbackup::engine", job, "{text}"),
        Level::Debug => tracing::debug!(target: "dbbackup::engine", job, "{text}"),
    }
}

/// A failure with everything that is known of it.
pub fn fault(job: JobId, headline: &str, fault: &Fault) {
    let context: Vec<String> = fault.context.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let cured = fault.clone().cured();
    let cure = steps(&cured.steps);
    let some = |texts: &[String]| (!texts.is_empty()).then(|| texts.join("; "));
    tracing::error!(
        target: "dbbackup::engine",
        job = job.0,
        code = fault.code.as_str(),
        causes = some(&fault.causes),
        at = some(&context),
        sqlstate = fault.sqlstate,
        statement = fault.statement,
        cure = (!cure.is_empty()).then_some(cure),
        "{headline}: {}",
        fault.what
    );
}

/// Steps of a cure in one line.
fn steps(steps: &[Step]) -> String {
    let words = steps.iter().map(|step| match &step.command {
        Some(command) => format!("{} {command}", step.text),
        None => step.text.clone(),
    });
    words.collect::<Vec<_>>().join("; ")
}

/// A plan, or why there is none.
pub fn planned(answer: &Result<Plan, Fault>) {
    let plan = match answer {
        Err(why) if why.code == Code::Cancelled => return,
        Err(why) => return fault(JobId::default(), "no plan", why),
        Ok(plan) => plan,
    };
    let facts: Vec<String> = plan.facts.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let total = if plan.total > Bytes(0) { format!(", {} to read", plan.total) } else { String::new() };
    tracing::info!(target: "dbbackup::engine", facts = facts.join("; "), "planned: {}{total}", plan.title);
    for check in &plan.checks {
        let cure = check.cure.as_deref();
        match check.state {
            CheckState::Failed => {
                tracing::error!(target: "dbbackup::engine", code = check.code.map(Code::as_str), cure, "check failed: {}: {}", check.name, check.detail)
            }
            CheckState::Warning | CheckState::Unknown => {
                tracing::warn!(target: "dbbackup::engine", cure, "check: {}: {}", check.name, check.detail);
            }
            CheckState::Ok | CheckState::Running => tracing::debug!(target: "dbbackup::engine", "check: {}: {}", check.name, check.detail),
        }
    }
    for what in plan.destroys.iter().take(TOLD) {
        tracing::warn!(target: "dbbackup::engine", "this destroys {what}");
    }
}

/// How a job ended.
pub fn ended(job: JobId, last: &Event) {
    match last {
        Event::Finished(summary) => finished(job, summary),
        Event::Failed(why) => fault(job, "failed", why),
        Event::Cancelled(left) if left.things.is_empty() => line(job, Level::Warn, "cancelled; nothing is left behind"),
        Event::Cancelled(left) => line(job, Level::Warn, &format!("cancelled; left: {}", left.things.join("; "))),
        Event::Started | Event::Progress(_) | Event::Checked(_) | Event::Log { .. } => {}
    }
}

fn finished(job: JobId, summary: &Summary) {
    for one in summary.failed().take(TOLD) {
        match &one.fault {
            // Where causes are known, they and their cures follow.
            Some(why) if !summary.causes.is_empty() => line(job, Level::Error, &format!("database {}: {why}", one.name)),
            Some(why) => fault(job, &format!("database {}", one.name), why),
            None => {}
        }
    }
    for (at, cause) in summary.causes.iter().take(TOLD).enumerate() {
        let some = |text: String| (!text.is_empty()).then_some(text);
        tracing::error!(
            target: "dbbackup::engine",
            job = job.0,
            code = cause.code.as_str(),
            sqlstate = cause.sqlstate,
            said = some(cause.said.clone()),
            databases = some(cause.databases.iter().take(TOLD).cloned().collect::<Vec<_>>().join(", ")),
            cure = some(steps(&cause.steps)),
            "cause {}: {}",
            at + 1,
            cause.line()
        );
    }
    if let Some(then) = &summary.then {
        line(job, Level::Warn, &steps(std::slice::from_ref(then)));
    }
    for warning in &summary.warnings {
        line(job, Level::Warn, warning);
    }
    let (level, word) = match summary.verdict() {
        Verdict::Complete => (Level::Info, "done"),
        Verdict::Partial => (Level::Error, "partly done"),
        Verdict::Nothing => (Level::Error, "nothing is done"),
    };
    let mut text = format!("{word} in {}: {} rows, {}", span(summary.duration_ms), grouped(summary.rows), summary.row_bytes);
    let (all, failed) = (summary.databases.len(), summary.failed().count());
    if all > 0 {
        text.push_str(&format!(", {} of {all} databases", all - failed));
    }
    for path in &summary.archives {
        text.push_str(&format!(", archive {}", path.display()));
    }
    if summary.archive_bytes > Bytes(0) {
        text.push_str(&format!(" ({})", summary.archive_bytes));
    }
    if let Some(verified) = &summary.verified {
        text.push_str(&format!(", verified {verified}"));
    }
    if let Some(proof) = &summary.proof {
        match proof.differences.len() {
            0 => text.push_str(", proven equal"),
            many => text.push_str(&format!(", {many} differences from the backup")),
        }
    }
    if let Some(list) = &summary.failure_list {
        text.push_str(&format!(", every failure in {}", list.display()));
    }
    line(job, level, &text);
}

/// Turns the stream of a job's progress into lines: one for each phase, and one for each database that is done.
#[derive(Default)]
pub struct Teller {
    phase: Option<Phase>,
    done: HashSet<String>,
}

impl Teller {
    /// Takes a sample.
    pub fn take(&mut self, job: JobId, progress: &Progress) {
        if self.phase != Some(progress.phase) {
            self.phase = Some(progress.phase);
            line(job, Level::Info, &format!("phase: {}", progress.phase.words()));
        }
        // Of one database the job's own end says everything.
        if progress.databases.len() < 2 {
            return;
        }
        for one in &progress.databases {
            let word = match &one.state {
                DatabaseState::Done => "done",
                DatabaseState::Proven => "done and proven equal",
                DatabaseState::Failed(fault) if fault.code == Code::Cancelled => "cancelled",
                DatabaseState::Failed(_) => "failed",
                DatabaseState::Waiting | DatabaseState::Running(_) => continue,
            };
            if !self.done.contains(&one.name) {
                self.done.insert(one.name.clone());
                line(job, Level::Info, &format!("{}: {word}{}", one.name, figures(one)));
            }
        }
    }
}

fn figures(one: &DatabaseProgress) -> String {
    let took = one.began.zip(one.ended).map(|(began, ended)| format!(", {}", span(ended.since(began)))).unwrap_or_default();
    format!(", {} rows, {}{took}", grouped(one.rows), Bytes(one.bytes.done))
}
