//! Has pg_dump read definitions. Rows never come from it.

use crate::domain::server::ServerInfo;
use crate::domain::{Code, Fault};
use crate::server::postgres::connect::Connector;
use crate::server::postgres::program::{self, Program, Tool, Wanted};
use crate::server::postgres::stall;
use std::collections::BTreeMap;
use std::process::Stdio;

/// See [`crate::server::Server::schema_tool`].
pub async fn version(connector: &Connector, info: &ServerInfo) -> Result<String, Fault> {
    find(connector, info.major()).await.map(|tool| tool.title())
}

/// The programs that were found, by the server's major version: looked for once, not for each of a thousand databases.
#[derive(Debug, Default)]
pub struct Found(tokio::sync::Mutex<BTreeMap<u32, Tool>>);

/// The pg_dump for a server of a major version: the same version, else the nearest newer one. An older one would miss things.
pub async fn find(connector: &Connector, major: u32) -> Result<Tool, Fault> {
    let mut found = connector.found().0.lock().await;
    match found.get(&major) {
        // One that was removed meanwhile is looked for again.
        Some(tool) if tool.path.is_file() => Ok(tool.clone()),
        _ => {
            let tool = program::find(connector, Wanted { program: Program::PgDump, least: major, best: major }).await?;
            found.insert(major, tool.clone());
            Ok(tool)
        }
    }
}

/// What pg_dump gave: the archive (a table of contents without rows), and its warnings.
pub struct Dump {
    /// The custom-format archive.
    pub archive: Vec<u8>,
    /// Lines that it wrote beside.
    pub warnings: Vec<String>,
}

/// Has pg_dump read the definitions of a database as an exported snapshot sees them. Ends with this call: dropping it ends pg_dump.
pub async fn dump(connector: &Connector, tool: &Tool, database: &str, snapshot: &str, encoding: &str) -> Result<Dump, Fault> {
    let connection = connector.connection();
    let mut command = program::command(connector, tool, database);
    command
        .args(["--format=custom", "--schema-only", "--compress=0", "--no-password"])
        .arg(format!("--snapshot={snapshot}"))
        .arg(format!("--encoding={}", if encoding == "SQL_ASCII" { "SQL_ASCII" } else { "UTF8" }));
    if connection.lock_timeout > 0 {
        command.arg(format!("--lock-wait-timeout={}", connection.lock_timeout.min(2_000_000) * 1000));
    }
    command.env("PGAPPNAME", connector.roll().dump_name()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = tokio::select! {
        output = command.output() => output.map_err(|error| program::cannot_run(tool, &error))?,
        why = stall::watch_program(connector, database, connector.roll().dump_name()) => {
            let fault = Fault::new(Code::ServerUnavailable, "cannot read the definitions").because(why).at("Program", tool.path.display());
            return Err(connector.place(fault, database));
        }
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        let fault = program::killed(tool, output.status).unwrap_or_else(|| failure(tool, &said));
        return Err(connector.place(fault, database));
    }
    let warnings = said.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
    Ok(Dump { archive: output.stdout, warnings })
}

/// What pg_dump's complaint means.
fn failure(tool: &Tool, said: &str) -> Fault {
    let code = [
        ("due to lock timeout", Code::LockTimeout),
        ("max_locks_per_transaction", Code::LockTableFull),
        ("permission denied", Code::Incomplete),
        ("row-level security", Code::Incomplete),
        ("server version mismatch", Code::ToolTooOld),
        ("no equivalent in encoding", Code::Incomplete),
        ("invalid byte sequence", Code::Incomplete),
        ("connection to server", Code::ServerUnavailable),
        ("too many connections", Code::TooManyConnections),
        ("deadlock detected", Code::Deadlock),
        ("conflict with recovery", Code::Conflict),
    ]
    .into_iter()
    .find(|(words, _)| said.contains(words))
    .map_or(Code::SqlFailed, |(_, code)| code);
    let mut fault = Fault::new(code, "cannot read the definitions").at("Program", format!("{} {}", tool.path.display(), tool.version));
    let lines = said.lines().map(|line| line.trim_start_matches("pg_dump: ").trim_start_matches("error: "));
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with("detail: Query was")).take(6) {
        fault = fault.because(line);
    }
    match fault.code {
        Code::Incomplete => fault.step("Run this as a role that may read every table, or as a superuser."),
        Code::LockTimeout => fault.step("Try again when no table is being altered, or wait longer: --lock-timeout SECONDS."),
        Code::LockTableFull => {
            fault.step_run("Let a session hold more locks, then restart the server:", "ALTER SYSTEM SET max_locks_per_transaction = 1024;")
        }
        _ => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_have_their_codes() {
        let tool = Tool { path: "/x/pg_dump".into(), version: "17.1".into(), major: 17 };
        let fault =
            failure(&tool, "pg_dump: error: query failed: ERROR:  permission denied for table secret\npg_dump: detail: Query was: LOCK\n");
        assert_eq!(fault.code, Code::Incomplete);
        assert!(fault.root_cause().contains("permission denied for table secret"));
        assert_eq!(failure(&tool, "ERROR:  canceling statement due to lock timeout").code, Code::LockTimeout);
    }
}
