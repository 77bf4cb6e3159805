//! One moment of the whole server. Owner: source.

use crate::domain::Fault;
use crate::domain::schema::*;
use crate::domain::server::*;
use crate::server::mysql::connect::Connector;
use crate::server::*;

fn later<T>() -> Result<T, Fault> {
    Err(Fault::internal("being built"))
}

/// See [`Server::snapshot`].
pub async fn single(_connector: &Connector, _database: &str) -> Result<Box<dyn Snapshot>, Fault> {
    later()
}

/// See [`Server::view`].
pub async fn open(_connector: &Connector, _databases: &[String], _readers: u32) -> Result<Box<dyn View>, Fault> {
    later()
}
