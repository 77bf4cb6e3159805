//! What is recovered to where: the form between the timeline and the plan.

use super::{pitr, replay};
use crate::app::form::{Field, FieldId, Form};
use crate::app::model::Model;
use crate::app::msg::Clock;
use crate::app::{moment, when};
use crate::domain::recovery::judge::{self, Verdict, Wish};
use crate::domain::recovery::{Bound, Target, TargetAction, TimelineChoice};
use crate::domain::spec::{JobSpec, RecoverSpec, Start};
use crate::domain::wal::Timeline;
use std::path::PathBuf;

/// What the screen remembers.
#[derive(Clone, Debug, Default)]
pub struct RecoverScreen {
    /// The base backup that was chosen by hand.
    pub base: Option<PathBuf>,
    /// What was wished for when the form was made: the same wish finds it again as it was filled in.
    pub wished: Option<Wish>,
    /// What the form was made for, where it is that of a recovery by a binary log.
    pub replay: Option<replay::Made>,
    /// How.
    pub form: Form,
}

/// In the order of [`Kind`].
const KINDS: [&str; 6] =
    ["a moment", "the end of the archive", "as soon as consistent", "a transaction", "a position in the log", "a restore point"];
const BOUND: [&str; 2] = ["with what is at the target", "without it"];
const ACTION: [&str; 3] = ["wait, open for reading", "become a primary", "stop"];
const START: [&str; 2] = ["no, only prepare it", "yes, and watch it"];

/// What kind of target is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Time,
    Latest,
    Immediate,
    Xid,
    Lsn,
    Name,
}

impl Kind {
    const ALL: [Kind; 6] = [Kind::Time, Kind::Latest, Kind::Immediate, Kind::Xid, Kind::Lsn, Kind::Name];

    fn of(form: &Form) -> Self {
        Self::ALL.get(form.choice(FieldId::TargetKind)).copied().unwrap_or(Kind::Latest)
    }

    fn at(self) -> usize {
        Self::ALL.iter().position(|kind| *kind == self).unwrap_or(0)
    }

    /// What its value is called; none where there is none to give.
    const fn value(self) -> Option<&'static str> {
        match self {
            Kind::Time => Some("moment"),
            Kind::Xid => Some("transaction"),
            Kind::Lsn => Some("position"),
            Kind::Name => Some("name"),
            Kind::Latest | Kind::Immediate => None,
        }
    }
}

impl RecoverScreen {
    /// The form for a wish, with harmless defaults: a new folder, the server is not started, it waits at the target.
    pub fn new(model: &Model, wish: Wish) -> Self {
        let (kind, value) = match &wish.target {
            Target::Time(at) => (Kind::Time, when::typed(*at, &model.clock)),
            Target::Latest => (Kind::Latest, String::new()),
            Target::Immediate => (Kind::Immediate, String::new()),
            Target::Xid(xid) => (Kind::Xid, xid.to_string()),
            Target::Lsn(lsn) => (Kind::Lsn, lsn.to_string()),
            Target::Name(name) => (Kind::Name, name.clone()),
        };
        let timeline = match wish.timeline {
            TimelineChoice::Latest => "latest".to_owned(),
            TimelineChoice::Current => "current".to_owned(),
            TimelineChoice::Of(timeline) => timeline.to_string(),
        };
        let mut form = Form::new(vec![
            Field::text(FieldId::RecoverInto, "into", String::new()),
            Field::choice(FieldId::TargetKind, "recover to", &KINDS, kind.at()),
            Field::text(FieldId::Timeline, "timeline", timeline),
            Field::choice(FieldId::Start, "start it", &START, 0),
            Field::text(FieldId::WalDir, "log archive", wal_dir(model)),
            Field::text(FieldId::MapTablespaces, "tablespaces", String::new()),
            Field::text(FieldId::BinDir, "programs", String::new()),
            Field::number(FieldId::Jobs, "jobs", model.setup.effort.jobs, 1, 64),
        ]);
        set_value(&mut form, kind, value);
        Self { base: wish.base.clone(), wished: Some(wish), replay: None, form }
    }

