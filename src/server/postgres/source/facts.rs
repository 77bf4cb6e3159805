//! Facts about a server and its databases.

use crate::domain::server::{DatabaseInfo, ServerInfo};
use crate::domain::{Code, Fault, connection::Product};
use crate::server::postgres::connect::Connector;

/// Versions that this program knows.
const MAJORS: std::ops::RangeInclusive<u32> = 13..=18;

/// See [`crate::server::Server::info`].
pub async fn info(connector: &Connector) -> Result<ServerInfo, Fault> {
    let database = connector.connection().database.as_str();
    let session = connector.session(database).await?;
    let failed = |error: tokio_postgres::Error| connector.fault("cannot ask the server about itself", &error, database);
    let row = session
        .client
        .query_one(
            "SELECT pg_catalog.current_setting('server_version'), pg_catalog.current_setting('server_version_num')::int4, \
                    pg_catalog.pg_is_in_recovery(), \
                    (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user), \
                    pg_catalog.current_setting('max_connections')::int4, \
                    (SELECT pg_catalog.sum(numbackends) FROM pg_catalog.pg_stat_database)::int8, \
                    pg_catalog.current_setting('max_locks_per_transaction')::int8 \
                      * (pg_catalog.current_setting('max_connections')::int8 + pg_catalog.current_setting('max_prepared_transactions')::int8), \
                    (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'data_directory')",
            &[],
        )
        .await
        .map_err(failed)?;
    // Older servers and some hosted ones keep this from ordinary roles; nothing depends on it.
    let system = session.client.query_one("SELECT system_identifier::text FROM pg_catalog.pg_control_system()", &[]).await;
    let version: String = row.get(0);
    let version_num = u32::try_from(row.get::<_, i32>(1)).unwrap_or(0);
    session.close().await;
    if !MAJORS.contains(&(version_num / 10_000)) {
        let fault = Fault::new(Code::VersionUnsupported, format!("PostgreSQL {version} is not supported"))
            .because(format!("this dbbackup knows PostgreSQL {} to {}", MAJORS.start(), MAJORS.end()))
            .step("Look for a newer dbbackup, or use pg_dump of the server's own version.");
        return Err(connector.place(fault, database));
    }
    Ok(ServerInfo {
        product: Product::Postgres,
        // Distributions add their name: "15.18 (Debian 15.18-0+deb12u1)".
        version: version.split(' ').next().unwrap_or(&version).to_owned(),
        version_num,
        system_identifier: system.ok().map(|row| row.get(0)),
        in_recovery: row.get(2),
        superuser: row.get::<_, Option<bool>>(3).unwrap_or(false),
        max_connections: u32::try_from(row.get::<_, i32>(4)).unwrap_or(0),
        connections: u32::try_from(row.get::<_, Option<i64>>(5).unwrap_or(0)).unwrap_or(0),
        lock_capacity: u64::try_from(row.get::<_, i64>(6)).unwrap_or(0),
        data_directory: row.get(7),
        pooler: connector.pooler(database),
    })
}

/// See [`crate::server::Server::has_database`].
pub async fn has_database(connector: &Connector, name: &str) -> Result<bool, Fault> {
    let database = connector.connection().database.as_str();
    let session = connector.session(database).await?;
    let row = session
        .client
        .query_one("SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = $1)", &[&name])
        .await
        .map_err(|error| connector.fault("cannot look for the database", &error, database))?;
    session.close().await;
    Ok(row.get(0))
}

/// See [`crate::server::Server::databases`] and [`crate::server::Server::database`]: all of them, or the one of this name.
pub async fn databases(connector: &Connector, name: Option<&str>) -> Result<Vec<DatabaseInfo>, Fault> {
    let database = connector.connection().database.as_str();
    let session = connector.session(database).await?;
    let rows = session
        .client
        .query(
            "SELECT d.datname::text, \
                    CASE WHEN pg_catalog.has_database_privilege(d.oid, 'CONNECT') \
                           OR pg_catalog.pg_has_role('pg_read_all_stats', 'USAGE') \
                         THEN pg_catalog.pg_database_size(d.oid) END, \
                    pg_catalog.pg_get_userbyid(d.datdba)::text, pg_catalog.pg_encoding_to_char(d.encoding)::text, d.datistemplate, \
                    d.datallowconn AND d.datconnlimit <> -2, \
                    (SELECT pg_catalog.count(*) FROM pg_catalog.pg_stat_activity a \
                      WHERE a.datid = d.oid AND coalesce(a.application_name, '') !~ '^dbbackup' AND a.pid <> pg_catalog.pg_backend_pid()) \
               FROM pg_catalog.pg_database d WHERE d.datname = $1 OR $1 IS NULL ORDER BY d.datname",
            &[&name],
        )
        .await
        .map_err(|error| connector.fault("cannot list the databases", &error, database))?;
    session.close().await;
    let databases = rows.iter().map(|row| DatabaseInfo {
        name: row.get(0),
        bytes: row.get::<_, Option<i64>>(1).and_then(|bytes| u64::try_from(bytes).ok()),
        owner: row.get(2),
        encoding: row.get(3),
        is_template: row.get(4),
        allow_connections: row.get(5),
        sessions: u32::try_from(row.get::<_, i64>(6)).unwrap_or(u32::MAX),
    });
    Ok(databases.collect())
}
