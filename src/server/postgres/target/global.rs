//! Runs global objects.
use crate::domain::Fault;
use crate::domain::schema::SchemaObject;
use crate::server::TargetChoices;
use crate::server::postgres::connect::Connector;

/// See [`crate::server::Server::apply_global`].
pub async fn apply(connector: &Connector, object: &SchemaObject, choices: &TargetChoices) -> Result<(), Fault> {
    let _ = (connector, object, choices);
    unimplemented!()
}
