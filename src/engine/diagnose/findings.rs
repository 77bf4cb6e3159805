//! What wants attention, by the thresholds of the gauges, with the commands that cure it. Pure: from facts to findings, the worst first.

mod mysql;

use super::{DATA, words};
use crate::domain::Code;
use crate::domain::diagnosis::gauge::{self, Level, connection_level, level, size};
use crate::domain::diagnosis::{Diagnosis, Finding, HostFacts, ServerFacts};
use crate::domain::fault::Severity;
use crate::domain::size::grouped;
use crate::domain::time::span;
use crate::domain::{Bytes, Product, Stamp};

/// WAL held by a slot that is worth a line.
const HELD: Bytes = Bytes(1 << 30);

/// A transaction that is open for so long is worth a line.
const LONG_MS: u64 = 30 * 60 * 1000;

/// The same, when it does nothing.
const IDLE_MS: u64 = 5 * 60 * 1000;

/// A wait for a lock that is worth a line.
const WAIT_MS: u64 = 10 * 1000;

/// A password that ends so soon is worth a line.
const SOON_MS: i64 = 7 * 24 * 3600 * 1000;

/// What `max_locks_per_transaction` is to become: enough for the largest databases that are common, and at least twice what it is.
pub fn wanted_locks(now: u64) -> u64 {
    (now.saturating_mul(2)).max(4096)
}

const fn severity(level: Level) -> Severity {
    match level {
        Level::Fine => Severity::Ignorable,
        Level::High => Severity::Warning,
        Level::Critical => Severity::Critical,
    }
}

/// Everything that wants attention.
pub fn find(diagnosis: &Diagnosis) -> Vec<Finding> {
    let code = diagnosis.error.as_ref().map(|error| error.code);
    let mut found = Vec::new();
    disks(&diagnosis.host, &mut found);
    memory(&diagnosis.host, &mut found);
    files(&diagnosis.host, &mut found);
    if let Some(server) = &diagnosis.server {
        reach(server, code, &mut found);
        connections(server, &mut found);
        locks(server, code, &mut found);
        wal(server, worth_naming(&diagnosis.host), &mut found);
        sessions(server, &mut found);
        if let Some(facts) = &server.mysql {
            let disk = diagnosis.host.disks.iter().find(|disk| disk.holds(DATA)).and_then(|disk| disk.usage.known());
            mysql::find(server, facts, disk.map(|usage| usage.total), &mut found);
        }
        password(server, &mut found);
    }
    // What is of the error's kind first, then the worst. Stable, so that what belongs together stays together.
    let kind = diagnosis.error.as_ref().map(|error| error.category);
    found.sort_by_key(|finding| (kind.is_some_and(|kind| kind != finding.category), std::cmp::Reverse(finding.severity)));
    found
}

fn disks(host: &HostFacts, found: &mut Vec<Finding>) {
    for disk in &host.disks {
        let (path, uses) = (disk.path.display(), disk.uses.join(", "));
        let quoted = shell_words::quote(&disk.path.to_string_lossy()).into_owned();
        let Some(usage) = disk.usage.known() else {
            let why = disk.usage.why().unwrap_or_default();
            if why.starts_with(crate::engine::aside::NO_ANSWER) {
                let finding = Finding::new(Severity::Critical, Code::Io, format!("the file system of {path} ({uses}) does not answer"));
                found.push(
                    finding
                        .shown_by(why)
                        .step_run("See what it is, and whether its server is there:", "grep -E 'nfs|cifs|fuse' /proc/mounts; dmesg | tail")
                        .step("Everything that touches it waits, dbbackup as well."),
                );
            }
            continue;
        };
        let percent = usage.percent();
        let is_data = disk.uses.iter().all(|one| one == DATA);
        let code = if is_data { Code::ServerDiskFull } else { Code::DiskFull };
        let evidence = format!("{path} ({uses}): {} of {} used, {} free", size(usage.used), size(usage.total), size(usage.free));
        match level(percent, gauge::DISK, gauge::DISK_CRITICAL) {
            Level::Fine => {}
            bad => {
                let words = if bad == Level::Critical { "nearly full" } else { "getting full" };
                let finding = Finding::new(severity(bad), code, format!("the disk of {path} ({uses}) is {words}: {percent:.1}% used"));
                let finding = finding
                    .shown_by(evidence.clone())
                    .step_run("See what fills it:", format!("du -xh --max-depth=1 {quoted} | sort -h | tail"));
                found.push(if is_data {
                    finding.step("Drop what nobody needs, or give the server a larger disk.")
                } else {
                    finding.step("Delete old archives, or choose another folder with --backup-dir.")
                });
            }
        }
        match level(usage.inode_percent(), gauge::DISK, gauge::DISK_CRITICAL) {
            Level::Fine => {}
            bad => {
                let (used, all) = (grouped(usage.inodes_used), grouped(usage.inodes));
                let finding = Finding::new(
                    severity(bad),
                    if is_data { code } else { Code::InodesExhausted },
                    format!("the disk of {path} ({uses}) has nearly no inodes left: {used} of {all} used"),
                );
                found.push(
                    finding
                        .shown_by(evidence)
                        .step_run("Find folders with many files:", format!("du --inodes -xd2 {quoted} | sort -n | tail")),
                );
            }
        }
        if usage.read_only && !is_data {
            let finding =
                Finding::new(Severity::Critical, Code::ReadOnlyFileSystem, format!("the file system of {path} ({uses}) is read-only"));
            found.push(finding.step_run("See how it is mounted:", format!("findmnt -T {quoted}")));
        }
    }
}

