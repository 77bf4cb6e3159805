//! The way to a session, one step after the other, each with its time: resolve, connect, TLS, login.

use crate::domain::Code;
use crate::domain::diagnosis::{Hop, HopStep, ServerFacts};
use crate::server::hops::{connect, hop, late, millis, resolve, step};
use crate::server::mysql::connect::{Connector, Session, other_way_may_help};
use crate::server::mysql::fault::classify;
use crate::server::mysql::wire::{self, Duplex, Error, Way};
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout_at};

/// Goes the way; every step that was gone is noted, the one that failed as the last.
pub async fn reach(connector: &Connector, deadline: Instant, facts: &mut ServerFacts) -> Option<Session> {
    let connection = connector.connection();
    if connection.is_socket() {
        let (began, path) = (Instant::now(), connection.address());
        let opened = timeout_at(deadline, UnixStream::connect(&path)).await;
        let stream = step(facts, HopStep::Connect, began, opened, |_| path.clone())?;
        return login(connector, deadline, facts, Box::new(stream), &Way::Plain).await.ok();
    }
    let began = Instant::now();
    let resolved = timeout_at(deadline, resolve(&connection.host, connection.port)).await;
    let addresses = step(facts, HopStep::Resolve, began, resolved, |all| {
        all.iter().map(|address| address.ip().to_string()).collect::<Vec<_>>().join(", ")
    })?;
    facts.local = addresses.iter().all(|address| address.ip().is_loopback());
    let ways = connector.ways();
    for (nth, way) in ways.iter().enumerate() {
        let stream = connect(&addresses, deadline, facts).await?;
        match login(connector, deadline, facts, Box::new(stream), way).await {
            Ok(session) => return Some(session),
            Err(Some(error)) if nth + 1 < ways.len() && other_way_may_help(way, &error) => {
                // The mode allows another way; only what came of the last one counts.
                facts.reach.retain(|hop| hop.step == HopStep::Resolve);
            }
            Err(_) => return None,
        }
    }
    None
}

/// TLS, where it is wanted, and the login, over a connection that is there. No error: it took too long.
async fn login(
    connector: &Connector,
    deadline: Instant,
    facts: &mut ServerFacts,
    stream: Box<dyn Duplex>,
    way: &Way,
) -> Result<Session, Option<Error>> {
    let connection = connector.connection();
    let began = Instant::now();
    let opening = async {
        let opened = wire::login(stream, connection, connector.password(), way, None).await?;
        let tls = opened.encrypted;
        Ok((Session::over(opened, connector).await?, tls))
    };
    match timeout_at(deadline, opening).await {
        Ok(Ok((session, tls))) => {
            let whole = millis(began.elapsed());
            let took_tls = tls.map_or(0, millis);
            match (way, tls) {
                (Way::Plain, _) => {}
                (_, None) => facts.reach.push(Hop { took_ms: 0, ..hop(HopStep::Tls, began, Ok("not offered, not used".to_owned())) }),
                (_, Some(_)) => facts.reach.push(Hop { took_ms: took_tls, ..hop(HopStep::Tls, began, Ok("encrypted".to_owned())) }),
            }
            let said = Ok(format!("as {}", connection.user));
            facts.reach.push(Hop { took_ms: whole.saturating_sub(took_tls), ..hop(HopStep::Login, began, said) });
            Ok(session)
        }
        Ok(Err(error)) => {
            let fault = classify("", &error);
            let at = if matches!(error, Error::Tls(_)) { HopStep::Tls } else { HopStep::Login };
            let why = fault.causes.last().cloned().unwrap_or_else(|| fault.code.title().to_owned());
            facts.reach.push(Hop { sqlstate: fault.sqlstate.clone(), ..hop(at, began, Err((fault.code, why))) });
            Err(Some(error))
        }
        Err(_) => {
            let (code, why): (Code, String) = late(began);
            facts.reach.push(hop(HopStep::Login, began, Err((code, why))));
            Err(None)
        }
    }
}
