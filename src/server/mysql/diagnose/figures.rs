//! The server's own figures: memory, files, binary log, settings. Two questions serve most of them, whatever their number.

use super::asked;
use crate::domain::diagnosis::Fact;
use crate::domain::diagnosis::mysql::{BinaryLog, BufferPool, MysqlFacts, OpenFiles, ServerSettings, UserConnections};
use crate::domain::{Bytes, Product, text};
use crate::server::mysql::session::Session;
use std::collections::HashMap;
use std::str::FromStr;
use tokio::time::Instant;

const VARIABLES: &str = "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('max_connections', 'innodb_buffer_pool_size', 'datadir', \
    'read_only', 'super_read_only', 'open_files_limit', 'table_open_cache', 'log_bin', 'expire_logs_days', 'binlog_expire_logs_seconds', \
    'max_allowed_packet', 'local_infile', 'lower_case_table_names', 'performance_schema')";

const STATUS: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN ('Uptime', 'Threads_connected', 'Open_files', 'Open_tables', \
    'Opened_tables', 'Innodb_buffer_pool_bytes_data', 'Innodb_buffer_pool_bytes_dirty', 'Innodb_buffer_pool_read_requests', \
    'Innodb_buffer_pool_reads')";

/// Who has connections. Who may not see others' sees its own.
const USERS: &str = "
SELECT USER, COUNT(*), SUM(COMMAND = 'Sleep') FROM information_schema.PROCESSLIST WHERE COMMAND NOT IN ('Daemon', 'Slave_IO', 'Slave_SQL')
 GROUP BY USER ORDER BY 2 DESC, 1 LIMIT 10";

/// What tables and indexes take; the server asks the file system for it. Its own tablespaces for temporary tables and undo are not data.
const DATA_OF_MYSQL: &str = "SELECT SUM(FILE_SIZE) FROM information_schema.INNODB_TABLESPACES WHERE SPACE_TYPE IN ('General', 'Single')";
const DATA_OF_MARIADB: &str = "SELECT SUM(FILE_SIZE) FROM information_schema.INNODB_SYS_TABLESPACES";

/// Variables or counters by their names in small letters, or why there are none.
pub struct Named(Fact<HashMap<String, String>>);

impl Named {
    async fn ask(session: &mut Session, deadline: Instant, sql: &str) -> Self {
        Self(match asked(session, deadline, sql).await {
            Fact::Known(rows) => Fact::Known(rows.iter().map(|row| (row.owned(0).to_ascii_lowercase(), row.owned(1))).collect()),
            Fact::Unknown(why) => Fact::Unknown(why),
        })
    }

    /// What the server is set to.
    pub async fn variables(session: &mut Session, deadline: Instant) -> Self {
        Self::ask(session, deadline, VARIABLES).await
    }

    /// What it has counted.
    pub async fn status(session: &mut Session, deadline: Instant) -> Self {
        Self::ask(session, deadline, STATUS).await
    }

    /// The text of one; none where the server has none of that name.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.known()?.get(name).map(String::as_str)
    }

    /// A number; 0 where the server has none of that name.
    pub fn number<T: FromStr + Default>(&self, name: &str) -> T {
        self.text(name).and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// Whether it is on.
    pub fn is_on(&self, name: &str) -> bool {
        self.text(name).is_some_and(|text| !matches!(text, "OFF" | "0" | "NO" | ""))
    }

    /// Why nothing is known.
    pub fn why(&self) -> Option<&str> {
        self.0.why()
    }
}

