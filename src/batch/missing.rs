//! What is said of a job of which something is missing: how much, why, and what to do.

use crate::app::model::Ended;
use crate::domain::cause::{Fate, causes_words};
use crate::domain::job::{DatabaseOutcome, Summary};
use crate::domain::size::grouped;
use crate::domain::text::clean;

/// How many databases are named that failed; the list of failures has all.
const NAMED: usize = 20;

/// "partial: 9 of 12 databases restored, 3 failed, 1 role or tablespace failed".
pub fn partly(summary: &Summary) -> String {
    let (failed, all) = (summary.failed().count(), summary.databases.len());
    let mut parts = Vec::new();
    if all > 1 {
        parts.push(format!(
            "{} of {} databases restored, {} failed",
            grouped((all - failed) as u64),
            grouped(all as u64),
            grouped(failed as u64)
        ));
    }
    let objects = summary.objects();
    if objects.missing() > 0 {
        parts.push(objects.words());
    }
    match summary.globals.len() {
        0 => {}
        1 => parts.push("1 role or tablespace failed".to_owned()),
        many => parts.push(format!("{many} roles or tablespaces failed")),
    }
    if let Some(proof) = summary.proof.as_ref().filter(|proof| !proof.differences.is_empty()) {
        parts.push(format!("{} differences from the backup", proof.differences.len()));
    }
    if parts.is_empty() { "partial".to_owned() } else { format!("partial: {}", parts.join(", ")) }
}

/// Why something is missing: the causes, then the databases, then what to do.
pub fn causes(job: &Ended, summary: &Summary) -> String {
    let mut out = format!("[PART] {}: {}\n", clean(&job.name), causes_words(&summary.causes));
    for (at, cause) in summary.causes.iter().enumerate() {
        out.push_str(&format!("  {}. {}", at + 1, clean(&cause.line())));
        out.push_str(&format!("  [{}]\n", cause.code.as_str()));
        if summary.databases.len() > 1 && !cause.databases.is_empty() {
            out.push_str(&format!("     in {}\n", some(cause.databases.iter().map(String::as_str), 8)));
        }
        if !cause.said.is_empty() && !cause.what.contains(&cause.said) {
            let state = cause.sqlstate.as_ref().map(|state| format!(" (SQLSTATE {state})")).unwrap_or_default();
            out.push_str(&format!("     {}{state}\n", clean(&cause.said)));
        }
        for step in &cause.steps {
            let command = step.command.as_ref().map(|command| format!(" {}", clean(command))).unwrap_or_default();
            out.push_str(&format!("     fix: {}{command}\n", clean(&step.text)));
        }
    }
    if summary.databases.len() > 1 || summary.databases.iter().any(|one| one.fate != Fate::Kept) {
        for one in summary.failed().take(NAMED) {
            out.push_str(&format!("  {}: {}\n", clean(&one.name), ended_how(one)));
        }
        let more = summary.failed().count().saturating_sub(NAMED);
        if more > 0 {
            out.push_str(&format!("  and {more} more databases\n"));
        }
    }
    if let Some(step) = &summary.then {
        out.push_str(&format!("  {} {}\n", clean(&step.text), clean(step.command.as_deref().unwrap_or_default())));
    }
    if let Some(path) = &summary.failure_list {
        out.push_str(&format!("  Every failure: {}\n", clean(&path.display().to_string())));
    }
    out
}

/// "AUTH_FAILED, dropped"; "1 object failed, 3 more were skipped because of that, 80 done; kept".
fn ended_how(one: &DatabaseOutcome) -> String {
    let how = match &one.fault {
        Some(fault) if one.objects.missing() == 0 => format!("{}: {}", fault.code.as_str(), clean(&fault.what)),
        _ => one.objects.words(),
    };
    match &one.fate {
        Fate::Kept => how,
        Fate::Dropped => format!("{how}; dropped"),
        Fate::Renamed(name) => format!("{how}; renamed to {}", clean(name)),
    }
}

/// The first few of some names.
fn some<'a>(names: impl ExactSizeIterator<Item = &'a str>, most: usize) -> String {
    let more = names.len().saturating_sub(most);
    let mut text = names.take(most).map(clean).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(&format!(" and {more} more"));
    }
    text
}
