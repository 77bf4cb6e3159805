//! Database servers behind one set of traits. Knows protocols and catalogs; knows no archives and no screens.
//!
//! A backup asks a [`Server`] for a [`Snapshot`] of each database and reads it with several [`Reader`]s; a restore opens
//! [`Loader`]s on the target. Nobody outside this room asks which product is behind them.

use crate::domain::binlog::Place;
use crate::domain::diagnosis::ServerFacts;
use crate::domain::schema::{DatabaseProperties, RowFormat, SchemaObject, Table};
use crate::domain::server::{DatabaseInfo, ServerInfo};
use crate::domain::wait::{Blocker, Ending, Wait};
use crate::domain::wal::ArchivingSetting;
use crate::domain::{Connection, Fault};
use futures_util::future::BoxFuture;

mod archiving;
pub mod base;
pub mod binlog;
mod conditions;
pub mod definition;
mod hops;
pub mod ledger;
pub mod mysql;
pub mod postgres;
mod scratch;
mod source;
mod supplies;
mod target;
mod tls;
mod waits;

pub use archiving::Archiving;
pub use conditions::{Addition, Condition, Demanded, Demands, Verdict};
pub use ledger::{Continuity, LedgerHead, Mark, Opened, Step};
pub use mysql::dump as sql_dump;
pub use postgres::dump;
pub use scratch::{Purpose, Scratch, Swept};
pub use source::{ChunkSink, Reader, Rows, Snapshot, Survey, View};
pub use supplies::{Extension, Feature, Made, Supplies};
pub use target::{Behind, Claim, LoadMode, LoadSettings, Loader, RowSource, TargetChoices, Trial};

/// What every call of this room gives back.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Fault>>;

/// Ends what a session is doing on the server, from outside. Cheap to clone, safe to call at any time and more than once.
pub trait Cancel: Send + Sync {
    /// Asks the server to end the session's current statement. Gives up after a few seconds: it never hangs.
    fn cancel(&self) -> BoxFuture<'_, ()>;
}

/// A server that can be reached.
pub trait Server: Send + Sync {
    /// How it is reached.
    fn connection(&self) -> &Connection;

    /// Waits until what was abandoned half-way is cancelled on the server too, for a few seconds at most: a question whose answer nobody
    /// waits for any more is cancelled by itself, but only as long as the program lives.
    fn settled(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// What it says of itself.
    fn info(&self) -> Answer<'_, ServerInfo>;

    /// Its databases, by name.
    fn databases(&self) -> Answer<'_, Vec<DatabaseInfo>>;

    /// The database of this name: cheaper than all of them.
    fn database<'a>(&'a self, name: &'a str) -> Answer<'a, Option<DatabaseInfo>> {
        Box::pin(async move { Ok(self.databases().await?.into_iter().find(|database| database.name == name)) })
    }

    /// Whether there is a database of this name: cheaper than all of them with their sizes.
    fn has_database<'a>(&'a self, name: &'a str) -> Answer<'a, bool> {
        Box::pin(async move { Ok(self.databases().await?.into_iter().any(|database| database.name == name)) })
    }

    /// The server's version as in `server_version_num`; asked for once.
    fn version_num(&self) -> Answer<'_, u32> {
        Box::pin(async move { Ok(self.info().await?.version_num) })
    }

    /// The version of the program that reads definitions, or the fault that says how to install it.
    fn schema_tool<'a>(&'a self, info: &'a ServerInfo) -> Answer<'a, String>;

    /// Roles, memberships, settings and tablespaces, as objects that can be run one by one on another server.
    fn globals(&self) -> Answer<'_, Vec<SchemaObject>>;

    /// What [`Server::globals`] cannot see with this role's rights, for a person to know.
    fn globals_gaps(&self) -> Answer<'_, Vec<String>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Opens a consistent view of a database.
    fn snapshot<'a>(&'a self, database: &'a str) -> Answer<'a, Box<dyn Snapshot>>;

