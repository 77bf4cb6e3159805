//! What the screens PITR and WAL say alike: whose log it is, how archiver and slots are, what wants attention.

use crate::app::load::Load;
use crate::app::model::Model;
use crate::app::screens::pitr;
use crate::app::when;
use crate::domain::diagnosis::Finding;
use crate::domain::fault::Severity;
use crate::domain::recovery::RecoveryReport;
use crate::domain::recovery::standing::{Standing, product, standing};
use crate::domain::wal::ArchiverState;
use crate::view::look::Role;
use crate::view::page::Row;
use crate::view::text;

/// That a report is an older one, and why.
pub fn stale(model: &Model, cols: usize) -> Option<Row> {
    let Load::Stale(_, fault) = &model.recovery.report else { return None };
    let said = text::cut(&format!("▲ these are older figures: {}", fault.code.title()), cols.saturating_sub(16));
    Some(Row::of(said, Role::Warn).then("   R", Role::Key).then(" asks again", Role::Muted))
}

/// What it is about, and how fresh it is.
pub fn head(model: &Model, report: &RecoveryReport, cols: usize) -> Row {
    let server = model.servers.get(model.recovery.server).map(|server| server.connection.label()).unwrap_or_default();
    let place = match (standing(report), &report.wal.source.dir) {
        (Standing::Foreign(kind), _) => format!("log kept by {}", product(kind)),
        (_, Some(dir)) => format!("log in {}", dir.display()),
        (Standing::Unknown, None) => "archive of the log not known".to_owned(),
        (_, None) => "no archive of the log".to_owned(),
    };
    let fresh = match pitr::is_asking(model) {
        true => "looking again …".to_owned(),
        false => format!("as of {}", when::second(report.at, &model.clock)),
    };
    let room = cols.saturating_sub(text::width(&fresh) + 3);
    let place = text::cut_middle(&place, room.saturating_sub(text::width(&server) + 3));
    Row::of(server, Role::Title).then(format!(" · {place}"), Role::Text).ending(fresh, Role::Muted, cols)
}

/// The archiver on a line.
pub fn archiver(model: &Model, archiver: Option<&ArchiverState>, cols: usize) -> Row {
    let head = Row::of("ARCHIVER  ", Role::Muted);
    let room = cols.saturating_sub(10);
    let Some(state) = archiver else { return head.then("the server was not asked, or did not answer", Role::Muted) };
    let waits = match state.ready {
        Some(0) | None => String::new(),
        Some(ready) => format!(", {} waiting", text::plural(ready, "segment", "segments")),
    };
    let ago = |at| when::age(at, &model.clock);
    let (said, role) = match (&state.last, &state.last_failed) {
        _ if state.archive_mode == "off" => ("✗ off: archive_mode = off".to_owned(), Role::Bad),
        (last, Some((name, at))) if state.is_failing() => {
            let good = last.as_ref().map(|(_, at)| format!(" since {}", ago(*at))).unwrap_or_default();
            (format!("✗ fails{good}{waits}, {} failed, tried {name} {}", text::count(state.failed), ago(*at)), Role::Bad)
        }
        (Some((name, at)), _) => {
            let age = ago(*at);
            let age = if age == "just now" { age } else { format!("{age} ago") };
            (format!("✓ ok, last {name} {age}, {} failed{waits}", text::count(state.failed)), Role::Text)
        }
        (None, _) => (format!("nothing archived yet{waits}"), Role::Text),
    };
    head.then(text::cut(&said, room), role)
}

/// The slots on a line.
pub fn slots(report: &RecoveryReport, cols: usize) -> Row {
    let head = Row::of("SLOTS     ", Role::Muted);
    if report.wal.archiver.is_none() && report.wal.slots.is_empty() {
        return head.then("not known", Role::Muted);
    }
    let one =
        |slot: &crate::domain::wal::SlotHold| format!("{} holds {}{}", slot.name, slot.held, if slot.active { "" } else { ", unused" });
    match report.wal.slots.as_slice() {
        [] => head.then("none holds the log", Role::Text),
        all => {
            let said: Vec<String> = all.iter().take(3).map(one).collect();
            let more = if all.len() > 3 { format!(" · and {} more", all.len() - 3) } else { String::new() };
            let idle = all.iter().any(|slot| !slot.active);
            head.then(
                text::cut(&format!("{}{more}", said.join(" · ")), cols.saturating_sub(10)),
                if idle { Role::Warn } else { Role::Text },
            )
        }
    }
}

/// What wants attention, with what to do about it; then what could not be found out.
pub fn wanted(report: &RecoveryReport, cols: usize, height: usize) -> Vec<Row> {
    let found = report.findings.iter().map(|finding| (finding_rows(finding, cols), &finding.title));
    let unknown = report.wal.unknown.iter().map(|text| (Row::wrapped(&format!("· {text}"), Role::Muted, 2, cols), text));
    let all: Vec<(Vec<Row>, &String)> = found.chain(unknown).collect();
    let mut rows: Vec<Row> = Vec::new();
    let mut shown = 0;
    for (own, _) in &all {
        let rest = usize::from(shown + 1 < all.len());
        if rows.len() + own.len() + rest > height {
            break;
        }
        rows.extend(own.iter().cloned());
        shown += 1;
    }
    if shown < all.len() && rows.len() < height {
        let more = all.len() - shown;
        // Where not even the first one fits, its first line says more than a number.
        match all.first().filter(|_| shown == 0) {
            Some((_, first)) => rows.push(Row::of(text::cut(&format!("▲ {first}"), cols), Role::Warn)),
            None => rows.push(Row::of(format!("and {more} more"), Role::Muted)),
        }
    }
    rows
}

/// A finding with the first command that cures it, or what to do where none does.
fn finding_rows(finding: &Finding, cols: usize) -> Vec<Row> {
    let (sign, role) = match finding.severity {
        Severity::Fatal | Severity::Critical => ("✗ ", Role::Bad),
        Severity::Warning => ("▲ ", Role::Warn),
        Severity::Ignorable => ("· ", Role::Muted),
    };
    let mut rows = Row::wrapped(&format!("{sign}{}", finding.title), role, 2, cols);
    let command = finding.steps.iter().find_map(|step| step.command.as_ref());
    // Where room is short, advice without a command is for what is in the way only.
    let words = finding.steps.first().map(|step| &step.text).filter(|_| command.is_none() && finding.severity > Severity::Warning);
    for (said, role) in command.map(|said| (said, Role::Accent)).into_iter().chain(words.map(|said| (said, Role::Muted))) {
        rows.extend(text::wrap(said, cols.saturating_sub(6)).into_iter().map(|line| Row::new().gap(6).then(line, role)));
    }
    rows
}
