//! What a restore writes through: sessions that change a database, what they are told, and where they get their rows.

use super::{Answer, Cancel, Continuity, LedgerHead, Mark, Opened};
use crate::domain::Fault;
use crate::domain::schema::{SchemaObject, SequenceState, Table, TableName};
use crate::domain::spec::Binlog;
use futures_util::future::BoxFuture;
use std::sync::Arc;

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
    /// Whether what the session does is written into the server's binary log (MySQL).
    pub binlog: Binlog,
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

/// What becomes of objects that were tried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// They stay.
    Kept,
    /// Nothing of them stays.
    TakenBack,
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
    fn analyze<'a>(&'a mut self, table: &'a TableName) -> Answer<'a, ()>;

    /// Makes the ledger of a run, or finds it.
    fn open_ledger<'a>(&'a mut self, head: &'a LedgerHead) -> Answer<'a, Opened>;

    /// All marks of the ledger.
    fn marks(&mut self) -> Answer<'_, Vec<Mark>>;

    /// Whether the server has not crashed since the ledger was opened. A session that is open goes on being told the truth by its own end;
    /// one that is opened later asks.
    fn continuity(&mut self) -> Answer<'_, Continuity>;

    /// Waits until all that was committed is on the server's disk. Not done where it is not all there any more.
    fn seal(&mut self) -> Answer<'_, Continuity>;

    /// The same, and removes the ledger, if there is one.
    fn drop_ledger(&mut self) -> Answer<'_, Continuity>;

    /// The tables that a crash of the server empties, without those that are roots of partitions.
    fn unlogged(&mut self) -> Answer<'_, Vec<TableName>>;

    /// After a crash: removes triggers and foreign keys that were made, and marks, so that they are made again, in one transaction; from then on
    /// the ledger counts as open again.
    fn take_back<'a>(&'a mut self, objects: &'a [&'a SchemaObject], marks: &'a [Mark]) -> Answer<'a, ()>;

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
