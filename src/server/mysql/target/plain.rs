//! Tables whose engine has no transactions: MyISAM, Aria, MEMORY, CSV, ARCHIVE.
//!
//! Nothing of theirs can be taken back, so a mark is written when all rows are in. Where the table is ours alone, what is there without a mark
//! is removed before the rows come again. Where it was there before, nobody could tell its rows from ours: it is noted that the load was
//! begun, and what was begun and not ended is not gone on with.

use super::ledger::{self, State};
use super::loader::Target;
use super::{empty, rows};
use crate::domain::schema::{Table, TableName};
use crate::domain::{Code, Fault};
use crate::server::{Claim, LoadMode, RowSource};
use std::collections::HashMap;

/// All of them, in the database of the session.
const PLAIN: &str = "SELECT t.table_name, t.engine FROM information_schema.tables t \
     JOIN information_schema.engines e ON e.engine = t.engine \
     WHERE t.table_schema = DATABASE() AND t.table_type <> 'VIEW' AND COALESCE(e.transactions, 'NO') <> 'YES'";

/// Whether a table has no transactions.
pub async fn is_plain(target: &mut Target, name: &TableName) -> Result<bool, Fault> {
    if target.plain.is_none() {
        let rows = target.query("cannot ask for the tables without transactions", PLAIN).await?;
        let all: HashMap<TableName, String> = rows.iter().map(|row| (TableName::new("", row.owned(0)), row.owned(1))).collect();
        target.plain = Some(all);
    }
    Ok(target.plain.as_ref().is_some_and(|plain| plain.contains_key(name)))
}

/// See [`crate::server::Loader::unlogged`].
pub async fn in_memory(target: &mut Target) -> Result<Vec<TableName>, Fault> {
    let sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND engine = 'MEMORY'";
    let rows = target.query("cannot list the tables in memory", sql).await?;
    Ok(rows.iter().map(|row| TableName::new("", row.owned(0))).collect())
}

/// Loads such a table.
pub async fn load(target: &mut Target, table: &Table, mode: LoadMode, source: &mut dyn RowSource, claim: Claim<'_>) -> Result<u64, Fault> {
    let what = format!("cannot load {}", table.name);
    let known = ledger::states(target, claim.marks).await?;
    match (known.values().any(|state| *state == State::Done), known.is_empty(), mode) {
        (true, ..) => return Err(target.placed(ledger::claimed(what))),
        (false, false, LoadMode::Shared) => return Err(target.placed(undecided(table))),
        _ => {}
    }
    let unwritten: Vec<_> = claim.marks.iter().copied().filter(|mark| !known.contains_key(mark)).collect();
    ledger::begin(target, &unwritten).await?;
    if mode == LoadMode::Alone {
        empty::table(target, table.destination()).await?;
    }
    let loaded = match rows::send(target, table, source).await {
        Ok(count) => rows::complete(table, count, claim),
        Err(fault) => Err(fault),
    };
    match (loaded, mode) {
        (Ok(count), _) => {
            ledger::done(target, claim.marks).await?;
            Ok(count)
        }
        (Err(fault), LoadMode::Alone) => Err(fault),
        (Err(fault), LoadMode::Shared) => {
            let kind = table.engine.as_deref().unwrap_or("its engine");
            Err(fault.at("Left", format!("some rows may be in {}: {kind} takes nothing back", table.name)))
        }
    }
}

fn undecided(table: &Table) -> Fault {
    Fault::new(Code::TargetNotEmpty, format!("nobody can tell which rows of {} are there already", table.name))
        .because("a load was interrupted, and the table's engine has no transactions")
        .at("Object", format!("TABLE {}", table.name))
        .step("Remove the rows that were restored, or the table, and restore it anew, without the manifest.")
}
