//! Drops databases that are not throw-away ones: whoever listens is told before, and may forbid it, and after.

use super::event::{Destruction, EventSink};
use crate::domain::Fault;
use crate::server::Server;

/// Drops a database.
pub async fn drop_database(events: &dyn EventSink, server: &dyn Server, name: &str) -> Result<(), Fault> {
    let what = Destruction::Database(name.to_owned());
    events.destroying(&what)?;
    let result = server.drop_database(name).await;
    events.destroyed(&what, result.as_ref().err());
    result
}
