//! Roles, memberships, settings, tablespaces.
use crate::domain::Fault;
use crate::domain::schema::SchemaObject;
use crate::server::postgres::connect::Connector;

/// See [`crate::server::Server::globals`].
pub async fn read(connector: &Connector) -> Result<Vec<SchemaObject>, Fault> {
    let _ = connector;
    unimplemented!()
}