    /// Opens one moment for all databases of a run, with so many sessions to read through, where the product can only do that before anything
    /// is read (MySQL). None: each database has a [`Server::snapshot`] of its own, to which sessions are added as they are wanted.
    fn view<'a>(&'a self, databases: &'a [String], readers: u32) -> Answer<'a, Option<Box<dyn View>>> {
        let (_, _) = (databases, readers);
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Sizes and names only, for a plan: what a backup of this database would read. No lock, no snapshot.
    fn survey<'a>(&'a self, database: &'a str) -> Answer<'a, Vec<Table>>;

    /// The same, with what of it this role could not read completely. One session, whatever the number of tables.
    fn inspect<'a>(&'a self, database: &'a str) -> Answer<'a, Survey> {
        Box::pin(async move { Ok(Survey { tables: self.survey(database).await?, ..Survey::default() }) })
    }

    /// How many objects a person made in a database (0: it is empty), and its size in bytes.
    fn weigh<'a>(&'a self, database: &'a str) -> Answer<'a, (u64, u64)>;

    /// Makes a database with these properties under this name (without its owner, settings and rights: see
    /// [`Server::apply_properties`]).
    fn create_database<'a>(&'a self, name: &'a str, properties: &'a DatabaseProperties, choices: &'a TargetChoices) -> Answer<'a, ()>;

    /// Takes off what ties a database to other servers and would keep it from being dropped: PostgreSQL's subscriptions. Says what stays
    /// elsewhere. Only for a database that is dropped next, which does the same without a word.
    fn detach_database<'a>(&'a self, name: &'a str) -> Answer<'a, Vec<String>> {
        let _ = name;
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// Drops a database if it is there; sessions in it are ended.
    fn drop_database<'a>(&'a self, name: &'a str) -> Answer<'a, ()>;

    /// Gives a database another name; sessions in it are ended.
    fn rename_database<'a>(&'a self, name: &'a str, new: &'a str) -> Answer<'a, ()>;

    /// Gives a database its owner, comment, settings, rights and limits. The last step of a restore.
    fn apply_properties<'a>(&'a self, name: &'a str, properties: &'a DatabaseProperties, choices: &'a TargetChoices) -> Answer<'a, ()>;

    /// Runs one global object (a role, a tablespace) on the server; one that exists already is no failure when it is the same kind.
    fn apply_global<'a>(&'a self, object: &'a SchemaObject, choices: &'a TargetChoices) -> Answer<'a, ()>;

    /// The same, going on after what fails: gives each part that failed (the role or tablespace as an object of its own) with its fault.
    fn apply_global_parts<'a>(&'a self, object: &'a SchemaObject, choices: &'a TargetChoices) -> Answer<'a, Vec<(SchemaObject, Fault)>> {
        Box::pin(async move {
            let applied = self.apply_global(object, choices).await;
            Ok(applied.err().map(|fault| (object.clone(), fault)).into_iter().collect())
        })
    }

    /// What is there for a restore to use. None where the product has no such things.
    fn supplies(&self) -> Answer<'_, Option<Supplies>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// What of our user's rights and of the server's settings decides over a backup of these databases. Nothing where the product has no such.
    fn readiness<'a>(&'a self, databases: &'a [String]) -> Answer<'a, Vec<Condition>> {
        let _ = databases;
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// What of the server's settings decides over a restore. Nothing where the product has no such.
    fn conditions<'a>(&'a self, demands: &'a Demands) -> Answer<'a, Vec<Condition>> {
        let _ = demands;
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// The ledger that a restore at work, or an interrupted one, has in a database.
    fn ledger<'a>(&'a self, database: &'a str) -> Answer<'a, Option<LedgerHead>> {
        let _ = database;
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Makes an empty database with these properties under a name of its own, to try something out in. It is empty, nobody else's, and
    /// goes with [`Scratch::remove`]; one that was left by a process that is gone goes with [`Server::sweep_scratches`].
    fn scratch<'a>(
        &'a self,
        purpose: Purpose,
        properties: &'a DatabaseProperties,
        choices: &'a TargetChoices,
    ) -> Answer<'a, Box<dyn Scratch>> {
        let (_, _, _) = (purpose, properties, choices);
        let fault = Fault::new(crate::domain::Code::ToolMissing, "this server has no scratch databases");
        Box::pin(std::future::ready(Err(fault)))
    }

    /// Drops the scratch databases of a purpose whose makers are gone. Those of runs at work stay, wherever these run.
    fn sweep_scratches(&self, purpose: Purpose) -> Answer<'_, Swept> {
        let _ = purpose;
        Box::pin(std::future::ready(Ok(Swept::default())))
    }

    /// The roles that a statement which gives rights or sets something names, as they are called on the server.
    fn roles_named(&self, sql: &str) -> Vec<String> {
        let _ = sql;
        Vec::new()
    }

    /// What a role of the archive is called on the target, by the pairs (in the archive, on the target).
    fn mapped_role(&self, role: &str, map: &[(String, String)]) -> String {
        map.iter().find(|(from, _)| from == role).map_or_else(|| role.to_owned(), |(_, to)| to.clone())
    }

    /// What a global object makes, where it makes anything that others need.
    fn made_by(&self, object: &SchemaObject) -> Vec<Made> {
        let _ = object;
        Vec::new()
    }

    /// What a server of a version (as in `server_version_num`) does not know of an object's definition.
    fn unknown_to(&self, version_num: u32, object: &SchemaObject) -> Option<Feature> {
        let (_, _) = (version_num, object);
        None
    }

    /// Whether making an object changes nothing outside its database, so that it can be tried out in a scratch database.
    fn stays_inside(&self, object: &SchemaObject) -> bool {
        let _ = object;
        false
    }

    /// Opens a watch over what the sessions opened through this object wait for. None where the product has no such thing.
    fn monitor(&self) -> Answer<'_, Option<Box<dyn Monitor>>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Ends a session that is in the way. Refused when it belongs to a run of dbbackup, when it is gone, and without the right to.
    fn end_session<'a>(&'a self, blocker: &'a Blocker, ending: Ending) -> Answer<'a, ()> {
        let _ = (blocker, ending);
        Box::pin(std::future::ready(Err(Fault::internal("a server without sessions that can be ended"))))
    }

    /// How it is reached, step by step with times, and what state it is in. Never fails: what is not known by the end of the limit says why,
    /// and nothing is waited for beyond it.
    fn examine(&self, limit: std::time::Duration) -> BoxFuture<'_, ServerFacts> {
        let _ = limit;
        let connection = self.connection();
        let facts = ServerFacts { label: connection.label(), address: connection.address(), ..ServerFacts::default() };
        Box::pin(std::future::ready(facts))
    }

    /// What it says of the archiving of its log, by the end of the limit at the latest. None where the product has no such thing.
    fn archiving(&self, limit: std::time::Duration) -> Answer<'_, Option<Archiving>> {
        let _ = limit;
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Changes settings about archiving for good, and has the server read them; what needs a restart waits for it. A value of none is the
    /// configuration file's. The fault's context says as `Changed` what was changed before one failed.
    fn set_archiving<'a>(&'a self, changes: &'a [(ArchivingSetting, Option<String>)]) -> Answer<'a, ()> {
        let _ = changes;
        Box::pin(std::future::ready(Err(Fault::internal("a server without an archive of its log"))))
    }

    /// The programs that restore what other programs dumped. None where the product has none.
    fn dump_tools(&self) -> Option<&dyn dump::DumpTools> {
        None
    }

    /// Restores dumps that are SQL of this product's, statement by statement. None where the product has other ones.
    fn sql_dumps(&self) -> Option<&dyn SqlDumps> {
        None
    }

    /// What a base backup needs to know beforehand. One session.
    fn base_facts(&self) -> Answer<'_, base::BaseFacts> {
        Box::pin(std::future::ready(Err(no_base_backups())))
    }

    /// How far the server's archiver is.
    fn archived(&self) -> Answer<'_, base::Archived> {
        Box::pin(std::future::ready(Err(no_base_backups())))
    }

    /// A session in which the server can send a base backup.
    fn base_source(&self) -> Answer<'_, Box<dyn base::BaseSource>> {
        Box::pin(std::future::ready(Err(no_base_backups())))
    }

    /// The server's binary logs and whose they are. A fault where the product, or this server, writes none.
    fn binlogs(&self) -> Answer<'_, binlog::Binlogs> {
        Box::pin(std::future::ready(Err(no_binary_log())))
    }

    /// A session in which the server sends its binary log from a place on.
    fn binlog_source<'a>(&'a self, from: &'a Place, follow: binlog::Follow) -> Answer<'a, Box<dyn binlog::BinlogSource>> {
        let (_, _) = (from, follow);
        Box::pin(std::future::ready(Err(no_binary_log())))
    }

    /// What of this server decides over a replay.
    fn replay_limits(&self) -> Answer<'_, binlog::ReplayLimits> {
        Box::pin(std::future::ready(Err(no_binary_log())))
    }

    /// A session that makes the changes of a binary log.
    fn replayer<'a>(&'a self, settings: &'a binlog::ReplaySettings) -> Answer<'a, Box<dyn binlog::Replayer>> {
        let _ = settings;
        Box::pin(std::future::ready(Err(no_binary_log())))
    }

    /// A session that changes a database.
    fn loader<'a>(&'a self, database: &'a str, settings: &'a LoadSettings) -> Answer<'a, Box<dyn Loader>>;
}