/// Everything but replication.
pub async fn read(session: &mut Session, deadline: Instant, variables: &Named, status: &Named) -> MysqlFacts {
    let lacking = variables.why().or(status.why()).map(str::to_owned);
    let known = |why: &Option<String>| why.clone().map_or(Fact::Known(()), Fact::Unknown);
    let (pool, files) = match known(&lacking) {
        Fact::Known(()) => (Fact::Known(pool(variables, status)), Fact::Known(files(variables, status))),
        Fact::Unknown(why) => (Fact::Unknown(why.clone()), Fact::Unknown(why)),
    };
    let own = asked(session, deadline, "SELECT @@session.max_user_connections").await;
    let settings = match variables.why() {
        None => Fact::Known(settings(variables, own.known().and_then(|rows| rows.first()).and_then(|row| row.number(0)).unwrap_or(0))),
        Some(why) => Fact::Unknown(why.to_owned()),
    };
    let data = if session.flavour().product == Product::Mariadb { DATA_OF_MARIADB } else { DATA_OF_MYSQL };
    MysqlFacts {
        users: match asked(session, deadline, USERS).await {
            Fact::Known(rows) => Fact::Known(
                rows.iter()
                    .map(|row| UserConnections {
                        user: text::clean(&row.owned(0)),
                        connections: row.number(1).unwrap_or(0),
                        idle: row.number(2).unwrap_or(0),
                    })
                    .collect(),
            ),
            Fact::Unknown(why) => Fact::Unknown(why),
        },
        pool,
        data: match asked(session, deadline, data).await {
            Fact::Known(rows) => Fact::Known(Bytes(rows.first().and_then(|row| row.number(0)).unwrap_or(0))),
            Fact::Unknown(why) => Fact::Unknown(why),
        },
        files,
        log: log(session, deadline, variables).await,
        replication: Fact::default(),
        settings,
    }
}

fn pool(variables: &Named, status: &Named) -> BufferPool {
    BufferPool {
        size: Bytes(variables.number("innodb_buffer_pool_size")),
        used: Bytes(status.number("innodb_buffer_pool_bytes_data")),
        dirty: Bytes(status.number("innodb_buffer_pool_bytes_dirty")),
        requests: status.number("innodb_buffer_pool_read_requests"),
        reads: status.number("innodb_buffer_pool_reads"),
    }
}

fn files(variables: &Named, status: &Named) -> OpenFiles {
    OpenFiles {
        files: status.number("open_files"),
        limit: variables.number("open_files_limit"),
        tables: status.number("open_tables"),
        cache: variables.number("table_open_cache"),
        opened: status.number("opened_tables"),
        up_ms: status.number::<u64>("uptime").saturating_mul(1000),
    }
}

fn settings(variables: &Named, own_connections: u64) -> ServerSettings {
    let read_only: Vec<&str> = ["super_read_only", "read_only"].into_iter().filter(|name| variables.is_on(name)).collect();
    ServerSettings {
        max_allowed_packet: Bytes(variables.number("max_allowed_packet")),
        local_infile: variables.is_on("local_infile"),
        read_only: read_only.first().map_or_else(String::new, |name| (*name).to_owned()),
        lower_case_table_names: variables.number("lower_case_table_names"),
        own_connections,
        performance_schema: variables.is_on("performance_schema"),
    }
}

async fn log(session: &mut Session, deadline: Instant, variables: &Named) -> Fact<BinaryLog> {
    if let Some(why) = variables.why() {
        return Fact::Unknown(why.to_owned());
    }
    if !variables.is_on("log_bin") {
        return Fact::Known(BinaryLog::default());
    }
    // MariaDB counts days too, in fractions; the seconds are the same thing where it knows both.
    let days: f64 = variables.number("expire_logs_days");
    let seconds: u64 = variables.number("binlog_expire_logs_seconds");
    match asked(session, deadline, "SHOW BINARY LOGS").await {
        Fact::Known(rows) => Fact::Known(BinaryLog {
            written: true,
            files: rows.len() as u64,
            bytes: Bytes(rows.iter().filter_map(|row| row.number::<u64>(1)).sum()),
            keep_seconds: if seconds > 0 { seconds } else { (days * 86_400.0) as u64 },
        }),
        Fact::Unknown(why) => Fact::Unknown(why),
    }
}
