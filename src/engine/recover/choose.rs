//! Which base backup, which timelines and which segments lead to the target; or why none do. Reads the archive of the log as far as that takes.
//!
//! The same question as `domain/recovery/judge` answers, and another answer: the judge goes by names, sizes and times of segments, so that it can be asked at
//! each step of a cursor; a recovery stops at a record, and whether there is one at the target, and which transactions are before it, only the records say.
//! Both take the way through timelines from `domain::recovery::Way`, and base backups from `engine::bases`.

use super::bases;
use super::log::{Log, Why};
use super::search::{self, Found, Search};
use crate::domain::recovery::{BaseBackup, Bound, Left, Target, TimelineChoice, Way, moment};
use crate::domain::spec::RecoverSpec;
use crate::domain::wal::{Lsn, Segment, Timeline};
use crate::domain::{Code, Fault};
use crate::engine::event::{EventSink, Level};
use tokio_util::sync::CancellationToken;

/// What a recovery is made of.
#[derive(Debug)]
pub struct Choice {
    /// The base backup.
    pub base: BaseBackup,
    /// It and what it builds on, the full one first.
    pub chain: Vec<BaseBackup>,
    /// Its way through the archived log; none where there is no archive.
    pub road: Option<Road>,
    /// Newer base backups that were passed over, and why.
    pub others: Vec<String>,
}

/// The way through the archived log.
#[derive(Debug)]
pub struct Road {
    /// The archive.
    pub log: Log,
    /// The timelines.
    pub way: Way,
    /// Numbers of the first and the last segment that are needed.
    pub segments: (u64, u64),
    /// What was found at the target.
    pub found: Found,
}

impl Road {
    /// Segments that are needed.
    pub const fn count(&self) -> u64 {
        self.segments.1 - self.segments.0 + 1
    }

    /// A segment of the way by its number.
    pub fn segment(&self, number: u64) -> Segment {
        self.way.segment(number, self.log.size())
    }

    /// The name of a segment of the way.
    pub fn name(&self, number: u64) -> String {
        self.segment(number).name(self.log.size()).to_string()
    }
}

/// Why a base backup will not do.
enum Refused {
    /// Another one may.
    Base(String),
    /// Another one may: the target is not in the log after this one.
    NotAfter,
    /// No other one will either.
    All(Fault),
}

impl From<Fault> for Refused {
    fn from(fault: Fault) -> Self {
        Refused::All(fault)
    }
}

