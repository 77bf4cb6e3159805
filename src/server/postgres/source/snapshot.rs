//! A consistent view of one database: a session that has exported its snapshot and keeps every table from being changed in shape.

use super::locking::{Contended, Locked};
use super::reader::Holder;
use super::{guard, inventory, large_objects, matviews, objects, properties, reader, sequences, tables, tool};
use crate::domain::schema::{Contents, InventoryItem, PageRange, Range, RowFormat, SequenceState, Table, TableName};
use crate::domain::server::Position;
use crate::domain::time::Stamp;
use crate::domain::{Code, Fault};
use crate::server::postgres::connect::{Connector, fault};
use crate::server::postgres::toc;
use crate::server::{Answer, Reader, Snapshot};
use futures_util::future::{BoxFuture, try_join};
use std::collections::HashMap;
use std::sync::Arc;
use tokio_postgres::Client;

/// How often a snapshot is opened before a table that changes all the time is a failure.
const TRIES: u32 = 3;

/// PostgreSQL's page size in nearly every build. With another one the ranges are uneven, never wrong: the last one is open.
const PAGE: u64 = 8192;

/// The session that holds the snapshot.
struct Leader {
    connector: Connector,
    database: String,
    holder: Arc<Holder>,
    name: String,
    version: u32,
    encoding: String,
    position: Position,
}

/// See [`crate::server::Server::snapshot`].
pub async fn open(connector: &Connector, database: &str) -> Result<Box<dyn Snapshot>, Fault> {
    let mut tries = 1;
    let mut contended = Contended::new(connector);
    loop {
        match attempt(connector, database, &mut contended).await {
            // What changed the tables is over, or waits for its turn: a later snapshot is as good.
            Err(fault) if matches!(fault.code, Code::Conflict | Code::Deadlock) && tries < TRIES => {
                tracing::info!(database, %fault, "opening the snapshot again");
                tries += 1;
            }
            Err(fault) => return Err(fault),
            Ok(Some(leader)) => return Ok(Box::new(leader)),
            // The next attempt waits for what was not free: the limit of that is the connection's.
            Ok(None) => {}
        }
    }
}

/// A snapshot with its locks; nothing where one of those was not free.
async fn attempt(connector: &Connector, database: &str, contended: &mut Contended) -> Result<Option<Leader>, Fault> {
    let session = connector.session(database).await?;
    let failed = |error: tokio_postgres::Error| connector.fault("cannot open a snapshot", &error, database);
    session.client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(failed)?;
    // The snapshot comes with the first query, after these locks.
    match contended.first(connector, &session, database).await {
        Ok(Locked::All) => {}
        done => {
            session.close().await;
            return done.map(|_| None);
        }
    }
    let row = session
        .client
        .query_one(
            "SELECT pg_export_snapshot(), current_setting('server_version_num')::int4, \
                    (SELECT pg_encoding_to_char(encoding)::text FROM pg_database WHERE datname = current_database()), \
                    CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END::text, \
                    (extract(epoch FROM clock_timestamp()) * 1000)::int8",
            &[],
        )
        .await
        .map_err(failed)?;
    let leader = Leader {
        connector: connector.clone(),
        database: database.to_owned(),
        name: row.get(0),
        version: u32::try_from(row.get::<_, i32>(1)).unwrap_or(0),
        encoding: row.get(2),
        position: Position { lsn: row.get(3), taken_at: Stamp(row.get(4)), ..Position::default() },
        holder: Arc::new(Holder::new(session)),
    };
    match leader.lock(contended).await {
        Ok(Locked::All) => Ok(Some(leader)),
        done => {
            // Before the next attempt: nobody is to wait for locks of this one.
            Box::new(leader).release().await;
            done.map(|_| None)
        }
    }
}

impl Leader {
    fn client(&self) -> &Client {
        &self.holder.session.client
    }

    fn placed(&self, what: &str, error: &tokio_postgres::Error) -> Fault {
        self.holder.session.explain(self.connector.fault(what, error, &self.database))
    }

    /// Locks every table that this role may lock against changes of its shape, as pg_dump does; reading and writing go on.
    async fn lock(&self, contended: &mut Contended) -> Result<Locked, Fault> {
        let rows = self
            .client()
            .query(
                "SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                  WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
                    AND has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE') ORDER BY 1, 2",
                &[],
            )
            .await
            .map_err(|error| self.placed("cannot list the tables", &error))?;
        let names: Vec<TableName> = rows.iter().map(|row| TableName { schema: row.get(0), name: row.get(1) }).collect();
        let locked = contended.all(&self.connector, &self.holder.session, &self.database, &names).await?;
        if locked == Locked::All {
            self.unchanged().await?;
        }
        Ok(locked)
    }

