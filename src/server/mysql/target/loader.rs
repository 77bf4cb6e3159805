//! A session that changes a database. What each call does has a file of its own; here they meet the trait.

use super::settings::Way;
use super::{ledger, make, marker, plain, probe, rows, settings, values};
use crate::domain::schema::{SchemaObject, SequenceState, Table, TableName};
use crate::domain::{Code, Fault, Product};
use crate::server::mysql::connect::Connector;
use crate::server::mysql::quote::qualified;
use crate::server::mysql::session::Session;
use crate::server::mysql::wire::{Error, Row};
use crate::server::{
    Answer, Behind, Cancel, Claim, Continuity, LedgerHead, LoadMode, LoadSettings, Loader, Mark, Opened, RowSource, TargetChoices, Trial,
};
use futures_util::future::BoxFuture;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A session on the target, with what faults need to say where they happened.
pub struct Target {
    /// The session.
    pub session: Session,
    /// How the server is reached.
    pub connector: Connector,
    /// The database.
    pub database: String,
    /// How rows get in.
    pub way: Way,
    /// The largest statement that the server takes, in bytes.
    pub packet: usize,
    /// The name that the user locks of this run's sessions in this database begin with.
    pub marker: Option<String>,
    /// The tables without transactions, with their engines, once they were asked for.
    pub plain: Option<HashMap<TableName, String>>,
    /// What was made without a ledger.
    pub made: HashSet<u32>,
    /// Whether the session looks for double values while it writes.
    pub unique: settings::Unique,
}

/// See [`crate::server::Server::loader`].
pub async fn open(connector: &Connector, database: &str, wanted: &LoadSettings) -> Result<Box<dyn Loader>, Fault> {
    let session = connector.session(Some(database)).await?;
    let mut target = Target {
        session,
        connector: connector.clone(),
        database: database.to_owned(),
        way: Way::Stream,
        packet: 1 << 20,
        marker: wanted.run.as_deref().map(|run| marker::name(run, database)),
        plain: None,
        made: HashSet::new(),
        unique: settings::Unique::Checked,
    };
    match settings::prepare(&mut target, wanted).await {
        Ok(()) => Ok(Box::new(target)),
        Err(fault) => {
            target.session.close().await;
            Err(fault)
        }
    }
}

impl Target {
    /// A fault from an error of the session, placed.
    pub fn fault(&self, what: impl Into<String>, error: &Error) -> Fault {
        self.connector.fault(what, error, &self.database)
    }

    /// The server's product, which may be another one than the connection says.
    pub fn product(&self) -> Product {
        self.session.flavour().product
    }

    /// A fault with where it happened.
    pub fn placed(&self, fault: Fault) -> Fault {
        self.connector.place(fault, &self.database)
    }

    /// Runs SQL that gives no rows.
    pub async fn run(&mut self, what: &str, sql: &str) -> Result<(), Fault> {
        let done = self.session.run(sql).await;
        done.map(drop).map_err(|error| self.fault(what, &error).with_statement(sql))
    }

    /// Asks for a few rows.
    pub async fn query(&mut self, what: &str, sql: &str) -> Result<Vec<Row>, Fault> {
        let rows = self.session.query(sql).await;
        rows.map_err(|error| self.fault(what, &error).with_statement(sql))
    }

    /// Ends a transaction that failed. A connection that is gone has nothing left to end.
    pub async fn rollback(&mut self) {
        if let Err(error) = self.session.run("ROLLBACK").await {
            tracing::debug!(%error, "rollback");
        }
    }
}

impl Loader for Target {
    fn run<'a>(&'a mut self, objects: &'a [&'a SchemaObject], choices: &'a TargetChoices, claim: Claim<'a>) -> Answer<'a, ()> {
        Box::pin(make::objects(self, objects, choices, claim))
    }

    fn attempt<'a>(
        &'a mut self,
        objects: &'a [&'a SchemaObject],
        choices: &'a TargetChoices,
        trial: Trial,
    ) -> Answer<'a, Vec<(usize, Fault)>> {
        Box::pin(make::attempt(self, objects, choices, trial))
    }

    fn load<'a>(&'a mut self, table: &'a Table, mode: LoadMode, source: &'a mut dyn RowSource, claim: Claim<'a>) -> Answer<'a, u64> {
        Box::pin(rows::load(self, table, mode, source, claim))
    }

    fn set_sequences<'a>(&'a mut self, sequences: &'a [SequenceState], claim: Claim<'a>) -> Answer<'a, ()> {
        Box::pin(values::set(self, sequences, claim))
    }

    fn refresh<'a>(&'a mut self, view: &'a TableName, _claim: Claim<'a>) -> Answer<'a, ()> {
        let fault = Fault::new(Code::VersionUnsupported, format!("{view} is a materialized view, which this server does not have"));
        Box::pin(std::future::ready(Err(self.placed(fault))))
    }

    fn analyze<'a>(&'a mut self, table: &'a TableName) -> Answer<'a, ()> {
        Box::pin(async move {
            // It answers with rows, of which one may say that the engine has no statistics.
            let sql = format!("ANALYZE NO_WRITE_TO_BINLOG TABLE {}", qualified(table));
            self.query(&format!("cannot gather the statistics of {table}"), &sql).await.map(drop)
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
        Box::pin(plain::in_memory(self))
    }

    fn take_back<'a>(&'a mut self, objects: &'a [&'a SchemaObject], marks: &'a [Mark]) -> Answer<'a, ()> {
        Box::pin(ledger::take_back(self, objects, marks))
    }

    fn end_others(&mut self) -> Answer<'_, u64> {
        Box::pin(marker::end_others(self))
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
