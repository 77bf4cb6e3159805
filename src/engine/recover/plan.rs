//! What a recovery would do, and whether it can.

use super::board::about;
use super::chain::{Chain, Layout};
use super::choose::{self, Choice, words};
use super::place::{self, Owner, Place, fine};
use super::{launch, watch};
use crate::domain::plan::{Check, CheckState, Plan, PlanItem};
use crate::domain::recovery::judge::{REPLAYED_PER_SECOND, UNPACKED_PER_SECOND};
use crate::domain::recovery::{BaseKind, Target, TargetAction, TimelineChoice, moment};
use crate::domain::size::grouped;
use crate::domain::spec::{JobSpec, RecoverSpec, Start};
use crate::domain::time::span;
use crate::domain::{Bytes, Code, Fault};
use crate::engine::Context;
use crate::engine::event::Event;
use crate::server::postgres::install::{self, Installation};
use std::path::PathBuf;

/// Room for the log that is being replayed: it is recycled as replay goes on.
const LOG_ROOM: u64 = 1 << 30;

/// Everything that is known before anything is made.
pub(super) struct Known {
    /// What it is made of.
    pub choice: Choice,
    /// The opened archives.
    pub chain: Chain,
    /// Where everything goes.
    pub layout: Layout,
    /// Tablespaces.
    pub places: Vec<Place>,
    /// To whom it will belong.
    pub owner: Option<Owner>,
}

/// Finds out what there is; blocks. A fault means that there is nothing to recover from.
pub(super) fn look(spec: &RecoverSpec, context: &Context) -> Result<Known, Fault> {
    let choice = choose::choose(spec, context.events.as_ref(), &context.cancel)?;
    let paths: Vec<PathBuf> = choice.chain.iter().map(|base| base.path.clone()).collect();
    let chain = Chain::open(&paths)?;
    let tablespaces = chain.last()?.archive.manifest().head.base.as_ref().map_or(&[][..], |base| &base.tablespaces);
    let places = place::places(tablespaces, &spec.map_tablespaces)?;
    let layout = chain.layout(&spec.target_dir, &places)?;
    let owner = place::owner(&spec.target_dir)?;
    Ok(Known { choice, chain, layout, places, owner })
}

/// The same spec with what was chosen in it, so that the run does what the plan says whatever comes meanwhile.
fn settled(spec: &RecoverSpec, choice: &Choice) -> RecoverSpec {
    let timeline = match (&choice.road, choose::other_timeline(choice)) {
        (None, _) => spec.timeline,
        (Some(_), Some(other)) => TimelineChoice::Of(other),
        (Some(_), None) => TimelineChoice::Current,
    };
    let action = if spec.target == Target::Latest { TargetAction::Promote } else { spec.action };
    RecoverSpec { base: Some(choice.base.path.clone()), timeline, action, ..spec.clone() }
}

/// Finds out what it would do.
pub async fn plan(spec: &RecoverSpec, context: &Context) -> Result<Plan, Fault> {
    let (asked, inner) = (spec.clone(), context.clone());
    let known = tokio::task::spawn_blocking(move || look(&asked, &inner));
    let known = known.await.map_err(|error| Fault::internal("looking at the backup broke off").caused_by(&error))?;
    let mut checks = Vec::new();
    let mut add = |check: Check| {
        context.events.post(Event::Checked(check.clone()));
        checks.push(check);
    };
    add(place::free("data directory", &spec.target_dir));
    let known = known?;
    let major = known.choice.base.version_num / 10_000;
    let installation = install::find(spec.bin_dir.as_deref(), major).await;
    add(of_base(&known.choice));
    for check in of_log(spec, &known) {
        add(check);
    }
    add(of_server(spec, &installation, major));
    for place in &known.places {
        add(place::free(&format!("tablespace {}", place.oid), &place.to));
    }
    for check in clashes(spec, &known.places) {
        add(check);
    }
    let base_bytes: u64 = known.layout.bytes;
    let inside = base_bytes.saturating_sub(known.places.iter().map(|place| place.bytes).sum());
    let log_bytes = known.choice.road.as_ref().map_or(0, |road| road.count() * road.log.size().bytes());
    let mut needs = vec![(spec.target_dir.clone(), inside + log_bytes.min(LOG_ROOM))];
    needs.extend(known.places.iter().map(|place| (place.to.clone(), place.bytes)));
    for check in place::room(&needs) {
        add(check);
    }
    for check in of_owner(spec, &known, installation.as_ref().ok()) {
        add(check);
    }
    let items = known
        .choice
        .chain
        .iter()
        .map(|base| PlanItem {
            name: base.path.display().to_string(),
            target: spec.target_dir.display().to_string(),
            bytes: Some(base.plain),
            tables: None,
            note: format!("{}, complete at {}", kind(base.kind), moment::both(base.ended.into())),
            destroys: false,
        })
        .collect();
    let title = format!("Recover {} to {}", words(&spec.target, spec.bound), spec.target_dir.display());
    let settled = settled(spec, &known.choice);
    Ok(Plan {
        title,
        items,
        checks,
        total: Bytes(base_bytes),
        facts: facts(&settled, &known, log_bytes),
        ..Plan::of(JobSpec::Recover(settled))
    })
}

