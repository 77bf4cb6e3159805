//! What state the server is in: each question by itself, so that one that is refused or does not come back costs no other.

use crate::domain::diagnosis::{About, Archiver, Fact, Locks, OpenTransaction, ServerFacts, Slot};
use crate::domain::wait::Wait;
use crate::domain::{Bytes, Stamp, text};
use crate::server::postgres::session::Session;
use crate::server::postgres::watch::tree;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::{Client, Error, Row};

/// Settings and clock: everything that needs no right.
const ABOUT: &str = "
SELECT current_setting('server_version'), current_setting('server_version_num')::int4, pg_catalog.pg_is_in_recovery(),
       coalesce((SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user), false),
       current_setting('max_connections')::int8,
       current_setting('superuser_reserved_connections')::int8 + coalesce(current_setting('reserved_connections', true), '0')::int8,
       current_setting('max_locks_per_transaction')::int8, current_setting('max_prepared_transactions')::int8,
       current_setting('shared_buffers'), (SELECT s.setting FROM pg_catalog.pg_settings s WHERE s.name = 'data_directory'),
       (SELECT CASE WHEN pg_catalog.isfinite(r.rolvaliduntil) THEN (extract(epoch FROM r.rolvaliduntil) * 1000)::int8 END
          FROM pg_catalog.pg_roles r WHERE r.rolname = current_user),
       (extract(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000)::int8, (extract(epoch FROM clock_timestamp()) * 1000)::int8";

/// Who counts against max_connections. Of others' sessions a role without rights sees neither state nor kind, but their database.
const CONNECTIONS: &str = "
SELECT count(*) FROM pg_catalog.pg_stat_activity a
 WHERE a.backend_type = 'client backend' OR (a.backend_type IS NULL AND a.datid IS NOT NULL)";

/// Locks in the shared table: what a backend keeps in its own memory (fast path) takes no room there, and an object that many sessions
/// have locked takes one entry.
const LOCKS: &str = "
SELECT count(*) FROM (SELECT DISTINCT l.locktype, l.database, l.relation, l.page, l.tuple, l.virtualxid, l.transactionid::text, l.classid, l.objid, l.objsubid
  FROM pg_catalog.pg_locks l WHERE NOT l.fastpath AND l.locktype NOT IN ('spectoken')) one";

/// Slots with the WAL that they hold, from the position up to which there is WAL.
const SLOTS: &str = "
SELECT s.slot_name::text, s.slot_type, s.database::text, s.active,
       pg_catalog.pg_wal_lsn_diff(CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END,
                                  s.restart_lsn)::int8, s.wal_status
  FROM pg_catalog.pg_replication_slots s ORDER BY s.slot_name LIMIT 1000";

const ARCHIVER: &str = "
SELECT current_setting('archive_mode'), coalesce(a.archived_count, 0), coalesce(a.failed_count, 0), a.last_archived_wal, a.last_failed_wal,
       (extract(epoch FROM clock_timestamp() - a.last_failed_time) * 1000)::int8,
       coalesce(a.last_failed_time > coalesce(a.last_archived_time, '-infinity'), false)
  FROM pg_catalog.pg_stat_archiver a";

/// Transactions that are open for a minute or longer.
const TRANSACTIONS: &str = "
SELECT a.pid, coalesce(a.usename, '')::text, coalesce(a.datname, '')::text, coalesce(a.application_name, ''), coalesce(a.state, ''),
       (extract(epoch FROM clock_timestamp() - a.xact_start) * 1000)::int8, coalesce(a.query, '')
  FROM pg_catalog.pg_stat_activity a
 WHERE a.xact_start < clock_timestamp() - interval '1 minute' AND a.pid <> pg_catalog.pg_backend_pid() AND a.backend_type = 'client backend'
 ORDER BY a.xact_start LIMIT 10";

/// What the folder of WAL holds; for members of pg_monitor only.
const WAL: &str = "SELECT coalesce(sum(f.size), 0)::int8 FROM pg_catalog.pg_ls_waldir() f";

/// Sessions that wait for a lock, the longest wait first.
const WAITING: &str = "
SELECT a.pid, coalesce(a.datname, '')::text, coalesce(a.query, ''), (extract(epoch FROM clock_timestamp() - a.query_start) * 1000)::int8,
       l.mode, l.locktype,
       CASE WHEN l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
            THEN (SELECT format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                   WHERE c.oid = l.relation) END,
       l.relation, l.transactionid::text
  FROM pg_catalog.pg_stat_activity a JOIN pg_catalog.pg_locks l ON l.pid = a.pid AND NOT l.granted
 WHERE a.wait_event_type = 'Lock' ORDER BY a.query_start LIMIT 20";

/// Says of every fact why it is not known.
pub fn unknown(why: &str, facts: &mut ServerFacts) {
    facts.about = Fact::Unknown(why.to_owned());
    facts.connections = Fact::Unknown(why.to_owned());
    facts.locks_in_use = Fact::Unknown(why.to_owned());
    facts.slots = Fact::Unknown(why.to_owned());
    facts.archiver = Fact::Unknown(why.to_owned());
    facts.transactions = Fact::Unknown(why.to_owned());
    facts.waits = Fact::Unknown(why.to_owned());
    facts.wal = Fact::Unknown(why.to_owned());
}

/// What holds while the questions are asked. It is bound to a transaction, so that nothing of it stays in a session that a pooler gives to
/// somebody else, and no search path of the database's own comes before the catalog. A question that fails goes back to the mark.
const BEGIN: &str = "BEGIN READ ONLY; SET LOCAL search_path = ''; SET LOCAL statement_timeout = 5000; SAVEPOINT question";

/// Asks everything, one question after the other.
pub async fn ask(session: &Session, deadline: Instant, facts: &mut ServerFacts) {
    let client = &session.client;
    let asking = Asking { session, deadline };
    if let Fact::Unknown(why) = asking.fact(async { client.batch_execute(BEGIN).await }).await {
        return unknown(&why, facts);
    }
    facts.about = asking.fact(async { Ok(about(&client.query_one(ABOUT, &[]).await?)) }).await;
    facts.connections = asking.fact(async { Ok(count(&client.query_one(CONNECTIONS, &[]).await?, 0)) }).await;
    facts.locks_in_use = asking.fact(async { Ok(count(&client.query_one(LOCKS, &[]).await?, 0)) }).await;
    facts.waits = asking.fact(waits(client)).await;
    facts.transactions = asking.fact(async { Ok(client.query(TRANSACTIONS, &[]).await?.iter().map(transaction).collect()) }).await;
    facts.slots = asking.fact(async { Ok(client.query(SLOTS, &[]).await?.iter().map(slot).collect()) }).await;
    facts.archiver = asking.fact(async { Ok(archiver(&client.query_one(ARCHIVER, &[]).await?)) }).await;
    facts.wal = asking.fact(async { Ok(Bytes(count(&client.query_one(WAL, &[]).await?, 0))) }).await;
}

/// A session that is asked, and until when.
struct Asking<'a> {
    session: &'a Session,
    deadline: Instant,
}

