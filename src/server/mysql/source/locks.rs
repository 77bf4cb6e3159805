//! Keeps a server still for the instant in which several sessions begin their snapshots. Each way either holds everything, within a limit, or
//! says why not, leaving nothing behind. Knows no snapshots: what is done while the server is still is the caller's.
//!
//! A stuck lock must never take a site down, so each is asked for by a session of its own, with a short limit, and is gone when that session
//! is. MySQL's FLUSH TABLES is worse than a lock: when it gives up, tables that a long statement is using stay closed to everybody until
//! that statement ends. It is therefore asked for only after a look at what is running. MariaDB's backup stages have no such trap.

use super::baseline::{Baseline, Place};
use super::grants::Rights;
use crate::domain::connection::Product;
use crate::domain::schema::TableName;
use crate::server::mysql::connect::{Connector, Session};
use crate::server::mysql::quote::qualified;
use crate::server::mysql::wire::Error;
use std::time::{Duration, Instant};

/// Seconds after which the server gives a lock up.
const LOCK_SECONDS: u64 = 2;

/// The longest that a whole way may take, and with it what waits for it.
const LIMIT: Duration = Duration::from_secs(6);

/// A statement that has run for so long may well run for longer.
const LONG_SECONDS: u64 = 2;

/// How long to wait for long statements to end, and between two looks.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(250);

/// How often a lock that was not free is asked for again, and when.
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(500);

/// A server that is kept still, by a session that does nothing else.
pub struct Still {
    keeper: Session,
    since: Instant,
    way: Way,
}

/// What keeps it still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// MariaDB's BACKUP STAGE BLOCK_COMMIT.
    Stages,
    /// FLUSH TABLES WITH READ LOCK.
    Flush,
    /// LOCK TABLES … READ on the tables that are read.
    Tables,
}

/// What came of a try.
pub enum Tried {
    /// It is still.
    Held(Still),
    /// It is not, for this reason.
    Not(String),
}

/// A refusal, or a lock that was not free, as a reason; other errors stay errors.
fn reason(what: &str, error: Error) -> Result<Tried, Error> {
    match error {
        Error::Server { number: 1227 | 1044 | 1045 | 1142 | 1143, .. } => Ok(Tried::Not(format!("this user has no right to {what}"))),
        Error::Server { number: 1205, .. } | Error::Late(_) => {
            Ok(Tried::Not(format!("{what} was not to be had within {LOCK_SECONDS} seconds")))
        }
        Error::Server { message, .. } => Ok(Tried::Not(format!("{what}: {message}"))),
        lost => Err(lost),
    }
}

/// A session that asks for locks.
async fn keeper(connector: &Connector) -> Result<Session, Error> {
    let mut keeper = connector.bare(None).await?;
    keeper.run(&format!("SET NAMES utf8mb4; SET SESSION lock_wait_timeout = {LOCK_SECONDS}")).await?;
    Ok(keeper)
}

/// Runs statements one after the other, all within the limit. A session that is late is dropped by the caller, which ends it on the server.
async fn limited(keeper: &mut Session, statements: &[&str]) -> Result<(), Error> {
    let all = async {
        for sql in statements {
            keeper.run(sql).await?;
        }
        Ok(())
    };
    tokio::time::timeout(LIMIT, all).await.unwrap_or(Err(Error::Late(LIMIT)))
}

/// The gentlest way first: each that is tried has its reason in `not` when it did not work.
pub async fn still(
    connector: &Connector,
    desk: &mut Session,
    rights: &Rights,
    baseline: &Baseline,
    not: &mut Vec<String>,
) -> Result<Option<Still>, Error> {
    let global = match desk.flavour().product {
        Product::Mariadb => stages(connector).await?,
        Product::Mysql | Product::Postgres => flush(connector, desk, rights).await?,
    };
    match global {
        Tried::Held(still) => return Ok(Some(still)),
        Tried::Not(why) => not.push(why),
    }
    match tables(connector, baseline).await? {
        Tried::Held(still) => return Ok(Some(still)),
        Tried::Not(why) => not.push(why),
    }
    Ok(None)
}

