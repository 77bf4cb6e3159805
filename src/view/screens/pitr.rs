//! PITR: what can be recovered, along a timeline; the moment under the cursor, from what it is recovered, and why it cannot be.

use super::archiving::{archiver, head, slots, stale, wanted};
use super::nothing;
use crate::app::jobs::file_name;
use crate::app::load::Load;
use crate::app::model::Model;
use crate::app::screens::pitr;
use crate::app::when;
use crate::domain::recovery::judge::{Obstacle, Verdict, Way};
use crate::domain::recovery::standing::{Standing, standing};
use crate::domain::recovery::{BaseKind, Micros, RecoveryReport};
use crate::domain::time::span;
use crate::view::fault;
use crate::view::layout::Density;
use crate::view::look::Role;
use crate::view::page::{Row, Size, window};
use crate::view::table::{self, Layout, longest, numbers, texts};
use crate::view::{text, timeline};

/// The lines of the screen.
pub fn rows(model: &Model, size: Size, density: Density) -> Vec<Row> {
    if let Some(product) = pitr::foreign(model) {
        return super::binlog::rows(model, product, super::binlog::Side::Recovery, size);
    }
    let screen = &model.recovery;
    let mut rows = Vec::new();
    match &screen.report {
        Load::Idle | Load::Loading(_) => {
            rows.push(Row::of("Recovery to a moment", Role::Title));
            rows.push(Row::new());
            rows.push(nothing("looking at the server, the archive of its log and the base backups …"));
        }
        Load::Failed(problem) => {
            rows.push(Row::of("Recovery to a moment", Role::Title));
            rows.push(Row::new());
            rows.extend(fault::short(problem, size.cols));
            rows.push(Row::of("R", Role::Key).then(" asks again", Role::Muted));
        }
        Load::Ready(report, _) | Load::Stale(report, _) => {
            rows.push(head(model, report, size.cols));
            rows.extend(stale(model, size.cols));
            rows.extend(ready(model, report, Size { rows: size.rows.saturating_sub(rows.len()), ..size }, density));
        }
    }
    rows
}

fn ready(model: &Model, report: &RecoveryReport, size: Size, density: Density) -> Vec<Row> {
    let (cols, air) = (size.cols, density == Density::Full);
    let mut rows = Vec::new();
    if density > Density::Short {
        rows.extend(windows(model, report, cols));
    }
    let lines = pitr::lines(report);
    if lines.is_empty() {
        rows.push(Row::new());
        rows.extend(wanted(report, cols, size.rows.saturating_sub(2)));
        return rows;
    }
    if density > Density::Short {
        rows.push(Row::new());
    }
    // Beside the line: the moment, the verdict, archiver and slots.
    let most = match density {
        Density::Full => lines.len().min(12) + 2,
        Density::Compact => lines.len().min(4) + 2,
        Density::Short | Density::Line => 3,
    };
    rows.extend(timeline::rows(model, report, most));
    if air {
        rows.push(legend(cols));
        rows.push(Row::new());
    }
    rows.extend(moment(model, cols));
    let foot = foot(model, report, cols);
    // On the smallest screen only the verdict has room.
    let foot = if density == Density::Short { Vec::new() } else { foot };
    let room = size.rows.saturating_sub(rows.len() + foot.len() + usize::from(air));
    let verdict = verdict(model, report, cols, density);
    rows.extend(verdict.into_iter().take(room.max(1)));
    if air {
        rows.push(Row::new());
    }
    rows.extend(foot);
    let room = size.rows.saturating_sub(rows.len());
    if density > Density::Short && room >= 2 {
        let wanted = wanted(report, cols, room - usize::from(air));
        if !wanted.is_empty() && air {
            rows.push(Row::new());
        }
        rows.extend(wanted);
    }
    let room = size.rows.saturating_sub(rows.len());
    if air && room >= 5 {
        rows.push(Row::new());
        rows.extend(bases(model, report, cols, room - 1));
    }
    rows
}

