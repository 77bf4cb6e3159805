//! The lines of a backup's checklist: what was found, and what to do about it.

use super::plan::{Surveyed, check, refuse};
use super::select::{self, Selected};
use crate::domain::connection::{Connection, Product};
use crate::domain::fault::{Code, Fault};
use crate::domain::plan::{Check, CheckState};
use crate::domain::server::ServerInfo;
use crate::domain::size::{Bytes, grouped};
use crate::domain::spec::Scope;
use crate::domain::text;
use crate::server::{Condition, Verdict};
use crate::system::disk;
use std::path::Path;

/// Connections that PostgreSQL keeps for superusers (`superuser_reserved_connections`), by default.
const RESERVED: u64 = 3;

/// How many of the things that cannot be read are named.
const NAMED: usize = 5;

/// A server's lock table has more room than its settings say, for what is left over of its shared memory: some hundred entries, and a part
/// of those it says. Beyond this it is certain to be full.
const LOCK_SLACK: u64 = 1_500;

/// The server answers.
pub fn connection(connection: &Connection, info: &ServerInfo) -> Check {
    let role = match (info.superuser, info.product.is_mysql()) {
        (true, _) => info.superuser_words(),
        (false, true) => "",
        (false, false) => " (no superuser)",
    };
    check(CheckState::Ok, "connection", format!("{} at {} as {}{role}", info.title(), connection.address(), connection.user), None)
}

/// A pooler that gives us sessions: it is named, since its own limits count now.
pub fn pooler(info: &ServerInfo) -> Option<Check> {
    let pooler = info.pooler.as_ref()?;
    let detail = format!("{}: each connection takes one of its pool (default_pool_size)", pooler.title());
    Some(check(CheckState::Ok, "pooler", detail, None))
}

/// The program that reads definitions is there.
pub fn tool(found: Result<String, Fault>) -> Check {
    match found {
        Ok(version) => check(CheckState::Ok, "pg_dump", version, None),
        Err(fault) => failed("pg_dump", &fault),
    }
}

/// A database that cannot be looked into.
pub fn unreadable(name: &str, fault: &Fault) -> Check {
    failed(&format!("database {name}"), fault)
}

/// Tables, sequences and large objects that this role cannot read completely. One database of a cluster that cannot be read does not keep
/// the others from being backed up; alone it is not begun.
pub fn rights(scope: &Scope, product: Product, user: &str, surveyed: &[Surveyed]) -> Option<Check> {
    const NAME: &str = "rights";
    let looked = || surveyed.iter().filter_map(|(database, found)| Some((database, found.as_ref().ok()?)));
    let hidden: Vec<(&str, &str, &str)> = looked()
        .flat_map(|(database, survey)| survey.hidden.iter().map(|(what, why)| (database.name.as_str(), what.as_str(), why.as_str())))
        .collect();
    if hidden.is_empty() {
        let tables: usize = looked().map(|(_, survey)| survey.tables.len()).sum();
        return looked().next().map(|_| check(CheckState::Ok, NAME, format!("all of {} tables may be read", grouped(tables as u64)), None));
    }
    let databases: std::collections::BTreeSet<&str> = hidden.iter().map(|(database, ..)| *database).collect();
    let mut told: Vec<String> = hidden
        .iter()
        .take(NAMED)
        .map(|(database, what, why)| {
            text::clean(&if databases.len() > 1 { format!("{database}: {what} ({why})") } else { format!("{what} ({why})") })
        })
        .collect();
    if hidden.len() > NAMED {
        told.push(format!("{} more", hidden.len() - NAMED));
    }
    let detail = format!("{} cannot read {}", text::clean(user), told.join(", "));
    let user = text::clean(user);
    let cure = match product {
        Product::Postgres => format!(
            "Back up as a superuser, or give the role what it lacks: ALTER ROLE {user} BYPASSRLS; GRANT pg_read_all_data TO {user}; \
             GRANT SELECT ON pg_catalog.pg_largeobject TO {user};"
        ),
        Product::Mysql | Product::Mariadb => {
            let on = if databases.len() == 1 { databases.iter().map(|name| text::clean(name)).collect() } else { "*".to_owned() };
            format!("Back up as a user who may read all, or give this one the right: GRANT SELECT ON {on}.* TO '{user}'@'%';")
        }
    };
    Some(match scope {
        Scope::Single { .. } => refuse(Code::Incomplete, NAME, detail, Some(cure)),
        Scope::Cluster { .. } => check(CheckState::Warning, NAME, detail, Some(cure)),
    })
}

