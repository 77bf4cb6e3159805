//! The same for dumps of SQL.

use super::super::Outcome;
use super::super::board::Board;
use crate::domain::plan::{Check, CheckState, PlanItem};
use crate::domain::size::grouped;
use crate::domain::spec::Depth;
use crate::domain::{Bytes, Code, Fault, text};
use crate::server::sql_dump::{self, Part, Rules, SqlDump};
use std::path::Path;
use std::time::Instant;

/// The dump that a path is, if it is one.
pub fn dump(path: &Path) -> Result<Option<SqlDump>, Fault> {
    if path.exists() { sql_dump::recognise(path) } else { Ok(None) }
}

fn file(dump: &SqlDump) -> String {
    text::clean(&dump.path.display().to_string())
}

/// What it is, in words: "a mysqldump 9.7.4 dump of shop, MySQL 9.7.4".
fn words(dump: &SqlDump) -> String {
    let facts = &dump.facts;
    let mut said = format!("a {dump} dump");
    if let Some(name) = &facts.database {
        said.push_str(&format!(" of {}", text::clean(name)));
    }
    if let Some(server) = &facts.server {
        said.push_str(&format!(", {} {}", facts.product, text::clean(server)));
    }
    said
}

/// The line of the plan.
pub fn check(dump: &SqlDump) -> Check {
    let detail =
        format!("{} is {}: whether it is whole can be checked, but it carries no fingerprints of its rows", file(dump), words(dump));
    Check { state: CheckState::Ok, name: "archive".into(), detail, cure: None, code: None }
}

/// The item of the plan.
pub fn item(dump: &SqlDump) -> PlanItem {
    PlanItem {
        name: dump.path.display().to_string(),
        target: String::new(),
        bytes: Some(Bytes(dump.bytes)),
        tables: None,
        note: dump.to_string(),
        destroys: false,
    }
}

/// Looks at it: quick at what it says of itself, full at all of it from end to end, as a restore would.
pub fn one(dump: &SqlDump, number: usize, depth: Depth, board: &Board<'_>) -> Outcome {
    let began = Instant::now();
    let looked = match depth {
        Depth::Quick => {
            whole(dump, dump.facts.incomplete.as_deref()).map(|()| "what it says of itself can be read; --full reads all of it".to_owned())
        }
        Depth::Full => sql_dump::inspect(dump, &Rules::default(), None).and_then(|found| {
            whole(dump, found.incomplete.as_deref())?;
            let rows: u64 = found.findings.parts.iter().map(Part::rows).sum();
            Ok(format!("read from end to end, {} statements, {} rows", grouped(found.findings.statements), grouped(rows)))
        }),
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

/// A dump says at its end that it is at its end.
fn whole(dump: &SqlDump, incomplete: Option<&str>) -> Result<(), Fault> {
    let Some(why) = incomplete else { return Ok(()) };
    Err(Fault::new(Code::TruncatedBackup, "the dump does not end as a complete one does")
        .at("Archive", file(dump))
        .because(why)
        .step("Copy it again from where it came from, or make it again."))
}

/// The command that tries it out.
fn trial(dump: &SqlDump) -> String {
    format!("dbbackup restore single {} --target NAME --create", shell_words::quote(&file(dump)))
}

/// That a restore test of it cannot be made, with what can.
pub fn no_trial(dump: &SqlDump) -> Fault {
    Fault::new(Code::ForeignFile, format!("{} is {}: a restore test needs an archive of dbbackup", file(dump), words(dump)))
        .because("a dump carries no fingerprints that what was restored could be compared with")
        .at("File", dump.path.display())
        .step_run("Read it from end to end:", format!("dbbackup verify --full {}", shell_words::quote(&file(dump))))
        .step_run("Restore it under another name, and look at it yourself:", trial(dump))
}
