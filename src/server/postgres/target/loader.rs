//! A session that changes a database: its settings, transactions, and faults that name the object and statement.

use super::ledger::Page;
use super::{copy, large_objects, ledger, probe, script};
use crate::domain::schema::{SchemaObject, SequenceState, Table, TableKind, TableName};
use crate::domain::{Code, Fault};
use crate::server::postgres::connect::{Connector, Session};
use crate::server::postgres::quote::{literal, qualified};
use crate::server::{
    Answer, Behind, Cancel, Claim, Continuity, LedgerHead, LoadMode, LoadSettings, Loader, Mark, Opened, RowSource, TargetChoices, Trial,
};
use futures_util::future::BoxFuture;
use std::collections::HashSet;
use std::sync::Arc;

/// How many sequences are set in one statement.
const SEQUENCES_AT_ONCE: usize = 500;

/// A session on the target, with what faults need to say where they happened.
pub struct Target {
    /// The session.
    pub session: Session,
    /// How the server is reached, for faults.
    pub place: crate::domain::Connection,
    /// The database.
    pub database: String,
    /// The encoding of the rows that are loaded.
    pub row_encoding: Option<String>,
    /// What of large objects' owners and rights is wanted.
    pub choices: TargetChoices,
    /// The tables that a crash empties, once it was asked for them: those that are filled are all there by then.
    pub unlogged: Option<HashSet<TableName>>,
}

/// See [`crate::server::Server::loader`].
pub async fn open(connector: &Connector, database: &str, settings: &LoadSettings) -> Result<Box<dyn Loader>, Fault> {
    let session = connector.session(database).await?;
    let target = Target {
        session,
        place: connector.connection().clone(),
        database: database.to_owned(),
        row_encoding: settings.row_encoding.clone(),
        choices: settings.choices.clone(),
        unlogged: None,
    };
    // The server takes kilobytes, 1 MB to 2 GB less one kilobyte on every platform.
    let memory = (settings.index_memory / 1024).clamp(1024, 2_097_151);
    // Where there is a ledger it tells after a crash what is left, whatever was acknowledged; where nothing is kept of how far it is, it is all
    // thrown away. In between, what is acknowledged must be on the server's disk. Standbys are not waited for.
    let commit = match settings.run {
        Some(_) => "CASE WHEN pg_catalog.to_regclass('_dbbackup.unlogged') IS NULL THEN 'local' ELSE 'off' END",
        None => "'off'",
    };
    let mut sql = format!(
        "SELECT pg_catalog.set_config('synchronous_commit', {commit}, false); SET maintenance_work_mem = '{memory}kB'; SET max_parallel_maintenance_workers = 0; \
         SET check_function_bodies = off; SET xmloption = content; \
         SET synchronize_seqscans = on; SET default_tablespace = ''; SET vacuum_cost_delay = 0; "
    );
    // Only a superuser may set it, even to what it is already; it differs only where somebody changed it for the role or the database.
    sql.push_str(
        "SELECT pg_catalog.set_config('session_replication_role', 'origin', false) \
          WHERE pg_catalog.current_setting('session_replication_role') <> 'origin';",
    );
    if let Some(run) = &settings.run {
        sql.push_str(&format!("SET application_name = {};", literal(&format!("dbbackup restore {run}"))));
    }
    if let Some(compression) = &settings.toast_compression {
        sql.push_str(&format!("SET default_toast_compression = {};", literal(compression)));
    }
    target.batch("cannot prepare a session", &sql).await?;
    Ok(Box::new(target))
}

impl Target {
    /// Runs SQL that gives no rows.
    pub async fn batch(&self, what: &str, sql: &str) -> Result<(), Fault> {
        self.session.client.batch_execute(sql).await.map_err(|error| self.fault(what, &error))
    }

    /// A fault from a driver's error, placed.
    pub fn fault(&self, what: impl Into<String>, error: &tokio_postgres::Error) -> Fault {
        self.placed(crate::server::postgres::connect::fault(what, error))
    }

    /// A fault with where it happened. The steps for writing differ from those for reading, so they are given here.
    pub fn placed(&self, fault: Fault) -> Fault {
        self.session.explain(fault.at("Database", &self.database).at("Host", self.place.address()).at("User", &self.place.user))
    }