fn failed(name: &str, fault: &Fault) -> Check {
    let cure = fault.steps.first().map(|step| match &step.command {
        Some(command) => format!("{} {command}", step.text),
        None => step.text.clone(),
    });
    let detail = match fault.causes.last() {
        Some(root) => format!("{}: {root}", fault.what),
        None => fault.what.clone(),
    };
    refuse(fault.code, name, detail, cure)
}

/// The databases that are meant exist and can be read.
pub fn selection(scope: &Scope, selected: &Selected) -> Vec<Check> {
    let mut checks = Vec::new();
    for (name, near) in &selected.missing {
        checks.push(failed(&format!("database {name}"), &select::missing(name, near.as_deref())));
    }
    for name in &selected.closed {
        let mut line = failed(&format!("database {name}"), &select::closed(name));
        // The rest of a cluster is worth a backup, which then says that it is partial.
        if matches!(scope, Scope::Cluster { .. }) {
            line.state = CheckState::Warning;
        }
        checks.push(line);
    }
    if selected.databases.is_empty() && checks.is_empty() {
        checks.push(refuse(
            Code::DatabaseMissing,
            "databases",
            "no database is left to back up",
            Some("Look at the patterns that leave out databases.".into()),
        ));
    }
    checks
}

/// The folder is there, or can be made.
pub fn folder(dir: &Path) -> Check {
    const NAME: &str = "backup folder";
    let shown = dir.display();
    let near = disk::nearest_existing(dir);
    let own = |path: &Path| format!("sudo install -d -m 700 -o \"$USER\" {}", shell_words::quote(&path.to_string_lossy()));
    if !near.is_dir() {
        let cure = "Choose a folder for the backup, not a file.".to_owned();
        return refuse(Code::OutputUnwritable, NAME, format!("{} is not a folder", near.display()), Some(cure));
    }
    match (disk::writable(&near), near == dir) {
        (Ok(()), true) => check(CheckState::Ok, NAME, format!("{shown} is writable"), None),
        (Ok(()), false) => check(CheckState::Ok, NAME, format!("{shown} will be made"), None),
        (Err(error), _) if Code::of_io(&error) == Code::ReadOnlyFileSystem => {
            let cure =
                format!("See why it is mounted so (findmnt -T {}), or choose another folder.", shell_words::quote(&near.to_string_lossy()));
            refuse(Code::ReadOnlyFileSystem, NAME, format!("{shown} is on a read-only file system"), Some(cure))
        }
        (Err(error), true) => refuse(Code::OutputUnwritable, NAME, format!("{shown} is not writable: {error}"), Some(own(dir))),
        (Err(error), false) => {
            let detail = format!("{shown} does not exist and cannot be made in {}: {error}", near.display());
            refuse(Code::OutputUnwritable, NAME, detail, Some(own(dir)))
        }
    }
}

/// There is room for what will be written.
pub fn space(dir: &Path, estimate: u64) -> Check {
    const NAME: &str = "disk space";
    let space = match disk::space(&disk::nearest_existing(dir)) {
        Ok(space) => space,
        Err(error) => return check(CheckState::Unknown, NAME, format!("cannot be read: {error}"), None),
    };
    let detail = format!("{} free, about {} needed", Bytes(space.free), Bytes(estimate));
    let cure = || Some(format!("Make room in {} or choose another folder.", dir.display()));
    // The estimate is a rule of thumb: only where even a much smaller archive does not fit is it worth refusing.
    if space.free < estimate / 4 {
        refuse(Code::DiskFull, NAME, detail, cure())
    } else if space.free < estimate.saturating_add(estimate / 5) {
        check(CheckState::Warning, NAME, detail, cure())
    } else {
        check(CheckState::Ok, NAME, detail, None)
    }
}

/// The server's lock table has room for a lock on each table.
pub fn locks(info: &ServerInfo, needed: u64) -> Check {
    const NAME: &str = "lock table";
    if info.lock_capacity == 0 {
        return check(CheckState::Unknown, NAME, format!("{} locks are needed; what the server has is not known", grouped(needed)), None);
    }
    let detail = format!("{} locks needed, the server has room for {}", grouped(needed), grouped(info.lock_capacity));
    if needed.saturating_mul(5) < info.lock_capacity.saturating_mul(4) {
        return check(CheckState::Ok, NAME, detail, None);
    }
    // Half as much again, rounded up to a multiple of 64, which is the default.
    let each = (needed + needed / 2).div_ceil(u64::from(info.max_connections.max(1))).next_multiple_of(64);
    let cure = format!("ALTER SYSTEM SET max_locks_per_transaction = {each}; then restart PostgreSQL.");
    if needed > info.lock_capacity.saturating_mul(2).saturating_add(LOCK_SLACK) {
        return refuse(Code::LockTableFull, NAME, detail, Some(cure));
    }
    check(CheckState::Warning, NAME, detail, Some(cure))
}

