//! Makes objects, one after the other: every definition is a transaction of its own here.
//!
//! With a ledger each is noted as begun before and as done after. Without one, what a session has made itself is known as long as it lives.

use super::ledger::{self, State};
use super::loader::Target;
use super::{empty, script, settings};
use crate::domain::schema::SchemaObject;
use crate::domain::{Code, Fault};
use crate::server::mysql::quote::literal;
use crate::server::mysql::wire::Error;
use crate::server::{Claim, Mark, TargetChoices, Trial};

/// How often a definition is tried again that the server gave up because others were in its way.
const TRIES: u32 = 5;

/// Deadlock, and a wait that was too long.
const IN_THE_WAY: [u16; 2] = [1213, 1205];

/// "It exists": tables and views, keys, routines, triggers, events, foreign keys.
const EXISTS: [u16; 7] = [1050, 1061, 1304, 1359, 1537, 1826, 1022];

/// "The statement was interrupted."
const INTERRUPTED: u16 = 1317;

/// See [`crate::server::Loader::run`].
pub async fn objects(target: &mut Target, objects: &[&SchemaObject], choices: &TargetChoices, claim: Claim<'_>) -> Result<(), Fault> {
    if claim.marks.is_empty() {
        for object in objects.iter().filter(|object| !script::left_out(object, choices)) {
            if target.made.contains(&object.id) {
                continue;
            }
            if let Err(error) = one(target, object, choices).await {
                return Err(object_fault(target, object, choices, &error));
            }
            target.made.insert(object.id);
        }
        return Ok(());
    }
    if claim.marks.len() != objects.len() {
        return Err(Fault::internal("objects and their marks are not as many"));
    }
    let known = ledger::states(target, claim.marks).await?;
    let pairs: Vec<(&SchemaObject, Mark)> = objects.iter().copied().zip(claim.marks.iter().copied()).collect();
    let fresh: Vec<(&SchemaObject, Mark)> = pairs.iter().filter(|(_, mark)| !known.contains_key(mark)).copied().collect();
    none_there(target, &fresh).await?;
    let marks: Vec<Mark> = fresh.iter().map(|(_, mark)| *mark).collect();
    ledger::begin(target, &marks).await?;
    let mut made = Vec::with_capacity(pairs.len());
    for (at, (object, mark)) in pairs.iter().enumerate() {
        let state = known.get(mark);
        if state == Some(&State::Done) {
            continue;
        }
        let done = if script::left_out(object, choices) { Ok(()) } else { one(target, object, choices).await };
        match done {
            Err(error) if !(state == Some(&State::Begun) && exists(&error)) => {
                let fault = object_fault(target, object, choices, &error);
                // Where the line is lost nobody knows what became of it, and nothing can be written down.
                if matches!(error, Error::Server { .. }) {
                    ledger::done(target, &made).await?;
                    let never: Vec<Mark> = pairs[at..].iter().map(|(_, mark)| *mark).filter(|mark| marks.contains(mark)).collect();
                    ledger::forget(target, &never).await?;
                }
                return Err(fault);
            }
            _ => made.push(*mark),
        }
    }
    ledger::done(target, &made).await
}

/// What is there before it was begun belongs to somebody else. Only what holds rows is looked for: the server refuses to make others twice.
async fn none_there(target: &mut Target, fresh: &[(&SchemaObject, Mark)]) -> Result<(), Fault> {
    let relations: Vec<&SchemaObject> =
        fresh.iter().map(|(object, _)| *object).filter(|object| matches!(object.kind.as_str(), "TABLE" | "VIEW" | "SEQUENCE")).collect();
    if relations.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = relations.iter().map(|object| literal(&object.name)).collect();
    let sql = format!(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name IN ({}) LIMIT 1",
        names.join(",")
    );
    let rows = target.query("cannot look for what is there", &sql).await?;
    let Some(name) = rows.first().and_then(|row| row.text(0)) else { return Ok(()) };
    let object = relations.iter().find(|object| object.name.eq_ignore_ascii_case(&name)).copied().unwrap_or(relations[0]);
    let label = script::label(object);
    let fault = Fault::new(Code::DuplicateObject, format!("cannot create {label}"))
        .because("the target has it already")
        .at("Object", &label)
        .with_statement(&object.sql);
    Err(cure(target.placed(fault), object))
}

/// Makes one object; leaves the session as it was.
async fn one(target: &mut Target, object: &SchemaObject, choices: &TargetChoices) -> Result<(), Error> {
    let sql = script::of(object, choices, target.product());
    let mut tries = 0;
    loop {
        let done = target.session.run(&sql).await;
        if script::sets(object) && !matches!(done, Err(Error::Lost(_))) {
            target.session.run(settings::PLAIN).await?;
        }
        match done {
            Ok(_) => return Ok(()),
            Err(error) if tries < TRIES && error.number().is_some_and(|number| IN_THE_WAY.contains(&number)) => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Whether an error says that the object is there.
fn exists(error: &Error) -> bool {
    match error {
        // MariaDB tells a foreign key that is there by the engine's own number.
        Error::Server { number, message, .. } => EXISTS.contains(number) || (*number == 1005 && message.contains("errno: 121")),
        _ => false,
    }
}

/// The fault of an object's statement, with the cure that its kind of failure has.
fn object_fault(target: &Target, object: &SchemaObject, choices: &TargetChoices, error: &Error) -> Fault {
    let label = script::label(object);
    let fault = target.fault(format!("cannot create {label}"), error).at("Object", &label);
    let sql = script::of(object, choices, target.product());
    cure(fault, object).with_statement(script::statement(&sql).trim())
}

/// Adds the steps that suit a failed definition.
fn cure(fault: Fault, object: &SchemaObject) -> Fault {
    match fault.code {
        Code::DuplicateObject => fault
            .step("The target has this object already. Restore into an empty database: --target NEW --create")
            .step("Or restore rows only into the existing table (--data-only), or one table under another name (--as NAME)."),
        Code::PermissionDenied | Code::MissingRole => fault
            .step("The definer of views, routines, triggers and events is another user: restore with a user that may set it (SUPER or SET USER in MariaDB, SET_ANY_DEFINER in MySQL).")
            .step_run("Or make our user, or another one, the definer:", "--no-owner   or   --map-role OLD=NEW"),
        code if code.is_missing() => {
            let needs = format!("What {} needs is not on the target: restore it too (the whole database), or create it first.", script::label(object));
            fault.step(needs)
        }
        _ => fault,
    }
}

/// See [`crate::server::Loader::attempt`]. Nothing can be taken back but by dropping it, so this is done only where everything may be dropped.
pub async fn attempt(
    target: &mut Target,
    objects: &[&SchemaObject],
    choices: &TargetChoices,
    trial: Trial,
) -> Result<Vec<(usize, Fault)>, Fault> {
    if !settings::is_scratch(&target.database) {
        let fault = Fault::new(Code::PermissionDenied, "definitions are tried out in databases made for that only");
        return Err(target.placed(fault.because("this server cannot take definitions back")));
    }
    let mut failed = Vec::new();
    for (at, object) in objects.iter().enumerate().filter(|(_, object)| !script::left_out(object, choices)) {
        match one(target, object, choices).await {
            Ok(()) => {}
            Err(error) if matches!(error, Error::Server { .. }) && error.number() != Some(INTERRUPTED) => {
                failed.push((at, object_fault(target, object, choices, &error)));
            }
            Err(error) => return Err(target.fault("cannot try objects out", &error)),
        }
    }
    if trial == Trial::TakenBack {
        empty::database(target).await?;
    }
    Ok(failed)
}
