//! Database servers behind one set of traits. Knows protocols and catalogs; knows no archives and no screens.
//!
//! A backup asks a [`Server`] for a [`Snapshot`] of each database and reads it with several [`Reader`]s; a restore opens
//! [`Loader`]s on the target. Nobody outside this room asks which product is behind them.

use crate::domain::schema::{
    Contents, DatabaseProperties, InventoryItem, PageRange, RowFormat, SchemaObject, SequenceState, Table, TableName,
};
use crate::domain::server::{DatabaseInfo, Position, ServerInfo};
use crate::domain::wait::{Blocker, Ending, Wait};
use crate::domain::{Connection, Fault};
use futures_util::future::BoxFuture;
use std::sync::Arc;

pub mod definition;
pub mod ledger;
pub mod postgres;

pub use ledger::{LedgerHead, Mark, Opened, Step};
pub use postgres::dump;

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

    /// Makes a database for a trial, with a comment that says whose it is: the server gets both statements at once, so that a client that
    /// dies leaves none without its mark.
    fn create_throwaway<'a>(
        &'a self,
        name: &'a str,
        mark: &'a str,
        properties: &'a DatabaseProperties,
        choices: &'a TargetChoices,
    ) -> Answer<'a, ()> {
        let (_, _, _, _) = (name, mark, properties, choices);
        Box::pin(std::future::ready(Err(Fault::internal("this server has no throw-away databases"))))
    }

    /// The databases whose names begin like this, each with its comment.
    fn commented_databases<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<(String, Option<String>)>> {
        let _ = prefix;
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

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

    /// The ledger that a restore at work, or an interrupted one, has in a database.
    fn ledger<'a>(&'a self, database: &'a str) -> Answer<'a, Option<LedgerHead>> {
        let _ = database;
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Makes an empty database with these properties under a name of its own, to try something out in. It is empty, nobody else's, and
    /// goes with [`Scratch::remove`]; one that was left by a process that is gone goes with [`Server::sweep_scratches`].
    fn scratch<'a>(&'a self, properties: &'a DatabaseProperties, choices: &'a TargetChoices) -> Answer<'a, Box<dyn Scratch>> {
        let (_, _) = (properties, choices);
        let fault = Fault::new(crate::domain::Code::ToolMissing, "this server has no scratch databases");
        Box::pin(std::future::ready(Err(fault)))
    }

    /// Drops scratch databases whose makers are gone; gives their names. Those of runs at work stay, wherever these run.
    fn sweep_scratches(&self) -> Answer<'_, Vec<String>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    /// The roles that a statement which gives rights or sets something names, as they are called on the server.
    fn roles_named(&self, sql: &str) -> Vec<String> {
        let _ = sql;
        Vec::new()
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

    /// The programs that restore what other programs dumped. None where the product has none.
    fn dump_tools(&self) -> Option<&dyn dump::DumpTools> {
        None
    }

    /// A session that changes a database.
    fn loader<'a>(&'a self, database: &'a str, settings: &'a LoadSettings) -> Answer<'a, Box<dyn Loader>>;
}

/// Choices of a restore that change the statements which are run.
#[derive(Clone, Debug, Default)]
pub struct TargetChoices {
    /// Leave owners out.
    pub no_owner: bool,
    /// Leave rights out.
    pub no_acl: bool,
    /// Leave tablespaces out.
    pub no_tablespaces: bool,
    /// Roles under other names: (in the archive, on the target).
    pub map_roles: Vec<(String, String)>,
}

/// Settings of a session that loads.
#[derive(Clone, Debug, Default)]
pub struct LoadSettings {
    /// Memory for one index build, in bytes (`maintenance_work_mem`).
    pub index_memory: u64,
    /// `default_toast_compression`.
    pub toast_compression: Option<String>,
    /// The encoding that rows are in, by its name: that of the database they were read from. None: the target's own.
    pub row_encoding: Option<String>,
    /// What of large objects' owners and rights is wanted, and under which names.
    pub choices: TargetChoices,
    /// The restore that the session works for, by which the server knows it. Sessions that a run which died has left behind are found by it.
    pub run: Option<String>,
}

/// What a call writes into the ledger, in the transaction of what it does; nothing where no ledger is kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Claim<'a> {
    /// The marks. The call fails with [`crate::domain::Code::Conflict`], changing nothing, when one is there already.
    pub marks: &'a [Mark],
    /// How many rows must arrive, where that is known: else nothing of the load stays.
    pub rows: Option<u64>,
}