/// The server has connections left for us.
pub fn connections(info: &ServerInfo, needed: u64) -> Check {
    const NAME: &str = "connections";
    if info.max_connections == 0 {
        return check(CheckState::Unknown, NAME, "how many the server allows is not known", None);
    }
    let reserved = if info.superuser || info.product.is_mysql() { 0 } else { RESERVED };
    let free = u64::from(info.max_connections.saturating_sub(info.connections)).saturating_sub(reserved);
    let detail = format!("{free} of {} free, {needed} used by this backup", info.max_connections);
    // The snapshot's session and the schema tool's come on top of the readers'.
    let cure = Some(format!("Use fewer: --jobs {}; or end idle sessions, or raise max_connections.", free.saturating_sub(3).clamp(1, 64)));
    match free {
        // The snapshot's session, the schema tool's and one reader.
        0..3 => refuse(Code::TooManyConnections, NAME, detail, cure),
        _ if free < needed => check(CheckState::Warning, NAME, detail, cure),
        _ => check(CheckState::Ok, NAME, detail, None),
    }
}

/// What the server's product has to say besides.
pub fn readiness(condition: Condition) -> Check {
    let Condition { name, detail, cure, verdict } = condition;
    match verdict {
        Verdict::Fine => check(CheckState::Ok, name, detail, cure),
        Verdict::Warning => check(CheckState::Warning, name, detail, cure),
        Verdict::Obstacle(code) | Verdict::Refusal(code) => refuse(code, name, detail, cure),
    }
}

/// A standby can be backed up, with one thing to know.
pub fn standby() -> Check {
    let cure = "Set hot_standby_feedback = on, or max_standby_streaming_delay = -1 while the backup runs.".to_owned();
    check(CheckState::Warning, "standby", "replay may cancel long reads (a conflict with recovery)", Some(cure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_lock_table_comes_with_the_statement_that_cures_it() {
        let info = ServerInfo { lock_capacity: 6_400, max_connections: 100, ..ServerInfo::default() };
        assert_eq!(locks(&info, 5_000).state, CheckState::Ok);
        let bad = locks(&info, 10_000);
        assert_eq!(bad.state, CheckState::Warning);
        assert!(bad.cure.expect("a cure").starts_with("ALTER SYSTEM SET max_locks_per_transaction = 192;"));
        assert_eq!(locks(&ServerInfo::default(), 1).state, CheckState::Unknown);
    }

    #[test]
    fn too_few_connections_are_a_warning_and_none_a_failure() {
        let info = |connections| ServerInfo { max_connections: 20, connections, superuser: true, ..ServerInfo::default() };
        assert_eq!(connections(&info(2), 6).state, CheckState::Ok);
        assert_eq!(connections(&info(16), 6).state, CheckState::Warning);
        assert_eq!(connections(&info(18), 6).state, CheckState::Failed);
    }

    #[test]
    fn the_folder_and_its_room_are_looked_at_and_left_alone() {
        let dir = tempfile::tempdir().expect("works here");
        let deep = dir.path().join("a/b");
        assert_eq!(folder(dir.path()).state, CheckState::Ok);
        assert!(folder(&deep).detail.ends_with("will be made"));
        assert!(!deep.exists());
        let file = dir.path().join("file");
        std::fs::write(&file, "").expect("works here");
        assert_eq!(folder(&file).state, CheckState::Failed);
        assert_eq!(folder(&file.join("below")).state, CheckState::Failed);
        assert_eq!(space(&deep, 1).state, CheckState::Ok);
        assert_eq!(space(&deep, u64::MAX).state, CheckState::Failed);
    }

    #[test]
    fn a_failed_check_keeps_root_cause_and_cure() {
        let fault = Fault::new(Code::ToolMissing, "pg_dump is missing").because("no such file").step_run("Install it:", "apt install x");
        let line = tool(Err(fault));
        assert_eq!((line.detail.as_str(), line.cure.as_deref()), ("pg_dump is missing: no such file", Some("Install it: apt install x")));
    }
}