/// Chooses. Nothing is changed.
pub fn choose(spec: &RecoverSpec, events: &(dyn EventSink + 'static), cancel: &CancellationToken) -> Result<Choice, Fault> {
    let (candidates, known) = match &spec.base {
        Some(path) => (vec![bases::one(path)?], bases::list(&bases::folder(path))?),
        None => {
            let known = bases::list(&spec.dir)?;
            (known.iter().rev().cloned().collect(), known)
        }
    };
    if candidates.is_empty() {
        return Err(Fault::new(Code::FileMissing, format!("there is no base backup in {}", spec.dir.display()))
            .step_run("Look at another folder:", "dbbackup restore pitr --backup-dir DIR …")
            .step_run("Make one, for the next time:", format!("dbbackup backup base --backup-dir {}", super::log::quoted(&spec.dir))));
    }
    let mut others = Vec::new();
    // What was looked through for one base backup is not looked through again for an older one.
    let mut until = None;
    for base in &candidates {
        if cancel.is_cancelled() {
            return Err(Fault::new(Code::Cancelled, "cancelled"));
        }
        match one(spec, base, &known, until, events, cancel) {
            Ok(choice) => return Ok(Choice { others, ..choice }),
            Err(Refused::All(fault)) => return Err(fault),
            Err(Refused::Base(why)) => others.push(format!("{}: {why}", name(base))),
            Err(Refused::NotAfter) => {
                others.push(format!("{}: the target is not in the log after it", name(base)));
                until = Some(base.start);
            }
        }
    }
    Err(none(spec, &candidates, others))
}

fn name(base: &BaseBackup) -> String {
    base.path.file_name().map_or_else(|| base.path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// A target in words: "up to 2026-01-30 13:02:59 UTC = …".
pub fn words(target: &Target, bound: Bound) -> String {
    let until = if bound == Bound::Exclusive { "until just before" } else { "up to" };
    match target {
        Target::Latest => "everything that is archived".to_owned(),
        Target::Immediate => "the base backup, as it is consistent".to_owned(),
        Target::Time(at) => format!("{until} {}", moment::both(*at)),
        Target::Xid(xid) => format!("{until} transaction {xid}"),
        Target::Lsn(lsn) => format!("{until} position {lsn}"),
        Target::Name(name) => format!("up to restore point {name:?}"),
    }
}

/// No base backup will do.
fn none(spec: &RecoverSpec, candidates: &[BaseBackup], others: Vec<String>) -> Fault {
    let mut fault = Fault::new(Code::NotInArchive, format!("no base backup leads to the target: {}", words(&spec.target, spec.bound)));
    for why in others {
        fault.context.push(("Base backup".to_owned(), why));
    }
    match (&spec.target, candidates.iter().map(|base| base.ended).min()) {
        (Target::Time(_), Some(oldest)) => fault
            .because("recovery goes forward from a base backup: it cannot reach what was before that was complete")
            .step(format!("Choose a moment after {}, or a folder with an older base backup (--backup-dir).", moment::both(oldest.into()))),
        _ => fault.step("Choose another target, or a folder with another base backup (--backup-dir)."),
    }
}

fn one(
    spec: &RecoverSpec,
    base: &BaseBackup,
    known: &[BaseBackup],
    until: Option<Lsn>,
    events: &(dyn EventSink + 'static),
    cancel: &CancellationToken,
) -> Result<Choice, Refused> {
    if let Some(why) = &base.broken {
        return Err(Refused::Base(format!("it cannot be used: {why}")));
    }
    let chain = match bases::chain(base, known) {
        Ok(chain) => chain,
        Err(fault) if spec.base.is_some() => return Err(Refused::All(fault)),
        Err(fault) => return Err(Refused::Base(fault.root_cause().to_owned())),
    };
    match &spec.target {
        Target::Time(at) if at.stamp() < base.ended => {
            return Err(Refused::Base(format!("it was complete only at {}", moment::both(base.ended.into()))));
        }
        Target::Lsn(lsn) if *lsn < base.stop => return Err(Refused::Base(format!("it is consistent only at {}", base.stop))),
        _ => {}
    }
    let choice = |road| Choice { base: base.clone(), chain, road, others: Vec::new() };
    let Some(dir) = &spec.wal_dir else {
        if matches!(spec.target, Target::Immediate | Target::Latest) {
            return Ok(choice(None));
        }
        return Err(Refused::All(
            Fault::new(Code::Usage, "no archive of the log was named, and without one nothing after the base backup can be reached")
                .step_run("Name it:", "--wal-archive DIR")
                .step("Or recover the base backup alone: --target-immediate."),
        ));
    };
    let log = Log::open(dir, base.segment_size)?;
    belongs(&log, base)?;
    let target = match spec.timeline {
        TimelineChoice::Latest => log.newest(base.timeline),
        TimelineChoice::Current => base.timeline,
        TimelineChoice::Of(timeline) => timeline,
    };
    let way = if target == base.timeline && !log.knows(target) { Way::straight(target) } else { log.way(target)? };
    match way.leaves(base.timeline) {
        Left::Never => {}
        Left::At(left) if base.stop <= left => {}
        Left::At(left) => return Err(Refused::Base(format!("timeline {target} branched off at {left}, before this was complete"))),
        Left::NotOnIt => {
            return Err(Refused::Base(format!("it is of timeline {}, which timeline {target} did not come from", base.timeline)));
        }
    }
    let road = road(spec, base, (log, way), until, events, cancel)?;
    Ok(choice(Some(road)))
}

/// Whether the archive is of the server that the base backup is of.
fn belongs(log: &Log, base: &BaseBackup) -> Result<(), Fault> {
    let Some(any) = log.any() else {
        return Err(Fault::new(Code::FileMissing, format!("there is no segment of the log in {}", log.dir().display()))
            .at("Archive", log.dir().display())
            .step("Name the folder that the server archives its log to: --wal-archive DIR."));
    };
    let Ok(header) = log.header(any)? else { return Ok(()) };
    if header.system_identifier.to_string() == base.system_identifier || base.system_identifier.is_empty() {
        return Ok(());
    }
    Err(Fault::new(Code::WalForeign, "the archive of the log is of another server than the base backup")
        .at("Archive", log.dir().display())
        .at("Base backup", base.path.display())
        .because(format!("the log is of system {}, the base backup of {}", header.system_identifier, base.system_identifier))
        .step("Name the archive that belongs to it: --wal-archive DIR."))
}

/// The number of the segment that holds the last byte before a position.
fn before(lsn: Lsn, log: &Log) -> u64 {
    lsn.0.saturating_sub(1) / log.size().bytes()
}

fn road(
    spec: &RecoverSpec,
    base: &BaseBackup,
    (log, way): (Log, Way),
    until: Option<Lsn>,
    events: &(dyn EventSink + 'static),
    cancel: &CancellationToken,
) -> Result<Road, Refused> {
    let first = base.start.0 / log.size().bytes();
    let needed = before(base.stop, &log).max(first);
    if let Some(segment) = log.missing(&way, base.start, Lsn(needed * log.size().bytes())) {
        return Err(Refused::All(missing(&log, segment, spec, "the base backup itself needs it to become consistent")));
    }
    let last = log.reaches(&way, first).unwrap_or(first);
    let search = || Search::new(&spec.target, spec.bound, base.stop);
    let (found, why) = match &spec.target {
        Target::Latest => (latest(&log, &way, first, last, cancel)?, None),
        Target::Time(at) => {
            let (found, why) = search::moment(&log, &way, first..=last, search, *at, cancel)?;
            (found, Some(why))
        }
        Target::Lsn(lsn) => {
            let from = (lsn.0 / log.size().bytes()).clamp(first, last);
            let (found, why) = search::follow(&log, &way, from.saturating_sub(1).max(first), search(), cancel)?;
            (found, Some(why))
        }
        Target::Immediate => {
            let (found, why) = search::follow(&log, &way, first, search(), cancel)?;
            (found, Some(why))
        }
        Target::Xid(_) | Target::Name(_) => {
            events.log(Level::Info, format!("looking for the target in {} segments of the log", last - first + 1));
            let (found, why) = search::follow(&log, &way, first, search().until(until), cancel)?;
            (found, Some(why))
        }
    };
    let Some(stops) = found.stops else {
        return match (&spec.target, why) {
            (Target::Latest | Target::Immediate, _) => Ok(Road { log, way, segments: (first, last), found }),
            (Target::Xid(_) | Target::Name(_), _) if spec.base.is_none() && first > 0 => Err(Refused::NotAfter),
            (_, why) => Err(Refused::All(unreachable(&log, &way, last, spec, &found, why.as_ref()))),
        };
    };
    if stops < base.stop {
        let why = format!("the target is at {stops}, and it is consistent only at {}", base.stop);
        return Err(Refused::Base(why));
    }
    let last = before(stops.max(base.stop), &log).max(found.next.map_or(0, |next| next.lsn.0 / log.size().bytes())).clamp(first, last);
    Ok(Road { log, way, segments: (first, last), found })
}

/// Where the log ends, by its last segments alone.
fn latest(log: &Log, way: &Way, first: u64, last: u64, cancel: &CancellationToken) -> Result<Found, Fault> {
    let mut back = 1;
    loop {
        let from = last.saturating_sub(back).max(first);
        let (found, _) = search::follow(log, way, from, Search::new(&Target::Latest, Bound::Inclusive, Lsn(0)), cancel)?;
        if found.last.is_some() || from == first {
            return Ok(found);
        }
        back *= 4;
    }
}

/// A segment that is not there.
fn missing(log: &Log, segment: Segment, spec: &RecoverSpec, why: &str) -> Fault {
    let name = segment.name(log.size()).to_string();
    let mut fault = Fault::new(Code::FileMissing, format!("segment {name} of the log is missing"))
        .at("Missing", &name)
        .at("Archive", log.dir().display())
        .because(why);
    if log.has_partly(segment) {
        fault = fault
            .because(format!("{name}.partial is there: the last segment of a timeline that was left by a promotion, which no recovery asks for"))
            .step("If the target lies on the timeline that was left, give the file its name without .partial; else choose the new timeline (--timeline latest).");
    }
    fault = fault
        .step_run("Look whether a copy of it is elsewhere, on the server for one:", format!("find / -xdev -name '{name}*' 2>/dev/null"));
    if matches!(spec.target, Target::Time(_)) {
        fault = fault.step_run(
            "See which moments can be recovered:",
            format!("dbbackup pitr status --archive-dir {}", super::log::quoted(log.dir())),
        );
    }
    fault
}

/// The target is beyond what there is.
fn unreachable(log: &Log, way: &Way, last: u64, spec: &RecoverSpec, found: &Found, why: Option<&Why>) -> Fault {
    let newest = found.last.map(|last| format!("the last transaction that can be recovered is {}, of {}", last.xid, moment::both(last.at)));
    let gap = way.segment(last + 1, log.size());
    let is_gap = log.last(gap.timeline).is_some_and(|newest| newest.number > gap.number);
    let mut fault = match (&spec.target, is_gap) {
        (_, true) => return with(missing(log, gap, spec, "recovery would stop there, before the target"), newest),
        (Target::Time(at), false) => Fault::new(Code::NotInArchive, format!("the archived log ends before {}", moment::both(*at)))
            .because("no transaction that ended later is in the archive, and the server takes a target that it never meets for an error"),
        (Target::Xid(xid), false) => Fault::new(Code::NotInArchive, format!("transaction {xid} does not end in the archived log")),
        (Target::Name(name), false) => Fault::new(Code::NotInArchive, format!("there is no restore point {name:?} in the archived log")),
        (Target::Lsn(lsn), false) => Fault::new(Code::NotInArchive, format!("the archived log ends before {lsn}")),
        (Target::Latest | Target::Immediate, false) => Fault::new(Code::NotInArchive, "the archived log ends too early"),
    };
    if let Some(Why::Ended(end)) = why {
        fault = fault.at("The log ends at", end.at).at("Because", &end.why);
    }
    fault = with(fault.at("Archive", log.dir().display()), newest);
    fault.step("To recover everything that there is, leave the target out.").step_run(
        "If the server still runs, have it archive what it has written since, then run this again:",
        "psql -c 'select pg_switch_wal()'",
    )
}

/// Adds a cause where there is one, before those that lie deeper.
fn with(mut fault: Fault, cause: Option<String>) -> Fault {
    if let Some(cause) = cause {
        fault.causes.insert(0, cause);
    }
    fault
}

/// The timeline that a recovery ends up on, where it is not that of the base backup.
pub fn other_timeline(choice: &Choice) -> Option<Timeline> {
    choice.road.as_ref().map(|road| road.way.timeline()).filter(|timeline| *timeline != choice.base.timeline)
}
