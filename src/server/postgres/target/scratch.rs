//! Scratch databases: empty ones in which definitions are tried out, and the way to know those that nobody needs any more.
//!
//! Who makes one holds an advisory lock with its number for as long as it is needed, on a session of its own. The server itself ends that
//! lock when the maker dies, however it dies and wherever it ran. So a scratch database without a lock is left over, without any guess about
//! process ids or clocks. Advisory locks belong to a database, but everybody sees them in `pg_locks`.

use super::database;
use crate::domain::Fault;
use crate::domain::schema::DatabaseProperties;
use crate::server::postgres::connect::{Connector, Session};
use crate::server::postgres::quote::{ident, literal};
use crate::server::{Purpose, Scratch, Swept, TargetChoices};
use futures_util::future::BoxFuture;

/// The first key of the lock: "dbbr".
const KEY: u32 = 0x6462_6272;

/// A scratch database and the session that holds its lock.
struct Made {
    name: String,
    connector: Connector,
    keeper: Session,
}

/// See [`crate::server::Server::scratch`].
pub async fn make(
    connector: &Connector,
    purpose: Purpose,
    properties: &DatabaseProperties,
    choices: &TargetChoices,
) -> Result<Box<dyn Scratch>, Fault> {
    // The last eight digits of a version 7 UUID are random.
    let number = (uuid::Uuid::now_v7().as_u128() & 0xffff_ffff) as u32;
    let name = format!("{}{number:08x}", purpose.prefix());
    let login = connector.connection().database.clone();
    let keeper = connector.session(&login).await?;
    let failed = |error: tokio_postgres::Error| connector.fault("cannot make a scratch database", &error, &login);
    // The lock comes first, so that nobody takes the database for a leftover.
    let lock = format!("SELECT pg_catalog.pg_advisory_lock({}, {})", KEY.cast_signed(), number.cast_signed());
    keeper.client.batch_execute(&lock).await.map_err(failed)?;
    if let Err(fault) = database::create(connector, &name, properties, choices).await {
        // The answer may have been lost, and the database be there.
        if let Err(fault) = database::drop(connector, &name).await {
            tracing::debug!(%fault, "what may be left of a scratch database that could not be made");
        }
        keeper.close().await;
        return Err(fault);
    }
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let comment =
        format!("{}: process {} on {host} since {}; it goes by itself", mark(purpose), std::process::id(), jiff::Timestamp::now());
    let sql = format!("COMMENT ON DATABASE {} IS {}", ident(&name), literal(&crate::domain::text::clean(&comment)));
    // The comment is for people; without it the name and the lock still say what this is.
    if let Err(error) = keeper.client.batch_execute(&sql).await {
        tracing::debug!(%error, "a scratch database without its comment");
    }
    Ok(Box::new(Made { name, connector: connector.clone(), keeper }))
}

/// What the comments of such databases begin with.
fn mark(purpose: Purpose) -> String {
    format!("dbbackup {}", purpose.words())
}

impl Scratch for Made {
    fn name(&self) -> &str {
        &self.name
    }

    fn remove(self: Box<Self>) -> BoxFuture<'static, Result<(), Fault>> {
        Box::pin(async move {
            let dropped = database::drop(&self.connector, &self.name).await;
            self.keeper.close().await;
            dropped
        })
    }
}

/// Databases with such a name whose lock nobody holds; whether they carry no other comment than ours.
const LEFT: &str = "\
SELECT d.datname::text, COALESCE(pg_catalog.starts_with(pg_catalog.shobj_description(d.oid, 'pg_database'), $3), true)
  FROM pg_catalog.pg_database d
 WHERE pg_catalog.starts_with(d.datname::text, $2)
   AND pg_catalog.substr(d.datname::text, pg_catalog.length($2) + 1) ~ '^[0-9a-f]{8}$'
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_locks l
                    WHERE l.locktype = 'advisory' AND l.classid::int8 = $1 AND l.objsubid = 2
                      AND l.objid::int8 = ('x' || pg_catalog.right(d.datname::text, 8))::pg_catalog.bit(32)::int8)
 ORDER BY 1";

/// See [`crate::server::Server::sweep_scratches`].
pub async fn sweep(connector: &Connector, purpose: Purpose) -> Result<Swept, Fault> {
    let login = connector.connection().database.as_str();
    let session = connector.session(login).await?;
    let rows = session.client.query(LEFT, &[&i64::from(KEY), &purpose.prefix(), &mark(purpose)]).await;
    let rows = rows.map_err(|error| connector.fault("cannot look for scratch databases", &error, login))?;
    session.close().await;
    let mut swept = Swept::default();
    for (name, ours) in rows.iter().map(|row| (row.get::<_, String>(0), row.get::<_, bool>(1))) {
        if !ours {
            swept.left.push((name, "its comment is not of dbbackup".into()));
            continue;
        }
        match database::drop(connector, &name).await {
            Ok(()) => swept.dropped.push(name),
            // Another role's, or another run is doing the same at this moment.
            Err(fault) => swept.left.push((name, format!("it could not be dropped: {fault}"))),
        }
    }
    Ok(swept)
}