const fn kind(kind: BaseKind) -> &'static str {
    match kind {
        BaseKind::Full => "full",
        BaseKind::Differential => "differential",
        BaseKind::Incremental => "incremental",
    }
}

fn facts(spec: &RecoverSpec, known: &Known, log_bytes: u64) -> Vec<(String, String)> {
    let mut facts = vec![("Target".to_owned(), words(&spec.target, spec.bound))];
    let mut add = |name: &str, value: String| facts.push((name.to_owned(), value));
    add("Base backup", known.choice.base.path.display().to_string());
    for other in &known.choice.others {
        add("Passed over", other.clone());
    }
    let unpacking = about(Bytes(known.layout.bytes), UNPACKED_PER_SECOND);
    let mut replaying = 0;
    match &known.choice.road {
        Some(road) => {
            let (first, last) = road.segments;
            add(
                "Log",
                format!(
                    "{} segments of {}, {} to {}",
                    grouped(road.count()),
                    Bytes(road.log.size().bytes()),
                    road.name(first),
                    road.name(last)
                ),
            );
            add("Archive of the log", road.log.dir().display().to_string());
            add(
                "Timeline",
                match choose::other_timeline(&known.choice) {
                    Some(other) => format!("{other}, from {} of the base backup", known.choice.base.timeline),
                    None => format!("{}, that of the base backup", known.choice.base.timeline),
                },
            );
            replaying = about(Bytes(log_bytes), REPLAYED_PER_SECOND);
            if let Some(last) = &road.found.last {
                add("Last transaction", watch::said(last));
            }
            if let Some(next) = &road.found.next {
                add("First one left out", watch::said(next));
            }
        }
        None => add("Log", "what the base backup itself holds".to_owned()),
    }
    add(
        "About",
        format!("{} to unpack {}, {} to replay {}", span(unpacking), Bytes(known.layout.bytes), span(replaying), Bytes(log_bytes)),
    );
    add("At the target", at_target(spec).to_owned());
    if let Some(owner) = &known.owner {
        add("Owner", format!("{}: PostgreSQL does not run as root", owner.name));
    }
    facts
}

/// What becomes of the server there.
const fn at_target(spec: &RecoverSpec) -> &'static str {
    match (&spec.target, spec.action) {
        (Target::Latest, _) => "the server becomes a primary, because the log ends there",
        (_, TargetAction::Pause) => "the server waits, open for reading",
        (_, TargetAction::Promote) => "the server becomes a primary on a new timeline",
        (_, TargetAction::Shutdown) => "the server stops",
    }
}

fn of_base(choice: &Choice) -> Check {
    let base = &choice.base;
    let chain = match choice.chain.len() {
        1 => String::new(),
        links => format!(", on top of {} others", links - 1),
    };
    fine("base backup", format!("{} ({}{chain}) was complete at {}", base.path.display(), kind(base.kind), moment::both(base.ended.into())))
}

