//! Opens sessions: authentication, TLS, time limits, and faults that say why it did not work.

use super::pooler;
use super::session;
pub use super::session::Session;
use super::source::tool::Found;
use super::watch::roll::{APPLICATION, Roll};
use super::wire::Wire;
use crate::domain::connection::SslMode;
use crate::domain::server::Pooler;
use crate::domain::{Code, Connection, Fault};
use crate::server::tls;
use secrecy::{ExposeSecret, SecretString};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio_postgres::config::{SslMode as DriverMode, SslNegotiation};
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::TaskTracker;

/// Knows how to open sessions on one server.
#[derive(Clone)]
pub struct Connector {
    connection: Connection,
    password: Option<SecretString>,
    /// Where it is from, for people.
    source: Option<String>,
    tls: Option<MakeRustlsConnect>,
    tools: Vec<PathBuf>,
    poolers: Arc<pooler::Known>,
    found: Arc<Found>,
    roll: Arc<Roll>,
    /// The server has said that it has no TLS; where TLS is only preferred, it is not asked again.
    plain: Arc<AtomicBool>,
    /// Cancel requests for statements whose answers nobody waits for any more. Unbounded: one for each session that is dropped.
    abandoned: TaskTracker,
}

/// What came of an attempt to reach the server itself.
enum Reached {
    Server(Box<Session>),
    /// Something stands before it; what that said of our mark.
    Pooler(Option<String>),
}

/// One way to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Try {
    /// Without TLS.
    Plain,
    /// With TLS where the server has it.
    TlsIfOffered,
    /// With TLS or not at all.
    Tls,
}

