//! Diagnostics: gauges, what wants attention with its cure, and the reports that were kept.

use super::{Here, listed, nothing, pointer};
use crate::app::jobs::file_name;
use crate::app::load::Load;
use crate::app::model::Model;
use crate::app::when;
use crate::domain::diagnosis::gauge::gauges;
use crate::domain::diagnosis::mysql::{BufferPool, MysqlFacts};
use crate::domain::diagnosis::{About, Diagnosis, Finding, Gauge, Level, ServerFacts};
use crate::domain::fault::Severity;
use crate::domain::job::Ratio;
use crate::domain::time::span;
use crate::view::bar::{self, Over};
use crate::view::fault;
use crate::view::layout::Density;
use crate::view::look::Role;
use crate::view::page::{Row, Size, window};
use crate::view::table::{Layout, grows, texts};
use crate::view::text;

/// The screen.
pub fn rows(model: &Model, size: Size, density: Density) -> Vec<Row> {
    let screen = &model.diagnostics;
    let mut rows = vec![head(model, size.cols)];
    match &screen.report {
        Load::Idle | Load::Loading(_) => {
            rows.push(Row::new());
            rows.push(nothing(if screen.file.is_some() {
                "reading the report …"
            } else {
                "looking at host and server, five seconds at the most …"
            }));
        }
        Load::Failed(problem) => {
            rows.push(Row::new());
            rows.extend(fault::short(problem, size.cols));
        }
        Load::Ready(diagnosis, _) | Load::Stale(diagnosis, _) => {
            rows.extend(error(diagnosis, size.cols));
            rows.extend(figures(diagnosis, size, density));
            if density > Density::Compact {
                rows.push(Row::new());
            }
            let room = size.rows.saturating_sub(rows.len());
            rows.extend(findings(model, size.cols, room));
        }
    }
    rows
}

fn head(model: &Model, cols: usize) -> Row {
    let screen = &model.diagnostics;
    let diagnosis = screen.report.value();
    let server = diagnosis.and_then(|diagnosis| diagnosis.server.as_ref()).map(|server| server.label.clone());
    let title = match (&screen.file, server) {
        (Some(file), _) => format!("Report {}", file_name(file)),
        (None, Some(server)) => format!("Diagnostics of {server}"),
        (None, None) => "Diagnostics of this host".to_owned(),
    };
    let when = diagnosis.map(|diagnosis| match screen.file {
        Some(_) => format!("made {}   R looks anew", when::day(diagnosis.generated_ms, &model.clock)),
        None => format!("collected {}, took {}   R again", when::second(diagnosis.generated_ms, &model.clock), span(diagnosis.took_ms)),
    });
    let when = if model.is_diagnosing() && diagnosis.is_some() { Some("collecting again …".to_owned()) } else { when };
    let row = Row::of(text::cut(&title, cols), Role::Title);
    match when {
        Some(when) => row.ending(when, Role::Muted, cols),
        None => row,
    }
}

/// What failed, where the report is about a failure.
fn error(diagnosis: &Diagnosis, cols: usize) -> Vec<Row> {
    let Some(error) = &diagnosis.error else { return Vec::new() };
    let code = error.code.as_str();
    let message = error.message.lines().next().unwrap_or_default();
    vec![Row::of(text::cut(&format!("✗ {message}"), cols.saturating_sub(code.len() + 2)), Role::Bad).ending(code, Role::Muted, cols)]
}

/// Gauges, the way to the server, and what is what.
fn figures(diagnosis: &Diagnosis, size: Size, density: Density) -> Vec<Row> {
    let mut all = gauges(diagnosis);
    let most = if density <= Density::Compact { 2 } else { 8 };
    let mut hidden = 0;
    if density == Density::Short {
        // There is room for what wants attention only.
        all.retain(|gauge| gauge.level != Level::Fine);
        all.truncate(3);
    }
    let disks = all.iter().filter(|gauge| gauge.name.starts_with("disk ")).count();
    if disks > most {
        // The fullest stay in sight.
        let mut order: Vec<usize> = (0..disks).collect();
        order.sort_by(|a, b| all[*b].percent.unwrap_or(101.0).total_cmp(&all[*a].percent.unwrap_or(101.0)));
        let mut leave: Vec<usize> = order.split_off(most);
        leave.sort_unstable();
        hidden = leave.len();
        for at in leave.into_iter().rev() {
            all.remove(at);
        }
    }
    let widest = all.iter().map(|gauge| text::width(&gauge.name)).max().unwrap_or(0);
    let label = widest.min((size.cols / 4).max(14)) + 2;
    let bar = if size.cols < 60 { 8 } else { (size.cols / 5).clamp(10, 30) };
    let mut rows: Vec<Row> = all.iter().map(|gauge| gauge_row(gauge, label, bar, size.cols)).collect();
    if hidden > 0 {
        rows.insert(
            most,
            Row::of(format!("{}{}", " ".repeat(label), text::plural(hidden as u64, "emptier disk", "emptier disks")), Role::Muted),
        );
    }
    if density == Density::Short {
        return rows;
    }
    let Some(server) = &diagnosis.server else { return rows };
    rows.push(way(server, label, size.cols));
    let facts = facts(server);
    if !facts.is_empty() {
        rows.push(Row::of(text::left("server", label), Role::Muted).then(text::cut(&facts, size.cols.saturating_sub(label)), Role::Text));
    }
    if let (Some(about), Some(mysql)) = (server.about.known(), &server.mysql) {
        let figures = family(about, mysql).join(" · ");
        rows.push(
            Row::of(text::left("figures", label), Role::Muted).then(text::cut(&figures, size.cols.saturating_sub(label)), Role::Text),
        );
    }
    rows
}