fn of_log(spec: &RecoverSpec, known: &Known) -> Vec<Check> {
    let Some(road) = &known.choice.road else {
        let base = &known.choice.base;
        let size = base.segment_size;
        let numbers = base.start.0 / size.bytes()..=base.stop.0.saturating_sub(1) / size.bytes();
        let names = numbers.map(|number| crate::domain::wal::Segment { timeline: base.timeline, number }.name(size).to_string());
        let lacks = names.into_iter().find(|name| !known.chain.holds(&format!("pg_wal/{name}")));
        return vec![match lacks {
            None => fine("log", "the base backup has what it needs of the log to become consistent".to_owned()),
            Some(name) => Check {
                state: CheckState::Failed,
                name: "log".to_owned(),
                detail: format!("the base backup does not hold segment {name}, which it needs to become consistent"),
                cure: Some("Name the archive of the log: --wal-archive DIR.".to_owned()),
                code: Some(Code::FileMissing),
            },
        }];
    };
    let (first, last) = road.segments;
    let mut checks =
        vec![fine("log", format!("all {} segments from {} to {} are there", grouped(road.count()), road.name(first), road.name(last)))];
    let target = match (&spec.target, &road.found.last, &road.found.next) {
        (_, Some(last), Some(next)) => {
            format!("transaction {} is the last one recovered, {} the first one that is not", last.xid, next.xid)
        }
        (_, Some(last), None) => format!("transaction {} is the last one recovered; none follows it in the archive", last.xid),
        (_, None, Some(next)) => format!("no transaction of the log is recovered; {} is the first one that is not", next.xid),
        (_, None, None) => "there are no transactions in the log".to_owned(),
    };
    checks.push(fine("target", target));
    checks
}

fn of_server(spec: &RecoverSpec, found: &Result<Installation, Fault>, major: u32) -> Check {
    match found {
        Ok(found) => fine("server", format!("PostgreSQL {} in {}", found.version, found.bin.display())),
        Err(fault) => Check {
            state: if spec.start == Start::Yes { CheckState::Failed } else { CheckState::Warning },
            name: "server".to_owned(),
            detail: format!("{}: {}", fault.what, fault.causes.join("; ")),
            cure: Some(format!(
                "{} PostgreSQL {major} is needed to start it.",
                fault.steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
            )),
            code: Some(fault.code),
        },
    }
}

/// Folders that are in each other's way.
fn clashes(spec: &RecoverSpec, places: &[Place]) -> Vec<Check> {
    let mut all: Vec<&std::path::Path> = vec![&spec.target_dir];
    let mut checks = Vec::new();
    for place in places {
        if let Some(other) = all.iter().find(|other| place.to.starts_with(other) || other.starts_with(&place.to)) {
            checks.push(Check {
                state: CheckState::Failed,
                name: format!("tablespace {}", place.oid),
                detail: format!("{} and {} lie within each other", place.to.display(), other.display()),
                cure: Some(format!("Give it a folder of its own: --map-tablespace {}=/new/folder", place.from.display())),
                code: Some(Code::Usage),
            });
        }
        all.push(&place.to);
    }
    checks
}

/// Whether the server will be able to read what it needs, and its port is free.
fn of_owner(spec: &RecoverSpec, known: &Known, installation: Option<&Installation>) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(owner) = &known.owner {
        checks.push(fine("owner", format!("the files will belong to {}, who runs the server", owner.name)));
    }
    if spec.start == Start::No || installation.is_none() {
        return checks;
    }
    let mut needs: Vec<(&str, PathBuf)> = spec.wal_dir.iter().map(|dir| ("-r", dir.clone())).collect();
    needs.extend(std::env::current_exe().ok().map(|program| ("-x", program)));
    for (what, path) in needs {
        if !launch::can(known.owner.as_ref(), what, &path) {
            let who = known.owner.as_ref().map_or("this user", |owner| owner.name.as_str());
            checks.push(Check {
                state: CheckState::Failed,
                name: "access".to_owned(),
                detail: format!("{who}, who runs the server, cannot {} {}", if what == "-r" { "read" } else { "run" }, path.display()),
                cure: Some(format!("Let {who} reach it: namei -l {}", super::log::quoted(&path))),
                code: Some(Code::FilePermission),
            });
        }
    }
    if let Some(port) = spec.port.filter(|port| !launch::is_free(*port)) {
        checks.push(Check {
            state: CheckState::Failed,
            name: "port".to_owned(),
            detail: format!("somebody listens on port {port} of this host"),
            cure: Some("Name another one (--start-port N), or none: a free one is taken.".to_owned()),
            code: Some(Code::OutputExists),
        });
    }
    checks
}