/// The ways that a mode allows, in order (libpq's documentation of `sslmode`). A unix socket never has TLS.
pub(super) fn tries(connection: &Connection) -> &'static [Try] {
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
        let tls = if wants_tls { Some(MakeRustlsConnect::new(tls::config(&connection)?)) } else { None };
        Ok(Self {
            connection,
            password,
            source: None,
            tls,
            tools: Vec::new(),
            poolers: Arc::default(),
            roll: Arc::default(),
            plain: Arc::default(),
            found: Arc::default(),
            abandoned: TaskTracker::new(),
        })
    }

    /// The same, with further folders to look for the server's own programs in.
    #[must_use]
    pub fn with_tools(mut self, folders: Vec<PathBuf>) -> Self {
        self.tools = folders;
        self.found = Arc::default();
        self
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

    /// Folders given for programs, before those that are looked through anyway.
    pub fn tools(&self) -> &[PathBuf] {
        &self.tools
    }

    /// Programs that were found there, or elsewhere.
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// The sessions that are open.
    pub fn roll(&self) -> &Arc<Roll> {
        &self.roll
    }

    /// Where cancel requests for what is abandoned are sent.
    pub fn abandoned(&self) -> &TaskTracker {
        &self.abandoned
    }

    /// Waits until they are sent; each has a limit of its own.
    pub async fn settled(&self) {
        // A closed tracker takes further tasks all the same; it only lets waiting end.
        self.abandoned.close();
        self.abandoned.wait().await;
    }

    /// The password, for a program's environment.
    pub fn password(&self) -> Option<&SecretString> {
        self.password.as_ref()
    }

    /// The TLS that it uses, where the mode allows any.
    pub fn tls(&self) -> Option<MakeRustlsConnect> {
        self.tls.clone()
    }

    /// What is said at the login to a database, and nothing else: for whoever lays the line himself.
    pub fn plain_config(&self, database: &str) -> Config {
        let mut config = Config::new();
        config.user(&self.connection.user).dbname(database).application_name(APPLICATION);
        if let Some(password) = &self.password {
            config.password(password.expose_secret());
        }
        config
    }

    /// Adds to a fault where it happened and the steps that need the server's names.
    pub fn place(&self, fault: Fault, database: &str) -> Fault {
        let fault = super::fault::place(fault, &self.connection, database);
        match &self.source {
            Some(source) if fault.code == Code::AuthFailed => fault.at("Password", source),
            _ => fault,
        }
    }

    /// A fault from a driver's error, placed.
    pub fn fault(&self, what: impl Into<String>, error: &tokio_postgres::Error, database: &str) -> Fault {
        self.place(fault(what, error), database)
    }

    /// The pooler before a database, where a session met one.
    pub fn pooler(&self, database: &str) -> Option<Pooler> {
        self.poolers.get(database)?.found().cloned()
    }

    /// Opens a session on a database. `application_name` is "dbbackup"; every session has `search_path = ''` (so every query names
    /// `pg_catalog`), no limit on statements, transactions and idling, `lock_timeout` from the connection, `row_security = off` (a table
    /// that row security would filter is an error instead), unsynchronized scans, no JIT, and ROW_TEXT_SETTINGS. `client_encoding` stays
    /// UTF8: who streams rows says `ENCODING` in its COPY.
    ///
    /// Nothing is set in a session that a pooler could hand to somebody else: see [`pooler`].
    pub async fn session(&self, database: &str) -> Result<Session, Fault> {
        if let Some(met) = self.poolers.get(database) {
            return self.pooled(database, &met).await;
        }
        match self.limited(database, self.reach(database)).await?? {
            Reached::Server(session) => Ok(*session),
            Reached::Pooler(refusal) => self.pooled(database, &self.poolers.meet(database, refusal)).await,
        }
    }

    /// A session without any settings, for whoever asks what a pooler does with it.
    pub async fn bare(&self, database: &str) -> Result<Session, Fault> {
        // A pooler lets us in without a session of the server, so this is not about how many of those there are.
        let opened = tokio::time::timeout(self.limit(), self.login(database, None)).await.map_err(|_| self.late(database))?;
        opened.map_err(|error| self.fault(self.what(), &error, database))
    }

    /// Waits for an answer as long as for a connection.
    pub async fn limited<T>(&self, database: &str, answer: impl Future<Output = T>) -> Result<T, Fault> {
        let limit = self.limit();
        tokio::time::timeout(limit, answer).await.map_err(|_| match self.poolers.get(database) {
            Some(met) => pooler::full(self, database, limit.as_secs(), met.found()),
            None => self.late(database),
        })
    }

    fn late(&self, database: &str) -> Fault {
        let why = format!("no answer within {} s", self.limit().as_secs());
        self.place(Fault::new(Code::ConnectTimeout, self.what()).because(why), database)
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(if self.connection.connect_timeout == 0 { 3600 } else { self.connection.connect_timeout })
    }

    fn what(&self) -> String {
        format!("cannot connect to {}", self.connection.label())
    }

    /// A session of the server itself, with its settings in one round trip.
    async fn reach(&self, database: &str) -> Result<Reached, Fault> {
        let mark = uuid::Uuid::now_v7().simple().to_string();
        let session = match self.login(database, Some(&mark)).await {
            Ok(session) => session,
            Err(error) => match pooler::refuses_mark(&error) {
                Some(refusal) => return Ok(Reached::Pooler(Some(refusal))),
                None => return Err(self.fault(self.what(), &error, database)),
            },
        };
        match self.prepare(session, &pooler::guard(&mark)).await {
            Ok(session) => Ok(Reached::Server(Box::new(session.watched(self, database)))),
            Err(error) if pooler::is_guard(&error) => Ok(Reached::Pooler(None)),
            Err(error) => Err(self.fault("cannot prepare a session", &error, database)),
        }
    }

    /// A session of a pooler's, once it is known that it lasts.
    async fn pooled(&self, database: &str, met: &pooler::Met) -> Result<Session, Fault> {
        pooler::suits(met.look(self, database).await?, self, database)?;
        let session = self.bare(database).await?;
        let prepared = self.limited(database, self.prepare(session, "")).await?;
        let session = prepared.map_err(|error| self.fault("cannot prepare a session", &error, database))?;
        Ok(session.pooled(self, database).watched(self, database))
    }

    async fn login(&self, database: &str, mark: Option<&str>) -> Result<Session, tokio_postgres::Error> {
        let mut first: Option<tokio_postgres::Error> = None;
        let (last, before) = tries(&self.connection).split_last().expect("every mode has a way to connect");
        for way in before.iter().filter(|way| **way != Try::TlsIfOffered || !self.plain.load(Ordering::Relaxed)) {
            match self.attempt(database, *way, mark).await {
                Ok(session) => return Ok(session),
                Err(error) => {
                    // Only what the other way could change is worth a second try.
                    let again = matches!(error.code().map(|code| code.code()), Some("28000"))
                        || (error.as_db_error().is_none() && fault("", &error).code == Code::TlsFailed);
                    if !again {
                        return Err(error);
                    }
                    first = Some(error);
                }
            }
        }
        // That a server has no TLS is no reason for anything where the mode goes on without.
        let first = first.filter(|error| !has_no_tls(error));
        let second = self.attempt(database, *last, mark).await;
        second.map_err(|error| first.filter(|first| !has_no_tls(first) && pooler::refuses_mark(&error).is_none()).unwrap_or(error))
    }

    async fn attempt(&self, database: &str, way: Try, mark: Option<&str>) -> Result<Session, tokio_postgres::Error> {
        let mut config = Config::new();
        config.user(&self.connection.user).dbname(database).port(self.connection.port).application_name(APPLICATION);
        // A peer that is gone is noticed by probes while we listen, and by the watch over silent sessions in any case. TCP's own user timeout is
        // left alone: it also ends connections whose other side takes no bytes for a while, and a COPY may well wait for a lock.
        let silence = self.connection.network_timeout.max(1);
        config.connect_timeout(self.limit()).keepalives(true);
        config.keepalives_idle(Duration::from_secs((silence / 2).clamp(1, 60)));
        config.keepalives_interval(Duration::from_secs((silence / 12).clamp(1, 10))).keepalives_retries(6);
        if let Some(mark) = mark {
            config.options(format!("-c {}={mark}", pooler::MARK));
        }
        if self.connection.is_socket() {
            config.host_path(&self.connection.host);
        } else {
            config.host(&self.connection.host);
        }
        if let Some(password) = &self.password {
            config.password(password.expose_secret());
        }
        if self.connection.is_socket() {
            let path = Path::new(&self.connection.host).join(format!(".s.PGSQL.{}", self.connection.port));
            let Ok(stream) = UnixStream::connect(&path).await else {
                // The driver meets the same failure, and has words for it.
                let (client, connection) = config.ssl_mode(DriverMode::Disable).connect(NoTls).await?;
                return Ok(Session::over(client, connection, None));
            };
            let wire = Wire::local(&path);
            let config = config.ssl_mode(DriverMode::Require).ssl_negotiation(SslNegotiation::Direct);
            let (client, connection) = config.connect_raw(stream, wire.lay()).await?;
            return Ok(Session::over(client, connection, Some(wire)));
        }
        let tls = self.tls.as_ref().filter(|_| way != Try::Plain);
        // To the driver, a wire without TLS is one with a TLS that needs no negotiation: see [`Wire`].
        let negotiation = if tls.is_some() { SslNegotiation::Postgres } else { SslNegotiation::Direct };
        let wire = Wire::new(tls.cloned());
        let opened = config.ssl_mode(DriverMode::Require).ssl_negotiation(negotiation).connect(wire.clone()).await;
        let (client, connection) = opened.inspect_err(|error| {
            if way == Try::TlsIfOffered && has_no_tls(error) {
                self.plain.store(true, Ordering::Relaxed);
            }
        })?;
        Ok(Session::over(client, connection, Some(wire)))
    }

    /// Puts the settings on a new session, in one round trip. When `guard` fails, nothing was set.
    async fn prepare(&self, mut session: Session, guard: &str) -> Result<Session, tokio_postgres::Error> {
        let answer = session.client.simple_query(&session::settings(guard, self.connection.lock_timeout)).await?;
        session.enlist(session::last_value(&answer).and_then(|text| text.parse().ok()).unwrap_or_default(), &self.roll);
        Ok(session)
    }
}

/// Whether the server said that it has no TLS.
fn has_no_tls(error: &tokio_postgres::Error) -> bool {
    std::error::Error::source(error).is_some_and(|source| source.to_string() == "server does not support TLS")
}

/// A fault from a driver's error: classified by SQLSTATE, with what was being done.
pub fn fault(what: impl Into<String>, error: &tokio_postgres::Error) -> Fault {
    super::fault::classify(what, error)
}