fn gauge_row(gauge: &Gauge, label: usize, bar: usize, cols: usize) -> Row {
    let name = text::left(&text::cut_middle(&gauge.name, label - 1), label);
    let row = Row::of(name, Role::Text);
    let Some(percent) = gauge.percent else {
        return row.then(text::cut(&format!("unknown: {}", gauge.detail), cols.saturating_sub(label)), Role::Muted);
    };
    let (mark, role) = match gauge.level {
        Level::Fine => ("", Role::Muted),
        Level::High => ("▲ high", Role::Warn),
        Level::Critical => ("✗ critical", Role::Bad),
    };
    let full = Ratio { done: (percent * 100.0) as u64, total: 10_000 };
    let over = if percent >= 100.0 { Over::Yes } else { Over::No };
    let drawn = bar::bar(full, over, bar);
    let drawn = match gauge.level {
        Level::Fine => drawn,
        _ => drawn.recoloured(Role::Bar, role),
    };
    let row =
        row.join(drawn).then(format!(" {}", bar::percent_text(full, over)), if gauge.level == Level::Fine { Role::Text } else { role });
    let room = cols.saturating_sub(row.width() + 3 + if mark.is_empty() { 0 } else { text::width(mark) + 2 });
    row.then(format!("   {}", text::cut(&gauge.detail, room)), Role::Muted).ending(mark, role, cols)
}

/// The steps on the way to the server, with their times.
fn way(server: &ServerFacts, label: usize, cols: usize) -> Row {
    let mut row = Row::of(text::left("reached", label), Role::Muted);
    for (nth, hop) in server.reach.iter().enumerate() {
        let gap = if nth > 0 { " · " } else { "" };
        row = match hop.outcome.known() {
            Some(_) => row.then(format!("{gap}{} {} ms", hop.step.words(), hop.took_ms), Role::Text),
            None => {
                let failed =
                    format!("{gap}✗ {} failed after {} ms: {}", hop.step.words(), hop.took_ms, hop.outcome.why().unwrap_or_default());
                let room = cols.saturating_sub(row.width());
                row.then(text::cut(&failed, room), Role::Bad)
            }
        };
    }
    row
}

/// What the server is, on one line.
fn facts(server: &ServerFacts) -> String {
    let mut parts = Vec::new();
    if let Some(about) = server.about.known() {
        parts.push(about.version.clone());
        parts.push(match (&server.mysql, about.in_recovery) {
            (None, true) => "standby".to_owned(),
            (None, false) => "primary".to_owned(),
            (Some(_), true) => "read only".to_owned(),
            (Some(_), false) => "read and write".to_owned(),
        });
        if server.mysql.is_none() {
            parts.push(format!("shared_buffers {}", about.shared_buffers));
        }
    }
    if server.mysql.is_none() {
        parts.extend(server.tool.known().cloned());
    }
    if let Some(archiver) = server.archiver.known().filter(|archiver| archiver.mode != "off") {
        parts.push(format!("archiver {}", if archiver.failing { "failing" } else { "ok" }));
    }
    if let Some(slots) = server.slots.known().filter(|slots| !slots.is_empty()) {
        parts.push(text::plural(slots.len() as u64, "slot", "slots"));
    }
    parts.join(" · ")
}

/// The same of what only MySQL and MariaDB have.
fn family(about: &About, mysql: &MysqlFacts) -> Vec<String> {
    let mut parts = Vec::new();
    let hits = mysql.pool.known().and_then(BufferPool::hit_percent).map_or_else(String::new, |percent| format!(", {percent:.1} % hits"));
    parts.push(format!("buffer pool {}{hits}", about.shared_buffers));
    match mysql.log.known() {
        Some(log) if log.written => parts.push(format!("binary log {} in {}", log.bytes, text::plural(log.files, "file", "files"))),
        Some(_) => parts.push("no binary log".to_owned()),
        None => {}
    }
    for one in mysql.replication.known().into_iter().flatten() {
        let state = match (one.works(), one.behind_seconds) {
            (false, _) => "broken".to_owned(),
            (true, Some(behind)) => format!("{behind} s behind"),
            (true, None) => "at work".to_owned(),
        };
        parts.push(format!("replica of {}, {state}", one.words()));
    }
    parts
}

