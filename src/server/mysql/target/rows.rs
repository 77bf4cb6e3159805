//! Rows into a table: all of a load in one transaction with its marks, and nothing of it where the server took anything else than what was
//! sent.

use super::ledger::{self, State};
use super::loader::Target;
use super::settings::{self, Unique, Way};
use super::{empty, infile, inserts, plain};
use crate::domain::schema::Table;
use crate::domain::{Code, Fault};
use crate::server::{Claim, LoadMode, RowSource};

/// See [`crate::server::Loader::load`].
pub async fn load(target: &mut Target, table: &Table, mode: LoadMode, source: &mut dyn RowSource, claim: Claim<'_>) -> Result<u64, Fault> {
    if plain::is_plain(target, table.destination()).await? {
        return plain::load(target, table, mode, source, claim).await;
    }
    // Elsewhere a double value would stay unseen.
    settings::unique(target, if mode == LoadMode::Alone { Unique::Relaxed } else { Unique::Checked }).await?;
    match within(target, table, mode, source, claim).await {
        Ok(rows) => {
            target.run(&format!("cannot load {}", table.name), "COMMIT").await?;
            Ok(rows)
        }
        Err(fault) => {
            target.rollback().await;
            Err(fault)
        }
    }
}

async fn within(target: &mut Target, table: &Table, mode: LoadMode, source: &mut dyn RowSource, claim: Claim<'_>) -> Result<u64, Fault> {
    let what = format!("cannot load {}", table.name);
    let begin = match claim.marks {
        [] => "START TRANSACTION".to_owned(),
        marks => format!("START TRANSACTION; {}", ledger::claim(marks, State::Done)),
    };
    if let Err(error) = target.session.run(&begin).await {
        if error.number() == Some(ledger::DOUBLE) {
            return Err(target.placed(ledger::claimed(what)));
        }
        return Err(target.fault(what, &error).at("Object", format!("TABLE {}", table.name)));
    }
    if mode == LoadMode::Alone {
        empty::table(target, table.destination()).await?;
    }
    let rows = send(target, table, source).await?;
    complete(table, rows, claim)
}

/// Sends what the source gives; returns the rows that the server took.
pub async fn send(target: &mut Target, table: &Table, source: &mut dyn RowSource) -> Result<u64, Fault> {
    if target.way == Way::Stream
        && let Some(rows) = infile::load(target, table, source).await?
    {
        return Ok(rows);
    }
    inserts::load(target, table, source).await
}

/// Whether the server took as many rows as there are.
pub fn complete(table: &Table, rows: u64, claim: Claim<'_>) -> Result<u64, Fault> {
    match claim.rows {
        Some(expected) if expected != rows => Err(Fault::new(Code::ProofFailed, format!("the server took {rows} rows for {}", table.name))
            .because(format!("the archive holds {expected} in this part"))),
        _ => Ok(rows),
    }
}

/// The fault of rows that did not go in, with the cures that its kind has.
pub fn cured(table: &Table, fault: Fault) -> Fault {
    let fault = fault.at("Object", format!("TABLE {}", table.name));
    match fault.code {
        Code::MissingObject => fault.step("The table is not on the target, or lacks a column: restore its definition too (without --data-only), or restore under another name (--as NAME)."),
        Code::ConstraintViolated => {
            fault.step("The table on the target has such rows already: empty it first, or restore under another name (--as NAME).")
        }
        _ => fault,
    }
}

/// Warnings that say nothing about rows: words of SQL and mixtures of engines that are going out of use, and statements that are not fit for a
/// log of statements.
const HARMLESS: [u16; 5] = [1287, 1592, 1681, 3719, 6414];

/// "Data truncated for column": the one warning of a value that is no member of an ENUM, whose zero it becomes.
const TRUNCATED: u16 = 1265;

/// What a statement that went well has to be asked about.
#[derive(Clone, Copy, Debug)]
pub struct Told {
    /// How many warnings it gave.
    pub warnings: u64,
    /// How many zeros of ENUM columns it was given: each is one of these warnings, and is taken as it is.
    pub zeros: u64,
}

/// The fault of rows that went in changed, or not at all, though the statement went well.
pub async fn warned(target: &mut Target, table: &Table, sql: &str, info: &str, count: Told) -> Result<(), Fault> {
    let rows = target.query("cannot read the server's warnings", "SHOW WARNINGS").await?;
    let told: Vec<(u16, String)> =
        rows.iter().map(|row| (row.number(1).unwrap_or(0), row.owned(2))).filter(|(number, _)| !HARMLESS.contains(number)).collect();
    let only_zeros = count.warnings == count.zeros && told.iter().all(|(number, _)| *number == TRUNCATED);
    if !rows.is_empty() && (told.is_empty() || only_zeros) {
        return Ok(());
    }
    let code = match told.first() {
        Some((1062 | 1586 | 1452 | 1048, _)) => Code::ConstraintViolated,
        Some((1366 | 1300, _)) => Code::Encoding,
        Some((1264 | 1265 | 1406, _)) => Code::OutOfRange,
        _ => Code::SqlFailed,
    };
    let mut fault = Fault::new(code, format!("the server did not take all rows of {} as they are", table.name));
    for (number, message) in told.iter().take(3) {
        fault = fault.because(format!("{} (error {number})", crate::domain::text::clean(message)));
    }
    if !info.is_empty() {
        fault = fault.at("Answer", crate::domain::text::clean(info));
    }
    let fault = fault.step("Restore into a server of the same product and version, whose types take the same values.");
    Err(cured(table, target.placed(fault)).with_statement(sql))
}
