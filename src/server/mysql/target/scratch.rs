//! Databases for trials. Owner: target.

use crate::domain::Fault;
use crate::domain::schema::*;
use crate::domain::server::*;
use crate::server::mysql::connect::Connector;
use crate::server::*;

fn later<T>() -> Result<T, Fault> {
    Err(Fault::internal("being built"))
}

/// See [`Server::scratch`].
pub async fn make(_connector: &Connector, _purpose: Purpose, _properties: &DatabaseProperties) -> Result<Box<dyn Scratch>, Fault> {
    later()
}

/// See [`Server::sweep_scratches`].
pub async fn sweep(_connector: &Connector, _purpose: Purpose) -> Result<Swept, Fault> {
    later()
}
