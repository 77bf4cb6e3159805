//! The values of sequences (MariaDB), and the next numbers of tables that count by themselves.

use super::ledger::{self, State};
use super::loader::Target;
use crate::domain::Fault;
use crate::domain::connection::Product;
use crate::domain::schema::{Counter, SequenceState};
use crate::server::Claim;
use crate::server::mysql::quote::qualified;
use std::collections::HashMap;

/// See [`crate::server::Loader::set_sequences`]. A sequence that is set again is none the worse.
pub async fn set(target: &mut Target, sequences: &[SequenceState], claim: Claim<'_>) -> Result<(), Fault> {
    let behind = behind(target, sequences).await?;
    for state in sequences.iter().filter(|state| state.counter == Counter::Sequence).chain(behind) {
        let sql = statement(state);
        let done = target.session.query(&sql).await;
        done.map_err(|error| {
            target
                .fault(format!("cannot set the next number of {}", state.name), &error)
                .at("Object", format!("{} {}", if state.counter == Counter::Table { "TABLE" } else { "SEQUENCE" }, state.name))
                .with_statement(&sql)
        })?;
    }
    if claim.marks.is_empty() {
        return Ok(());
    }
    match target.session.run(&ledger::claim(claim.marks, State::Done)).await {
        Ok(_) => Ok(()),
        Err(error) if error.number() == Some(ledger::DOUBLE) => Err(target.placed(ledger::claimed("cannot set sequences"))),
        Err(error) => Err(target.fault("cannot set sequences", &error)),
    }
}

/// The tables that would go on with a lower number than they did. They count on by themselves while rows come, but a server that loses what it
/// was about to load may lose the number with it.
async fn behind<'a>(target: &mut Target, states: &'a [SequenceState]) -> Result<Vec<&'a SequenceState>, Fault> {
    let counted: Vec<&SequenceState> = states.iter().filter(|state| state.counter == Counter::Table).collect();
    if counted.is_empty() {
        return Ok(Vec::new());
    }
    if target.product() == Product::Mysql {
        target.run("cannot look at next numbers", "SET SESSION information_schema_stats_expiry = 0").await?;
    }
    let sql =
        "SELECT table_name, auto_increment FROM information_schema.tables WHERE table_schema = DATABASE() AND auto_increment IS NOT NULL";
    let rows = target.query("cannot look at next numbers", sql).await?;
    let next: HashMap<String, i64> = rows.iter().filter_map(|row| Some((row.owned(0), row.number(1)?))).collect();
    let is_behind = |state: &&SequenceState| next.get(&state.name.name).is_some_and(|next| *next < state.last_value);
    Ok(counted.into_iter().filter(is_behind).collect())
}

/// `SETVAL` never goes back, and takes a value for used unless told otherwise; `RESTART` names the next value, whatever was before.
fn statement(state: &SequenceState) -> String {
    let name = qualified(&state.name);
    if state.counter == Counter::Table {
        return format!("ALTER TABLE {name} AUTO_INCREMENT = {}", state.last_value);
    }
    if state.is_called {
        format!("SELECT SETVAL({name}, {})", state.last_value)
    } else {
        format!("ALTER SEQUENCE {name} RESTART WITH {}", state.last_value)
    }
}
