//! The monitor: a session of its own that asks what our other sessions wait for.

use super::tree;
use crate::domain::text;
use crate::domain::wait::Wait;
use crate::domain::{Code, Fault};
use crate::server::postgres::connect::Connector;
use crate::server::postgres::session::Session;
use crate::server::{Answer, Monitor};
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio_postgres::Error;

/// How long one look may take.
const LIMIT: Duration = Duration::from_secs(5);

/// A wait shorter than this is none.
const WORTH: Duration = Duration::from_millis(900);

/// Names of relations that are kept; all go when there are more.
const NAMES: usize = 10_000;

/// Which of our sessions wait for a lock: one cheap look at the list of sessions.
const WAITING: &str = "
SELECT coalesce(array_agg(a.pid), '{}') FROM pg_catalog.pg_stat_activity a
 WHERE (a.pid = ANY ($1::int4[]) OR a.application_name = $2) AND a.wait_event_type = 'Lock'";

/// What they wait for. `waitstart` came with version 14.
const LOCKS: &str = "
SELECT l.pid, coalesce(a.datname, '')::text, coalesce(a.query, ''), l.mode, l.locktype, coalesce(l.database, 0), coalesce(l.relation, 0),
       coalesce(l.transactionid::text, l.virtualxid, ''),
       (extract(epoch FROM clock_timestamp() - (to_jsonb(l)->>'waitstart')::timestamptz) * 1000)::int8,
       coalesce(l.classid::regclass::text, ''), coalesce(l.objid, 0),
       coalesce(l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()) OR l.database = 0, false),
       (SELECT d.datname::text FROM pg_catalog.pg_database d
         WHERE l.locktype = 'object' AND l.classid = 'pg_catalog.pg_database'::pg_catalog.regclass AND d.oid = l.objid)
  FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE NOT l.granted AND l.pid = ANY ($1::int4[])";

/// See [`crate::server::Server::monitor`].
pub struct LockMonitor {
    connector: Connector,
    session: Session,
    /// Since when a session is known to wait.
    seen: HashMap<i32, Instant>,
    /// Relations by database and number.
    names: HashMap<(u32, u32), String>,
}

/// What a lock is on.
struct Wanted {
    wait: Wait,
    relation: Option<(u32, u32)>,
    /// Whether the relation can be named from here.
    here: bool,
    kind: String,
}

/// Opens the monitor's session.
pub async fn open(connector: &Connector) -> Result<Box<dyn Monitor>, Fault> {
    let session = connector.session(&connector.connection().database).await?;
    // A look that takes long is given up by the server too.
    let sql = format!("SET statement_timeout = {}", LIMIT.as_millis());
    session.client.batch_execute(&sql).await.map_err(|error| connector.fault("cannot watch locks", &error, ""))?;
    Ok(Box::new(LockMonitor { connector: connector.clone(), session, seen: HashMap::new(), names: HashMap::new() }))
}

impl LockMonitor {
    async fn look(&mut self) -> Result<Vec<Wait>, Error> {
        let roll = self.connector.roll();
        let ours = roll.pids();
        let waiting: Vec<i32> = self.session.client.query_one(WAITING, &[&ours, &roll.dump_name()]).await?.get(0);
        let now = Instant::now();
        self.seen.retain(|pid, _| waiting.contains(pid));
        for pid in &waiting {
            self.seen.entry(*pid).or_insert(now);
        }
        if waiting.is_empty() {
            return Ok(Vec::new());
        }
        let mut wanted = self.wanted(&waiting, now).await?;
        wanted.retain(|one| Duration::from_millis(one.wait.waited_ms) >= WORTH);
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let long: Vec<i32> = wanted.iter().map(|one| one.wait.pid).collect();
        let edges = tree::edges(&self.session.client, &long).await?;
        let mut others: Vec<i32> = edges.values().flatten().copied().collect();
        others.sort_unstable();
        others.dedup();
        let known = tree::sessions(&self.session.client, &others, &ours).await?;
        for one in &mut wanted {
            one.wait.object = self.name(one).await;
            one.wait.blockers = tree::flatten(&edges, &known, one.wait.pid);
        }
        let mut waits: Vec<Wait> = wanted.into_iter().map(|one| one.wait).collect();
        tree::sort(&mut waits);
        Ok(waits)
    }

