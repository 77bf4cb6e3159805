//! The moment that a run sees: one for all of its databases where the product has such a thing, else one for each database.

use super::halt::Halt;
use crate::domain::Fault;
use crate::server::{Server, Snapshot, View};
use std::sync::Arc;
use std::time::Duration;

/// How long its sessions may take to say goodbye.
const FAREWELL: Duration = Duration::from_secs(5);

/// Where snapshots of databases come from.
pub struct Moment {
    server: Arc<dyn Server>,
    view: Option<Box<dyn View>>,
}

impl Moment {
    /// For these databases, to be read through so many sessions.
    pub async fn open(server: &Arc<dyn Server>, databases: &[String], readers: u32, halt: &Halt) -> Result<Self, Fault> {
        let view = halt.or(server.view(databases, readers)).await?;
        Ok(Self { server: server.clone(), view })
    }

    /// How the server is reached.
    pub fn address(&self) -> String {
        self.server.connection().address()
    }

    /// Opens a database.
    pub async fn snapshot(&self, database: &str) -> Result<Box<dyn Snapshot>, Fault> {
        match &self.view {
            Some(view) => view.snapshot(database).await,
            None => self.server.snapshot(database).await,
        }
    }

    /// Whether a database that is opened again is seen at a later moment.
    pub const fn moves_on(&self) -> bool {
        self.view.is_none()
    }

    /// What a person should know of it.
    pub fn notes(&self) -> Vec<String> {
        self.view.as_ref().map(|view| view.notes()).unwrap_or_default()
    }

    /// Whether all that was read is of the moment. Asked once everything was read.
    pub async fn confirm(&self) -> Result<(), Fault> {
        match &self.view {
            Some(view) => view.confirm().await,
            None => Ok(()),
        }
    }

    /// Ends its sessions. One that does not answer any more ends when it is dropped.
    pub async fn release(self) {
        if let Some(view) = self.view {
            let _ = tokio::time::timeout(FAREWELL, view.release()).await;
        }
    }
}
