//! Watches over the sessions that read definitions beside the snapshot's own.
//!
//! pg_dump locks the tables for itself. When somebody is queued for an exclusive lock on one of them, pg_dump queues behind, who is queued
//! waits for the snapshot's lock, and the snapshot waits for pg_dump: a circle through the client, which no server can see. Nothing is read
//! yet then, so the way out is to let go of everything and begin anew, after whoever was queued.

use crate::domain::{Code, Fault};
use crate::server::postgres::connect::Connector;
use crate::server::postgres::session::Session;
use crate::server::postgres::watch::tree;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio_postgres::Error;

/// The first look: most databases are read by then.
const FIRST: Duration = Duration::from_secs(1);

/// The time between two looks.
const EVERY: Duration = Duration::from_millis(500);

/// What has to be over before a time limit of pg_dump's own is taken to have failed.
const GRACE: Duration = Duration::from_secs(2);

/// Our sessions in this database that wait for a lock, apart from the snapshot's: process, and whether it is pg_dump's.
const WAITING: &str = "
SELECT a.pid, a.application_name = $2 FROM pg_catalog.pg_stat_activity a
 WHERE a.datname = current_database() AND a.wait_event_type = 'Lock' AND a.pid <> $3
   AND (a.pid = ANY ($1::int4[]) OR a.application_name = $2)";

/// Why the reading of definitions has to end, with the session that saw it.
pub struct Caught {
    fault: Fault,
    session: Session,
}

impl Caught {
    /// Ends pg_dump's session, and gives the fault. Call it when nobody waits for pg_dump any more: its own complaint would come first.
    pub async fn end(self, connector: &Connector, database: &str) -> Fault {
        // A program that was killed while it waits for a lock leaves its place in the queue to nobody.
        let sql = "SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity a \
                    WHERE a.application_name = $1 AND a.datname = current_database()";
        if let Err(error) = self.session.client.query(sql, &[&connector.roll().dump_name()]).await {
            tracing::debug!(%error, "ending pg_dump's session");
        }
        self.session.close().await;
        connector.place(self.fault, database)
    }
}

/// Completes only when the reading of definitions has to end. `holder` is the process of the snapshot's session.
pub async fn watch(connector: &Connector, database: &str, holder: i32) -> Caught {
    tokio::time::sleep(FIRST).await;
    // Without a session of its own nothing is seen; the limits that the sessions have themselves still hold.
    let Ok(session) = connector.session(database).await else { return std::future::pending().await };
    let mut seen: HashMap<i32, Instant> = HashMap::new();
    loop {
        match look(connector, &session, holder, &mut seen).await {
            Ok(None) => tokio::time::sleep(EVERY).await,
            Ok(Some(fault)) => return Caught { fault, session },
            Err(error) => {
                tracing::debug!(%error, "watching over the reading of definitions");
                return std::future::pending().await;
            }
        }
    }
}

async fn look(connector: &Connector, session: &Session, holder: i32, seen: &mut HashMap<i32, Instant>) -> Result<Option<Fault>, Error> {
    let (client, roll) = (&session.client, connector.roll());
    let ours = roll.pids();
    let rows = client.query(WAITING, &[&ours, &roll.dump_name(), &holder]).await?;
    let waiting: Vec<(i32, bool)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    seen.retain(|pid, _| waiting.iter().any(|(waits, _)| waits == pid));
    if waiting.is_empty() {
        return Ok(None);
    }
    let pids: Vec<i32> = waiting.iter().map(|(pid, _)| *pid).collect();
    let edges = tree::edges(client, &pids).await?;
    let limit = Duration::from_secs(connector.connection().lock_timeout);
    for (pid, is_dump) in waiting {
        let since = *seen.entry(pid).or_insert_with(Instant::now);
        let circle = tree::reach(&edges, pid).contains(&holder);
        let late = is_dump && !limit.is_zero() && since.elapsed() > limit + GRACE;
        if !circle && !late {
            continue;
        }
        let others: Vec<i32> = edges.values().flatten().copied().collect();
        let blockers = tree::flatten(&edges, &tree::sessions(client, &others, &ours).await?, pid);
        let who = blockers.iter().filter(|one| !one.ours).map(|one| one.words()).next();
        let who = who.unwrap_or_else(|| "nobody that can be named".to_owned());
        return Ok(Some(if circle {
            Fault::new(Code::Conflict, "cannot read the definitions while somebody is about to change a table")
                .because(format!("{who}: it waits for this backup, and this backup would wait behind it"))
                .step("Run this again when that is done.")
        } else {
            Fault::new(Code::LockTimeout, "cannot read the definitions")
                .because(format!("no lock within {} s: {who} is in the way", limit.as_secs()))
                .step("Try again when no table is being altered, or wait longer: --lock-timeout SECONDS.")
        }));
    }
    Ok(None)
}
