//! What was found out about a server of MySQL's family, beyond what every server has.

use super::Fact;
use crate::domain::Bytes;
use serde::{Deserialize, Serialize};

/// Beyond what every server has. What a right is missing for says so.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MysqlFacts {
    /// Who has connections, the most first.
    pub users: Fact<Vec<UserConnections>>,
    /// InnoDB's memory.
    pub pool: Fact<BufferPool>,
    /// What InnoDB's tables and indexes take on the server's disk.
    pub data: Fact<Bytes>,
    /// Files and tables that the server has open.
    pub files: Fact<OpenFiles>,
    /// The binary log.
    pub log: Fact<BinaryLog>,
    /// Where it gets changes from; none for a server that is no replica.
    pub replication: Fact<Vec<Channel>>,
    /// What it is set to.
    pub settings: Fact<ServerSettings>,
}

impl MysqlFacts {
    /// Nothing is known, because of this.
    pub fn unknown(why: &str) -> Self {
        let why = || why.to_owned();
        Self {
            users: Fact::Unknown(why()),
            pool: Fact::Unknown(why()),
            data: Fact::Unknown(why()),
            files: Fact::Unknown(why()),
            log: Fact::Unknown(why()),
            replication: Fact::Unknown(why()),
            settings: Fact::Unknown(why()),
        }
    }
}

/// A user's connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserConnections {
    /// Its name.
    pub user: String,
    /// How many it has.
    pub connections: u64,
    /// Those of them that do nothing.
    pub idle: u64,
}

/// InnoDB's memory, and what became of it since the server started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BufferPool {
    /// `innodb_buffer_pool_size`.
    pub size: Bytes,
    /// What of it holds pages.
    pub used: Bytes,
    /// What of it is changed and not on the disk yet.
    pub dirty: Bytes,
    /// Pages that were asked for.
    pub requests: u64,
    /// Those of them that had to be read from the disk.
    pub reads: u64,
}

impl BufferPool {
    /// Pages that were there when they were asked for, in percent; none where hardly any was asked for.
    pub fn hit_percent(&self) -> Option<f64> {
        (self.requests >= 1000).then(|| 100.0 - Bytes(self.reads).percent_of(Bytes(self.requests)).min(100.0))
    }

    /// Changed pages, in percent of the pool.
    pub fn dirty_percent(&self) -> f64 {
        self.dirty.percent_of(Bytes(self.size.0.max(1)))
    }
}

/// Files and tables that are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OpenFiles {
    /// Files.
    pub files: u64,
    /// `open_files_limit`.
    pub limit: u64,
    /// Tables.
    pub tables: u64,
    /// `table_open_cache`.
    pub cache: u64,
    /// Tables that were opened since the server started.
    pub opened: u64,
    /// For how long that is, in milliseconds.
    pub up_ms: u64,
}

impl OpenFiles {
    /// Files, in percent of the limit.
    pub fn percent(&self) -> f64 {
        Bytes(self.files).percent_of(Bytes(self.limit.max(1)))
    }

    /// How often the whole cache of tables was opened anew in an hour, on the average; none for a server that has just started.
    pub fn turns_an_hour(&self) -> Option<f64> {
        let hours = self.up_ms as f64 / 3_600_000.0;
        (hours > 0.05 && self.cache > 0).then(|| self.opened as f64 / self.cache as f64 / hours)
    }
}

/// The binary log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BinaryLog {
    /// Whether one is written.
    pub written: bool,
    /// Its files.
    pub files: u64,
    /// What they take.
    pub bytes: Bytes,
    /// After how many seconds a file goes by itself; 0: never.
    pub keep_seconds: u64,
}

/// A server that changes are taken from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Channel {
    /// Its name; empty for the only one.
    pub name: String,
    /// `db01:3306`.
    pub source: String,
    /// Whether its log arrives: `Yes`, `No`, `Connecting`.
    pub receives: String,
    /// Whether what arrived is applied: `Yes`, `No`.
    pub applies: String,
    /// By how many seconds it is behind; none where that is not known.
    pub behind_seconds: Option<u64>,
    /// What went wrong last.
    pub error: Option<String>,
    /// The transactions that it has.
    pub gtid: Option<String>,
}

impl Channel {
    /// Whether both halves work.
    pub fn works(&self) -> bool {
        self.receives == "Yes" && self.applies == "Yes"
    }

    /// `db01:3306 (channel east)`.
    pub fn words(&self) -> String {
        if self.name.is_empty() { self.source.clone() } else { format!("{} (channel {})", self.source, self.name) }
    }
}

/// Settings that decide over backups and restores.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServerSettings {
    /// `max_allowed_packet`.
    pub max_allowed_packet: Bytes,
    /// `local_infile`: whether rows may come as a stream.
    pub local_infile: bool,
    /// `read_only`, `super_read_only`, as the server says them; empty where it may be written to.
    pub read_only: String,
    /// `lower_case_table_names`.
    pub lower_case_table_names: u64,
    /// How many connections our user may have by a limit of its own; 0: no such limit.
    pub own_connections: u64,
    /// Whether the performance schema is on, without which holders of locks on definitions are not known to MariaDB.
    pub performance_schema: bool,
}
