//! WAL: the archive of the log in figures, hour by hour; what is missing, how it grows, how the server gets on with it.

use super::{Here, archiving as shared, listed, nothing};
use crate::app::load::Load;
use crate::app::model::Model;
use crate::app::screens::pitr;
use crate::app::when;
use crate::domain::recovery::RecoveryReport;
use crate::domain::recovery::standing::{Standing, standing};
use crate::domain::time::span;
use crate::domain::wal::{Hour, WalReport};
use crate::domain::{Bytes, Stamp};
use crate::view::layout::Density;
use crate::view::look::Role;
use crate::view::page::{Row, Size, window};
use crate::view::table::{Layout, grows, numbers, texts};
use crate::view::{chart, fault, text};

/// Hours that are drawn.
const HOURS: usize = 48;

/// Cells at the left of a chart.
const LABEL: usize = 6;

/// The lines of the screen.
pub fn rows(model: &Model, size: Size, density: Density) -> Vec<Row> {
    if let Some(product) = pitr::foreign(model) {
        return super::binlog::rows(model, product, super::binlog::Side::Archive, size);
    }
    let mut rows = Vec::new();
    match &model.recovery.report {
        Load::Idle | Load::Loading(_) => {
            rows.push(Row::of("Archive of the log", Role::Title));
            rows.push(Row::new());
            rows.push(nothing("counting what is archived, and asking the server …"));
        }
        Load::Failed(problem) => {
            rows.push(Row::of("Archive of the log", Role::Title));
            rows.push(Row::new());
            rows.extend(fault::short(problem, size.cols));
            rows.push(Row::of("R", Role::Key).then(" asks again", Role::Muted));
        }
        Load::Ready(report, _) | Load::Stale(report, _) => {
            rows.push(shared::head(model, report, size.cols));
            rows.extend(shared::stale(model, size.cols));
            let rest = Size { rows: size.rows.saturating_sub(rows.len()), ..size };
            match standing(report) {
                Standing::Archive => rows.extend(archive(model, report, rest, density)),
                _ => {
                    rows.push(Row::new());
                    rows.extend(shared::wanted(report, size.cols, rest.rows.saturating_sub(4)));
                    rows.push(Row::new());
                    rows.push(shared::archiver(model, report.wal.archiver.as_ref(), size.cols));
                    rows.push(shared::slots(report, size.cols));
                }
            }
        }
    }
    rows
}

fn archive(model: &Model, report: &RecoveryReport, size: Size, density: Density) -> Vec<Row> {
    let (cols, air) = (size.cols, density == Density::Full);
    let wal = &report.wal;
    let mut rows = figures(model, wal, cols, density);
    let short = density == Density::Short;
    if !short {
        rows.push(Row::new());
        let height = if air { (size.rows / 5).clamp(5, 10) } else { 3 };
        rows.extend(charts(model, wal, report.at, cols, height));
        if air {
            rows.push(Row::new());
        }
    }
    rows.extend(forecast(wal, cols));
    rows.push(shared::archiver(model, wal.archiver.as_ref(), cols));
    if !short {
        rows.push(shared::slots(report, cols));
    }
    let room = size.rows.saturating_sub(rows.len());
    let gaps = gaps(model, cols, if air { room / 3 } else { 3.min(room) });
    let lines = if air { timelines(model, wal, cols, room / 3) } else { Vec::new() };
    if !gaps.is_empty() {
        rows.extend(air.then(Row::new));
        rows.extend(gaps);
    }
    if !lines.is_empty() {
        rows.push(Row::new());
        rows.extend(lines);
    }
    let room = size.rows.saturating_sub(rows.len() + usize::from(air));
    let wanted = if short || room == 0 { Vec::new() } else { shared::wanted(report, cols, room) };
    if !wanted.is_empty() {
        rows.extend(air.then(Row::new));
        rows.extend(wanted);
    }
    rows
}

