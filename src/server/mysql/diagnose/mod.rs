//! What a report wants to know of the server: how it is reached, step by step, and what state it is in.
//!
//! Knows the server's variables and lists; knows no threshold and draws no conclusion. Nothing is waited for beyond the time that is given.

mod reach;
mod state;

use super::connect::Connector;
use crate::domain::diagnosis::{Fact, ServerFacts};
use std::time::Duration;
use tokio::time::Instant;

/// See [`crate::server::Server::examine`].
pub async fn examine(connector: &Connector, limit: Duration) -> ServerFacts {
    let deadline = Instant::now() + limit;
    let connection = connector.connection();
    let mut facts = ServerFacts {
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
