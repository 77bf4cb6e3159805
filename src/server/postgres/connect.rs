//! Opens sessions: authentication, TLS, time limits, and faults that say why it did not work.

use super::tls;
use crate::domain::connection::SslMode;
use crate::domain::{Code, Connection, Fault};
use crate::server::{Cancel, ROW_TEXT_SETTINGS};
use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::{CancelToken, Client, Config, NoTls, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a request to cancel may take.
const CANCEL_LIMIT: Duration = Duration::from_secs(3);

/// How long the goodbye of a session may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(3);

/// Knows how to open sessions on one server.
#[derive(Clone)]
pub struct Connector {
    connection: Connection,
    password: Option<SecretString>,
    tls: Option<MakeRustlsConnect>,
    tools: Vec<PathBuf>,
}

/// An open session: the client, its connection task, and how to end a statement at work.
pub struct Session {
    /// The client.
    pub client: Client,
    /// The backend's process id.
    pub pid: i32,
    task: JoinHandle<()>,
    tls: Option<MakeRustlsConnect>,
}

/// One way to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Try {
    Plain,
    TlsIfOffered,
    Tls,
}

/// The ways that a mode allows, in order (libpq's documentation of `sslmode`). A unix socket never has TLS.
fn tries(connection: &Connection) -> &'static [Try] {
    match connection.ssl_mode {
        _ if connection.is_socket() => &[Try::Plain],
        SslMode::Disable => &[Try::Plain],
        SslMode::Allow => &[Try::Plain, Try::Tls],
        SslMode::Prefer => &[Try::TlsIfOffered, Try::Plain],
        SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => &[Try::Tls],
    }
}

impl Connector {
    /// The role that it logs in as.
    pub fn role(&self) -> &str {
        &self.connection.user
    }

    /// Prepares TLS and the password; sends nothing.
    pub fn new(connection: Connection, password: Option<SecretString>) -> Result<Self, Fault> {
        let wants_tls = tries(&connection).iter().any(|way| *way != Try::Plain);
        let tls = if wants_tls { Some(tls::connector(&connection)?) } else { None };
        Ok(Self { connection, password, tls, tools: Vec::new() })
    }

    /// The same, with further folders to look for the server's own programs in.
    #[must_use]
    pub fn with_tools(mut self, folders: Vec<PathBuf>) -> Self {
        self.tools = folders;
        self
    }

    /// How the server is reached.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Folders given for programs, before those that are looked through anyway.
    pub fn tools(&self) -> &[PathBuf] {
        &self.tools
    }

    /// The password, for a program's environment.
    pub fn password(&self) -> Option<&SecretString> {
        self.password.as_ref()
    }

    /// Adds to a fault where it happened and the steps that need the server's names.
    pub fn place(&self, fault: Fault, database: &str) -> Fault {
        super::fault::place(fault, &self.connection, database)
    }

    /// A fault from a driver's error, placed.
    pub fn fault(&self, what: impl Into<String>, error: &tokio_postgres::Error, database: &str) -> Fault {
        self.place(fault(what, error), database)
    }

    /// Opens a session on a database. `application_name` is "dbbackup"; every session has `search_path = ''` (so every query names
    /// `pg_catalog`), no limit on statements, transactions and idling, `lock_timeout` from the connection, `row_security = off` (a table
    /// that row security would filter is an error instead), unsynchronized scans, no JIT, and ROW_TEXT_SETTINGS. `client_encoding` stays
    /// UTF8: who streams rows says `ENCODING` in its COPY.
    pub async fn session(&self, database: &str) -> Result<Session, Fault> {
        let seconds = if self.connection.connect_timeout == 0 { 3600 } else { self.connection.connect_timeout };
        let limit = Duration::from_secs(seconds);
        let opened = tokio::time::timeout(limit, self.open(database, limit)).await;
        opened.unwrap_or_else(|_| {
            let fault = Fault::new(Code::ConnectTimeout, self.what()).because(format!("no answer within {seconds} s"));
            Err(self.place(fault, database))
        })
    }

    fn what(&self) -> String {
        format!("cannot connect to {}", self.connection.label())
    }

    async fn open(&self, database: &str, limit: Duration) -> Result<Session, Fault> {
        let mut first: Option<tokio_postgres::Error> = None;
        for way in tries(&self.connection) {
            match self.attempt(database, *way, limit).await {
                Ok(session) => return self.prepare(session, database).await,
                Err(error) => {
                    // Only what the other way could change is worth a second try.
                    let again = matches!(error.code().map(|code| code.code()), Some("28000"))
                        || (error.as_db_error().is_none() && fault("", &error).code == Code::TlsFailed);
                    let error = first.take().unwrap_or(error);
                    if !again {
                        return Err(self.fault(self.what(), &error, database));
                    }
                    first = Some(error);
                }
            }
        }
        match first {
            Some(error) => Err(self.fault(self.what(), &error, database)),
            None => Err(Fault::internal("a connection mode without a way to connect")),
        }
    }

