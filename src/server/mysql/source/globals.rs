//! Users, roles and grants. Owner: objects.

use crate::domain::Fault;
use crate::domain::schema::*;
use crate::domain::server::*;
use crate::server::mysql::connect::Connector;
use crate::server::*;

fn later<T>() -> Result<T, Fault> {
    Err(Fault::internal("being built"))
}

/// See [`Server::globals`].
pub async fn read(_connector: &Connector) -> Result<Vec<SchemaObject>, Fault> {
    later()
}

/// See [`Server::globals_gaps`].
pub async fn gaps(_connector: &Connector) -> Result<Vec<String>, Fault> {
    later()
}
