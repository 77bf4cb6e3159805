//! Backs up one database: one snapshot, its definitions, its rows.

use super::documents;
use super::moment::Moment;
use super::press::Press;
use super::progress::DatabaseMeter;
use super::table::TableWork;
use crate::archive::{manifest, names};
use crate::domain::fault::{Code, Fault};
use crate::domain::job::{DatabaseOutcome, DatabaseState, Phase};
use crate::domain::schema::Contents;
use crate::domain::server::Position;
use crate::domain::size::Bytes;
use crate::server::Snapshot;
use std::sync::Arc;
use std::time::Duration;

/// How long the snapshot's session may take to say goodbye.
const FAREWELL: Duration = Duration::from_secs(5);

/// How often the definitions are asked for before a conflict is a failure.
const TRIES: u32 = 3;

/// One database, read; its chunks may still be on their way to the file.
pub struct Backed {
    /// Its place among the databases of the run.
    pub meter: Arc<DatabaseMeter>,
    entry: manifest::Database,
    tables: Arc<[Arc<TableWork>]>,
}

/// Reads a database. The snapshot is gone when this returns: it holds back the server's clean-up, and the tail of the work does not need it.
pub async fn read(press: &Press, moment: &Moment, meter: &Arc<DatabaseMeter>) -> Result<Backed, Fault> {
    let name = meter.name().to_owned();
    let named = |fault: Fault| fault.at("Database", &name).at("Host", moment.address());
    let halt = press.halt.child();
    meter.is(DatabaseState::Running(Phase::Preparing));
    let mut tries = 1;
    loop {
        let snapshot = halt.or(moment.snapshot(&name)).await.map_err(named)?;
        meter.is(DatabaseState::Running(Phase::Schema));
        let read = match halt.or(snapshot.contents()).await {
            Ok(contents) => read_snapshot(press, snapshot.as_ref(), contents, meter, &halt).await.map(Some),
            // Nothing of it is in the archive yet, so a later snapshot is as good, after whoever was in the way.
            Err(fault) if matches!(fault.code, Code::Conflict | Code::Deadlock) && tries < TRIES && moment.moves_on() => {
                tracing::info!(database = name, %fault, "reading the definitions again");
                tries += 1;
                Ok(None)
            }
            Err(fault) => Err(fault),
        };
        // A session that does not answer any more ends when it is dropped.
        let _ = tokio::time::timeout(FAREWELL, snapshot.release()).await;
        if let Some(backed) = read.map_err(named)? {
            return Ok(backed);
        }
    }
}

async fn read_snapshot(
    press: &Press,
    snapshot: &dyn Snapshot,
    mut contents: Contents,
    meter: &Arc<DatabaseMeter>,
    halt: &super::halt::Halt,
) -> Result<Backed, Fault> {
    let dir = names::database_dir(meter.name());
    press.documents(documents::of_database(&dir, &contents)?).await?;
    let entry = entry(meter.name(), &dir, snapshot.position(), &mut contents);
    let tables: Arc<[Arc<TableWork>]> = std::mem::take(&mut contents.tables)
        .into_iter()
        .map(|table| {
            let dir = names::table_dir(&dir, &table);
            TableWork::new(table, dir, meter.clone())
        })
        .collect();
    drop(contents);
    meter.holds(&tables);
    meter.is(DatabaseState::Running(Phase::Data));
    press.reading.read(snapshot, &tables, halt).await?;
    meter.is(DatabaseState::Done);
    Ok(Backed { meter: meter.clone(), entry, tables })
}

/// The manifest's entry without its tables; takes what it can out of the contents.
fn entry(name: &str, dir: &str, position: &Position, contents: &mut Contents) -> manifest::Database {
    manifest::Database {
        name: name.to_owned(),
        dir: dir.to_owned(),
        failed: None,
        position: position.clone(),
        properties: std::mem::take(&mut contents.properties),
        objects: contents.objects.len() as u64,
        inventory: contents.inventory.len() as u64,
        sequences: std::mem::take(&mut contents.sequences),
        materialized_views: std::mem::take(&mut contents.materialized_views),
        notes: std::mem::take(&mut contents.notes),
        tables: Vec::new(),
    }
}

impl Backed {
    /// The manifest's entry. Call it when everything is written.
    pub fn manifest(self) -> manifest::Database {
        manifest::Database { tables: self.tables.iter().map(|table| table.entry()).collect(), ..self.entry }
    }
}

/// The entry of a database that failed.
pub fn failed(name: &str, fault: &Fault) -> manifest::Database {
    manifest::Database {
        name: name.to_owned(),
        dir: names::database_dir(name),
        failed: Some(fault.to_string()),
        ..manifest::Database::default()
    }
}

/// How a database ended, by its entry.
pub fn outcome(entry: &manifest::Database, fault: Option<Fault>) -> DatabaseOutcome {
    DatabaseOutcome {
        name: entry.name.clone(),
        tables: entry.tables.len() as u64,
        rows: entry.tables.iter().map(|table| table.rows).sum(),
        bytes: Bytes(entry.tables.iter().map(|table| table.bytes).sum()),
        fault,
        ..DatabaseOutcome::default()
    }
}
