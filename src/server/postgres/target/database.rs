//! Makes, drops and dresses databases.
use crate::domain::Fault;
use crate::domain::schema::DatabaseProperties;
use crate::server::TargetChoices;
use crate::server::postgres::connect::Connector;

/// See [`crate::server::Server::weigh`].
pub async fn weigh(connector: &Connector, database: &str) -> Result<(u64, u64), Fault> {
    let _ = (connector, database);
    unimplemented!()
}
/// See [`crate::server::Server::create_database`].
pub async fn create(connector: &Connector, name: &str, properties: &DatabaseProperties, choices: &TargetChoices) -> Result<(), Fault> {
    let _ = (connector, name, properties, choices);
    unimplemented!()
}
/// See [`crate::server::Server::drop_database`].
pub async fn drop(connector: &Connector, name: &str) -> Result<(), Fault> {
    let _ = (connector, name);
    unimplemented!()
}
/// See [`crate::server::Server::apply_properties`].
pub async fn apply_properties(
    connector: &Connector,
    name: &str,
    properties: &DatabaseProperties,
    choices: &TargetChoices,
) -> Result<(), Fault> {
    let _ = (connector, name, properties, choices);
    unimplemented!()
}
