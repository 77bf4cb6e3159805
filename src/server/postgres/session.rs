//! An open session: its settings, how to end what it does, and how it ends.

use super::connect::Connector;
use super::stall::{self, Order};
use super::watch::roll::{Entry, Roll};
use super::wire::{Pulse, Wire};
use crate::domain::{Code, Fault};
use crate::server::{Cancel, ROW_TEXT_SETTINGS};
use futures_util::future::BoxFuture;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_postgres::{CancelToken, Client, NoTls, SimpleQueryMessage};
use tokio_util::task::TaskTracker;

/// How long a request to cancel may take.
const CANCEL_LIMIT: Duration = Duration::from_secs(3);

/// How long the goodbye of a session may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(3);

/// An open session: the client, its connection task, and how to end a statement at work.
pub struct Session {
    /// The client.
    pub client: Client,
    /// The backend's process id.
    pub pid: i32,
    task: JoinHandle<()>,
    entry: Option<Entry>,
    abandon: Option<Abandon>,
    /// How it reached the server, where its bytes are watched.
    wire: Option<Wire>,
    /// Takes the order to watch the session, once it is known who it is on the server. One message; the task that drives the session reads it,
    /// and ends with the session.
    watch: Option<oneshot::Sender<Order>>,
    /// For a session of a pooler's: how to reach the server beside it. It ends with the session: whoever is to cancel holds on to it weakly,
    /// since the pooler then gives the server's session to somebody else.
    beside: Option<Arc<Beside>>,
}

/// Where a cancel request by statement is sent from.
struct Beside {
    connector: Connector,
    database: String,
    pid: i32,
}

impl Session {
    /// A session over a connection that answers; `wire` is what it was laid with.
    pub fn over<S, T>(client: Client, connection: tokio_postgres::Connection<S, T>, wire: Option<Wire>) -> Self
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (watch, order) = oneshot::channel();
        let task = tokio::spawn(drive(connection, order, wire.as_ref().map(Wire::pulse)));
        Self { client, pid: 0, task, wire, watch: Some(watch), beside: None, entry: None, abandon: None }
    }

    /// Notes the session's process, and that it is one of ours for as long as it lasts.
    pub fn enlist(&mut self, pid: i32, roll: &Arc<Roll>) {
        self.pid = pid;
        self.entry = Some(roll.enter(pid));
    }

    /// The same, watched from now on: a session that is dead on its feet ends like one whose connection broke.
    #[must_use]
    pub fn watched(mut self, connector: &Connector, database: &str) -> Self {
        // A pooler gives the server's session to somebody else as soon as this one is gone: nothing of it can be cancelled then.
        if let Some(wire) = self.wire.clone().filter(|_| self.beside.is_none()) {
            let canceller = Canceller { token: self.client.cancel_token(), wire: Some(wire) };
            self.abandon = Some(Abandon { canceller: Some(canceller), requests: connector.abandoned().clone() });
        }
        if let Some(watch) = self.watch.take() {
            // Where the session has ended already there is nothing to watch.
            let _ = watch.send(Order { connector: connector.clone(), database: database.to_owned(), pid: self.pid });
        }
        self
    }

    /// Adds to the fault of a session that was given up why it was.
    pub fn explain(&self, fault: Fault) -> Fault {
        match self.wire.as_ref().map(Wire::pulse).as_deref().and_then(Pulse::reason) {
            Some(reason) if fault.code == Code::ServerUnavailable => fault.because(reason).step(
                "Look at what is between here and the server: a proxy, a firewall, a tunnel. Wait longer with --network-timeout SECONDS.",
            ),
            _ => fault,
        }
    }

    /// The same as a session of a pooler's, whose statements are cancelled by a statement of another session: PgBouncer's forwarding of cancel
    /// requests takes the whole pooler down in versions 1.18 to 1.24 when the asking side is the first to hang up (pgbouncer#801, #1383).
    #[must_use]
    pub fn pooled(mut self, connector: &Connector, database: &str) -> Self {
        let (connector, database) = (connector.clone(), database.to_owned());
        self.beside = Some(Arc::new(Beside { connector, database, pid: self.pid }));
        self
    }

    /// Ends what this session is doing, from outside.
    pub fn canceller(&self) -> Arc<dyn Cancel> {
        match &self.beside {
            Some(beside) => Arc::new(CancelBeside(Arc::downgrade(beside))),
            None => Arc::new(Canceller { token: self.client.cancel_token(), wire: self.wire.clone() }),
        }
    }

    /// Ends the session in good order: the server has let go of it when this returns, unless it takes longer than a few seconds.
    pub async fn close(self) {
        let Self { client, task, beside, entry: _entry, abandon, .. } = self;
        if let Some(mut abandon) = abandon {
            abandon.canceller = None;
        }
        drop((beside, client));
        let abort = task.abort_handle();
        if tokio::time::timeout(CLOSE_LIMIT, task).await.is_err() {
            abort.abort();
        }
    }
}

