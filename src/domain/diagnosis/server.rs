//! What was found out about the server: how it is reached, and what state it is in.

use super::Fact;
use super::mysql::MysqlFacts;
use crate::domain::wait::Wait;
use crate::domain::{Bytes, Code, Product, Stamp};
use serde::{Deserialize, Serialize};

/// A step on the way to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HopStep {
    /// The host's name becomes addresses.
    Resolve,
    /// A connection is made.
    Connect,
    /// It is encrypted.
    Tls,
    /// The role logs in.
    Login,
}

impl HopStep {
    /// The word for people.
    pub const fn words(self) -> &'static str {
        match self {
            HopStep::Resolve => "resolve",
            HopStep::Connect => "connect",
            HopStep::Tls => "TLS",
            HopStep::Login => "login",
        }
    }
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hop {
    /// Which.
    pub step: HopStep,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// What came of it, or why nothing did.
    pub outcome: Fact<String>,
    /// The kind of failure, where it failed.
    pub code: Option<Code>,
    /// The server's SQLSTATE, where it refused us.
    pub sqlstate: Option<String>,
}

/// The server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerFacts {
    /// The product; what was said, where the server was not reached.
    pub product: Product,
    /// Its section's name or address.
    pub label: String,
    /// `db01:5432`.
    pub address: String,
    /// Its port.
    pub port: u16,
    /// The host, or the folder of the socket.
    pub host: String,
    /// Our role.
    pub user: String,
    /// The database that was logged in to.
    pub database: String,
    /// Whether it runs on this host, as far as the way to it says.
    pub local: bool,
    /// How it was reached, up to the step that failed.
    pub reach: Vec<Hop>,
    /// What it says of itself.
    pub about: Fact<About>,
    /// Connections in use.
    pub connections: Fact<u64>,
    /// Locks that lie in the shared table.
    pub locks_in_use: Fact<u64>,
    /// Replication slots.
    pub slots: Fact<Vec<Slot>>,
    /// The archiver.
    pub archiver: Fact<Archiver>,
    /// The oldest transactions of others, the oldest first.
    pub transactions: Fact<Vec<OpenTransaction>>,
    /// Who waits for whose lock, the longest wait first.
    pub waits: Fact<Vec<Wait>>,
    /// What the folder of WAL holds, or the binary log.
    pub wal: Fact<Bytes>,
    /// The program that reads definitions: `pg_dump 15.18`.
    pub tool: Fact<String>,
    /// What only MySQL and MariaDB have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mysql: Option<MysqlFacts>,
}

impl ServerFacts {
    /// The step that failed.
    pub fn broken(&self) -> Option<&Hop> {
        self.reach.iter().find(|hop| hop.outcome.known().is_none())
    }

    /// How the lock table is made; none for a product that has no table of a fixed size.
    pub fn locks(&self) -> Option<&Locks> {
        self.about.known().map(|about| &about.locks).filter(|locks| locks.capacity() > 0)
    }

    /// Locks in use, in percent of the capacity.
    pub fn lock_percent(&self) -> Option<f64> {
        let (locks, used) = (self.locks()?, self.locks_in_use.known()?);
        Some(Bytes(*used).percent_of(Bytes(locks.capacity())))
    }

    /// Connections in use, and how many an ordinary role can have in all.
    pub fn slots_used(&self) -> Option<(u64, u64)> {
        let (about, used) = (self.about.known()?, self.connections.known()?);
        Some((*used, about.max_connections))
    }

    /// Connections in percent of what ordinary roles can have: the reserve is not theirs.
    pub fn connection_percent(&self) -> Option<f64> {
        let (about, used) = (self.about.known()?, self.connections.known()?);
        Some(Bytes(*used).percent_of(Bytes(about.max_connections.saturating_sub(about.reserved).max(1))))
    }

    /// Whether it may be written to, and why not.
    pub fn state_words(&self, about: &About) -> String {
        match &self.mysql {
            None if about.in_recovery => "in recovery (standby)".to_owned(),
            Some(mysql) if about.in_recovery => {
                let set = mysql.settings.known().map(|set| set.read_only.as_str()).filter(|set| !set.is_empty()).unwrap_or("read_only");
                format!("takes no writes ({set})")
            }
            None => "primary".to_owned(),
            Some(_) => "read and write".to_owned(),
        }
    }

