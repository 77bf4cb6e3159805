//! A moment that is open, and the databases in it.

use super::baseline::{self, Baseline, Place};
use super::pool::Pool;
use super::reader::{self, TsvReader};
use super::{cut, objects, properties, tables};
use crate::domain::schema::{Contents, InventoryItem, Range, SequenceState, Table};
use crate::domain::server::Position;
use crate::domain::time::Stamp;
use crate::domain::{Code, Fault};
use crate::server::mysql::connect::{Connector, Session};
use crate::server::mysql::definition::script;
use crate::server::mysql::wire::Error;
use crate::server::{Answer, Reader, Snapshot, View};
use futures_util::future::{BoxFuture, join_all};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// Everything that belongs to a moment.
pub struct Held {
    /// Opens sessions, and places faults.
    pub connector: Connector,
    /// For questions about definitions, which no snapshot has; it is in no transaction, and holds the lock against changes where there is one.
    /// None when it is released.
    desk: tokio::sync::Mutex<Option<Session>>,
    pool: Arc<Pool>,
    found: Found,
    /// When the reading of each table ended, in milliseconds since 1970 by the server's clock.
    read: Mutex<HashMap<Place, i64>>,
}

/// What was found out when a moment began.
pub struct Found {
    /// Where it is.
    pub position: Position,
    /// The server's clock, and when it was asked.
    pub clock: (Stamp, Instant),
    /// What a person should know.
    pub notes: Vec<String>,
    /// The tables, as they were defined then.
    pub baseline: Baseline,
    /// Whether nobody can change definitions.
    pub guarded: bool,
}

impl Held {
    /// Of sessions that see the same.
    pub fn new(connector: Connector, desk: Session, pool: Pool, found: Found) -> Self {
        Self { connector, desk: tokio::sync::Mutex::new(Some(desk)), pool: Arc::new(pool), found, read: Mutex::default() }
    }

    /// Remembers that a table was read, at least until now.
    pub fn was_read(&self, database: &str, table: &str) {
        // The way of the clock's answer makes this late, never early.
        let now = self.found.clock.0.0.saturating_add(i64::try_from(self.found.clock.1.elapsed().as_millis()).unwrap_or(i64::MAX));
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        read.insert((database.to_owned(), table.to_owned()), now);
    }

    fn failed(&self, what: &str, error: &Error, database: &str) -> Fault {
        self.connector.fault(what, error, database)
    }

    fn gone() -> Fault {
        Fault::internal("a moment that was released")
    }

    async fn tables(&self, desk: &mut Session, database: &str) -> Result<Vec<tables::Found>, Fault> {
        tables::list(desk, database).await.map_err(|error| self.failed("cannot list the tables", &error, database))
    }

    async fn contents(&self, database: &str) -> Result<Contents, Fault> {
        let mut desk = self.desk.lock().await;
        let desk = desk.as_mut().ok_or_else(Self::gone)?;
        let found = self.tables(desk, database).await?;
        tables::complete(&found, database, &self.connector)?;
        let product = desk.flavour().product;
        let mut contents = Contents { product, notes: tables::notes(&found), ..Contents::default() };
        let read = objects::read(&self.connector, desk, database).await?;
        contents.properties = properties::read(&self.connector, desk, database).await?;
        self.unchanged(desk, database).await?;
        contents.notes.extend(read.notes);
        contents.tables = found.into_iter().filter(|one| !one.shell).map(|one| one.table).collect();
        let ids: HashMap<&str, u32> =
            read.objects.iter().filter(|object| object.kind == "TABLE").map(|object| (object.name.as_str(), object.id)).collect();
        for table in &mut contents.tables {
            table.object = ids.get(table.name.name.as_str()).copied();
        }
        contents.objects = read.objects;
        with_room(&mut contents);
        contents.sequences = read.sequences;
        contents.inventory = read.inventory;
        Ok(contents)
    }

    /// A fault when definitions that were just read are not those of the moment.
    async fn unchanged(&self, desk: &mut Session, database: &str) -> Result<(), Fault> {
        if self.found.guarded {
            return Ok(());
        }
        let now = baseline::read(desk, &[database.to_owned()])
            .await
            .map_err(|error| self.failed("cannot look at the tables again", &error, database))?;
        let then = self.found.baseline.of(database);
        let changed = then.changed(&now);
        if changed.is_empty() {
            return Ok(());
        }
        let fault =
            Fault::new(Code::Conflict, "tables were changed while the backup read their definitions").because(baseline::names(&changed));
        Err(self.connector.place(reader::changed(fault), database))
    }

