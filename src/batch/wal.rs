//! `dbbackup wal archive` and `wal restore`, which a server runs for each file of its log: no log, no runtime, nothing on stdout, and exit codes that
//! mean to the server what they should.
//!
//! PostgreSQL (`shell_archive.c`, `xlogarchive.c`): an archive_command that fails is tried again, and above 125 ends the archiver, which starts anew;
//! a restore_command that fails with 1 to 125 means "there is no such file", which ends a recovery, and above 125 stops the server's recovery.

use super::output;
use crate::cli::wal::{Fetch, Wal};
use crate::config::environment::Environment;
use crate::config::layers::{Origin, Resolved};
use crate::config::settings::Key;
use crate::domain::job::JobId;
use crate::domain::text::clean;
use crate::domain::wal::WalName;
use crate::domain::{Code, Codec, Compression, Fault};
use crate::engine::wal::fetch::Fetched;
use crate::engine::wal::{fetch, prefetch, push};
use crate::runtime::log::{Destination, chosen};
use crate::runtime::story;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What is added to an exit code where one below 126 would be taken for "there is no such file".
const ABOVE: u8 = 128;

/// What failures are told as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exits {
    /// As everywhere.
    Plain,
    /// As a recovery wants them.
    Recovery,
}

impl Exits {
    /// Known from the arguments alone: one that cannot be read must not end a recovery either.
    pub fn of(arguments: &[OsString]) -> Self {
        if position(arguments).is_some() { Self::Recovery } else { Self::Plain }
    }

    /// The exit code of a failure.
    pub const fn failure(self, code: u8) -> u8 {
        match (self, code) {
            (Self::Plain, code) => code,
            // Too general to be told apart, and 129 would be a signal's.
            (Self::Recovery, 0 | 1) => Code::Internal.exit() + ABOVE,
            (Self::Recovery, code) if code < ABOVE => code + ABOVE,
            (Self::Recovery, code) => code,
        }
    }
}

/// Where `restore` of `wal restore` stands; flags may stand in between.
fn position(arguments: &[OsString]) -> Option<usize> {
    let wal = arguments.iter().position(|word| word == "wal")?;
    arguments.iter().skip(wal).position(|word| word == "restore").map(|after| wal + after)
}