/// The figures of W3.
fn figures(model: &Model, wal: &WalReport, cols: usize, density: Density) -> Vec<Row> {
    let stats = &wal.stats;
    let part = |value: String, label: &str| Row::of(value, Role::Title).then(format!(" {label}"), Role::Muted);
    let mut parts = vec![
        part(crate::domain::size::grouped(stats.files), if stats.files == 1 { "file" } else { "files" }),
        part(stats.bytes.to_string(), "in all"),
        part(stats.average().to_string(), "each"),
    ];
    match stats.saved() {
        Some(saved) => parts.push(part(format!("{saved:.1} %"), "saved by compression")),
        None if stats.compressed.0 == 0 => parts.push(Row::of("not compressed", Role::Muted)),
        None => {}
    }
    let encrypted = if stats.encrypted > 0 {
        format!("{} encrypted", crate::domain::size::grouped(stats.encrypted))
    } else {
        "not encrypted".to_owned()
    };
    parts.push(Row::of(encrypted, Role::Muted));
    if let Some(size) = stats.segment_size {
        // As the server itself calls it.
        parts.push(Row::of(format!("segments of {} MB", size.bytes() >> 20), Role::Muted));
    }
    let mut rows = spread(parts, cols);
    if let (Some((_, oldest)), Some((_, newest))) = (&stats.oldest, &stats.newest) {
        let clock = &model.clock;
        rows.extend(spread(
            vec![
                Row::of("oldest ", Role::Muted).then(when::date_minute(*oldest, clock), Role::Text),
                Row::of("newest ", Role::Muted).then(when::date_minute(*newest, clock), Role::Text),
                Row::of(days(stats.span_ms()), Role::Text),
                Row::of(text::plural(wal.timelines.len().max(1) as u64, "timeline", "timelines"), Role::Muted),
                Row::of(gap_words(wal), if wal.gaps.is_empty() { Role::Ok } else { Role::Bad }),
            ],
            cols,
        ));
    }
    if density == Density::Short {
        rows.truncate(3);
    }
    rows
}

fn gap_words(wal: &WalReport) -> String {
    match wal.gaps.iter().map(crate::domain::wal::Gap::count).sum::<u64>() {
        0 => "✓ no gap".to_owned(),
        missing => format!("✗ {} missing", text::plural(missing, "segment", "segments")),
    }
}

/// `15.4 days`, or less in smaller units.
fn days(ms: u64) -> String {
    if ms < 2 * 86_400_000 { span(ms) } else { format!("{:.1} days", ms as f64 / 86_400_000.0) }
}

/// Parts beside one another, in as many lines as they need.
fn spread(parts: Vec<Row>, cols: usize) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for part in parts {
        match rows.pop() {
            Some(row) if row.width() + 3 + part.width() <= cols => rows.push(row.gap(3).join(part)),
            Some(row) => rows.extend([row, part]),
            None => rows.push(part),
        }
    }
    rows
}

/// The last hours, the newest last; those in which nothing came are empty.
fn last_hours(wal: &WalReport, at: Stamp, hours: usize) -> Vec<Option<Hour>> {
    const HOUR: i64 = 3_600_000;
    let newest = wal.hours.last().map_or(at.0, |hour| hour.start.0.max(at.0));
    let last = newest.div_euclid(HOUR);
    (0..hours as i64).rev().map(|back| wal.hours.iter().rev().find(|hour| hour.start.0.div_euclid(HOUR) == last - back).copied()).collect()
}

