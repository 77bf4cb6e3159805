//! What state the server is in: each question by itself, so that one that is refused costs no other.

use super::figures::{self, Named};
use super::{asked, limited, replication, said};
use crate::domain::diagnosis::mysql::MysqlFacts;
use crate::domain::diagnosis::{About, Archiver, Fact, OpenTransaction, ServerFacts};
use crate::domain::{Bytes, Stamp, text};
use crate::server::mysql::connect::{Connector, Session};
use crate::server::mysql::source::grants;
use crate::server::mysql::wire::Row;
use crate::server::waits::short;
use tokio::time::Instant;

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
    facts.mysql = Some(MysqlFacts::unknown(why));
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
    facts.product = session.flavour().product;
    let variables = Named::variables(session, deadline).await;
    let status = Named::status(session, deadline).await;
    let clock = asked(session, deadline, "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS UNSIGNED)").await;
    let rights = match limited(deadline, grants::read(session)).await {
        Ok(Ok(rights)) => rights.is_super(),
        // What may not be asked for is not had.
        Ok(Err(_)) | Err(_) => false,
    };
    facts.about = match (variables.why(), clock) {
        (None, Fact::Known(clock)) => {
            let now = clock.first().and_then(|row| row.number(0)).unwrap_or(0);
            Fact::Known(about(session, &variables, &status, now, rights))
        }
        (Some(why), _) => Fact::Unknown(why.to_owned()),
        (None, Fact::Unknown(why)) => Fact::Unknown(why),
    };
    facts.connections = match status.why() {
        None => Fact::Known(status.number("threads_connected")),
        Some(why) => Fact::Unknown(why.to_owned()),
    };
    facts.transactions = match asked(session, deadline, TRANSACTIONS).await {
        Fact::Known(found) => Fact::Known(found.iter().map(transaction).collect()),
        Fact::Unknown(why) => Fact::Unknown(why),
    };
    facts.waits = match limited(deadline, crate::server::mysql::watch::all(connector, session)).await {
        Ok(Ok(waits)) => Fact::Known(waits),
        Ok(Err(error)) => Fact::Unknown(said(&error)),
        Err(why) => Fact::Unknown(why),
    };
    let mut family = figures::read(session, deadline, &variables, &status).await;
    family.replication = replication::read(session, deadline).await;
    facts.wal = match &family.log {
        Fact::Known(log) if log.written => Fact::Known(log.bytes),
        Fact::Known(_) => Fact::Unknown("no binary log is written".to_owned()),
        Fact::Unknown(why) => Fact::Unknown(why.clone()),
    };
    facts.mysql = Some(family);
}

fn about(session: &Session, variables: &Named, status: &Named, now: i64, superuser: bool) -> About {
    let flavour = session.flavour();
    let number = flavour.version_num;
    let up: i64 = status.number("uptime");
    About {
        version: format!("{} {}.{}.{}", flavour.product, number / 10_000, number / 100 % 100, number % 100),
        version_num: number,
        in_recovery: variables.is_on("read_only"),
        superuser,
        max_connections: variables.number("max_connections"),
        // One more than that is for whoever may end others' sessions: nobody's is taken away for it.
        reserved: 0,
        shared_buffers: Bytes(variables.number("innodb_buffer_pool_size")).to_string(),
        data_directory: variables.text("datadir").map(text::clean),
        started: Stamp(now - up * 1000),
        now: Stamp(now),
        ..About::default()
    }
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