/// What wants attention, the worst first; the cure stands below each, the evidence where it was asked for.
fn findings(model: &Model, cols: usize, room: usize) -> Vec<Row> {
    let screen = &model.diagnostics;
    let findings = screen.findings();
    let mut rows = vec![Row::of("FINDINGS", Role::Muted).ending(findings.len().to_string(), Role::Muted, cols)];
    if findings.is_empty() {
        rows.push(Row::of("✓ nothing wants attention", Role::Ok));
        return rows;
    }
    let cursor = screen.picker.row(&screen.keys());
    let mut lines = Vec::new();
    let mut from = 0;
    for (at, finding) in findings.iter().enumerate() {
        if at == cursor {
            from = lines.len();
        }
        lines.extend(finding_rows(
            finding,
            Here::at(at, cursor),
            if screen.open.contains(&at) { Evidence::Shown } else { Evidence::Folded },
            cols,
        ));
        if at == cursor {
            // What belongs to the cursor is seen as a whole, as far as there is room.
            let rest = lines.len() - from;
            from += rest.saturating_sub(1).min(room.saturating_sub(2) / 2);
        }
    }
    rows.extend(window(lines, from, room.saturating_sub(1)));
    rows
}

/// Whether what speaks for a finding is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Evidence {
    Shown,
    Folded,
}

fn finding_rows(finding: &Finding, here: Here, evidence: Evidence, cols: usize) -> Vec<Row> {
    let (mark, role) = match finding.severity {
        Severity::Ignorable => ("·", Role::Muted),
        Severity::Warning => ("▲", Role::Warn),
        Severity::Critical | Severity::Fatal => ("✗", Role::Bad),
    };
    let code = finding.code.map_or("", crate::domain::Code::as_str);
    let wide = cols.saturating_sub(text::width(code) + 7);
    let mut rows = Vec::new();
    for (nth, line) in text::wrap(&finding.title, wide).into_iter().enumerate() {
        let row = match nth {
            0 => Row::of(format!("{mark} "), role).then(line, role).ending(code, Role::Muted, cols.saturating_sub(3)),
            _ => Row::new().gap(2).then(line, role),
        };
        rows.push(match nth {
            0 => listed(row, here, cols),
            _ => Row::of(pointer(Here::No), Role::Text).join(row),
        });
    }
    if evidence == Evidence::Shown {
        for line in &finding.evidence {
            rows.extend(indented(line, Role::Muted, 4, cols));
        }
    }
    let steps = if evidence == Evidence::Shown { finding.steps.len() } else { 1 };
    for step in finding.steps.iter().take(steps) {
        match &step.command {
            // What fits stands on one line with its command.
            Some(command) if text::width(&step.text) + text::width(command) + 9 <= cols => {
                rows.push(Row::new().gap(6).then(&step.text, Role::Text).gap(2).then(command, Role::Accent));
            }
            Some(command) => {
                rows.extend(indented(&step.text, Role::Text, 6, cols));
                rows.extend(indented(command, Role::Accent, 8, cols));
            }
            None => rows.extend(indented(&step.text, Role::Text, 6, cols)),
        }
    }
    rows
}

fn indented(line: &str, role: Role, indent: usize, cols: usize) -> Vec<Row> {
    text::wrap(line, cols.saturating_sub(indent)).into_iter().map(|line| Row::new().gap(indent).then(line, role)).collect()
}

/// The reports that were kept.
pub fn past(model: &Model, size: Size) -> Vec<Row> {
    let screen = &model.diagnostics;
    let mut rows = vec![Row::of("Reports of failures, the newest first", Role::Title)];
    let layout = Layout::new(&[texts("MADE", 19, 0), texts("CODE", 22, 2), grows("WHAT AND WHY", 20, 400)], size.cols.saturating_sub(2));
    rows.push(Row::new().gap(2).join(layout.head()));
    match &screen.past {
        Load::Idle | Load::Loading(_) => rows.push(nothing("looking for reports …")),
        Load::Failed(problem) => rows.extend(fault::short(problem, size.cols)),
        Load::Ready(reports, _) | Load::Stale(reports, _) if reports.is_empty() => {
            rows.push(nothing("no report yet: one is written when a job fails, and by w on the screen before"));
        }
        Load::Ready(reports, _) | Load::Stale(reports, _) => {
            let cursor = screen.past_picker.row(&screen.past_keys());
            let room = size.rows.saturating_sub(rows.len());
            let lines = reports.iter().enumerate().map(|(at, report)| {
                let (about, role) = match &report.about {
                    Ok(about) => (about.lines().next().unwrap_or_default().to_owned(), Role::Text),
                    Err(why) => (format!("✗ unreadable: {why}"), Role::Bad),
                };
                let code = report.code.map_or("—", crate::domain::Code::as_str);
                let cells = [(report.stamp.clone(), Role::Text), (code.to_owned(), Role::Muted), (about, role)];
                listed(layout.row(&cells), Here::at(at, cursor), size.cols)
            });
            rows.extend(window(lines.collect(), cursor, room));
        }
    }
    rows
}
