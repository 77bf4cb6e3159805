//! Does it fit: disk, lock table, connections?

use super::Facts;
use super::checklist::{Found, obstacle, ok, unknown, warn};
use super::subject::Subject;
use crate::domain::size::grouped;
use crate::domain::spec::RestoreScope;
use crate::domain::{Bytes, Code};
use crate::engine::restore::record::Brought;
use crate::system::disk;
use std::path::Path;

/// What tables, indexes and the log of changes take beyond rows as text and indexes as they were, in percent.
const MARGIN: u64 = 20;

/// What the catalogs of a database take in which nothing is, in bytes: 7.5 MB in PostgreSQL 17, less in older versions.
const EMPTY: u64 = 8 << 20;

/// A server's lock table has more room than its settings say: some hundred entries, and the memory that other things leave.
const LOCK_SLACK: u64 = 1_500;

/// Room on the file system of the data directory.
pub fn space(facts: &Facts<'_>) -> Vec<Found> {
    const NAME: &str = "disk space";
    let (mut rows, mut indexes, mut there) = (0, 0, 0);
    for subject in &facts.subjects {
        let its_indexes = if subject.has_definitions() { subject.needs.indexes } else { 0 };
        (rows, indexes) = (rows + subject.needs.rows, indexes + its_indexes);
        there += already(facts, subject, with_margin(subject.needs.rows + its_indexes));
    }
    let needed = with_margin(rows + indexes).saturating_sub(there);
    let mut what =
        format!("about {} needed ({} of rows and {} of indexes, with {MARGIN} % more", Bytes(needed), Bytes(rows), Bytes(indexes));
    if there > 0 {
        what.push_str(&format!(", without {} that are there already", Bytes(there)));
    }
    what.push(')');
    let Some(directory) = facts.local_data_directory() else {
        return vec![unknown(NAME, format!("{what}; what is free on the server's host is not seen from here"), None)];
    };
    let space = match disk::space(Path::new(directory)) {
        Ok(space) => space,
        Err(error) => return vec![unknown(NAME, format!("{what}; {directory}: {error}"), None)],
    };
    // A database that is dropped first leaves its room.
    let dropped: u64 = if facts.spec.clean {
        let replaced =
            facts.subjects.iter().filter(|subject| facts.resumed.is_none_or(|manifest| manifest.words(&subject.target).is_none()));
        let targets = replaced.filter_map(|subject| facts.existing.iter().find(|one| one.name == subject.target));
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

fn with_margin(bytes: u64) -> u64 {
    bytes + bytes / 100 * MARGIN
}

/// How much of what a database needs an interrupted restore has brought already.
fn already(facts: &Facts<'_>, subject: &Subject<'_>, needed: u64) -> u64 {
    let Some(manifest) = facts.resumed else { return 0 };
    let existing = facts.existing.iter().find(|one| one.name == subject.target).and_then(|one| one.bytes);
    there(manifest.brought(&subject.target), existing, needed)
}

/// Of a part nobody knows more than the database's size, in which the catalogs of an empty one are no rows of ours.
fn there(brought: Brought, existing: Option<u64>, needed: u64) -> u64 {
    match brought {
        Brought::All => needed,
        Brought::Part => existing.unwrap_or(0).saturating_sub(EMPTY).min(needed),
        Brought::Unknown => 0,
    }
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
    if facts.info.product.is_mysql() {
        // That of the other products has no size that a restore can exceed.
        return Vec::new();
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restore_that_goes_on_needs_less_room() {
        assert_eq!(there(Brought::Unknown, Some(900 << 20), 100 << 20), 0);
        assert_eq!(there(Brought::All, Some(1 << 20), 100 << 20), 100 << 20);
        assert_eq!(there(Brought::Part, Some(48 << 20), 100 << 20), 40 << 20);
        assert_eq!(there(Brought::Part, Some(7 << 20), 100 << 20), 0, "an empty one");
        assert_eq!(there(Brought::Part, Some(900 << 20), 100 << 20), 100 << 20, "never more than it needs");
        assert_eq!(there(Brought::Part, None, 100 << 20), 0);
    }
}
