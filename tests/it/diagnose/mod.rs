//! Reports about real troubles: what the built program finds out, how long it takes, and what it leaves behind.

mod automatic;
mod host;
mod reach;
mod server;

use crate::support::postgres::Postgres;
use crate::support::program::{self, Outcome};
use dbbackup::domain::diagnosis::{Diagnosis, Finding};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A folder of one's own, with one for backups in it.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(dir.path().join("backups")).expect("a folder");
        Self(dir)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn backups(&self) -> PathBuf {
        self.path().join("backups")
    }

    fn state(&self) -> PathBuf {
        self.path().join(".local/state/dbbackup")
    }

    /// `dbbackup diagnose --json` with these flags, in the folder of backups.
    fn diagnose(&self, args: &[&str]) -> Command {
        let dir = self.backups().display().to_string();
        let all: Vec<&str> = ["diagnose", "--json", "--backup-dir", &dir].into_iter().chain(args.iter().copied()).collect();
        program::dbbackup(self.path(), &all)
    }

    /// The same about a server.
    fn diagnose_on(&self, server: &Postgres, args: &[&str]) -> Command {
        let mut command = self.diagnose(args);
        command.args(program::connection(server));
        command
    }
}

/// The report that a run printed.
#[track_caller]
fn report(outcome: Outcome) -> Diagnosis {
    let outcome = outcome.ok();
    let diagnosis: Diagnosis = serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {}", outcome.text()));
    assert_eq!(diagnosis.version, 1);
    assert!(diagnosis.took_ms <= 5000, "it took {} ms", diagnosis.took_ms);
    diagnosis
}

/// The rule that found the root cause.
#[track_caller]
fn rule(diagnosis: &Diagnosis) -> &str {
    diagnosis.root_cause.as_ref().unwrap_or_else(|| panic!("no root cause: {diagnosis:?}")).rule.as_str()
}

/// The finding whose title has these words.
#[track_caller]
fn finding<'a>(diagnosis: &'a Diagnosis, words: &str) -> &'a Finding {
    let titles: Vec<&String> = diagnosis.findings.iter().map(|one| &one.title).collect();
    diagnosis.findings.iter().find(|one| one.title.contains(words)).unwrap_or_else(|| panic!("{words:?} is not among {titles:?}"))
}

/// The reports in a folder.
fn reports(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("diagnostics-")));
    paths.sort();
    paths
}

/// A shell in which a script may mount and make networks that nobody else sees; the script's arguments begin with the program.
fn alone(home: &Home, script: &str, args: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--net"]);
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["sh", "-c", script, "sh"]).args(args);
    program::clean(&mut command, home.path());
    command
}
