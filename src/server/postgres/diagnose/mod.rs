//! What a report wants to know of the server: how it is reached, step by step, and what state it is in.
//!
//! Knows PostgreSQL's catalogs and settings; knows no threshold and draws no conclusion. Nothing is set in the session, so that it may be a
//! pooler's, and nothing is waited for beyond the time that is given.

mod reach;
mod state;

use super::connect::Connector;
use super::program::{self, Program, Wanted};
use crate::domain::diagnosis::{Fact, ServerFacts};
use std::time::Duration;
use tokio::time::Instant;

/// The oldest major version of a server that this program knows: any program of that age or newer is worth naming.
const OLDEST: u32 = 13;

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
        ..ServerFacts::default()
    };
    let session = reach::reach(connector, deadline, &mut facts).await;
    match session {
        Some(session) => {
            state::ask(&session, deadline, &mut facts).await;
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
    let major = facts.about.known().map(|about| about.version_num / 10_000);
    let wanted = Wanted { program: Program::PgDump, least: major.unwrap_or(OLDEST), best: major.unwrap_or(u32::MAX) };
    facts.tool = match tokio::time::timeout_at(deadline, program::find(connector, wanted)).await {
        Ok(Ok(tool)) => Fact::Known(tool.title()),
        Ok(Err(fault)) => Fact::Unknown(fault.causes.first().map_or_else(|| fault.what.clone(), |why| format!("{}: {why}", fault.what))),
        Err(_) => Fact::Unknown(format!("no answer within {} ms", limit.as_millis())),
    };
    facts
}
