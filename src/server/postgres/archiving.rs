//! The archiver's state and settings, and their change by ALTER SYSTEM. Knows catalogs; knows no archive and judges nothing.

use super::connect::Connector;
use super::quote::literal;
use super::session::Session;
use crate::domain::wal::{ArchiverState, ArchivingSetting, Lsn, SegmentSize, SlotHold, Timeline};
use crate::domain::{Bytes, Fault, Stamp, text};
use crate::server::Archiving;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::{Client, Error, Row};

/// Settings with their values as they are set: what is shown of `archive_command` is "(disabled)" while nothing is archived, `reset_val` is not.
const SETTINGS: &str = "
SELECT s.name, s.reset_val, s.pending_restart FROM pg_catalog.pg_settings s
 WHERE s.name IN ('wal_level', 'archive_mode', 'archive_command', 'archive_library', 'archive_timeout', 'wal_segment_size', 'data_directory',
                  'server_version_num')";

const ARCHIVER: &str = "
SELECT a.archived_count, a.last_archived_wal, (extract(epoch FROM a.last_archived_time) * 1000)::int8,
       a.failed_count, a.last_failed_wal, (extract(epoch FROM a.last_failed_time) * 1000)::int8,
       (extract(epoch FROM clock_timestamp()) * 1000)::int8, pg_catalog.pg_is_in_recovery()
  FROM pg_catalog.pg_stat_archiver a";

/// For members of pg_monitor only.
const READY: &str = "SELECT count(*) FROM pg_catalog.pg_ls_archive_statusdir() f WHERE f.name LIKE '%.ready'";

/// Where the server writes; a standby replays there.
const NOW: &str = "
SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN c.timeline_id
            ELSE ('x' || substr(pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()), 1, 8))::bit(32)::int4 END,
       (CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END)::text
  FROM pg_catalog.pg_control_checkpoint() c";

const IDENTIFIER: &str = "SELECT c.system_identifier::text FROM pg_catalog.pg_control_system() c";

/// Slots with the WAL that they hold, the most first.
const SLOTS: &str = "
SELECT s.slot_name::text, s.active,
       pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END,
                                  s.restart_lsn)::int8
  FROM pg_catalog.pg_replication_slots s WHERE s.restart_lsn IS NOT NULL ORDER BY 3 DESC NULLS LAST, 1 LIMIT 1000";

/// Bound to a transaction, so that nothing of it stays in a session; a question that fails goes back to the mark.
const BEGIN: &str = "BEGIN READ ONLY; SET LOCAL statement_timeout = 4000; SAVEPOINT question";

/// What the server says. Fails only when it cannot be reached; what it does not say by then stands in the answer's `unknown`.
pub async fn read(connector: &Connector, limit: Duration) -> Result<Archiving, Fault> {
    let deadline = Instant::now() + limit;
    let database = connector.connection().database.clone();
    let late = || {
        let why = format!("no answer within {:.1} s", limit.as_secs_f64());
        connector.place(Fault::new(crate::domain::Code::ConnectTimeout, "cannot ask the server about its archiver").because(why), &database)
    };
    let session = timeout_at(deadline, connector.session(&database)).await.map_err(|_| late())??;
    let client = &session.client;
    let begun = timeout_at(deadline, client.batch_execute(BEGIN)).await.map_err(|_| late())?;
    begun.map_err(|error| connector.fault("cannot ask the server about its archiver", &error, &database))?;
    let mut found = Archiving::default();
    let mut asking = Asking { session: &session, deadline, unknown: Vec::new() };
    if let Some(rows) = asking.ask("its settings", client.query(SETTINGS, &[])).await {
        rows.iter().for_each(|row| setting(row, &mut found));
    }
    if let Some(row) = asking.ask("its archiver's statistics", client.query_one(ARCHIVER, &[])).await {
        archiver(&row, &mut found.state);
    }
    found.state.ready = asking.ask("how many segments wait for being archived", ready(client)).await;
    found.state.now = asking.ask("where it writes its log", now(client)).await.flatten();
    found.system_identifier = asking.ask("its system identifier", client.query_one(IDENTIFIER, &[])).await.map(|row| row.get(0));
    if let Some(rows) = asking.ask("its replication slots", client.query(SLOTS, &[])).await {
        found.slots = rows.iter().map(slot).collect();
    }
    found.unknown = asking.unknown;
    // The goodbye has a limit of its own, which is longer than ours.
    let _ = timeout_at(deadline, session.close()).await;
    Ok(found)
}