    /// The slot that holds the most WAL.
    pub fn heaviest_slot(&self) -> Option<&Slot> {
        self.slots.known()?.iter().filter(|slot| slot.held.is_some()).max_by_key(|slot| slot.held)
    }
}

/// What the server says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// `PostgreSQL 15.18`.
    pub version: String,
    /// `150018`.
    pub version_num: u32,
    /// Whether it is a standby, or still recovering.
    pub in_recovery: bool,
    /// Whether our role is superuser.
    pub superuser: bool,
    /// `max_connections`.
    pub max_connections: u64,
    /// Connections that only superusers and roles with a reserve can have.
    pub reserved: u64,
    /// The lock table.
    pub locks: Locks,
    /// `shared_buffers`, as the server writes it: `128MB`; InnoDB's buffer pool.
    pub shared_buffers: String,
    /// Where its data lie, if we may know.
    pub data_directory: Option<String>,
    /// When our role's password ends.
    pub password_until: Option<Stamp>,
    /// When the server started.
    pub started: Stamp,
    /// The server's clock when it was asked.
    pub now: Stamp,
}

/// What the lock table is made for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locks {
    /// `max_locks_per_transaction`.
    pub per_transaction: u64,
    /// `max_connections`.
    pub max_connections: u64,
    /// `max_prepared_transactions`.
    pub max_prepared: u64,
}

impl Locks {
    /// Entries in the table.
    pub const fn capacity(&self) -> u64 {
        self.per_transaction.saturating_mul(self.max_connections.saturating_add(self.max_prepared))
    }

    /// Where the number comes from: `64 × (100 + 10 prepared)`.
    pub fn formula(&self) -> String {
        match self.max_prepared {
            0 => format!("{} × {}", self.per_transaction, self.max_connections),
            prepared => format!("{} × ({} + {prepared} prepared)", self.per_transaction, self.max_connections),
        }
    }
}

/// A replication slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Its name.
    pub name: String,
    /// `physical` or `logical`.
    pub kind: String,
    /// The database of a logical one.
    pub database: Option<String>,
    /// Whether somebody reads from it.
    pub active: bool,
    /// WAL that is kept because of it.
    pub held: Option<Bytes>,
    /// `reserved`, `extended`, `unreserved`, `lost`.
    pub wal_status: Option<String>,
}

/// The archiver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archiver {
    /// `archive_mode`.
    pub mode: String,
    /// Whether the last try failed.
    pub failing: bool,
    /// Files that were archived.
    pub archived: u64,
    /// Tries that failed.
    pub failed: u64,
    /// The last file that was archived.
    pub last_archived: Option<String>,
    /// The last file that failed.
    pub last_failed: Option<String>,
    /// How long ago that was, in milliseconds.
    pub failed_ago_ms: Option<u64>,
}

/// A transaction that is open for long.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenTransaction {
    /// Its session's process.
    pub pid: i32,
    /// Its role.
    pub user: String,
    /// Its database.
    pub database: String,
    /// Its `application_name`.
    pub application: String,
    /// `active`, `idle in transaction`, …
    pub state: String,
    /// How long it is open, in milliseconds.
    pub open_ms: u64,
    /// What it runs or ran last.
    pub statement: String,
}

impl OpenTransaction {
    /// Whether it does nothing while it keeps its locks.
    pub fn is_idle(&self) -> bool {
        self.state.starts_with("idle in transaction")
    }

    /// Who it is, on one line.
    pub fn words(&self) -> String {
        let open = crate::domain::time::span(self.open_ms);
        let database = if self.database.is_empty() { "no database" } else { &self.database };
        let application = if self.application.is_empty() { String::new() } else { format!(" ({})", self.application) };
        let statement = if self.statement.is_empty() { String::new() } else { format!(": {}", self.statement) };
        format!("pid {}, {} in {database}{application}, {}, open for {open}{statement}", self.pid, self.user, self.state)
    }
}