/// One of the commands that a server runs.
#[derive(Debug)]
pub enum Call<'a> {
    /// Archive a file.
    Archive(&'a Path, &'a str),
    /// Hand one back.
    Restore(&'a Fetch),
    /// Fetch those after one ahead.
    FetchAhead(&'a Fetch),
}

impl<'a> Call<'a> {
    /// None for the commands that people run.
    pub fn of(wal: &'a Wal) -> Option<Self> {
        match wal {
            Wal::Archive { path, name, .. } => Some(Self::Archive(path, name)),
            Wal::Restore(fetch) => Some(Self::Restore(fetch)),
            Wal::FetchAhead(fetch) => Some(Self::FetchAhead(fetch)),
            Wal::Stats(_) | Wal::List { .. } | Wal::Timeline(_) | Wal::Verify { .. } | Wal::Cleanup(_) => None,
        }
    }
}

/// Whether somebody asked for a log: by default a server's calls leave none.
pub fn wants_log(resolved: &Resolved, environment: &Environment) -> bool {
    chosen::is_asked_for(resolved) && chosen::destination(resolved, environment).0 != Destination::Off
}

/// Carries one out; gives the exit code.
pub fn run(call: &Call<'_>, resolved: &Resolved) -> u8 {
    match call {
        Call::Archive(path, name) => match archive(path, name, resolved) {
            Ok(done) => {
                tracing::info!(target: "dbbackup::engine", ?done, "{name} is archived");
                0
            }
            Err(fault) => failed(fault, "wal archive", Exits::Plain, resolved),
        },
        Call::Restore(asked) => match restore(asked, resolved) {
            Ok(Fetched::Handed) => 0,
            Ok(Fetched::NotThere) => {
                if !resolved.switch(Key::Quiet) {
                    let dir = resolved.text(Key::WalDir).unwrap_or_default();
                    output::diagnostic(&format!("dbbackup: {} is not in {}\n", clean(&asked.name), clean(dir)));
                }
                1
            }
            Err(fault) => failed(fault, "wal restore", Exits::Recovery, resolved),
        },
        Call::FetchAhead(asked) => {
            // Nobody listens, and whoever needs the segment meets the failure himself.
            let _ = fetch_order(resolved).and_then(|order| prefetch::fetch_ahead(&order, named(&asked.name)?, &asked.path));
            0
        }
    }
}

fn archive(path: &Path, name: &str, resolved: &Resolved) -> Result<push::Done, Fault> {
    let order = push::Order {
        dir: dir(resolved, "dbbackup wal archive %p %f --archive-dir DIR")?,
        compression: compression(resolved)?,
        jobs: resolved.parsed(Key::WalJobs).unwrap_or(1),
        spool: resolved.path(Key::WalSpool),
    };
    push::archive(&order, path, named(name)?)
}

fn restore(asked: &Fetch, resolved: &Resolved) -> Result<Fetched, Fault> {
    let order = fetch_order(resolved)?;
    let name = named(&asked.name)?;
    let fetched = fetch::restore(&order, name, &asked.path)?;
    if fetched == Fetched::Handed && prefetch::is_wanted(&order, name, &asked.path) {
        start_fetching();
    }
    Ok(fetched)
}

fn fetch_order(resolved: &Resolved) -> Result<fetch::Order, Fault> {
    Ok(fetch::Order {
        dir: dir(resolved, "dbbackup wal restore %f %p --archive-dir DIR")?,
        spool: resolved.path(Key::WalSpool),
        ahead: resolved.parsed(Key::WalPrefetch).unwrap_or(0),
        jobs: resolved.parsed(Key::WalJobs).unwrap_or(1),
    })
}

/// Starts the same command as one that fetches ahead, in a group of its own: a server that is process 1 of a container takes an orphan that a signal
/// ended for a crash of its own. It ends by itself, and only one works at a time.
fn start_fetching() {
    let mut arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let Some(at) = position(&arguments) else { return };
    arguments[at] = "fetch-ahead".into();
    let Ok(program) = std::env::current_exe() else { return };
    let mut child = Command::new(program);
    child.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    // Without it each segment is fetched when it is asked for.
    let _ = child.spawn();
}

fn named(name: &str) -> Result<WalName, Fault> {
    name.parse().map_err(|why| {
        Fault::new(Code::Usage, "that is no file of the write-ahead log")
            .because(why)
            .step("The server writes the name for %f in its command.")
    })
}

fn dir(resolved: &Resolved, usage: &str) -> Result<PathBuf, Fault> {
    resolved.path(Key::WalDir).filter(|dir| !dir.as_os_str().is_empty()).ok_or_else(|| {
        Fault::new(Code::Usage, "no archive of the log is named").step_run("Name its folder, or set wal.dir in the configuration:", usage)
    })
}

/// What `--compression` says, or else the setting `wal.compression`. What `backup.compression` says of archives in files counts for those alone.
fn compression(resolved: &Resolved) -> Result<Compression, Fault> {
    let typed = |key: Key| resolved.values.get(&key).filter(|value| matches!(value.origin, Origin::Flag(_))).map(|value| &*value.text);
    let written = typed(Key::Compression).or_else(|| resolved.text(Key::WalCompression)).unwrap_or("zstd");
    let wrong = |why: String| Fault::new(Code::Usage, "segments cannot be compressed so").at("Compression", written).because(why);
    let mut compression: Compression = written.parse().map_err(wrong)?;
    if let Some(level) = typed(Key::Level).filter(|_| !written.contains(':')) {
        compression = format!("{}:{level}", compression.codec).parse().map_err(wrong)?;
    }
    match compression.codec {
        Codec::Xz => Err(wrong("xz takes seconds for a segment, and the server would fall behind; use zstd, gzip, lz4 or none".to_owned())),
        _ => Ok(compression),
    }
}

/// Tells a failure in few lines: they land in the server's log.
fn failed(fault: Fault, command: &str, exits: Exits, resolved: &Resolved) -> u8 {
    let code = exits.failure(fault.code.exit());
    story::fault(JobId::default(), command, &fault);
    let fault = fault.cured();
    if resolved.switch(Key::Json) {
        let answer = serde_json::json!({ "exit": code, "fault": fault });
        output::diagnostic(&format!("{answer}\n"));
    } else {
        output::diagnostic(&brief(&fault, command));
    }
    code
}

/// What failed, where and why in one line; each step of the cure in one more.
fn brief(fault: &Fault, command: &str) -> String {
    let mut out = format!("dbbackup {command}: {}: {}", fault.code.as_str(), clean(&fault.what));
    for cause in &fault.causes {
        out.push_str(&format!(": {}", clean(cause)));
    }
    let facts: Vec<String> = fault.context.iter().map(|(name, value)| format!("{name}: {}", clean(value))).collect();
    if !facts.is_empty() {
        out.push_str(&format!(" ({})", facts.join(", ")));
    }
    out.push('\n');
    for step in &fault.steps {
        out.push_str(&format!("dbbackup {command}: to fix: {}\n", clean(&step.to_string())));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_failure_of_a_recovery_reads_as_a_missing_file_or_a_signal_of_the_shutdown() {
        let arguments = ["dbbackup", "--quiet", "wal", "--no-color", "restore", "--wrong"].map(OsString::from);
        let exits = Exits::of(&arguments);
        for code in Code::ALL {
            let exit = exits.failure(code.exit());
            assert!(exit > 125, "{code:?}: {exit}");
            assert!(exit != 143 || *code == Code::Terminated, "{code:?} reads as a shutdown");
        }
        assert_eq!(exits.failure(73), 201);
    }

    #[test]
    fn no_failure_of_archiving_ends_the_archiver() {
        let exits = Exits::of(&["dbbackup", "wal", "archive"].map(OsString::from));
        let ours = Code::ALL.iter().filter(|code| !matches!(code, Code::Cancelled | Code::Terminated));
        assert!(ours.into_iter().all(|code| (1..126).contains(&exits.failure(code.exit()))));
    }
}
