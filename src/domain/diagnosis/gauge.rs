//! How full things are, and from where on that is too full. The thresholds are those of every report, finding and screen.

use super::Diagnosis;
use crate::domain::Bytes;
use crate::domain::size::grouped;
use serde::{Deserialize, Serialize};

/// A disk above this wants attention, in percent.
pub const DISK: f64 = 90.0;
/// A disk above this is critical.
pub const DISK_CRITICAL: f64 = 95.0;
/// Memory above this wants attention.
pub const MEMORY: f64 = 85.0;
/// Memory above this is under pressure.
pub const MEMORY_PRESSURE: f64 = 90.0;
/// Open files above this want attention.
pub const FILES: f64 = 80.0;
/// Connections above this want attention; at 100 they are exhausted.
pub const CONNECTIONS: f64 = 80.0;
/// A lock table above this wants attention.
pub const LOCKS: f64 = 80.0;
/// A lock table above this is about to run over.
pub const LOCKS_CRITICAL: f64 = 95.0;
/// After an error about locks, `max_locks_per_transaction` below this is low.
pub const LOCKS_PER_TRANSACTION: u64 = 2048;
/// After such an error, a lock table of fewer entries is low.
pub const LOCK_CAPACITY: u64 = 50_000;
/// After such an error, `max_connections` below this is low.
pub const LOCK_CONNECTIONS: u64 = 20;

/// How bad a figure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Fine,
    /// Wants attention.
    High,
    /// At its end, or nearly.
    Critical,
}

/// The level of a figure; at a threshold it is not yet above it.
pub fn level(percent: f64, high: f64, critical: f64) -> Level {
    if percent > critical {
        Level::Critical
    } else if percent > high {
        Level::High
    } else {
        Level::Fine
    }
}

/// Something that fills up.
#[derive(Clone, Debug, PartialEq)]
pub struct Gauge {
    /// `disk /backup`, `memory`.
    pub name: String,
    /// How full, in percent; none when it is not known.
    pub percent: Option<f64>,
    /// The figures behind it, or why there are none.
    pub detail: String,
    /// How bad.
    pub level: Level,
}

impl Gauge {
    fn new(name: impl Into<String>, percent: f64, detail: String, level: Level) -> Self {
        Self { name: name.into(), percent: Some(percent), detail, level }
    }

    fn unknown(name: impl Into<String>, why: &str) -> Self {
        Self { name: name.into(), percent: None, detail: why.to_owned(), level: Level::Fine }
    }
}

/// Connections at 100 % are exhausted, which no percentage is above.
pub fn connection_level(percent: f64) -> Level {
    if percent >= 100.0 { Level::Critical } else { level(percent, CONNECTIONS, 100.0) }
}

/// All gauges of a report, in the order in which they are shown.
pub fn gauges(diagnosis: &Diagnosis) -> Vec<Gauge> {
    let mut all = disks(diagnosis);
    let host = &diagnosis.host;
    all.push(match host.memory.known() {
        Some(memory) => {
            let percent = memory.percent();
            let (used, total) = memory.tightest();
            let detail = match &memory.group {
                Some(group) => format!("{used} of {total}, cgroup limit {}", group.limit),
                None => format!("{used} of {total}"),
            };
            Gauge::new("memory", percent, detail, level(percent, MEMORY, MEMORY_PRESSURE))
        }
        None => Gauge::unknown("memory", host.memory.why().unwrap_or_default()),
    });
    all.push(match host.files.known() {
        Some(files) => {
            let percent = files.percent();
            let detail = format!("{} / {}", grouped(files.own), grouped(files.own_limit));
            Gauge::new("files", percent, detail, level(percent, FILES, 100.0 - 5.0))
        }
        None => Gauge::unknown("files", host.files.why().unwrap_or_default()),
    });
    let Some(server) = &diagnosis.server else { return all };
    let missing = match server.broken() {
        Some(_) => "the server was not reached",
        None => server.about.why().or(server.connections.why()).or(server.locks_in_use.why()).unwrap_or_default(),
    };
    all.push(match (server.slots_used(), server.connection_percent()) {
        (Some((used, most)), Some(percent)) => {
            let reserved = server.about.known().map_or(0, |about| about.reserved);
            let reserve = if reserved > 0 { format!(", {reserved} of them reserved") } else { String::new() };
            Gauge::new("connections", percent, format!("{used} / {most}{reserve}"), connection_level(percent))
        }
        _ => Gauge::unknown("connections", missing),
    });
    match &server.mysql {
        Some(mysql) => all.extend(mysql.files.known().map(|open| {
            let percent = open.percent();
            Gauge::new("server files", percent, format!("{} / {}", grouped(open.files), grouped(open.limit)), level(percent, FILES, 95.0))
        })),
        None => all.push(match (server.locks(), server.locks_in_use.known(), server.lock_percent()) {
            (Some(locks), Some(used), Some(percent)) => {
                let detail = format!("{} / {}", grouped(*used), grouped(locks.capacity()));
                Gauge::new("locks", percent, detail, level(percent, LOCKS, LOCKS_CRITICAL))
            }
            _ => Gauge::unknown("locks", missing),
        }),
    }
    all
}

fn disks(diagnosis: &Diagnosis) -> Vec<Gauge> {
    let disks = diagnosis.host.disks.iter();
    disks
        .map(|disk| {
            let name = format!("disk {}", disk.path.display());
            match disk.usage.known() {
                Some(usage) => {
                    let (space, files) = (usage.percent(), usage.inode_percent());
                    let read_only = if usage.read_only { ", read-only" } else { "" };
                    let percent = space.max(files);
                    let level = level(percent, DISK, DISK_CRITICAL);
                    let detail = if files > space {
                        format!("{} of {} inodes{read_only}", grouped(usage.inodes_used), grouped(usage.inodes))
                    } else {
                        format!("{} free of {}{read_only}", usage.free, usage.total)
                    };
                    Gauge::new(name, percent, detail, level)
                }
                None => Gauge::unknown(name, disk.usage.why().unwrap_or_default()),
            }
        })
        .collect()
}

/// A size as the report writes it, with one digit behind the point: `100.0 GB`.
pub fn size(bytes: Bytes) -> String {
    const UNITS: [&str; 5] = ["MB", "GB", "TB", "PB", "EB"];
    let mut value = bytes.0 as f64 / 1e6;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_is_crossed_above_it() {
        for (percent, wanted) in [(90.0, Level::Fine), (90.1, Level::High), (95.0, Level::High), (95.1, Level::Critical)] {
            assert_eq!(level(percent, DISK, DISK_CRITICAL), wanted, "{percent}");
        }
        assert_eq!(connection_level(80.0), Level::Fine);
        assert_eq!(connection_level(99.0), Level::High);
        assert_eq!(connection_level(100.0), Level::Critical);
    }

    #[test]
    fn sizes_have_one_digit_behind_the_point() {
        for (bytes, text) in
            [(45_300_000_000, "45.3 GB"), (100_000_000_000, "100.0 GB"), (999_960_000, "1.0 GB"), (3_200_000, "3.2 MB"), (0, "0.0 MB")]
        {
            assert_eq!(size(Bytes(bytes)), text);
        }
    }
}