    async fn confirm(&self) -> Result<(), Fault> {
        if self.found.guarded {
            return Ok(());
        }
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut databases: Vec<String> = read.keys().map(|(database, _)| database.clone()).collect();
        databases.sort();
        databases.dedup();
        let mut desk = self.desk.lock().await;
        let desk = desk.as_mut().ok_or_else(Self::gone)?;
        let now = baseline::read(desk, &databases).await.map_err(|error| self.failed("cannot look at the tables again", &error, ""))?;
        let changed = self.found.baseline.changed_before(&now, &read);
        if changed.is_empty() {
            return Ok(());
        }
        let fault = Fault::new(Code::Conflict, "tables were changed while they were backed up")
            .because(format!("altered, renamed or made anew: {}", baseline::names(&changed)));
        Err(self.connector.place(reader::changed(fault), ""))
    }

    async fn release(&self) {
        join_all(self.pool.drain().into_iter().map(Session::close)).await;
        if let Some(desk) = self.desk.lock().await.take() {
            desk.close().await;
        }
    }
}

/// One moment of the whole server.
pub struct Moment {
    held: Arc<Held>,
}

impl Moment {
    /// Over what belongs to it.
    pub fn new(held: Arc<Held>) -> Self {
        Self { held }
    }
}

impl View for Moment {
    fn position(&self) -> &Position {
        &self.held.found.position
    }

    fn snapshot<'a>(&'a self, database: &'a str) -> Answer<'a, Box<dyn Snapshot>> {
        let opened = Opened { held: self.held.clone(), database: database.to_owned(), alone: None };
        Box::pin(std::future::ready(Ok(Box::new(opened) as Box<dyn Snapshot>)))
    }

    fn notes(&self) -> Vec<String> {
        self.held.found.notes.clone()
    }

    fn confirm(&self) -> Answer<'_, ()> {
        Box::pin(self.held.confirm())
    }

    fn release(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move { self.held.release().await })
    }
}

/// A moment that ends with its only snapshot.
struct Alone;

/// One database of a moment.
pub struct Opened {
    held: Arc<Held>,
    database: String,
    alone: Option<Alone>,
}

impl Opened {
    /// A database that has a moment to itself.
    pub fn alone(held: Arc<Held>, database: &str) -> Self {
        Self { held, database: database.to_owned(), alone: Some(Alone) }
    }
}

/// Lets tables that are kept in memory be made for twice what they take here: in a copy rows may lie less densely.
fn with_room(contents: &mut Contents) {
    let in_memory = |table: &&Table| table.engine.as_deref().is_some_and(|engine| engine.eq_ignore_ascii_case("MEMORY"));
    let bytes = |table: &Table| table.total_bytes.saturating_add(table.index_bytes).saturating_mul(2);
    let rooms: HashMap<u32, u64> =
        contents.tables.iter().filter(in_memory).filter_map(|table| Some((table.object?, bytes(table)))).collect();
    for object in &mut contents.objects {
        if let Some(bytes) = rooms.get(&object.id) {
            object.sql.insert_str(0, &format!("{};\n", script::room(*bytes)));
        }
    }
}

impl Snapshot for Opened {
    fn position(&self) -> &Position {
        &self.held.found.position
    }

    fn contents(&self) -> Answer<'_, Contents> {
        Box::pin(async {
            let mut contents = self.held.contents(&self.database).await?;
            if self.alone.is_some() {
                contents.notes.extend(self.held.found.notes.clone());
            }
            Ok(contents)
        })
    }

    fn inventory(&self) -> Answer<'_, (Vec<InventoryItem>, Vec<SequenceState>)> {
        Box::pin(async {
            let mut desk = self.held.desk.lock().await;
            let desk = desk.as_mut().ok_or_else(Held::gone)?;
            let read = objects::read(&self.held.connector, desk, &self.database).await?;
            Ok((read.inventory, read.sequences))
        })
    }

    fn tables(&self) -> Answer<'_, Vec<Table>> {
        Box::pin(async {
            let mut desk = self.held.desk.lock().await;
            let desk = desk.as_mut().ok_or_else(Held::gone)?;
            let found = self.held.tables(desk, &self.database).await?;
            Ok(found.into_iter().filter(|one| !one.shell).map(|one| one.table).collect())
        })
    }

    fn cut<'a>(&'a self, table: &'a Table, pieces: u64) -> Answer<'a, Vec<Range>> {
        Box::pin(async move {
            let mut desk = self.held.desk.lock().await;
            let desk = desk.as_mut().ok_or_else(Held::gone)?;
            let cut = cut::cut(desk, &self.database, &table.name.name, pieces).await;
            cut.map_err(|error| self.held.failed(&format!("cannot cut table {}", table.name), &error, &self.database))
        })
    }

    fn reader(&self) -> Answer<'_, Box<dyn Reader>> {
        Box::pin(async {
            let lent = self.held.pool.take().await?;
            Ok(Box::new(TsvReader::new(lent, self.held.clone(), &self.database)) as Box<dyn Reader>)
        })
    }

    fn release(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if self.alone.is_some() {
                self.held.release().await;
            }
        })
    }
}
