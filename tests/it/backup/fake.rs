//! A server in memory whose rows are known and which fails on command.

use dbbackup::domain::schema::{
    Contents, DatabaseProperties, InventoryItem, PageRange, Range, SchemaObject, Section, SequenceState, Table, TableName,
};
use dbbackup::domain::server::{DatabaseInfo, Position, ServerInfo};
use dbbackup::domain::{Code, Connection, Fault};
use dbbackup::engine::Context;
use dbbackup::engine::event::{Event, EventSink};
use dbbackup::server::{
    Answer, Behind, Cancel, ChunkSink, Claim, Continuity, LedgerHead, LoadMode, LoadSettings, Loader, Mark, Opened, Reader, RowSource,
    Rows, Server, Snapshot, TargetChoices,
};
use futures_util::future::BoxFuture;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// What a table does when it is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    None,
    /// Fails in the middle.
    Fails,
    /// Panics in the middle.
    Panics,
    /// Never gets on, until it is cancelled.
    Hangs,
    /// Says that it read more than it handed over.
    Lies,
}

/// A table: so many rows of so many bytes, ten on a page.
#[derive(Clone)]
pub struct FakeTable {
    pub name: &'static str,
    pub rows: u64,
    pub width: usize,
    pub trouble: Trouble,
    /// What the server says it weighs for each byte that it has.
    pub heavier: u64,
}

pub const ROWS_ON_A_PAGE: u64 = 10;

pub fn table(name: &'static str, rows: u64, width: usize) -> FakeTable {
    FakeTable { name, rows, width, trouble: Trouble::None, heavier: 1 }
}

impl FakeTable {
    pub fn with(self, trouble: Trouble) -> Self {
        Self { trouble, ..self }
    }

    /// A row that is like no other, as a COPY text line.
    pub fn row(&self, number: u64) -> Vec<u8> {
        let mut line = format!("{number}\t").into_bytes();
        let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.width as u64;
        while line.len() < self.width {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            line.push(b'a' + (state >> 59) as u8 % 26);
        }
        line.push(b'\n');
        line
    }

    pub fn all_rows(&self) -> Vec<u8> {
        (0..self.rows).flat_map(|number| self.row(number)).collect()
    }

    fn described(&self) -> Table {
        let heap_bytes = self.rows.div_ceil(ROWS_ON_A_PAGE) * 8192;
        Table {
            name: TableName::new("public", self.name),
            columns: vec!["id".into(), "value".into()],
            heap_bytes,
            total_bytes: heap_bytes.max(self.rows * self.width as u64) * self.heavier,
            estimated_rows: -1,
            splittable: true,
            object: Some(1),
            ..Table::default()
        }
    }
}

/// What was opened, and what was not closed.
pub struct Books {
    pub open: AtomicI64,
    pub most_open: AtomicI64,
    pub snapshots: AtomicI64,
    pub cancels: AtomicU32,
    /// Gets a permit for each read that hangs.
    pub hanging: tokio::sync::Semaphore,
}

pub struct Fake {
    pub databases: Vec<(&'static str, Vec<FakeTable>)>,
    pub closed: Vec<&'static str>,
    pub connection: Connection,
    pub books: Arc<Books>,
}

impl Fake {
    pub fn new(databases: Vec<(&'static str, Vec<FakeTable>)>) -> Arc<Self> {
        let books = Arc::new(Books {
            open: AtomicI64::new(0),
            most_open: AtomicI64::new(0),
            snapshots: AtomicI64::new(0),
            cancels: AtomicU32::new(0),
            hanging: tokio::sync::Semaphore::new(0),
        });
        Arc::new(Self { databases, closed: Vec::new(), connection: Connection::default(), books })
    }

    fn tables(&self, database: &str) -> Result<Vec<FakeTable>, Fault> {
        let found = self.databases.iter().find(|(name, _)| *name == database);
        found.map(|(_, tables)| tables.clone()).ok_or_else(|| Fault::new(Code::DatabaseMissing, format!("no database {database}")))
    }
}

fn unsupported<T>() -> Answer<'static, T>
where
    T: Send + 'static,
{
    Box::pin(async { Err(Fault::internal("the fake server cannot do this")) })
}

impl Server for Fake {
    fn connection(&self) -> &Connection {
        &self.connection
    }

