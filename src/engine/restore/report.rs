//! What came of all databases as one summary: causes folded, what is missing counted and listed, the failure list written.

use super::causes::{self, Failed, Folded, Losses, Skipped};
use super::database::Done;
use super::failure_list;
use super::run::{Failure, Troubles};
use crate::archive::reader::Archive;
use crate::domain::cause::{Cause, causes_words};
use crate::domain::fault::Step;
use crate::domain::job::{DatabaseOutcome, LISTED, Summary};
use crate::domain::spec::{RestoreScope, RestoreSpec};
use crate::domain::{Bytes, Code, Connection, Fault, text};
use std::collections::HashMap;

/// How many causes a fault tells; the summary has all.
const TOLD: usize = 10;

/// A database that is done with: its name on the target, and what came of it.
pub struct Ended {
    /// The name.
    pub name: String,
    /// Its work, with a fault where something failed.
    pub done: Done,
}

/// The fault of a database of which something is missing.
pub fn partial(target: &str, troubles: &Troubles, needs: &HashMap<u32, Vec<u32>>, objects: u64, major: u32) -> Fault {
    let losses = losses(Some(target), troubles, needs.clone());
    let folded = causes::fold(std::slice::from_ref(&losses), major);
    let tally = folded.missing.first().map(|missing| causes::tally(objects, missing)).unwrap_or_default();
    let name = text::clean(target);
    let fault = Fault::new(Code::Partial, format!("{name} is restored in part: {}", tally.words())).at("Database", &name);
    let mut fault = told(fault, &folded.causes);
    if let Some(first) = troubles.failures.first() {
        fault.sqlstate.clone_from(&first.fault.sqlstate);
        fault.statement.clone_from(&first.fault.statement);
    }
    fault
}

/// Adds causes to a fault: the one with the most consequences as its cause, others beside it, and what cures each.
fn told(mut fault: Fault, causes: &[Cause]) -> Fault {
    if let Some(first) = causes.first() {
        fault = fault.because(first.line());
    }
    for other in causes.iter().skip(1).take(TOLD - 1) {
        fault.context.push(("Also".into(), other.line()));
    }
    if causes.len() > TOLD {
        fault.context.push(("Also".into(), format!("{} more causes", causes.len() - TOLD)));
    }
    for step in causes.iter().take(TOLD).flat_map(|cause| &cause.steps) {
        if !fault.steps.contains(step) {
            fault.steps.push(step.clone());
        }
    }
    fault
}

fn losses<'a>(database: Option<&'a str>, troubles: &'a Troubles, needs: HashMap<u32, Vec<u32>>) -> Losses<'a> {
    let failed = |one: &'a Failure| Failed { id: one.object, label: &one.label, kind: &one.kind, fault: &one.fault };
    Losses {
        database,
        failed: troubles.failures.iter().map(failed).collect(),
        skipped: troubles
            .skipped
            .iter()
            .map(|one| Skipped { id: one.object, label: &one.label, kind: &one.kind, because: one.because })
            .collect(),
        needs,
    }
}

/// A database that stopped as a whole, as a failure of its own.
fn stopped(name: &str, fault: &Fault) -> Troubles {
    let failure = Failure { object: None, label: format!("DATABASE {name}"), kind: "DATABASE".into(), fault: fault.clone() };
    Troubles { failures: vec![failure], ..Troubles::default() }
}

/// The summary of a restore that came to its end. `globals` are the roles and tablespaces that failed. Where nothing at all was restored it
/// is a fault, with the causes in it.
pub async fn summary(
    spec: &RestoreSpec,
    archive: &Archive,
    major: u32,
    globals: Vec<Failure>,
    ended: Vec<Ended>,
) -> Result<Summary, Fault> {
    let mut summary = Summary { archives: vec![spec.archive.clone()], archive_bytes: Bytes(archive.bytes()), ..Summary::default() };
    let several = matches!(spec.scope, RestoreScope::Cluster { .. });
    let globals = Troubles { failures: globals, ..Troubles::default() };
    let mut all: Vec<Troubles> = Vec::new();
    let mut needs: Vec<HashMap<u32, Vec<u32>>> = Vec::new();
    let mut objects: Vec<u64> = Vec::new();
    for Ended { name, mut done } in ended {
        let troubles = match &done.fault {
            Some(fault) if done.troubles.failures.is_empty() => stopped(&name, fault),
            _ => std::mem::take(&mut done.troubles),
        };
        all.push(troubles);
        needs.push(std::mem::take(&mut done.needs));
        objects.push(done.objects);
        add(&mut summary, name, done, several);
    }
    let names: Vec<String> = summary.databases.iter().map(|one| one.name.clone()).collect();
    let mut together = vec![losses(None, &globals, HashMap::new())];
    together.extend(names.iter().zip(&all).zip(needs).map(|((name, troubles), needs)| losses(Some(name), troubles, needs)));
    let Folded { causes, mut missing } = causes::fold(&together, major);
    summary.causes = causes;
    let mut missing = missing.drain(..);
    summary.globals = missing.next().map(|(failed, _)| failed).unwrap_or_default();
    for ((outcome, missing), objects) in summary.databases.iter_mut().zip(missing).zip(objects) {
        // One that stopped as a whole has no objects counted: which of them are there is not known.
        if objects > 0 {
            outcome.objects = causes::tally(objects, &missing);
            (outcome.failures, outcome.skipped) = missing;
        }
    }
    if summary.causes.is_empty() {
        return Ok(summary);
    }
    summary.then = then(spec, &summary);
    if several {
        match failure_list::write(spec, archive, &summary).await {
            Ok(path) => summary.failure_list = Some(path),
            Err(fault) => summary.warnings.push(format!("the list of failures could not be written: {fault}")),
        }
    }
    for outcome in &mut summary.databases {
        outcome.failures.truncate(LISTED);
        outcome.skipped.truncate(LISTED);
    }
    match summary.verdict() {
        crate::domain::job::Verdict::Nothing => Err(nothing(&summary)),
        _ => Ok(summary),
    }
}