/// Waits for nothing but commits at work and statements that change definitions; statements that read are not in its way.
async fn stages(connector: &Connector) -> Result<Tried, Error> {
    let what = "BACKUP STAGE";
    for attempt in 1..=TRIES {
        let mut keeper = keeper(connector).await?;
        if let Err(error) = limited(&mut keeper, &["BACKUP STAGE START", "BACKUP STAGE FLUSH"]).await {
            return reason(what, error);
        }
        let since = Instant::now();
        match limited(&mut keeper, &["BACKUP STAGE BLOCK_DDL", "BACKUP STAGE BLOCK_COMMIT"]).await {
            Ok(()) => return Ok(Tried::Held(Still { keeper, since, way: Way::Stages })),
            Err(error) if error.number() == Some(1205) && attempt < TRIES => {
                // The end of the session is the end of its stages.
                keeper.close().await;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return reason(what, error),
        }
    }
    Ok(Tried::Not(format!("{what} was not to be had")))
}

async fn flush(connector: &Connector, desk: &mut Session, rights: &Rights) -> Result<Tried, Error> {
    let what = "FLUSH TABLES WITH READ LOCK";
    if !rights.has("RELOAD") && !rights.has("FLUSH_TABLES") {
        return Ok(Tried::Not(format!("this user has no right to {what} (RELOAD)")));
    }
    if !rights.has("PROCESS") {
        return Ok(Tried::Not(format!("this user cannot see whether long statements would be in the way of {what} (PROCESS)")));
    }
    if let Some(long) = quiet(desk).await? {
        return Ok(Tried::Not(format!("{what} was not asked for, since {long}")));
    }
    let mut keeper = keeper(connector).await?;
    // Most tables are closed before anybody is locked out.
    if let Err(error) = limited(&mut keeper, &["FLUSH NO_WRITE_TO_BINLOG TABLES"]).await {
        return reason("FLUSH TABLES", error);
    }
    if let Some(long) = running(desk).await? {
        return Ok(Tried::Not(format!("{what} was not asked for, since {long}")));
    }
    let since = Instant::now();
    match limited(&mut keeper, &["FLUSH TABLES WITH READ LOCK"]).await {
        Ok(()) => Ok(Tried::Held(Still { keeper, since, way: Way::Flush })),
        Err(error) => reason(what, error),
    }
}

/// Waits until no statement is long; says which one is when that takes too long.
async fn quiet(desk: &mut Session) -> Result<Option<String>, Error> {
    let began = Instant::now();
    loop {
        match running(desk).await? {
            Some(_) if began.elapsed() < PATIENCE => tokio::time::sleep(LOOK).await,
            long => return Ok(long),
        }
    }
}

/// A statement that has been running for long.
async fn running(desk: &mut Session) -> Result<Option<String>, Error> {
    let own = desk.id();
    let rows = desk.query("SHOW PROCESSLIST").await?;
    let long = rows.iter().find_map(|row| {
        let (id, seconds): (u64, u64) = (row.number(0)?, row.number(5)?);
        let works = matches!(row.text(4)?.as_ref(), "Query" | "Execute" | "Fetch" | "Field List");
        // Threads of the server's own have statements that never end.
        let person = !matches!(row.text(1)?.as_ref(), "system user" | "event_scheduler");
        (works && person && id != own && seconds >= LONG_SECONDS)
            .then(|| format!("the statement of session {id} has been running for {seconds} s"))
    });
    Ok(long)
}

/// Keeps writers out of the tables that are read, and waits for their transactions to end.
async fn tables(connector: &Connector, baseline: &Baseline) -> Result<Tried, Error> {
    let what = "LOCK TABLES";
    let mut places: Vec<&Place> = baseline.places().collect();
    places.sort();
    if places.is_empty() {
        return Ok(Tried::Not("there are no tables to lock".to_owned()));
    }
    let names: Vec<String> =
        places.iter().map(|(database, table)| format!("{} READ", qualified(&TableName::new(database, table)))).collect();
    let sql = format!("LOCK TABLES {}", names.join(", "));
    for attempt in 1..=TRIES {
        let mut keeper = keeper(connector).await?;
        let since = Instant::now();
        match limited(&mut keeper, &[&sql]).await {
            Ok(()) => return Ok(Tried::Held(Still { keeper, since, way: Way::Tables })),
            Err(error) if error.number() == Some(1205) && attempt < TRIES => {
                keeper.close().await;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return reason(what, error),
        }
    }
    Ok(Tried::Not(format!("{what} was not to be had")))
}

impl Still {
    /// What keeps it still.
    pub fn way(&self) -> Way {
        self.way
    }

    /// Does something while the server is still, for a limited time, and lets it go on, whatever came of it.
    pub async fn during<T>(self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let Self { mut keeper, since, way } = self;
        let done = tokio::time::timeout(LIMIT, work).await.unwrap_or(Err(Error::Late(LIMIT)));
        let sql = match way {
            Way::Stages => "BACKUP STAGE END",
            Way::Flush | Way::Tables => "UNLOCK TABLES",
        };
        let freed = tokio::time::timeout(LIMIT, keeper.run(sql)).await;
        tracing::info!(
            ?way,
            milliseconds = since.elapsed().as_millis() as u64,
            "the server was kept still for the beginning of the snapshots"
        );
        match freed {
            Ok(Ok(_)) => keeper.close().await,
            // Its end is the end of its locks.
            _ => drop(keeper),
        }
        done
    }
}
