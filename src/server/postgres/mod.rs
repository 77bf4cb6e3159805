//! PostgreSQL 13 to 18.

mod archiving;
mod connect;
pub mod definition;
mod diagnose;
pub mod dump;
mod fault;
pub mod install;
pub mod page;
mod pooler;
mod program;
pub mod quote;
pub mod recovery;
mod replication;
mod session;
mod source;
mod stall;
mod target;
mod toc;
pub mod wal;
mod watch;
mod wire;

use super::base::{Archived, BaseFacts, BaseSource};
use super::{
    Answer, Archiving, Feature, LedgerHead, LoadSettings, Loader, Made, Monitor, Purpose, Scratch, Server, Snapshot, Supplies, Survey,
    Swept, TargetChoices,
};
use crate::domain::diagnosis::ServerFacts;
use crate::domain::schema::{DatabaseProperties, SchemaObject, Table};
use crate::domain::server::{DatabaseInfo, ServerInfo};
use crate::domain::wait::{Blocker, Ending};
use crate::domain::wal::ArchivingSetting;
use crate::domain::{Connection, Fault};
use connect::Connector;
use futures_util::future::BoxFuture;

/// The code of a server's error by its SQLSTATE, with its message, for texts that came by other ways than a session.
pub fn code(sqlstate: &str, message: &str) -> crate::domain::Code {
    fault::server(sqlstate, message, message)
}

/// A PostgreSQL server. Every call opens a connection of its own and closes it, apart from snapshots, readers and loaders, which live on.
pub struct Postgres {
    connector: Connector,
    /// `server_version_num`, once it was asked for.
    version: tokio::sync::OnceCell<u32>,
}

impl Postgres {
    /// A server reached by this connection; `password` is used when the server asks for one. Nothing is sent yet.
    pub fn new(connection: Connection, password: Option<secrecy::SecretString>) -> Result<Self, Fault> {
        Ok(Self { connector: Connector::new(connection, password)?, version: tokio::sync::OnceCell::new() })
    }

    /// The same server, with further folders to look for its programs (pg_dump) in, before the usual ones.
    #[must_use]
    pub fn with_tools(self, folders: Vec<std::path::PathBuf>) -> Self {
        Self { connector: self.connector.with_tools(folders), ..self }
    }

    /// The same server, told where the password is from: `from PGPASSWORD`.
    #[must_use]
    pub fn with_source(self, source: String) -> Self {
        Self { connector: self.connector.with_source(source), ..self }
    }
}

impl Server for Postgres {
    fn connection(&self) -> &Connection {
        self.connector.connection()
    }

