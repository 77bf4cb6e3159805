//! A session that changes a database. Owner: target.

use crate::domain::Fault;
use crate::domain::schema::*;
use crate::domain::server::*;
use crate::server::mysql::connect::Connector;
use crate::server::*;

fn later<T>() -> Result<T, Fault> {
    Err(Fault::internal("being built"))
}

/// See [`Server::loader`].
pub async fn open(_connector: &Connector, _database: &str, _settings: &LoadSettings) -> Result<Box<dyn Loader>, Fault> {
    later()
}
