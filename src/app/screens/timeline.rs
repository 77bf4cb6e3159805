//! How moments lie along the width of the PITR screen, and how the cursor moves among them.

use super::pitr::{line, lines};
use crate::app::action::{Motion, Toward};
use crate::app::model::Model;
use crate::domain::Stamp;
use crate::domain::recovery::{Micros, RecoveryReport};
use crate::domain::wal::Timeline;

/// The shortest stretch of time that the picture is drawn nearer to, in milliseconds.
const NEAREST: i64 = 60_000;

/// How moments lie along the width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// The beginning of the first column.
    pub from: Stamp,
    /// The end of the last one.
    pub to: Stamp,
    /// How many.
    pub columns: usize,
}

impl Scale {
    /// The column of a moment; none where it is not drawn.
    pub fn column(&self, at: Stamp) -> Option<usize> {
        (self.from <= at && at <= self.to).then(|| self.nearest(at))
    }

    /// The same, at the edge for what is outside.
    pub fn nearest(&self, at: Stamp) -> usize {
        let whole = u128::from(self.to.since(self.from).max(1));
        let column = u128::from(at.since(self.from)) * self.columns as u128 / whole;
        usize::try_from(column).unwrap_or(usize::MAX).min(self.columns.saturating_sub(1))
    }

    /// The beginning of a column.
    pub fn at(&self, column: usize) -> Stamp {
        let whole = u128::from(self.to.since(self.from));
        let within = whole * column as u128 / self.columns.max(1) as u128;
        Stamp(self.from.0.saturating_add(i64::try_from(within).unwrap_or(i64::MAX)))
    }

    /// Milliseconds of a column.
    pub fn step(&self) -> i64 {
        (i64::try_from(self.to.since(self.from)).unwrap_or(i64::MAX) / self.columns.max(1) as i64).max(1)
    }
}

/// From the first to the last moment that is of interest: to now where that is not far; and of the log before the first base backup, with
/// which nothing can be recovered, only so much that a quarter of the line is of it.
pub fn extent(report: &RecoveryReport) -> Option<(Stamp, Stamp)> {
    let begins = report.stretches.iter().map(|one| one.from).chain(report.bases.iter().map(|one| one.began));
    let ends = report.stretches.iter().map(|one| one.to).chain(report.bases.iter().map(|one| one.ended));
    let (from, to) = (begins.min()?, ends.max()?);
    let span = i64::try_from(to.since(from)).unwrap_or(i64::MAX).max(3_600_000);
    // A server that has not archived for long shows by the empty end; an archive that nobody feeds any more must not shrink by it.
    let end = report.at.0.clamp(to.0, to.0.saturating_add(span / 4));
    let least = |from: i64| from.min(to.0 - 3_600_000);
    let from = match report.bases.iter().map(|base| base.began).min() {
        Some(began) if began < to => from.0.max(least(began.0) - (end - least(began.0)) / 3),
        _ => from.0,
    };
    Some((Stamp(least(from)), Stamp(end)))
}

/// The end of a timeline, or of everything.
fn end_of(report: &RecoveryReport, line: Timeline) -> Option<Stamp> {
    let ends = report.stretches.iter().filter(|one| one.timeline == line).map(|one| one.to);
    ends.chain(report.bases.iter().filter(|one| one.timeline == line).map(|one| one.ended)).max()
}

/// Cells at the left of the lines, for their numbers; none where there is only one line.
pub fn label(report: &RecoveryReport) -> usize {
    match lines(report).as_slice() {
        [] | [_] => 0,
        [.., last] => last.to_string().len() + 1,
    }
}

/// How the lines are drawn at this size.
pub fn scale(model: &Model) -> Option<Scale> {
    let report = model.recovery.report.value()?;
    let (from, to) = model.recovery.window.or_else(|| extent(report))?;
    // The margins of the screen are one cell at either side.
    let columns = usize::from(model.size.0).saturating_sub(2 + label(report)).max(1);
    Some(Scale { from, to, columns })
}

/// The moment that is looked at, where it has a place on the line.
pub fn cursor(model: &Model) -> Option<Stamp> {
    let report = model.recovery.report.value()?;
    match model.recovery.moment {
        Some(moment) => Some(moment.stamp()),
        None => end_of(report, line(model)?),
    }
}