    /// Puts in or takes out the fields that belong to what was just chosen.
    pub fn changed(&mut self, model: &Model) {
        if self.replay.is_some() {
            return;
        }
        match self.form.current().map(|field| field.id) {
            Some(FieldId::TargetKind) => {
                let kind = Kind::of(&self.form);
                let value = match (kind, pitr::cursor(model)) {
                    (Kind::Time, Some(at)) => when::typed(model.recovery.moment.unwrap_or_else(|| at.into()), &model.clock),
                    _ => String::new(),
                };
                set_value(&mut self.form, kind, value);
            }
            Some(FieldId::Start) => {
                let at = self.form.at;
                self.form.fields.retain(|field| field.id != FieldId::Port);
                if self.form.choice(FieldId::Start) == 1 {
                    self.form.fields.insert(at + 1, Field::text(FieldId::Port, "on port", String::new()));
                }
            }
            _ => {}
        }
    }

    /// What is wrong with a field, if anything.
    pub fn problem(&self, id: FieldId, clock: &Clock) -> Option<String> {
        let text = self.form.text(id);
        match id {
            FieldId::RecoverInto if text.is_empty() => Some("a folder is needed".to_owned()),
            FieldId::RecoverInto | FieldId::WalDir | FieldId::BinDir if !text.is_empty() && !text.starts_with('/') => {
                Some("write it from / on".to_owned())
            }
            FieldId::TargetValue => self.target(clock).err(),
            FieldId::Timeline => self.timeline().err(),
            FieldId::MapTablespaces => folders(&text).err(),
            FieldId::Port => port(&text).err(),
            _ => self.form.out_of_range(id),
        }
    }

    /// Where recovery stops.
    fn target(&self, clock: &Clock) -> Result<Target, String> {
        let text = self.form.text(FieldId::TargetValue);
        match Kind::of(&self.form) {
            Kind::Latest => Ok(Target::Latest),
            Kind::Immediate => Ok(Target::Immediate),
            Kind::Time => moment::parse(&text, clock).map(Target::Time),
            Kind::Xid => match text.parse() {
                // 0 to 2 are the server's own (PostgreSQL, `access/transam.h`).
                Ok(xid) if xid > 2 => Ok(Target::Xid(xid)),
                _ => Err("a number from 3 on".to_owned()),
            },
            Kind::Lsn => text.parse().map(Target::Lsn).map_err(|_| "such as 1/6B374D8".to_owned()),
            Kind::Name if text.is_empty() => Err("a name is needed".to_owned()),
            // The server cuts longer ones (MAXFNAMELEN 64).
            Kind::Name if text.len() > 63 => Err("at most 63 bytes".to_owned()),
            Kind::Name => Ok(Target::Name(text)),
        }
    }

    fn timeline(&self) -> Result<TimelineChoice, String> {
        match self.form.text(FieldId::Timeline).as_str() {
            "latest" | "" => Ok(TimelineChoice::Latest),
            "current" => Ok(TimelineChoice::Current),
            number => match number.parse() {
                Ok(number) if number > 0 => Ok(TimelineChoice::Of(Timeline(number))),
                _ => Err("latest, current or a number".to_owned()),
            },
        }
    }

    /// What is wished for, where target and timeline can be read.
    pub fn wish(&self, clock: &Clock) -> Result<Wish, String> {
        Ok(Wish { target: self.target(clock)?, timeline: self.timeline()?, base: self.base.clone() })
    }
}

