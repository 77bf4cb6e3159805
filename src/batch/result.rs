//! What is left on the normal screen, or in the pipe, when the program ends.

use super::{missing, output};
use crate::app::model::{Ended, Outcome};
use crate::domain::cause::Tally;
use crate::domain::job::{JobState, Summary, Verdict};
use crate::domain::plan::{Check, CheckState, Plan};
use crate::domain::size::grouped;
use crate::domain::text::clean;
use crate::domain::time::span;
use crate::domain::{Bytes, Code, Fault};

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Volume {
    /// Everything.
    Normal,
    /// Errors only.
    Quiet,
}

/// Results for stdout, diagnostics for stderr.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// For stdout.
    pub out: String,
    /// For stderr.
    pub err: String,
}

/// Prints how the run ended; gives the exit code. `noun` is that of the job that was asked for: "Backup". A reader of stdout that went away changes nothing about what the jobs have done.
pub fn print(outcome: &Outcome, volume: Volume, noun: Option<&str>) -> u8 {
    let said = say(outcome, volume, noun);
    output::diagnostic(&said.err);
    let _ = output::result(&said.out);
    outcome.exit
}

/// How the run ended, in words. The last line of stdout after a backup is the archive's path.
pub fn say(outcome: &Outcome, volume: Volume, noun: Option<&str>) -> Said {
    let mut said = Said::default();
    if let Some(plan) = &outcome.plan {
        said.out.push_str(&self::plan(plan));
    }
    let mut archives = Vec::new();
    for job in &outcome.jobs {
        match &job.state {
            JobState::Finished(summary) => {
                said.out.push_str(&finished(job, summary));
                if summary.causes.is_empty() {
                    for database in summary.failed() {
                        if let Some(fault) = &database.fault {
                            said.err.push_str(&fault.render(&format!("{} of {} failed", job.noun, clean(&database.name))));
                        }
                    }
                } else {
                    said.err.push_str(&missing::causes(job, summary));
                }
                if matches!(job.noun, "Backup" | "Base backup") {
                    archives.extend(summary.archives.iter().map(|path| format!("{}\n", clean(&path.display().to_string()))));
                }
            }
            JobState::Failed(fault) => said.err.push_str(&fault.render(&format!("{} failed", job.noun))),
            JobState::Cancelled(left) => {
                let first = format!("[STOP] {} was cancelled", clean(&job.name));
                said.err.push_str(&format!("{first:<65} {}\n", stop_code(outcome).as_str()));
                for thing in &left.things {
                    said.err.push_str(&format!("  Left: {}\n", clean(thing)));
                }
                if left.things.is_empty() {
                    said.err.push_str("  Nothing is left behind.\n");
                }
            }
            JobState::Queued | JobState::Running(_) | JobState::Stopping(_) => {
                said.err.push_str(&format!("[STOP] {} was left unfinished\n", clean(&job.name)));
            }
        }
    }
    if let Some(fault) = outcome.fault.as_ref().filter(|fault| matches!(fault.code, Code::Cancelled | Code::Terminated)) {
        said.err.push_str(&stopped(fault));
    } else if let Some(fault) = &outcome.fault {
        said.err.push_str(&fault.render(&headline(outcome, noun)));
    }
    said.out.extend(archives);
    if volume == Volume::Quiet {
        said.out.clear();
    }
    said
}

/// What was stopped before it was a job.
fn stopped(fault: &Fault) -> String {
    let first = format!("[STOP] {}", clean(&fault.what));
    let left: Vec<_> = fault.context.iter().filter(|(name, _)| name == "Left").collect();
    let mut out = format!("{first:<65} {}\n", fault.code.as_str());
    out.extend(left.iter().map(|(_, thing)| format!("  Left: {}\n", clean(thing))));
    if left.is_empty() {
        out.push_str("  Nothing is left behind.\n");
    }
    out
}

fn stop_code(outcome: &Outcome) -> Code {
    if outcome.exit == Code::Terminated.exit() { Code::Terminated } else { Code::Cancelled }
}

fn headline(outcome: &Outcome, noun: Option<&str>) -> String {
    match (noun, &outcome.plan) {
        (_, Some(plan)) => format!("{} not started", plan.spec.noun()),
        (Some(noun), None) => format!("{noun} failed"),
        (None, None) => "Failed".to_owned(),
    }
}

fn finished(job: &Ended, summary: &Summary) -> String {
    let failed = summary.failed().count();
    let (mark, word) = match summary.verdict() {
        Verdict::Complete => ("[ OK ]", String::new()),
        Verdict::Partial | Verdict::Nothing => ("[PART]", format!("{}; ", missing::partly(summary))),
    };
    // Programs that restore foreign dumps do not tell how many rows they restored.
    let rows = if summary.rows == 0 && summary.row_bytes > Bytes(0) { String::new() } else { format!("{} rows, ", grouped(summary.rows)) };
    let figures = format!("{rows}{} in {}", summary.row_bytes, span(summary.duration_ms));
    let mut out = format!("{mark} {}: {word}{figures}", clean(&job.name));
    if summary.archive_bytes > Bytes(0) {
        out.push_str(&format!(", archive {}", summary.archive_bytes));
    }
    if let Some(verified) = &summary.verified {
        out.push_str(&format!(", verified ({})", clean(verified)));
    }
    if let Some(proof) = summary.proof.as_ref().filter(|proof| proof.differences.is_empty()) {
        out.push_str(&format!(", proven equal: {} tables, {} rows, {} objects", grouped(proof.tables), grouped(proof.rows), proof.objects));
    }
    out.push('\n');
    for one in &summary.tried {
        let (tables, rows) = (grouped(one.tables), grouped(one.rows));
        out.push_str(&format!("  {}: restored and proven in {}: {tables} tables, {rows} rows\n", clean(&one.name), span(one.took_ms)));
    }
    for note in &summary.notes {
        out.push_str(&format!("  {}\n", clean(note)));
    }
    for warning in &summary.warnings {
        out.push_str(&format!("  Note: {}\n", clean(warning)));
    }
    if failed > 0 && summary.causes.is_empty() {
        out.push_str(&format!("  {failed} of {} databases failed; see the errors\n", summary.databases.len()));
    }
    out
}

