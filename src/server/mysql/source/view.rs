//! Opens one moment of the whole server: sessions that all see the same, and what is known of the moment.

use super::baseline::{self, Baseline};
use super::moment::{self, Begin};
use super::pool::Pool;
use super::snapshot::{Found, Held, Moment, Opened};
use super::{facts, grants};
use crate::domain::connection::Product;
use crate::domain::{Code, Fault};
use crate::server::mysql::connect::{Connector, Session};
use crate::server::mysql::wire::Error;
use crate::server::{Snapshot, View};
use std::sync::Arc;
use std::time::Instant;

/// How often a moment is opened before a server whose tables are changed all the time is a failure.
const TRIES: u32 = 3;

/// Seconds to wait for statements that change definitions, before going on without the lock against them.
const GUARD_SECONDS: u64 = 5;

/// See [`crate::server::Server::snapshot`]: a moment of one session. A second reader waits for the first to be closed; whoever wants to read
/// with several opens a view.
pub async fn single(connector: &Connector, database: &str) -> Result<Box<dyn Snapshot>, Fault> {
    let held = held(connector, &[database.to_owned()], 1).await?;
    Ok(Box::new(Opened::alone(Arc::new(held), database)))
}

/// See [`crate::server::Server::view`].
pub async fn open(connector: &Connector, databases: &[String], readers: u32) -> Result<Box<dyn View>, Fault> {
    Ok(Box::new(Moment::new(Arc::new(held(connector, databases, readers).await?))))
}

async fn held(connector: &Connector, databases: &[String], readers: u32) -> Result<Held, Fault> {
    for _ in 1..TRIES {
        match attempt(connector, databases, readers).await? {
            Ok(held) => return Ok(held),
            Err(changed) => tracing::info!(changed, "tables were changed while the moment was opened: once more"),
        }
    }
    attempt(connector, databases, readers).await?.map_err(|changed| {
        let fault = Fault::new(Code::Conflict, "tables were changed while the backup began").because(changed);
        connector.place(super::reader::changed(fault), "")
    })
}

/// A moment, or the names of tables that were changed while it was opened.
async fn attempt(connector: &Connector, databases: &[String], readers: u32) -> Result<Result<Held, String>, Fault> {
    let failed = |error: Error| connector.fault("cannot open a snapshot", &error, "");
    let mut desk = connector.session(None).await?;
    facts::fresh_sizes(&mut desk).await.map_err(failed)?;
    let rights = grants::read(&mut desk).await.map_err(failed)?;
    let mut notes = Vec::new();
    let guarded = guard(&mut desk, &mut notes).await.map_err(failed)?;
    let baseline = baseline::read(&mut desk, databases).await.map_err(failed)?;
    let mut sessions = sessions(connector, readers, &mut notes).await?;
    let wanted = sessions.len();
    let mut begin = Begin { connector, desk: &mut desk, rights: &rights, baseline: &baseline };
    let (position, told) = begin.all(&mut sessions).await.map_err(failed)?;
    notes.extend(told);
    tracing::debug!(wanted, sessions = sessions.len(), guarded, ?position, "a moment is open");
    if !guarded {
        let after: Baseline = baseline::read(&mut desk, databases).await.map_err(failed)?;
        let changed = baseline.changed(&after);
        if !changed.is_empty() {
            return Ok(Err(baseline::names(&changed)));
        }
    }
    let asked = Instant::now();
    let clock = (moment::now(&mut desk).await.map_err(failed)?, asked);
    Ok(Ok(Held::new(connector.clone(), desk, Pool::new(sessions), Found { position, clock, notes, baseline, guarded })))
}

/// Keeps statements that change definitions waiting until the backup is done (MySQL), where this user may. Rows can be written all the time.
async fn guard(desk: &mut Session, notes: &mut Vec<String>) -> Result<bool, Error> {
    if desk.flavour().product != Product::Mysql {
        return Ok(false);
    }
    let before = desk.query("SELECT @@session.lock_wait_timeout").await?.first().map(|row| row.owned(0)).unwrap_or_default();
    desk.run(&format!("SET SESSION lock_wait_timeout = {GUARD_SECONDS}")).await?;
    let guarded = match desk.run("LOCK INSTANCE FOR BACKUP").await {
        Ok(_) => true,
        Err(Error::Server { number: 1205, .. }) => {
            notes.push(
                "a statement that changes definitions was running all the time when the backup began, so others could too".to_owned(),
            );
            false
        }
        Err(Error::Server { number, message, .. }) => {
            tracing::info!(number, message, "no lock against changes of definitions: they are looked for instead");
            false
        }
        Err(lost) => return Err(lost),
    };
    desk.run(&format!("SET SESSION lock_wait_timeout = {before}")).await?;
    Ok(guarded)
}

/// Sessions to read through, ready to begin: as many as wanted, or as the server has room for.
async fn sessions(connector: &Connector, readers: u32, notes: &mut Vec<String>) -> Result<Vec<Session>, Fault> {
    let mut sessions = Vec::new();
    for _ in 0..readers.max(1) {
        match connector.session(None).await {
            Ok(session) => sessions.push(session),
            Err(fault) if fault.code == Code::TooManyConnections && !sessions.is_empty() => break,
            Err(fault) => return Err(fault),
        }
    }
    let mut stays = false;
    for session in &mut sessions {
        let failed = |error: Error| connector.fault("cannot prepare a session", &error, "");
        // Values come as the bytes that the columns hold.
        session.run("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET character_set_results = NULL").await.map_err(failed)?;
        if session.flavour().product == Product::Mariadb {
            // Only without a binary log does going back to a savepoint let go of the locks on definitions: others could not change a table
            // that was read long ago.
            match session.run("SET SESSION sql_log_bin = 0").await {
                Ok(_) => {}
                Err(Error::Server { number, .. }) => {
                    tracing::debug!(number, "definitions of tables that were read stay locked until the end");
                    stays = true;
                }
                Err(lost) => return Err(failed(lost)),
            }
        }
    }
    if stays {
        let note = "statements that change the definition of a table that was read wait until the backup is done, since this user has no BINLOG ADMIN";
        notes.push(note.to_owned());
    }
    Ok(sessions)
}
