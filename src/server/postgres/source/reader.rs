//! A session that streams rows out of a snapshot, in chunks of whole rows.

use super::large_objects;
use crate::domain::schema::{PageRange, Range, RowFormat, Table, TableKind};
use crate::domain::{Code, Fault};
use crate::server::postgres::connect::{Connector, Session, fault};
use crate::server::postgres::quote::{ident, literal, qualified};
use crate::server::{Answer, Cancel, ChunkSink, Reader, Rows};
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tokio_postgres::Client;

/// What every COPY binary stream begins with: signature, flags, and the length of a header extension, which is 0 (documentation of COPY,
/// "Binary Format").
const BINARY_HEADER: &[u8; 19] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What every COPY binary stream ends with.
const BINARY_TRAILER: [u8; 2] = [0xff, 0xff];

/// The snapshot's own session. It holds every table's lock, so whoever may not have a lock of their own reads through it, one at a time.
pub struct Holder {
    /// The session.
    pub session: Session,
    turn: tokio::sync::Mutex<()>,
}

impl Holder {
    /// A session that holds the locks of all tables.
    pub fn new(session: Session) -> Self {
        Self { session, turn: tokio::sync::Mutex::new(()) }
    }
}

/// A session that sees what the snapshot sees.
///
/// Each table is read in a transaction of its own, which first asks for the table's lock without waiting. A lock that is refused is one that
/// somebody is queued for, behind the snapshot's: waiting would be for ever, since they wait for us. Such a table is read through the
/// [`Holder`]. Locks end with each table, so that nobody has to wait for the whole backup where one table would do.
pub struct CopyReader {
    session: Session,
    encoding: String,
    begin: String,
    holder: Arc<Holder>,
    /// Whether the holder's session is at work for this reader.
    lent: Arc<AtomicBool>,
}

impl CopyReader {
    /// Opens a session that sees what an exported snapshot sees. `encoding` is the database's: rows come in it, untouched.
    pub async fn open(connector: &Connector, database: &str, snapshot: &str, encoding: &str, holder: Arc<Holder>) -> Result<Self, Fault> {
        let session = connector.session(database).await?;
        let begin = format!("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT {}", literal(snapshot));
        let begun = session.client.batch_execute(&begin).await;
        begun.map_err(|error| session.explain(connector.fault("cannot share the snapshot", &error, database)))?;
        Ok(Self { session, encoding: encoding.to_owned(), begin, holder, lent: Arc::default() })
    }

    async fn copy(
        &mut self,
        table: &Table,
        range: Option<PageRange>,
        chunk_size: usize,
        sink: &mut dyn ChunkSink,
    ) -> Result<(u64, u64), Fault> {
        if table.kind == TableKind::Table && !self.lock(table).await? {
            let _turn = self.holder.turn.lock().await;
            tracing::debug!(table = %table.name, "read through the snapshot's session: somebody is queued for the table's lock");
            self.lent.store(true, Relaxed);
            let done = rows(&self.holder.session.client, &self.encoding, table, range, chunk_size, sink).await;
            // After a failure that is not the server's the session is still sending, and is told to stop by who asked.
            if done.is_ok() {
                self.lent.store(false, Relaxed);
            }
            return done;
        }
        rows(&self.session.client, &self.encoding, table, range, chunk_size, sink).await
    }

    /// Begins a transaction with the table's lock; says whether it was to be had at once.
    async fn lock(&self, table: &Table) -> Result<bool, Fault> {
        let sql = format!("ROLLBACK; {}; LOCK TABLE ONLY {} IN ACCESS SHARE MODE NOWAIT", self.begin, qualified(&table.name));
        match self.session.client.batch_execute(&sql).await {
            Ok(()) => Ok(true),
            Err(error) if error.code() == Some(&tokio_postgres::error::SqlState::LOCK_NOT_AVAILABLE) => {
                let sql = format!("ROLLBACK; {}", self.begin);
                self.session.client.batch_execute(&sql).await.map_err(|error| unreadable(table, &error))?;
                Ok(false)
            }
            Err(error) => Err(unreadable(table, &error)),
        }
    }
}

