//! Rules about the server's state: its disk, connections, locks, tools.

use super::{Conclusion, Scene};
use crate::domain::diagnosis::gauge::{self, size};
use crate::domain::size::grouped;
use crate::domain::time::span;
use crate::domain::{Bytes, Code, Product};
use crate::engine::diagnose::words;

/// WAL held by a slot that is worth blaming, where nothing is known of the disk's size.
const HEAVY: Bytes = Bytes(256 << 20);

/// A server that runs for less than this was started while we worked, or just before.
const YOUNG_MS: u64 = 10 * 60 * 1000;

/// A full disk of the server's, and a slot that keeps WAL on it.
pub fn slot_holds_wal(scene: &Scene<'_>) -> Option<Conclusion> {
    let server = scene.server.filter(|_| scene.is(&[Code::ServerDiskFull]))?;
    let slot = server.heaviest_slot()?;
    let held = slot.held?;
    let disk = scene.disks().find(|(disk, _)| disk.holds(super::super::DATA)).map(|(_, usage)| usage.total);
    if held < disk.map_or(HEAVY, |total| Bytes(total.0 / 10)) {
        return None;
    }
    let reader = if slot.active { "whose reader is behind" } else { "that nobody reads from" };
    let text = format!("Replication slot {}, {reader}, holds {} of WAL, and the server's disk is full", slot.name, size(held));
    let name = slot.name.replace('\'', "''");
    Some(
        Conclusion::new(
            text,
            format!("Bring the reader of slot {} back, or drop the slot: the WAL goes at the next checkpoint", slot.name),
        )
        .shown_by(format!("slot {} ({}): active {}, {} held", slot.name, slot.kind, slot.active, size(held)))
        .run(
            "See all slots:",
            "SELECT slot_name, active, pg_size_pretty(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) FROM pg_replication_slots;",
        )
        .run("Drop it, when its reader is gone for good:", format!("SELECT pg_drop_replication_slot('{name}');"))
        .run("Keep it from happening again:", "ALTER SYSTEM SET max_slot_wal_keep_size = '10GB'; SELECT pg_reload_conf();"),
    )
}

/// A full disk of the server's, and an archiver that does not get rid of WAL.
pub fn archiver_holds_wal(scene: &Scene<'_>) -> Option<Conclusion> {
    let server = scene.server.filter(|_| scene.is(&[Code::ServerDiskFull]))?;
    let archiver = server.archiver.known().filter(|archiver| archiver.failing)?;
    let last = archiver.last_failed.clone().unwrap_or_default();
    let wal = server.wal.known().map_or_else(String::new, |wal| format!(" ({} by now)", size(*wal)));
    let text = format!("The archiver fails, so the server keeps all its WAL{wal}, and its disk is full");
    Some(
        Conclusion::new(
            text,
            "Make archive_command work again: the WAL goes by itself when it is archived. Delete no file of pg_wal by hand",
        )
        .shown_by(format!("{} tries failed, the last on {last}", grouped(archiver.failed)))
        .run("See the command:", "SHOW archive_command;")
        .run("See what it does wrong:", "SELECT * FROM pg_stat_archiver;"),
    )
}

/// A full disk of the server's, and a binary log that is much of it.
pub fn binary_log(scene: &Scene<'_>) -> Option<Conclusion> {
    let server = scene.server.filter(|_| scene.is(&[Code::ServerDiskFull]))?;
    let log = server.mysql.as_ref()?.log.known().filter(|log| log.written)?;
    let disk = scene.disks().find(|(disk, _)| disk.holds(super::super::DATA)).map(|(_, usage)| usage.total);
    if log.bytes < disk.map_or(HEAVY, |total| Bytes(total.0 / 10)) {
        return None;
    }
    let kept = if log.keep_seconds == 0 { "never cleaned up".to_owned() } else { format!("kept for {}", span(log.keep_seconds * 1000)) };
    let text = format!("The binary log takes {} in {} files, {kept}, and the server's disk is full", size(log.bytes), grouped(log.files));
    Some(
        Conclusion::new(text, "Purge what replicas and the archive of the log have already, and keep less of it")
            .shown_by(format!("{} files, {}", grouped(log.files), size(log.bytes)))
            .run("See it:", "SHOW BINARY LOGS;")
            .run("Drop what is older, when replicas and the archive have it:", "PURGE BINARY LOGS BEFORE NOW() - INTERVAL 7 DAY;")
            .run("Keep it from happening again:", words::set(server.product, "binlog_expire_logs_seconds", "604800")),
    )
}