    /// A fault when a table was emptied, rewritten, renamed or dropped between the snapshot and its lock. TRUNCATE is not bound to any
    /// snapshot: the rows that the snapshot should see are gone, and reading would find the table empty. The snapshot's view of the catalog
    /// is compared with what the server's own look-ups say, which always see the latest state; with the locks held that can change no more.
    async fn unchanged(&self) -> Result<(), Fault> {
        let rows = self
            .client()
            .query(
                "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                  WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
                    AND has_table_privilege(c.oid, 'SELECT') IS NOT FALSE \
                    AND (c.oid::regclass::text <> format('%I.%I', n.nspname, c.relname) \
                         OR (c.relkind = 'r' AND pg_relation_filenode(c.oid) IS DISTINCT FROM c.relfilenode)) ORDER BY 1 LIMIT 20",
                &[],
            )
            .await
            .map_err(|error| self.placed("cannot look at the tables again", &error))?;
        let Some(first) = rows.first() else { return Ok(()) };
        let names: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let first: &str = first.get(0);
        let fault = Fault::new(Code::Conflict, format!("table {first} was changed while the backup began"))
            .because(format!("truncated, rewritten, renamed or dropped between the snapshot and its lock: {}", names.join(", ")));
        Err(self.connector.place(sequences::dropped_meanwhile(fault), &self.database))
    }

    async fn read_contents(&self) -> Result<Contents, Fault> {
        // The tables first: what cannot be read completely is known before pg_dump begins, and by name.
        let mut tables = self.tables().await?;
        let tool = tool::find(&self.connector, self.version / 10_000).await?;
        let dump = tool::dump(&self.connector, &tool, &self.database, &self.name, &self.encoding);
        // One after the other: a sequence that is gone ends the transaction, and its own error is the one to tell.
        let catalog = async {
            let contents = self.catalog().await?;
            Ok((contents, self.sequences().await?))
        };
        let read = try_join(dump, catalog);
        let (dump, (mut contents, sequences)) = tokio::select! {
            biased;
            read = read => read?,
            caught = guard::watch(&self.connector, &self.database, self.holder.session.pid) => return Err(caught.end(&self.connector, &self.database).await),
        };
        contents.sequences = sequences;
        let entries = toc::parse(&dump.archive).map_err(|damage| {
            let code = if matches!(damage, toc::Damage::Encoding(_)) { Code::Incomplete } else { Code::Internal };
            let fault = Fault::new(code, "cannot read the definitions").because(&damage).at("Program", tool.path.display());
            let fault = if code == Code::Incomplete {
                fault.step("Convert the database to an encoding that names its characters, or rename and redefine that object in ASCII.")
            } else {
                fault
            };
            self.connector.place(fault, &self.database)
        })?;
        contents.objects = objects::from_entries(entries);
        let ids: HashMap<(&str, &str), u32> = contents
            .objects
            .iter()
            .filter(|object| object.kind == "TABLE")
            .filter_map(|object| Some(((object.schema.as_deref()?, object.name.as_str()), object.id)))
            .collect();
        for table in &mut tables {
            table.object = ids.get(&(table.name.schema.as_str(), table.name.name.as_str())).copied();
        }
        contents.tables = tables;
        contents.notes.extend(dump.warnings.iter().map(|line| line.trim_start_matches("pg_dump: ").to_owned()));
        contents.notes.extend(notes(&contents));
        Ok(contents)
    }

    /// The tables, each with the form in which its rows travel; a fault when something of them cannot be read.
    async fn tables(&self) -> Result<Vec<Table>, Fault> {
        let client = self.client();
        let failed = |error: tokio_postgres::Error| self.placed("cannot list the tables", &error);
        let mut found = tables::list(client, self.version).await.map_err(failed)?;
        tables::complete(&found, self.connector.role()).map_err(|fault| self.connector.place(fault, &self.database))?;
        tables::choose_formats(client, &mut found).await.map_err(failed)?;
        for one in found.iter().filter(|one| one.table.format == RowFormat::Binary) {
            let without = tables::without_binary(client, &one.table.name).await.map_err(failed)?;
            if !without.is_empty() {
                let fault = Fault::new(Code::Incomplete, format!("table {} cannot be read completely", one.table.name))
                    .because(format!("it has rows too large for text, and columns without a binary form: {}", without.join(", ")))
                    .step("Make its rows smaller: no row may take more than 1 GB as text.");
                return Err(self.connector.place(fault, &self.database));
            }
        }
        let mut tables: Vec<Table> = found.into_iter().map(|one| one.table).collect();
        let large = large_objects::tables(client).await.map_err(failed)?;
        if !large.is_empty()
            && let Some(fault) = large_objects::complete(client).await.map_err(failed)?
        {
            return Err(self.connector.place(fault, &self.database));
        }
        tables.extend(large);
        Ok(tables)
    }