/// Reads rows through a session that has the table's lock.
async fn rows(
    client: &Client,
    encoding: &str,
    table: &Table,
    range: Option<PageRange>,
    chunk_size: usize,
    sink: &mut dyn ChunkSink,
) -> Result<(u64, u64), Fault> {
    let by_function = table.kind == TableKind::LargeObjectData
        && !large_objects::may_read_pages(client).await.map_err(|error| unreadable(table, &error))?;
    let sql = statement(table, range, encoding, by_function);
    let failed = |error: &tokio_postgres::Error| unreadable(table, error).with_statement(&sql);
    if table.format == RowFormat::Text {
        let rows = client.copy_out(&sql).await.map_err(|error| failed(&error))?;
        return stream(rows, Walk::Lines, chunk_size, sink, failed).await;
    }
    // Binary forms of text are in the client's encoding. The statement is parsed first, while that is still UTF-8.
    let prepared = client.prepare(&sql).await.map_err(|error| failed(&error))?;
    encode(client, encoding).await?;
    let rows = client.copy_out(&prepared).await.map_err(|error| failed(&error))?;
    let done = stream(rows, Walk::Header, chunk_size, sink, failed).await?;
    encode(client, "UTF8").await?;
    Ok(done)
}

async fn encode(client: &Client, encoding: &str) -> Result<(), Fault> {
    let sql = format!("SET client_encoding = {}", literal(encoding));
    client.batch_execute(&sql).await.map_err(|error| fault("cannot set the encoding", &error))
}

/// The pages of a range; a table is cut here along nothing else.
fn pages(range: Option<&Range>) -> Result<Option<PageRange>, Fault> {
    match range {
        None => Ok(None),
        Some(Range::Pages(pages)) => Ok(Some(*pages)),
        Some(Range::Rows(_)) => Err(Fault::internal("a table of PostgreSQL was cut along rows")),
    }
}

/// The COPY that reads a range of a table.
fn statement(table: &Table, range: Option<PageRange>, encoding: &str, by_function: bool) -> String {
    let options = match table.format {
        RowFormat::Text | RowFormat::Tsv => format!("ENCODING {}", literal(encoding)),
        RowFormat::Binary => "FORMAT binary".to_owned(),
    };
    let query = match table.kind {
        TableKind::LargeObjectMetadata => large_objects::METADATA.to_owned(),
        TableKind::LargeObjectData if by_function => large_objects::PAGES_BY_FUNCTION.to_owned(),
        TableKind::LargeObjectData => large_objects::PAGES.to_owned(),
        TableKind::Table => {
            let columns: Vec<String> = table.columns.iter().map(|name| ident(name)).collect();
            let (columns, name) = (columns.join(", "), qualified(&table.name));
            if range.is_none() && table.condition.is_none() && !columns.is_empty() {
                return format!("COPY {name} ({columns}) TO STDOUT WITH ({options})");
            }
            let mut conditions: Vec<String> = Vec::new();
            if let Some(range) = range {
                conditions.push(format!("ctid >= '({},0)'::pg_catalog.tid", range.from));
                conditions.extend(range.to.map(|to| format!("ctid < '({to},0)'::pg_catalog.tid")));
            }
            let mut query = format!("SELECT {columns} FROM ONLY {name}");
            if !conditions.is_empty() {
                query.push_str(&format!(" WHERE {}", conditions.join(" AND ")));
            }
            // An extension's condition begins with its own WHERE; such a table is never cut into ranges.
            if let Some(condition) = &table.condition {
                query.push_str(&format!(" {condition}"));
            }
            query
        }
    };
    format!("COPY ({query}) TO STDOUT WITH ({options})")
}

/// A failure to read rows: where rights, row security, damage or sizes are the cause, there would be no complete backup of the table.
fn unreadable(table: &Table, error: &tokio_postgres::Error) -> Fault {
    let mut fault = fault(format!("cannot read table {}", table.name), error);
    let state = fault.sqlstate.clone().unwrap_or_default();
    if fault.code == Code::PermissionDenied || state.starts_with("XX") || state.starts_with("54") {
        fault.code = Code::Incomplete;
    }
    fault.at("Table", &table.name)
}