/// The base backups, the newest first; the one that would be used is marked.
fn bases(model: &Model, report: &RecoveryReport, cols: usize, height: usize) -> Vec<Row> {
    if report.bases.is_empty() {
        return Vec::new();
    }
    let (used, chain) = match pitr::verdict(model) {
        Some(Verdict::Recoverable(way)) => (Some(way.base), way.chain.clone()),
        _ => (None, Vec::new()),
    };
    let names: Vec<String> = report.bases.iter().map(|base| file_name(&base.path)).collect();
    let layout = Layout::new(
        &[
            texts("BASE BACKUP", 22, 0),
            texts("KIND", 12, 1),
            numbers("TIMELINE", 8, 4),
            numbers("SIZE", 9, 2),
            numbers("RESTORED", 9, 3),
            texts("", 10, 0),
            table::names("ARCHIVE", 24, longest(names.iter().map(String::as_str), 24, 72)).ranked(5),
        ],
        cols.saturating_sub(2),
    );
    let mut rows = vec![Row::new().gap(2).join(layout.head())];
    let order: Vec<usize> = (0..report.bases.len()).rev().collect();
    let cursor = order.iter().position(|at| Some(*at) == used).unwrap_or(0);
    let lines: Vec<Row> = order
        .into_iter()
        .map(|at| {
            let base = &report.bases[at];
            let (state, role) = match &base.broken {
                Some(_) => ("✗ broken", Role::Bad),
                None if Some(at) == used => ("✓ used", Role::Ok),
                None if chain.contains(&at) => ("✓ needed", Role::Ok),
                None => ("", Role::Muted),
            };
            let kind = match base.kind {
                BaseKind::Full => "full",
                BaseKind::Differential => "differential",
                BaseKind::Incremental => "incremental",
            };
            Row::new().gap(2).join(layout.row(&[
                (when::date_second(base.ended, &model.clock), Role::Text),
                (kind.to_owned(), Role::Text),
                (base.timeline.to_string(), Role::Muted),
                (base.bytes.to_string(), Role::Text),
                (base.plain.to_string(), Role::Muted),
                (state.to_owned(), role),
                (names[at].clone(), Role::Muted),
            ]))
        })
        .collect();
    rows.extend(window(lines, cursor, height - 1));
    rows
}

/// From when to when every moment can be recovered, and what is left out.
fn windows(model: &Model, report: &RecoveryReport, cols: usize) -> Vec<Row> {
    let clock = &model.clock;
    let (Some((from, _)), Some((_, to))) = (report.windows.first(), report.windows.last()) else {
        return vec![match standing(report) {
            Standing::Unknown => Row::of("▲ it is not known to which moments there is a log", Role::Warn),
            _ => Row::of("✗ no moment can be recovered", Role::Bad),
        }];
    };
    let head =
        format!("✓ any moment from {} to {} {}", when::date_second(*from, clock), when::date_second(*to, clock), clock.zone_at(*to).1);
    let holes: Vec<String> = report
        .windows
        .windows(2)
        .map(|pair| {
            let (from, to) = (pair[0].1, pair[1].0);
            let same = when::date(from, clock) == when::date(to, clock) && to.since(from) < 86_400_000;
            match (same, to.since(from)) {
                (true, 0..600_000) => format!("{} – {}", when::date_second(from, clock), when::second(to, clock)),
                (true, _) => format!("{} – {}", when::date_minute(from, clock), when::minute(to, clock)),
                (false, _) => format!("{} – {}", when::date_minute(from, clock), when::date_minute(to, clock)),
            }
        })
        .collect();
    let said = match holes.as_slice() {
        [] => head,
        [one] => format!("{head}, except {one}"),
        [.., last] => format!("{head}, except {last} and {}", text::plural(holes.len() as u64 - 1, "earlier span", "earlier spans")),
    };
    let role = if holes.is_empty() { Role::Ok } else { Role::Text };
    Row::wrapped(&said, role, 2, cols).into_iter().take(2).collect()
}

fn legend(cols: usize) -> Row {
    let mut row = Row::new();
    for (mark, meaning) in timeline::LEGEND {
        let gap = if row.width() > 0 { 3 } else { 0 };
        if row.width() + gap + text::width(mark) + 1 + text::width(meaning) > cols {
            break;
        }
        row = row.gap(gap).then(format!("{mark} {meaning}"), Role::Muted);
    }
    row
}

/// The moment that is being typed; none while none is.
pub fn typed_moment(model: &Model, cols: usize) -> Option<Vec<Row>> {
    let clock = &model.clock;
    let input = model.recovery.typing.as_ref()?;
    let field = super::form::with_cursor(input.value(), input.cursor(), cols.saturating_sub(12).min(48));
    let (said, role) = match pitr::typed(model) {
        Some(Ok(at)) => (format!("= {}", both(at, model, cols.saturating_sub(2))), Role::Text),
        _ if input.value().trim().is_empty() => (format!("such as {}", crate::domain::recovery::typed::EXAMPLES), Role::Muted),
        Some(Err(why)) => (format!("✗ {why}"), Role::Bad),
        None => (String::new(), Role::Text),
    };
    let zone = format!("{} ({}) where none is written", clock.zone, when::offset(clock.offset));
    let mut rows = vec![Row::of("moment  ", Role::Muted).join(field).ending(zone, Role::Muted, cols)];
    rows.extend(Row::wrapped(&said, role, 2, cols).into_iter().take(2));
    Some(rows)
}

