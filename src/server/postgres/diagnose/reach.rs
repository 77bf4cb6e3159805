//! The way to a session, one step after the other, each with its time: resolve, connect, TLS, login.

use crate::domain::diagnosis::{Fact, Hop, HopStep, ServerFacts};
use crate::domain::{Code, Fault};
use crate::server::postgres::connect::{Connector, Session, Try, tries};
use crate::server::postgres::fault::classify;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, timeout_at};
use tokio_postgres::NoTls;
use tokio_postgres::config::SslMode as DriverMode;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};

/// Milliseconds that stand for "it did not come to that".
const NEVER: u64 = u64::MAX;

/// A step that came to something, or not.
fn hop(step: HopStep, began: Instant, outcome: Result<String, (Code, String)>) -> Hop {
    let took_ms = millis(began.elapsed());
    match outcome {
        Ok(said) => Hop { step, took_ms, outcome: Fact::Known(said), code: None, sqlstate: None },
        Err((code, why)) => Hop { step, took_ms, outcome: Fact::Unknown(why), code: Some(code), sqlstate: None },
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(NEVER)
}

fn late(began: Instant) -> (Code, String) {
    (Code::ConnectTimeout, format!("no answer within {:.1} s", began.elapsed().as_secs_f64()))
}

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

/// Notes a step and gives what it came to.
fn step<T, E: Into<std::io::Error>>(
    facts: &mut ServerFacts,
    step: HopStep,
    began: Instant,
    ended: Result<Result<T, E>, tokio::time::error::Elapsed>,
    words: impl FnOnce(&T) -> String,
) -> Option<T> {
    let (outcome, value) = match ended {
        Ok(Ok(value)) => (Ok(words(&value)), Some(value)),
        Ok(Err(error)) => {
            let error: std::io::Error = error.into();
            (Err((code(step, &error), error.to_string())), None)
        }
        Err(_) => (Err(late(began)), None),
    };
    facts.reach.push(hop(step, began, outcome));
    value
}

fn code(step: HopStep, error: &std::io::Error) -> Code {
    use std::io::ErrorKind as Kind;
    match (step, error.kind()) {
        (HopStep::Resolve, _) | (_, Kind::HostUnreachable | Kind::NetworkUnreachable) => Code::HostUnknown,
        (_, Kind::ConnectionRefused | Kind::NotFound) => Code::ConnectionRefused,
        (_, Kind::TimedOut) => Code::ConnectTimeout,
        (_, Kind::PermissionDenied) => Code::FilePermission,
        _ => Code::ServerUnavailable,
    }
}

/// The addresses of a host. The resolver of the host's C library cannot be given a limit, so it runs on a thread that is left behind when
/// nobody waits for it any more.
async fn resolve(host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
    let wanted = (host.to_owned(), port);
    let (send, answer) = tokio::sync::oneshot::channel();
    let made = std::thread::Builder::new().name("dbbackup-resolve".to_owned()).spawn(move || {
        // Nobody may be waiting any more.
        let _ = send.send(wanted.to_socket_addrs().map(Vec::from_iter));
    });
    made?;
    let found = answer.await.map_err(std::io::Error::other)??;
    if found.is_empty() { Err(std::io::Error::other("the name has no address")) } else { Ok(found) }
}

/// The first address that answers.
async fn connect(addresses: &[SocketAddr], deadline: Instant, facts: &mut ServerFacts) -> Option<TcpStream> {
    let began = Instant::now();
    // Where there are several, it matters which.
    let of = |address: &SocketAddr, why: String| if addresses.len() > 1 { format!("{address}: {why}") } else { why };
    let mut last = Err((Code::HostUnknown, "the name has no address".to_owned()));
    for (nth, address) in addresses.iter().enumerate() {
        // What is left of the time is shared by the addresses that are left.
        let left = deadline.saturating_duration_since(Instant::now()) / u32::try_from(addresses.len() - nth).unwrap_or(1);
        let began_here = Instant::now();
        match tokio::time::timeout(left, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                facts.reach.push(hop(HopStep::Connect, began, Ok(address.to_string())));
                return Some(stream);
            }
            Ok(Err(error)) => last = Err((code(HopStep::Connect, &error), of(address, error.to_string()))),
            Err(_) => {
                let (code, why) = late(began_here);
                last = Err((code, of(address, why)));
            }
        }
    }
    facts.reach.push(hop(HopStep::Connect, began, last));
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
