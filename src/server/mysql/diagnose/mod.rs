//! What a report wants to know of the server: how it is reached, step by step, and what state it is in.
//!
//! Knows the server's variables and lists; knows no threshold and draws no conclusion. Nothing is waited for beyond the time that is given.

mod figures;
mod reach;
mod replication;
mod state;

use super::connect::{Connector, Session};
use super::wire::{Error, Row};
use crate::domain::diagnosis::{Fact, ServerFacts};
use crate::domain::text;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// See [`crate::server::Server::examine`].
pub async fn examine(connector: &Connector, limit: Duration) -> ServerFacts {
    let deadline = Instant::now() + limit;
    let connection = connector.connection();
    let mut facts = ServerFacts {
        product: connection.product,
        label: connection.label(),
        address: connection.address(),
        host: connection.host.clone(),
        port: connection.port,
        user: connection.user.clone(),
        database: connection.database.clone(),
        local: connection.is_socket(),
        // Definitions are read from the server itself.
        tool: Fact::Known("SHOW CREATE".to_owned()),
        ..ServerFacts::default()
    };
    match reach::reach(connector, deadline, &mut facts).await {
        Some(mut session) => {
            state::ask(connector, &mut session, deadline, &mut facts).await;
            // The goodbye has a limit of its own, which is longer than ours.
            let _ = tokio::time::timeout_at(deadline, session.close()).await;
        }
        None => {
            let why = facts.broken().map_or_else(
                || "the server was not reached".to_owned(),
                |hop| format!("{} failed: {}", hop.step.words(), hop.outcome.why().unwrap_or_default()),
            );
            state::unknown(&why, &mut facts);
        }
    }
    facts
}

/// What comes within the time, or why nothing does.
async fn limited<T>(deadline: Instant, work: impl Future<Output = T>) -> Result<T, String> {
    let began = Instant::now();
    timeout_at(deadline, work).await.map_err(|_| format!("no answer within {:.1} s", began.elapsed().as_secs_f64()))
}

/// The rows of an answer, or why there is none.
async fn asked(session: &mut Session, deadline: Instant, sql: &str) -> Fact<Vec<Row>> {
    match limited(deadline, session.query(sql)).await {
        Ok(Ok(rows)) => Fact::Known(rows),
        Ok(Err(error)) => Fact::Unknown(said(&error)),
        Err(why) => Fact::Unknown(why),
    }
}

/// What the server said, without our words around it.
fn said(error: &Error) -> String {
    match error {
        Error::Server { message, .. } => text::clean(message),
        other => other.to_string(),
    }
}
