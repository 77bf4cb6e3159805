//! What can be recovered: the report that PITR and WAL show, the moment that is looked at, and how it moves along the timeline.
//! Whether a moment can be recovered is the business of [`crate::domain::recovery::judge`].

use crate::app::action::{Action, Motion, Toward};
use crate::app::cmd::{Cmd, Query};
use crate::app::list::Picker;
use crate::app::load::Load;
use crate::app::model::{Asked, Model};
use crate::app::nav::Place;
use crate::app::screens::settings;
use crate::app::{command, moment, when};
use crate::domain::recovery::judge::{self, Verdict, Wish};
use crate::domain::recovery::{Micros, RecoveryReport, Target, TimelineChoice};
use crate::domain::wal::{Gap, Timeline};
use crate::domain::{Fault, Product, Stamp};
use std::path::PathBuf;
use tui_input::Input;

/// A report older than this is asked for again while it is looked at, in milliseconds.
pub const CALM: u64 = 60_000;

/// The shortest stretch of time that the picture is drawn nearer to, in milliseconds.
const NEAREST: i64 = 60_000;

/// What the screens remember.
#[derive(Clone, Debug, Default)]
pub struct RecoveryScreen {
    /// What can be recovered.
    pub report: Load<RecoveryReport>,
    /// The server that it is about, by its place in the list.
    pub server: usize,
    /// When it was last asked for.
    pub asked: Stamp,
    /// The moment that is looked at; none: the end of the archive.
    pub moment: Option<Micros>,
    /// The timeline that is looked at; none: the newest.
    pub line: Option<Timeline>,
    /// The time that is drawn; none: all of it.
    pub window: Option<(Stamp, Stamp)>,
    /// A moment that is being typed.
    pub typing: Option<Input>,
    /// What comes of the wish that was judged last: judging a large archive takes longer than drawing.
    judged: Option<(Wish, Verdict)>,
    /// The cursor among the gaps.
    pub gaps: Picker<(Timeline, u64)>,
}

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

/// The folder of the archived log, where the settings name one.
pub fn wal_dir(model: &Model) -> Option<PathBuf> {
    let view = settings::named(model, "wal.dir")?;
    view.value.as_deref().filter(|dir| !dir.is_empty()).map(PathBuf::from)
}

/// The product of the server, where it is one that has no base backups and no write-ahead log.
pub fn foreign(model: &Model) -> Option<Product> {
    model.product().filter(|product| product.is_mysql())
}

/// Whether an action does something with what can be recovered.
pub const fn is_of_recovery(action: &Action) -> bool {
    matches!(
        action,
        Action::Enter
            | Action::TypeMoment
            | Action::CopyFix
            | Action::CopyCommand
            | Action::Refresh
            | Action::Change(_)
            | Action::Finer(_)
            | Action::Jump(_)
            | Action::Zoom(_)
    )
}

/// Shows a screen; what it shows is asked for when there is nothing yet, or nothing that is fresh.
pub fn open(model: &mut Model, out: &mut Vec<Cmd>) {
    if model.recovery.server != model.server {
        model.recovery = RecoveryScreen { server: model.server, ..RecoveryScreen::default() };
    }
    if foreign(model).is_some() {
        return;
    }
    let screen = &model.recovery;
    let fresh = model.clock.now.since(screen.asked) < CALM;
    match screen.report {
        Load::Loading(_) => {}
        Load::Ready(..) if fresh => {}
        _ => ask(model, out),
    }
}

/// Asks what can be recovered.
pub fn ask(model: &mut Model, out: &mut Vec<Cmd>) {
    if foreign(model).is_some() {
        return;
    }
    let connection = model.servers.get(model.recovery.server).map(|server| Box::new(server.connection.clone()));
    let id = model.request(Asked::Recovery);
    model.recovery.report.ask(id);
    model.recovery.asked = model.clock.now;
    // A server that no longer answers cannot say where its log is archived, and just then it is needed: what it said before holds.
    let said = model.recovery.report.value().and_then(|report| report.wal.source.dir.clone());
    out.push(Cmd::Fetch(id, Query::Recovery(connection, model.setup.dir.clone(), wal_dir(model).or(said))));
}

/// Asks again while somebody looks, calmly.
pub fn look_again(model: &mut Model, out: &mut Vec<Cmd>) {
    let shown = matches!(model.nav.place(), Place::Pitr | Place::Wal);
    if shown && !is_asking(model) && model.clock.now.since(model.recovery.asked) >= CALM {
        ask(model, out);
    }
}

/// Whether an answer is on its way.
pub fn is_asking(model: &Model) -> bool {
    model.waits_for_recovery().is_some()
}

/// The timelines that there is anything of, the oldest first.
pub fn lines(report: &RecoveryReport) -> Vec<Timeline> {
    let stretches = report.stretches.iter().map(|one| one.timeline);
    let mut lines: Vec<Timeline> = stretches.chain(report.bases.iter().map(|one| one.timeline)).collect();
    lines.sort_unstable();
    lines.dedup();
    lines
}

