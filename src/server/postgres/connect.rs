//! Opens sessions: authentication, TLS, time limits, and faults that say why it did not work.

use crate::domain::{Connection, Fault};

/// Knows how to open sessions on one server.
pub struct Connector {
    connection: Connection,
    _password: Option<secrecy::SecretString>,
}

/// An open session: the client, its connection task, and how to end a statement at work.
pub struct Session {
    /// The client.
    pub client: tokio_postgres::Client,
    /// The backend's process id.
    pub pid: i32,
}

impl Connector {
    /// Prepares TLS and the password; sends nothing.
    pub fn new(connection: Connection, password: Option<secrecy::SecretString>) -> Result<Self, Fault> {
        Ok(Self { connection, _password: password })
    }

    /// How the server is reached.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Opens a session on a database. `application_name` is "dbbackup"; every session has `search_path = ''`, `statement_timeout = 0`,
    /// `idle_in_transaction_session_timeout = 0`, `lock_timeout` from the connection, `row_security = off`, and ROW_TEXT_SETTINGS.
    pub async fn session(&self, database: &str) -> Result<Session, Fault> {
        let _ = database;
        unimplemented!()
    }
}

/// A fault from a driver's error: classified by SQLSTATE, with what was being done.
pub fn fault(what: impl Into<String>, error: &tokio_postgres::Error) -> Fault {
    let _ = (what.into(), error);
    unimplemented!()
}
