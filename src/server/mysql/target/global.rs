//! Users, roles and grants on the target. Owner: objects.

use crate::domain::Fault;
use crate::domain::schema::*;
use crate::domain::server::*;
use crate::server::mysql::connect::Connector;
use crate::server::*;

fn later<T>() -> Result<T, Fault> {
    Err(Fault::internal("being built"))
}

/// See [`Server::apply_global`].
pub async fn apply(_connector: &Connector, _object: &SchemaObject, _choices: &TargetChoices) -> Result<(), Fault> {
    later()
}