    /// The locks that sessions wait for.
    async fn wanted(&self, pids: &[i32], now: Instant) -> Result<Vec<Wanted>, Error> {
        let rows = self.session.client.query(LOCKS, &[&pids]).await?;
        let limit_ms = self.connector.connection().lock_timeout.saturating_mul(1000);
        let wanted = rows.iter().map(|row| {
            let pid: i32 = row.get(0);
            let (kind, database, relation): (String, u32, u32) = (row.get(4), row.get(5), row.get(6));
            let number: String = row.get(7);
            let seen = self.seen.get(&pid).map_or(Duration::ZERO, |since| now.duration_since(*since));
            let waited = row.get::<_, Option<i64>>(8).and_then(|ms| u64::try_from(ms).ok());
            // Who drops or renames a database waits for it in a session of another one.
            let whole: Option<String> = row.get(12);
            let object = match kind.as_str() {
                _ if whole.is_some() => format!("the database {}", text::clean(whole.as_deref().unwrap_or_default())),
                "transactionid" => format!("transaction {number}, until it ends"),
                "virtualxid" => format!("the transaction of session {number}, until it ends"),
                "object" => format!("an object of {} with number {}", row.get::<_, String>(9), row.get::<_, u32>(10)),
                "advisory" => "an advisory lock".to_owned(),
                _ => String::new(),
            };
            Wanted {
                wait: Wait {
                    pid,
                    database: text::clean(whole.as_deref().unwrap_or_else(|| row.get(1))),
                    object,
                    mode: tree::mode(row.get(3)),
                    statement: tree::short(row.get(2)),
                    waited_ms: waited.unwrap_or_else(|| u64::try_from(seen.as_millis()).unwrap_or(u64::MAX)),
                    limit_ms,
                    blockers: Vec::new(),
                },
                relation: (relation != 0).then_some((database, relation)),
                here: row.get(11),
                kind,
            }
        });
        Ok(wanted.collect())
    }

    /// The name of what is locked. A relation can only be named from within its database, by a session that is closed at once: one that
    /// stayed would itself be in the way of dropping that database.
    async fn name(&mut self, wanted: &Wanted) -> String {
        let Some(key) = wanted.relation else { return wanted.wait.object.clone() };
        let name = match self.names.get(&key) {
            Some(name) => name.clone(),
            None => {
                let found = match wanted.here {
                    true => named(&self.session, key.1).await,
                    false => match self.connector.session(&wanted.wait.database).await {
                        Ok(session) => {
                            let found = named(&session, key.1).await;
                            session.close().await;
                            found
                        }
                        Err(_) => None,
                    },
                };
                let Some(name) = found else { return format!("relation {}", key.1) };
                if self.names.len() >= NAMES {
                    self.names.clear();
                }
                self.names.insert(key, name.clone());
                name
            }
        };
        match wanted.kind.as_str() {
            "tuple" => format!("a row of {name}"),
            "extend" | "page" => format!("a page of {name}"),
            _ => name,
        }
    }
}

/// A relation's name, if it is there. Other sessions' uncommitted tables have none yet.
async fn named(session: &Session, relation: u32) -> Option<String> {
    let sql = "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1";
    let row = session.client.query_opt(sql, &[&relation]).await.ok()??;
    Some(text::clean(row.get(0)))
}

impl Monitor for LockMonitor {
    fn waits(&mut self) -> Answer<'_, Vec<Wait>> {
        Box::pin(async {
            let connector = self.connector.clone();
            let database = connector.connection().database.clone();
            match tokio::time::timeout(LIMIT * 2, self.look()).await {
                Ok(looked) => looked.map_err(|error| connector.fault("cannot watch locks", &error, &database)),
                Err(_) => Err(Fault::new(Code::ConnectTimeout, "cannot watch locks").because("the server does not answer")),
            }
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(self.session.close())
    }
}
