//! Takes the subscriptions of a database that is about to be dropped out of the way: `DROP DATABASE` refuses while there is one, even with
//! `FORCE`.

use crate::domain::Fault;
use crate::domain::text::clean;
use crate::server::postgres::connect::Connector;
use crate::server::postgres::quote::ident;

/// A subscription, by what everybody may read of it.
struct Subscription {
    name: String,
    slot: Option<String>,
}

/// See [`crate::server::Server::detach_database`].
///
/// Without its slot a subscription goes without a word to the publisher, which may be out of reach (PostgreSQL documentation, "DROP
/// SUBSCRIPTION"); the slot can be taken off only while it is disabled. The slot itself stays where it is: another copy of this database
/// may be using it.
pub async fn detach(connector: &Connector, name: &str) -> Result<Vec<String>, Fault> {
    let what = "cannot take off the subscriptions of the database";
    let session = super::database::beside(connector, name).await?;
    let rows = session
        .client
        .query(
            "SELECT s.subname::text, s.subslotname::text, d.datallowconn \
               FROM pg_catalog.pg_subscription s JOIN pg_catalog.pg_database d ON d.oid = s.subdbid WHERE d.datname = $1 ORDER BY 1",
            &[&name],
        )
        .await
        .map_err(|error| connector.fault(what, &error, name))?;
    let found: Vec<Subscription> = rows.iter().map(|row| Subscription { name: row.get(0), slot: row.get(1) }).collect();
    let closed = rows.first().is_some_and(|row| !row.get::<_, bool>(2));
    if closed {
        super::database::run(connector, &session, name, what, &format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", ident(name))).await?;
    }
    session.close().await;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let session = connector.session(name).await?;
    let mut said = Vec::new();
    for one in found {
        let quoted = ident(&one.name);
        // Message by message: together they would be one transaction, in which a worker would not see that it is to end.
        for statement in [
            format!("ALTER SUBSCRIPTION {quoted} DISABLE"),
            format!("ALTER SUBSCRIPTION {quoted} SET (slot_name = NONE)"),
            format!("DROP SUBSCRIPTION {quoted}"),
        ] {
            super::database::run(connector, &session, name, what, &statement).await?;
        }
        let name = clean(name);
        said.push(match one.slot {
            Some(slot) => format!(
                "subscription {} of {name} is dropped; its slot {} stays on the publisher: SELECT pg_drop_replication_slot('{}') there removes it",
                clean(&one.name),
                clean(&slot),
                clean(&slot)
            ),
            None => format!("subscription {} of {name} is dropped; it had no slot", clean(&one.name)),
        });
    }
    session.close().await;
    Ok(said)
}
