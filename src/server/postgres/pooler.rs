//! Finds out whether a connection pooler stands between us and the server, and whether its sessions are any good to us.
//!
//! A direct session is recognised by a mark in the startup packet's `options`: the server sets it for that one session. PgBouncer refuses such
//! options or, when told to, ignores them; either way the mark is not there. Only then the rest of this file is used. It changes no setting
//! of a server session that outlives its transaction before it is known that the session is ours alone.

use super::connect::Connector;
use super::session::Session;
use crate::domain::server::{PoolMode, Pooler};
use crate::domain::{Code, Fault};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;
use tokio_postgres::SimpleQueryMessage;

/// The name of the mark. A name with a dot is a setting that every server takes (documentation, "Customized Options").
pub const MARK: &str = "dbbackup.session";

/// How often a session that was given back is asked for again.
const RETURNS: usize = 5;

/// What is known of poolers, for each database: a pooler may treat them differently.
#[derive(Default)]
pub struct Known(Mutex<HashMap<String, Arc<Met>>>);

/// A pooler that was met: how, and what was found out about it since.
#[derive(Default)]
pub struct Met {
    /// What it said of the mark, when it said something.
    refusal: Option<String>,
    /// Set once.
    found: OnceCell<Pooler>,
}

impl Known {
    /// The pooler before a database.
    pub fn get(&self, database: &str) -> Option<Arc<Met>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(database).map(Arc::clone)
    }

    /// Notes that there is one, with what it said of the mark.
    pub fn meet(&self, database: &str, refusal: Option<String>) -> Arc<Met> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(database.to_owned()).or_insert_with(|| Arc::new(Met { refusal, ..Met::default() })))
    }
}

impl Met {
    /// What was found out so far.
    pub fn found(&self) -> Option<&Pooler> {
        self.found.get()
    }

    /// The pooler, looked at by whoever comes first.
    pub async fn look(&self, connector: &Connector, database: &str) -> Result<&Pooler, Fault> {
        self.found.get_or_try_init(|| find(connector, database, self.refusal.as_deref())).await
    }
}

/// Whether an error at login is a pooler's "no" to the mark. PgBouncer: `unsupported startup parameter: options`, from 1.20 on
/// `unsupported startup parameter in options: dbbackup.session`.
pub fn refuses_mark(error: &tokio_postgres::Error) -> Option<String> {
    let db = error.as_db_error()?;
    (db.code().code() == "08P01" && db.message().contains("startup parameter")).then(|| db.message().to_owned())
}

/// Fails the statement it is part of, and with it the whole query, in a session without the mark.
pub fn guard(mark: &str) -> String {
    format!("SELECT 1 / (pg_catalog.current_setting('{MARK}', true) IS NOT DISTINCT FROM '{mark}')::pg_catalog.int4;")
}

/// Whether an error is that of [`guard`].
pub fn is_guard(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| code.code() == "22012")
}

/// Whether it gives us what we need; else the fault with its cure.
pub fn suits(pooler: &Pooler, connector: &Connector, database: &str) -> Result<(), Fault> {
    let name = pooler.name();
    let (what, why) = match (pooler.mode, pooler.cleans) {
        (PoolMode::Session, true) => return Ok(()),
        (PoolMode::Session, false) => (
            format!("cannot work through {name} without leaving settings behind"),
            "it hands a session to the next client with everything that was set in it".to_owned(),
        ),
        (PoolMode::Transaction, _) => (
            format!("cannot work through {name} in transaction mode"),
            "each transaction may get another session of the server: snapshots, settings and temporary tables do not last".to_owned(),
        ),
        (PoolMode::Statement, _) => {
            (format!("cannot work through {name} in statement mode"), "it takes no transaction of more than one statement".to_owned())
        }
    };
    let connection = connector.connection();
    let mut fault = Fault::new(Code::PoolerMode, what).because(why).at("Pooler", pooler.title());
    fault = match &pooler.behind {
        Some((address, port)) => {
            // An address of the loopback, or a socket, is that of the pooler's own host.
            let near = address.as_deref().filter(|address| !address.starts_with("127.") && *address != "::1");
            let host = near.unwrap_or(&connection.host);
            fault.step_run("Connect to PostgreSQL itself:", format!("dbbackup … --host {} --port {port}", shell_words::quote(host)))
        }
        None => fault.step("Connect to PostgreSQL itself: its own host and port (--host, --port)."),
    };
    let user = &connection.user;
    fault = if pooler.mode == PoolMode::Session {
        fault.step_run("Or let the pooler clean up (pgbouncer.ini, then RELOAD):", "server_reset_query = DISCARD ALL")
    } else {
        fault.step_run(
            "Or give this role sessions of its own (pgbouncer.ini, section [users], then RELOAD):",
            format!("{user} = pool_mode=session"),
        )
    };
    Err(super::fault::located(fault, connection, database))
}