fn memory(host: &HostFacts, found: &mut Vec<Finding>) {
    let Some(memory) = host.memory.known() else { return };
    let percent = memory.percent();
    let (used, total) = memory.tightest();
    let bad = level(percent, gauge::MEMORY, gauge::MEMORY_PRESSURE);
    if bad != Level::Fine {
        let words = if bad == Level::Critical { "memory is under pressure" } else { "memory is getting short" };
        let finding = Finding::new(severity(bad), Code::OutOfMemory, format!("{words}: {percent:.1}% of {} used", size(total)));
        let mut finding = finding.shown_by(format!("{} of {} used", size(used), size(total)));
        if let Some(group) = &memory.group {
            finding = finding.shown_by(format!("limit of control group {}: {}", group.group, size(group.limit)));
        }
        found
            .push(finding.step_run("See who uses it:", "ps -eo pid,rss,comm --sort=-rss | head").step("Use less: --memory 64MB --jobs 2."));
    }
    if let Some(group) = memory.group.as_ref().filter(|group| group.killed > 0) {
        let title = format!("the kernel has killed {} of control group {} for want of memory", plural(group.killed), group.group);
        let finding = Finding::new(Severity::Warning, Code::OutOfMemory, title);
        found.push(
            finding
                .shown_by(format!("limit {}", size(group.limit)))
                .step_run("See whom:", "journalctl -k | grep -i 'killed process' | tail"),
        );
    }
}

fn plural(count: u64) -> String {
    if count == 1 { "1 process".to_owned() } else { format!("{} processes", grouped(count)) }
}

fn files(host: &HostFacts, found: &mut Vec<Finding>) {
    let Some(files) = host.files.known() else { return };
    for (who, used, limit, percent, how) in [
        ("dbbackup has", files.own, files.own_limit, files.percent(), "ulimit -n 65536"),
        ("the system has", files.system, files.system_limit, files.system_percent(), "sysctl -w fs.file-max=2000000"),
    ] {
        if percent > gauge::FILES {
            let title = format!("{who} nearly no file descriptors left: {} of {} in use", grouped(used), grouped(limit));
            found.push(Finding::new(Severity::Warning, Code::TooManyFiles, title).step_run("Raise the limit:", how));
        }
    }
}

fn reach(server: &ServerFacts, error: Option<Code>, found: &mut Vec<Finding>) {
    if let Some(hop) = server.broken() {
        let code = hop.code.unwrap_or(Code::ServerUnavailable);
        let severity = if error.is_none() { Severity::Critical } else { code.severity() };
        let why = hop.outcome.why().unwrap_or_default();
        let mut finding = Finding::new(
            severity,
            code,
            format!("{} cannot be reached: {} failed after {} ms", server.address, hop.step.words(), hop.took_ms),
        );
        for done in server.reach.iter().filter(|one| one.outcome.known().is_some()) {
            finding = finding.shown_by(format!(
                "{}: {} in {} ms",
                done.step.words(),
                done.outcome.known().map_or("", String::as_str),
                done.took_ms
            ));
        }
        found.push(finding.shown_by(format!("{}: {why}", hop.step.words())).step_run("See whether it answers:", words::ready(server)));
    }
    let (Some(about), Some(why)) = (server.about.known(), server.tool.why()) else { return };
    if !why.starts_with("not asked") {
        let major = about.version_num / 10_000;
        let finding = Finding::new(Severity::Critical, Code::ToolMissing, format!("no client program fits {}", about.version));
        found.push(finding.shown_by(why).step_run("Install it:", format!("apt-get install postgresql-client-{major}")));
    }
}

