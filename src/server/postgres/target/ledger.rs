//! The ledger of a restore in its target: a schema of our own with three small tables.
//!
//! Commits of a session that writes marks do not wait for the disk: a mark and what it stands for are lost together, and whoever goes on reads
//! what is left. A crash empties tables that are not logged, but not the marks of their rows; so these are in a table that is not logged
//! either, with a row that is always there: where it is missing, the server has crashed since the ledger was opened.
//!
//! A transaction claims its marks before it does its work. Of two transactions with the same mark, the second waits until the first has
//! ended and then finds out whether that was a commit: so nothing is ever applied twice, not even when a session that was given up for
//! lost comes to its end after all.

use super::loader::Target;
use crate::domain::schema::{SchemaObject, TableName};
use crate::domain::{Code, Fault};
use crate::server::postgres::connect::Connector;
use crate::server::postgres::quote::{ident, literal, qualified};
use crate::server::{Continuity, LedgerHead, Mark, Opened};
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
CREATE TABLE _dbbackup.ledger (kind text NOT NULL, a bigint NOT NULL, b bigint NOT NULL, PRIMARY KEY (kind, a, b)) USING heap; \
CREATE UNLOGGED TABLE _dbbackup.unlogged (kind text NOT NULL, a bigint NOT NULL, b bigint NOT NULL, PRIMARY KEY (kind, a, b)) USING heap; ";

/// The row that a crash takes away.
const WITNESS: &str = "INSERT INTO _dbbackup.unlogged VALUES ('witness', 0, 0) ON CONFLICT DO NOTHING; ";

/// Whether it is there; nothing where there is no ledger.
const IS_THERE: &str = "SELECT EXISTS (SELECT FROM _dbbackup.unlogged WHERE kind = 'witness')";

/// Marks up to so many are plain values, which costs the server less than a list for so few.
const FEW: usize = 4;

/// Which of the ledger's tables a mark is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// It stays as what it stands for does.
    Logged,
    /// A crash takes it, as it takes what it stands for.
    Unlogged,
}

impl Page {
    const fn table(self) -> &'static str {
        match self {
            Page::Logged => "ledger",
            Page::Unlogged => "unlogged",
        }
    }
}

/// The statement that claims marks; empty for none.
pub fn claim(marks: &[Mark], page: Page) -> String {
    if marks.is_empty() {
        return String::new();
    }
    let rows: Vec<(&str, i64, i64)> = marks.iter().map(|mark| mark.row()).collect();
    let list = |of: &dyn Fn(&(&str, i64, i64)) -> String| rows.iter().map(of).collect::<Vec<_>>().join(",");
    let table = page.table();
    if rows.len() <= FEW {
        return format!("INSERT INTO _dbbackup.{table} VALUES {};\n", list(&|(kind, a, b)| format!("('{kind}',{a},{b})")));
    }
    format!(
        "INSERT INTO _dbbackup.{table} (kind, a, b) SELECT * FROM ROWS FROM (pg_catalog.unnest('{{{}}}'::text[]), \
         pg_catalog.unnest('{{{}}}'::bigint[]), pg_catalog.unnest('{{{}}}'::bigint[])) AS row;\n",
        list(&|row| row.0.to_owned()),
        list(&|row| row.1.to_string()),
        list(&|row| row.2.to_string()),
    )
}

/// Whether an error says that a mark was there already.
pub fn is_claimed(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|db| db.code().code() == "23505" && db.schema() == Some("_dbbackup"))
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
        if found.run != head.run || found.archive != head.archive {
            return Ok(Opened::Foreign(found));
        }
        let row = client.query_one(IS_THERE, &[]).await.map_err(|error| target.fault(what, &error))?;
        return Ok(if row.get(0) { Opened::Found } else { Opened::Emptied });
    }
    // The session still waits for the disk: that there is a ledger is noted outside of the server.
    let sql = format!(
        "{MAKE} {WITNESS} INSERT INTO _dbbackup.run (run, archive) VALUES ({}, {}); COMMIT; SET synchronous_commit = off",
        literal(&head.run),
        literal(&head.archive)
    );
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

/// All marks. What is in no mark's form is for the server alone.
const MARKS: &str = "SELECT kind, a, b FROM _dbbackup.ledger WHERE kind <> 'large object' UNION ALL SELECT kind, a, b FROM _dbbackup.unlogged WHERE kind <> 'witness'";

/// See [`crate::server::Loader::marks`].
pub async fn marks(target: &mut Target) -> Result<Vec<Mark>, Fault> {
    let rows = target.session.client.query(MARKS, &[]).await;
    let rows = rows.map_err(|error| target.fault("cannot read the ledger", &error))?;
    Ok(rows.iter().filter_map(|row| Mark::from_row(row.get(0), row.get(1), row.get(2))).collect())
}

/// See [`crate::server::Loader::continuity`].
pub async fn continuity(target: &mut Target) -> Result<Continuity, Fault> {
    let row = target.session.client.query_one(IS_THERE, &[]).await;
    Ok(told(&row.map_err(|error| target.fault("cannot look at the ledger", &error))?))
}

fn told(row: &tokio_postgres::Row) -> Continuity {
    if row.get(0) { Continuity::Unbroken } else { Continuity::Broken }
}

