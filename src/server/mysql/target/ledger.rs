//! The ledger of a restore. Owner: target.

use crate::domain::Fault;
use crate::domain::schema::*;
use crate::domain::server::*;
use crate::server::mysql::connect::Connector;
use crate::server::*;

fn later<T>() -> Result<T, Fault> {
    Err(Fault::internal("being built"))
}

/// See [`Server::ledger`].
pub async fn head(_connector: &Connector, _database: &str) -> Result<Option<LedgerHead>, Fault> {
    later()
}