    /// The fault of an object's statement, with the cure that its kind of failure has.
    fn object_fault(&self, object: &SchemaObject, sql: &str, error: &tokio_postgres::Error) -> Fault {
        let label = script::label(object);
        let fault = self.fault(format!("cannot create {label}"), error).at("Object", &label);
        cure(fault, object).with_statement(failing(sql, error).trim())
    }

    /// Where the marks of a table's rows belong. Rows that go through a root may come to lie in partitions of both kinds.
    pub async fn page(&mut self, table: &Table) -> Result<Page, Fault> {
        if self.unlogged.is_none() {
            self.unlogged = Some(ledger::unlogged(self).await?.into_iter().collect());
        }
        let unlogged = self.unlogged.as_ref().is_some_and(|names| table.root.is_none() && names.contains(&table.name));
        Ok(if unlogged { Page::Unlogged } else { Page::Logged })
    }

    /// Ends a transaction that failed. A connection that is gone has nothing left to end.
    pub async fn rollback(&self) {
        if let Err(error) = self.session.client.batch_execute("ROLLBACK").await {
            tracing::debug!(%error, "rollback");
        }
    }

    /// Runs statements in one transaction, the claim first.
    async fn transaction(&self, claim: Claim<'_>, page: Page, sql: &str) -> Result<(), tokio_postgres::Error> {
        if claim.marks.is_empty() {
            return self.session.client.batch_execute(sql).await;
        }
        let whole = format!("BEGIN;\n{}{sql};\nCOMMIT;", ledger::claim(claim.marks, page));
        let done = self.session.client.batch_execute(&whole).await;
        if done.is_err() {
            self.rollback().await;
        }
        done
    }

    async fn run_objects(&self, objects: &[&SchemaObject], choices: &TargetChoices, claim: Claim<'_>) -> Result<(), Fault> {
        let scripts: Vec<(&SchemaObject, String)> = objects
            .iter()
            .filter(|object| !script::left_out(object, choices))
            .map(|object| (*object, script::of(object, choices)))
            .collect();
        let whole: usize = scripts.iter().map(|(_, sql)| sql.len()).sum();
        let claim = ledger::claim(claim.marks, Page::Logged);
        let mut all = String::with_capacity(whole + claim.len() + 32);
        all.push_str("BEGIN;\n");
        all.push_str(&claim);
        for (_, sql) in &scripts {
            all.push_str(sql);
        }
        all.push_str("COMMIT;");
        let Err(error) = self.session.client.batch_execute(&all).await else { return Ok(()) };
        self.rollback().await;
        if ledger::is_claimed(&error) {
            return Err(self.placed(ledger::claimed("cannot create objects")));
        }
        if self.session.client.is_closed() || is_cancel(&error) {
            return Err(self.fault("cannot create objects", &error));
        }
        drop(all);
        // One after another now, to learn which one it is.
        self.batch("cannot begin", &format!("BEGIN;\n{claim}")).await?;
        for (object, sql) in &scripts {
            if let Err(error) = self.session.client.batch_execute(sql).await {
                self.rollback().await;
                return Err(self.object_fault(object, sql, &error));
            }
        }
        self.session.client.batch_execute("COMMIT").await.map_err(|error| self.fault("cannot commit new objects", &error))
    }
}