    fn info(&self) -> Answer<'_, ServerInfo> {
        let info = ServerInfo {
            version: "15.18".into(),
            version_num: 150_018,
            superuser: true,
            max_connections: 100,
            lock_capacity: 6400,
            ..ServerInfo::default()
        };
        Box::pin(async { Ok(info) })
    }

    fn databases(&self) -> Answer<'_, Vec<DatabaseInfo>> {
        let info = |name: &str, open| DatabaseInfo { name: name.into(), allow_connections: open, ..DatabaseInfo::default() };
        let open = self.databases.iter().map(|(name, _)| info(name, true));
        let all: Vec<_> = open.chain(self.closed.iter().map(|name| info(name, false))).collect();
        Box::pin(async { Ok(all) })
    }

    fn schema_tool<'a>(&'a self, _: &'a ServerInfo) -> Answer<'a, String> {
        Box::pin(async { Ok("pg_dump 17.12".into()) })
    }

    fn globals(&self) -> Answer<'_, Vec<SchemaObject>> {
        Box::pin(async { Ok(vec![object(1, "ROLE", Section::None, "CREATE ROLE bob;")]) })
    }

    fn snapshot<'a>(&'a self, database: &'a str) -> Answer<'a, Box<dyn Snapshot>> {
        Box::pin(async move {
            let tables = self.tables(database)?;
            self.books.snapshots.fetch_add(1, SeqCst);
            Ok(Box::new(FakeSnapshot { tables, position: Position::default(), books: self.books.clone(), readers: Arc::default() })
                as Box<dyn Snapshot>)
        })
    }

    fn survey<'a>(&'a self, database: &'a str) -> Answer<'a, Vec<Table>> {
        Box::pin(async move { Ok(self.tables(database)?.iter().map(FakeTable::described).collect()) })
    }

    fn weigh<'a>(&'a self, _: &'a str) -> Answer<'a, (u64, u64)> {
        Box::pin(async { Ok((1, 1)) })
    }

    fn create_database<'a>(&'a self, _: &'a str, _: &'a DatabaseProperties, _: &'a TargetChoices) -> Answer<'a, ()> {
        unsupported()
    }

    fn drop_database<'a>(&'a self, _: &'a str) -> Answer<'a, ()> {
        unsupported()
    }

    fn rename_database<'a>(&'a self, _: &'a str, _: &'a str) -> Answer<'a, ()> {
        unsupported()
    }

    fn apply_properties<'a>(&'a self, _: &'a str, _: &'a DatabaseProperties, _: &'a TargetChoices) -> Answer<'a, ()> {
        unsupported()
    }

    fn apply_global<'a>(&'a self, _: &'a SchemaObject, _: &'a TargetChoices) -> Answer<'a, ()> {
        unsupported()
    }

    fn loader<'a>(&'a self, _: &'a str, _: &'a LoadSettings) -> Answer<'a, Box<dyn Loader>> {
        let cancel = Arc::new(FakeCancel(self.books.clone()));
        Box::pin(async { Ok(Box::new(FakeLoader(cancel)) as Box<dyn Loader>) })
    }
}

pub fn object(id: u32, kind: &str, section: Section, sql: &str) -> SchemaObject {
    SchemaObject { id, kind: kind.into(), name: format!("object {id}"), section, sql: sql.into(), ..SchemaObject::default() }
}

struct FakeSnapshot {
    tables: Vec<FakeTable>,
    position: Position,
    books: Arc<Books>,
    /// Its readers that are open.
    readers: Arc<()>,
}