/// See [`crate::server::Loader::seal`].
pub async fn seal(target: &mut Target) -> Result<Continuity, Fault> {
    // A transaction that writes nothing waits for no disk.
    finish(target, "cannot write the ledger to the disk", "UPDATE _dbbackup.run SET started = started").await
}

/// See [`crate::server::Loader::drop_ledger`].
pub async fn drop(target: &mut Target) -> Result<Continuity, Fault> {
    finish(target, "cannot remove the ledger", "DROP SCHEMA IF EXISTS _dbbackup CASCADE").await
}

/// A transaction that comes to the disk, and with it all that was committed before it, by whichever session: there is one log. It is not made
/// where the server has crashed since the ledger was opened.
async fn finish(target: &mut Target, what: &str, sql: &str) -> Result<Continuity, Fault> {
    target.batch(what, "BEGIN; SET LOCAL synchronous_commit = local").await?;
    let done = async {
        let client = &target.session.client;
        // Where there is none, it was never made, or was removed by a session that was lost then.
        let there: bool = client.query_one("SELECT pg_catalog.to_regclass('_dbbackup.unlogged') IS NOT NULL", &[]).await?.get(0);
        if there && told(&client.query_one(IS_THERE, &[]).await?) == Continuity::Broken {
            client.batch_execute("ROLLBACK").await?;
            return Ok(Continuity::Broken);
        }
        client.batch_execute(&format!("{sql}; COMMIT")).await?;
        Ok(Continuity::Unbroken)
    };
    match done.await {
        Ok(continuity) => Ok(continuity),
        Err(error) => {
            target.rollback().await;
            Err(target.fault(what, &error))
        }
    }
}

/// The tables that a crash empties.
const UNLOGGED: &str = "SELECT n.nspname::text, c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
     WHERE c.relkind = 'r' AND c.relpersistence = 'u' AND n.nspname <> '_dbbackup'";

/// See [`crate::server::Loader::unlogged`].
pub async fn unlogged(target: &Target) -> Result<Vec<TableName>, Fault> {
    let rows = target.session.client.query(UNLOGGED, &[]).await;
    let rows = rows.map_err(|error| target.fault("cannot list the tables that are not logged", &error))?;
    Ok(rows.iter().map(|row| TableName { schema: row.get(0), name: row.get(1) }).collect())
}

/// See [`crate::server::Loader::take_back`].
pub async fn take_back(target: &mut Target, objects: &[&SchemaObject], marks: &[Mark]) -> Result<(), Fault> {
    let mut sql = String::from("BEGIN;\n");
    for object in objects {
        sql.push_str(&removal(object).ok_or_else(|| Fault::internal(format!("no way to take {} {} back", object.kind, object.name)))?);
    }
    for mark in marks {
        let (kind, a, b) = mark.row();
        sql.push_str(&format!("DELETE FROM _dbbackup.ledger WHERE kind = '{kind}' AND a = {a} AND b = {b};\n"));
    }
    sql.push_str(&format!("{WITNESS}COMMIT"));
    let Err(error) = target.session.client.batch_execute(&sql).await else { return Ok(()) };
    target.rollback().await;
    Err(target.fault("cannot take back what stands on a table that is to be filled again", &error))
}

/// What removes a trigger or a foreign key. pg_dump's name for both is that of the table and theirs.
fn removal(object: &SchemaObject) -> Option<String> {
    let table = object.table.as_ref()?;
    let name = ident(object.name.strip_prefix(table.name.as_str())?.strip_prefix(' ')?);
    match object.kind.as_str() {
        "TRIGGER" => Some(format!("DROP TRIGGER {name} ON {};\n", qualified(table))),
        "FK CONSTRAINT" => Some(format!("ALTER TABLE {} DROP CONSTRAINT {name};\n", qualified(table))),
        _ => None,
    }
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
        assert_eq!(claim(&[], Page::Logged), "");
        assert_eq!(
            claim(&[Mark::Object(5, Step::Index), Mark::Chunk(1, 2)], Page::Unlogged),
            "INSERT INTO _dbbackup.unlogged VALUES ('object',5,1),('chunk',1,2);\n"
        );
        let marks: Vec<Mark> = (1..=5).map(|at| Mark::Chunk(at, 0)).collect();
        assert_eq!(
            claim(&marks, Page::Logged),
            "INSERT INTO _dbbackup.ledger (kind, a, b) SELECT * FROM ROWS FROM (pg_catalog.unnest('{chunk,chunk,chunk,chunk,chunk}'::text[]), \
             pg_catalog.unnest('{1,2,3,4,5}'::bigint[]), pg_catalog.unnest('{0,0,0,0,0}'::bigint[])) AS row;\n"
        );
    }

    #[test]
    fn triggers_and_foreign_keys_are_removed_by_their_own_names() {
        let of = |kind: &str, name: &str| {
            let table = Some(TableName::new("public", "a b"));
            removal(&SchemaObject { kind: kind.into(), name: name.into(), table, ..SchemaObject::default() })
        };
        assert_eq!(of("TRIGGER", "a b c\"d").as_deref(), Some("DROP TRIGGER \"c\"\"d\" ON \"public\".\"a b\";\n"));
        assert_eq!(of("FK CONSTRAINT", "a b fk").as_deref(), Some("ALTER TABLE \"public\".\"a b\" DROP CONSTRAINT \"fk\";\n"));
        assert_eq!(of("TRIGGER", "other"), None);
        assert_eq!(of("INDEX", "a b i"), None);
    }
}