/// The timeline that is looked at.
pub fn line(model: &Model) -> Option<Timeline> {
    let lines = lines(model.recovery.report.value()?);
    model.recovery.line.filter(|line| lines.contains(line)).or_else(|| lines.last().copied())
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

/// What is wished for.
pub fn wish(model: &Model) -> Wish {
    let target = model.recovery.moment.map_or(Target::Latest, Target::Time);
    let timeline = match model.recovery.report.value().map(lines) {
        Some(lines) if lines.last() != line(model).as_ref() => line(model).map_or(TimelineChoice::Latest, TimelineChoice::Of),
        _ => TimelineChoice::Latest,
    };
    Wish { target, timeline, base: None }
}

/// What comes of it; none while nothing is known.
pub fn verdict(model: &Model) -> Option<&Verdict> {
    model.recovery.judged.as_ref().map(|(_, verdict)| verdict)
}

/// Judges what is looked at, where that is another wish than before.
pub fn judge_anew(model: &mut Model) {
    if *model.nav.place() != Place::Pitr {
        return;
    }
    let wish = wish(model);
    let Some(report) = model.recovery.report.value() else { return };
    if model.recovery.judged.as_ref().is_none_or(|(judged, _)| *judged != wish) {
        let verdict = judge::judge(report, &wish);
        model.recovery.judged = Some((wish, verdict));
    }
}

/// Takes a report.
pub fn take(model: &mut Model, answer: Result<RecoveryReport, Fault>) {
    model.recovery.report.answer(answer, model.clock.now);
    model.recovery.judged = None;
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

/// Begins to type a moment, with the one that is looked at.
pub fn type_moment(model: &mut Model) {
    let text = match model.recovery.moment {
        Some(at) => when::typed(at, &model.clock),
        None => String::new(),
    };
    model.recovery.typing = Some(Input::new(text));
}

/// The moment that is typed, or why it is none.
pub fn typed(model: &Model) -> Option<Result<Micros, String>> {
    model.recovery.typing.as_ref().map(|input| moment::parse(input.value(), &model.clock))
}

/// Takes the moment that is typed.
pub fn take_typed(model: &mut Model) {
    if let Some(Ok(at)) = typed(model) {
        model.recovery.typing = None;
        look_at(model, at);
    }
}

/// The gaps, the newest first.
pub fn gaps(model: &Model) -> Vec<&Gap> {
    let mut gaps: Vec<&Gap> = model.recovery.report.value().map(|report| report.wal.gaps.iter().collect()).unwrap_or_default();
    gaps.sort_by_key(|gap| std::cmp::Reverse((gap.from, gap.timeline, gap.first)));
    gaps
}

/// Their keys, for the cursor.
pub fn gap_keys(model: &Model) -> Vec<(Timeline, u64)> {
    gaps(model).iter().map(|gap| (gap.timeline, gap.first)).collect()
}

/// Looks at the last moment before the gap under the cursor.
pub fn to_gap(model: &mut Model) {
    let row = model.recovery.gaps.row(&gap_keys(model));
    let Some((at, timeline)) = gaps(model).get(row).map(|gap| (gap.from, gap.timeline)) else { return };
    let newest = model.recovery.report.value().and_then(|report| lines(report).last().copied());
    model.recovery.line = (newest != Some(timeline) && !on_the_way(model, timeline)).then_some(timeline);
    model.recovery.window = None;
    look_at(model, at.into());
}

/// Whether the newest timeline came from this one.
fn on_the_way(model: &Model, timeline: Timeline) -> bool {
    let Some(report) = model.recovery.report.value() else { return false };
    let mut at = lines(report).last().copied();
    while let Some(line) = at {
        if line == timeline {
            return true;
        }
        let parent = report.wal.timelines.iter().find(|one| one.timeline == line).and_then(|one| one.parent);
        at = parent.map(|(parent, _)| parent).filter(|parent| *parent < line);
    }
    false
}

/// The command line that shows the same as the screen.
pub fn words(model: &Model) -> Option<Vec<String>> {
    let shown = match model.nav.place() {
        Place::Pitr => ["pitr", "status"],
        Place::Wal => ["wal", "stats"],
        _ => return None,
    };
    let dir = model.recovery.report.value().and_then(|report| report.wal.source.dir.clone()).or_else(|| wal_dir(model));
    let mut flags: Vec<(&str, String)> = dir.map(|dir| ("--archive-dir", dir.to_string_lossy().into_owned())).into_iter().collect();
    if *model.nav.place() == Place::Pitr {
        flags.push(("--backup-dir", model.setup.dir.to_string_lossy().into_owned()));
    }
    let connection = model.servers.get(model.recovery.server).map(|server| &server.connection);
    Some(command::of_server(connection, &shown, &flags))
}