    fn settled(&self) -> futures_util::future::BoxFuture<'_, ()> {
        Box::pin(self.connector.settled())
    }

    fn info(&self) -> Answer<'_, ServerInfo> {
        Box::pin(source::facts::info(&self.connector))
    }

    fn databases(&self) -> Answer<'_, Vec<DatabaseInfo>> {
        Box::pin(source::facts::databases(&self.connector, None))
    }

    fn database<'a>(&'a self, name: &'a str) -> Answer<'a, Option<DatabaseInfo>> {
        Box::pin(async move { Ok(source::facts::databases(&self.connector, Some(name)).await?.pop()) })
    }

    fn has_database<'a>(&'a self, name: &'a str) -> Answer<'a, bool> {
        Box::pin(source::facts::has_database(&self.connector, name))
    }

    fn version_num(&self) -> Answer<'_, u32> {
        Box::pin(async move { self.version.get_or_try_init(|| async { Ok(self.info().await?.version_num) }).await.copied() })
    }

    fn schema_tool<'a>(&'a self, info: &'a ServerInfo) -> Answer<'a, String> {
        Box::pin(source::tool::version(&self.connector, info))
    }

    fn globals_gaps(&self) -> Answer<'_, Vec<String>> {
        Box::pin(source::globals::gaps(&self.connector))
    }

    fn globals(&self) -> Answer<'_, Vec<SchemaObject>> {
        Box::pin(source::globals::read(&self.connector))
    }

    fn snapshot<'a>(&'a self, database: &'a str) -> Answer<'a, Box<dyn Snapshot>> {
        Box::pin(source::snapshot::open(&self.connector, database))
    }

    fn survey<'a>(&'a self, database: &'a str) -> Answer<'a, Vec<Table>> {
        Box::pin(source::tables::survey(&self.connector, database))
    }

    fn inspect<'a>(&'a self, database: &'a str) -> Answer<'a, Survey> {
        Box::pin(source::tables::inspect(&self.connector, database))
    }

    fn weigh<'a>(&'a self, database: &'a str) -> Answer<'a, (u64, u64)> {
        Box::pin(target::database::weigh(&self.connector, database))
    }

    fn create_database<'a>(&'a self, name: &'a str, properties: &'a DatabaseProperties, choices: &'a TargetChoices) -> Answer<'a, ()> {
        Box::pin(target::database::create(&self.connector, name, properties, choices))
    }

    fn detach_database<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<String>> {
        Box::pin(target::subscriptions::detach(&self.connector, name))
    }

    fn drop_database<'a>(&'a self, name: &'a str) -> Answer<'a, ()> {
        Box::pin(target::database::drop(&self.connector, name))
    }

    fn rename_database<'a>(&'a self, name: &'a str, new: &'a str) -> Answer<'a, ()> {
        Box::pin(target::database::rename(&self.connector, name, new))
    }

    fn apply_properties<'a>(&'a self, name: &'a str, properties: &'a DatabaseProperties, choices: &'a TargetChoices) -> Answer<'a, ()> {
        Box::pin(target::database::apply_properties(&self.connector, name, properties, choices))
    }

    fn apply_global<'a>(&'a self, object: &'a SchemaObject, choices: &'a TargetChoices) -> Answer<'a, ()> {
        Box::pin(target::global::apply(&self.connector, object, choices))
    }

    fn apply_global_parts<'a>(&'a self, object: &'a SchemaObject, choices: &'a TargetChoices) -> Answer<'a, Vec<(SchemaObject, Fault)>> {
        Box::pin(target::global::apply_parts(&self.connector, object, choices))
    }

    fn supplies(&self) -> Answer<'_, Option<Supplies>> {
        Box::pin(async { target::supplies::read(&self.connector).await.map(Some) })
    }

    fn ledger<'a>(&'a self, database: &'a str) -> Answer<'a, Option<LedgerHead>> {
        Box::pin(target::ledger::head(&self.connector, database))
    }

    fn scratch<'a>(
        &'a self,
        purpose: Purpose,
        properties: &'a DatabaseProperties,
        choices: &'a TargetChoices,
    ) -> Answer<'a, Box<dyn Scratch>> {
        Box::pin(target::scratch::make(&self.connector, purpose, properties, choices))
    }

    fn sweep_scratches(&self, purpose: Purpose) -> Answer<'_, Swept> {
        Box::pin(target::scratch::sweep(&self.connector, purpose))
    }

    fn roles_named(&self, sql: &str) -> Vec<String> {
        target::roles::named(sql)
    }

    fn made_by(&self, object: &SchemaObject) -> Vec<Made> {
        target::reading::made_by(object)
    }

    fn unknown_to(&self, version_num: u32, object: &SchemaObject) -> Option<Feature> {
        target::features::unknown_to(version_num / 10_000, object)
    }

    fn stays_inside(&self, object: &SchemaObject) -> bool {
        target::reading::stays_inside(object)
    }

    fn monitor(&self) -> Answer<'_, Option<Box<dyn Monitor>>> {
        Box::pin(async { watch::monitor::open(&self.connector).await.map(Some) })
    }

    fn end_session<'a>(&'a self, blocker: &'a Blocker, ending: Ending) -> Answer<'a, ()> {
        Box::pin(watch::end::end(&self.connector, blocker, ending))
    }

    fn examine(&self, limit: std::time::Duration) -> BoxFuture<'_, ServerFacts> {
        Box::pin(diagnose::examine(&self.connector, limit))
    }

    fn archiving(&self, limit: std::time::Duration) -> Answer<'_, Option<Archiving>> {
        Box::pin(async move { archiving::read(&self.connector, limit).await.map(Some) })
    }

    fn set_archiving<'a>(&'a self, changes: &'a [(ArchivingSetting, Option<String>)]) -> Answer<'a, ()> {
        Box::pin(archiving::change(&self.connector, changes))
    }

    fn dump_tools(&self) -> Option<&dyn dump::DumpTools> {
        Some(&self.connector)
    }

    fn base_facts(&self) -> Answer<'_, BaseFacts> {
        Box::pin(replication::facts(&self.connector))
    }

    fn archived(&self) -> Answer<'_, Archived> {
        Box::pin(replication::archived(&self.connector))
    }

    fn base_source(&self) -> Answer<'_, Box<dyn BaseSource>> {
        Box::pin(async { Ok(Box::new(replication::Backup::open(&self.connector).await?) as Box<dyn BaseSource>) })
    }

    fn loader<'a>(&'a self, database: &'a str, settings: &'a LoadSettings) -> Answer<'a, Box<dyn Loader>> {
        Box::pin(target::loader::open(&self.connector, database, settings))
    }
}
