//! Notices that a session is dead although its connection lives: a proxy that passes nothing on, a server whose process is frozen.
//!
//! A statement may take as long as it wants. When no byte has moved for as long as `network_timeout` says, another session asks the server what
//! this one is doing. Only when the server waits for us while we wait for the server, twice in a row, or when it does not answer a new session
//! either, the session is given up: its statement fails as with a broken connection, with the reason at hand.

use super::connect::Connector;
use super::wire::{Error, Row, Silence, Watch};
use futures_util::future::BoxFuture;
use std::time::Duration;

/// How long after a look that finds a session dead the second one follows.
const SECOND_LOOK: Duration = Duration::from_secs(1);

/// Looks after one session.
pub struct Guard {
    connector: Connector,
    id: u64,
}

impl Guard {
    /// For the session of this number.
    pub fn new(connector: Connector, id: u64) -> Self {
        Self { connector, id }
    }

    /// Why the session is dead, if it is.
    async fn look(&self, silence: Silence) -> Option<String> {
        match self.ask().await {
            Ok(row) => dead(row.as_ref(), silence).map(str::to_owned),
            Err(Error::Late(_) | Error::Lost(_) | Error::Unreached(_) | Error::Unknown(_)) => {
                Some("the server does not answer a new session either".to_owned())
            }
            // It answered, if only to say no.
            Err(_) => None,
        }
    }

    async fn ask(&self) -> Result<Option<Row>, Error> {
        let sql = format!("SELECT COMMAND, STATE FROM information_schema.PROCESSLIST WHERE ID = {}", self.id);
        self.connector.answer(&sql).await.map(|rows| rows.into_iter().next())
    }
}

impl Watch for Guard {
    fn limit(&self) -> Duration {
        Duration::from_secs(self.connector.connection().network_timeout.max(1))
    }

    fn verdict(&self, silence: Silence) -> BoxFuture<'_, Option<String>> {
        Box::pin(async move {
            self.look(silence).await?;
            tokio::time::sleep(SECOND_LOOK.min(self.limit())).await;
            let why = self.look(silence).await?;
            // Its locks would be in the way of whoever tries again. Where no other session gets through, nobody does. The verdict does not
            // wait for it: the end of the session could arrive before, and say less.
            self.connector.abandon(self.id);
            Some(why)
        })
    }
}

/// What the server's list of sessions says of one, with the words of MySQL and of MariaDB.
fn dead(row: Option<&Row>, silence: Silence) -> Option<&'static str> {
    let Some(row) = row else {
        return Some("the server has no such session any more");
    };
    let (command, state) = (row.owned(0), row.owned(1));
    match (command.as_str(), state.as_str(), silence) {
        ("Sleep", _, _) => Some("the server waits for us while we wait for it"),
        // It would have sent a heartbeat.
        ("Binlog Dump", _, Silence::Theirs) => Some("the server sends events, and nothing arrives here"),
        (_, "Receiving from client" | "Reading from net", _) => Some("the server waits for what was sent from here"),
        (_, "Sending to client" | "Writing to net", Silence::Theirs) => Some("the server sends, and nothing arrives here"),
        _ => None,
    }
}