/// The fault of a pooler that lets us in and then has no session for us.
pub fn full(connector: &Connector, database: &str, seconds: u64, pooler: Option<&Pooler>) -> Fault {
    let name = pooler.map_or("a connection pooler", Pooler::name);
    let fault = Fault::new(Code::TooManyConnections, format!("{name} has no session of the server for us"))
        .because(format!("none became free within {seconds} s: its pool is used up, or its server does not answer"))
        .step("Use fewer connections: --jobs 1.")
        .step("Or let the pool have more: default_pool_size (pgbouncer.ini, then RELOAD).")
        .step("Or connect to PostgreSQL itself (--host, --port); or wait longer: --connect-timeout SECONDS.");
    super::fault::located(fault, connector.connection(), database)
}

/// What a transaction saw of the server's session that it was given.
struct Turn {
    pid: String,
    behind: Option<(Option<String>, u16)>,
}

/// One transaction in a session: which session of the server it got. None where a transaction does not last for two statements.
async fn turn(session: &Session) -> Result<Option<Turn>, tokio_postgres::Error> {
    let in_statement_mode = |error: &tokio_postgres::Error| {
        error.is_closed() || error.as_db_error().is_some_and(|db| db.message().contains("statement pooling mode"))
    };
    match session.client.batch_execute("BEGIN READ ONLY").await {
        Err(error) if in_statement_mode(&error) => return Ok(None),
        begun => begun?,
    }
    let local = "SELECT pg_catalog.set_config('dbbackup.turn', 'on', true)";
    match session.client.batch_execute(local).await {
        Err(error) if in_statement_mode(&error) => return Ok(None),
        set => set?,
    }
    let asked = "SELECT pg_catalog.current_setting('dbbackup.turn', true), pg_catalog.pg_backend_pid(), \
                 pg_catalog.host(pg_catalog.inet_server_addr()), pg_catalog.current_setting('port')";
    let answer = session.client.simple_query(asked).await?;
    session.client.batch_execute("COMMIT").await?;
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) if row.get(0) == Some("on") => Some(row),
        _ => None,
    });
    Ok(row.map(|row| Turn {
        pid: row.get(1).unwrap_or_default().to_owned(),
        behind: row.get(3).and_then(|port| port.parse().ok()).map(|port| (row.get(2).map(str::to_owned), port)),
    }))
}

async fn find(connector: &Connector, database: &str, refusal: Option<&str>) -> Result<Pooler, Fault> {
    let failed = |error: tokio_postgres::Error| connector.fault("cannot find out how the connection pooler works", &error, database);
    let mut pooler = Pooler {
        // The words are PgBouncer's own.
        product: refusal.filter(|text| text.starts_with("unsupported startup parameter")).map(|_| "PgBouncer".to_owned()),
        mode: PoolMode::Session,
        cleans: true,
        behind: None,
    };
    let (a, b) = (connector.bare(database).await?, connector.bare(database).await?);
    // Two clients take turns, some of them twice in a row: a pooler that gives sessions back after each transaction gives one client's to
    // the other (last used first) or the next one to the same client (round robin). One in session mode can do neither.
    let (mut of_a, mut of_b) = (Vec::new(), Vec::new());
    for (client, seen) in [(&a, true), (&a, true), (&b, false), (&a, true), (&b, false), (&b, false), (&a, true)] {
        let Some(turn) = connector.limited(database, turn(client)).await?.map_err(failed)? else {
            pooler.mode = PoolMode::Statement;
            return Ok(pooler);
        };
        pooler.behind = turn.behind;
        if seen { of_a.push(turn.pid) } else { of_b.push(turn.pid) }
    }
    let lasts = |pids: &[String]| pids.windows(2).all(|pair| pair[0] == pair[1]);
    if !lasts(&of_a) || !lasts(&of_b) || of_a.first() == of_b.first() {
        pooler.mode = PoolMode::Transaction;
    } else {
        pooler.cleans = cleans(connector, database, a, &of_a[0]).await?;
    }
    b.close().await;
    Ok(pooler)
}

/// Whether a session that is given back comes back clean. Only for a pooler in session mode: it leaves a mark in the session, which says
/// nothing to anybody, gives it back, and asks for sessions until it gets the same one again. Where others are faster, it counts as clean:
/// that is how poolers are set up unless somebody changes it.
async fn cleans(connector: &Connector, database: &str, session: Session, pid: &str) -> Result<bool, Fault> {
    let failed = |error: tokio_postgres::Error| connector.fault("cannot find out how the connection pooler works", &error, database);
    session.client.batch_execute("SET dbbackup.remains = 'behind'").await.map_err(failed)?;
    session.close().await;
    for _ in 0..RETURNS {
        let session = connector.bare(database).await?;
        let asked = "SELECT pg_catalog.pg_backend_pid(), pg_catalog.current_setting('dbbackup.remains', true)";
        let answer = connector.limited(database, session.client.simple_query(asked)).await?.map_err(failed)?;
        let row = answer.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let (same, left) = row.map_or((false, false), |row| (row.get(0) == Some(pid), row.get(1) == Some("behind")));
        if left {
            session.client.batch_execute("RESET dbbackup.remains").await.map_err(failed)?;
        }
        session.close().await;
        if same || left {
            return Ok(!left);
        }
    }
    Ok(true)
}
