//! The timeline of an archive across the width: an axis, a line for each of the server's timelines with coverage, base backups and gaps, and
//! the cursor. Every mark is another character, so that nothing is said by colour alone.

use super::look::Role;
use super::page::Row;
use super::text;
use crate::app::model::Model;
use crate::app::msg::Clock;
use crate::app::screens::pitr::{self, Scale};
use crate::app::when;
use crate::domain::Stamp;
use crate::domain::recovery::{BaseKind, RecoveryReport};
use crate::domain::wal::{Lsn, Timeline};

/// What the marks mean.
pub const LEGEND: [(&str, &str); 6] =
    [("B", "base backup"), ("D", "differential"), ("I", "incremental"), ("━", "recoverable"), ("─", "log only"), ("╳", "missing")];

type Cell = (char, Role);

/// Axis, lines and cursor, in at most so many rows; lines that are far from the chosen one go first.
pub fn rows(model: &Model, report: &RecoveryReport, height: usize) -> Vec<Row> {
    let (Some(scale), Some(chosen)) = (pitr::scale(model), pitr::line(model)) else { return Vec::new() };
    let (label, lines) = (pitr::label(report), pitr::lines(report));
    let cursor = pitr::cursor(model).and_then(|at| scale.column(at));
    let mut rows = vec![Row::new().gap(label).then(axis(&scale, &model.clock), Role::Muted)];
    let room = height.saturating_sub(2).max(1);
    let at = lines.iter().position(|line| *line == chosen).unwrap_or(0);
    let from = super::page::offset(at, lines.len(), room);
    for line in lines.iter().skip(from).take(room) {
        let mut cells = cells(report, *line, &scale);
        if *line == chosen
            && let Some(cell) = cursor.and_then(|at| cells.get_mut(at))
        {
            cell.1 = Role::Selected;
        }
        let role = if *line == chosen { Role::Accent } else { Role::Muted };
        let name = if label == 0 { String::new() } else { text::left(&line.to_string(), label) };
        rows.push(Row::of(name, role).join(row(&cells)));
    }
    rows.push(match cursor {
        Some(at) => Row::new().gap(label + at).then("▴", Role::Accent),
        None => Row::new(),
    });
    rows
}

/// Cells of one role in one text.
fn row(cells: &[Cell]) -> Row {
    let mut row = Row::new();
    let mut run = String::new();
    for (at, (c, role)) in cells.iter().enumerate() {
        run.push(*c);
        if cells.get(at + 1).is_none_or(|(_, next)| next != role) {
            row = row.then(std::mem::take(&mut run), *role);
        }
    }
    row
}

fn cells(report: &RecoveryReport, line: Timeline, scale: &Scale) -> Vec<Cell> {
    let mut cells: Vec<Cell> = vec![(' ', Role::Text); scale.columns];
    let put = |cells: &mut Vec<Cell>, from: Stamp, to: Stamp, cell: &dyn Fn(usize) -> Cell| {
        if to < scale.from || from > scale.to {
            return;
        }
        for (column, known) in cells.iter_mut().enumerate().take(scale.nearest(to) + 1).skip(scale.nearest(from)) {
            *known = cell(column);
        }
    };
    let leads = leads_to_newest(report, line);
    let covered = |column: usize| {
        let (from, to) = (scale.at(column), scale.at(column + 1));
        report.windows.iter().any(|window| window.0 <= to && from <= window.1)
    };
    for stretch in report.stretches.iter().filter(|one| one.timeline == line) {
        // What was written on it after the newest timeline left it leads nowhere.
        let good = |column: usize| leads.is_some_and(|until| scale.at(column) <= until) && covered(column);
        put(&mut cells, stretch.from, stretch.to, &|column| if good(column) { ('━', Role::Bar) } else { ('─', Role::Muted) });
    }
    for child in report.wal.timelines.iter().filter(|one| one.parent.is_some_and(|(parent, _)| parent == line)) {
        if let Some(column) = fork(report, child.timeline).and_then(|(at, _)| scale.column(at)) {
            cells[column] = (if cells[column].0 == '━' { '┯' } else { '┬' }, cells[column].1);
        }
    }
    if let Some((at, first)) = fork(report, line) {
        let first = Stamp(first.0.max(at.0));
        let drawn = scale.column(first).unwrap_or(0);
        put(&mut cells, at, first, &|column| if column == drawn && column > 0 { ('━', Role::Bar) } else { ('─', Role::Muted) });
        if let Some(column) = scale.column(at) {
            cells[column] = ('└', Role::Muted);
        }
    }
    for base in report.bases.iter().filter(|base| base.timeline == line) {
        let Some(column) = scale.column(base.ended) else { continue };
        let mark = match (&base.broken, base.kind) {
            (Some(_), _) => ('b', Role::Warn),
            (None, BaseKind::Full) => ('B', Role::Title),
            (None, BaseKind::Differential) => ('D', Role::Title),
            (None, BaseKind::Incremental) => ('I', Role::Title),
        };
        // A full one stands for all in its column.
        if cells[column].0 != 'B' {
            cells[column] = mark;
        }
    }
    for gap in report.wal.gaps.iter().filter(|gap| gap.timeline == line) {
        let (from, to) = (scale.nearest(gap.from), scale.nearest(gap.to));
        if gap.to < scale.from || gap.from > scale.to {
            continue;
        }
        // The segments at its edges are there; one that is narrower than a column is seen all the same.
        let inner = if to > from + 1 { from + 1..to } else { to..to + 1 };
        for column in inner {
            if let Some(cell) = cells.get_mut(column) {
                *cell = ('╳', Role::Bad);
            }
        }
    }
    // What goes on beyond the edges is said there.
    let own = || report.stretches.iter().filter(|one| one.timeline == line);
    if own().any(|one| one.from < scale.from && one.to >= scale.from)
        && let Some(first) = cells.first_mut()
    {
        *first = ('←', first.1);
    }
    if own().any(|one| one.to > scale.to && one.from <= scale.to)
        && let Some(last) = cells.last_mut()
    {
        *last = ('→', last.1);
    }
    if pitr::lines(report).last() == Some(&line)
        && let Some(column) = end(report, line).and_then(|end| scale.column(end))
        && !matches!(cells[column].0, 'B' | 'D' | 'I')
    {
        cells[column] = ('▶', Role::Bar);
    }
    cells
}