/// Adds one database.
fn add(summary: &mut Summary, name: String, done: Done, several: bool) {
    summary.rows += done.rows;
    summary.row_bytes += Bytes(done.bytes);
    let head = if several { format!("{}: ", text::clean(&name)) } else { String::new() };
    summary.warnings.extend(done.warnings.iter().map(|warning| format!("{head}{warning}")));
    if let Some(proof) = done.proof {
        let sum = summary.proof.get_or_insert_default();
        sum.tables += proof.tables;
        sum.rows += proof.rows;
        sum.objects += proof.objects;
        sum.probed += proof.probed;
        sum.differences.extend(proof.differences);
    }
    let (rows, bytes) = (done.rows, Bytes(done.bytes));
    summary.databases.push(DatabaseOutcome {
        name,
        tables: done.tables,
        rows,
        bytes,
        fault: done.fault,
        fate: done.fate,
        ..DatabaseOutcome::default()
    });
}

/// The fault of a restore of which nothing came: that of its only database, or one that tells the causes.
fn nothing(summary: &Summary) -> Fault {
    let faults: Vec<&Fault> = summary.databases.iter().filter_map(|one| one.fault.as_ref()).collect();
    let first = faults.first().map_or(Code::Partial, |fault| fault.code);
    let mut fault = match faults.as_slice() {
        [only] => (*only).clone(),
        many => {
            let code = if many.iter().all(|fault| fault.code == first) { first } else { Code::Partial };
            let what = format!("none of {} databases was restored: {}", many.len(), causes_words(&summary.causes));
            told(Fault::new(code, what), &summary.causes)
        }
    };
    if let Some(path) = &summary.failure_list {
        fault = fault.at("Failure list", text::clean(&path.display().to_string()));
    }
    fault
}

/// What to do once the causes are cured: the same again, for what failed only.
fn then(spec: &RestoreSpec, summary: &Summary) -> Option<Step> {
    let word = |text: &str| shell_words::quote(text).into_owned();
    let archive = word(&spec.archive.to_string_lossy());
    let connection = &spec.connection;
    let server = server_flags(connection);
    let command = match &spec.scope {
        RestoreScope::Single { database, target, selection } if selection.is_everything() => {
            let from = database.as_ref().map(|name| format!(" --database {}", word(name))).unwrap_or_default();
            let target = word(target);
            format!("dbbackup restore single {archive}{from} --target {target} --clean --confirm {target} {server}")
        }
        RestoreScope::Single { .. } => return None,
        RestoreScope::Cluster { .. } => {
            let failed: Vec<String> = summary.failed().map(|one| format!(" --include {}", word(&literal(&one.name)))).collect();
            if failed.is_empty() {
                return None;
            }
            let confirm = word(&connection.confirm_name());
            format!("dbbackup restore cluster {archive}{} --clean --confirm {confirm} {server}", failed.concat())
        }
    };
    Some(Step::run("Then restore what failed again:", text::clean(&command)))
}

/// The flags that lead to a server, by its section's name where it has one.
pub fn server_flags(connection: &Connection) -> String {
    let word = |text: &str| shell_words::quote(text).into_owned();
    match &connection.name {
        Some(name) => format!("--server {}", word(name)),
        None if connection.product.is_mysql() => {
            let (engine, host, user) = (connection.product.word(), word(&connection.host), word(&connection.user));
            match connection.is_socket() {
                true => format!("--engine {engine} --socket {host} --user {user}"),
                false => format!("--engine {engine} --host {host} --port {} --user {user}", connection.port),
            }
        }
        None => format!("--host {} --port {} --user {}", word(&connection.host), connection.port, word(&connection.user)),
    }
}

/// A glob that matches this name only.
fn literal(name: &str) -> String {
    name.chars().map(|c| if "*?[]{}\\!".contains(c) { format!("[{c}]") } else { c.to_string() }).collect()
}
