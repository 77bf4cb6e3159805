//! Databases of the target. Owner: target.

use crate::domain::Fault;
use crate::domain::schema::*;
use crate::domain::server::*;
use crate::server::mysql::connect::Connector;
use crate::server::*;

fn later<T>() -> Result<T, Fault> {
    Err(Fault::internal("being built"))
}

/// See [`Server::weigh`].
pub async fn weigh(_connector: &Connector, _name: &str) -> Result<(u64, u64), Fault> {
    later()
}

/// See [`Server::create_database`].
pub async fn create(_connector: &Connector, _name: &str, _properties: &DatabaseProperties) -> Result<(), Fault> {
    later()
}

/// See [`Server::drop_database`].
pub async fn drop(_connector: &Connector, _name: &str) -> Result<(), Fault> {
    later()
}

/// See [`Server::rename_database`].
pub async fn rename(_connector: &Connector, _name: &str, _new: &str) -> Result<(), Fault> {
    later()
}

/// See [`Server::apply_properties`].
pub async fn apply_properties(
    _c: &Connector,
    _name: &str,
    _properties: &DatabaseProperties,
    _choices: &TargetChoices,
) -> Result<(), Fault> {
    later()
}
