//! What a session that loads has set, and how it is told to the server.
//!
//! What a server does not know, or our user may not set, is left as it is where that costs nothing but speed.

use super::loader::Target;
use super::marker;
use crate::domain::Fault;
use crate::domain::spec::Binlog;
use crate::server::mysql::wire::Error;
use crate::server::{LoadSettings, Purpose};

/// How rows get into a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As a stream, by `LOAD DATA LOCAL INFILE`.
    Stream,
    /// As statements with many rows, where the server takes no streams (`local_infile`).
    Statements,
}

/// Whether InnoDB looks into its indexes for double values at once (`unique_checks`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unique {
    /// Always.
    Checked,
    /// Where that costs nothing: for a table that is empty.
    Relaxed,
}

/// The session as every statement of ours finds it. Zero dates, dates that no calendar has and the number 0 in an AUTO_INCREMENT column are
/// values like others. An engine that is not there is an error instead of another engine.
pub const PLAIN: &str = "SET NAMES utf8mb4; \
     SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', \
     foreign_key_checks = 0, autocommit = 1";

/// The longest wait for a row's lock that there is, in seconds.
const FOR_EVER: u64 = 1_073_741_824;

/// Sessions of ours may wait for each other's AUTO_INCREMENT for so long, in seconds.
const LEAST_WAIT: u64 = 300;

/// Settings that not every server has, or not everybody may change: a key that the server adds by itself would be one that the source does
/// not have, a table without a key is one like others, and what the source took is taken here too.
const WISHES: [&str; 8] = [
    "sql_notes = 1",
    "max_error_count = 1024",
    "sql_generate_invisible_primary_key = 0",
    "sql_require_primary_key = 0",
    "innodb_strict_mode = 0",
    "information_schema_stats_expiry = 0",
    "system_versioning_insert_history = 1",
    "sql_safe_updates = 0",
];

/// The number of "unknown system variable".
const UNKNOWN: u16 = 1193;

/// Sets everything, and asks how rows can come.
pub async fn prepare(target: &mut Target, wanted: &LoadSettings) -> Result<(), Fault> {
    let what = "cannot prepare a session";
    let wait = match target.connector.connection().lock_timeout {
        0 => FOR_EVER,
        seconds => seconds.clamp(LEAST_WAIT, FOR_EVER),
    };
    let sql = format!("{PLAIN}, unique_checks = 1, innodb_lock_wait_timeout = {wait}");
    target.run(what, &sql).await?;
    for wish in WISHES {
        attempt(target, wish).await?;
    }
    if wanted.binlog == Binlog::Off {
        let sql = "SET SESSION sql_log_bin = 0";
        let done = target.session.run(sql).await;
        done.map_err(|error| {
            let fault = target.fault("cannot keep the restore out of the binary log", &error).with_statement(sql);
            fault
                .step("Our user needs SESSION_VARIABLES_ADMIN or SYSTEM_VARIABLES_ADMIN (MySQL), BINLOG ADMIN (MariaDB) or SUPER.")
                .step_run("Or let what is restored be logged:", "--binlog on")
        })?;
    } else if is_scratch(&target.database) {
        // A trial is of no use to replicas.
        attempt(target, "sql_log_bin = 0").await?;
    }
    let row = target.query(what, "SELECT @@local_infile, @@max_allowed_packet").await?;
    if let Some(row) = row.first() {
        target.way = if row.number::<u8>(0) == Some(1) { Way::Stream } else { Way::Statements };
        target.packet = row.number(1).unwrap_or(target.packet);
    }
    if target.marker.is_some() {
        marker::set(target).await?;
    }
    Ok(())
}

/// Whether a database is one for a trial, by its name.
pub fn is_scratch(database: &str) -> bool {
    [Purpose::Rehearsal, Purpose::RestoreTest].iter().any(|purpose| database.starts_with(purpose.prefix()))
}

/// Sets what may be refused; only a lost line is a fault.
async fn attempt(target: &mut Target, wish: &str) -> Result<(), Fault> {
    match target.session.run(&format!("SET SESSION {wish}")).await {
        Ok(_) => Ok(()),
        Err(error @ Error::Server { .. }) => {
            if error.number() != Some(UNKNOWN) {
                tracing::debug!(%error, wish, "a setting that was not granted");
            }
            Ok(())
        }
        Err(error) => Err(target.fault("cannot prepare a session", &error)),
    }
}

/// Has the session check double values or not.
pub async fn unique(target: &mut Target, unique: Unique) -> Result<(), Fault> {
    if target.unique == unique {
        return Ok(());
    }
    let value = if unique == Unique::Checked { 1 } else { 0 };
    target.run("cannot prepare a session", &format!("SET SESSION unique_checks = {value}")).await?;
    target.unique = unique;
    Ok(())
}
