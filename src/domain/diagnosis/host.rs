//! What was found out about the host: disks, memory, open files, load.

use super::Fact;
use crate::domain::Bytes;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The host on which dbbackup runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostFacts {
    /// Its name.
    pub name: String,
    /// Processors that we may use.
    pub processors: u32,
    /// The file systems that are involved.
    pub disks: Vec<Disk>,
    /// Memory.
    pub memory: Fact<Memory>,
    /// Open files.
    pub files: Fact<Files>,
    /// Load.
    pub load: Fact<Load>,
}

/// A file system that is involved.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Disk {
    /// What lies there: `backup`, `work`, `log`, `data directory`.
    pub uses: Vec<String>,
    /// One path on it.
    pub path: PathBuf,
    /// How full it is.
    pub usage: Fact<Usage>,
}

impl Disk {
    /// Whether something of this use lies there.
    pub fn holds(&self, wanted: &str) -> bool {
        self.uses.iter().any(|one| one == wanted)
    }
}

/// How full a file system is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// What ordinary processes may fill, in bytes: used and free together, without the reserve for root.
    pub total: Bytes,
    /// What is used.
    pub used: Bytes,
    /// What is free.
    pub free: Bytes,
    /// Files that it can hold; 0 where there is no such limit.
    pub inodes: u64,
    /// Files that it holds.
    pub inodes_used: u64,
    /// Whether it is mounted read-only.
    pub read_only: bool,
}

impl Usage {
    /// Used, in percent.
    pub fn percent(&self) -> f64 {
        self.used.percent_of(self.total)
    }

    /// Used inodes, in percent; 0 where there is no limit.
    pub fn inode_percent(&self) -> f64 {
        Bytes(self.inodes_used).percent_of(Bytes(self.inodes))
    }
}

/// Memory, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// What the machine has.
    pub total: Bytes,
    /// What is used and cannot be had: the machine's memory without what is available.
    pub used: Bytes,
    /// The tightest limit of the control groups that we are in.
    pub group: Option<GroupLimit>,
}

impl Memory {
    /// Used and whole of whatever is nearer to its end: the machine, or our control group.
    pub fn tightest(&self) -> (Bytes, Bytes) {
        match &self.group {
            Some(group) if group.used.percent_of(group.limit) >= self.used.percent_of(self.total) => (group.used, group.limit),
            _ => (self.used, self.total),
        }
    }

    /// Used of that, in percent.
    pub fn percent(&self) -> f64 {
        let (used, total) = self.tightest();
        used.percent_of(total)
    }
}

/// A control group's limit of memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLimit {
    /// Its folder below the root of the control groups.
    pub group: String,
    /// The limit.
    pub limit: Bytes,
    /// What the group uses, without what the kernel can take back at once (inactive file cache).
    pub used: Bytes,
    /// Processes of the group that were killed for want of memory since it was made.
    pub killed: u64,
}

/// Open files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// Ours.
    pub own: u64,
    /// How many we may have.
    pub own_limit: u64,
    /// The system's.
    pub system: u64,
    /// How many it may have.
    pub system_limit: u64,
}

impl Files {
    /// Ours, in percent of what we may have.
    pub fn percent(&self) -> f64 {
        Bytes(self.own).percent_of(Bytes(self.own_limit))
    }

    /// The system's, in percent.
    pub fn system_percent(&self) -> f64 {
        Bytes(self.system).percent_of(Bytes(self.system_limit))
    }
}

/// Processes that want a processor or wait for a disk, on average.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Load {
    /// Over one minute.
    pub one: f64,
    /// Over five minutes.
    pub five: f64,
    /// Over fifteen minutes.
    pub fifteen: f64,
}
