//! A consistent view of one database.
use crate::domain::Fault;
use crate::server::Snapshot;
use crate::server::postgres::connect::Connector;

/// See [`crate::server::Server::snapshot`].
pub async fn open(connector: &Connector, database: &str) -> Result<Box<dyn Snapshot>, Fault> {
    let _ = (connector, database);
    unimplemented!()
}
