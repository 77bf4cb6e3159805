//! A check of the archived log as a job: what it would read, how far it is, what came of it. What is looked at in a file is [`super::check`]'s matter.

use super::check::{self, Checked, Far};
use super::quoted;
use super::survey::{Survey, survey};
use crate::domain::job::{Phase, Progress, Ratio, Summary, TableProgress};
use crate::domain::plan::{Plan, PlanItem};
use crate::domain::size::grouped;
use crate::domain::spec::{CheckLogSpec, JobSpec};
use crate::domain::wal::{Gap, Segment};
use crate::domain::{Bytes, Code, Fault};
use crate::engine::Context;
use crate::engine::event::{Event, EventSink};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// Between two words of how far it is, in milliseconds.
const EVERY_MS: u64 = 100;

/// How many things of a kind are told one by one.
const TOLD: usize = 20;

/// What a check would read. Lists the folder and reads nothing of the log.
pub async fn plan(spec: &CheckLogSpec) -> Result<Plan, Fault> {
    let own = spec.clone();
    let looked = tokio::task::spawn_blocking(move || survey(&own.wal_dir)).await;
    let survey = looked.map_err(|error| Fault::internal("the look through the archive broke off").caused_by(&error))??;
    let total = Bytes(survey.files.iter().map(|seen| seen.bytes).sum());
    let what = match spec.segments.as_slice() {
        [] => "the whole archive".to_owned(),
        spans => spans.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
    };
    let name = spec.wal_dir.display().to_string();
    let item = PlanItem { name, target: String::new(), bytes: Some(total), tables: None, note: what.clone(), destroys: false };
    let facts = vec![("Reads".to_owned(), what), ("Threads".to_owned(), spec.jobs.max(1).to_string())];
    let title = format!("Verify the log in {}", spec.wal_dir.display());
    Ok(Plan { title, items: vec![item], total, facts, ..Plan::of(JobSpec::CheckLog(spec.clone())) })
}

/// Reads it; an archive that is not whole is a fault that names what is missing and what is damaged.
pub async fn run(spec: &CheckLogSpec, context: &Context) -> Result<Summary, Fault> {
    let (spec, context) = (spec.clone(), context.clone());
    let task = tokio::task::spawn_blocking(move || {
        let began = Instant::now();
        let survey = survey(&spec.wal_dir)?;
        let checked = look(&survey, &spec, &*context.events, &context.cancel)?;
        match obstacle(&checked, &spec) {
            Some(fault) => Err(fault),
            None => Ok(summary(&survey, &checked, began)),
        }
    });
    task.await.map_err(|error| Fault::internal("the verification broke off").caused_by(&error))?
}

/// Reads what is asked for, and says on the way how far it is, ten times a second at most.
pub fn look(
    survey: &Survey,
    spec: &CheckLogSpec,
    events: &(dyn EventSink + 'static),
    cancel: &CancellationToken,
) -> Result<Checked, Fault> {
    let (began, told) = (Instant::now(), AtomicU64::new(0));
    let tell = |far: Far| {
        let now = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let last = told.load(Ordering::Relaxed);
        let due = far.files == 0 && last == 0 || far.files == far.of || now >= last + EVERY_MS;
        if due && told.compare_exchange(last, now.max(1), Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            events.post(Event::Progress(Box::new(progress(far))));
        }
        if cancel.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    check::check(survey, &spec.segments, spec.jobs.max(1) as usize, &tell)
}

fn progress(far: Far) -> Progress {
    let bytes = Ratio { done: far.bytes, total: far.total };
    let doing = format!("{} of {} files", grouped(far.files), grouped(far.of));
    let active = TableProgress { table: "log".to_owned(), doing, bytes, ..TableProgress::default() };
    Progress { phase: Phase::Verifying, bytes, active: vec![active], ..Progress::default() }
}

fn summary(survey: &Survey, checked: &Checked, began: Instant) -> Summary {
    let mut notes = vec![format!("{} files read: nothing is missing, nothing is damaged", grouped(checked.read))];
    notes.extend(checked.found.iter().map(|part| {
        let name = |number| Segment { timeline: part.timeline, number }.name(checked.segment_size);
        format!("timeline {}: {} segments, {} to {}", part.timeline, grouped(part.count()), name(part.first), name(part.last))
    }));
    let unread = format!("{} files are encrypted or compressed with something that is not read here, and were not judged", checked.unread);
    Summary {
        archives: vec![survey.dir.clone()],
        row_bytes: checked.plain,
        duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        verified: Some("full".to_owned()),
        notes,
        warnings: if checked.unread > 0 { vec![unread] } else { Vec::new() },
        ..Summary::default()
    }
}

/// That the archive is not whole, with everything that shows it and the way out; none where it is.
pub fn obstacle(checked: &Checked, spec: &CheckLogSpec) -> Option<Fault> {
    if checked.is_whole() {
        return None;
    }
    let mut fault = Fault::new(Code::CorruptedBackup, "the archive of the log is not whole").at("Folder", spec.wal_dir.display());
    let missing: u64 = checked.gaps.iter().map(Gap::count).sum();
    let counts = [(checked.damaged.len() as u64, "damaged"), (missing + checked.histories.len() as u64, "missing")];
    let said: Vec<String> =
        counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{} {what}", grouped(*count))).collect();
    fault = fault.because(said.join(", "));
    for damage in checked.damaged.iter().take(TOLD) {
        fault = fault.at("Damaged", format!("{}: {}", damage.file, damage.why));
    }
    for gap in checked.gaps.iter().take(TOLD) {
        let last = Segment { timeline: gap.timeline, number: gap.last }.name(checked.segment_size);
        let names = if gap.first == gap.last { gap.name.clone() } else { format!("{} to {last} ({})", gap.name, grouped(gap.count())) };
        fault = fault.at("Missing", names);
    }
    for history in checked.histories.iter().take(TOLD) {
        fault = fault.at("Missing", format!("{history}: without it nobody finds the way to that timeline"));
    }
    let (backups, archive) = (quoted(&spec.dir), quoted(&spec.wal_dir));
    Some(fault.step("Copy them from where they still are: the server's pg_wal, a standby, another archive.").step_run(
        "Else make a new base backup, from which the log is whole again:",
        format!("dbbackup backup base --backup-dir {backups} --archive-dir {archive}"),
    ))
}