fn end(report: &RecoveryReport, line: Timeline) -> Option<Stamp> {
    report.stretches.iter().filter(|one| one.timeline == line).map(|one| one.to).max()
}

/// When a timeline left its parent, and when its own first segment was written.
fn fork(report: &RecoveryReport, line: Timeline) -> Option<(Stamp, Stamp)> {
    let (parent, lsn) = report.wal.timelines.iter().find(|one| one.timeline == line)?.parent?;
    let first = report.stretches.iter().filter(|one| one.timeline == line).map(|one| one.from).min()?;
    Some((written(report, parent, lsn)?.min(first), first))
}

/// About when a position was written: the segment before it was last written then.
fn written(report: &RecoveryReport, timeline: Timeline, lsn: Lsn) -> Option<Stamp> {
    let number = lsn.0 / report.wal.stats.segment_size.unwrap_or_default().bytes();
    let before = report.stretches.iter().filter(|one| one.timeline == timeline && one.first <= number);
    let stretch = before.max_by_key(|one| one.first)?;
    let within = usize::try_from(number.saturating_sub(stretch.first)).ok()?;
    if let Some((at, _)) = stretch.marks.get(within.saturating_sub(1)) {
        return Some(*at);
    }
    let share = (number.saturating_sub(stretch.first)) as f64 / (stretch.last - stretch.first).max(1) as f64;
    Some(Stamp(stretch.from.0 + (stretch.to.since(stretch.from) as f64 * share.min(1.0)) as i64))
}

/// Until when the newest timeline came along this one; none where it did not.
fn leads_to_newest(report: &RecoveryReport, line: Timeline) -> Option<Stamp> {
    let mut at = *pitr::lines(report).last()?;
    let mut until = Stamp(i64::MAX);
    while at != line {
        let (parent, lsn) = report.wal.timelines.iter().find(|one| one.timeline == at)?.parent?;
        if parent >= at {
            return None;
        }
        until = written(report, parent, lsn).unwrap_or(until).min(until);
        at = parent;
    }
    Some(until)
}

/// Steps of the axis, in milliseconds.
const STEPS: [i64; 17] = [
    10_000,
    60_000,
    300_000,
    900_000,
    1_800_000,
    3_600_000,
    3 * 3_600_000,
    6 * 3_600_000,
    12 * 3_600_000,
    DAY,
    2 * DAY,
    3 * DAY,
    7 * DAY,
    14 * DAY,
    30 * DAY,
    90 * DAY,
    365 * DAY,
];
const DAY: i64 = 86_400_000;

/// Dates and times above the line; each begins at the column of its moment.
fn axis(scale: &Scale, clock: &Clock) -> String {
    let span = i64::try_from(scale.to.since(scale.from)).unwrap_or(i64::MAX);
    let most = (scale.columns / 11).max(1) as i64;
    let step = STEPS.into_iter().find(|step| span / step <= most).unwrap_or(STEPS[STEPS.len() - 1]);
    let mut axis = String::new();
    let mut at = when::midnight(scale.from, clock);
    while at <= scale.to {
        if let Some(column) = scale.column(at)
            && (column >= text::width(&axis) + 2 || (axis.is_empty() && column < 2))
        {
            let label = match step {
                DAY.. if span > 300 * DAY => when::date_year(at, clock),
                DAY.. => when::date(at, clock),
                _ if when::midnight(at, clock) == at => when::date(at, clock),
                60_000.. => when::minute(at, clock),
                _ => when::second(at, clock),
            };
            if column + text::width(&label) <= scale.columns {
                axis.extend(std::iter::repeat_n(' ', column - text::width(&axis)));
                axis.push_str(&label);
            }
        }
        // Days have 23 or 25 hours now and then: the next one begins at its own midnight.
        let next = Stamp(at.0.saturating_add(step));
        at = if step >= DAY { when::midnight(Stamp(next.0.saturating_add(DAY / 8)), clock) } else { next };
    }
    axis
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_769_779_807_000;

    #[test]
    fn the_axis_says_days_then_hours_then_minutes() {
        let clock = Clock { now: Stamp(NOW), offset: 3600, zone: "CET".into(), ..Clock::default() };
        let axis = |span: i64, columns: usize| axis(&Scale { from: Stamp(NOW - span), to: Stamp(NOW), columns }, &clock);
        assert_eq!(axis(15 * DAY, 78), "       17 Jan    19 Jan     21 Jan    23 Jan    25 Jan     27 Jan    29 Jan");
        assert_eq!(axis(DAY, 60), "        18:00          30 Jan         06:00          12:00");
        assert_eq!(axis(600_000, 40), "                   14:25");
        assert!(axis(4 * 365 * DAY, 200).contains("2024"));
        for columns in 0..60 {
            for span in [1, 50_000, DAY, 900 * DAY] {
                assert!(text::width(&axis(span, columns)) <= columns);
            }
        }
    }
}