/// What the next message of a stream holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Walk {
    /// One line of COPY text.
    Lines,
    /// The header of COPY binary, with the first row.
    Header,
    /// A row of COPY binary.
    Tuples,
    /// Nothing: the trailer of COPY binary was there.
    Over,
}

impl Walk {
    /// What every chunk begins and ends with: a chunk of COPY binary is a complete stream.
    const fn frame(self) -> (&'static [u8], &'static [u8]) {
        match self {
            Walk::Lines => (&[], &[]),
            Walk::Header | Walk::Tuples | Walk::Over => (BINARY_HEADER, &BINARY_TRAILER),
        }
    }

    /// The rows of a message, and how many. The server sends the header with the first row, and each row in a message of its own.
    fn step<'a>(&mut self, message: &'a [u8]) -> Result<(&'a [u8], u64), Fault> {
        let body = match self {
            Walk::Lines if message.last() == Some(&b'\n') => return Ok((message, 1)),
            Walk::Lines => return Err(Fault::internal("a row of COPY text without its line end")),
            Walk::Header => message.strip_prefix(BINARY_HEADER).ok_or_else(|| Fault::internal("a binary stream with an unknown header"))?,
            Walk::Tuples | Walk::Over => message,
        };
        let (count, length) = tuples(body)?;
        *self = if length < body.len() || *self == Walk::Over { Walk::Over } else { Walk::Tuples };
        Ok((&body[..length], count))
    }
}

/// Collects the rows of a COPY into chunks.
async fn stream(
    rows: tokio_postgres::CopyOutStream,
    mut walk: Walk,
    chunk_size: usize,
    sink: &mut dyn ChunkSink,
    failed: impl Fn(&tokio_postgres::Error) -> Fault,
) -> Result<(u64, u64), Fault> {
    let mut rows = pin!(rows);
    let (header, trailer) = walk.frame();
    let mut total = (0_u64, 0_u64);
    let mut chunk: Option<Rows> = None;
    while let Some(message) = rows.next().await {
        let message = message.map_err(|error| failed(&error))?;
        let (body, count) = walk.step(&message)?;
        if body.is_empty() {
            continue;
        }
        if let Some(full) = chunk.take_if(|chunk| chunk.data.len() + body.len() + trailer.len() > chunk_size) {
            finish(full, trailer, sink, &mut total).await?;
        }
        let chunk = match &mut chunk {
            Some(chunk) => chunk,
            none => {
                let mut data = sink.buffer(header.len() + body.len() + trailer.len()).await?;
                data.extend_from_slice(header);
                none.insert(Rows { data, count: 0 })
            }
        };
        chunk.data.extend_from_slice(body);
        chunk.count += count;
    }
    if matches!(walk, Walk::Header | Walk::Tuples) {
        return Err(Fault::internal("a binary stream without its trailer"));
    }
    if let Some(last) = chunk {
        finish(last, trailer, sink, &mut total).await?;
    }
    Ok(total)
}

/// Hands a chunk over, and adds it to the totals.
async fn finish(mut chunk: Rows, trailer: &[u8], sink: &mut dyn ChunkSink, total: &mut (u64, u64)) -> Result<(), Fault> {
    chunk.data.extend_from_slice(trailer);
    total.0 += chunk.count;
    total.1 += chunk.data.len() as u64;
    sink.chunk(chunk).await
}

/// Walks the rows of a message: how many, and how many bytes they take. What is behind them is the trailer, or the message is damaged.
fn tuples(body: &[u8]) -> Result<(u64, usize), Fault> {
    let broken = || Fault::internal("a binary row that ends in the middle of a message");
    let (mut rest, mut count) = (body, 0);
    while let Some((fields, after)) = rest.split_first_chunk::<2>() {
        if *fields == BINARY_TRAILER {
            return if after.is_empty() { Ok((count, body.len() - 2)) } else { Err(broken()) };
        }
        rest = after;
        for _ in 0..u16::from_be_bytes(*fields) {
            let (length, after) = rest.split_first_chunk::<4>().ok_or_else(broken)?;
            // A length of -1 is NULL, without bytes.
            let length = usize::try_from(i32::from_be_bytes(*length)).unwrap_or(0);
            rest = after.get(length..).ok_or_else(broken)?;
        }
        count += 1;
    }
    if rest.is_empty() { Ok((count, body.len())) } else { Err(broken()) }
}