/// Moves along: to either end, or to the timeline above or below.
pub fn go(model: &mut Model, motion: Motion) {
    let Some(report) = model.recovery.report.value() else { return };
    let lines = lines(report);
    let at = line(model).and_then(|line| lines.iter().position(|known| *known == line)).unwrap_or(0);
    match motion {
        Motion::Up => model.recovery.line = lines.get(at.saturating_sub(1)).copied(),
        // The last one is the newest, which it stays when another one is begun.
        Motion::Down => model.recovery.line = lines.get(at + 1).filter(|line| lines.last() != Some(line)).copied(),
        Motion::PageUp => shift(model, Toward::Previous, |scale| scale.step() * (scale.columns as i64 / 8).max(1)),
        Motion::PageDown => shift(model, Toward::Next, |scale| scale.step() * (scale.columns as i64 / 8).max(1)),
        Motion::First => {
            let from = extent(report).map(|(from, _)| Micros::from(from));
            (model.recovery.moment, model.recovery.window) = (from, None);
        }
        Motion::Last => (model.recovery.moment, model.recovery.window) = (None, None),
    }
}

/// Moves by a column.
pub fn step(model: &mut Model, toward: Toward) {
    shift(model, toward, |scale| scale.step());
}

/// Moves by a tenth of a column.
pub fn finer(model: &mut Model, toward: Toward) {
    shift(model, toward, |scale| (scale.step() / 10).max(1));
}

/// Moves by some milliseconds, to a round moment.
fn shift(model: &mut Model, toward: Toward, by: impl Fn(&Scale) -> i64) {
    let (Some(scale), Some(at), Some((from, to))) = (scale(model), cursor(model), model.recovery.report.value().and_then(extent)) else {
        return;
    };
    let by = by(&scale);
    let unit = match by {
        3_600_000.. => 60_000,
        1000.. => 1000,
        _ => 1,
    };
    let moved = match toward {
        Toward::Previous => (at.0 - by).div_euclid(unit) * unit,
        Toward::Next => (at.0 + by + unit - 1).div_euclid(unit) * unit,
    };
    // Beyond the end is the end, whenever that comes to be.
    let end = end_of(model.recovery.report.value().unwrap_or(&RecoveryReport::default()), line(model).unwrap_or_default()).unwrap_or(to);
    model.recovery.moment = (toward == Toward::Previous || moved < end.0).then(|| Micros::from(Stamp(moved.max(from.0))));
    follow(model);
}

/// Moves what is drawn so that the cursor is in it.
fn follow(model: &mut Model) {
    let (Some((from, to)), Some(at)) = (model.recovery.window, cursor(model)) else { return };
    if from <= at && at <= to {
        return;
    }
    let span = to.0 - from.0;
    model.recovery.window = Some((Stamp(at.0 - span / 2), Stamp(at.0 + span - span / 2)));
}

/// Draws less time in more detail around the cursor, or more.
pub fn zoom(model: &mut Model, toward: Toward) {
    let (Some(scale), Some(at), Some((first, last))) = (scale(model), cursor(model), model.recovery.report.value().and_then(extent)) else {
        return;
    };
    let span = scale.to.0 - scale.from.0;
    let span = match toward {
        Toward::Next => (span / 4).max(NEAREST),
        Toward::Previous => span.saturating_mul(4),
    };
    if span >= last.0 - first.0 {
        model.recovery.window = None;
        return;
    }
    let from = (at.0 - span / 2).clamp(first.0, last.0 - span);
    model.recovery.window = Some((Stamp(from), Stamp(from + span)));
}

/// Where it is worth to stop: since when base backups can be used, where gaps begin and end, where the line ends.
fn stops(report: &RecoveryReport, line: Timeline) -> Vec<Stamp> {
    let mut stops: Vec<Stamp> = report.bases.iter().map(|base| base.ended).collect();
    stops.extend(report.wal.gaps.iter().flat_map(|gap| [gap.from, gap.to]));
    stops.extend(report.stretches.iter().filter(|one| one.timeline != line).map(|one| one.to));
    stops.sort_unstable();
    stops.dedup();
    stops
}

/// Goes to the next place that is worth it.
pub fn jump(model: &mut Model, toward: Toward) {
    let (Some(report), Some(at), Some(line)) = (model.recovery.report.value(), cursor(model), line(model)) else { return };
    let stops = stops(report, line);
    let next = match toward {
        Toward::Next => stops.into_iter().find(|stop| *stop > at && Some(*stop) < end_of(report, line)),
        Toward::Previous => stops.into_iter().rev().find(|stop| *stop < at),
    };
    match (next, toward) {
        (Some(stop), _) => model.recovery.moment = Some(stop.into()),
        (None, Toward::Next) => model.recovery.moment = None,
        (None, Toward::Previous) => {}
    }
    follow(model);
}

/// Goes to a moment.
pub fn look_at(model: &mut Model, at: Micros) {
    model.recovery.moment = Some(at);
    follow(model);
}
