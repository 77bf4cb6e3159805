//! The ledger of a restore in its target: a schema of our own with two small tables.
//!
//! A transaction claims its marks before it does its work. Of two transactions with the same mark, the second waits until the first has
//! ended and then finds out whether that was a commit: so nothing is ever applied twice, not even when a session that was given up for
//! lost comes to its end after all.

use super::loader::Target;
use crate::domain::{Code, Fault};
use crate::server::postgres::connect::Connector;
use crate::server::postgres::quote::literal;
use crate::server::{LedgerHead, Mark, Opened};
use std::time::Duration;

/// How long sessions that were told to end are waited for, and how often is looked.
const END_LIMIT: Duration = Duration::from_secs(30);
const END_EVERY: Duration = Duration::from_millis(50);

/// Makes the schema and its tables. `heap`, because the target may have another access method as its default.
const MAKE: &str = "\
BEGIN; \
CREATE SCHEMA _dbbackup; \
REVOKE ALL ON SCHEMA _dbbackup FROM PUBLIC; \
COMMENT ON SCHEMA _dbbackup IS 'dbbackup restores this database, or was interrupted while it did; the restore manifest says how to go on'; \
CREATE TABLE _dbbackup.run (run text NOT NULL, archive text NOT NULL, started timestamptz NOT NULL DEFAULT pg_catalog.now()) USING heap; \
CREATE TABLE _dbbackup.ledger (kind text NOT NULL, a bigint NOT NULL, b bigint NOT NULL, PRIMARY KEY (kind, a, b)) USING heap; ";

/// The statement that claims marks; empty for none.
pub fn claim(marks: &[Mark]) -> String {
    if marks.is_empty() {
        return String::new();
    }
    let rows: Vec<(&str, i64, i64)> = marks.iter().map(|mark| mark.row()).collect();
    let list = |of: &dyn Fn(&(&str, i64, i64)) -> String| rows.iter().map(of).collect::<Vec<_>>().join(",");
    format!(
        "INSERT INTO _dbbackup.ledger (kind, a, b) SELECT * FROM ROWS FROM (pg_catalog.unnest('{{{}}}'::text[]), \
         pg_catalog.unnest('{{{}}}'::bigint[]), pg_catalog.unnest('{{{}}}'::bigint[])) AS row;\n",
        list(&|row| row.0.to_owned()),
        list(&|row| row.1.to_string()),
        list(&|row| row.2.to_string()),
    )
}

/// Whether an error says that a mark was there already.
pub fn is_claimed(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|db| db.code().code() == "23505" && db.schema() == Some("_dbbackup") && db.table() == Some("ledger"))
}

/// The fault of a mark that was there already.
pub fn claimed(what: impl Into<String>) -> Fault {
    Fault::new(Code::Conflict, what).because("the ledger says that it was done already")
}

/// See [`crate::server::Loader::open_ledger`].
pub async fn open(target: &mut Target, head: &LedgerHead) -> Result<Opened, Fault> {
    let what = "cannot look for the ledger";
    let client = &target.session.client;
    if let Some(found) = read(client).await.map_err(|error| target.fault(what, &error))? {
        return Ok(if found.run == head.run && found.archive == head.archive { Opened::Found } else { Opened::Foreign(found) });
    }
    let sql =
        format!("{MAKE} INSERT INTO _dbbackup.run (run, archive) VALUES ({}, {}); COMMIT", literal(&head.run), literal(&head.archive));
    let Err(error) = client.batch_execute(&sql).await else { return Ok(Opened::Made) };
    target.rollback().await;
    match error.code().map(|code| code.code()) {
        Some("42501") => Ok(Opened::Refused(error.as_db_error().map(|db| db.message().to_owned()).unwrap_or_default())),
        _ => Err(target.fault("cannot make the ledger", &error)),
    }
}

async fn read(client: &tokio_postgres::Client) -> Result<Option<LedgerHead>, tokio_postgres::Error> {
    let there = client.query_one("SELECT pg_catalog.to_regclass('_dbbackup.run') IS NOT NULL", &[]).await?;
    if !there.get::<_, bool>(0) {
        return Ok(None);
    }
    let row = client.query_opt("SELECT run, archive, started::text FROM _dbbackup.run LIMIT 1", &[]).await?;
    Ok(row.map(|row| LedgerHead { run: row.get(0), archive: row.get(1), started: row.get(2) }))
}

/// See [`crate::server::Server::ledger`].
pub async fn head(connector: &Connector, database: &str) -> Result<Option<LedgerHead>, Fault> {
    let session = connector.session(database).await?;
    let found = read(&session.client).await.map_err(|error| connector.fault("cannot look for a ledger", &error, database));
    session.close().await;
    found
}

/// See [`crate::server::Loader::marks`].
pub async fn marks(target: &mut Target) -> Result<Vec<Mark>, Fault> {
    let rows = target.session.client.query("SELECT kind, a, b FROM _dbbackup.ledger WHERE kind <> 'large object'", &[]).await;
    let rows = rows.map_err(|error| target.fault("cannot read the ledger", &error))?;
    Ok(rows.iter().filter_map(|row| Mark::from_row(row.get(0), row.get(1), row.get(2))).collect())
}

/// See [`crate::server::Loader::drop_ledger`].
pub async fn drop(target: &mut Target) -> Result<(), Fault> {
    target.batch("cannot remove the ledger", "DROP SCHEMA IF EXISTS _dbbackup CASCADE").await
}

/// See [`crate::server::Loader::end_others`].
pub async fn end_others(target: &mut Target) -> Result<u64, Fault> {
    let client = &target.session.client;
    let ask = "SELECT pg_catalog.count(pg_catalog.pg_terminate_backend(pid)) FROM pg_catalog.pg_stat_activity \
               WHERE datname = pg_catalog.current_database() AND pid <> pg_catalog.pg_backend_pid() AND usename = current_user \
                 AND application_name = pg_catalog.current_setting('application_name')";
    let until = tokio::time::Instant::now() + END_LIMIT;
    let mut ended = None;
    loop {
        let row =
            client.query_one(ask, &[]).await.map_err(|error| target.fault("cannot end the sessions of the interrupted run", &error))?;
        let left = u64::try_from(row.get::<_, i64>(0)).unwrap_or(0);
        let first = *ended.get_or_insert(left);
        if left == 0 {
            return Ok(first);
        }
        if tokio::time::Instant::now() > until {
            let fault = Fault::new(Code::AnotherRun, "sessions of the interrupted run do not end");
            return Err(target.placed(fault).step("Wait until the server has ended them (pg_stat_activity), then resume again."));
        }
        tokio::time::sleep(END_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Step;

    #[test]
    fn many_marks_are_one_statement() {
        assert_eq!(claim(&[]), "");
        assert_eq!(
            claim(&[Mark::Object(5, Step::Index), Mark::Chunk(1, 2)]),
            "INSERT INTO _dbbackup.ledger (kind, a, b) SELECT * FROM \
             ROWS FROM (pg_catalog.unnest('{object,chunk}'::text[]), pg_catalog.unnest('{5,1}'::bigint[]), pg_catalog.unnest('{1,2}'::bigint[])) AS row;\n"
        );
    }
}
