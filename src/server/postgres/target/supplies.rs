//! What a server has to offer to a restore: roles, tablespaces, extensions, locales, and what our role may make.

use crate::domain::Fault;
use crate::server::postgres::connect::Connector;
use crate::server::{Extension, Supplies};

/// Settings are read from `pg_settings`, where one that a version does not have is no row: `reserved_connections` came with 16.
const SQL: &str = "\
SELECT ARRAY(SELECT rolname::text FROM pg_catalog.pg_roles ORDER BY 1),
       ARRAY(SELECT spcname::text FROM pg_catalog.pg_tablespace ORDER BY 1),
       COALESCE(me.rolcreatedb OR me.rolsuper, false), COALESCE(me.rolcreaterole OR me.rolsuper, false),
       CASE WHEN me.rolsuper THEN 0 ELSE
         (SELECT COALESCE(pg_catalog.sum(setting::int8), 0) FROM pg_catalog.pg_settings
           WHERE name IN ('superuser_reserved_connections', 'reserved_connections')) END::int8,
       ARRAY(SELECT DISTINCT l FROM pg_catalog.pg_collation, LATERAL (VALUES (collname::text), (collcollate::text)) x(l)
              WHERE collprovider = 'c' AND l IS NOT NULL),
       EXISTS (SELECT FROM pg_catalog.pg_collation WHERE collprovider = 'i')
  FROM (SELECT 1) one LEFT JOIN pg_catalog.pg_roles me ON me.rolname = current_user";

/// The default version of each extension. Who is no superuser may create a trusted one with the right to create in the database, which the
/// owner of a new database has.
const EXTENSIONS: &str = "\
SELECT e.name::text, COALESCE(e.default_version, '')::text,
       COALESCE(NOT v.superuser OR v.trusted OR (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user), true)
  FROM pg_catalog.pg_available_extensions e
  LEFT JOIN pg_catalog.pg_available_extension_versions v ON v.name = e.name AND v.version = e.default_version
 ORDER BY 1";

/// See [`crate::server::Server::supplies`].
pub async fn read(connector: &Connector) -> Result<Supplies, Fault> {
    let database = connector.connection().database.as_str();
    let session = connector.session(database).await?;
    let failed = |error: tokio_postgres::Error| connector.fault("cannot ask the server what it has", &error, database);
    let row = session.client.query_one(SQL, &[]).await.map_err(failed)?;
    let extensions = session.client.query(EXTENSIONS, &[]).await.map_err(failed)?;
    session.close().await;
    Ok(Supplies {
        roles: row.get(0),
        tablespaces: row.get(1),
        extensions: extensions.iter().map(|row| Extension { name: row.get(0), version: row.get(1), allowed: row.get(2) }).collect(),
        may_create: row.get(2),
        may_create_roles: row.get(3),
        reserved_connections: u32::try_from(row.get::<_, i64>(4)).unwrap_or(0),
        locales: row.get(5),
        icu: row.get(6),
    })
}
