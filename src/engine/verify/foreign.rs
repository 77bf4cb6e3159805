//! Checks dumps of other programs: whether they are whole, and what they are. They carry no fingerprints, so that what is in their rows is known
//! only by restoring them; that is said each time.

pub mod sql;

use super::Outcome;
use super::board::Board;
use crate::domain::plan::{Check, CheckState, PlanItem};
use crate::domain::size::grouped;
use crate::domain::spec::Depth;
use crate::domain::{Bytes, Code, Fault, text};
use crate::server::dump::{self, Connect, Dump, Form, Inspection, Rules};
use std::path::Path;
use std::time::Instant;

/// The dump that a path is, if it is one.
pub fn dump(path: &Path) -> Result<Option<Dump>, Fault> {
    if path.exists() { dump::recognise(path) } else { Ok(None) }
}

fn file(dump: &Dump) -> String {
    text::clean(&dump.path.display().to_string())
}

/// What it is, in words: "pg_dump custom 1.14 of shop, PostgreSQL 15.4, 34 tables".
fn words(dump: &Dump) -> String {
    let facts = &dump.facts;
    let mut said = format!("a {dump} dump");
    if let Some(name) = &facts.database {
        said.push_str(&format!(" of {}", text::clean(name)));
    }
    if let Some(server) = &facts.server {
        said.push_str(&format!(", PostgreSQL {}", text::clean(server)));
    }
    match facts.items.iter().filter(|item| item.kind == "TABLE DATA").count() {
        0 => {}
        1 => said.push_str(", 1 table"),
        tables => said.push_str(&format!(", {} tables", grouped(tables as u64))),
    }
    said
}

/// The line of the plan.
pub fn check(dump: &Dump) -> Check {
    let detail =
        format!("{} is {}: whether it is whole can be checked, but it carries no fingerprints of its rows", file(dump), words(dump));
    Check { state: CheckState::Ok, name: "archive".into(), detail, cure: None, code: None }
}

/// The item of the plan.
pub fn item(dump: &Dump) -> PlanItem {
    PlanItem {
        name: dump.path.display().to_string(),
        target: String::new(),
        bytes: Some(Bytes(dump.bytes)),
        tables: None,
        note: dump.to_string(),
        destroys: false,
    }
}

/// Looks at it: quick at what it says of itself, full at all of it from end to end.
pub fn one(dump: &Dump, number: usize, depth: Depth, board: &Board<'_>) -> Outcome {
    let began = Instant::now();
    let looked = match depth {
        Depth::Quick => Ok("what it says of itself can be read; --full reads all of it"),
        Depth::Full => dump.inspect(rules(dump)).and_then(|found| whole(dump, &found)).map(|()| "read from end to end"),
    };
    let note = looked
        .as_ref()
        .ok()
        .map(|looked| format!("{} is {}: {looked}. Its rows are proven by nothing; try it out: {}", file(dump), words(dump), trial(dump)));
    let outcome = Outcome {
        path: dump.path.clone(),
        bytes: dump.bytes,
        rows: 0,
        row_bytes: 0,
        took: began.elapsed(),
        result: looked.map(|_| Vec::new()),
        warning: None,
        note,
    };
    board.end(number, &outcome);
    outcome
}

/// A script says at its end that it is at its end; the other forms carry the lengths of their parts.
fn whole(dump: &Dump, found: &Inspection) -> Result<(), Fault> {
    if !dump.form.is_script() || found.script.is_complete(dump.form) {
        return Ok(());
    }
    Err(Fault::new(Code::TruncatedBackup, "the dump does not end as a complete one does")
        .at("Archive", file(dump))
        .because("its last line is not that of a complete dump: it is cut off, or something was added to it")
        .step("Copy it again from where it came from, or make it again."))
}

/// What a script may do: what the restore of it as a whole allows.
fn rules(dump: &Dump) -> Rules {
    let connect = if dump.form == Form::ClusterScript { Connect::Allowed } else { Connect::Refused };
    Rules { connect, ..Rules::default() }
}

/// The command that tries it out.
fn trial(dump: &Dump) -> String {
    let path = shell_words::quote(&file(dump)).into_owned();
    match dump.form {
        Form::ClusterScript => format!("dbbackup restore cluster {path} --confirm HOST:PORT"),
        Form::Custom | Form::Folder | Form::Tar | Form::PackedFolder | Form::Script => {
            format!("dbbackup restore single {path} --target NAME --create")
        }
    }
}

/// That a restore test of it cannot be made, with what can.
pub fn no_trial(dump: &Dump) -> Fault {
    Fault::new(Code::ForeignFile, format!("{} is {}: a restore test needs an archive of dbbackup", file(dump), words(dump)))
        .because("a dump carries no fingerprints that what was restored could be compared with")
        .at("File", dump.path.display())
        .step_run("Read it from end to end:", format!("dbbackup verify --full {}", shell_words::quote(&file(dump))))
        .step_run("Restore it under another name, and look at it yourself:", trial(dump))
}