    /// What the catalog tells of everything else.
    async fn catalog(&self) -> Result<Contents, Fault> {
        let client = self.client();
        let failed = |error: tokio_postgres::Error| self.placed("cannot read the catalog", &error);
        Ok(Contents {
            materialized_views: matviews::read(client).await.map_err(failed)?,
            properties: properties::read(client).await.map_err(failed)?,
            inventory: inventory::read(client, self.version).await.map_err(failed)?,
            ..Contents::default()
        })
    }

    async fn sequences(&self) -> Result<Vec<SequenceState>, Fault> {
        let read = sequences::read(self.client(), &self.connector, &self.database).await;
        read.map_err(|fault| self.connector.place(fault, &self.database))
    }
}

/// What is by nature not in a logical backup.
fn notes(contents: &Contents) -> Vec<String> {
    let count = |kind: &str| contents.objects.iter().filter(|object| object.kind == kind).count();
    let mut notes = Vec::new();
    if contents.objects.iter().any(|object| object.kind == "SCHEMA" && object.name == crate::server::ledger::SCHEMA) {
        notes.push(format!(
            "this database is only partly restored: the schema {} in it is the ledger of a restore that was interrupted; go on with that restore, \
             or drop the schema",
            crate::server::ledger::SCHEMA
        ));
    }
    if count("SUBSCRIPTION") > 0 {
        notes.push(format!(
            "{} subscriptions are restored disabled and without their slots: enable them when the publisher is ready (ALTER SUBSCRIPTION … ENABLE)",
            count("SUBSCRIPTION")
        ));
    }
    if count("FOREIGN TABLE") > 0 {
        notes.push(format!(
            "{} foreign tables: their definitions are in the backup, their rows are on the foreign server",
            count("FOREIGN TABLE")
        ));
    }
    notes
}

impl Snapshot for Leader {
    fn position(&self) -> &Position {
        &self.position
    }

    fn contents(&self) -> Answer<'_, Contents> {
        Box::pin(self.read_contents())
    }

    fn inventory(&self) -> Answer<'_, (Vec<InventoryItem>, Vec<SequenceState>)> {
        Box::pin(async {
            let inventory = inventory::read(self.client(), self.version);
            let items = inventory.await.map_err(|error| self.placed("cannot read the inventory", &error))?;
            Ok((items, self.sequences().await?))
        })
    }

    fn tables(&self) -> Answer<'_, Vec<Table>> {
        Box::pin(async {
            let failed = |error: tokio_postgres::Error| self.placed("cannot list the tables", &error);
            let found = tables::list(self.client(), self.version).await.map_err(failed)?;
            let large = large_objects::tables(self.client()).await.map_err(failed)?;
            Ok(found.into_iter().map(|one| one.table).chain(large).collect())
        })
    }

    fn cut<'a>(&'a self, table: &'a Table, pieces: u64) -> Answer<'a, Vec<Range>> {
        Box::pin(std::future::ready(Ok(PageRange::split(table.heap_bytes / PAGE, pieces).map(Range::Pages).collect())))
    }

    fn near_reader(&self) -> Answer<'_, Box<dyn Reader>> {
        let reader = reader::NearReader::new(&self.encoding, self.holder.clone());
        Box::pin(std::future::ready(Ok(Box::new(reader) as Box<dyn Reader>)))
    }

    fn reader(&self) -> Answer<'_, Box<dyn Reader>> {
        Box::pin(async {
            let reader = reader::CopyReader::open(&self.connector, &self.database, &self.name, &self.encoding, self.holder.clone()).await?;
            Ok(Box::new(reader) as Box<dyn Reader>)
        })
    }

    fn release(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if let Err(error) = self.client().batch_execute("ROLLBACK").await {
                tracing::debug!(fault = %fault("cannot end the snapshot", &error), "releasing a snapshot");
            }
            // A reader that is still there keeps the session open, until it goes too.
            if let Ok(holder) = Arc::try_unwrap(self.holder) {
                holder.session.close().await;
            }
        })
    }
}
