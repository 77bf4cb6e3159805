//! What is recovered to where: the form before the plan, with what comes of it below.

use super::{Here, form, pitr};
use crate::app::form::FieldId;
use crate::app::jobs::file_name;
use crate::app::model::Model;
use crate::app::screens::{recover, replay};
use crate::app::when;
use crate::domain::recovery::judge::Verdict;
use crate::view::look::Role;
use crate::view::page::{Row, Size};
use crate::view::text;

/// The lines of the screen.
pub fn rows(model: &Model, size: Size) -> Vec<Row> {
    let screen = &model.recover;
    if replay::is_shown(model) {
        return by_binlog(model, size);
    }
    let mut rows = vec![Row::of("Recover a server to a moment", Role::Title)];
    if size.rows > 12 {
        let from = match &screen.base {
            Some(base) => format!("from {}", file_name(base)),
            None => format!("from the newest base backup in {} that leads there", model.setup.dir.display()),
        };
        rows.push(Row::of(text::cut(&from, size.cols), Role::Muted));
        rows.push(Row::new());
    }
    let verdict = verdict(model, size.cols);
    let hint = screen.form.current().map(|field| hint(field.id)).unwrap_or_default();
    let hint: Vec<Row> =
        text::wrap(hint, size.cols.saturating_sub(2)).into_iter().map(|line| Row::new().gap(2).then(line, Role::Muted)).collect();
    let room = size.rows.saturating_sub(rows.len() + hint.len() + 1);
    let fields = screen.form.fields.len().min(room.saturating_sub(verdict.len() + 1).max(3));
    rows.extend(form::rows(&screen.form, Here::Yes, &|id| screen.problem(id, &model.clock), size.cols, fields));
    rows.push(Row::new());
    rows.extend(hint);
    if !verdict.is_empty() && rows.len() + 1 < size.rows {
        rows.push(Row::new());
        rows.extend(verdict);
    }
    rows
}

/// The form of a recovery by the binary log.
fn by_binlog(model: &Model, size: Size) -> Vec<Row> {
    let form = &model.recover.form;
    let to = model.recovery.moment.map_or_else(|| "the end of the archive".to_owned(), |at| when::typed(at, &model.clock));
    let mut rows = vec![Row::of(text::cut(&format!("Recover this server to {to}"), size.cols), Role::Title)];
    if let Some((_, backup)) = &model.recover.replay {
        let from = format!("restores {}, then replays the archived log", file_name(backup));
        rows.push(Row::of(text::cut(&from, size.cols), Role::Muted));
    }
    rows.push(Row::new());
    let hint = form.current().map(|field| hint_of_replay(field.id)).unwrap_or_default();
    let hint = text::wrap(hint, size.cols.saturating_sub(2)).into_iter().map(|line| Row::new().gap(2).then(line, Role::Muted));
    rows.extend(super::form::rows(form, Here::Yes, &|id| replay::problem(model, id), size.cols, form.fields.len()));
    rows.push(Row::new());
    rows.extend(hint);
    rows
}

const fn hint_of_replay(id: FieldId) -> &'static str {
    match id {
        FieldId::Only => "Only this one's rows and tables are recovered; no users, no rights, no other databases. Empty: all of them.",
        FieldId::Target => "Another name recovers beside the database that is there. Empty: its own name.",
        FieldId::Existing => "Dropping needs a name typed on the next screen. Nothing is touched before that.",
        FieldId::Bound => "Whether the transaction that stands exactly at the moment is still recovered.",
        FieldId::Logged => "Replicas, and recovery to a later moment, take it from there. Leaving it out needs a right.",
        _ => "",
    }
}

/// Whether what is filled in can be recovered, as far as the archive's names and times say.
fn verdict(model: &Model, cols: usize) -> Vec<Row> {
    let Some(report) = model.recovery.report.value() else { return Vec::new() };
    let (said, role) = match recover::verdict(model) {
        Some(Verdict::Recoverable(way)) => (format!("✓ recoverable {}", pitr::way(model, report, &way)), Role::Ok),
        Some(Verdict::Not(obstacle)) => (format!("✗ not recoverable: {}", obstacle.reason), Role::Bad),
        None => return Vec::new(),
    };
    Row::wrapped(&said, role, 2, cols).into_iter().take(3).collect()
}

const fn hint(id: FieldId) -> &'static str {
    match id {
        FieldId::RecoverInto => "The new data directory. It must be empty, or not be there yet: nothing is overwritten.",
        FieldId::TargetKind => "Where replay stops. Everything that was committed up to there is recovered.",
        FieldId::TargetValue => {
            "A moment is local time unless it says its zone: 14:02:59, 30 Jan 14:02, 2026-01-30 13:02:59 UTC. A restore point has the name that pg_create_restore_point was given."
        }
        FieldId::Bound => "Whether the transaction that stands exactly at the target is still recovered.",
        FieldId::Timeline => "latest: the newest way that the base backup leads to; current: the base backup's own; or a number.",
        FieldId::TargetAction => {
            "Waiting, the server can be looked at and moved on to a later target; as a primary it begins a timeline of its own."
        }
        FieldId::Start => "Started, it is watched until it stops at the target, and the last transaction that was recovered is named.",
        FieldId::Port => "Empty: a port that is free, so that it is never taken for the server that runs.",
        FieldId::WalDir => "Where the log is archived. Empty: only what the base backup itself holds is replayed.",
        FieldId::MapTablespaces => "/old=/new, /old2=/new2: other folders for tablespaces.",
        FieldId::BinDir => "The folder with postgres and pg_ctl. Empty: found by the base backup's version.",
        FieldId::Jobs => "Threads that unpack.",
        _ => "",
    }
}