impl FakeSnapshot {
    fn inventory() -> (Vec<InventoryItem>, Vec<SequenceState>) {
        let item = InventoryItem { kind: "index".into(), identity: "public.a_pkey".into(), definition: "btree (id)".into() };
        let sequence =
            SequenceState { name: TableName::new("public", "a_id_seq"), last_value: 7, is_called: true, ..SequenceState::default() };
        (vec![item], vec![sequence])
    }
}

impl Drop for FakeSnapshot {
    fn drop(&mut self) {
        self.books.snapshots.fetch_sub(1, SeqCst);
    }
}

impl Snapshot for FakeSnapshot {
    fn position(&self) -> &Position {
        &self.position
    }

    fn contents(&self) -> Answer<'_, Contents> {
        let (inventory, sequences) = Self::inventory();
        let contents = Contents {
            objects: vec![
                object(1, "TABLE", Section::PreData, "CREATE TABLE …;"),
                object(2, "INDEX", Section::PostData, "CREATE INDEX …;"),
            ],
            tables: self.tables.iter().map(FakeTable::described).collect(),
            sequences,
            inventory,
            notes: vec!["a note".into()],
            ..Contents::default()
        };
        Box::pin(async { Ok(contents) })
    }

    fn inventory(&self) -> Answer<'_, (Vec<InventoryItem>, Vec<SequenceState>)> {
        Box::pin(async { Ok(Self::inventory()) })
    }

    fn tables(&self) -> Answer<'_, Vec<Table>> {
        Box::pin(async { Ok(self.tables.iter().map(FakeTable::described).collect()) })
    }

    fn cut<'a>(&'a self, table: &'a Table, pieces: u64) -> Answer<'a, Vec<Range>> {
        Box::pin(async move { Ok(PageRange::split(table.heap_bytes / 8192, pieces).map(Range::Pages).collect()) })
    }

    fn reader(&self) -> Answer<'_, Box<dyn Reader>> {
        Box::pin(async {
            let open = self.books.open.fetch_add(1, SeqCst) + 1;
            self.books.most_open.fetch_max(open, SeqCst);
            Ok(Box::new(FakeReader { tables: self.tables.clone(), books: self.books.clone(), _alive: self.readers.clone() })
                as Box<dyn Reader>)
        })
    }

    fn release(self: Box<Self>) -> BoxFuture<'static, ()> {
        assert_eq!(Arc::strong_count(&self.readers), 1, "readers are closed before the snapshot");
        Box::pin(async { drop(self) })
    }
}

struct FakeReader {
    tables: Vec<FakeTable>,
    books: Arc<Books>,
    _alive: Arc<()>,
}

impl Drop for FakeReader {
    fn drop(&mut self) {
        self.books.open.fetch_sub(1, SeqCst);
    }
}

impl Reader for FakeReader {
    fn read<'a>(
        &'a mut self,
        table: &'a Table,
        range: Option<&'a Range>,
        chunk_size: usize,
        sink: &'a mut dyn ChunkSink,
    ) -> Answer<'a, (u64, u64)> {
        Box::pin(async move {
            let fake = self.tables.iter().find(|fake| fake.name == table.name.name).expect("a table of this database").clone();
            let page = |page: u32| u64::from(page) * ROWS_ON_A_PAGE;
            let range = range.map(|range| match range {
                Range::Pages(pages) => *pages,
                Range::Rows(_) => panic!("never cut along rows"),
            });
            let from = range.map_or(0, |range| page(range.from));
            let to = range.and_then(|range| range.to).map_or(fake.rows, |to| page(to).min(fake.rows));
            let mut rows = Rows { data: sink.buffer(0).await?, count: 0 };
            let (mut count, mut bytes) = (0, 0);
            for number in from..to {
                if number == from + (to - from) / 2 {
                    match fake.trouble {
                        Trouble::None | Trouble::Lies => {}
                        Trouble::Fails => return Err(Fault::new(Code::PermissionDenied, "cannot read").with_sqlstate("42501")),
                        Trouble::Panics => panic!("a bug in a reader"),
                        Trouble::Hangs => {
                            self.books.hanging.add_permits(1);
                            std::future::pending::<()>().await;
                        }
                    }
                }
                let row = fake.row(number);
                count += 1;
                bytes += row.len() as u64;
                rows.data.extend_from_slice(&row);
                rows.count += 1;
                if rows.data.len() >= chunk_size {
                    sink.chunk(std::mem::take(&mut rows)).await?;
                    rows.data = sink.buffer(0).await?;
                }
            }
            if rows.count > 0 {
                sink.chunk(rows).await?;
            }
            Ok((count + u64::from(fake.trouble == Trouble::Lies), bytes))
        })
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::new(FakeCancel(self.books.clone()))
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async { drop(self) })
    }
}

