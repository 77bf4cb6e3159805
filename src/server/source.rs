//! What a backup reads: a snapshot of one database, its readers, and the chunks that they hand over.

use super::{Answer, Cancel};
use crate::domain::schema::{Contents, InventoryItem, Range, SequenceState, Table};
use crate::domain::server::Position;
use futures_util::future::BoxFuture;
use std::sync::Arc;

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

/// One moment of a whole server, seen by a fixed number of sessions. Drop it as soon as everything is read.
pub trait View: Send + Sync {
    /// Where in the server's history it stands.
    fn position(&self) -> &Position;

    /// One of its databases. Readers of all of them share the view's sessions: one that is asked for while all are at work waits for one.
    fn snapshot<'a>(&'a self, database: &'a str) -> Answer<'a, Box<dyn Snapshot>>;

    /// What a person should know of how the moment was held: locks that could not be had.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether all that was read is of the moment, asked once everything was read. A fault names what changed meanwhile.
    fn confirm(&self) -> Answer<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Ends its sessions.
    fn release(self: Box<Self>) -> BoxFuture<'static, ()>;
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

    /// What holds rows, with sizes, as [`super::Server::survey`] tells it; whether it can be read is not judged.
    fn tables(&self) -> Answer<'_, Vec<Table>>;

    /// Cuts a table into about so many parts of about the same size; fewer where it has not so many rows. None: it is read whole.
    fn cut<'a>(&'a self, table: &'a Table, pieces: u64) -> Answer<'a, Vec<Range>> {
        let (_, _) = (table, pieces);
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

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
        range: Option<&'a Range>,
        chunk_size: usize,
        sink: &'a mut dyn ChunkSink,
    ) -> Answer<'a, (u64, u64)>;

    /// Ends the statement at work, from outside.
    fn canceller(&self) -> Arc<dyn Cancel>;

    /// Closes the session in good order.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}
