//! What is read from and written to PostgreSQL, against real servers.

pub mod locks;
mod source_connect;
mod source_contents;
mod source_globals;
mod source_many;
mod source_rows;
pub mod source_standby;
mod source_tls;
mod target_database;
mod target_loader;
mod waits;

use crate::support;
use dbbackup::domain::Connection;
use dbbackup::domain::connection::SslMode;
use dbbackup::server::postgres::Postgres;
use std::future::Future;

/// Runs a future on a runtime of its own.
fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime").block_on(future)
}

/// The connection of a test server's superuser through its socket.
fn connection(server: &support::postgres::Postgres) -> Connection {
    Connection { host: server.socket.display().to_string(), port: server.port, ..Connection::default() }
}

/// A test server, reached as its superuser.
fn postgres(server: &support::postgres::Postgres) -> Postgres {
    reached(server, connection(server), None)
}

/// A test server, reached by another connection.
fn reached(server: &support::postgres::Postgres, connection: Connection, password: Option<&str>) -> Postgres {
    let password = password.map(|text| text.to_owned().into());
    Postgres::new(connection, password).expect("a prepared connection").with_tools(vec![server.bin.clone()])
}

/// The connection over TCP.
fn tcp(server: &support::postgres::Postgres, user: &str, ssl_mode: SslMode) -> Connection {
    Connection { host: "127.0.0.1".into(), port: server.port, user: user.into(), ssl_mode, ..Connection::default() }
}
