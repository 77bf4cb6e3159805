//! Finds PostgreSQL's own programs and makes them ready to run.
//!
//! They get the password and everything else about the server by environment variables, of which only their own user can see the values,
//! never on their command line. Files of the user's home are not read by them: the session's own settings decide.

use super::connect::Connector;
use crate::domain::connection::SslMode;
use crate::domain::{Code, Fault};
use secrecy::ExposeSecret as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// How long a program may take to tell its version.
const VERSION_LIMIT: Duration = Duration::from_secs(10);

/// Where bundles of root certificates are, for a libpq that does not know the system's store.
const BUNDLES: &[&str] = &["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/// A program of PostgreSQL's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Reads definitions.
    PgDump,
    /// Restores archives of pg_dump.
    PgRestore,
    /// Runs scripts.
    Psql,
}

impl Program {
    /// The name of its file.
    pub const fn name(self) -> &'static str {
        match self {
            Program::PgDump => "pg_dump",
            Program::PgRestore => "pg_restore",
            Program::Psql => "psql",
        }
    }
}

/// Which version of a program is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The program.
    pub program: Program,
    /// The oldest major version that will do.
    pub least: u32,
    /// The major version that fits best; next to it the nearest newer one, then the nearest older one.
    pub best: u32,
}

/// A program that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tool {
    /// The program.
    pub path: PathBuf,
    /// `15.18`.
    pub version: String,
    /// 15.
    pub major: u32,
}

impl Tool {
    /// `pg_restore 15.18`, for people.
    pub fn title(&self) -> String {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        format!("{name} {}", self.version)
    }

    /// The second part of the version, where it is a number: 18 of `15.18`.
    pub fn minor(&self) -> u32 {
        self.version.split('.').nth(1).and_then(|part| part.parse().ok()).unwrap_or(0)
    }
}

/// Looks for a program: in the folders given, those of DBBACKUP_PG_BIN, those of packages, those of PATH.
pub async fn find(connector: &Connector, wanted: Wanted) -> Result<Tool, Fault> {
    search(&folders(connector.tools()), wanted).await
}

/// How well a version fits; the smallest is the best.
fn rank(major: u32, best: u32) -> (bool, u32) {
    (major < best, major.abs_diff(best))
}

async fn search(folders: &[PathBuf], wanted: Wanted) -> Result<Tool, Fault> {
    let Wanted { program, least, best } = wanted;
    let mut found: Option<Tool> = None;
    let mut older = Vec::new();
    for folder in folders {
        let path = folder.join(program.name());
        // Debian's wrapper picks a version by rules of its own.
        let is_wrapper = path.canonicalize().is_ok_and(|real| real.file_name().is_some_and(|name| name != program.name()));
        if !path.is_file() || is_wrapper {
            continue;
        }
        let Some(tool) = ask(&path).await? else { continue };
        if tool.major < least {
            older.push(format!("{} is {}", path.display(), tool.version));
        } else if tool.major == best {
            return Ok(tool);
        } else if found.as_ref().is_none_or(|known| rank(tool.major, best) < rank(known.major, best)) {
            found = Some(tool);
        }
    }
    found.ok_or_else(|| {
        let name = program.name();
        let code = if older.is_empty() { Code::ToolMissing } else { Code::ToolTooOld };
        let mut fault = Fault::new(code, format!("no {name} for PostgreSQL {least}"));
        fault.causes = if older.is_empty() { vec![format!("no {name} was found")] } else { older };
        let install = if Path::new("/etc/debian_version").exists() {
            format!("apt-get install postgresql-client-{least}")
        } else if Path::new("/etc/redhat-release").exists() {
            format!("dnf install postgresql{least}")
        } else if Path::new("/etc/alpine-release").exists() {
            format!("apk add postgresql{least}-client")
        } else {
            format!("brew install postgresql@{least}")
        };
        fault
            .step_run(format!("Install the client programs of PostgreSQL {least} or newer:"), install)
            .step("If they are in an unusual folder, name it: DBBACKUP_PG_BIN=/path/to/bin (several with colons between).")
    })
}

/// Folders to look in: those given, those of DBBACKUP_PG_BIN, those of packages, those of PATH.
pub(super) fn folders(given: &[PathBuf]) -> Vec<PathBuf> {
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

/// A program that does not say what it is, is none; one that could not be started for want of files or memory is not a missing one.
pub(super) async fn ask(path: &Path) -> Result<Option<Tool>, Fault> {
    let mut command = Command::new(path);
    command.arg("--version").env("LC_ALL", "C").env_remove("PGPASSWORD").stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let output = match tokio::time::timeout(VERSION_LIMIT, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) if is_want(Code::of_io(&error)) => return Err(unstarted(path, &error)),
        Ok(Err(_)) | Err(_) => return Ok(None),
    };
    let parsed = parse_version(&String::from_utf8_lossy(&output.stdout));
    Ok(parsed.map(|(version, major)| Tool { path: path.to_owned(), version, major }))
}

