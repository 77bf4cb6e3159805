//! What there is in a database: names of every kind, one query a kind. Knows no definitions.

use crate::server::mysql::connect::Session;
use crate::server::mysql::quote::literal;
use crate::server::mysql::wire::Error;

/// The table in which a restore keeps what it has done; it belongs to nobody's database.
pub const LEDGER: &str = "_dbbackup_ledger";

/// A view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Its name.
    pub name: String,
    /// Whether it refers to what is not there.
    pub is_invalid: bool,
}

/// A trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// Its table.
    pub table: String,
    /// What it acts on, in words: `BEFORE INSERT`.
    pub slot: String,
}

/// A routine: its kind as `SHOW CREATE` calls it, and its name.
pub type Routine = (String, String);

/// Names of everything in a database, each list in order.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// Base tables, with system-versioned ones.
    pub tables: Vec<String>,
    /// Views.
    pub views: Vec<View>,
    /// Sequences (MariaDB).
    pub sequences: Vec<String>,
    /// Functions, procedures, packages and their bodies.
    pub routines: Vec<Routine>,
    /// Triggers in the order in which they act.
    pub triggers: Vec<Trigger>,
    /// Events.
    pub events: Vec<String>,
}

/// Lists what there is.
pub async fn list(session: &mut Session, database: &str) -> Result<Listed, Error> {
    let schema = literal(database);
    let mut listed = Listed::default();
    let tables = format!(
        "SELECT TABLE_NAME, TABLE_TYPE, IF(TABLE_TYPE = 'VIEW', TABLE_COMMENT, '') FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema} ORDER BY TABLE_NAME"
    );
    for row in session.query(&tables).await? {
        let name = row.owned(0);
        match row.owned(1).as_str() {
            _ if name == LEDGER => {}
            // The servers put this sentence where the comment of a view would be; a view has none of its own.
            "VIEW" => listed.views.push(View { is_invalid: row.owned(2).contains(" references invalid "), name }),
            "SEQUENCE" => listed.sequences.push(name),
            "BASE TABLE" | "SYSTEM VERSIONED" => listed.tables.push(name),
            _ => {}
        }
    }
    let routines = format!(
        "SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {schema} ORDER BY ROUTINE_TYPE, ROUTINE_NAME"
    );
    listed.routines = session.query(&routines).await?.iter().map(|row| (row.owned(0).to_uppercase(), row.owned(1))).collect();
    let triggers = format!(
        "SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE, CONCAT(ACTION_TIMING, ' ', EVENT_MANIPULATION) FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = {schema} \
         ORDER BY EVENT_OBJECT_TABLE, ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER"
    );
    listed.triggers =
        session.query(&triggers).await?.iter().map(|row| Trigger { name: row.owned(0), table: row.owned(1), slot: row.owned(2) }).collect();
    let events = format!("SELECT EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {schema} ORDER BY EVENT_NAME");
    listed.events = session.query(&events).await?.iter().map(|row| row.owned(0)).collect();
    Ok(listed)
}
