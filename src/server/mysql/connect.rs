//! Opens sessions: which ways to try, time limits, settings, and faults that say why it did not work.

use super::fault;
pub use super::session::Session;
use super::session::{self, Ending};
use super::watch::Roll;
use super::wire::{self, Error, Opened, Row, Way};
use crate::domain::connection::SslMode;
use crate::domain::{Code, Connection, Fault};
use crate::server::tls;
use secrecy::SecretString;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::task::TaskTracker;

/// Knows how to open sessions on one server. Cheap to clone.
#[derive(Clone)]
pub struct Connector(Arc<Inner>);

struct Inner {
    connection: Connection,
    password: Option<SecretString>,
    /// Where it is from, for people.
    source: Option<String>,
    ways: Vec<Way>,
    /// The sessions that are open.
    roll: Arc<Roll>,
    /// Sessions that are ended since nobody waits for their answers any more. Unbounded: one for each session that is dropped.
    abandoned: TaskTracker,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Connector").field(&self.0.connection.label()).finish()
    }
}

/// The ways that a mode allows, in order, with PostgreSQL's words for MySQL's: disable, prefer (PREFERRED), require (REQUIRED), verify-ca
/// and verify-full (VERIFY_IDENTITY). A unix socket never has TLS.
fn ways(connection: &Connection) -> Result<Vec<Way>, Fault> {
    if connection.is_socket() || connection.ssl_mode == SslMode::Disable {
        return Ok(vec![Way::Plain]);
    }
    let config = Arc::new(tls::config(connection)?);
    Ok(match connection.ssl_mode {
        SslMode::Allow => vec![Way::Plain, Way::Tls(config)],
        SslMode::Prefer => vec![Way::Offered(config), Way::Plain],
        _ => vec![Way::Tls(config)],
    })
}

impl Connector {
    /// Prepares TLS and the password; sends nothing.
    pub fn new(connection: Connection, password: Option<SecretString>) -> Result<Self, Fault> {
        let ways = ways(&connection)?;
        Ok(Self(Arc::new(Inner { connection, password, source: None, ways, roll: Arc::default(), abandoned: TaskTracker::new() })))
    }

    /// The same, told where the password is from, for the one who has to find out why it is wrong.
    #[must_use]
    pub fn with_source(self, source: String) -> Self {
        let Inner { connection, password, ways, .. } = &*self.0;
        let (connection, password, ways) = (connection.clone(), password.clone(), ways.clone());
        Self(Arc::new(Inner { connection, password, source: Some(source), ways, roll: Arc::default(), abandoned: TaskTracker::new() }))
    }

    /// How the server is reached.
    pub fn connection(&self) -> &Connection {
        &self.0.connection
    }

    /// The ways that the mode allows, in order.
    pub(super) fn ways(&self) -> &[Way] {
        &self.0.ways
    }

    /// The password.
    pub(super) fn password(&self) -> Option<&SecretString> {
        self.0.password.as_ref()
    }

    /// The sessions that are open.
    pub(super) fn roll(&self) -> &Arc<Roll> {
        &self.0.roll
    }

    /// Opens a session, in a database where one is named. What it is told is in [`session::settings`].
    pub async fn session(&self, database: Option<&str>) -> Result<Session, Fault> {
        let opened = self.limited(async {
            let mut session = self.bare(database).await.map_err(|error| (self.what(), error))?;
            let settings = session::settings(session.flavour(), self.0.connection.lock_timeout);
            session.run(&settings).await.map_err(|error| ("cannot prepare a session".to_owned(), error))?;
            session.watched();
            Ok(session)
        });
        opened.await.map_err(|(what, error)| self.fault(what, &error, database.unwrap_or_default()))
    }

    /// The same with an error in place of a fault, and without any settings.
    pub async fn bare(&self, database: Option<&str>) -> Result<Session, Error> {
        let (last, before) = self.0.ways.split_last().expect("every mode has a way to connect");
        for way in before {
            match self.open(way, database).await {
                Ok(opened) => return Session::over(opened, self).await,
                Err(error) if other_way_may_help(way, &error) => {}
                Err(error) => return Err(error),
            }
        }
        Session::over(self.open(last, database).await?, self).await
    }

    async fn open(&self, way: &Way, database: Option<&str>) -> Result<Opened, Error> {
        wire::open(&self.0.connection, self.0.password.as_ref(), way, database).await
    }

    /// Waits no longer than for a connection.
    async fn limited<T>(&self, work: impl Future<Output = Result<T, (String, Error)>>) -> Result<T, (String, Error)> {
        let limit = self.limit();
        match tokio::time::timeout(limit, work).await {
            Ok(done) => done,
            Err(_) => Err((self.what(), Error::Late(limit))),
        }
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(if self.0.connection.connect_timeout == 0 { 3600 } else { self.0.connection.connect_timeout })
    }

    fn what(&self) -> String {
        format!("cannot connect to {}", self.0.connection.label())
    }

    /// A fault from an error, placed.
    pub fn fault(&self, what: impl Into<String>, error: &Error, database: &str) -> Fault {
        self.place(fault::classify(what, error), database)
    }

    /// Adds to a fault where it happened and the steps that need the server's names.
    pub fn place(&self, fault: Fault, database: &str) -> Fault {
        let fault = fault::place(fault, &self.0.connection, database);
        match &self.0.source {
            Some(source) if fault.code == Code::AuthFailed => fault.at("Password", source),
            _ => fault,
        }
    }

    /// The answer to one small question, from a session of its own. Waits no longer than for a connection.
    pub(super) async fn answer(&self, sql: &str) -> Result<Vec<Row>, Error> {
        // In a box: sessions are looked after by what opens sessions.
        let asked = Box::pin(async {
            let mut other = self.bare(None).await?;
            let rows = other.query(sql).await?;
            other.close().await;
            Ok(rows)
        });
        self.limited(async { asked.await.map_err(|error| (String::new(), error)) }).await.map_err(|(_, error)| error)
    }

    /// Ends a session's statement, or the session, by another one. Gives up after a few seconds.
    pub(super) async fn kill(&self, id: u64, ending: Ending) {
        let sql = match ending {
            Ending::Statement => format!("KILL QUERY {id}"),
            Ending::Session => format!("KILL {id}"),
        };
        // In a box: sessions are ended by what opens sessions.
        let killed = Box::pin(async {
            let mut other = self.bare(None).await?;
            other.run(&sql).await?;
            other.close().await;
            Ok::<(), Error>(())
        });
        match tokio::time::timeout(session::KILL_LIMIT, killed).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, "a session could not be ended"),
            Err(_) => tracing::debug!("ending a session took too long"),
        }
    }

    /// Ends a session that nobody waits for, as long as the program lives.
    pub(super) fn abandon(&self, id: u64) {
        // Without a runtime the program is at its end, and so are its connections.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let connector = self.clone();
            self.0.abandoned.spawn_on(async move { connector.kill(id, Ending::Session).await }, &runtime);
        }
    }

    /// Waits until what was abandoned is ended on the server too; each has a limit of its own.
    pub async fn settled(&self) {
        // A closed tracker takes further tasks all the same; it only lets waiting end.
        self.0.abandoned.close();
        self.0.abandoned.wait().await;
    }
}

/// Whether trying with, or without, TLS could make a difference.
pub(super) fn other_way_may_help(way: &Way, error: &Error) -> bool {
    match (way, error) {
        // 3159: the server wants TLS of everybody; 1045: it may want it of this user.
        (Way::Plain, Error::Server { number: 1045 | 3159, .. }) => true,
        (Way::Offered(_), Error::Tls(_)) => true,
        _ => false,
    }
}
