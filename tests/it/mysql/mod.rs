//! MySQL and MariaDB, on real servers.

mod before;
mod binlog;
mod diagnose;
mod foreign;
mod line;
mod load;
mod logged;
mod objects;
mod odd;
mod pitr;
mod restore;
mod session;
mod source;
mod target;
mod watch;
mod whole;

use crate::support::mysql::Mysql;
use dbbackup::domain::Connection;
use dbbackup::server::mysql::connect::{Connector, Session};
use secrecy::SecretString;

/// Knows the way there.
fn connector(connection: Connection, password: &str) -> Connector {
    Connector::new(connection, Some(SecretString::from(password))).expect("a connector")
}

/// A session through the server's socket that may do everything.
async fn root(server: &Mysql) -> Session {
    connector(server.local("root"), "").session(None).await.expect("a session")
}

/// The first value of the first row.
async fn first(session: &mut Session, sql: &str) -> String {
    session.query(sql).await.expect("an answer")[0].owned(0)
}