impl<'a> Claim<'a> {
    /// A claim of marks alone.
    pub const fn of(marks: &'a [Mark]) -> Self {
        Self { marks, rows: None }
    }
}

/// What a server has to offer to a restore.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Supplies {
    /// Names of roles.
    pub roles: Vec<String>,
    /// Names of tablespaces.
    pub tablespaces: Vec<String>,
    /// Extensions that can be created.
    pub extensions: Vec<Extension>,
    /// Whether our role may create databases.
    pub may_create: bool,
    /// Whether our role may create roles.
    pub may_create_roles: bool,
    /// Connections that are kept for superusers and other roles, and that ours may not use.
    pub reserved_connections: u32,
    /// Locales of the C library that the server knows, by their names there.
    pub locales: Vec<String>,
    /// Whether the server was built with ICU.
    pub icu: bool,
}

/// An extension whose files are on the server's host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extension {
    /// Its name.
    pub name: String,
    /// The version that is created unless another one is asked for.
    pub version: String,
    /// Whether our role may create it.
    pub allowed: bool,
}

/// What a database holds, for a plan.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// Its tables.
    pub tables: Vec<Table>,
    /// What this role cannot read completely, and why: `public.orders`, "no right to read it".
    pub hidden: Vec<(String, String)>,
    /// Locks that are held on it at the same time while it is read.
    pub locks: u64,
}

/// What a global object makes that others may need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// A role.
    Role(String),
    /// A tablespace and its folder on the server's host.
    Tablespace(String, String),
}

/// Something in a definition that came with a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Feature {
    /// The major version that it came with.
    pub since: u32,
    /// What it is called: `NULLS NOT DISTINCT`.
    pub name: &'static str,
}

/// An empty database that exists for a trial.
pub trait Scratch: Send + Sync {
    /// Its name.
    fn name(&self) -> &str;

    /// Drops it, whatever is in it and whoever is logged in to it. Dropped without this, it is left to [`Server::sweep_scratches`].
    fn remove(self: Box<Self>) -> BoxFuture<'static, Result<(), Fault>>;
}

/// What becomes of objects that were tried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// They stay.
    Kept,
    /// Nothing of them stays.
    TakenBack,
}

/// A consistent view of one database, held open by one session that has exported it. Drop it as soon as every reader is done: it holds
/// back the server's clean-up.
pub trait Snapshot: Send + Sync {
    /// Where in the server's history it stands.
    fn position(&self) -> &Position;

    /// Everything but the rows, with the definitions. Fails when something would be left out silently.
    fn contents(&self) -> Answer<'_, Contents>;

    /// The inventory and the sequences alone, without the definitions: what a proof compares.
    fn inventory(&self) -> Answer<'_, (Vec<InventoryItem>, Vec<SequenceState>)>;

    /// What holds rows, with sizes, as [`Server::survey`] tells it; whether it can be read is not judged.
    fn tables(&self) -> Answer<'_, Vec<Table>>;

    /// A further session that sees the same.
    fn reader(&self) -> Answer<'_, Box<dyn Reader>>;

