//! Replication sessions, in which a server sends base backups: the simple query protocol over a line of our own, because tokio-postgres opens no
//! such session. (Documentation, "Streaming Replication Protocol" and "Message Flow".)

mod backup;
mod facts;
mod line;
mod login;
mod messages;

pub use backup::Backup;
pub use facts::{archived, facts};

use super::connect::Connector;
use super::stall::{self, Order};
use crate::domain::{Code, Fault};
use futures_util::future::BoxFuture;
use line::Line;
use messages::{Message, refusal};

/// The database that a replication session is about, for people: it has none.
const DATABASE: &str = "replication";

/// An open session.
pub struct Replication {
    line: Line,
    connector: Connector,
    /// Ends when the session is dead on its feet, with the reason.
    guard: BoxFuture<'static, String>,
    /// Warnings that came with answers.
    warnings: Vec<String>,
    /// `server_version_num`.
    pub version_num: u32,
}

impl Replication {
    /// Opens one, within the connection's time limit.
    pub async fn open(connector: &Connector) -> Result<Self, Fault> {
        let login::Opened { line, pid, version_num } = connector.limited(DATABASE, login::open(connector)).await??;
        let order = Order { connector: connector.clone(), database: connector.connection().database.clone(), pid };
        let guard = Box::pin(stall::watch(order, line.pulse()));
        Ok(Self { line, connector: connector.clone(), guard, warnings: Vec::new(), version_num })
    }

    /// Sends a query.
    async fn send(&mut self, sql: &str) -> Result<(), Fault> {
        let sent = self.line.send(|out| postgres_protocol::message::frontend::query(sql, out)).await;
        sent.map_err(|error| self.broken("cannot send a command", &error))
    }

    /// The next message; errors of the server are faults, its notices are kept. `what` says what is being done.
    async fn next(&mut self, what: &str) -> Result<Message, Fault> {
        loop {
            let message = tokio::select! {
                biased;
                message = self.line.next() => message.map_err(|error| self.broken(what, &error))?,
                why = &mut self.guard => return Err(self.stalled(what, &why)),
            };
            match message {
                Message::Error(fields) => return Err(refusal(what, &fields, &self.connector)),
                Message::Notice(fields) => self.warnings.push(fields.message),
                Message::Other => {}
                message => return Ok(message),
            }
        }
    }

    /// Asks a question; the rows of the first answer.
    async fn rows(&mut self, sql: &str, what: &str) -> Result<Vec<Vec<Option<String>>>, Fault> {
        self.send(sql).await?;
        let mut rows = Vec::new();
        loop {
            match self.next(what).await? {
                Message::Row(row) => rows.push(row),
                Message::Ready => return Ok(rows),
                _ => {}
            }
        }
    }

    fn broken(&self, what: &str, error: &std::io::Error) -> Fault {
        let fault = Fault::new(Code::ServerUnavailable, what).because(error);
        self.connector.place(super::fault::steps(fault), DATABASE)
    }

    fn stalled(&self, what: &str, why: &str) -> Fault {
        let fault = Fault::new(Code::ServerUnavailable, what).because(why).step(
            "Look at what is between here and the server: a proxy, a firewall, a tunnel. Wait longer with --network-timeout SECONDS.",
        );
        self.connector.place(fault, DATABASE)
    }
}