impl Asking<'_> {
    /// A fact, or why there is none.
    async fn fact<T>(&self, asked: impl Future<Output = Result<T, Error>>) -> Fact<T> {
        let began = Instant::now();
        match timeout_at(self.deadline, asked).await {
            Ok(Ok(value)) => Fact::Known(value),
            Ok(Err(error)) => {
                // When going back fails as well, the next question says so itself.
                let _ = timeout_at(self.deadline, self.session.client.batch_execute("ROLLBACK TO SAVEPOINT question")).await;
                Fact::Unknown(error.as_db_error().map_or_else(|| error.to_string(), |said| said.message().to_owned()))
            }
            // The server gives it up by itself, by its own time limit.
            Err(_) => Fact::Unknown(format!("no answer within {:.1} s", began.elapsed().as_secs_f64())),
        }
    }
}

fn count(row: &Row, at: usize) -> u64 {
    u64::try_from(row.get::<_, Option<i64>>(at).unwrap_or(0)).unwrap_or(0)
}

fn about(row: &Row) -> About {
    let version: String = row.get(0);
    let max_connections = count(row, 4);
    About {
        // Distributions add their name behind a blank.
        version: format!("PostgreSQL {}", version.split(' ').next().unwrap_or_default()),
        version_num: u32::try_from(row.get::<_, i32>(1)).unwrap_or(0),
        in_recovery: row.get(2),
        superuser: row.get(3),
        max_connections,
        reserved: count(row, 5),
        locks: Locks { per_transaction: count(row, 6), max_connections, max_prepared: count(row, 7) },
        shared_buffers: row.get(8),
        data_directory: row.get(9),
        password_until: row.get::<_, Option<i64>>(10).map(Stamp),
        started: Stamp(row.get(11)),
        now: Stamp(row.get(12)),
    }
}