impl Target {
    /// See [`Loader::attempt`].
    async fn try_out(&self, objects: &[&SchemaObject], choices: &TargetChoices, trial: Trial) -> Result<Vec<(usize, Fault)>, Fault> {
        let end = match trial {
            Trial::Kept => "COMMIT",
            Trial::TakenBack => "ROLLBACK",
        };
        let scripts: Vec<(usize, String)> = objects
            .iter()
            .enumerate()
            .filter(|(_, object)| !script::left_out(object, choices))
            .map(|(at, object)| (at, script::of(object, choices)))
            .collect();
        let all: String = std::iter::once("BEGIN;\n").chain(scripts.iter().map(|(_, sql)| sql.as_str())).chain([end]).collect();
        let gone = |error: &tokio_postgres::Error| self.session.client.is_closed() || is_cancel(error);
        let Err(error) = self.session.client.batch_execute(&all).await else { return Ok(Vec::new()) };
        self.rollback().await;
        if gone(&error) {
            return Err(self.fault("cannot try objects out", &error));
        }
        drop(all);
        let mut failed = Vec::new();
        // Each has a savepoint before it that was made with the one before: one that cannot even be parsed fails before anything in its
        // message is run.
        self.batch("cannot begin", "BEGIN; SAVEPOINT one").await?;
        for (at, sql) in &scripts {
            let guarded = format!("{sql}RELEASE SAVEPOINT one; SAVEPOINT one");
            let Err(error) = self.session.client.batch_execute(&guarded).await else { continue };
            if gone(&error) {
                self.rollback().await;
                return Err(self.fault("cannot try objects out", &error));
            }
            failed.push((*at, self.object_fault(objects[*at], &guarded, &error)));
            self.batch("cannot take an object back", "ROLLBACK TO SAVEPOINT one").await?;
        }
        self.batch("cannot end a trial", end).await?;
        Ok(failed)
    }
}

fn is_cancel(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| code.code() == "57014")
}

/// The statement that an error points at, or all of them where it points nowhere.
fn failing<'a>(sql: &'a str, error: &tokio_postgres::Error) -> &'a str {
    use tokio_postgres::error::ErrorPosition;
    let Some(ErrorPosition::Original(position)) = error.as_db_error().and_then(|db| db.position()) else { return sql };
    let at = sql.char_indices().nth((*position as usize).saturating_sub(1)).map_or(0, |(at, _)| at);
    // pg_dump ends each statement with a semicolon at a line's end.
    let from = sql[..at].rfind(";\n").map_or(0, |end| end + 2);
    let to = sql[at..].find(";\n").map_or(sql.len(), |end| at + end + 1);
    &sql[from..to]
}

/// Adds the steps that suit a failed definition.
fn cure(fault: Fault, object: &SchemaObject) -> Fault {
    if fault.code == Code::MissingTablespace {
        return fault.step("Create the tablespace on the target, or leave tablespaces out: --no-tablespaces");
    }
    match (fault.code, object.kind.as_str()) {
        (Code::MissingRole, _) => fault
            .step("Restore the archive's roles first (a cluster restore does), or create the role.")
            .step_run("Or leave owners and rights out, or give them to another role:", "--no-owner --no-acl   or   --map-role OLD=NEW"),
        (Code::MissingObject | Code::MissingExtension, "EXTENSION") => fault.step_run(
            "Install the extension's files on the server's host:",
            format!("apt-get install postgresql-contrib   # or the package that has {}", object.name),
        ),
        (code, _) if code.is_missing() => fault.step(
            "What this object needs is not on the target: restore it too (a whole schema, or the whole database), or create it first.",
        ),
        (Code::DuplicateObject, _) => fault
            .step("The target has this object already. Restore into an empty database: --target NEW --create")
            .step("Or restore rows only into the existing table (--data-only), or one table under another name (--as SCHEMA.NAME)."),
        (Code::PermissionDenied, _) => {
            fault.step("Restore with a role that may do this (superuser for a whole database), or with --no-owner --no-acl.")
        }
        _ => fault,
    }
}