    async fn attempt(&self, database: &str, way: Try, limit: Duration) -> Result<Session, tokio_postgres::Error> {
        let mut config = Config::new();
        config.user(&self.connection.user).dbname(database).port(self.connection.port).application_name("dbbackup");
        config.connect_timeout(limit).keepalives(true).keepalives_idle(Duration::from_secs(60));
        config.keepalives_interval(Duration::from_secs(10)).keepalives_retries(6);
        if self.connection.is_socket() {
            config.host_path(&self.connection.host);
        } else {
            config.host(&self.connection.host);
        }
        if let Some(password) = &self.password {
            config.password(password.expose_secret());
        }
        match (way, &self.tls) {
            (Try::Tls | Try::TlsIfOffered, Some(tls)) => {
                let mode = if way == Try::Tls { tokio_postgres::config::SslMode::Require } else { tokio_postgres::config::SslMode::Prefer };
                let (client, wire) = config.ssl_mode(mode).connect(tls.clone()).await?;
                Ok(Session { client, pid: 0, task: tokio::spawn(drive(wire)), tls: Some(tls.clone()) })
            }
            _ => {
                let (client, wire) = config.ssl_mode(tokio_postgres::config::SslMode::Disable).connect(NoTls).await?;
                Ok(Session { client, pid: 0, task: tokio::spawn(drive(wire)), tls: None })
            }
        }
    }

    /// Puts the settings on a new session, in one round trip.
    async fn prepare(&self, mut session: Session, database: &str) -> Result<Session, Fault> {
        let mut sql = String::from(
            "SET search_path = ''; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET row_security = off; \
             SET client_min_messages = warning; SET standard_conforming_strings = on; SET synchronize_seqscans = off; SET jit = off; \
             SET client_encoding = 'UTF8';",
        );
        sql.push_str(&format!("SET lock_timeout = {};", self.connection.lock_timeout.min(2_000_000).saturating_mul(1000)));
        for (name, value) in ROW_TEXT_SETTINGS {
            sql.push_str(&format!("SET {name} = {};", super::quote::literal(value)));
        }
        // Settings that only newer servers have are asked for by name, so that no version is needed here.
        sql.push_str(
            "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings \
             WHERE name IN ('idle_session_timeout', 'transaction_timeout'); SELECT pg_catalog.pg_backend_pid();",
        );
        let answer = session.client.simple_query(&sql).await.map_err(|e| self.fault("cannot prepare a session", &e, database))?;
        let pid = answer.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).and_then(|text| text.parse().ok()),
            _ => None,
        });
        session.pid = pid.ok_or_else(|| Fault::internal("the server did not tell the session's process id"))?;
        Ok(session)
    }
}

/// Runs a connection to its end. What ends it early reaches the client's callers as their own error, so nothing is reported here.
async fn drive<S, T>(wire: tokio_postgres::Connection<S, T>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    if let Err(error) = wire.await {
        tracing::debug!(%error, "a session ended early");
    }
}

impl Session {
    /// Ends what this session is doing, from outside.
    pub fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::new(Canceller { token: self.client.cancel_token(), tls: self.tls.clone() })
    }

    /// Ends the session in good order: the server has let go of it when this returns, unless it takes longer than a few seconds.
    pub async fn close(self) {
        let Self { client, task, .. } = self;
        drop(client);
        let abort = task.abort_handle();
        if tokio::time::timeout(CLOSE_LIMIT, task).await.is_err() {
            abort.abort();
        }
    }
}

/// Sends cancel requests on connections of their own.
struct Canceller {
    token: CancelToken,
    tls: Option<MakeRustlsConnect>,
}

impl Cancel for Canceller {
    fn cancel(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let sent = tokio::time::timeout(CANCEL_LIMIT, async {
                match &self.tls {
                    Some(tls) => self.token.cancel_query(tls.clone()).await,
                    None => self.token.cancel_query(NoTls).await,
                }
            });
            match sent.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%error, "a cancel request failed"),
                Err(_) => tracing::debug!("a cancel request took too long"),
            }
        })
    }
}

/// A fault from a driver's error: classified by SQLSTATE, with what was being done.
pub fn fault(what: impl Into<String>, error: &tokio_postgres::Error) -> Fault {
    super::fault::classify(what, error)
}