fn slot(row: &Row) -> Slot {
    Slot {
        name: text::clean(row.get(0)),
        kind: row.get(1),
        database: row.get::<_, Option<String>>(2).map(|name| text::clean(&name)),
        active: row.get(3),
        held: row.get::<_, Option<i64>>(4).map(|bytes| Bytes(u64::try_from(bytes).unwrap_or(0))),
        wal_status: row.get(5),
    }
}

fn archiver(row: &Row) -> Archiver {
    let mode: String = row.get(0);
    Archiver {
        failing: mode != "off" && row.get::<_, bool>(6),
        mode,
        archived: count(row, 1),
        failed: count(row, 2),
        last_archived: row.get(3),
        last_failed: row.get(4),
        failed_ago_ms: row.get::<_, Option<i64>>(5).and_then(|ms| u64::try_from(ms).ok()),
    }
}

fn transaction(row: &Row) -> OpenTransaction {
    OpenTransaction {
        pid: row.get(0),
        user: text::clean(row.get(1)),
        database: text::clean(row.get(2)),
        application: text::clean(row.get(3)),
        state: row.get(4),
        open_ms: count(row, 5),
        statement: tree::short(row.get(6)),
    }
}

/// Who waits for whose lock.
async fn waits(client: &Client) -> Result<Vec<Wait>, Error> {
    let rows = client.query(WAITING, &[]).await?;
    let pids: Vec<i32> = rows.iter().map(|row| row.get(0)).collect();
    if pids.is_empty() {
        return Ok(Vec::new());
    }
    let edges = tree::edges(client, &pids).await?;
    let mut others: Vec<i32> = edges.values().flatten().copied().collect();
    others.sort_unstable();
    others.dedup();
    let known = tree::sessions(client, &others, &[]).await?;
    let mut waits: Vec<Wait> = rows
        .iter()
        .map(|row| {
            let kind: String = row.get(5);
            let object = match (row.get::<_, Option<String>>(6), row.get::<_, Option<u32>>(7), row.get::<_, Option<String>>(8)) {
                (Some(name), ..) => name,
                (None, Some(relation), _) => format!("relation {relation}"),
                (None, None, Some(transaction)) => format!("transaction {transaction}, until it ends"),
                (None, None, None) => format!("a lock of kind {kind}"),
            };
            Wait {
                pid: row.get(0),
                database: text::clean(row.get(1)),
                object: text::clean(&object),
                mode: tree::mode(row.get(4)),
                statement: tree::short(row.get(2)),
                waited_ms: count(row, 3),
                limit_ms: 0,
                blockers: tree::flatten(&edges, &known, row.get(0)),
            }
        })
        .collect();
    tree::sort(&mut waits);
    Ok(waits)
}