/// The moment that is looked at, in both zones; or the one that is being typed.
fn moment(model: &Model, cols: usize) -> Vec<Row> {
    let clock = &model.clock;
    if let Some(rows) = typed_moment(model, cols) {
        return rows;
    }
    let verdict = match pitr::verdict(model) {
        Some(Verdict::Recoverable(_)) => ("✓ recoverable", Role::Ok),
        Some(Verdict::Not(_)) => ("✗ not recoverable", Role::Bad),
        None => ("", Role::Text),
    };
    let room = cols.saturating_sub(text::width(verdict.0) + 2);
    let said = match (model.recovery.moment, pitr::cursor(model)) {
        (Some(at), _) => both(at, model, room),
        (None, Some(at)) => {
            let exact = when::exact(at.into(), clock);
            let said = format!("the end of the archive: {exact}");
            if text::width(&said) <= room { said } else { exact }
        }
        (None, None) => "the end of the archive".to_owned(),
    };
    vec![Row::of(text::cut(&said, room), Role::Title).ending(verdict.0, verdict.1, cols)]
}

/// A moment in the local zone and in UTC, as far as there is room.
fn both(at: Micros, model: &Model, room: usize) -> String {
    let local = when::exact(at, &model.clock);
    let utc = when::utc_micros(at).replace("+00", " UTC");
    let both = format!("{local}   {utc}");
    if text::width(&both) <= room {
        return both;
    }
    // The day is the same or the one beside it: the time of day says which.
    let short = format!("{local} ({} UTC)", utc.get(11..).unwrap_or_default().trim_end_matches(" UTC"));
    if text::width(&short) <= room { short } else { local }
}

fn verdict(model: &Model, report: &RecoveryReport, cols: usize, density: Density) -> Vec<Row> {
    match pitr::verdict(model) {
        Some(Verdict::Recoverable(way)) => recoverable(model, report, way, cols, density),
        Some(Verdict::Not(obstacle)) => not(model, report, obstacle, cols, density),
        None => Vec::new(),
    }
}

/// From what something is recovered, in one sentence.
pub fn way(model: &Model, report: &RecoveryReport, way: &Way) -> String {
    let Some(base) = report.bases.get(way.base) else { return String::new() };
    let kind = match base.kind {
        BaseKind::Full => "base backup",
        BaseKind::Differential => "differential backup",
        BaseKind::Incremental => "incremental backup",
    };
    let chain = match way.chain.len() {
        0 | 1 => String::new(),
        more => format!(", with {} it builds on", more - 1),
    };
    format!(
        "from the {kind} of {}{chain} ({}) with {} of the log ({}), about {}",
        when::date_minute(base.ended, &model.clock),
        way.base_bytes,
        text::plural(way.segments, "segment", "segments"),
        way.bytes,
        span(way.about_ms.max(1000) / 1000 * 1000),
    )
}

fn recoverable(model: &Model, report: &RecoveryReport, found: &Way, cols: usize, density: Density) -> Vec<Row> {
    let mut rows = Row::wrapped(&way(model, report, found), Role::Text, 2, cols);
    rows.extend(found.notes.iter().flat_map(|note| Row::wrapped(note, Role::Muted, 2, cols)));
    if density == Density::Full {
        rows.extend(others(report, "why not", &found.others, cols));
    }
    rows
}

fn not(model: &Model, report: &RecoveryReport, obstacle: &Obstacle, cols: usize, density: Density) -> Vec<Row> {
    let mut rows: Vec<Row> = Row::wrapped(&obstacle.reason, Role::Bad, 2, cols).into_iter().take(3).collect();
    let near = |at| when::date_second(at, &model.clock);
    let nearest = match (obstacle.before, obstacle.after) {
        (Some(before), Some(after)) => format!("nearest that can be: {} before, {} after", near(before), near(after)),
        (Some(before), None) => format!("the last that can be: {}", near(before)),
        (None, Some(after)) => format!("the first that can be: {}", near(after)),
        (None, None) => String::new(),
    };
    if !nearest.is_empty() {
        rows.push(Row::of(text::cut(&nearest, cols), Role::Text));
    }
    if density == Density::Full {
        rows.extend(others(report, "why not", &obstacle.others, cols));
    }
    rows
}

/// The other base backups, and why not each.
fn others(report: &RecoveryReport, head: &str, others: &[(usize, String)], cols: usize) -> Vec<Row> {
    const MOST: usize = 3;
    let mut rows: Vec<Row> = Vec::new();
    for (at, why) in others.iter().take(MOST) {
        let name = report.bases.get(*at).map(|base| file_name(&base.path)).unwrap_or_default();
        rows.push(Row::of(text::cut(&format!("{head} {name}: {why}"), cols), Role::Muted));
    }
    if others.len() > MOST {
        rows.push(Row::of(format!("and {} more", others.len() - MOST), Role::Muted));
    }
    rows
}

/// How archiver and slots are, a line each.
fn foot(model: &Model, report: &RecoveryReport, cols: usize) -> Vec<Row> {
    let mut rows = vec![archiver(model, report.wal.archiver.as_ref(), cols)];
    rows.push(slots(report, cols));
    rows
}
