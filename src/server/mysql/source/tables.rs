//! What holds rows in a database, and how large it is. A handful of queries, whatever the number of tables.

use super::grants::{self, Rights};
use super::keys::{self, Key};
use super::{facts, keys::Column};
use crate::domain::Fault;
use crate::domain::schema::{RowFormat, Table, TableName, ValueForm};
use crate::server::Survey;
use crate::server::mysql::connect::Connector;
use crate::server::mysql::quote::{ident, literal, qualified};
use crate::server::mysql::session::Session;
use crate::server::mysql::wire::Error;

/// The table in which a restore writes down what it has done. It is nobody's data.
pub use crate::server::ledger::TABLE as LEDGER;

/// Engines whose tables a session sees as they were when its transaction began, and that keep rows in the order of their key.
pub fn is_of_the_moment(engine: &str) -> bool {
    ["InnoDB", "ROCKSDB", "TokuDB"].iter().any(|name| name.eq_ignore_ascii_case(engine))
}

/// Engines whose rows are elsewhere: in other tables, on other servers, or nowhere.
fn is_empty_shell(engine: &str) -> bool {
    ["MRG_MyISAM", "FEDERATED", "SPIDER", "CONNECT", "BLACKHOLE", "OQGRAPH", "SPHINX"].iter().any(|name| name.eq_ignore_ascii_case(engine))
}

/// Whether there can be tables in a database that this user does not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// No.
    Whole,
    /// It has rights on single tables only, and sees no others.
    Granted,
}

/// A table, and what a backup of it must know beyond the plan.
#[derive(Clone, Debug)]
pub struct Found {
    /// The table.
    pub table: Table,
    /// Whether its database is seen in full.
    pub sight: Sight,
    /// Why its rows cannot be read, if so.
    pub obstacle: Option<String>,
    /// Whether its engine keeps no rows of its own.
    pub shell: bool,
    /// Whether it keeps what its rows were (MariaDB).
    pub versioned: bool,
}

/// See [`crate::server::Server::survey`].
pub async fn survey(connector: &Connector, database: &str) -> Result<Vec<Table>, Fault> {
    Ok(look(connector, database).await?.into_iter().filter(|one| !one.shell).map(|one| one.table).collect())
}

/// See [`crate::server::Server::inspect`].
pub async fn inspect(connector: &Connector, database: &str) -> Result<Survey, Fault> {
    let found = look(connector, database).await?;
    let hidden = found.iter().filter_map(|one| Some((one.table.name.to_string(), one.obstacle.clone()?))).collect();
    Ok(Survey { hidden, tables: found.into_iter().filter(|one| !one.shell).map(|one| one.table).collect(), locks: 0 })
}

async fn look(connector: &Connector, database: &str) -> Result<Vec<Found>, Fault> {
    let mut session = connector.session(None).await?;
    let found = list(&mut session, database).await.map_err(|error| connector.fault("cannot list the tables", &error, database));
    session.close().await;
    found
}

/// All tables of a database, by name; those whose engines keep no rows are among them.
pub async fn list(session: &mut Session, database: &str) -> Result<Vec<Found>, Error> {
    facts::fresh_sizes(session).await?;
    let sql = format!(
        "SELECT table_name, engine, table_rows, data_length, index_length, table_comment, table_type FROM information_schema.tables \
          WHERE table_schema = {} AND table_type IN ('BASE TABLE', 'SYSTEM VERSIONED') AND table_name <> {} ORDER BY table_name",
        literal(database),
        literal(LEDGER)
    );
    let rows = session.query(&sql).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let rights = grants::read(session).await?;
    let all_seen = rights.reads_all_of(database);
    let mut columns = keys::columns(session, database, None).await?;
    let mut keys = keys::keys(session, database, None, &columns).await?;
    let product = session.flavour().product;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let (name, engine) = (row.owned(0), row.text(1).map(std::borrow::Cow::into_owned));
        // A table that the server cannot open has no engine, and the reason for a comment.
        let broken = engine.is_none().then(|| format!("the server cannot open it: {}", row.owned(5)));
        let stored: Vec<Column> = columns.remove(&name).unwrap_or_default().into_iter().filter(|column| !column.generated).collect();
        let key = keys.remove(&name).filter(|_| engine.as_deref().is_some_and(is_of_the_moment));
        let forms: Vec<ValueForm> = stored.iter().map(|column| column.form(product)).collect();
        let mut one = Found {
            sight: if all_seen { Sight::Whole } else { Sight::Granted },
            obstacle: broken,
            shell: engine.as_deref().is_some_and(is_empty_shell),
            versioned: row.bytes(6) == Some(b"SYSTEM VERSIONED"),
            table: Table {
                name: TableName::new("", name),
                counter: stored.iter().find(|column| column.counts).map(|column| column.name.clone()),
                columns: stored.into_iter().map(|column| column.name).collect(),
                format: RowFormat::Tsv,
                heap_bytes: row.number(3).unwrap_or(0),
                total_bytes: row.number(3).unwrap_or(0),
                index_bytes: row.number(4).unwrap_or(0),
                estimated_rows: row.number(2).unwrap_or(-1),
                splittable: key.is_some(),
                key: key.map(|Key { columns, .. }| columns).unwrap_or_default(),
                forms: if forms.iter().all(|form| *form == ValueForm::Plain) { Vec::new() } else { forms },
                engine,
                ..Table::default()
            },
        };
        if one.obstacle.is_none() && !one.shell {
            one.obstacle = obstacle(session, &rights, database, &one.table).await?;
        }
        found.push(one);
    }
    Ok(found)
}