/// A full disk of the server's.
pub fn disk_full(scene: &Scene<'_>) -> Option<Conclusion> {
    let server = scene.server.filter(|_| scene.is(&[Code::ServerDiskFull]))?;
    let data = scene.disks().find(|(disk, _)| disk.holds(super::super::DATA));
    let full = data.filter(|(_, usage)| usage.percent() > gauge::DISK_CRITICAL);
    let text = match &full {
        Some((disk, usage)) => {
            format!("The disk of the server's data ({}) is {:.1} % full: {} free", disk.path.display(), usage.percent(), size(usage.free))
        }
        None => format!("A disk of the server {} is full: the one of its data, of a tablespace, or of its temporary files", server.address),
    };
    let usual = if server.product.is_mysql() { "/var/lib/mysql" } else { "/var/lib/postgresql" };
    let dir = scene.about().and_then(|about| about.data_directory.clone()).unwrap_or_else(|| usual.to_owned());
    Some(
        Conclusion::new(text, "Free room on the server's disk, then run this again")
            .shown_by(full.map_or_else(
                || "the server refused with disk_full".to_owned(),
                |(_, usage)| format!("{} of {} used", size(usage.used), size(usage.total)),
            ))
            .run("On the server, see which disk it is:", format!("df -h {}", shell_words::quote(&dir)))
            .run("And which databases are large:", words::sizes(server.product)),
    )
}

