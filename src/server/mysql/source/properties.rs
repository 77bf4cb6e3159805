//! How a database was made: character set, collation, comment, options, and who may do what with it as a whole.

use super::rights;
use crate::domain::schema::DatabaseProperties;
use crate::domain::{Fault, Product};
use crate::server::mysql::connect::{Connector, Session};
use crate::server::mysql::quote::literal;
use crate::server::mysql::wire::Error;

/// Reads a database's properties.
pub async fn read(connector: &Connector, session: &mut Session, database: &str) -> Result<DatabaseProperties, Fault> {
    ask(session, database).await.map_err(|error| connector.fault("cannot read how the database was made", &error, database))
}

async fn ask(session: &mut Session, database: &str) -> Result<DatabaseProperties, Error> {
    let name = literal(database);
    let product = session.flavour().product;
    let further = if product == Product::Mariadb { "SCHEMA_COMMENT" } else { "DEFAULT_ENCRYPTION" };
    let sql = format!(
        "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME, {further} FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {name}"
    );
    let rows = session.query(&sql).await?;
    let mut properties =
        DatabaseProperties { name: database.to_owned(), connection_limit: -1, allow_connections: true, ..DatabaseProperties::default() };
    if let Some(row) = rows.first() {
        properties.encoding = row.owned(0);
        properties.collate = row.owned(1);
        let further = row.owned(2);
        if product == Product::Mariadb {
            properties.comment = Some(further).filter(|comment| !comment.is_empty());
        } else if further.eq_ignore_ascii_case("YES") {
            properties.statements.push(format!("ALTER DATABASE {} DEFAULT ENCRYPTION = 'Y'", DatabaseProperties::PLACEHOLDER));
        }
    }
    match rights::of_database(session, database).await {
        Err(error) if !rights::is_refused(&error) => return Err(error),
        read => properties.statements.extend(read.unwrap_or_default()),
    }
    if product == Product::Mysql {
        let sql = format!("SELECT OPTIONS FROM information_schema.SCHEMATA_EXTENSIONS WHERE SCHEMA_NAME = {name}");
        let options = session.query(&sql).await?;
        if options.first().is_some_and(|row| row.owned(0).contains("READ ONLY=1")) {
            // Last: nothing can be changed in it afterwards.
            properties.statements.push(format!("ALTER DATABASE {} READ ONLY = 1", DatabaseProperties::PLACEHOLDER));
        }
    }
    Ok(properties)
}