fn connections(server: &ServerFacts, found: &mut Vec<Finding>) {
    let (Some((used, most)), Some(percent), Some(about)) = (server.slots_used(), server.connection_percent(), server.about.known()) else {
        return;
    };
    let bad = connection_level(percent);
    if bad == Level::Fine {
        return;
    }
    let title = match bad {
        Level::Critical => format!("connections are exhausted: {used} of {most} in use"),
        _ => format!("connections are running out: {used} of {most} in use"),
    };
    let mut finding = Finding::new(severity(bad), Code::TooManyConnections, title);
    if about.reserved > 0 {
        finding = finding.shown_by(format!("{} of {most} are reserved for superusers", about.reserved));
    }
    for one in server.mysql.iter().filter_map(|mysql| mysql.users.known()).flatten() {
        finding = finding.shown_by(format!("{}: {}, of which {} are idle", one.user, one.connections, one.idle));
    }
    let (how, raise) = words::more_connections(server.product, most.saturating_mul(2));
    found.push(finding.step_run("See who has them:", words::sessions(server.product)).step_run(how, raise));
}

fn locks(server: &ServerFacts, error: Option<Code>, found: &mut Vec<Finding>) {
    let Some(locks) = server.locks() else { return };
    let wanted = wanted_locks(locks.per_transaction);
    let cure = |finding: Finding| {
        finding
            .step_run("Increase:", format!("ALTER SYSTEM SET max_locks_per_transaction = {wanted};"))
            .step_run("Then restart PostgreSQL:", "sudo systemctl restart postgresql")
    };
    let shown = format!("{} = {}", grouped(locks.capacity()), locks.formula());
    if error == Some(Code::LockTableFull) {
        if locks.per_transaction < gauge::LOCKS_PER_TRANSACTION {
            let title = format!("max_locks_per_transaction is low ({})", locks.per_transaction);
            found.push(cure(Finding::new(Severity::Critical, Code::LockTableFull, title).shown_by(shown.clone())));
        } else if locks.capacity() < gauge::LOCK_CAPACITY {
            let title = format!("the lock table is small ({} entries)", grouped(locks.capacity()));
            found.push(cure(Finding::new(Severity::Critical, Code::LockTableFull, title).shown_by(shown.clone())));
        }
        if locks.max_connections < gauge::LOCK_CONNECTIONS {
            let title = format!("max_connections is low ({}): the lock table grows with it", locks.max_connections);
            let finding = Finding::new(Severity::Warning, Code::LockTableFull, title);
            found.push(finding.step_run("Increase:", "ALTER SYSTEM SET max_connections = 100;"));
        }
    }
    if let (Some(used), Some(percent)) = (server.locks_in_use.known(), server.lock_percent()) {
        let bad = level(percent, gauge::LOCKS, gauge::LOCKS_CRITICAL);
        if bad != Level::Fine {
            let title = format!(
                "the lock table is nearly full: {} of {} entries in use ({})",
                grouped(*used),
                grouped(locks.capacity()),
                locks.formula()
            );
            let finding = Finding::new(severity(bad), Code::LockTableFull, title);
            let who = "SELECT pid, count(*) FROM pg_locks GROUP BY pid ORDER BY 2 DESC LIMIT 10;";
            found.push(cure(finding.shown_by(format!("{percent:.1}% in use")).step_run("See whose locks they are:", who)));
        }
    }
}

/// From where on WAL that a slot holds is worth a line: a tenth of the disk it lies on, where that is known.
fn worth_naming(host: &HostFacts) -> Bytes {
    let disk = host.disks.iter().find(|disk| disk.holds(DATA)).and_then(|disk| disk.usage.known());
    disk.map_or(HELD, |usage| HELD.min(Bytes(usage.total.0 / 10)))
}