/// A refused login, by a limit of the role or of the database.
pub fn connection_limit(scene: &Scene<'_>) -> Option<Conclusion> {
    let server = scene.server.filter(|_| scene.is(&[Code::TooManyConnections]))?;
    let (kind, sql) = if scene.says(&["max_user_connections", "has exceeded the"]) {
        ("account", format!("ALTER USER '{}'@'%' WITH MAX_USER_CONNECTIONS 0;", server.user.replace('\'', "''")))
    } else if scene.says(&["too many connections for role"]) {
        ("role", format!("ALTER ROLE {} CONNECTION LIMIT -1;", quoted(&server.user)))
    } else if scene.says(&["too many connections for database"]) {
        ("database", format!("ALTER DATABASE {} CONNECTION LIMIT -1;", quoted(&server.database)))
    } else {
        return None;
    };
    let text = format!("The {kind} has a connection limit of its own, and it is reached");
    Some(Conclusion::new(text, format!("Raise the limit ({sql}) or use fewer connections: --jobs 1")).run("Raise the limit:", sql))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A refused login, and no connection left.
pub fn connections(scene: &Scene<'_>) -> Option<Conclusion> {
    let server = scene.server.filter(|_| scene.is(&[Code::TooManyConnections]))?;
    let steps = |conclusion: Conclusion| {
        let (how, raise) =
            words::more_connections(server.product, 200.max(server.slots_used().map_or(0, |(_, most)| most.saturating_mul(2))));
        conclusion
            .run("See who has them:", words::sessions(server.product))
            .step("Use fewer connections: --jobs 1.")
            .run(format!("Or: {how}"), raise)
    };
    let text = match (server.slots_used(), server.about.known()) {
        (Some((used, most)), Some(about)) if used + about.reserved >= most => {
            let reserve = if about.reserved > 0 { format!(" ({} are reserved for superusers)", about.reserved) } else { String::new() };
            format!("{used} of {most} connections are in use{reserve}: the server had none left for us")
        }
        (Some((used, most)), _) => {
            format!("The server had no connection left for us. By now {used} of {most} are in use, so this passes and comes back")
        }
        _ => format!("All connections that role {} may have at {} are taken: it refuses the login", server.user, server.address),
    };
    let evidence = match server.slots_used() {
        Some((used, most)) => format!("{used} of {most} connections in use"),
        None => format!("not even this report got in: {}", server.about.why().unwrap_or_default()),
    };
    Some(steps(
        Conclusion::new(text, "End sessions that nobody needs, use fewer connections (--jobs 1), or raise max_connections")
            .shown_by(evidence),
    ))
}

/// A lock that was not granted, and somebody who keeps it and does nothing.
pub fn idle_in_transaction(scene: &Scene<'_>) -> Option<Conclusion> {
    let server = scene.server.filter(|_| scene.is(&[Code::LockTimeout, Code::Deadlock, Code::Conflict]))?;
    let waits = server.waits.known().into_iter().flatten();
    let waiting = waits
        .flat_map(|wait| wait.roots().map(move |root| (root, &wait.object)))
        .find(|(root, _)| root.state.starts_with("idle in transaction"));
    let (pid, who, open) = match waiting {
        Some((root, _)) => (root.pid, root.words(), root.transaction_ms.unwrap_or(0)),
        None => {
            let idle = server.transactions.known()?.iter().find(|one| one.is_idle())?;
            (idle.pid, idle.words(), idle.open_ms)
        }
    };
    let text = format!("Session {pid} is idle in transaction for {} and keeps its locks all the while", span(open));
    let end = words::terminate(server.product, pid);
    let never = match server.product {
        Product::Postgres => "ALTER SYSTEM SET idle_in_transaction_session_timeout = '10min'; SELECT pg_reload_conf();",
        Product::Mariadb => "SET GLOBAL idle_transaction_timeout = 600;",
        // It has a limit for sessions that do nothing, in a transaction or not.
        Product::Mysql => "SET PERSIST wait_timeout = 600;",
    };
    Some(
        Conclusion::new(text, format!("End that transaction: {end} then run this again"))
            .shown_by(who)
            .run("End it:", end)
            .run("Keep it from happening again:", never),
    )
}

/// A lock that was not granted, and somebody who has it.
pub fn lock_holder(scene: &Scene<'_>) -> Option<Conclusion> {
    let server = scene.server.filter(|_| scene.is(&[Code::LockTimeout, Code::Deadlock, Code::Conflict]))?;
    let wait = server.waits.known()?.iter().find(|wait| !wait.blockers.is_empty())?;
    let root = wait.roots().next()?;
    let text = format!("Session {} of {} has the lock on {} that others wait for", root.pid, root.user, wait.object);
    Some(
        wait.lines()
            .into_iter()
            .fold(Conclusion::new(text, "Wait until it is done (--lock-timeout 600), or cancel what it runs"), Conclusion::shown_by)
            .run("Cancel what it runs:", words::cancel(server.product, root.pid))
            .step("Or wait longer: --lock-timeout 600."),
    )
}

/// The lock table ran over: how large is it?
pub fn lock_capacity(scene: &Scene<'_>) -> Option<Conclusion> {
    let server = scene.server.filter(|_| scene.is(&[Code::LockTableFull]))?;
    let locks = server.locks()?;
    let wanted = super::super::findings::wanted_locks(locks.per_transaction);
    let text = format!(
        "Lock table capacity too low ({} total locks). Likely cause: max_locks_per_transaction ({}) too low for this database size",
        grouped(locks.capacity()),
        locks.per_transaction
    );
    let action = format!("Fix: ALTER SYSTEM SET max_locks_per_transaction = {wanted}; then RESTART PostgreSQL");
    let in_use = server.locks_in_use.known().map_or_else(String::new, |used| format!(", {} in use now", grouped(*used)));
    Some(
        Conclusion::new(text, action)
            .shown_by(format!("capacity {} = {}{in_use}", grouped(locks.capacity()), locks.formula()))
            .run("Increase:", format!("ALTER SYSTEM SET max_locks_per_transaction = {wanted};"))
            .run("Then restart PostgreSQL:", "sudo systemctl restart postgresql"),
    )
}

/// Something was to be written to a standby.
pub fn standby(scene: &Scene<'_>) -> Option<Conclusion> {
    let server =
        scene.server.filter(|_| scene.is(&[Code::ServerReadOnly]) || scene.says(&["read-only transaction", "recovery is in progress"]))?;
    scene.about().filter(|about| about.in_recovery)?;
    if let Some(mysql) = &server.mysql {
        let set = mysql.settings.known().map(|set| set.read_only.as_str()).filter(|set| !set.is_empty()).unwrap_or("read_only");
        let source = mysql.replication.known().and_then(|channels| channels.first());
        let text = match source {
            Some(one) => format!("{} is a replica of {} and takes no writes ({set})", server.address, one.words()),
            None => format!("{} takes no writes: {set} is on", server.address),
        };
        let conclusion =
            Conclusion::new(text, "Restore to the primary. Backups may be taken from a replica").shown_by(format!("{set} is on"));
        return Some(match source {
            Some(_) => conclusion.run("See it:", words::replica_status(server.product)),
            None => conclusion.run("Let it be written to, if that is not on purpose:", "SET GLOBAL read_only = OFF;"),
        });
    }
    let text = format!("{} is a standby: it replays what its primary does and takes no writes", server.address);
    Some(
        Conclusion::new(text, "Restore to the primary. Backups may be taken from a standby")
            .shown_by("pg_is_in_recovery() is true")
            .run("Find the primary:", "SELECT conninfo FROM pg_stat_wal_receiver;"),
    )
}

/// The server went away, and has not been up for long.
pub fn restarted(scene: &Scene<'_>) -> Option<Conclusion> {
    let product = scene.server.filter(|_| scene.is(&[Code::ServerUnavailable]))?.product;
    let about = scene.about()?;
    let up = about.now.since(about.started);
    if up > YOUNG_MS {
        return None;
    }
    let text =
        format!("The server was started {} ago: it was restarted, or it crashed and came back, and our sessions ended with it", span(up));
    Some(
        Conclusion::new(text, "See the server's log for why it went down, then run this again")
            .shown_by(format!("up for {}", span(up)))
            .run("See its log:", format!("journalctl -u {} --since -15min", words::service(product)))
            .run("See whether the kernel ended it:", "journalctl -k --since -15min | grep -i -E 'oom|killed process'"),
    )
}

/// A program is missing or too old.
pub fn tool(scene: &Scene<'_>) -> Option<Conclusion> {
    // Definitions of the other products are read from the server itself.
    let server = scene.server.filter(|server| !server.product.is_mysql() && scene.is(&[Code::ToolMissing, Code::ToolTooOld]))?;
    let about = scene.about()?;
    let major = about.version_num / 10_000;
    let have = server.tool.known().cloned().unwrap_or_else(|| server.tool.why().unwrap_or_default().to_owned());
    let text = format!("The server is {}, and no client program of version {major} or newer was found", about.version);
    Some(
        Conclusion::new(text, format!("Install the client programs of PostgreSQL {major}, or name their folder in DBBACKUP_PG_BIN"))
            .shown_by(have)
            .run("Install them:", format!("apt-get install postgresql-client-{major}")),
    )
}