fn no_binary_log() -> Fault {
    Fault::new(crate::domain::Code::Usage, "this server writes no binary log; its write-ahead log is archived by `dbbackup wal`")
}

fn no_base_backups() -> Fault {
    Fault::new(crate::domain::Code::ToolMissing, "this server makes no base backups")
}

/// Restores dumps that are SQL, without another program.
pub trait SqlDumps: Send + Sync {
    /// Runs a dump into databases that are there. What it says comes from several sessions at once. When it is cancelled, its sessions are ended.
    fn load<'a>(
        &'a self,
        order: &'a sql_dump::Order<'a>,
        says: &'a (dyn Fn(sql_dump::Said) + Send + Sync),
        cancel: &'a tokio_util::sync::CancellationToken,
    ) -> Answer<'a, sql_dump::Ended>;
}

/// Sees what sessions wait for.
pub trait Monitor: Send {
    /// Every wait for a lock that has lasted about a second, the longest first. Gives up after a few seconds: it never hangs. Cheap while
    /// nobody waits: one look at the server's list of sessions.
    fn waits(&mut self) -> Answer<'_, Vec<Wait>>;

    /// Closes its session in good order.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// The text form of rows that fingerprints are taken over needs these settings; every session of this room that reads rows has them.
/// (`docs/archive-format.md`, "Fingerprints".)
pub const ROW_TEXT_SETTINGS: &[(&str, &str)] =
    &[("DateStyle", "ISO"), ("IntervalStyle", "postgres"), ("extra_float_digits", "3"), ("bytea_output", "hex"), ("TimeZone", "UTC")];

/// The row format that a reader uses is part of the table; this says which file name ending it has in an archive.
pub const fn row_extension(format: RowFormat) -> &'static str {
    match format {
        RowFormat::Text => "copy",
        RowFormat::Binary => "copybin",
        RowFormat::Tsv => "tsv",
    }
}
