//! What a server has to offer to a restore: roles, tablespaces, extensions.

use crate::domain::Fault;
use crate::server::Supplies;
use crate::server::postgres::connect::Connector;

/// See [`crate::server::Server::supplies`].
pub async fn read(connector: &Connector) -> Result<Supplies, Fault> {
    let database = connector.connection().database.as_str();
    let session = connector.session(database).await?;
    let failed = |error: tokio_postgres::Error| connector.fault("cannot ask the server what it has", &error, database);
    let row = session
        .client
        .query_one(
            "SELECT ARRAY(SELECT rolname::text FROM pg_catalog.pg_roles ORDER BY 1), \
                    ARRAY(SELECT spcname::text FROM pg_catalog.pg_tablespace ORDER BY 1), \
                    ARRAY(SELECT name::text FROM pg_catalog.pg_available_extensions ORDER BY name), \
                    ARRAY(SELECT COALESCE(default_version, '')::text FROM pg_catalog.pg_available_extensions ORDER BY name), \
                    (SELECT rolcreatedb OR rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)",
            &[],
        )
        .await
        .map_err(failed)?;
    session.close().await;
    let names: Vec<String> = row.get(2);
    let versions: Vec<String> = row.get(3);
    Ok(Supplies {
        roles: row.get(0),
        tablespaces: row.get(1),
        extensions: names.into_iter().zip(versions).collect(),
        may_create: row.get::<_, Option<bool>>(4).unwrap_or(false),
    })
}
