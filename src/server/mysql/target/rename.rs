//! Gives a database another name. MySQL has no statement for that: all tables move at once, and what cannot move is made again.
//!
//! What has no rows (views, routines, events) is made in the new database while it is still in the old one, which is dropped last. Triggers
//! would keep their tables from moving, so they are dropped before and made again; should the move fail, they are made again where they were.

use super::database::run;
use crate::domain::schema::{DatabaseProperties, SchemaObject};
use crate::domain::{Fault, text};
use crate::server::mysql::connect::Connector;
use crate::server::mysql::quote::{ident, literal};
use crate::server::mysql::session::Session;
use crate::server::mysql::source;
use crate::server::{Claim, LoadSettings, TargetChoices};

/// What is made again.
const AGAIN: [&str; 7] = ["VIEW", "FUNCTION", "PROCEDURE", "PACKAGE", "PACKAGE BODY", "TRIGGER", "EVENT"];

/// See [`crate::server::Server::rename_database`].
pub async fn database(connector: &Connector, name: &str, new: &str) -> Result<(), Fault> {
    let snapshot = source::view::single(connector, name).await?;
    let contents = snapshot.contents().await;
    snapshot.release().await;
    let contents = contents.map_err(|fault| whole(fault, name))?;
    let again: Vec<&SchemaObject> = contents.objects.iter().filter(|object| AGAIN.contains(&object.kind.as_str())).collect();
    let mut session = connector.session(None).await?;
    let moved = tables(connector, &mut session, name, new, &contents.properties, &again).await;
    session.close().await;
    moved?;
    remake(connector, new, &again).await.map_err(|fault| {
        let (name, new) = (text::clean(name), text::clean(new));
        fault
            .because(format!("the tables are in {new} already; what could not be made there is in {name} still"))
            .step(format!("Make what is missing in {new} by hand (SHOW CREATE in {name} tells it), then drop {name}."))
    })?;
    super::database::drop(connector, name).await
}

/// The new database, with all tables.
async fn tables(
    connector: &Connector,
    session: &mut Session,
    name: &str,
    new: &str,
    properties: &DatabaseProperties,
    again: &[&SchemaObject],
) -> Result<(), Fault> {
    let what = "cannot rename the database";
    let sql =
        format!("SELECT table_name FROM information_schema.tables WHERE table_schema = {} AND table_type NOT LIKE '%VIEW'", literal(name));
    let rows = session.query(&sql).await.map_err(|error| connector.fault(what, &error, name))?;
    let sql = format!("SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = {}", literal(name));
    let triggers = session.query(&sql).await.map_err(|error| connector.fault(what, &error, name))?;
    super::database::create(connector, new, properties).await?;
    for trigger in &triggers {
        let sql = format!("DROP TRIGGER {}.{}", ident(name), ident(&trigger.owned(0)));
        run(connector, session, name, what, &sql).await?;
    }
    let moves: Vec<String> = rows
        .iter()
        .map(|row| {
            let table = ident(&row.owned(0));
            format!("{}.{table} TO {}.{table}", ident(name), ident(new))
        })
        .collect();
    if moves.is_empty() {
        return Ok(());
    }
    let moved = run(connector, session, name, what, &format!("RENAME TABLE {}", moves.join(", "))).await;
    let Err(fault) = moved else { return Ok(()) };
    // Nothing has moved: everything is put back where it was.
    let triggers: Vec<&SchemaObject> = again.iter().copied().filter(|object| object.kind == "TRIGGER").collect();
    if let Err(other) = remake(connector, name, &triggers).await {
        return Err(fault.because(format!("and its triggers could not be made again: {other}")));
    }
    run(connector, session, new, what, &format!("DROP DATABASE {}", ident(new))).await?;
    Err(fault)
}

/// Makes objects in a database.
async fn remake(connector: &Connector, database: &str, objects: &[&SchemaObject]) -> Result<(), Fault> {
    if objects.is_empty() {
        return Ok(());
    }
    let mut loader = super::loader::open(connector, database, &LoadSettings::default()).await?;
    let done = loader.run(objects, &TargetChoices::default(), Claim::default()).await;
    loader.close().await;
    done
}

/// The fault of a database that cannot be moved wholly.
fn whole(fault: Fault, name: &str) -> Fault {
    fault
        .because("a database is renamed by making its views and routines again, and they could not all be read")
        .step(format!("It stays {} as it is: look at it there, or drop it.", text::clean(name)))
}