struct Asking<'a> {
    session: &'a Session,
    deadline: Instant,
    unknown: Vec<String>,
}

impl Asking<'_> {
    /// An answer; why there is none is noted.
    async fn ask<T>(&mut self, what: &str, asked: impl Future<Output = Result<T, Error>>) -> Option<T> {
        let why = match timeout_at(self.deadline, asked).await {
            Ok(Ok(value)) => return Some(value),
            Ok(Err(error)) => {
                // When going back fails as well, the next question says so itself.
                let _ = timeout_at(self.deadline, self.session.client.batch_execute("ROLLBACK TO SAVEPOINT question")).await;
                error.as_db_error().map_or_else(|| error.to_string(), |said| said.message().to_owned())
            }
            Err(_) => "no answer in time".to_owned(),
        };
        self.unknown.push(format!("the server does not say {what}: {}", text::clean(&why)));
        None
    }
}

async fn ready(client: &Client) -> Result<u64, Error> {
    Ok(count(&client.query_one(READY, &[]).await?, 0))
}

async fn now(client: &Client) -> Result<Option<(Timeline, Lsn)>, Error> {
    let row = client.query_one(NOW, &[]).await?;
    let timeline = row.get::<_, Option<i32>>(0).and_then(|number| u32::try_from(number).ok());
    let at = row.get::<_, Option<String>>(1).and_then(|text| text.parse().ok());
    Ok(timeline.map(Timeline).zip(at))
}

fn count(row: &Row, at: usize) -> u64 {
    u64::try_from(row.get::<_, Option<i64>>(at).unwrap_or(0)).unwrap_or(0)
}

fn setting(row: &Row, found: &mut Archiving) {
    let (name, value): (&str, String) = (row.get(0), row.get::<_, Option<String>>(1).unwrap_or_default());
    if row.get::<_, bool>(2) {
        found.waiting.push(name.to_owned());
    }
    match name {
        "wal_level" => found.state.wal_level = value,
        "archive_mode" => found.state.archive_mode = value,
        "archive_command" => found.command = value,
        "archive_library" => found.state.archive_library = value,
        "archive_timeout" => found.state.archive_timeout = value.parse().unwrap_or(0),
        "wal_segment_size" => found.segment_size = value.parse().ok().and_then(SegmentSize::new),
        "data_directory" => found.data_directory = Some(value.into()).filter(|dir: &std::path::PathBuf| !dir.as_os_str().is_empty()),
        _ => found.version_num = value.parse().unwrap_or(0),
    }
}

fn archiver(row: &Row, state: &mut ArchiverState) {
    let last = |name: usize| {
        let what: Option<String> = row.get(name);
        let when: Option<i64> = row.get(name + 1);
        what.map(|what| text::clean(&what)).zip(when.map(Stamp))
    };
    state.archived = count(row, 0);
    state.last = last(1);
    state.failed = count(row, 3);
    state.last_failed = last(4);
    state.clock = Stamp(row.get(6));
    state.in_recovery = row.get(7);
}

fn slot(row: &Row) -> SlotHold {
    SlotHold { name: text::clean(row.get(0)), active: row.get(1), held: Bytes(count(row, 2)) }
}

/// Changes settings one after the other, and has the server read them. A value of none goes back to the default of the configuration file.
pub async fn change(connector: &Connector, changes: &[(ArchivingSetting, Option<String>)]) -> Result<(), Fault> {
    let database = connector.connection().database.clone();
    let session = connector.session(&database).await?;
    let mut done: Vec<&str> = Vec::new();
    let mut result = Ok(());
    for (setting, value) in changes {
        let name = setting.name();
        let statement = match value {
            Some(value) => format!("ALTER SYSTEM SET {name} = {}", literal(value).trim_start()),
            None => format!("ALTER SYSTEM RESET {name}"),
        };
        if let Err(error) = session.client.batch_execute(&statement).await {
            let fault = connector.fault(format!("cannot change {name}"), &error, &database);
            result = Err(if done.is_empty() { fault } else { fault.at("Changed", done.join(", ")) });
            break;
        }
        done.push(name);
    }
    // What is changed holds from now on, so that what is said of it is true, also where a later one failed.
    if !done.is_empty() {
        let read = session.client.batch_execute("SELECT pg_catalog.pg_reload_conf()").await;
        result = result.and(read.map_err(|error| connector.fault("cannot have the server read its settings", &error, &database)));
    }
    session.close().await;
    result
}
