//! What wants attention on MySQL and MariaDB alone.

use crate::domain::diagnosis::gauge::{self, Level, level, size};
use crate::domain::diagnosis::mysql::{BinaryLog, Channel, MysqlFacts};
use crate::domain::diagnosis::{Finding, ServerFacts};
use crate::domain::fault::Severity;
use crate::domain::size::grouped;
use crate::domain::time::span;
use crate::domain::{Bytes, Code, Product};
use crate::engine::diagnose::words;

/// A pool that has less than this part of the data, where hits are few as well, is tiny.
const POOL_PART: u64 = 10;

/// Data below this fits anywhere.
const LITTLE: Bytes = Bytes(1 << 30);

/// Pages found in memory below this are few, in percent.
const HITS: f64 = 95.0;

/// A cache of tables that is opened anew so often in an hour is too small.
const TURNS: f64 = 1.0;

/// A binary log that is worth a line, where nothing is known of the disk.
const LOG: Bytes = Bytes(50_000_000_000);

/// The same for one that is never cleaned up.
const LOG_FOR_EVER: Bytes = Bytes(1 << 30);

/// A replica that is so far behind is worth a line, in seconds.
const BEHIND: u64 = 60;

/// The same, when it is bad.
const FAR_BEHIND: u64 = 3600;

/// Packets below this are too small for rows that are everyday.
const PACKET: Bytes = Bytes(4 << 20);

/// Everything. `disk` is how large the disk of the server's data is, where that is known.
pub fn find(server: &ServerFacts, mysql: &MysqlFacts, disk: Option<Bytes>, found: &mut Vec<Finding>) {
    replication(server, mysql, found);
    own_connections(server, mysql, found);
    files(server, mysql, found);
    pool(server, mysql, found);
    log(server, mysql, disk, found);
    settings(server, mysql, found);
}

fn replication(server: &ServerFacts, mysql: &MysqlFacts, found: &mut Vec<Finding>) {
    let Some(channels) = mysql.replication.known() else { return };
    let status = words::replica_status(server.product);
    for one in channels {
        let (title, severity) = match (one.works(), one.behind_seconds) {
            (false, _) => (broken(one), Severity::Critical),
            (true, Some(behind)) if behind >= BEHIND => {
                let bad = if behind >= FAR_BEHIND { Severity::Critical } else { Severity::Warning };
                (format!("the replica is {} behind {}", span(behind.saturating_mul(1000)), one.words()), bad)
            }
            (true, _) => continue,
        };
        let code = if one.receives == "Yes" && one.error.is_some() { Code::SqlFailed } else { Code::ServerUnavailable };
        let mut finding = Finding::new(severity, code, title)
            .shown_by(format!("receives: {}, applies: {}", one.receives, one.applies))
            .shown_by("A backup of this server has the state that it has, not that of its source.");
        if let Some(error) = &one.error {
            finding = finding.shown_by(error.clone());
        }
        finding = finding.step_run("See what it says:", status);
        found.push(match (one.works(), &one.error, server.product) {
            (false, None, Product::Mariadb) => finding.step_run("Start it, if nobody stopped it on purpose:", "START ALL SLAVES;"),
            (false, None, _) => finding.step_run("Start it, if nobody stopped it on purpose:", "START REPLICA;"),
            _ => finding,
        });
    }
    let set = mysql.settings.known().map(|set| set.read_only.as_str()).unwrap_or_default();
    if channels.is_empty() && !set.is_empty() {
        let title = format!("the server takes no writes ({set}), though it is a replica of nobody");
        let finding = Finding::new(Severity::Warning, Code::ServerReadOnly, title);
        found.push(
            finding
                .shown_by("Backups work; a restore needs a server that may be written to.")
                .step_run("Let it be written to, if that is not on purpose:", "SET GLOBAL read_only = OFF;"),
        );
    }
}

fn broken(one: &Channel) -> String {
    let half = match (one.receives.as_str(), one.applies.as_str()) {
        ("Connecting", _) => "it cannot reach its source",
        ("Yes", _) => "what arrives is not applied",
        (_, "Yes") => "nothing arrives",
        _ => "it is stopped",
    };
    format!("replication from {} does not work: {half}", one.words())
}

fn own_connections(server: &ServerFacts, mysql: &MysqlFacts, found: &mut Vec<Finding>) {
    let (Some(users), Some(set)) = (mysql.users.known(), mysql.settings.known()) else { return };
    let used = users.iter().find(|one| one.user == server.user).map_or(0, |one| one.connections);
    if set.own_connections == 0 || Bytes(used).percent_of(Bytes(set.own_connections)) <= gauge::CONNECTIONS {
        return;
    }
    let title = format!("user {} has {used} of the {} connections that it may have", server.user, set.own_connections);
    let user = server.user.replace('\'', "''");
    found.push(
        Finding::new(Severity::Warning, Code::TooManyConnections, title)
            .step_run("Raise the account's own limit:", format!("ALTER USER '{user}'@'%' WITH MAX_USER_CONNECTIONS 0;"))
            .step("Use fewer connections: --jobs 1."),
    );
}

