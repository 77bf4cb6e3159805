//! Finds the pg_dump that fits a server.
use crate::domain::Fault;
use crate::domain::server::ServerInfo;
use crate::server::postgres::connect::Connector;

/// See [`crate::server::Server::schema_tool`].
pub async fn version(connector: &Connector, info: &ServerInfo) -> Result<String, Fault> {
    let _ = (connector, info);
    unimplemented!()
}
