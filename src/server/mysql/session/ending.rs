//! How a session, or its statement, is ended by another one.

use crate::server::Cancel;
use crate::server::mysql::connect::Connector;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long that may take.
pub const LIMIT: Duration = Duration::from_secs(3);

/// How much of a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Its statement.
    Statement,
    /// All of it.
    Session,
}

/// Cancels by a statement of another session.
pub struct Canceller {
    connector: Connector,
    id: u64,
    at_work: Arc<AtomicBool>,
}

impl Canceller {
    pub fn new(connector: Connector, id: u64, at_work: Arc<AtomicBool>) -> Self {
        Self { connector, id, at_work }
    }
}

impl Cancel for Canceller {
    fn cancel(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            if self.at_work.load(Ordering::Relaxed) {
                self.connector.kill(self.id, Ending::Statement).await;
            }
        })
    }
}