fn wal(server: &ServerFacts, heavy: Bytes, found: &mut Vec<Finding>) {
    for slot in server.slots.known().into_iter().flatten() {
        let lost = slot.wal_status.as_deref().is_some_and(|status| status == "lost" || status == "unreserved");
        let held = slot.held.unwrap_or(Bytes(0));
        if held < heavy && !lost {
            continue;
        }
        let reader = if slot.active { "its reader is behind" } else { "nobody reads from it" };
        let finding = Finding::new(
            Severity::Warning,
            Code::ServerDiskFull,
            format!("replication slot {} holds {} of WAL, and {reader}", slot.name, size(held)),
        );
        let finding = finding.shown_by(format!(
            "{} slot, active: {}, state {}",
            slot.kind,
            slot.active,
            slot.wal_status.as_deref().unwrap_or("unknown")
        ));
        let name = slot.name.replace('\'', "''");
        found.push(finding.step_run("Drop it, when its reader is gone for good:", format!("SELECT pg_drop_replication_slot('{name}');")));
    }
    if let Some(archiver) = server.archiver.known().filter(|archiver| archiver.failing) {
        let ago = archiver.failed_ago_ms.map_or_else(String::new, |ms| format!(", the last {} ago", span(ms)));
        let finding = Finding::new(
            Severity::Critical,
            Code::ServerDiskFull,
            format!("the archiver fails: {} tries failed{ago}", grouped(archiver.failed)),
        );
        found.push(
            finding
                .shown_by(format!("failed: {}", archiver.last_failed.as_deref().unwrap_or("none")))
                .shown_by(format!("archived last: {}", archiver.last_archived.as_deref().unwrap_or("none")))
                .shown_by("Until it works, WAL stays on the server's disk, and no moment after the last archived file can be recovered.")
                .step_run("See the command, and the server's log for what it says:", "SHOW archive_command;"),
        );
    }
}

fn sessions(server: &ServerFacts, found: &mut Vec<Finding>) {
    for wait in server.waits.known().into_iter().flatten().filter(|wait| wait.waited_ms >= WAIT_MS).take(3) {
        let title = format!("pid {} waits for a lock on {} since {}", wait.pid, wait.object, span(wait.waited_ms));
        let mut finding = wait.lines().into_iter().fold(Finding::new(Severity::Warning, Code::LockTimeout, title), Finding::shown_by);
        if let Some(root) = wait.roots().find(|root| root.pid != 0) {
            finding = finding.step_run("End the session that everybody waits for:", words::terminate(server.product, root.pid));
        } else if server.mysql.is_some() {
            finding = unnamed(server, finding);
        }
        found.push(finding);
    }
    for one in server.transactions.known().into_iter().flatten() {
        if one.open_ms < LONG_MS && !(one.is_idle() && one.open_ms >= IDLE_MS) {
            continue;
        }
        let state = if one.is_idle() { "idle in transaction" } else { "in one transaction" };
        let title = format!("pid {} of {} is {state} for {}", one.pid, one.user, span(one.open_ms));
        let finding = Finding::new(Severity::Warning, Code::LockTimeout, title).shown_by(one.words());
        found.push(finding.step_run("End it:", words::terminate(server.product, one.pid)));
    }
}

/// A wait of which MySQL or MariaDB does not tell who is in the way.
fn unnamed(server: &ServerFacts, finding: Finding) -> Finding {
    let finding = finding.step_run("The server does not say who has it. See the oldest transactions:", {
        "SELECT trx_mysql_thread_id, trx_started, trx_query FROM information_schema.innodb_trx ORDER BY trx_started;"
    });
    match server.product {
        Product::Mariadb => finding.step_run("Have it say so the next time:", "INSTALL SONAME 'metadata_lock_info';"),
        Product::Mysql | Product::Postgres => finding,
    }
}

fn password(server: &ServerFacts, found: &mut Vec<Finding>) {
    let Some((about, until)) = server.about.known().and_then(|about| Some((about, about.password_until?))) else { return };
    if until > Stamp(about.now.0.saturating_add(SOON_MS)) {
        return;
    }
    let title = match until > about.now {
        true => format!("the password of role {} expires in {}", server.user, span(until.since(about.now))),
        false => format!("the password of role {} expired {} ago", server.user, span(about.now.since(until))),
    };
    let name = server.user.replace('"', "\"\"");
    let finding = Finding::new(Severity::Warning, Code::AuthFailed, title);
    found.push(finding.step_run("Let it last:", format!("ALTER ROLE \"{name}\" VALID UNTIL 'infinity';")));
}
