//! What holds rows in a database, and how large it is.
use crate::domain::Fault;
use crate::domain::schema::Table;
use crate::server::postgres::connect::Connector;

/// See [`crate::server::Server::survey`].
pub async fn survey(connector: &Connector, database: &str) -> Result<Vec<Table>, Fault> {
    let _ = (connector, database);
    unimplemented!()
}
