//! What a target offers. Owner: target.

use crate::domain::Fault;
use crate::domain::schema::*;
use crate::domain::server::*;
use crate::server::mysql::connect::Connector;
use crate::server::*;

fn later<T>() -> Result<T, Fault> {
    Err(Fault::internal("being built"))
}

/// See [`Server::supplies`].
pub async fn read(_connector: &Connector) -> Result<Supplies, Fault> {
    later()
}
