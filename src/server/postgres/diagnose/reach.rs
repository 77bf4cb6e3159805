//! The way to a session, one step after the other, each with its time: resolve, connect, TLS, login.

use crate::domain::diagnosis::{Hop, HopStep, ServerFacts};
use crate::domain::{Code, Fault};
use crate::server::hops::{connect, hop, late, millis, resolve, step};
use crate::server::postgres::connect::{Connector, Session, Try, tries};
use crate::server::postgres::fault::classify;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::NoTls;
use tokio_postgres::config::SslMode as DriverMode;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};

/// Milliseconds that stand for "it did not come to that".
const NEVER: u64 = u64::MAX;

/// Goes the way; every step that was gone is noted, the one that failed as the last.
pub async fn reach(connector: &Connector, deadline: Instant, facts: &mut ServerFacts) -> Option<Session> {
    let connection = connector.connection();
    if connection.is_socket() {
        let began = Instant::now();
        let path = connection.address();
        let opened = timeout_at(deadline, UnixStream::connect(&path)).await;
        let stream = step(facts, HopStep::Connect, began, opened, |_| path.clone())?;
        return login(connector, deadline, facts, stream, Try::Plain).await;
    }
    let began = Instant::now();
    let addresses = step(facts, HopStep::Resolve, began, timeout_at(deadline, resolve(&connection.host, connection.port)).await, |all| {
        all.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(", ")
    })?;
    facts.local = addresses.iter().all(|address| address.ip().is_loopback());
    let mut stream = Some(connect(&addresses, deadline, facts).await?);
    let ways = tries(connection);
    for (nth, way) in ways.iter().enumerate() {
        let line = match stream.take() {
            Some(line) => line,
            None => connect(&addresses, deadline, facts).await?,
        };
        let session = login(connector, deadline, facts, line, *way).await;
        let again = facts.broken().is_some_and(|hop| hop.code == Some(Code::TlsFailed) || hop.sqlstate.as_deref() == Some("28000"));
        if session.is_some() || !again || nth + 1 == ways.len() {
            return session;
        }
        // The mode allows another way; only what came of the last one counts.
        facts.reach.retain(|hop| hop.step == HopStep::Resolve);
    }
    None
}

/// TLS, where it is wanted, and the login, over a connection that is there.
async fn login<S>(connector: &Connector, deadline: Instant, facts: &mut ServerFacts, stream: S, way: Try) -> Option<Session>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let connection = connector.connection();
    let config = connector.plain_config(&connection.database);
    let began = Instant::now();
    let tls = connector.tls().filter(|_| way != Try::Plain);
    let clock = Arc::new(AtomicU64::new(NEVER));
    let opened = match tls {
        None => {
            let mut config = config;
            let opening = config.ssl_mode(DriverMode::Disable).connect_raw(stream, NoTls);
            timeout_at(deadline, opening).await.map(|opened| opened.map(|(client, line)| Session::over(client, line, None)))
        }
        Some(mut tls) => {
            let mut config = config;
            let mode = if way == Try::Tls { DriverMode::Require } else { DriverMode::Prefer };
            match MakeTlsConnect::<S>::make_tls_connect(&mut tls, &connection.host) {
                Ok(inner) => {
                    let timed = Timed { inner, clock: Arc::clone(&clock) };
                    let opening = config.ssl_mode(mode).connect_raw(stream, timed);
                    timeout_at(deadline, opening).await.map(|opened| opened.map(|(client, line)| Session::over(client, line, None)))
                }
                Err(error) => {
                    facts.reach.push(hop(HopStep::Tls, began, Err((Code::TlsFailed, error.to_string()))));
                    return None;
                }
            }
        }
    };
    let whole = millis(began.elapsed());
    let handshake = clock.load(Ordering::Relaxed);
    let said_tls = |took_ms: u64, said: &str| Hop { took_ms, ..hop(HopStep::Tls, began, Ok(said.to_owned())) };
    match opened {
        Ok(Ok(session)) => {
            match (way, handshake) {
                (Try::Plain, _) => {}
                (_, NEVER) => facts.reach.push(said_tls(0, "not offered, not used")),
                (_, took) => facts.reach.push(said_tls(took, "encrypted")),
            }
            let took_ms = if handshake == NEVER { whole } else { whole.saturating_sub(handshake) };
            facts.reach.push(Hop { took_ms, ..hop(HopStep::Login, began, Ok(format!("as {}", connection.user))) });
            Some(session)
        }
        Ok(Err(error)) => {
            let fault = classify("", &error);
            if handshake != NEVER {
                facts.reach.push(said_tls(handshake, "encrypted"));
            }
            let at = if fault.code == Code::TlsFailed { HopStep::Tls } else { HopStep::Login };
            let failed = Hop { sqlstate: fault.sqlstate.clone(), ..hop(at, began, Err((fault.code, said(&fault)))) };
            facts.reach.push(failed);
            None
        }
        Err(_) => {
            let at = if tls_is_pending(way, handshake) { HopStep::Tls } else { HopStep::Login };
            facts.reach.push(hop(at, began, Err(late(began))));
            None
        }
    }
}

fn tls_is_pending(way: Try, handshake: u64) -> bool {
    way != Try::Plain && handshake == NEVER
}

/// The server's own words, or the deepest cause.
fn said(fault: &Fault) -> String {
    fault.causes.last().cloned().unwrap_or_else(|| fault.code.title().to_owned())
}

/// TLS that tells how long its handshake took.
struct Timed<T> {
    inner: T,
    clock: Arc<AtomicU64>,
}

impl<S, T> TlsConnect<S> for Timed<T>
where
    T: TlsConnect<S>,
    T::Future: Send + 'static,
{
    type Stream = T::Stream;
    type Error = T::Error;
    type Future = Pin<Box<dyn Future<Output = Result<T::Stream, T::Error>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        let began = Instant::now();
        let connecting = self.inner.connect(stream);
        Box::pin(async move {
            let connected = connecting.await?;
            self.clock.store(millis(began.elapsed()), Ordering::Relaxed);
            Ok(connected)
        })
    }
}
