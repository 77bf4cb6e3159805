//! MySQL 8 and newer, and MariaDB 10.6 and newer.

pub mod binlog;
pub mod connect;
pub mod definition;
mod diagnose;
pub mod dump;
mod fault;
pub mod quote;
pub mod replay;
mod replica;
pub mod session;
mod source;
mod stall;
mod target;
mod watch;
pub mod wire;

use super::binlog::{BinlogSource, Binlogs, Follow, ReplayLimits, ReplaySettings, Replayer};
use super::{
    Answer, Condition, Demands, Feature, LedgerHead, LoadSettings, Loader, Made, Monitor, Purpose, Scratch, Server, Snapshot, SqlDumps,
    Supplies, Survey, Swept, TargetChoices, View,
};
use crate::domain::binlog::Place;
use crate::domain::diagnosis::ServerFacts;
use crate::domain::schema::{DatabaseProperties, SchemaObject, Table};
use crate::domain::server::{DatabaseInfo, ServerInfo};
use crate::domain::wait::{Blocker, Ending};
use crate::domain::{Connection, Fault};
use connect::Connector;
pub use fault::server as code;
use futures_util::future::BoxFuture;

/// A MySQL or MariaDB server. Every call opens a connection of its own and closes it, apart from views, readers and loaders, which live on.
pub struct Mysql {
    connector: Connector,
}

impl Mysql {
    /// A server reached by this connection; `password` is used when the server asks for one. Nothing is sent yet.
    pub fn new(connection: Connection, password: Option<secrecy::SecretString>) -> Result<Self, Fault> {
        Ok(Self { connector: Connector::new(connection, password)? })
    }

    /// The same server, told where the password is from: `from MYSQL_PWD`.
    #[must_use]
    pub fn with_source(self, source: String) -> Self {
        Self { connector: self.connector.with_source(source) }
    }
}

impl Server for Mysql {
    fn connection(&self) -> &Connection {
        self.connector.connection()
    }

    fn settled(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.connector.settled())
    }

    fn info(&self) -> Answer<'_, ServerInfo> {
        Box::pin(source::facts::info(&self.connector))
    }

    fn databases(&self) -> Answer<'_, Vec<DatabaseInfo>> {
        Box::pin(source::facts::databases(&self.connector, None))
    }

    fn database<'a>(&'a self, name: &'a str) -> Answer<'a, Option<DatabaseInfo>> {
        Box::pin(async move { Ok(source::facts::databases(&self.connector, Some(name)).await?.into_iter().find(|one| one.name == name)) })
    }

    fn has_database<'a>(&'a self, name: &'a str) -> Answer<'a, bool> {
        Box::pin(source::facts::has_database(&self.connector, name))
    }

    fn schema_tool<'a>(&'a self, info: &'a ServerInfo) -> Answer<'a, String> {
        // Definitions are read from the server itself, by its own SHOW CREATE.
        Box::pin(std::future::ready(Ok(format!("SHOW CREATE of {}", info.title()))))
    }

    fn globals(&self) -> Answer<'_, Vec<SchemaObject>> {
        Box::pin(source::globals::read(&self.connector))
    }

    fn globals_gaps(&self) -> Answer<'_, Vec<String>> {
        Box::pin(source::globals::gaps(&self.connector))
    }

    fn snapshot<'a>(&'a self, database: &'a str) -> Answer<'a, Box<dyn Snapshot>> {
        Box::pin(source::view::single(&self.connector, database))
    }

    fn view<'a>(&'a self, databases: &'a [String], readers: u32) -> Answer<'a, Option<Box<dyn View>>> {
        Box::pin(async move { source::view::open(&self.connector, databases, readers).await.map(Some) })
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

    fn create_database<'a>(&'a self, name: &'a str, properties: &'a DatabaseProperties, _choices: &'a TargetChoices) -> Answer<'a, ()> {
        Box::pin(target::database::create(&self.connector, name, properties))
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

    fn readiness<'a>(&'a self, databases: &'a [String]) -> Answer<'a, Vec<Condition>> {
        Box::pin(source::readiness::look(&self.connector, databases))
    }

    fn conditions<'a>(&'a self, demands: &'a Demands) -> Answer<'a, Vec<Condition>> {
        Box::pin(target::conditions::look(&self.connector, demands))
    }

    fn ledger<'a>(&'a self, database: &'a str) -> Answer<'a, Option<LedgerHead>> {
        Box::pin(target::ledger::head(&self.connector, database))
    }

    fn scratch<'a>(
        &'a self,
        purpose: Purpose,
        properties: &'a DatabaseProperties,
        _choices: &'a TargetChoices,
    ) -> Answer<'a, Box<dyn Scratch>> {
        Box::pin(target::scratch::make(&self.connector, purpose, properties))
    }

    fn sweep_scratches(&self, purpose: Purpose) -> Answer<'_, Swept> {
        Box::pin(target::scratch::sweep(&self.connector, purpose))
    }

    fn roles_named(&self, sql: &str) -> Vec<String> {
        target::reading::roles_named(sql)
    }

    fn mapped_role(&self, role: &str, map: &[(String, String)]) -> String {
        target::reading::mapped_role(role, map)
    }

    fn made_by(&self, object: &SchemaObject) -> Vec<Made> {
        target::reading::made_by(object)
    }

    fn unknown_to(&self, version_num: u32, object: &SchemaObject) -> Option<Feature> {
        target::reading::unknown_to(version_num, object)
    }

    fn stays_inside(&self, object: &SchemaObject) -> bool {
        target::reading::stays_inside(object)
    }

    fn examine(&self, limit: std::time::Duration) -> BoxFuture<'_, ServerFacts> {
        Box::pin(diagnose::examine(&self.connector, limit))
    }

    fn binlogs(&self) -> Answer<'_, Binlogs> {
        Box::pin(replica::logs(&self.connector))
    }

    fn binlog_source<'a>(&'a self, from: &'a Place, follow: Follow) -> Answer<'a, Box<dyn BinlogSource>> {
        Box::pin(replica::open(&self.connector, from, follow))
    }

    fn monitor(&self) -> Answer<'_, Option<Box<dyn Monitor>>> {
        Box::pin(async { watch::open(&self.connector).await.map(Some) })
    }

    fn end_session<'a>(&'a self, blocker: &'a Blocker, ending: Ending) -> Answer<'a, ()> {
        Box::pin(watch::end(&self.connector, blocker, ending))
    }

    fn replay_limits(&self) -> Answer<'_, ReplayLimits> {
        Box::pin(replay::limits(&self.connector))
    }

    fn replayer<'a>(&'a self, settings: &'a ReplaySettings) -> Answer<'a, Box<dyn Replayer>> {
        Box::pin(replay::open(&self.connector, settings))
    }

    fn sql_dumps(&self) -> Option<&dyn SqlDumps> {
        Some(self)
    }

    fn loader<'a>(&'a self, database: &'a str, settings: &'a LoadSettings) -> Answer<'a, Box<dyn Loader>> {
        Box::pin(target::loader::open(&self.connector, database, settings))
    }
}

impl SqlDumps for Mysql {
    fn load<'a>(
        &'a self,
        order: &'a dump::Order<'a>,
        says: &'a (dyn Fn(dump::Said) + Send + Sync),
        cancel: &'a tokio_util::sync::CancellationToken,
    ) -> Answer<'a, dump::Ended> {
        Box::pin(dump::load(&self.connector, order, says, cancel))
    }
}
