//! Facts about a server and its databases.
use crate::domain::Fault;
use crate::domain::server::{DatabaseInfo, ServerInfo};
use crate::server::postgres::connect::Connector;

/// See [`crate::server::Server::info`].
pub async fn info(connector: &Connector) -> Result<ServerInfo, Fault> {
    let _ = connector;
    unimplemented!()
}
/// See [`crate::server::Server::databases`].
pub async fn databases(connector: &Connector) -> Result<Vec<DatabaseInfo>, Fault> {
    let _ = connector;
    unimplemented!()
}
