//! The first steps on the way to a server, each with its time: what is the same whatever is spoken afterwards.

use crate::domain::Code;
use crate::domain::diagnosis::{Fact, Hop, HopStep, ServerFacts};
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// A step that came to something, or not.
pub fn hop(step: HopStep, began: Instant, outcome: Result<String, (Code, String)>) -> Hop {
    let took_ms = millis(began.elapsed());
    match outcome {
        Ok(said) => Hop { step, took_ms, outcome: Fact::Known(said), code: None, sqlstate: None },
        Err((code, why)) => Hop { step, took_ms, outcome: Fact::Unknown(why), code: Some(code), sqlstate: None },
    }
}

/// A span in milliseconds.
pub fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// Why nothing came of a step that took too long.
pub fn late(began: Instant) -> (Code, String) {
    (Code::ConnectTimeout, format!("no answer within {:.1} s", began.elapsed().as_secs_f64()))
}

/// Notes a step and gives what it came to.
pub fn step<T, E: Into<std::io::Error>>(
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
pub async fn resolve(host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
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
pub async fn connect(addresses: &[SocketAddr], deadline: Instant, facts: &mut ServerFacts) -> Option<TcpStream> {
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