/// What came each hour, and beside it where there is room what compression saved of it.
fn charts(model: &Model, wal: &WalReport, at: Stamp, cols: usize, height: usize) -> Vec<Row> {
    // Where there is room an hour has two columns.
    let each = if cols >= 2 * HOURS + LABEL + 1 + 40 { 2 } else { 1 };
    let wide = each * HOURS + LABEL + 1;
    let beside = cols >= wide + 22;
    let hours = HOURS.min(cols.saturating_sub(LABEL + 1));
    let recent = last_hours(wal, at, hours);
    let bytes: Vec<Option<u64>> = recent.iter().map(|hour| hour.map(|hour| hour.bytes.0)).collect();
    let most = chart::round_up(bytes.iter().flatten().copied().max().unwrap_or(0));
    let mut left = vec![Row::of(text::left(&format!("PER HOUR, last {hours}: {}", rate(&recent)), LABEL + 1 + each * hours), Role::Muted)];
    let bytes: Vec<Option<u64>> = bytes.into_iter().flat_map(|hour| std::iter::repeat_n(hour, each)).collect();
    left.extend(chart::bars(&bytes, most, height, LABEL, &short));
    left.push(ticks(model, at, hours, each));
    if !beside {
        return left;
    }
    let size = wal.stats.segment_size.map_or(0, |size| size.bytes());
    let days = (cols - wide - 3 - LABEL - 1).min(60);
    let saved = saved(wal, size, days);
    if wal.stats.compressed.0 == 0 || saved.iter().flatten().next().is_none() {
        return left;
    }
    let (words, values) = unit(wal, days);
    let values: Vec<Option<u64>> = if values.is_empty() { saved } else { values };
    let mut right = vec![Row::of(format!("SAVED % {words}"), Role::Muted)];
    right.extend(chart::bars(&values, 100, height, 4, &|value| format!("{value}")));
    right.push(Row::new());
    left.into_iter().zip(right).map(|(left, right)| left.fill(wide, Role::Text).gap(3).join(right)).collect()
}

/// How much of each hour compression saved, by the hour.
fn saved(wal: &WalReport, size: u64, columns: usize) -> Vec<Option<u64>> {
    let from = wal.hours.len().saturating_sub(columns);
    wal.hours[from..].iter().map(|hour| percent(hour.segments, hour.bytes.0, size)).collect()
}

fn percent(segments: u64, bytes: u64, size: u64) -> Option<u64> {
    let whole = segments.checked_mul(size).filter(|whole| *whole > 0)?;
    Some(100 - (u128::from(bytes) * 100 / u128::from(whole)).min(100) as u64)
}

/// The same by the day where there are several: the words for it, and the values.
fn unit(wal: &WalReport, columns: usize) -> (&'static str, Vec<Option<u64>>) {
    let size = wal.stats.segment_size.map_or(0, |size| size.bytes());
    let day = |hour: &Hour| hour.start.0.div_euclid(86_400_000);
    let (Some(first), Some(last)) = (wal.hours.first().map(day), wal.hours.last().map(day)) else { return ("", Vec::new()) };
    if last - first < 4 {
        return ("by the hour", Vec::new());
    }
    let first = first.max(last - columns as i64 + 1);
    let values = (first..=last)
        .map(|wanted| {
            let of_day = wal.hours.iter().filter(|hour| day(hour) == wanted);
            let (segments, bytes) = of_day.fold((0u64, 0u64), |sum, hour| (sum.0 + hour.segments, sum.1.saturating_add(hour.bytes.0)));
            percent(segments, bytes, size)
        })
        .collect();
    ("by the day", values)
}

/// Bytes in few cells: `900M`.
fn short(bytes: u64) -> String {
    let text = Bytes(bytes).to_string().replace(".0", "").replace(' ', "");
    text.replace("MB", "M").replace("GB", "G").replace("kB", "k").replace("TB", "T")
}

fn rate(recent: &[Option<Hour>]) -> String {
    let all: u64 = recent.iter().flatten().map(|hour| hour.bytes.0).fold(0, u64::saturating_add);
    let most = recent.iter().flatten().map(|hour| hour.bytes).max().unwrap_or_default();
    format!("{} on average, {most} at most", Bytes(all / recent.len().max(1) as u64))
}

