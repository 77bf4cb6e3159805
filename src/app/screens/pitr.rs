//! What can be recovered: the report that PITR and WAL show, the moment that is looked at, and how it moves along the timeline.
//! Whether a moment can be recovered is the business of [`crate::domain::recovery::judge`].

use crate::app::action::Action;
use crate::app::cmd::{Cmd, Query};
use crate::app::list::Picker;
use crate::app::load::Load;
use crate::app::model::{Asked, Model};
use crate::app::nav::Place;
pub use crate::app::screens::timeline::{Scale, cursor, extent, finer, go, jump, label, look_at, scale, step, zoom};
use crate::app::screens::{binlog, settings};
use crate::app::{command, moment, when};
use crate::domain::recovery::judge::{self, Verdict, Wish};
use crate::domain::recovery::{Micros, RecoveryReport, Target, TimelineChoice};
use crate::domain::spec::CheckLogSpec;
use crate::domain::wal::{Gap, SegmentSpan, Timeline};
use crate::domain::{Fault, Product, Stamp};
use std::path::PathBuf;
use tui_input::Input;

/// A report older than this is asked for again while it is looked at, in milliseconds.
pub const CALM: u64 = 60_000;

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

/// The folder of the archived log, where the settings name one.
pub fn wal_dir(model: &Model) -> Option<PathBuf> {
    let view = settings::named(model, "wal.dir")?;
    view.value.as_deref().filter(|dir| !dir.is_empty()).map(PathBuf::from)
}

/// The product of the server, where it is one that has no base backups and no write-ahead log.
pub fn foreign(model: &Model) -> Option<Product> {
    model.product().filter(|product| product.is_mysql())
}

/// Whether an action does something with a timeline, which only PostgreSQL's servers have.
pub const fn is_of_timeline(action: &Action) -> bool {
    matches!(action, Action::CheckLog | Action::CopyFix | Action::Change(_) | Action::Finer(_) | Action::Jump(_) | Action::Zoom(_))
}

/// Shows a screen; what it shows is asked for when there is nothing yet, or nothing that is fresh.
pub fn open(model: &mut Model, out: &mut Vec<Cmd>) {
    if model.recovery.server != model.server {
        model.recovery = RecoveryScreen { server: model.server, ..RecoveryScreen::default() };
    }
    if foreign(model).is_some() {
        return binlog::open(model, out);
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
        return binlog::ask(model, out);
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
    if shown && foreign(model).is_none() && !is_asking(model) && model.clock.now.since(model.recovery.asked) >= CALM {
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

/// What is read of the archived log: on the timeline what the moment under the cursor needs, where one is chosen and can be recovered; else
/// everything. None while nobody knows where it is.
pub fn check_spec(model: &Model) -> Option<CheckLogSpec> {
    let report = model.recovery.report.value()?;
    let wal_dir = report.wal.source.dir.clone().or_else(|| wal_dir(model))?;
    let chosen = *model.nav.place() == Place::Pitr && (model.recovery.moment.is_some() || model.recovery.line.is_some());
    let parts = match verdict(model) {
        Some(Verdict::Recoverable(way)) if chosen => way.parts.as_slice(),
        _ => &[],
    };
    let size = crate::domain::recovery::segment_size(report);
    let segments = parts.iter().map(|part| SegmentSpan::of(*part, size)).collect();
    Some(CheckLogSpec { wal_dir, dir: model.setup.dir.clone(), segments, jobs: model.setup.effort.jobs })
}

/// The first command that cures something here.
pub fn cure(model: &Model) -> Option<String> {
    let findings = &model.recovery.report.value()?.findings;
    findings.iter().flat_map(|finding| &finding.steps).find_map(|step| step.command.clone())
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
    if foreign(model).is_some() {
        return binlog::words(model);
    }
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