/// The fields that a kind of target has, below it: its value, whether what is at it is recovered, and what the server does there. At the
/// end of the archive it becomes a primary in any case.
fn set_value(form: &mut Form, kind: Kind, value: String) {
    form.fields.retain(|field| !matches!(field.id, FieldId::TargetValue | FieldId::Bound | FieldId::TargetAction));
    let mut fields: Vec<Field> = kind.value().map(|label| Field::text(FieldId::TargetValue, label, value)).into_iter().collect();
    if matches!(kind, Kind::Time | Kind::Xid | Kind::Lsn) {
        fields.push(Field::choice(FieldId::Bound, "up to it", &BOUND, 0));
    }
    if kind != Kind::Latest {
        fields.push(Field::choice(FieldId::TargetAction, "then", &ACTION, 0));
    }
    if let Some(at) = form.fields.iter().position(|field| field.id == FieldId::TargetKind) {
        form.fields.splice(at + 1..at + 1, fields);
    }
}

/// The folder of the archived log: that of the report, else the configured one.
fn wal_dir(model: &Model) -> String {
    let found = model.recovery.report.value().and_then(|report| report.wal.source.dir.clone());
    found.or_else(|| pitr::wal_dir(model)).map(|dir| dir.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The report came while the form is shown: it may say where the log lies.
pub fn learned(model: &mut Model) {
    let dir = wal_dir(model);
    if let Some(field) = model.recover.form.fields.iter_mut().find(|field| field.id == FieldId::WalDir && field.shown().is_empty()) {
        *field = Field::text(FieldId::WalDir, field.label, dir);
    }
}

/// What comes of what is filled in; none while that cannot be read or nothing is known of the archive.
pub fn verdict(model: &Model) -> Option<Verdict> {
    let report = model.recovery.report.value()?;
    Some(judge::judge(report, &model.recover.wish(&model.clock).ok()?))
}

/// The job.
pub fn spec(model: &Model) -> Result<JobSpec, String> {
    if replay::is_shown(model) {
        return replay::spec(model);
    }
    let screen = &model.recover;
    let form = &screen.form;
    if let Some(problem) =
        form.fields.iter().find_map(|field| screen.problem(field.id, &model.clock).map(|problem| format!("{}: {problem}", field.label)))
    {
        return Err(problem);
    }
    let Wish { target, timeline, base } = screen.wish(&model.clock)?;
    let folder = |id| Some(form.text(id)).filter(|text| !text.is_empty()).map(PathBuf::from);
    let start = if form.choice(FieldId::Start) == 1 { Start::Yes } else { Start::No };
    Ok(JobSpec::Recover(RecoverSpec {
        base,
        dir: model.setup.dir.clone(),
        wal_dir: folder(FieldId::WalDir),
        target_dir: folder(FieldId::RecoverInto).ok_or("a folder is needed")?,
        target,
        bound: if form.choice(FieldId::Bound) == 1 { Bound::Exclusive } else { Bound::Inclusive },
        timeline,
        action: [TargetAction::Pause, TargetAction::Promote, TargetAction::Shutdown][form.choice(FieldId::TargetAction).min(2)],
        map_tablespaces: folders(&form.text(FieldId::MapTablespaces))?,
        bin_dir: folder(FieldId::BinDir),
        start,
        port: port(&form.text(FieldId::Port))?,
        jobs: form.number(FieldId::Jobs),
    }))
}

/// Reads `/old=/new, /old2=/new2`.
fn folders(text: &str) -> Result<Vec<(PathBuf, PathBuf)>, String> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| match pair.split_once('=').map(|(from, to)| (from.trim(), to.trim())) {
            Some((from, to)) if from.starts_with('/') && to.starts_with('/') => Ok((from.into(), to.into())),
            _ => Err("write /old=/new, /old2=/new2".to_owned()),
        })
        .collect()
}

/// Reads a port; nothing is none.
fn port(text: &str) -> Result<Option<u16>, String> {
    match text {
        "" => Ok(None),
        text => match text.parse() {
            Ok(port) if port > 0 => Ok(Some(port)),
            _ => Err("1 to 65535".to_owned()),
        },
    }
}
