//! An open session: its settings, how to end what it does, and how it ends.

use super::watch::roll::{Entry, Roll};
use crate::server::{Cancel, ROW_TEXT_SETTINGS};
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_postgres::{CancelToken, Client, NoTls, SimpleQueryMessage};
use tokio_postgres_rustls::MakeRustlsConnect;

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
    tls: Option<MakeRustlsConnect>,
    entry: Option<Entry>,
}

impl Session {
    /// A session over a wire that answers; `tls` is how it was encrypted, for cancel requests.
    pub fn over<S, T>(client: Client, wire: tokio_postgres::Connection<S, T>, tls: Option<MakeRustlsConnect>) -> Self
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        Self { client, pid: 0, task: tokio::spawn(drive(wire)), tls, entry: None }
    }

    /// Notes the session's process, and that it is one of ours for as long as it lasts.
    pub fn enlist(&mut self, pid: i32, roll: &Arc<Roll>) {
        self.pid = pid;
        self.entry = Some(roll.enter(pid));
    }

    /// Ends what this session is doing, from outside.
    pub fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::new(Canceller { token: self.client.cancel_token(), tls: self.tls.clone() })
    }

    /// Ends the session in good order: the server has let go of it when this returns, unless it takes longer than a few seconds.
    pub async fn close(self) {
        let Self { client, task, entry: _entry, .. } = self;
        drop(client);
        let abort = task.abort_handle();
        if tokio::time::timeout(CLOSE_LIMIT, task).await.is_err() {
            abort.abort();
        }
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