fn files(server: &ServerFacts, mysql: &MysqlFacts, found: &mut Vec<Finding>) {
    let Some(open) = mysql.files.known() else { return };
    let bad = level(open.percent(), gauge::FILES, 95.0);
    if bad != Level::Fine && open.limit > 0 {
        let title = format!("the server has nearly no file descriptors left: {} of {} in use", grouped(open.files), grouped(open.limit));
        let service = words::service(server.product);
        found.push(
            Finding::new(super::severity(bad), Code::TooManyFiles, title)
                .step_run(
                    "Raise the limit, then restart the server:",
                    format!("sudo systemctl edit {service}  # [Service] LimitNOFILE={}", open.limit.saturating_mul(4)),
                )
                .step("open_files_limit in its configuration has to be as large."),
        );
    }
    if let Some(turns) = open.turns_an_hour().filter(|turns| *turns > TURNS && open.tables >= open.cache) {
        let title = format!("the cache of open tables is full: {} tables, all opened anew {turns:.1} times an hour", grouped(open.cache));
        let wanted = open.cache.saturating_mul(2).to_string();
        found.push(
            Finding::new(Severity::Warning, Code::TooManyFiles, title)
                .shown_by(format!("{} tables opened in {}", grouped(open.opened), span(open.up_ms)))
                .step_run("Make it larger:", words::set(server.product, "table_open_cache", &wanted)),
        );
    }
}

fn pool(server: &ServerFacts, mysql: &MysqlFacts, found: &mut Vec<Finding>) {
    let (Some(pool), Some(data)) = (mysql.pool.known(), mysql.data.known()) else { return };
    let few = pool.hit_percent().is_some_and(|percent| percent < HITS);
    if *data < LITTLE || pool.size.0 == 0 || data.0 / POOL_PART < pool.size.0 || !few {
        return;
    }
    let hits = pool.hit_percent().unwrap_or(0.0);
    let title = format!("the buffer pool is small: {} for {} of data, {hits:.1}% of pages are found in it", size(pool.size), size(*data));
    let wanted = (data.0 / 4).next_multiple_of(128 << 20);
    found.push(
        Finding::new(Severity::Warning, Code::ServerOutOfMemory, title)
            .shown_by(format!("{} pages asked for, {} of them read from the disk", grouped(pool.requests), grouped(pool.reads)))
            .step_run(
                "Give it more, as far as the server's memory goes (half of it is usual):",
                words::set(server.product, "innodb_buffer_pool_size", &wanted.to_string()),
            ),
    );
}

fn log(server: &ServerFacts, mysql: &MysqlFacts, disk: Option<Bytes>, found: &mut Vec<Finding>) {
    let Some(log) = mysql.log.known().filter(|log| log.written) else { return };
    let heavy = disk.map_or(LOG, |disk| Bytes(disk.0 / 4));
    let for_ever = log.keep_seconds == 0 && log.bytes >= LOG_FOR_EVER.min(heavy);
    if log.bytes < heavy && !for_ever {
        return;
    }
    let kept = if log.keep_seconds == 0 { "never cleaned up".to_owned() } else { format!("kept for {}", span(log.keep_seconds * 1000)) };
    let title = format!("the binary log takes {} in {} files, {kept}", size(log.bytes), grouped(log.files));
    let finding = Finding::new(Severity::Warning, Code::ServerDiskFull, title)
        .shown_by("Replicas and an archive of the log need what they have not got yet; recovery to a moment needs an archive of it.");
    found.push(keep_less(server, log, finding));
}

/// The cure of a binary log that grows.
pub fn keep_less(server: &ServerFacts, log: &BinaryLog, finding: Finding) -> Finding {
    const WEEK: u64 = 7 * 24 * 3600;
    let keep = if log.keep_seconds == 0 || log.keep_seconds > WEEK { WEEK } else { log.keep_seconds / 2 };
    finding
        .step_run("Let it go by itself sooner:", words::set(server.product, "binlog_expire_logs_seconds", &keep.to_string()))
        .step_run("And what is older now, when replicas and the archive have it:", "PURGE BINARY LOGS BEFORE NOW() - INTERVAL 7 DAY;")
}

fn settings(server: &ServerFacts, mysql: &MysqlFacts, found: &mut Vec<Finding>) {
    let Some(set) = mysql.settings.known() else { return };
    if set.max_allowed_packet.0 > 0 && set.max_allowed_packet < PACKET {
        let title = format!("the server takes no packets above {}, which long rows exceed", size(set.max_allowed_packet));
        found.push(
            Finding::new(Severity::Warning, Code::OutOfRange, title)
                .step_run("Let it take larger ones, for sessions that begin after that:", {
                    words::set(server.product, "max_allowed_packet", "67108864")
                }),
        );
    }
    if !set.local_infile {
        found.push(
            Finding::new(
                Severity::Ignorable,
                Code::PermissionDenied,
                "local_infile is off: rows of a restore come as statements, which is slower",
            )
            .step_run("Where restores are made, let rows come as a stream:", words::set(server.product, "local_infile", "ON")),
        );
    }
}
