//! Who has what another session waits for, as far as the server tells: each product, and each of its settings, has other tables for it.

use crate::domain::Product;
use crate::domain::text;
use crate::domain::wait::Blocker;
use crate::server::mysql::session::Session;
use crate::server::mysql::wire::{Error, Row};
use crate::server::waits::short;
use std::collections::HashMap;

/// What this user may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Everybody's sessions and transactions: it has the right PROCESS.
    All,
    /// Its own sessions.
    Own,
}

/// A lock that somebody waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// Who waits.
    pub waiting: u64,
    /// Who has it.
    pub holder: Option<u64>,
    /// What it is on, for people.
    pub object: String,
    /// Its mode, as the server names it.
    pub mode: String,
    /// How long the holder keeps it.
    pub keeps: Keeps,
}

/// How long a lock is kept by who has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keeps {
    /// Until its transaction ends.
    Transaction,
    /// Until its statement ends, or until it is told to let go.
    #[default]
    Otherwise,
}

/// Locks of tables' definitions, where the performance schema keeps them.
const METADATA: &str = "
SELECT wt.PROCESSLIST_ID, bt.PROCESSLIST_ID, w.OBJECT_TYPE, w.OBJECT_SCHEMA, w.OBJECT_NAME, w.LOCK_TYPE, b.LOCK_DURATION
  FROM performance_schema.metadata_locks w
  JOIN performance_schema.threads wt ON wt.THREAD_ID = w.OWNER_THREAD_ID
  LEFT JOIN performance_schema.metadata_locks b
    ON b.OBJECT_TYPE = w.OBJECT_TYPE AND b.OBJECT_SCHEMA <=> w.OBJECT_SCHEMA AND b.OBJECT_NAME <=> w.OBJECT_NAME
   AND b.LOCK_STATUS = 'GRANTED' AND b.OWNER_THREAD_ID <> w.OWNER_THREAD_ID
  LEFT JOIN performance_schema.threads bt ON bt.THREAD_ID = b.OWNER_THREAD_ID
 WHERE w.LOCK_STATUS = 'PENDING' LIMIT 1000";

/// Locks of rows, in MySQL.
const ROWS_OF_MYSQL: &str = "
SELECT r.trx_mysql_thread_id, b.trx_mysql_thread_id, 'ROW', l.OBJECT_SCHEMA, l.OBJECT_NAME, l.LOCK_MODE, 'TRANSACTION'
  FROM performance_schema.data_lock_waits w
  JOIN performance_schema.data_locks l ON l.ENGINE_LOCK_ID = w.REQUESTING_ENGINE_LOCK_ID
  JOIN information_schema.INNODB_TRX r ON r.trx_id = w.REQUESTING_ENGINE_TRANSACTION_ID
  JOIN information_schema.INNODB_TRX b ON b.trx_id = w.BLOCKING_ENGINE_TRANSACTION_ID LIMIT 1000";

/// The same in MariaDB.
const ROWS_OF_MARIADB: &str = "
SELECT r.trx_mysql_thread_id, b.trx_mysql_thread_id, 'ROW', '', l.lock_table, l.lock_mode, 'TRANSACTION'
  FROM information_schema.INNODB_LOCK_WAITS w
  JOIN information_schema.INNODB_LOCKS l ON l.lock_id = w.requested_lock_id
  JOIN information_schema.INNODB_TRX r ON r.trx_id = w.requesting_trx_id
  JOIN information_schema.INNODB_TRX b ON b.trx_id = w.blocking_trx_id LIMIT 1000";

/// The same as [`METADATA`] by a plugin of MariaDB's, which lists who has what and not who waits for it: a table that is named in the
/// statement that waits, or that is in a database which is dropped.
const BY_PLUGIN: &str = "
SELECT w.ID, m.THREAD_ID, 'TABLE', m.TABLE_SCHEMA, m.TABLE_NAME, 'metadata lock', IF(h.COMMAND = 'Sleep', 'TRANSACTION', '')
  FROM information_schema.PROCESSLIST w
  JOIN information_schema.METADATA_LOCK_INFO m ON m.LOCK_TYPE = 'Table metadata lock' AND m.THREAD_ID <> w.ID
  JOIN information_schema.PROCESSLIST h ON h.ID = m.THREAD_ID
 WHERE w.STATE = 'Waiting for table metadata lock' AND m.TABLE_NAME <> ''
   AND (LOCATE(m.TABLE_NAME, w.INFO) > 0 OR (w.INFO LIKE 'DROP DATABASE%' AND LOCATE(m.TABLE_SCHEMA, w.INFO) > 0)) LIMIT 1000";

