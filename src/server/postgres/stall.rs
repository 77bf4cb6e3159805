//! Notices that a session is dead although its connection lives: a proxy that passes nothing on, a server whose process is frozen.
//!
//! A statement may take as long as it wants. When no byte has moved for as long as `network_timeout` says, another session asks the server what
//! this one is doing. Only when the server waits for us while we wait for the server, twice in a row, or when it does not answer a new session
//! either, the session is given up: its statement fails as with a broken connection, with the reason at hand.

use super::connect::Connector;
use super::wire::Pulse;
use crate::domain::Code;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::Duration;
use tokio_postgres::SimpleQueryMessage;

/// How long after a look that finds a session dead the second one follows.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// A session to be watched.
pub struct Order {
    /// How to ask the server.
    pub connector: Connector,
    /// The database of the session.
    pub database: String,
    /// Its process id on the server.
    pub pid: i32,
}

/// Ends when the session is dead, with the reason.
pub async fn watch(order: Order, pulse: Arc<Pulse>) -> String {
    let limit = Duration::from_secs(order.connector.connection().network_timeout.max(1));
    // A long statement is looked at once more each time the limit passes again.
    let (mut moved, mut looked) = (pulse.moved(), Duration::ZERO);
    loop {
        if pulse.moved() != moved {
            (moved, looked) = (pulse.moved(), Duration::ZERO);
        }
        if let Some(rest) = (looked + limit).checked_sub(pulse.silence()).filter(|rest| !rest.is_zero()) {
            tokio::time::sleep(rest).await;
            continue;
        }
        looked = pulse.silence();
        if pulse.is_idle() || look(&order, &pulse).await.is_none() {
            continue;
        }
        tokio::time::sleep(SECOND_LOOK.min(limit)).await;
        if pulse.moved() != moved || pulse.is_idle() {
            continue;
        }
        if let Some(why) = look(&order, &pulse).await.filter(|_| pulse.moved() == moved) {
            let said = format!("no byte has moved for {} s: {why}", pulse.silence().as_secs());
            end(&order).await;
            return said;
        }
    }
}

/// Ends what the server still has of a session that is given up: its locks would be in the way of whoever tries again. Where no other session
/// gets through, nobody does.
async fn end(order: &Order) {
    let sql = format!(
        "SELECT pg_catalog.pg_terminate_backend(pid)::text, '' FROM pg_catalog.pg_stat_activity \
          WHERE pid = {} AND application_name ~ '^dbbackup( |$)'",
        order.pid
    );
    if let Err(code) = question(&order.connector, &order.database, &sql).await {
        tracing::debug!(code = code.as_str(), "a session that was given up could not be ended on the server");
    }
}

/// Why a silent session is dead, if it is.
async fn look(order: &Order, pulse: &Pulse) -> Option<String> {
    let state = match ask(order).await {
        Ok(state) => state,
        Err(Code::ConnectTimeout | Code::ConnectionRefused | Code::HostUnknown | Code::ServerUnavailable) => {
            return Some("the server does not answer a new session either".to_owned());
        }
        // It answered, if only to say no.
        Err(_) => return None,
    };
    dead(state.as_ref(), pulse).map(str::to_owned)
}

/// What the server says that a session is doing.
struct State {
    /// `active`, `idle`, `idle in transaction`…
    state: String,
    /// `ClientRead`: it waits for us; `ClientWrite`: it waits for us to take what it sends.
    event: String,
}

fn dead(state: Option<&State>, pulse: &Pulse) -> Option<&'static str> {
    let Some(State { state, event }) = state else {
        return Some("the server has no such session any more");
    };
    match (event.as_str(), state.as_str()) {
        ("ClientWrite", _) if pulse.is_starving() => Some("the server sends, and nothing arrives here"),
        ("ClientRead", "active") if pulse.has_said() => Some("the server waits for what was sent from here"),
        ("ClientRead", "active") | ("ClientWrite", _) => None,
        ("ClientRead", state) if state.starts_with("idle") => Some("the server waits for us while we wait for it"),
        _ => None,
    }
}

/// Asks another session about this one. In a box: sessions are watched by what opens sessions.
fn ask(order: &Order) -> BoxFuture<'_, Result<Option<State>, Code>> {
    Box::pin(async {
        let sql =
            format!("SELECT coalesce(state, ''), coalesce(wait_event, '') FROM pg_catalog.pg_stat_activity WHERE pid = {}", order.pid);
        let row = question(&order.connector, &order.database, &sql).await?;
        Ok(row.map(|[state, event]| State { state, event }))
    })
}

/// Two values of the first row of an answer, from a session of its own.
async fn question(connector: &Connector, database: &str, sql: &str) -> Result<Option<[String; 2]>, Code> {
    let other = connector.session(database).await.map_err(|fault| fault.code)?;
    let answer = connector.limited(database, other.client.simple_query(sql)).await.map_err(|fault| fault.code)?;
    let answer = answer.map_err(|error| super::connect::fault("", &error).code)?;
    other.close().await;
    Ok(answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some([row.get(0).unwrap_or_default().to_owned(), row.get(1).unwrap_or_default().to_owned()]),
        _ => None,
    }))
}

/// Ends when a program with a session of its own, known by its application name, is dead: the server waits for it, without any change, from one
/// look to the next, or does not answer. A program that got no session at all is given the time for a connection on top.
pub async fn watch_program(connector: &Connector, database: &str, application: &str) -> String {
    let limit = Duration::from_secs(connector.connection().network_timeout.max(1));
    let sql = format!(
        "SELECT wait_event IN ('ClientRead', 'ClientWrite'), pid || ' ' || coalesce(state_change::text, '') \
           FROM pg_catalog.pg_stat_activity WHERE application_name = {} AND datname = pg_catalog.current_database()",
        super::quote::literal(application)
    );
    let (mut before, mut was_there) = (None, false);
    let mut grace = Duration::from_secs(connector.connection().connect_timeout);
    loop {
        tokio::time::sleep(limit).await;
        let now = match question(connector, database, &sql).await {
            Ok(Some([waits, what])) => {
                was_there = true;
                (waits == "t").then_some((what, "the server waits for it without any change"))
            }
            Ok(None) if !was_there && !grace.is_zero() => {
                grace = grace.saturating_sub(limit);
                None
            }
            Ok(None) => Some((String::new(), "the server has no session of it")),
            Err(Code::ConnectTimeout | Code::ConnectionRefused | Code::HostUnknown | Code::ServerUnavailable) => {
                Some((String::new(), "the server does not answer a new session"))
            }
            Err(_) => None,
        };
        if let Some((_, why)) = now.as_ref().filter(|now| before.as_ref() == Some(*now)) {
            return format!("nothing has moved for {} s: {why}", limit.as_secs());
        }
        before = now;
    }
}