struct FakeCancel(Arc<Books>);

impl Cancel for FakeCancel {
    fn cancel(&self) -> BoxFuture<'_, ()> {
        self.0.cancels.fetch_add(1, SeqCst);
        Box::pin(async {})
    }
}

/// Only its probe works: a sequence that is behind its column.
struct FakeLoader(Arc<FakeCancel>);

impl Loader for FakeLoader {
    fn run<'a>(&'a mut self, _: &'a [&'a SchemaObject], _: &'a TargetChoices, _: Claim<'a>) -> Answer<'a, ()> {
        unsupported()
    }

    fn load<'a>(&'a mut self, _: &'a Table, _: LoadMode, _: &'a mut dyn RowSource, _: Claim<'a>) -> Answer<'a, u64> {
        unsupported()
    }

    fn set_sequences<'a>(&'a mut self, _: &'a [SequenceState], _: Claim<'a>) -> Answer<'a, ()> {
        unsupported()
    }

    fn refresh<'a>(&'a mut self, _: &'a TableName, _: Claim<'a>) -> Answer<'a, ()> {
        unsupported()
    }

    fn analyze<'a>(&'a mut self, _: &'a TableName) -> Answer<'a, ()> {
        unsupported()
    }

    fn open_ledger<'a>(&'a mut self, _: &'a LedgerHead) -> Answer<'a, Opened> {
        unsupported()
    }

    fn marks(&mut self) -> Answer<'_, Vec<Mark>> {
        unsupported()
    }

    fn continuity(&mut self) -> Answer<'_, Continuity> {
        unsupported()
    }

    fn seal(&mut self) -> Answer<'_, Continuity> {
        unsupported()
    }

    fn drop_ledger(&mut self) -> Answer<'_, Continuity> {
        unsupported()
    }

    fn unlogged(&mut self) -> Answer<'_, Vec<TableName>> {
        unsupported()
    }

    fn take_back<'a>(&'a mut self, _: &'a [&'a SchemaObject], _: &'a [Mark]) -> Answer<'a, ()> {
        unsupported()
    }

    fn end_others(&mut self) -> Answer<'_, u64> {
        unsupported()
    }

    fn write_probe(&mut self) -> Answer<'_, (u64, Vec<Behind>)> {
        Box::pin(async { Ok((3, vec![Behind { column: "public.a.id".into(), greatest: 9, next: 8 }])) })
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        self.0.clone()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

/// Keeps all events.
#[derive(Default)]
pub struct Heard(pub Mutex<Vec<Event>>);

impl EventSink for Heard {
    fn post(&self, event: Event) {
        self.0.lock().expect("no panic while it is held").push(event);
    }
}

/// A context for a server, and what will be heard.
pub fn context(server: Arc<dyn Server>) -> (Context, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
    (Context { server: Some(server), events: heard.clone(), cancel: CancellationToken::new() }, heard)
}
