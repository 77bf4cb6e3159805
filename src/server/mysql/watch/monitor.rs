//! The monitor: a session of its own that asks what our other sessions wait for.

use super::locks::{self, Keeps, Lock, Sight, pid};
use crate::domain::text;
use crate::domain::wait::Wait;
use crate::domain::{Code, Fault};
use crate::server::mysql::connect::{Connector, Session};
use crate::server::mysql::wire::{Error, Row};
use crate::server::waits::{flatten, short, sort};
use crate::server::{Answer, Monitor};
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long one look may take.
const LIMIT: Duration = Duration::from_secs(5);

/// A wait shorter than this is none.
const WORTH: Duration = Duration::from_millis(900);

/// The right that a user needs to see others' sessions is missing.
const NO_RIGHT: u16 = 1227;

/// The list of sessions, and the states in which one waits for a lock that is not a row's.
const LIST: &str =
    "SELECT p.ID, COALESCE(p.DB, ''), COALESCE(p.INFO, ''), COALESCE(p.STATE, ''), p.TIME FROM information_schema.PROCESSLIST p";
const STATES: &str = "(p.STATE LIKE 'Waiting for %lock' OR p.STATE LIKE 'Waiting for table%')";

/// See [`crate::server::Server::monitor`].
struct LockMonitor {
    connector: Connector,
    session: Session,
    sight: Sight,
    /// Since when a session is known to wait.
    seen: HashMap<u64, Instant>,
}

/// A session that waits, as the list of sessions has it.
struct Waiting {
    id: u64,
    database: String,
    statement: String,
    state: String,
}

/// Opens the monitor's session.
pub async fn open(connector: &Connector) -> Result<Box<dyn Monitor>, Fault> {
    let session = connector.session(None).await?;
    Ok(Box::new(LockMonitor { connector: connector.clone(), session, sight: Sight::All, seen: HashMap::new() }))
}

impl LockMonitor {
    async fn look(&mut self) -> Result<Vec<Wait>, Error> {
        let ours = self.connector.roll().ids();
        let waiting = self.waiting(&ours).await?;
        let now = Instant::now();
        self.seen.retain(|id, _| waiting.iter().any(|one| one.id == *id));
        for one in &waiting {
            self.seen.entry(one.id).or_insert(now);
        }
        let lasted = |id: u64| self.seen.get(&id).map_or(Duration::ZERO, |since| now.duration_since(*since));
        let long: Vec<(Waiting, Duration)> =
            waiting.into_iter().map(|one| (lasted(one.id), one)).map(|(lasted, one)| (one, lasted)).collect();
        let long: Vec<(Waiting, Duration)> = long.into_iter().filter(|(_, lasted)| *lasted >= WORTH).collect();
        if long.is_empty() {
            return Ok(Vec::new());
        }
        let limit_ms = self.connector.connection().lock_timeout.saturating_mul(1000);
        tell(&mut self.session, long, &ours, self.sight, limit_ms).await
    }

    /// Which of our sessions wait for a lock. Those of rows are only told to who may see all.
    async fn waiting(&mut self, ours: &[u64]) -> Result<Vec<Waiting>, Error> {
        let ids = ours.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let mut sql = format!("{LIST} WHERE p.ID IN ({ids}) AND {STATES}");
        if self.sight == Sight::All {
            sql.push_str(&format!(
                " UNION {LIST} JOIN information_schema.INNODB_TRX t ON t.trx_mysql_thread_id = p.ID \
                  WHERE t.trx_state = 'LOCK WAIT' AND p.ID IN ({ids})"
            ));
        }
        let rows = match self.session.query(&sql).await {
            Err(Error::Server { number: NO_RIGHT, .. }) if self.sight == Sight::All => {
                self.sight = Sight::Own;
                return Box::pin(self.waiting(ours)).await;
            }
            other => other?,
        };
        let mut waiting: Vec<Waiting> = rows
            .iter()
            .map(|row| Waiting { id: row.number(0).unwrap_or(0), database: row.owned(1), statement: row.owned(2), state: row.owned(3) })
            .collect();
        // A state may change between the two halves of the question.
        waiting.dedup_by_key(|one| one.id);
        Ok(waiting)
    }
}

