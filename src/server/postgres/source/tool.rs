//! Finds the pg_dump that fits a server, and runs it.
//!
//! Only definitions come from pg_dump; rows never do. It gets the password and everything else about the server by environment variables,
//! of which only its own user can see the values, never on its command line.

use crate::domain::connection::SslMode;
use crate::domain::server::ServerInfo;
use crate::domain::{Code, Fault};
use crate::server::postgres::connect::Connector;
use crate::server::postgres::stall;
use secrecy::ExposeSecret as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// How long a program may take to tell its version.
const VERSION_LIMIT: Duration = Duration::from_secs(10);

/// Where bundles of root certificates are, for a libpq that does not know the system's store.
const BUNDLES: &[&str] = &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// A pg_dump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// The program.
    pub path: PathBuf,
    /// `15.18`.
    pub version: String,
    /// 15.
    pub major: u32,
}

/// See [`crate::server::Server::schema_tool`].
pub async fn version(connector: &Connector, info: &ServerInfo) -> Result<String, Fault> {
    find(connector, info.major()).await.map(|tool| format!("pg_dump {}", tool.version))
}

/// The pg_dump for a server of a major version: the same version, else the nearest newer one. An older one would miss things.
pub async fn find(connector: &Connector, major: u32) -> Result<Tool, Fault> {
    let mut best: Option<Tool> = None;
    let mut older = Vec::new();
    for folder in folders(connector.tools()) {
        let path = folder.join("pg_dump");
        // Debian's wrapper picks a version by rules of its own.
        let is_wrapper = path.canonicalize().is_ok_and(|real| real.file_name().is_some_and(|name| name != "pg_dump"));
        if !path.is_file() || is_wrapper {
            continue;
        }
        let Some(tool) = ask(&path).await else { continue };
        if tool.major == major {
            return Ok(tool);
        }
        if tool.major < major {
            older.push(format!("{} is {}", path.display(), tool.version));
        } else if best.as_ref().is_none_or(|known| tool.major < known.major) {
            best = Some(tool);
        }
    }
    best.ok_or_else(|| {
        let mut fault = Fault::new(Code::ToolMissing, format!("no pg_dump for PostgreSQL {major}"));
        fault.causes = if older.is_empty() { vec!["no pg_dump was found".to_owned()] } else { older };
        let install = if Path::new("/etc/debian_version").exists() {
            format!("apt-get install postgresql-client-{major}")
        } else if Path::new("/etc/redhat-release").exists() {
            format!("dnf install postgresql{major}")
        } else if Path::new("/etc/alpine-release").exists() {
            format!("apk add postgresql{major}-client")
        } else {
            format!("brew install postgresql@{major}")
        };
        fault
            .step_run(format!("Install the client programs of PostgreSQL {major} or newer:"), install)
            .step("If they are in an unusual folder, name it: DBBACKUP_PG_BIN=/path/to/bin (several with colons between).")
    })
}

/// Folders to look in: those given, those of DBBACKUP_PG_BIN, those of packages, those of PATH.
fn folders(given: &[PathBuf]) -> Vec<PathBuf> {
    let mut found = given.to_vec();
    found.extend(std::env::var_os("DBBACKUP_PG_BIN").iter().flat_map(std::env::split_paths));
    for (parent, prefix) in [("/usr/lib/postgresql", ""), ("/usr", "pgsql-"), ("/usr/libexec", "postgresql")] {
        let Ok(entries) = std::fs::read_dir(parent) else { continue };
        let mut here: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        here.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix)));
        here.sort();
        // Alpine has the programs themselves in /usr/libexec/postgresqlNN.
        found.extend(here.iter().flat_map(|path| [path.join("bin"), path.clone()]));
    }
    found.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    found
}

async fn ask(path: &Path) -> Option<Tool> {
    let mut command = Command::new(path);
    command.arg("--version").env("LC_ALL", "C").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(VERSION_LIMIT, command.output()).await.ok()?.ok()?;
    let (version, major) = parse_version(&String::from_utf8_lossy(&output.stdout))?;
    Some(Tool { path: path.to_owned(), version, major })
}