/// Why a table cannot be read, if so. Only what the rights leave open is tried.
async fn obstacle(session: &mut Session, rights: &Rights, database: &str, table: &Table) -> Result<Option<String>, Error> {
    if rights.reads(database, &table.name.name) {
        return Ok(None);
    }
    let columns: Vec<String> = std::iter::once("*".to_owned()).chain(table.columns.iter().map(|name| ident(name))).collect();
    let name = TableName::new(database, &table.name.name);
    match session.query(&format!("SELECT {} FROM {} LIMIT 0", columns.join(", "), qualified(&name))).await {
        Ok(_) => Ok(None),
        Err(Error::Server { number: 1142 | 1143 | 1044 | 1227 | 1370, .. }) => Ok(Some("no right to read it".to_owned())),
        Err(Error::Server { message, .. }) => Ok(Some(message)),
        Err(lost) => Err(lost),
    }
}

/// The fault for tables whose rows cannot be read in full, naming them.
pub fn complete(found: &[Found], database: &str, connector: &Connector) -> Result<(), Fault> {
    let blocked: Vec<(&TableName, &String)> = found.iter().filter_map(|one| Some((&one.table.name, one.obstacle.as_ref()?))).collect();
    if blocked.is_empty() {
        return Ok(());
    }
    let what = format!("{} of {} tables cannot be read completely", blocked.len(), found.len());
    let mut fault = Fault::new(crate::domain::Code::Incomplete, what);
    for (name, why) in blocked.iter().take(20) {
        fault = fault.because(format!("{name}: {why}"));
    }
    if blocked.len() > 20 {
        fault = fault.because(format!("and {} more", blocked.len() - 20));
    }
    let fault = fault.step_run(
        "Give the user what it lacks, as somebody who may:",
        format!(
            "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES ON {}.* TO {};",
            ident(database),
            literal(&connector.connection().user)
        ),
    );
    Err(connector.place(fault, database))
}

/// What is by nature not in a backup of these tables, or not of its moment.
pub fn notes(found: &[Found]) -> Vec<String> {
    let named = |chosen: &dyn Fn(&Found) -> bool| {
        let names: Vec<String> = found.iter().filter(|one| chosen(one)).map(|one| one.table.name.to_string()).collect();
        let more = names.len().saturating_sub(20);
        let list = names.iter().take(20).cloned().collect::<Vec<_>>().join(", ");
        (!names.is_empty()).then(|| if more > 0 { format!("{list} and {more} more") } else { list })
    };
    let mut notes = Vec::new();
    if found.iter().any(|one| one.sight == Sight::Granted) {
        notes.push(
            "this user has no SELECT on the database as a whole: tables and views that it does not see are not in the backup".to_owned(),
        );
    }
    let engine = |one: &Found| one.table.engine.clone().unwrap_or_default();
    if let Some(names) = named(&|one| !one.shell && !is_of_the_moment(&engine(one))) {
        notes.push(format!(
            "read as they were when their turn came, not at the backup's moment, since their engine has no transactions: {names}"
        ));
    }
    if let Some(names) = named(&|one| one.shell) {
        notes.push(format!("only the definition is in the backup, since their engine keeps no rows of its own: {names}"));
    }
    if let Some(names) = named(&|one| one.versioned) {
        notes.push(format!("only the present rows of system-versioned tables are in the backup, without what they were before: {names}"));
    }
    notes
}