impl Loader for Target {
    fn run<'a>(&'a mut self, objects: &'a [&'a SchemaObject], choices: &'a TargetChoices, claim: Claim<'a>) -> Answer<'a, ()> {
        Box::pin(self.run_objects(objects, choices, claim))
    }

    fn attempt<'a>(
        &'a mut self,
        objects: &'a [&'a SchemaObject],
        choices: &'a TargetChoices,
        trial: Trial,
    ) -> Answer<'a, Vec<(usize, Fault)>> {
        Box::pin(self.try_out(objects, choices, trial))
    }

    fn load<'a>(&'a mut self, table: &'a Table, mode: LoadMode, source: &'a mut dyn RowSource, claim: Claim<'a>) -> Answer<'a, u64> {
        Box::pin(async move {
            match table.kind {
                TableKind::Table => copy::table(self, table, mode, source, claim).await,
                TableKind::LargeObjectMetadata => large_objects::metadata(self, table, source, claim).await,
                TableKind::LargeObjectData => large_objects::pages(self, table, source, claim).await,
            }
        })
    }

    fn set_sequences<'a>(&'a mut self, sequences: &'a [SequenceState], claim: Claim<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            for some in sequences.chunks(SEQUENCES_AT_ONCE) {
                let setval = |state: &SequenceState| {
                    format!(
                        "pg_catalog.setval({}::pg_catalog.regclass, {}, {})",
                        literal(&qualified(&state.name)),
                        state.last_value,
                        state.is_called
                    )
                };
                let sql = format!("SELECT {}", some.iter().map(setval).collect::<Vec<_>>().join(", "));
                let Err(error) = self.session.client.batch_execute(&sql).await else { continue };
                if is_cancel(&error) || self.session.client.is_closed() {
                    return Err(self.fault("cannot set sequences", &error));
                }
                for state in some {
                    let sql = format!("SELECT {}", setval(state));
                    let done = self.session.client.batch_execute(&sql).await;
                    done.map_err(|error| {
                        self.fault(format!("cannot set the sequence {}", state.name), &error)
                            .at("Object", format!("SEQUENCE {}", state.name))
                            .with_statement(&sql)
                    })?;
                }
            }
            // Sequences may be unlogged, and set again they are none the worse.
            match self.transaction(claim, Page::Unlogged, "").await {
                Err(error) if ledger::is_claimed(&error) => Err(self.placed(ledger::claimed("cannot set sequences"))),
                done => done.map_err(|error| self.fault("cannot set sequences", &error)),
            }
        })
    }

    fn refresh<'a>(&'a mut self, view: &'a TableName, claim: Claim<'a>) -> Answer<'a, ()> {
        Box::pin(async move {
            let sql = format!("REFRESH MATERIALIZED VIEW {}", qualified(view));
            let done = self.transaction(claim, Page::Logged, &sql).await;
            done.map_err(|error| {
                if ledger::is_claimed(&error) {
                    return self.placed(ledger::claimed(format!("cannot fill the materialized view {view}")));
                }
                let fault = self.fault(format!("cannot fill the materialized view {view}"), &error);
                let fault = if fault.code.is_missing() {
                    fault.step("A function that the view calls leans on search_path: give it one of its own (ALTER FUNCTION … SET search_path = …).")
                } else {
                    fault
                };
                fault.at("Object", format!("MATERIALIZED VIEW {view}")).with_statement(&sql)
            })
        })
    }

    fn analyze<'a>(&'a mut self, table: &'a TableName) -> Answer<'a, ()> {
        Box::pin(async move {
            let sql = format!("ANALYZE {}", qualified(table));
            let done = self.session.client.batch_execute(&sql).await;
            done.map_err(|error| self.fault(format!("cannot analyze {table}"), &error).with_statement(&sql))
        })
    }

    fn open_ledger<'a>(&'a mut self, head: &'a LedgerHead) -> Answer<'a, Opened> {
        Box::pin(ledger::open(self, head))
    }

    fn marks(&mut self) -> Answer<'_, Vec<Mark>> {
        Box::pin(ledger::marks(self))
    }

    fn continuity(&mut self) -> Answer<'_, Continuity> {
        Box::pin(ledger::continuity(self))
    }

    fn seal(&mut self) -> Answer<'_, Continuity> {
        Box::pin(ledger::seal(self))
    }

    fn drop_ledger(&mut self) -> Answer<'_, Continuity> {
        Box::pin(ledger::drop(self))
    }

    fn unlogged(&mut self) -> Answer<'_, Vec<TableName>> {
        Box::pin(ledger::unlogged(self))
    }

    fn take_back<'a>(&'a mut self, objects: &'a [&'a SchemaObject], marks: &'a [Mark]) -> Answer<'a, ()> {
        Box::pin(ledger::take_back(self, objects, marks))
    }

    fn end_others(&mut self) -> Answer<'_, u64> {
        Box::pin(ledger::end_others(self))
    }

    fn write_probe(&mut self) -> Answer<'_, (u64, Vec<Behind>)> {
        Box::pin(probe::run(self))
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        self.session.canceller()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(self.session.close())
    }
}