/// A line of the checklist, with its cure below it.
pub fn check(check: &Check) -> String {
    let mark = match check.state {
        CheckState::Ok => "[ OK ]",
        CheckState::Warning => "[WARN]",
        CheckState::Failed => "[FAIL]",
        CheckState::Unknown | CheckState::Running => "[ ?? ]",
    };
    let mut out = format!("{mark} {}: {}\n", clean(&check.name), clean(&check.detail));
    if let Some(cure) = check.cure.as_ref().filter(|_| check.state != CheckState::Ok) {
        out.push_str(&format!("         {}\n", clean(cure)));
    }
    out
}

/// A plan, for `--dry-run` and for one that was not confirmed.
pub fn plan(plan: &Plan) -> String {
    let mut out = format!("{}\n", clean(&plan.title));
    for check in &plan.checks {
        out.push_str(&format!("  {}", self::check(check)));
    }
    let rows = plan.items.iter().map(|item| {
        let size = item.bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
        let tables = item.tables.map(grouped).unwrap_or_default();
        [item.name.clone(), item.target.clone(), size, tables, item.note.clone()]
    });
    use super::table::{Side, table};
    let heads = [("NAME", Side::Left), ("TARGET", Side::Left), ("SIZE", Side::Right), ("TABLES", Side::Right), ("NOTE", Side::Left)];
    if !plan.items.is_empty() {
        out.push_str(&table(heads, rows));
    }
    for (name, value) in &plan.facts {
        out.push_str(&format!("{:<19} {}\n", format!("{}:", clean(name)), clean(value)));
    }
    for loss in &plan.destroys {
        out.push_str(&format!("DESTROYS {}\n", clean(loss)));
    }
    out
}

/// The word for scripts.
pub fn status(outcome: &Outcome) -> &'static str {
    let over = |wanted: fn(&JobState) -> bool| outcome.jobs.iter().any(|job| wanted(&job.state));
    if over(|state| matches!(state, JobState::Cancelled(_))) || matches!(outcome.exit, 130 | 143) {
        "cancelled"
    } else if outcome.fault.is_some() || over(|state| matches!(state, JobState::Failed(_))) {
        "failed"
    } else if over(|state| matches!(state, JobState::Finished(summary) if summary.verdict() != Verdict::Complete)) {
        "partial"
    } else if outcome.exit == 0 {
        "success"
    } else {
        "failed"
    }
}

/// The result for scripts: the last line of `--json`.
pub fn json(outcome: &Outcome) -> serde_json::Value {
    let summaries = || {
        outcome.jobs.iter().filter_map(|job| match &job.state {
            JobState::Finished(summary) => Some(summary),
            _ => None,
        })
    };
    let archives: Vec<_> = summaries().flat_map(|summary| &summary.archives).collect();
    let error: Option<Fault> = outcome.fault.clone().or_else(|| {
        outcome.jobs.iter().find_map(|job| match &job.state {
            JobState::Failed(fault) => Some(fault.clone()),
            JobState::Finished(summary) => summary.failed().find_map(|database| database.fault.clone()),
            JobState::Cancelled(left) => {
                Some(left.things.iter().fold(Fault::new(stop_code(outcome), format!("{} was cancelled", job.name)), |mut fault, thing| {
                    fault.context.push(("Left".into(), thing.clone()));
                    fault
                }))
            }
            _ => None,
        })
    });
    serde_json::json!({
        "v": super::jsonl::VERSION,
        "event": "result",
        "status": status(outcome),
        "exit": outcome.exit,
        "archive": archives.first(),
        "archives": archives,
        "bytes": summaries().map(|summary| summary.archive_bytes.0).sum::<u64>(),
        "rows": summaries().map(|summary| summary.rows).sum::<u64>(),
        "duration_s": summaries().map(|summary| summary.duration_ms).sum::<u64>() as f64 / 1000.0,
        "error": error,
        "causes": summaries().flat_map(|summary| &summary.causes).collect::<Vec<_>>(),
        "objects": summaries().map(|summary| summary.objects()).fold(Tally::default(), Tally::and),
        "failed": summaries().flat_map(|summary| summary.failed()).map(|one| &one.name).collect::<Vec<_>>(),
        "failure_list": summaries().find_map(|summary| summary.failure_list.as_ref()),
        "manifest": summaries().find_map(|summary| summary.manifest.as_ref()),
        "then": summaries().find_map(|summary| summary.then.as_ref()?.command.as_ref()),
    })
}