/// Runs a connection to its end. What ends it early reaches the client's callers as their own error, so nothing is reported here.
async fn drive<S, T>(connection: tokio_postgres::Connection<S, T>, order: oneshot::Receiver<Order>, pulse: Option<Arc<Pulse>>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let dead = async {
        match (order.await, &pulse) {
            (Ok(order), Some(pulse)) => pulse.give_up(stall::watch(order, Arc::clone(pulse)).await),
            _ => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        ended = connection => if let Err(error) = ended {
            tracing::debug!(%error, "a session ended early");
        },
        () = dead => tracing::warn!(reason = pulse.as_deref().and_then(Pulse::reason), "a session was given up"),
    }
}

/// The settings of every session, ending with a query for its process id. Sent as one simple query, this is one transaction: when anything
/// in it fails, nothing of it stays. `first` stands before everything else.
pub fn settings(first: &str, lock_timeout: u64) -> String {
    let mut sql = String::from(first);
    sql.push_str(
        "SET search_path = ''; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET row_security = off; \
         SET client_min_messages = warning; SET standard_conforming_strings = on; SET synchronize_seqscans = off; SET jit = off; \
         SET client_encoding = 'UTF8';",
    );
    sql.push_str(&format!("SET lock_timeout = {};", lock_timeout.min(2_000_000).saturating_mul(1000)));
    for (name, value) in ROW_TEXT_SETTINGS {
        sql.push_str(&format!("SET {name} = {};", super::quote::literal(value)));
    }
    // What is said to be done is done, whatever the server's own default; sessions for which it need not be say so themselves.
    sql.push_str(
        "SELECT pg_catalog.set_config('synchronous_commit', 'local', false) WHERE pg_catalog.current_setting('synchronous_commit') = 'off';",
    );
    // Settings that only newer servers have are asked for by name, so that no version is needed here.
    sql.push_str(
        "SELECT pg_catalog.set_config(name, '0', false) FROM pg_catalog.pg_settings \
         WHERE name IN ('idle_session_timeout', 'transaction_timeout'); SELECT pg_catalog.pg_backend_pid();",
    );
    sql
}

/// The first value of the last row of an answer.
pub fn last_value(answer: &[SimpleQueryMessage]) -> Option<&str> {
    answer.iter().rev().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    })
}

/// Sends cancel requests on connections of their own.
struct Canceller {
    token: CancelToken,
    wire: Option<Wire>,
}

impl Cancel for Canceller {
    fn cancel(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let sent = tokio::time::timeout(CANCEL_LIMIT, async {
                match &self.wire {
                    Some(wire) => match wire.socket() {
                        // On a wire of its own: its bytes are no sign of life of the session's.
                        Some(path) => {
                            let Ok(stream) = UnixStream::connect(path).await else { return Ok(()) };
                            self.token.cancel_query_raw(stream, Wire::local(path).lay()).await
                        }
                        None => self.token.cancel_query(wire.clone()).await,
                    },
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

/// Cancels on the server what a session was asked, when it is dropped before the answer: the server would not notice for a long time.
struct Abandon {
    canceller: Option<Canceller>,
    requests: TaskTracker,
}

impl Drop for Abandon {
    fn drop(&mut self) {
        let Some(canceller) = self.canceller.take().filter(Canceller::is_at_work) else { return };
        // Without a runtime the program is at its end, and so are its connections.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            self.requests.spawn_on(async move { canceller.cancel().await }, &runtime);
        }
    }
}

impl Canceller {
    fn is_at_work(&self) -> bool {
        self.wire.as_ref().is_some_and(|wire| !wire.pulse().is_idle())
    }
}

/// Cancels by a statement of another session of the pooler's.
struct CancelBeside(Weak<Beside>);

impl Cancel for CancelBeside {
    fn cancel(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Some(beside) = self.0.upgrade() else { return };
            let (connector, database, pid) = (beside.connector.clone(), beside.database.clone(), beside.pid);
            drop(beside);
            let sent = tokio::time::timeout(CANCEL_LIMIT, async {
                let other = connector.session(&database).await?;
                // Asked again just before: the session may have ended in the meantime. A restore's sessions carry its run behind the name.
                if self.0.strong_count() > 0 {
                    let sql = format!(
                        "SELECT pg_catalog.pg_cancel_backend(pid) FROM pg_catalog.pg_stat_activity \
                          WHERE pid = {pid} AND state = 'active' AND application_name ~ '^dbbackup( |$)'"
                    );
                    let sent = other.client.simple_query(&sql).await;
                    sent.map_err(|error| connector.fault("cannot cancel", &error, &database))?;
                }
                other.close().await;
                Ok::<(), crate::domain::Fault>(())
            });
            match sent.await {
                Ok(Ok(())) => {}
                Ok(Err(fault)) => tracing::debug!(%fault, "a cancel request failed"),
                Err(_) => tracing::debug!("a cancel request took too long"),
            }
        })
    }
}