/// Ends the statement of whichever session is at work for a reader.
struct Canceller {
    own: Arc<dyn Cancel>,
    holder: Arc<dyn Cancel>,
    lent: Arc<AtomicBool>,
}

impl Cancel for Canceller {
    fn cancel(&self) -> BoxFuture<'_, ()> {
        if self.lent.load(Relaxed) { self.holder.cancel() } else { self.own.cancel() }
    }
}

impl Reader for CopyReader {
    fn read<'a>(
        &'a mut self,
        table: &'a Table,
        range: Option<&'a Range>,
        chunk_size: usize,
        sink: &'a mut dyn ChunkSink,
    ) -> Answer<'a, (u64, u64)> {
        Box::pin(async move {
            let done = self.copy(table, pages(range)?, chunk_size, sink).await.map_err(|fault| self.session.explain(fault));
            // When it is not the server that failed, it is still sending.
            if done.as_ref().is_err_and(|fault| fault.sqlstate.is_none()) {
                self.canceller().cancel().await;
            }
            done
        })
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::new(Canceller { own: self.session.canceller(), holder: self.holder.session.canceller(), lent: self.lent.clone() })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(self.session.close())
    }
}

/// Reads through the snapshot's own session, which has every table's lock.
pub struct NearReader {
    encoding: String,
    holder: Arc<Holder>,
}

impl NearReader {
    /// No session is opened.
    pub fn new(encoding: &str, holder: Arc<Holder>) -> Self {
        Self { encoding: encoding.to_owned(), holder }
    }
}

impl Reader for NearReader {
    fn read<'a>(
        &'a mut self,
        table: &'a Table,
        range: Option<&'a Range>,
        chunk_size: usize,
        sink: &'a mut dyn ChunkSink,
    ) -> Answer<'a, (u64, u64)> {
        Box::pin(async move {
            let _turn = self.holder.turn.lock().await;
            let session = &self.holder.session;
            let done =
                rows(&session.client, &self.encoding, table, pages(range)?, chunk_size, sink).await.map_err(|fault| session.explain(fault));
            // When it is not the server that failed, it is still sending.
            if done.as_ref().is_err_and(|fault| fault.sqlstate.is_none()) {
                session.canceller().cancel().await;
            }
            done
        })
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        self.holder.session.canceller()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schema::TableName;

    #[test]
    fn binary_rows_are_walked_and_damage_is_seen() {
        let row = [0, 2, 0, 0, 0, 1, b'x', 0xff, 0xff, 0xff, 0xff];
        let two = [row, row].concat();
        assert_eq!(tuples(&two).ok(), Some((2, 22)));
        assert_eq!(tuples(&[&two[..], &[0xff, 0xff]].concat()).ok(), Some((2, 22)));
        assert_eq!(tuples(&[]).ok(), Some((0, 0)));
        assert!(tuples(&two[..21]).is_err() && tuples(&[0]).is_err() && tuples(&[0xff, 0xff, 0]).is_err());
    }

    #[test]
    fn hostile_names_stay_names() {
        let table = Table { name: TableName::new("s\"x", "t; DROP"), columns: vec!["a\"b".into()], ..Table::default() };
        let range = Some(PageRange { from: 1, to: Some(9) });
        assert_eq!(statement(&table, None, "UTF8", false), "COPY \"s\"\"x\".\"t; DROP\" (\"a\"\"b\") TO STDOUT WITH (ENCODING 'UTF8')");
        assert_eq!(
            statement(&table, range, "LATIN1", false),
            "COPY (SELECT \"a\"\"b\" FROM ONLY \"s\"\"x\".\"t; DROP\" WHERE ctid >= '(1,0)'::pg_catalog.tid AND ctid < '(9,0)'::pg_catalog.tid) TO STDOUT WITH (ENCODING 'LATIN1')"
        );
    }
}
