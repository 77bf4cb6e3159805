//! Databases that exist for a trial, and the comment by which they are known again.

use super::database;
use crate::domain::Fault;
use crate::domain::schema::DatabaseProperties;
use crate::server::TargetChoices;
use crate::server::postgres::connect::Connector;

/// See [`crate::server::Server::create_throwaway`].
pub async fn create(
    connector: &Connector,
    name: &str,
    mark: &str,
    properties: &DatabaseProperties,
    choices: &TargetChoices,
) -> Result<(), Fault> {
    database::create_with(connector, name, properties, choices, Some(mark)).await
}

/// See [`crate::server::Server::commented_databases`].
pub async fn list(connector: &Connector, prefix: &str) -> Result<Vec<(String, Option<String>)>, Fault> {
    let login = connector.connection().database.as_str();
    let session = connector.session(login).await?;
    let rows = session
        .client
        .query(
            "SELECT datname::text, pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database \
              WHERE pg_catalog.starts_with(datname::text, $1) ORDER BY 1",
            &[&prefix],
        )
        .await
        .map_err(|error| connector.fault("cannot list the databases", &error, login))?;
    session.close().await;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}
