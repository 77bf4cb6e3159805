//! Reading MySQL and MariaDB through the traits that the engine uses.

mod moment;
mod rows;

use crate::support;
use dbbackup::domain::schema::{Range, Table};
use dbbackup::server::mysql::Mysql;
use dbbackup::server::{Answer, ChunkSink, Rows, Snapshot};

/// A server as the engine knows it, for a user without a password.
pub fn mysql(server: &support::mysql::Mysql, user: &str) -> Mysql {
    Mysql::new(server.local(user), Some(String::new().into())).expect("a connection")
}

/// Runs to the end on a runtime of its own.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime").block_on(work)
}

/// Keeps every chunk, and how much room was asked for.
#[derive(Default)]
pub struct Kept {
    /// The chunks.
    pub chunks: Vec<Rows>,
    /// Capacity of the buffers that are lent.
    pub size: usize,
    /// The room that was asked for.
    pub asked: Vec<usize>,
}

impl ChunkSink for Kept {
    fn buffer(&mut self, row: usize) -> Answer<'_, Vec<u8>> {
        self.asked.push(row);
        let buffer = Vec::with_capacity(self.size);
        Box::pin(async { Ok(buffer) })
    }

    fn chunk(&mut self, rows: Rows) -> Answer<'_, ()> {
        self.chunks.push(rows);
        Box::pin(async { Ok(()) })
    }
}

/// A table of a snapshot.
pub async fn table(snapshot: &dyn Snapshot, name: &str) -> Table {
    let tables = snapshot.tables().await.unwrap_or_else(|fault| panic!("{}", fault.render("Backup failed")));
    tables.into_iter().find(|table| table.name.name == name).unwrap_or_else(|| panic!("no table {name}"))
}

/// The rows of a table, or of a range of it.
pub async fn chunks(snapshot: &dyn Snapshot, table: &Table, range: Option<&Range>, size: usize) -> Vec<Rows> {
    let mut sink = Kept { size, ..Kept::default() };
    let mut reader = snapshot.reader().await.expect("a reader");
    let read = reader.read(table, range, size, &mut sink).await;
    let (rows, bytes) = read.unwrap_or_else(|fault| panic!("{}", fault.render("Backup failed")));
    reader.close().await;
    assert_eq!(rows, sink.chunks.iter().map(|chunk| chunk.count).sum::<u64>());
    assert_eq!(bytes, sink.chunks.iter().map(|chunk| chunk.data.len() as u64).sum::<u64>());
    sink.chunks
}

/// The rows of chunks, sorted.
pub fn lines(chunks: &[Rows]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for chunk in chunks {
        assert_eq!(chunk.data.last(), Some(&b'\n'), "a chunk ends with its last row");
        lines.extend(chunk.data[..chunk.data.len() - 1].split(|byte| *byte == b'\n').map(<[u8]>::to_vec));
    }
    lines.sort();
    lines
}
