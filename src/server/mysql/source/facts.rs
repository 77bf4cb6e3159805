//! The server and its databases. Owner: source.

use crate::domain::Fault;
use crate::domain::schema::*;
use crate::domain::server::*;
use crate::server::mysql::connect::Connector;
use crate::server::*;

fn later<T>() -> Result<T, Fault> {
    Err(Fault::internal("being built"))
}

/// See [`Server::info`].
pub async fn info(_connector: &Connector) -> Result<ServerInfo, Fault> {
    later()
}

/// See [`Server::databases`].
pub async fn databases(_connector: &Connector) -> Result<Vec<DatabaseInfo>, Fault> {
    later()
}
