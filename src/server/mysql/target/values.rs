//! The values of sequences (MariaDB).

use super::ledger::{self, State};
use super::loader::Target;
use crate::domain::Fault;
use crate::domain::schema::SequenceState;
use crate::server::Claim;
use crate::server::mysql::quote::qualified;

/// See [`crate::server::Loader::set_sequences`]. A sequence that is set again is none the worse.
pub async fn set(target: &mut Target, sequences: &[SequenceState], claim: Claim<'_>) -> Result<(), Fault> {
    for state in sequences {
        let sql = statement(state);
        let done = target.session.query(&sql).await;
        done.map_err(|error| {
            target
                .fault(format!("cannot set the sequence {}", state.name), &error)
                .at("Object", format!("SEQUENCE {}", state.name))
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

/// `SETVAL` never goes back, and takes a value for used unless told otherwise; `RESTART` names the next value, whatever was before.
fn statement(state: &SequenceState) -> String {
    let name = qualified(&state.name);
    if state.is_called {
        format!("SELECT SETVAL({name}, {})", state.last_value)
    } else {
        format!("ALTER SEQUENCE {name} RESTART WITH {}", state.last_value)
    }
}
