//! A session that changes a database.
use crate::domain::Fault;
use crate::server::postgres::connect::Connector;
use crate::server::{LoadSettings, Loader};

/// See [`crate::server::Server::loader`].
pub async fn open(connector: &Connector, database: &str, settings: &LoadSettings) -> Result<Box<dyn Loader>, Fault> {
    let _ = (connector, database, settings);
    unimplemented!()
}