/// Says of sessions that wait who is in their way.
async fn tell(
    session: &mut Session,
    long: Vec<(Waiting, Duration)>,
    ours: &[u64],
    sight: Sight,
    limit_ms: u64,
) -> Result<Vec<Wait>, Error> {
    let locks = locks::locks(session).await?;
    let mut edges: HashMap<i32, Vec<i32>> = HashMap::new();
    let mut others: Vec<u64> = Vec::new();
    for (waiting, holder) in locks.iter().filter_map(|lock| lock.holder.filter(|holder| *holder != 0).map(|holder| (lock.waiting, holder)))
    {
        edges.entry(pid(waiting)).or_default().push(pid(holder));
        others.push(holder);
    }
    for by in edges.values_mut() {
        by.sort_unstable();
        by.dedup();
    }
    others.sort_unstable();
    others.dedup();
    let mut known = locks::known(session, &others, ours, sight).await?;
    // InnoDB's list of transactions may be older than the lock, and does not have everybody's.
    for lock in locks.iter().filter(|lock| lock.keeps == Keeps::Transaction) {
        if let Some(holder) = lock.holder.and_then(|holder| known.get_mut(&pid(holder))).filter(|holder| holder.state == "idle") {
            holder.state = "idle in transaction".to_owned();
        }
    }
    let mut waits: Vec<Wait> = long
        .into_iter()
        .map(|(one, lasted)| {
            let lock = locks.iter().find(|lock| lock.waiting == one.id);
            Wait {
                pid: pid(one.id),
                object: object(lock, &one.state),
                mode: lock.map(|lock| lock.mode.clone()).unwrap_or_default(),
                blockers: flatten(&edges, &known, pid(one.id)),
                database: text::clean(&one.database),
                statement: short(&one.statement),
                waited_ms: u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX),
                limit_ms,
            }
        })
        .collect();
    sort(&mut waits);
    Ok(waits)
}

/// Everybody who waits for a lock, by the server's own count of seconds: one look, for a report.
pub async fn all(connector: &Connector, session: &mut Session) -> Result<Vec<Wait>, Error> {
    let sql = format!(
        "{LIST} WHERE {STATES} UNION {LIST} JOIN information_schema.INNODB_TRX t ON t.trx_mysql_thread_id = p.ID \
          WHERE t.trx_state = 'LOCK WAIT' LIMIT 20"
    );
    let long = session.query(&sql).await?.iter().map(|row| (waiting(row), Duration::from_secs(row.number(4).unwrap_or(0)))).collect();
    tell(session, long, &connector.roll().ids(), Sight::All, 0).await
}

fn waiting(row: &Row) -> Waiting {
    Waiting { id: row.number(0).unwrap_or(0), database: row.owned(1), statement: row.owned(2), state: row.owned(3) }
}

/// What is waited for; where no table of locks tells, in the words of the session's state.
fn object(lock: Option<&Lock>, state: &str) -> String {
    match (lock, state.strip_prefix("Waiting for ")) {
        (Some(lock), _) => lock.object.clone(),
        (None, Some("table metadata lock")) => "the definition of a table".to_owned(),
        (None, Some("schema metadata lock")) => "the definition of a database".to_owned(),
        (None, Some(words)) => text::clean(words.strip_suffix(" lock").unwrap_or(words)),
        (None, None) => "a row".to_owned(),
    }
}

impl Monitor for LockMonitor {
    fn waits(&mut self) -> Answer<'_, Vec<Wait>> {
        Box::pin(async {
            let connector = self.connector.clone();
            match tokio::time::timeout(LIMIT, self.look()).await {
                Ok(looked) => looked.map_err(|error| connector.fault("cannot watch locks", &error, "")),
                Err(_) => Err(Fault::new(Code::ConnectTimeout, "cannot watch locks").because("the server does not answer")),
            }
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(self.session.close())
    }
}
