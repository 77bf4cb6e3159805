//! Scratch databases: empty ones in which definitions are tried out, and the way to know those that nobody needs any more.
//!
//! Who makes one holds a user lock with its name for as long as it is needed, on a session of its own. The server itself gives that lock
//! back when the maker dies, however it dies and wherever it ran. So a scratch database without a lock is left over.

use super::database;
use crate::domain::schema::DatabaseProperties;
use crate::domain::{Code, Fault};
use crate::server::mysql::connect::Connector;
use crate::server::mysql::quote::literal;
use crate::server::mysql::session::Session;
use crate::server::{Purpose, Scratch, Swept};
use futures_util::future::BoxFuture;

/// Digits behind the prefix.
const DIGITS: usize = 8;

/// A scratch database and the session that holds its lock.
struct Made {
    name: String,
    connector: Connector,
    keeper: Session,
}

/// See [`crate::server::Server::scratch`].
pub async fn make(connector: &Connector, purpose: Purpose, properties: &DatabaseProperties) -> Result<Box<dyn Scratch>, Fault> {
    // The last eight digits of a version 7 UUID are random.
    let number = (uuid::Uuid::now_v7().as_u128() & 0xffff_ffff) as u32;
    let name = format!("{}{number:08x}", purpose.prefix());
    let mut keeper = connector.session(None).await?;
    // The lock comes first, so that nobody takes the database for a leftover.
    let what = "cannot make a scratch database";
    let locked = keeper.query(&format!("SELECT GET_LOCK({}, 0)", literal(&name))).await;
    let locked = locked.map_err(|error| connector.fault(what, &error, &name))?;
    if locked.first().and_then(|row| row.number::<u8>(0)) != Some(1) {
        keeper.close().await;
        return Err(connector.place(Fault::new(Code::Conflict, what).because("its lock is taken"), &name));
    }
    if let Err(fault) = database::create(connector, &name, properties).await {
        // The answer may have been lost, and the database be there.
        if let Err(fault) = database::drop(connector, &name).await {
            tracing::debug!(%fault, "what may be left of a scratch database that could not be made");
        }
        keeper.close().await;
        return Err(fault);
    }
    Ok(Box::new(Made { name, connector: connector.clone(), keeper }))
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

/// See [`crate::server::Server::sweep_scratches`].
pub async fn sweep(connector: &Connector, purpose: Purpose) -> Result<Swept, Fault> {
    let what = "cannot look for scratch databases";
    let mut session = connector.session(None).await?;
    let prefix = literal(purpose.prefix());
    let sql = format!(
        "SELECT schema_name, IS_USED_LOCK(schema_name) FROM information_schema.schemata \
          WHERE LEFT(schema_name, CHAR_LENGTH({prefix})) = {prefix} ORDER BY 1"
    );
    let rows = session.query(&sql).await;
    let rows = rows.map_err(|error| connector.fault(what, &error, ""))?;
    session.close().await;
    let mut swept = Swept::default();
    for row in rows.iter().filter(|row| row.bytes(1).is_none()) {
        let name = row.owned(0);
        let digits = name.strip_prefix(purpose.prefix()).unwrap_or_default();
        if digits.len() != DIGITS || !digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            continue;
        }
        match database::drop(connector, &name).await {
            Ok(()) => swept.dropped.push(name),
            // Another run is doing the same at this moment.
            Err(fault) => swept.left.push((name, format!("it could not be dropped: {fault}"))),
        }
    }
    Ok(swept)
}
