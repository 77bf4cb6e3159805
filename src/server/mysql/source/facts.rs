//! The server and its databases, as they describe themselves.

use super::{files, grants};
use crate::domain::connection::Product;
use crate::domain::server::{DatabaseInfo, ServerInfo};
use crate::domain::{Code, Fault};
use crate::server::mysql::connect::Connector;
use crate::server::mysql::quote::literal;
use crate::server::mysql::wire::Error;
use std::collections::HashMap;

/// Databases of the server's own, as a list of literals.
pub const SYSTEM: &str = "'mysql', 'information_schema', 'performance_schema', 'sys'";

/// The oldest versions that this program knows, as [`ServerInfo::version_num`] and for people.
const OLDEST_MYSQL: (u32, &str) = (80_000, "8.0");
const OLDEST_MARIADB: (u32, &str) = (100_600, "10.6");

/// `10.11.19` of 101119.
fn version(number: u32) -> String {
    format!("{}.{}.{}", number / 10_000, number / 100 % 100, number % 100)
}

/// See [`crate::server::Server::info`].
pub async fn info(connector: &Connector) -> Result<ServerInfo, Fault> {
    let mut session = connector.session(None).await?;
    let failed = |error: Error| connector.fault("cannot ask the server about itself", &error, "");
    let (product, version_num) = (session.flavour().product, session.flavour().version_num);
    let oldest = if product == Product::Mariadb { OLDEST_MARIADB } else { OLDEST_MYSQL };
    if version_num < oldest.0 {
        session.close().await;
        let fault = Fault::new(Code::VersionUnsupported, format!("{product} {} is not supported", version(version_num)))
            .because(format!("this dbbackup knows {product} {} and newer", oldest.1))
            .step("Use the dump program of the server's own version, or upgrade the server.");
        return Err(connector.place(fault, ""));
    }
    let row = session.query("SELECT @@global.max_connections, @@global.datadir, @@global.read_only").await.map_err(failed)?;
    let status = session.query("SHOW GLOBAL STATUS LIKE 'Threads_connected'").await.map_err(failed)?;
    // MariaDB has no such name of a server.
    let system = if product == Product::Mysql { session.query("SELECT @@global.server_uuid").await.map_err(failed)? } else { Vec::new() };
    let rights = grants::read(&mut session).await.map_err(failed)?;
    session.close().await;
    let row = row.first();
    let read_only = row.and_then(|row| row.text(2).map(|text| !matches!(text.as_ref(), "0" | "OFF"))).unwrap_or(false);
    Ok(ServerInfo {
        product,
        version: version(version_num),
        version_num,
        system_identifier: system.first().map(|row| row.owned(0)),
        in_recovery: read_only,
        superuser: rights.is_super(),
        max_connections: row.and_then(|row| row.number(0)).unwrap_or(0),
        connections: status.first().and_then(|row| row.number(1)).unwrap_or(0),
        lock_capacity: 0,
        data_directory: row.map(|row| row.owned(1)),
        pooler: None,
    })
}

/// See [`crate::server::Server::databases`] and [`crate::server::Server::database`]: all of them, or the one of this name.
pub async fn databases(connector: &Connector, name: Option<&str>) -> Result<Vec<DatabaseInfo>, Fault> {
    let mut session = connector.session(None).await?;
    let failed = |error: Error| connector.fault("cannot list the databases", &error, "");
    fresh_sizes(&mut session).await.map_err(failed)?;
    let only = |column: &str| name.map(|name| format!(" AND {column} = {}", literal(name))).unwrap_or_default();
    let rows = session
        .query(&format!(
            "SELECT s.schema_name, s.default_character_set_name, t.bytes \
               FROM information_schema.schemata s \
               LEFT JOIN (SELECT table_schema, SUM(COALESCE(data_length, 0) + COALESCE(index_length, 0)) AS bytes FROM information_schema.tables \
                           WHERE table_schema NOT IN ({SYSTEM}){} GROUP BY table_schema) t ON t.table_schema = s.schema_name \
              WHERE s.schema_name NOT IN ({SYSTEM}){} ORDER BY s.schema_name",
            only("table_schema"),
            only("s.schema_name")
        ))
        .await
        .map_err(failed)?;
    let files = match name {
        None => files::read(&mut session).await.map_err(failed)?,
        Some(_) => HashMap::new(),
    };
    let mut sessions: HashMap<String, u32> = HashMap::new();
    let own = session.id();
    for row in session.query("SHOW PROCESSLIST").await.map_err(failed)? {
        if row.number(0) != Some(own) && row.bytes(3).is_some() {
            *sessions.entry(row.owned(3)).or_default() += 1;
        }
    }
    session.close().await;
    let databases = rows.iter().map(|row| DatabaseInfo {
        sessions: sessions.get(&row.owned(0)).copied().unwrap_or(0),
        name: row.owned(0),
        bytes: Some(files::larger(row.number::<f64>(2).unwrap_or(0.0) as u64, files.get(row.owned(0).as_str()).copied().unwrap_or(0))),
        owner: String::new(),
        encoding: row.owned(1),
        is_template: false,
        allow_connections: true,
    });
    Ok(databases.collect())
}

/// MySQL keeps sizes for a day after somebody asked: a table that was filled since would be empty.
pub async fn fresh_sizes(session: &mut crate::server::mysql::session::Session) -> Result<(), Error> {
    if session.flavour().product == Product::Mysql {
        session.run("SET SESSION information_schema_stats_expiry = 0").await?;
    }
    Ok(())
}

/// See [`crate::server::Server::has_database`].
pub async fn has_database(connector: &Connector, name: &str) -> Result<bool, Fault> {
    let mut session = connector.session(None).await?;
    let sql = format!("SELECT 1 FROM information_schema.schemata WHERE schema_name = {}", literal(name));
    let rows = session.query(&sql).await.map_err(|error| connector.fault("cannot look for the database", &error, ""))?;
    session.close().await;
    Ok(!rows.is_empty())
}
