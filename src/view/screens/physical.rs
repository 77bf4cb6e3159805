//! Jobs about a whole server: what a base backup, a recovery and a check of the log are about, and how far replay is. They have no databases to list.

use crate::app::jobs::Job;
use crate::app::model::Model;
use crate::app::msg::Clock;
use crate::app::when;
use crate::domain::job::Phase;
use crate::domain::recovery::{BaseKind, Bound, Target, TargetAction, TimelineChoice};
use crate::domain::spec::{BaseSpec, CheckLogSpec, JobSpec, RecoverSpec, Start};
use crate::view::look::Role;
use crate::view::page::Row;
use crate::view::text;

/// Cells of a label.
const LABEL: usize = 11;

/// Whether a job is of this kind.
pub const fn is_physical(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Base(_) | JobSpec::Recover(_) | JobSpec::CheckLog(_))
}

/// What a phase is called in such a job.
pub const fn phase(spec: &JobSpec, phase: Phase) -> &'static str {
    match (spec, phase) {
        (JobSpec::Base(_), Phase::Data) => "copying files",
        (JobSpec::Recover(_), Phase::Data) => "unpacking",
        (JobSpec::Recover(_), Phase::Finishing) => "syncing files",
        (JobSpec::CheckLog(_), Phase::Verifying) => "reading the log",
        (_, phase) => phase.words(),
    }
}

/// What it is about, a line each; while it runs, how far replay is.
pub fn rows(model: &Model, job: &Job, cols: usize, height: usize) -> Vec<Row> {
    let facts = match job.spec() {
        JobSpec::Base(spec) => base(spec),
        JobSpec::Recover(spec) => recover(spec, &model.clock),
        JobSpec::CheckLog(spec) => check_log(spec),
        JobSpec::Backup(_) | JobSpec::Restore(_) | JobSpec::Verify(_) | JobSpec::Replay(_) => Vec::new(),
    };
    let doing = job.progress.active.first().filter(|_| !job.state.is_over()).map(|active| match job.spec() {
        JobSpec::CheckLog(_) => ("read", active.doing.clone()),
        _ => ("replay", active.doing.clone()),
    });
    let mut rows: Vec<Row> = Vec::new();
    for (label, value) in doing.into_iter().chain(facts) {
        for (at, line) in text::wrap(&value, cols.saturating_sub(LABEL)).into_iter().enumerate() {
            rows.push(Row::of(text::left(if at == 0 { label } else { "" }, LABEL), Role::Muted).then(line, Role::Text));
        }
    }
    rows.truncate(height);
    rows
}

fn base(spec: &BaseSpec) -> Vec<(&'static str, String)> {
    let kind = match spec.kind {
        BaseKind::Full => "everything",
        BaseKind::Differential => "what has changed since the last full one",
        BaseKind::Incremental => "what has changed since the last one of any kind",
    };
    let log = match &spec.wal_dir {
        Some(dir) => dir.display().to_string(),
        None => "where the server's archive_command puts it".to_owned(),
    };
    vec![("holds", kind.to_owned()), ("codec", spec.compression.to_string()), ("log", log)]
}

fn check_log(spec: &CheckLogSpec) -> Vec<(&'static str, String)> {
    let what = match spec.segments.as_slice() {
        [] => "the whole archive: segments, labels and histories".to_owned(),
        spans => format!("what the recovery needs: {}", spans.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    };
    vec![("checks", what), ("log", spec.wal_dir.display().to_string())]
}

fn recover(spec: &RecoverSpec, clock: &Clock) -> Vec<(&'static str, String)> {
    let target = match &spec.target {
        Target::Latest => "the end of the archive".to_owned(),
        Target::Immediate => "as soon as the base backup is consistent".to_owned(),
        Target::Time(at) => format!("{} ({})", when::exact(*at, clock), when::utc_micros(*at).replace("+00", " UTC")),
        Target::Xid(xid) => format!("transaction {xid}"),
        Target::Lsn(lsn) => format!("position {lsn}"),
        Target::Name(name) => format!("restore point {name}"),
    };
    let bound = if spec.bound == Bound::Exclusive { ", without it" } else { "" };
    let timeline = match spec.timeline {
        TimelineChoice::Latest => String::new(),
        TimelineChoice::Current => ", on the base backup's own timeline".to_owned(),
        TimelineChoice::Of(timeline) => format!(", on timeline {timeline}"),
    };
    let then = match (spec.start, spec.action) {
        (Start::No, _) => "it is only prepared: somebody else starts it",
        (Start::Yes, _) if spec.target == Target::Latest => "it is started and becomes a primary there",
        (Start::Yes, TargetAction::Pause) => "it is started and waits there, open for reading",
        (Start::Yes, TargetAction::Promote) => "it is started and becomes a primary there",
        (Start::Yes, TargetAction::Shutdown) => "it is started and stops there",
    };
    let log = match &spec.wal_dir {
        Some(dir) => dir.display().to_string(),
        None => "only what the base backup itself holds".to_owned(),
    };
    vec![("target", format!("{target}{bound}{timeline}")), ("then", then.to_owned()), ("log", log)]
}
