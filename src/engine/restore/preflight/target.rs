//! Are the names at the target free, and what is destroyed there?

use super::Facts;
use super::checklist::{Found, list, ok, refuse, warn};
use super::subject::Subject;
use crate::domain::plan::PlanItem;
use crate::domain::server::DatabaseInfo;
use crate::domain::spec::What;
use crate::domain::{Bytes, Code, Fault, text};
use crate::engine::restore::database::{self, Entry};
use futures_util::stream::{self, StreamExt};

/// The name of the line.
pub const NAME: &str = "target";

/// Databases that are looked into at the same time.
const AT_ONCE: usize = 4;

/// What becomes of the targets.
#[derive(Default)]
pub struct Targets {
    /// Lines of the checklist.
    pub found: Vec<Found>,
    /// Lines of the plan.
    pub items: Vec<PlanItem>,
    /// What is lost.
    pub destroys: Vec<String>,
}

/// What one target is and becomes.
struct Verdict {
    note: String,
    destroys: Option<String>,
    state: State,
    found: Vec<Found>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Made,
    Replaced,
    Added,
    Empty,
    Resumed,
    Refused,
}

impl Verdict {
    fn of(state: State, note: impl Into<String>) -> Self {
        Self { note: note.into(), destroys: None, state, found: Vec::new() }
    }

    fn refused(note: impl Into<String>, found: Found) -> Self {
        Self { found: vec![found], ..Self::of(State::Refused, note) }
    }
}

/// Looks at all of them.
pub async fn look(facts: &Facts<'_>) -> Result<Targets, Fault> {
    let mut looks = Vec::with_capacity(facts.subjects.len());
    for subject in &facts.subjects {
        looks.push(async move { (subject, verdict(facts, subject).await) });
    }
    let looked: Vec<_> = stream::iter(looks).buffered(AT_ONCE).collect().await;
    let mut targets = Targets::default();
    let mut states: Vec<(State, &str)> = Vec::new();
    for (subject, verdict) in looked {
        let verdict = verdict?;
        targets.items.push(PlanItem {
            name: subject.database.name.clone(),
            target: subject.target.clone(),
            bytes: Some(Bytes(subject.needs.rows)),
            tables: Some(subject.needs.tables),
            note: verdict.note,
            destroys: verdict.destroys.is_some(),
        });
        targets.destroys.extend(verdict.destroys);
        targets.found.extend(verdict.found);
        states.push((verdict.state, &subject.target));
    }
    for (state, words) in [
        (State::Made, "will be made"),
        (State::Replaced, "will be dropped and made anew"),
        (State::Added, "exists; the parts are added to it"),
        (State::Empty, "exists and is empty"),
        (State::Resumed, "was begun by the restore that is gone on with"),
    ] {
        let names: Vec<&str> = states.iter().filter(|(one, _)| *one == state).map(|(_, name)| *name).collect();
        if !names.is_empty() {
            targets.found.push(ok(NAME, format!("{} {words}", list(names))));
        }
    }
    Ok(targets)
}

async fn verdict(facts: &Facts<'_>, subject: &Subject<'_>) -> Result<Verdict, Fault> {
    let (spec, target) = (facts.spec, subject.target.as_str());
    if let Some(words) = facts.resumed.and_then(|manifest| manifest.words(target)) {
        return Ok(Verdict::of(State::Resumed, words));
    }
    let name = text::clean(target);
    let (part, what) = (subject.is_part(), subject.selection.what);
    let clean = spec.clean && subject.entry == Entry::Flags;
    if clean && (part || what == What::DataOnly) {
        let cure = "Leave --clean out, and drop the objects that are in the way yourself; or restore under another name with --as.";
        let found = refuse(Code::Usage, NAME, "--clean replaces a whole database, but only a part is restored", Some(cure.into()));
        return Ok(Verdict::refused("--clean", found));
    }
    let Some(there) = facts.existing.iter().find(|one| one.name == target) else {
        let may = facts.supplies.as_ref().is_none_or(|supplies| supplies.may_create);
        return Ok(match (facts.makes_databases() || spec.clean, may) {
            (false, _) => Verdict::refused("missing", refused(&database::missing(target))),
            (true, false) => {
                let user = text::clean(&spec.connection.user);
                let cure = match facts.info.product.is_mysql() {
                    true => format!("Grant {user} the right CREATE, or make the database beforehand."),
                    false => format!("ALTER ROLE {user} CREATEDB, or make the database beforehand."),
                };
                Verdict::refused("new", refuse(Code::PermissionDenied, NAME, "the role may not create databases", Some(cure)))
            }
            (true, true) => Verdict::of(State::Made, "new"),
        });
    };
    if clean {
        return Ok(replaced(facts, there));
    }
    let bytes = Bytes(there.bytes.unwrap_or(0));
    if !there.allow_connections {
        return Ok(Verdict::refused("exists", refuse(Code::PermissionDenied, NAME, format!("{name} allows no connections"), None)));
    }
    let mut found = Vec::new();
    let from = &subject.database.properties.encoding;
    // Each table says its own where a database has only a default.
    let decides = !facts.info.product.is_mysql();
    if decides && !from.is_empty() && *from != there.encoding && there.encoding != "SQL_ASCII" {
        let detail = format!(
            "{name} is in {}, the backup in {from}: rows with characters that {} lacks are refused",
            there.encoding, there.encoding
        );
        let cure = Some(format!("Restore into a new database in {from}: --target NAME --create"));
        found.push(warn("encoding", detail, cure));
    }
    if part || what == What::DataOnly {
        return Ok(Verdict { found, ..Verdict::of(State::Added, format!("exists, {bytes}: added to")) });
    }
    let (objects, bytes) = facts.server.weigh(target).await?;
    let nothing = subject.database.objects == 0 && subject.database.tables.is_empty();
    if objects > 0 && !(subject.entry == Entry::InPlace && nothing) {
        found.push(refused(&database::not_empty(target, objects, bytes)));
        return Ok(Verdict { found, ..Verdict::of(State::Refused, "exists and is not empty") });
    }
    Ok(Verdict { found, ..Verdict::of(State::Empty, "exists, filled in place") })
}

/// A database that is dropped first.
fn replaced(facts: &Facts<'_>, there: &DatabaseInfo) -> Verdict {
    let name = text::clean(&there.name);
    let bytes = Bytes(there.bytes.unwrap_or(0));
    let mut found = Vec::new();
    let mut state = State::Replaced;
    if there.name == facts.spec.connection.database
        || (!facts.info.product.is_mysql() && matches!(there.name.as_str(), "template0" | "template1"))
    {
        let cure = "Log in to another database (--dbname template1), or restore under another name (--target).".to_owned();
        let detail = format!("{name} cannot be dropped: we are logged in to it, or it is a template");
        found.push(refuse(Code::ServerUnavailable, NAME, detail, Some(cure)));
        state = State::Refused;
    }
    if there.sessions > 0 {
        found.push(warn("sessions", format!("{} sessions in {name} will be ended", there.sessions), None));
    }
    let destroys = Some(format!("{name} ({bytes})"));
    Verdict { note: format!("EXISTS, {bytes}: will be dropped"), destroys, state, found }
}

/// A fault of the restore's own as a line.
fn refused(fault: &Fault) -> Found {
    let steps = fault.steps.iter().map(ToString::to_string);
    let cure = steps.collect::<Vec<_>>().join(" ");
    let detail = match fault.causes.last() {
        Some(cause) => format!("{}: {cause}", fault.what),
        None => fault.what.clone(),
    };
    refuse(fault.code, NAME, detail, Some(cure))
}
