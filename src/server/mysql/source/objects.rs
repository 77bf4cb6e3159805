//! Everything in a database as schema objects, in an order in which they could be made one after another. Read through one session, inside its
//! database, so that no definition names it.

use super::building::{Builder, Cases};
use super::created;
use super::kinds::{self, Listed};
use super::{members, rights, sequences};
use crate::domain::Fault;
use crate::domain::schema::{InventoryItem, SchemaObject, SequenceState};
use crate::server::mysql::connect::{Connector, Session};
use crate::server::mysql::quote::ident;

/// What a database is made of, apart from its tables' rows and its own properties.
#[derive(Clone, Debug, Default)]
pub struct Read {
    /// All objects.
    pub objects: Vec<SchemaObject>,
    /// The state of its sequences.
    pub sequences: Vec<SequenceState>,
    /// For the proof.
    pub inventory: Vec<InventoryItem>,
    /// What a person should know.
    pub notes: Vec<String>,
}

/// Reads it all. The session is left inside the database, with `character_set_results` as every session of ours has it.
pub async fn read(connector: &Connector, session: &mut Session, database: &str) -> Result<Read, Fault> {
    enter(connector, session, database).await?;
    let (mut builder, listed) = definitions(connector, session, database).await?;
    let lost = |error| connector.fault("cannot read what the database consists of", &error, database);
    let rights = rights::of_objects(session, database).await.map_err(lost)?;
    let sequences = sequences::states(session, &listed.sequences).await.map_err(lost)?;
    let mut inventory = super::inventory::stored(session, database).await.map_err(lost)?;
    builder.rights(&rights);
    inventory.extend(super::inventory::of_objects(&builder.objects));
    inventory.extend(rights.inventory());
    inventory.sort_unstable();
    let mut notes = builder.notes();
    notes.extend(rights.gap.clone());
    Ok(Read { objects: builder.objects, sequences, inventory, notes })
}

/// Puts a session into a database, with definitions as UTF-8.
pub async fn enter(connector: &Connector, session: &mut Session, database: &str) -> Result<(), Fault> {
    let sql = format!("USE {}; SET character_set_results = utf8mb4", ident(database));
    session.run(&sql).await.map(|_| ()).map_err(|error| connector.fault("cannot enter the database", &error, database))
}

async fn definitions<'a>(connector: &Connector, session: &mut Session, database: &'a str) -> Result<(Builder<'a>, Listed), Fault> {
    let listed =
        kinds::list(session, database).await.map_err(|error| connector.fault("cannot list what is in the database", &error, database))?;
    let said = session.query("SELECT @@collation_database, @@lower_case_table_names").await;
    let said = said.map_err(|error| connector.fault("cannot read the database's collation", &error, database))?;
    let (collation, cases) = said.first().map(|row| (row.owned(0), row.owned(1))).unwrap_or_default();
    let mut builder = Builder::new(database, collation, if cases == "0" { Cases::Told } else { Cases::Folded });
    let mut show = async |kind: &str, names: &[String]| created::show(connector, session, database, kind, names).await;
    let sequences = show("SEQUENCE", &listed.sequences).await?;
    let mut tables = show("TABLE", &listed.tables).await?;
    let mut routines = Vec::with_capacity(listed.routines.len());
    for kind in ["FUNCTION", "PROCEDURE", "PACKAGE", "PACKAGE BODY"] {
        let names: Vec<String> = listed.routines.iter().filter(|(of, _)| of == kind).map(|(_, name)| name.clone()).collect();
        let shown = show(kind, &names).await?;
        routines.extend(names.into_iter().zip(shown).map(|(name, created)| (kind, name, created)));
    }
    let view_names: Vec<String> = listed.views.iter().map(|view| view.name.clone()).collect();
    let views = show("VIEW", &view_names).await?;
    let trigger_names: Vec<String> = listed.triggers.iter().map(|trigger| trigger.name.clone()).collect();
    let triggers = show("TRIGGER", &trigger_names).await?;
    let events = show("EVENT", &listed.events).await?;

    for (name, created) in listed.sequences.iter().zip(&sequences) {
        builder.sequence(name, created);
    }
    for column in members::mend(connector, database, &listed.tables, &mut tables).await? {
        builder.tell(
            "the server shows characters of its members as ?, and CREATE TEMPORARY TABLES would be needed to ask what they are",
            column,
        );
    }
    builder.tables(&listed.tables, &tables);
    for (kind, name, created) in &routines {
        builder.routine(kind, name, created);
    }
    builder.views(&listed, &views);
    builder.keys();
    for (trigger, created) in listed.triggers.iter().zip(&triggers) {
        builder.trigger(trigger, created);
    }
    for (name, created) in listed.events.iter().zip(&events) {
        builder.event(name, created);
    }
    Ok((builder, listed))
}