/// Who waits for whom. What the server does not keep, or does not tell this user, is left out.
pub async fn locks(session: &mut Session) -> Result<Vec<Lock>, Error> {
    let mariadb = session.flavour().product == Product::Mariadb;
    let rows = if mariadb { ROWS_OF_MARIADB } else { ROWS_OF_MYSQL };
    let mut found: Vec<Lock> = Vec::new();
    for sql in [Some(METADATA), Some(rows), mariadb.then_some(BY_PLUGIN)].into_iter().flatten() {
        match session.query(sql).await {
            Ok(rows) => {
                let told: Vec<u64> = found.iter().map(|lock| lock.waiting).collect();
                found.extend(rows.iter().map(lock).filter(|lock| !told.contains(&lock.waiting)));
            }
            Err(Error::Server { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    found.retain(|lock| lock.waiting != 0);
    Ok(found)
}

fn lock(row: &Row) -> Lock {
    let (kind, schema, name) = (row.owned(2), row.owned(3), row.owned(4));
    // MariaDB quotes what it names itself.
    let name = name.replace('`', "");
    let full = if schema.is_empty() { name } else { format!("{schema}.{name}") };
    let object = match kind.as_str() {
        "ROW" => format!("a row of {full}"),
        "TABLE" => full,
        "SCHEMA" => format!("the database {schema}"),
        "GLOBAL" | "COMMIT" | "BACKUP LOCK" | "BACKUP" => "the whole server".to_owned(),
        other => format!("the {} {full}", other.to_ascii_lowercase()),
    };
    Lock {
        waiting: row.number(0).unwrap_or(0),
        holder: row.number(1),
        object: text::clean(&object),
        mode: text::clean(&row.owned(5).replace('_', " ")),
        keeps: if row.owned(6) == "TRANSACTION" { Keeps::Transaction } else { Keeps::Otherwise },
    }
}

/// A number as the list of waits has it.
pub fn pid(id: u64) -> i32 {
    i32::try_from(id).unwrap_or(i32::MAX)
}

/// What is known of sessions. `ours` are sessions of this connector.
pub async fn known(session: &mut Session, ids: &[u64], ours: &[u64], sight: Sight) -> Result<HashMap<i32, Blocker>, Error> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let ids = ids.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT ID, USER, HOST, COALESCE(DB, ''), COMMAND, COALESCE(STATE, ''), COALESCE(INFO, '') FROM information_schema.PROCESSLIST WHERE ID IN ({ids})"
    );
    let mut found: HashMap<i32, Blocker> =
        session.query(&sql).await?.iter().map(|row| (pid(row.number(0).unwrap_or(0)), blocker(row, ours))).collect();
    if sight == Sight::All {
        // By the server's own clock and zone, in which these times are.
        let sql = format!(
            "SELECT trx_mysql_thread_id, GREATEST(TIMESTAMPDIFF(SECOND, trx_started, CONVERT_TZ(NOW(), @@session.time_zone, 'SYSTEM')), 0) * 1000 \
               FROM information_schema.INNODB_TRX WHERE trx_mysql_thread_id IN ({ids})"
        );
        for row in session.query(&sql).await? {
            if let Some(one) = found.get_mut(&pid(row.number(0).unwrap_or(0))) {
                one.transaction_ms = row.number(1);
                if one.state == "idle" {
                    one.state = "idle in transaction".to_owned();
                }
            }
        }
    }
    // Where clients say who they are and the server keeps it.
    let sql = format!(
        "SELECT PROCESSLIST_ID, ATTR_VALUE FROM performance_schema.session_connect_attrs WHERE ATTR_NAME = 'program_name' AND PROCESSLIST_ID IN ({ids})"
    );
    match session.query(&sql).await {
        Ok(rows) => {
            for row in rows {
                if let Some(one) = found.get_mut(&pid(row.number(0).unwrap_or(0))) {
                    one.application = text::clean(&row.owned(1));
                    one.ours |= one.application == "dbbackup";
                }
            }
        }
        Err(Error::Server { .. }) => {}
        Err(error) => return Err(error),
    }
    Ok(found)
}

fn blocker(row: &Row, ours: &[u64]) -> Blocker {
    let id = row.number(0).unwrap_or(0);
    let (command, state) = (row.owned(4), row.owned(5));
    let host = row.owned(2);
    Blocker {
        pid: pid(id),
        user: text::clean(&row.owned(1)),
        client: match host.split(':').next() {
            Some("" | "localhost") | None => "local".to_owned(),
            Some(_) => text::clean(host.rsplit_once(':').map_or(host.as_str(), |(host, _)| host)),
        },
        database: text::clean(&row.owned(3)),
        state: match command.as_str() {
            "Sleep" => "idle".to_owned(),
            _ if state.is_empty() => text::clean(&command.to_lowercase()),
            _ => text::clean(&state.to_lowercase()),
        },
        statement: short(&row.owned(6)),
        ours: ours.contains(&id),
        cancel: format!("KILL QUERY {id};"),
        end: format!("KILL {id};"),
        ..Blocker::default()
    }
}