    /// A reader for so little that a session of its own would cost more than what it reads: it may work through the snapshot's. One at a
    /// time, and not beside other calls of the snapshot.
    fn near_reader(&self) -> Answer<'_, Box<dyn Reader>> {
        self.reader()
    }

    /// Ends the session that holds it.
    fn release(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// Sees what sessions wait for.
pub trait Monitor: Send {
    /// Every wait for a lock that has lasted about a second, the longest first. Gives up after a few seconds: it never hangs. Cheap while
    /// nobody waits: one look at the server's list of sessions.
    fn waits(&mut self) -> Answer<'_, Vec<Wait>>;

    /// Closes its session in good order.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// A run of whole rows.
#[derive(Debug, Default)]
pub struct Rows {
    /// COPY text lines, or one complete COPY binary stream with header and trailer.
    pub data: Vec<u8>,
    /// How many.
    pub count: u64,
}

/// Takes chunks from a [`Reader`] and lends it buffers. Both calls wait while the memory budget is used up.
pub trait ChunkSink: Send {
    /// An empty buffer with room for about one chunk, or for the `row` bytes that it is wanted for where they are more.
    fn buffer(&mut self, row: usize) -> Answer<'_, Vec<u8>>;

    /// A filled buffer with whole rows. About the chunk size that was asked for; larger where one row is.
    fn chunk(&mut self, rows: Rows) -> Answer<'_, ()>;
}

/// A session that reads rows from a snapshot.
pub trait Reader: Send {
    /// Reads a range of a table (all of it without one) in chunks of about `chunk_size` bytes. Returns (rows, bytes).
    fn read<'a>(
        &'a mut self,
        table: &'a Table,
        range: Option<PageRange>,
        chunk_size: usize,
        sink: &'a mut dyn ChunkSink,
    ) -> Answer<'a, (u64, u64)>;

    /// Ends the statement at work, from outside.
    fn canceller(&self) -> Arc<dyn Cancel>;

    /// Closes the session in good order.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// Gives a [`Loader`] its rows, piece by piece; a piece need not end at a row.
pub trait RowSource: Send {
    /// The next piece, or none at the end. An error aborts the load: nothing of it stays.
    fn next(&mut self) -> Answer<'_, Option<bytes::Bytes>>;
}

/// How a table's rows are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadMode {
    /// Beside others that load the same table.
    Shared,
    /// All rows in this one call into a table that is empty and that nobody else sees: emptied first in the same transaction,
    /// rows written frozen.
    Alone,
}

/// A session that changes a database.
pub trait Loader: Send {
    /// Runs the statements of objects, in order, in one transaction; with their owners, tablespaces and access methods as chosen.
    /// On failure nothing of them stays, and the fault names the object and its statement.
    fn run<'a>(&'a mut self, objects: &'a [&'a SchemaObject], choices: &'a TargetChoices, claim: Claim<'a>) -> Answer<'a, ()>;

    /// Tries objects out in order, in one transaction: together, and where that fails one by one, each of which is taken back by itself.
    /// Gives the places of those that failed, with why. A lost session or a cancelled statement is a fault of the whole.
    fn attempt<'a>(
        &'a mut self,
        objects: &'a [&'a SchemaObject],
        choices: &'a TargetChoices,
        trial: Trial,
    ) -> Answer<'a, Vec<(usize, Fault)>> {
        let (_, _, _) = (objects, choices, trial);
        Box::pin(std::future::ready(Err(Fault::internal("this server cannot try objects out"))))
    }

    /// Loads rows; all of them or none (large objects: those that the ledger does not have). Returns how many.
    fn load<'a>(&'a mut self, table: &'a Table, mode: LoadMode, source: &'a mut dyn RowSource, claim: Claim<'a>) -> Answer<'a, u64>;

    /// Sets sequences to their values. Not in a transaction, which changes nothing about sequences; the claim is made good at the end.
    fn set_sequences<'a>(&'a mut self, sequences: &'a [SequenceState], claim: Claim<'a>) -> Answer<'a, ()>;

    /// Fills a materialized view.
    fn refresh<'a>(&'a mut self, view: &'a TableName, claim: Claim<'a>) -> Answer<'a, ()>;

    /// Gathers the planner's statistics of a table.
    fn analyze<'a>(&'a mut self, table: &'a TableName, claim: Claim<'a>) -> Answer<'a, ()>;

    /// Makes the ledger of a run, or finds it.
    fn open_ledger<'a>(&'a mut self, head: &'a LedgerHead) -> Answer<'a, Opened>;

    /// All marks of the ledger.
    fn marks(&mut self) -> Answer<'_, Vec<Mark>>;

    /// Removes the ledger, if there is one.
    fn drop_ledger(&mut self) -> Answer<'_, ()>;

    /// Ends what other sessions of the same run are still doing in this database, and waits until they are gone: a server works on for
    /// a client that died. Returns how many there were.
    fn end_others(&mut self) -> Answer<'_, u64>;

    /// Whether an application can write: each sequence or identity column that is behind its column's greatest value, as
    /// (column, greatest value, next value); and how many were looked at.
    fn write_probe(&mut self) -> Answer<'_, (u64, Vec<Behind>)>;

    /// Ends the statement at work, from outside.
    fn canceller(&self) -> Arc<dyn Cancel>;

    /// Closes the session in good order.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// A sequence that would hand out values that are in its column already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The column: `public.orders.id`.
    pub column: String,
    /// The greatest value in it.
    pub greatest: i64,
    /// What the sequence gives next.
    pub next: i64,
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
    }
}
