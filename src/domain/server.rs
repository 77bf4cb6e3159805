//! Facts about a server and its databases, as screens and plans show them.

use super::connection::Product;
use super::time::Stamp;
use serde::{Deserialize, Serialize};

/// What a server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInfo {
    /// The product.
    pub product: Product,
    /// `15.18`.
    pub version: String,
    /// `150018`, as `server_version_num` has it; MySQL and MariaDB: two digits each for minor version and patch, `101114`.
    pub version_num: u32,
    /// The cluster's system identifier; none where the role may not read it.
    pub system_identifier: Option<String>,
    /// Whether it is a standby.
    pub in_recovery: bool,
    /// Whether our role is superuser.
    pub superuser: bool,
    /// `max_connections`.
    pub max_connections: u32,
    /// Connections in use now.
    pub connections: u32,
    /// Entries in the lock table: max_locks_per_transaction × (max_connections + max_prepared_transactions).
    pub lock_capacity: u64,
    /// The data directory, where we may know it.
    pub data_directory: Option<String>,
    /// What stands between us and the server and shares its sessions out.
    #[serde(default)]
    pub pooler: Option<Pooler>,
}

/// How a pooler shares the server's sessions out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PoolMode {
    /// A session is ours until we close it.
    Session,
    /// A session is ours until the transaction ends.
    Transaction,
    /// A session is ours for one statement.
    Statement,
}

impl PoolMode {
    /// The word in PgBouncer's `pool_mode`.
    pub const fn name(self) -> &'static str {
        match self {
            PoolMode::Session => "session",
            PoolMode::Transaction => "transaction",
            PoolMode::Statement => "statement",
        }
    }
}

/// A connection pooler between us and a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pooler {
    /// `PgBouncer`; none for one that does not give itself away.
    pub product: Option<String>,
    /// How it shares sessions out.
    pub mode: PoolMode,
    /// Whether what a session sets is gone when the next client gets it.
    pub cleans: bool,
    /// Address and port at which the server itself was reached by the pooler; no address: through a socket on the pooler's host.
    pub behind: Option<(Option<String>, u16)>,
}

impl Pooler {
    /// `PgBouncer`, or words for one without a name.
    pub fn name(&self) -> &str {
        self.product.as_deref().unwrap_or("a connection pooler")
    }

    /// `PgBouncer, session mode`.
    pub fn title(&self) -> String {
        format!("{}, {} mode", self.name(), self.mode.name())
    }
}

impl ServerInfo {
    /// The major version: 15. MySQL and MariaDB: 9, 10.
    pub fn major(&self) -> u32 {
        self.version_num / 10_000
    }

    /// What servers of one kind have in common: 15 for 15.18; 1011 for MariaDB 10.11.14.
    pub fn series(&self) -> u32 {
        if self.product.is_mysql() { self.version_num / 100 } else { self.major() }
    }

    /// Whether it may be written to, in a word.
    pub const fn state(&self) -> &'static str {
        match (self.product.is_mysql(), self.in_recovery) {
            (false, false) => "primary",
            (false, true) => "standby",
            (true, false) => "read and write",
            (true, true) => "read only",
        }
    }

    /// What to say behind the name of a role that may do everything.
    pub const fn superuser_words(&self) -> &'static str {
        match (self.superuser, self.product.is_mysql()) {
            (false, _) => "",
            (true, false) => " (superuser)",
            (true, true) => " (may do everything)",
        }
    }

    /// `PostgreSQL 15.18`.
    pub fn title(&self) -> String {
        format!("{} {}", self.product, self.version)
    }
}

/// A database on a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseInfo {
    /// Its name.
    pub name: String,
    /// Its size on the server's disk; none where the role may not know.
    pub bytes: Option<u64>,
    /// Its owner.
    pub owner: String,
    /// Its encoding.
    pub encoding: String,
    /// Whether it is a template.
    pub is_template: bool,
    /// Whether connections are allowed.
    pub allow_connections: bool,
    /// Sessions in it, other than ours.
    pub sessions: u32,
}

/// Where in the server's history a snapshot stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The WAL position when the snapshot was taken: `0/3000028`; the replay position on a standby.
    pub lsn: Option<String>,
    /// When it was taken, by the server's clock.
    pub taken_at: Stamp,
    /// MySQL and MariaDB: the position in the binary log, where one is written and may be asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binlog: Option<BinlogPosition>,
    /// The transactions that are in it: MySQL's `gtid_executed`, MariaDB's `gtid_binlog_pos`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gtid: Option<String>,
}

/// A place in a binary log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BinlogPosition {
    /// The file's name: `binlog.000042`.
    pub file: String,
    /// Bytes from its beginning: where the next event begins.
    pub offset: u64,
}