/// Hours of the day below the bars, every sixth.
fn ticks(model: &Model, at: Stamp, hours: usize, each: usize) -> Row {
    let mut line = String::new();
    for nth in 0..hours {
        let column = nth * each;
        let hour = Stamp((at.0.div_euclid(3_600_000) - (hours - 1 - nth) as i64) * 3_600_000);
        let minute = when::minute(hour, &model.clock);
        let label = match minute.get(..2).and_then(|hour| hour.parse::<u32>().ok()) {
            Some(0) => when::date(hour, &model.clock),
            Some(hour) if hour % 6 == 0 => format!("{hour:02}"),
            _ => continue,
        };
        if column >= text::width(&line) + usize::from(!line.is_empty()) && column + text::width(&label) <= hours * each {
            line.extend(std::iter::repeat_n(' ', column - text::width(&line)));
            line.push_str(&label);
        }
    }
    Row::new().gap(LABEL + 1).then(line, Role::Muted)
}

/// When the archive's room is used up.
fn forecast(wal: &WalReport, cols: usize) -> Vec<Row> {
    let Some((free, all)) = wal.room else { return Vec::new() };
    let dir = wal.source.dir.as_ref().map(|dir| dir.display().to_string()).unwrap_or_default();
    // Where it is soon full that is a concern, with its cure.
    // Years ahead nobody knows the rate.
    let full = wal
        .full_in_ms
        .filter(|full| *full < 730 * 86_400_000)
        .map(|full| format!(", at this rate full in {}", span(full)))
        .unwrap_or_default();
    vec![Row::of(text::cut(&format!("ROOM      {free} of {all} free in {dir}{full}"), cols), Role::Muted)]
}

/// What is missing, the newest first.
fn gaps(model: &Model, cols: usize, height: usize) -> Vec<Row> {
    let all = pitr::gaps(model);
    if all.is_empty() || height < 2 {
        return Vec::new();
    }
    let layout = Layout::new(
        &[numbers("GAPS", 8, 0), grows("FIRST MISSING", 24, 24), numbers("TIMELINE", 8, 3), texts("BETWEEN", 18, 1), texts("AND", 18, 2)],
        cols.saturating_sub(2),
    );
    let cursor = model.recovery.gaps.row(&pitr::gap_keys(model));
    let lines: Vec<Row> = all
        .iter()
        .enumerate()
        .map(|(at, gap)| {
            let row = layout.row(&[
                (crate::domain::size::grouped(gap.count()), Role::Bad),
                (gap.name.clone(), Role::Text),
                (gap.timeline.to_string(), Role::Muted),
                (when::date_minute(gap.from, &model.clock), Role::Text),
                (when::date_minute(gap.to, &model.clock), Role::Text),
            ]);
            listed(row, Here::at(at, cursor), cols)
        })
        .collect();
    let mut rows = vec![Row::new().gap(2).join(layout.head())];
    rows.extend(window(lines, cursor, height - 1));
    rows
}

/// The timelines, where there are several.
fn timelines(model: &Model, wal: &WalReport, cols: usize, height: usize) -> Vec<Row> {
    if wal.timelines.len() < 2 || height < 3 {
        return Vec::new();
    }
    let layout = Layout::new(
        &[
            numbers("TIMELINE", 8, 0),
            texts("FROM", 24, 1),
            numbers("SEGMENTS", 9, 0),
            numbers("SIZE", 9, 0),
            texts("FIRST", 18, 3),
            texts("LAST", 18, 2),
            grows("REASON", 12, 60).ranked(4),
        ],
        cols.saturating_sub(2),
    );
    let mut rows = vec![Row::new().gap(2).join(layout.head())];
    // The newest are those that count.
    for one in wal.timelines.iter().rev().take(height - 1) {
        let from = one.parent.map(|(parent, lsn)| format!("{parent} at {lsn}")).unwrap_or_default();
        let time = |at: Option<Stamp>| at.map(|at| when::date_minute(at, &model.clock)).unwrap_or_default();
        rows.push(Row::new().gap(2).join(layout.row(&[
            (one.timeline.to_string(), Role::Text),
            (from, Role::Muted),
            (crate::domain::size::grouped(one.segments), Role::Text),
            (one.bytes.to_string(), Role::Text),
            (time(one.times.map(|times| times.0)), Role::Muted),
            (time(one.times.map(|times| times.1)), Role::Muted),
            (one.reason.clone(), Role::Muted),
        ])));
    }
    rows
}
