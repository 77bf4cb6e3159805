//! What state the server is in: each question by itself, so that one that is refused costs no other.

use crate::domain::diagnosis::{About, Archiver, Fact, OpenTransaction, ServerFacts};
use crate::domain::{Bytes, Product, Stamp, text};
use crate::server::mysql::connect::{Connector, Session};
use crate::server::mysql::wire::{Error, Row};
use crate::server::waits::short;
use tokio::time::{Instant, timeout_at};

/// Variables and clock. What only one of the products has is asked apart.
const ABOUT: &str = "
SELECT @@global.read_only, @@global.max_connections, @@global.innodb_buffer_pool_size, @@global.datadir, UNIX_TIMESTAMP() * 1000";

const UPTIME: &str = "SHOW GLOBAL STATUS LIKE 'Uptime'";

const CONNECTIONS: &str = "SHOW GLOBAL STATUS LIKE 'Threads_connected'";

/// Transactions that are open for a minute or longer, by the server's own clock and zone.
const TRANSACTIONS: &str = "
SELECT t.trx_mysql_thread_id, COALESCE(p.USER, ''), COALESCE(p.DB, ''), COALESCE(p.COMMAND, ''), COALESCE(p.INFO, ''),
       TIMESTAMPDIFF(SECOND, t.trx_started, CONVERT_TZ(NOW(), @@session.time_zone, 'SYSTEM')) * 1000 open_ms
  FROM information_schema.INNODB_TRX t LEFT JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id
 WHERE t.trx_started < CONVERT_TZ(NOW(), @@session.time_zone, 'SYSTEM') - INTERVAL 1 MINUTE AND t.trx_mysql_thread_id <> CONNECTION_ID()
 ORDER BY t.trx_started LIMIT 10";

/// Says of every fact why it is not known.
pub fn unknown(why: &str, facts: &mut ServerFacts) {
    facts.about = Fact::Unknown(why.to_owned());
    facts.connections = Fact::Unknown(why.to_owned());
    facts.transactions = Fact::Unknown(why.to_owned());
    facts.waits = Fact::Unknown(why.to_owned());
    facts.wal = Fact::Unknown(why.to_owned());
    other_products(facts);
}

/// What this product does not have.
fn other_products(facts: &mut ServerFacts) {
    const NONE: &str = "this product has none";
    facts.locks_in_use = Fact::Unknown(NONE.to_owned());
    facts.slots = Fact::Unknown(NONE.to_owned());
    facts.archiver = Fact::<Archiver>::Unknown(NONE.to_owned());
}

/// Asks everything, one question after the other.
pub async fn ask(connector: &Connector, session: &mut Session, deadline: Instant, facts: &mut ServerFacts) {
    other_products(facts);
    facts.about = match rows(session, deadline, ABOUT).await {
        Fact::Known(found) => {
            let uptime = rows(session, deadline, UPTIME).await;
            let rights = rows(session, deadline, "SHOW GRANTS").await;
            about(session, &found, uptime.known().map_or(&[], Vec::as_slice), rights.known().map_or(&[], Vec::as_slice))
        }
        Fact::Unknown(why) => Fact::Unknown(why),
    };
    facts.connections = figure(rows(session, deadline, CONNECTIONS).await, 1);
    facts.transactions = match rows(session, deadline, TRANSACTIONS).await {
        Fact::Known(found) => Fact::Known(found.iter().map(transaction).collect()),
        Fact::Unknown(why) => Fact::Unknown(why),
    };
    facts.wal = match rows(session, deadline, "SHOW BINARY LOGS").await {
        Fact::Known(found) => Fact::Known(Bytes(found.iter().filter_map(|row| row.number::<u64>(1)).sum())),
        Fact::Unknown(why) => Fact::Unknown(why),
    };
    facts.waits = match timeout_at(deadline, crate::server::mysql::watch::all(connector, session)).await {
        Ok(Ok(waits)) => Fact::Known(waits),
        Ok(Err(error)) => Fact::Unknown(said(&error)),
        Err(_) => Fact::Unknown("no answer in time".to_owned()),
    };
}

/// The rows of an answer, or why there is none.
async fn rows(session: &mut Session, deadline: Instant, sql: &str) -> Fact<Vec<Row>> {
    let began = Instant::now();
    match timeout_at(deadline, session.query(sql)).await {
        Ok(Ok(rows)) => Fact::Known(rows),
        Ok(Err(error)) => Fact::Unknown(said(&error)),
        Err(_) => Fact::Unknown(format!("no answer within {:.1} s", began.elapsed().as_secs_f64())),
    }
}

fn said(error: &Error) -> String {
    match error {
        Error::Server { message, .. } => text::clean(message),
        other => other.to_string(),
    }
}

fn figure(rows: Fact<Vec<Row>>, at: usize) -> Fact<u64> {
    match rows {
        Fact::Known(rows) => match rows.first().and_then(|row| row.number(at)) {
            Some(number) => Fact::Known(number),
            None => Fact::Unknown("no number".to_owned()),
        },
        Fact::Unknown(why) => Fact::Unknown(why),
    }
}

fn about(session: &Session, rows: &[Row], uptime: &[Row], rights: &[Row]) -> Fact<About> {
    let Some(row) = rows.first() else { return Fact::Unknown("no answer".to_owned()) };
    let flavour = session.flavour();
    let now: i64 = row.number(4).unwrap_or(0);
    let up: i64 = uptime.first().and_then(|row| row.number(1)).unwrap_or(0);
    let number = flavour.version_num;
    let all = |row: &Row| row.text(0).is_some_and(|right| right.starts_with("GRANT ALL PRIVILEGES ON *.*") || right.contains("SUPER"));
    Fact::Known(About {
        version: format!("{} {}.{}.{}", flavour.product, number / 10_000, number / 100 % 100, number % 100),
        version_num: number,
        in_recovery: row.text(0).is_some_and(|text| !matches!(text.as_ref(), "0" | "OFF")),
        superuser: rights.iter().any(all),
        max_connections: row.number(1).unwrap_or(0),
        // One connection is kept for whoever may end sessions; MariaDB and MySQL alike.
        reserved: if flavour.product == Product::Postgres { 0 } else { 1 },
        shared_buffers: Bytes(row.number(2).unwrap_or(0)).to_string(),
        data_directory: row.bytes(3).map(|_| text::clean(&row.owned(3))),
        started: Stamp(now - up * 1000),
        now: Stamp(now),
        ..About::default()
    })
}

fn transaction(row: &Row) -> OpenTransaction {
    OpenTransaction {
        pid: i32::try_from(row.number::<u64>(0).unwrap_or(0)).unwrap_or(i32::MAX),
        user: text::clean(&row.owned(1)),
        database: text::clean(&row.owned(2)),
        application: String::new(),
        state: if row.owned(3) == "Sleep" { "idle in transaction".to_owned() } else { "active".to_owned() },
        statement: short(&row.owned(4)),
        open_ms: row.number(5).unwrap_or(0),
    }
}
