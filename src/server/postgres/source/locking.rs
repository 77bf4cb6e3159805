//! Takes the locks of a snapshot, and never waits for one while it has others.
//!
//! Whoever waits with locks in hand can meet somebody who took the same ones in another order, and the server then ends either of the two: it
//! could be the application's transaction. So a lock that is not free ends the attempt with all that it has; the next one begins by waiting for
//! that table alone, and asks for the others only then. What an application locks first, in whatever order it goes on, is waited for sooner or
//! later, and holds it up for the moment that the rest takes: the attempts come to an end.

use crate::domain::schema::TableName;
use crate::domain::{Code, Fault};
use crate::server::postgres::connect::{Connector, Session};
use crate::server::postgres::quote::qualified;
use std::time::{Duration, Instant};
use tokio_postgres::error::SqlState;

/// Tables in one LOCK statement.
const BATCH: usize = 500;

/// What was in the way of earlier attempts, and since when.
pub struct Contended {
    /// The one to wait for first.
    tables: Vec<TableName>,
    /// None: for ever.
    limit: Option<Duration>,
    since: Option<Instant>,
    batch: usize,
}

/// What came of asking for locks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locked {
    /// All of them are held.
    All,
    /// One was not free. Give up those that are held, and begin anew.
    Busy,
}

impl Contended {
    /// Nothing yet.
    pub fn new(connector: &Connector) -> Self {
        let seconds = connector.connection().lock_timeout;
        Self { tables: Vec::new(), limit: (seconds > 0).then(|| Duration::from_secs(seconds)), since: None, batch: BATCH }
    }

    /// At the very beginning of a transaction, before its snapshot: waits for what was in the way last, then asks for what was before.
    pub async fn first(&mut self, connector: &Connector, session: &Session, database: &str) -> Result<Locked, Fault> {
        let Some(table) = self.tables.first().cloned() else { return Ok(Locked::All) };
        let left = self.limit.map(|limit| limit.saturating_sub(self.since.map_or(Duration::ZERO, |since| since.elapsed())));
        // A limit of 0 would be none.
        let left = left.map_or(0, |left| left.as_millis().max(1));
        let usual = self.limit.map_or(0, |limit| limit.as_millis());
        let sql = format!("SET LOCAL lock_timeout = {left}; {}; SET LOCAL lock_timeout = {usual}", statement(&table));
        if let Err(error) = session.client.batch_execute(&sql).await {
            if is_gone(&error) {
                self.tables.remove(0);
                return Ok(Locked::Busy);
            }
            let fault = connector.fault(format!("cannot lock the table {table} for reading"), &error, database);
            return Err(session.explain(fault.at("Table", &table)));
        }
        let others: Vec<TableName> = self.tables.iter().skip(1).cloned().collect();
        let locked = self.all(connector, session, database, &others).await;
        if locked.is_err() {
            // One of them is not there any more.
            self.tables.truncate(1);
        }
        locked
    }

    /// Asks for all of these. One that is busy is waited for by the next attempt.
    pub async fn all(&mut self, connector: &Connector, session: &Session, database: &str, names: &[TableName]) -> Result<Locked, Fault> {
        for batch in names.chunks(self.batch) {
            let list: Vec<String> = batch.iter().map(|name| format!("ONLY {}", qualified(name))).collect();
            let sql = format!("LOCK TABLE {} IN ACCESS SHARE MODE NOWAIT", list.join(", "));
            let Err(error) = session.client.batch_execute(&sql).await else { continue };
            if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) {
                self.since.get_or_insert_with(Instant::now);
                let said = error.as_db_error().map_or("", |db| db.message());
                match named(said, batch) {
                    Some(table) => {
                        self.tables.retain(|one| one != table);
                        self.tables.insert(0, table.clone());
                    }
                    // One at a time, so that the next one is known.
                    None => self.batch = 1,
                }
                tracing::debug!(database, said, "a table is not free");
                return Ok(Locked::Busy);
            }
            let fault = session.explain(connector.fault(format!("cannot lock {} tables for reading", names.len()), &error, database));
            let fault = if fault.code == Code::MissingObject { super::sequences::dropped_meanwhile(fault) } else { fault };
            return Err(if fault.code == Code::LockTableFull { fault.at("Tables", names.len()) } else { fault });
        }
        Ok(Locked::All)
    }
}

fn statement(table: &TableName) -> String {
    format!("LOCK TABLE ONLY {} IN ACCESS SHARE MODE", qualified(table))
}

fn is_gone(error: &tokio_postgres::Error) -> bool {
    matches!(error.code(), Some(&SqlState::UNDEFINED_TABLE | &SqlState::INVALID_SCHEMA_NAME))
}

/// The table that a refusal names, as `schema.table` in words of the server's language; the longest where it holds several names.
fn named<'a>(said: &str, batch: &'a [TableName]) -> Option<&'a TableName> {
    let is_named = |one: &&TableName| said.contains(&format!("{}.{}", one.schema, one.name));
    batch.iter().filter(is_named).max_by_key(|one| one.schema.len() + one.name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_a_refusal_is_found_in_any_language() {
        let batch = [TableName::new("public", "a"), TableName::new("public", "a b"), TableName::new("x", "y")];
        assert_eq!(named("could not obtain lock on relation \"public.a b\"", &batch), Some(&batch[1]));
        assert_eq!(named("Konnte Sperre für Relation »x.y« nicht setzen", &batch), Some(&batch[2]));
        assert_eq!(named("no", &batch), None);
    }
}