/// `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` is (`15.18`, 15); a beta has `18beta1`.
fn parse_version(text: &str) -> Option<(String, u32)> {
    let version = text.split_once(") ")?.1.split_whitespace().next()?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some((version.to_owned(), digits.parse().ok()?))
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
    let mut command = Command::new(&tool.path);
    command
        .args(["--format=custom", "--schema-only", "--compress=0", "--no-password"])
        .arg(format!("--snapshot={snapshot}"))
        .arg(format!("--encoding={}", if encoding == "SQL_ASCII" { "SQL_ASCII" } else { "UTF8" }));
    if connection.lock_timeout > 0 {
        command.arg(format!("--lock-wait-timeout={}", connection.lock_timeout.min(2_000_000) * 1000));
    }
    command.env_clear().env("LC_ALL", "C").env("PATH", "/usr/bin:/bin");
    // By this name its session is found on the server.
    let application = format!("dbbackup: pg_dump {}", uuid::Uuid::now_v7().simple());
    command.env("PGHOST", &connection.host).env("PGPORT", connection.port.to_string()).env("PGUSER", &connection.user);
    command.env("PGDATABASE", database).env("PGAPPNAME", &application).env("PGGSSENCMODE", "disable");
    command.env("PGCONNECT_TIMEOUT", connection.connect_timeout.to_string()).env("PGSSLMODE", connection.ssl_mode.name());
    // Files of the user's home are not read: the session's own settings decide.
    // libpq warns of a password file that is no plain file, and is silent about one that is not there.
    command.env("PGPASSFILE", "/nonexistent/pgpass").env("PGSERVICEFILE", "/nonexistent/pg_service.conf");
    let verifies = matches!(connection.ssl_mode, SslMode::VerifyCa | SslMode::VerifyFull);
    match &connection.ssl_root_cert {
        Some(path) if path.as_os_str() != "system" => command.env("PGSSLROOTCERT", path),
        _ if verifies => command.env("PGSSLROOTCERT", BUNDLES.iter().find(|path| Path::new(path).exists()).copied().unwrap_or("system")),
        _ => command.env("PGSSLROOTCERT", "/nonexistent/root.crt"),
    };
    if let (Some(cert), Some(key)) = (&connection.ssl_cert, &connection.ssl_key) {
        command.env("PGSSLCERT", cert).env("PGSSLKEY", key);
    }
    if let Some(password) = connector.password() {
        command.env("PGPASSWORD", password.expose_secret());
    }
    command.stdin(Stdio::null()).process_group(0).kill_on_drop(true);
    let output = tokio::select! {
        output = command.output() => output,
        why = stall::watch_program(connector, database, &application) => {
            let fault = Fault::new(Code::ServerUnavailable, "cannot read the definitions").because(why).at("Program", tool.path.display());
            return Err(connector.place(fault, database));
        }
    };
    let output = output.map_err(|error| {
        Fault::new(Code::ToolMissing, format!("cannot run {}", tool.path.display()))
            .caused_by(&error)
            .step_run("Look at it:", format!("{} --version", tool.path.display()))
    })?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() {
        return Err(connector.place(failure(tool, &said), database));
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
        ("server version mismatch", Code::ToolMissing),
        ("no equivalent in encoding", Code::Incomplete),
        ("invalid byte sequence", Code::Incomplete),
        ("connection to server", Code::ServerUnavailable),
        ("too many connections", Code::TooManyConnections),
        ("deadlock detected", Code::Conflict),
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
    fn versions_are_read_from_what_programs_say() {
        assert_eq!(parse_version("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(("15.18".into(), 15)));
        assert_eq!(parse_version("pg_dump (PostgreSQL) 19rc1\n"), Some(("19rc1".into(), 19)));
        assert_eq!(parse_version("something else"), None);
    }

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