/// `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` is (`15.18`, 15); a beta has `18beta1`.
fn parse_version(text: &str) -> Option<(String, u32)> {
    let version = text.split_once(") ")?.1.split_whitespace().next()?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    Some((version.to_owned(), digits.parse().ok()?))
}

/// A command that runs a program on a database: its environment and process group set, its streams closed. Dropping the child kills it.
pub fn command(connector: &Connector, tool: &Tool, database: &str) -> Command {
    let connection = connector.connection();
    let mut command = Command::new(&tool.path);
    command.env_clear().env("LC_ALL", "C").env("PATH", "/usr/bin:/bin");
    command.env("PGHOST", &connection.host).env("PGPORT", connection.port.to_string()).env("PGUSER", &connection.user);
    command.env("PGDATABASE", database).env("PGAPPNAME", "dbbackup").env("PGGSSENCMODE", "disable");
    command.env("PGCONNECT_TIMEOUT", connection.connect_timeout.to_string()).env("PGSSLMODE", connection.ssl_mode.name());
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
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0).kill_on_drop(true);
    command
}

/// The fault of a program that cannot be run.
pub fn cannot_run(tool: &Tool, error: &std::io::Error) -> Fault {
    unstarted(&tool.path, error)
}

/// Whether the host lacks something for any program.
const fn is_want(code: Code) -> bool {
    matches!(code, Code::TooManyFiles | Code::OutOfMemory)
}

fn unstarted(path: &Path, error: &std::io::Error) -> Fault {
    let code = Code::of_io(error);
    let fault = Fault::new(if is_want(code) { code } else { Code::ToolMissing }, format!("cannot run {}", path.display())).caused_by(error);
    if is_want(code) { fault } else { fault.step_run("Look at it:", format!("{} --version", path.display())) }
}

/// The fault of a program that the system ended the hard way. Nobody here sends SIGKILL: it is the kernel that has no memory left, or a
/// control group's limit; by hand it would look the same.
pub fn killed(tool: &Tool, status: std::process::ExitStatus) -> Option<Fault> {
    use std::os::unix::process::ExitStatusExt as _;
    const SIGKILL: i32 = 9;
    (status.signal() == Some(SIGKILL)).then(|| {
        Fault::new(Code::OutOfMemory, format!("{} was killed", tool.title()))
            .because("it ended by signal 9 (SIGKILL), which the kernel sends when memory runs out")
            .step_run("See whether the kernel did it:", "dmesg | grep -i -E 'out of memory|oom|killed process' | tail")
            .step("Give it more memory (MemoryMax of the unit, the limit of the container), or back up fewer databases at the same time.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_programs_say() {
        assert_eq!(parse_version("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(("15.18".into(), 15)));
        assert_eq!(parse_version("pg_dump (PostgreSQL) 19rc1\n"), Some(("19rc1".into(), 19)));
        assert_eq!(parse_version("something else"), None);
        let tool = Tool { path: "/x/psql".into(), version: "15.18".into(), major: 15 };
        assert_eq!((tool.title().as_str(), tool.minor()), ("psql 15.18", 18));
    }

    /// A program that says it is of a version.
    fn fake(dir: &Path, version: u32) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = dir.join(version.to_string());
        std::fs::create_dir(&folder).expect("a folder");
        let path = folder.join("pg_restore");
        std::fs::write(&path, format!("#!/bin/sh\necho 'pg_restore (PostgreSQL) {version}.3'\n")).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).expect("rights");
        folder
    }

    #[tokio::test]
    async fn the_nearest_version_that_will_do_is_taken_and_the_lack_of_one_is_told() {
        let dir = tempfile::tempdir().expect("a folder");
        let all = [fake(dir.path(), 14), fake(dir.path(), 16), fake(dir.path(), 18)];
        let find = async |folders: &[PathBuf], least, best| search(folders, Wanted { program: Program::PgRestore, least, best }).await;
        assert_eq!(find(&all, 12, 16).await.expect("a tool").major, 16);
        assert_eq!(find(&all, 12, 15).await.expect("a tool").major, 16);
        assert_eq!(find(&all[..2], 12, 17).await.expect("a tool").major, 16);
        assert_eq!(find(&all, 17, 15).await.expect("a tool").major, 18);
        let old = find(&all[..2], 17, 17).await.expect_err("too old");
        assert_eq!(old.code, Code::ToolTooOld);
        assert!(old.causes.iter().any(|cause| cause.contains("is 16.3")), "{old:?}");
        let none = find(&[dir.path().to_owned()], 17, 17).await.expect_err("nothing there");
        assert_eq!(none.code, Code::ToolMissing);
        assert!(
            none.causes == ["no pg_restore was found"] && none.steps[0].command.as_deref().is_some_and(|it| it.contains("17")),
            "{none:?}"
        );
    }
}
