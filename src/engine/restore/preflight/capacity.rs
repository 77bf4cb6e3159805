//! Does it fit: disk, lock table, connections?

use super::Facts;
use super::checklist::{Found, obstacle, ok, unknown, warn};
use crate::domain::size::grouped;
use crate::domain::spec::RestoreScope;
use crate::domain::{Bytes, Code};
use crate::system::disk;
use std::path::Path;

/// What tables, indexes and the log of changes take beyond rows as text and indexes as they were, in percent.
const MARGIN: u64 = 20;

/// A server's lock table has more room than its settings say: some hundred entries, and the memory that other things leave.
const LOCK_SLACK: u64 = 1_500;

/// Room on the file system of the data directory.
pub fn space(facts: &Facts<'_>) -> Vec<Found> {
    const NAME: &str = "disk space";
    let rows: u64 = facts.subjects.iter().map(|subject| subject.needs.rows).sum();
    let indexes: u64 = facts.subjects.iter().filter(|subject| subject.has_definitions()).map(|subject| subject.needs.indexes).sum();
    let needed = (rows + indexes) + (rows + indexes) / 100 * MARGIN;
    let what = format!("about {} needed ({} of rows and {} of indexes, with {MARGIN} % more)", Bytes(needed), Bytes(rows), Bytes(indexes));
    let Some(directory) = facts.local_data_directory() else {
        return vec![unknown(NAME, format!("{what}; what is free on the server's host is not seen from here"), None)];
    };
    let space = match disk::space(Path::new(directory)) {
        Ok(space) => space,
        Err(error) => return vec![unknown(NAME, format!("{what}; {directory}: {error}"), None)],
    };
    // A database that is dropped first leaves its room.
    let dropped: u64 = if facts.spec.clean {
        let targets = facts.subjects.iter().filter_map(|subject| facts.existing.iter().find(|one| one.name == subject.target));
        targets.filter_map(|one| one.bytes).sum()
    } else {
        0
    };
    let free = space.free.saturating_add(dropped);
    let detail = format!("{} free in {directory}, {what}", Bytes(free));
    let cure = Some("Make room on the server's disk, or restore less.".to_owned());
    vec![if needed > free {
        obstacle(Code::ServerDiskFull, NAME, detail, cure)
    } else if needed + needed / 4 > free {
        warn(NAME, detail, cure)
    } else {
        ok(NAME, detail)
    }]
}

/// Databases that are at work at the same time.
fn side_by_side(facts: &Facts<'_>) -> usize {
    match facts.spec.scope {
        RestoreScope::Single { .. } => 1,
        RestoreScope::Cluster { parallel, .. } => (parallel.clamp(1, 64) as usize).min(facts.subjects.len().max(1)),
    }
}

/// Room in the lock table for the largest transactions.
pub fn locks(facts: &Facts<'_>) -> Vec<Found> {
    const NAME: &str = "lock table";
    let mut each: Vec<u64> = facts.subjects.iter().map(|subject| subject.needs.locks).collect();
    each.sort_unstable_by(|a, b| b.cmp(a));
    let needed: u64 = each.iter().take(side_by_side(facts)).sum();
    let capacity = facts.info.lock_capacity;
    if capacity == 0 {
        return vec![unknown(NAME, format!("about {} locks are needed; what the server has is not known", grouped(needed)), None)];
    }
    let detail = format!("about {} locks needed at once, the server has room for {}", grouped(needed), grouped(capacity));
    let wanted = (needed + needed / 2).div_ceil(u64::from(facts.info.max_connections.max(1))).next_multiple_of(64);
    let cure = Some(format!("ALTER SYSTEM SET max_locks_per_transaction = {wanted}; then restart PostgreSQL."));
    vec![if needed > capacity.saturating_mul(2).saturating_add(LOCK_SLACK) {
        obstacle(Code::LockTableFull, NAME, detail, cure)
    } else if needed.saturating_mul(5) >= capacity.saturating_mul(4) {
        warn(NAME, detail, cure)
    } else {
        ok(NAME, detail)
    }]
}

/// Connections that are free, against those that are used.
pub fn connections(facts: &Facts<'_>) -> Vec<Found> {
    const NAME: &str = "connections";
    let info = facts.info;
    if info.max_connections == 0 {
        return vec![unknown(NAME, "how many the server allows is not known", None)];
    }
    let jobs = facts.spec.effort.jobs.max(1);
    // Each database at work has at least one session, and there is one beside them that makes, drops and looks.
    let needed = jobs.max(u32::try_from(side_by_side(facts)).unwrap_or(1)) + 1;
    let reserved = facts.supplies.as_ref().map_or(0, |supplies| supplies.reserved_connections);
    let free = info.max_connections.saturating_sub(info.connections).saturating_sub(reserved);
    let detail = format!("{needed} are needed, {free} of {} are free", info.max_connections);
    // Sessions of others come and go: what is advised leaves room for one more.
    let cure = Some(format!("Use fewer: --jobs {}; or end idle sessions.", free.saturating_sub(2).max(1)));
    vec![if free < needed { obstacle(Code::TooManyConnections, NAME, detail, cure) } else { ok(NAME, detail) }]
}

/// A folder for what is written meanwhile.
pub fn folder(dir: &Path) -> Vec<Found> {
    const NAME: &str = "work folder";
    let near = disk::nearest_existing(dir);
    vec![match disk::writable(&near) {
        Ok(()) => ok(NAME, format!("{} is writable", dir.display())),
        Err(error) => {
            let cure = Some("Make it writable for this user, or name another one: --workdir DIR".to_owned());
            super::checklist::refuse(Code::OutputUnwritable, NAME, format!("{} cannot be written to: {error}", dir.display()), cure)
        }
    }]
}
