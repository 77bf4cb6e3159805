//! How far a job is, and how it ended.

use super::cause::{Cause, Fate, Missing, Tally};
use super::fault::{Code, Fault, Step};
use super::size::Bytes;
use super::time::Stamp;
use super::wait::Wait;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// A job's number, unique within one run of the program.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub u64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// What a job is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Connecting and looking around.
    #[default]
    Preparing,
    /// Roles, tablespaces, settings.
    Globals,
    /// Reading or making definitions.
    Schema,
    /// Rows.
    Data,
    /// Rows of some tables, indexes of others.
    DataAndIndexes,
    /// Constraints, foreign keys, triggers, rights.
    Constraints,
    /// Syncing and naming the file.
    Finishing,
    /// Checking the archive.
    Verifying,
    /// Comparing the restored data.
    Proving,
    /// A recovered server replays the log.
    Replaying,
}

impl Phase {
    /// Words for people.
    pub const fn words(self) -> &'static str {
        match self {
            Phase::Preparing => "preparing",
            Phase::Globals => "globals",
            Phase::Schema => "definitions",
            Phase::Data => "data",
            Phase::DataAndIndexes => "data and indexes",
            Phase::Constraints => "constraints",
            Phase::Finishing => "finishing the file",
            Phase::Verifying => "verifying",
            Phase::Proving => "proving",
            Phase::Replaying => "replaying the log",
        }
    }
}

/// How one database of a job is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatabaseState {
    /// Not begun.
    #[default]
    Waiting,
    /// At work in a phase.
    Running(Phase),
    /// Done.
    Done,
    /// Done and proven equal.
    Proven,
    /// Failed.
    Failed(Fault),
}

/// How far one database is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DatabaseProgress {
    /// Its name (the target's, in a restore).
    pub name: String,
    /// How it is.
    pub state: DatabaseState,
    /// Row bytes done and to do (the latter an estimate in a backup).
    pub bytes: Ratio,
    /// Row bytes read back for a proof, of all; nothing where none is asked for.
    #[serde(default)]
    pub proof: Ratio,
    /// Rows done.
    pub rows: u64,
    /// Tables done of all.
    pub tables: Ratio,
    /// Indexes and constraints done of all (restore).
    pub indexes: Ratio,
    /// When it began and ended.
    pub began: Option<Stamp>,
    /// When it ended.
    pub ended: Option<Stamp>,
}

impl DatabaseProgress {
    /// All bytes that have to pass: rows that are brought, and read back for a proof.
    pub const fn work(&self) -> Ratio {
        Ratio { done: self.bytes.done + self.proof.done, total: self.bytes.total + self.proof.total }
    }
}

/// Done of total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ratio {
    /// Done.
    pub done: u64,
    /// Of so many.
    pub total: u64,
}

impl Ratio {
    /// Percent, never 100 before all is done, never above.
    pub fn percent(self) -> f64 {
        if self.total == 0 {
            return 0.0;
        }
        let percent = (self.done as f64 / self.total as f64 * 100.0).clamp(0.0, 100.0);
        if self.done < self.total { percent.min(99.9) } else { percent }
    }
}

/// How far one table is that is being worked on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableProgress {
    /// Its database.
    pub database: String,
    /// Its name, for people.
    pub table: String,
    /// What is done with it: "rows", "index orders_pkey".
    pub doing: String,
    /// Bytes.
    pub bytes: Ratio,
    /// Rows done.
    pub rows: u64,
    /// Sessions at work on it.
    pub workers: u32,
}

/// How far a job is. One sample replaces the one before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// What it is doing.
    pub phase: Phase,
    /// Row bytes; the total of a backup is an estimate until all tables are read. Those of a restore that is proven pass twice: they are
    /// brought and read back.
    pub bytes: Ratio,
    /// Whether the total is an estimate.
    pub estimated: bool,
    /// Rows done.
    pub rows: u64,
    /// Bytes written to the archive.
    pub written: u64,
    /// Memory held for rows in flight.
    pub memory: u64,
    /// The budget for it.
    pub memory_limit: u64,
    /// Every database of the job, in the plan's order.
    pub databases: Vec<DatabaseProgress>,
    /// Tables at work now; at most a few for each session.
    pub active: Vec<TableProgress>,
    /// What is waited for, if anything: "a lock on public.orders, 17 s of 60 s".
    pub waiting: Option<String>,
    /// Every wait for a lock that has lasted, with who is in the way; the longest first.
    #[serde(default)]
    pub waits: Vec<Wait>,
}

/// How a check of an archive came out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Damage {
    /// The entry, where one can be named.
    pub entry: Option<String>,
    /// The offset in the file, in bytes.
    pub offset: Option<u64>,
    /// What was expected and found.
    pub what: String,
}

/// What differs between the backup and what was restored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The database.
    pub database: String,
    /// The object: "table public.orders".
    pub object: String,
    /// In the backup.
    pub expected: String,
    /// In the restored database.
    pub found: String,
}

/// What a proof looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Tables whose rows and fingerprints are equal.
    pub tables: u64,
    /// Rows in them.
    pub rows: u64,
    /// Other objects compared: indexes, constraints, sequences, …
    pub objects: u64,
    /// Sequences and identity columns that the write probe looked at.
    pub probed: u64,
    /// What differs; empty is success.
    pub differences: Vec<Difference>,
}

/// How one database ended.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DatabaseOutcome {
    /// Its name.
    pub name: String,
    /// Tables.
    pub tables: u64,
    /// Rows.
    pub rows: u64,
    /// Row bytes.
    pub bytes: Bytes,
    /// Why it failed, if it did.
    pub fault: Option<Fault>,
    /// How many of its objects were made, failed and were skipped (restore).
    #[serde(default)]
    pub objects: Tally,
    /// Objects that failed; at most [`LISTED`], the failure list has all.
    #[serde(default)]
    pub failures: Vec<Missing>,
    /// Objects that were skipped because they need one that failed; at most [`LISTED`].
    #[serde(default)]
    pub skipped: Vec<Missing>,
    /// What became of it after it failed.
    #[serde(default)]
    pub fate: Fate,
}

/// How many objects a summary lists of each database: enough to look at, small enough for a screen's memory and a line of JSON.
pub const LISTED: usize = 1000;

/// How much of what was wanted is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything.
    Complete,
    /// Some of it.
    Partial,
    /// Nothing.
    Nothing,
}

/// How a job ended, when it came to its end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The archives written (or read).
    pub archives: Vec<PathBuf>,
    /// Size of the archive files.
    pub archive_bytes: Bytes,
    /// Row bytes before compression.
    pub row_bytes: Bytes,
    /// Rows.
    pub rows: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// Each database.
    pub databases: Vec<DatabaseOutcome>,
    /// "full": what was verified, if anything.
    pub verified: Option<String>,
    /// What the proof found.
    pub proof: Option<Proof>,
    /// The databases of a restore test.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Tried>,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// What else there is to say, and is no reason to worry: rows by table, what was temporary.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Why something is missing, the cause with the most consequences first (restore).
    #[serde(default)]
    pub causes: Vec<Cause>,
    /// Roles and tablespaces that failed (restore of a cluster).
    #[serde(default)]
    pub globals: Vec<Missing>,
    /// The file that lists every failure.
    #[serde(default)]
    pub failure_list: Option<PathBuf>,
    /// What to do once the causes are cured.
    #[serde(default)]
    pub then: Option<Step>,
    /// The manifest from which a restore can be gone on with, where something is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<PathBuf>,
}

/// A database that was restored for a trial, proven equal and dropped again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// The archive.
    pub archive: PathBuf,
    /// Its name there.
    pub name: String,
    /// Tables, rows and other objects that were found equal.
    pub tables: u64,
    /// Rows.
    pub rows: u64,
    /// Indexes, constraints, sequences, …
    pub objects: u64,
    /// How long restore and proof took, in milliseconds.
    pub took_ms: u64,
}

impl Summary {
    /// How much of what was wanted is there.
    pub fn verdict(&self) -> Verdict {
        let differs = self.proof.as_ref().is_some_and(|proof| !proof.differences.is_empty());
        let nothing = |one: &DatabaseOutcome| one.fault.as_ref().is_some_and(|fault| fault.code != Code::Partial);
        if !self.databases.is_empty() && !differs && self.databases.iter().all(nothing) {
            Verdict::Nothing
        } else if differs || self.failed().next().is_some() || !self.globals.is_empty() {
            Verdict::Partial
        } else {
            Verdict::Complete
        }
    }

    /// All objects together.
    pub fn objects(&self) -> Tally {
        self.databases.iter().map(|one| one.objects).fold(Tally::default(), Tally::and)
    }

    /// The databases that failed.
    pub fn failed(&self) -> impl Iterator<Item = &DatabaseOutcome> {
        self.databases.iter().filter(|database| database.fault.is_some())
    }
}

/// What a cancelled job left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leftovers {
    /// One line for each thing: "database shop2, partly restored". Empty: nothing is left.
    pub things: Vec<String>,
    /// The manifest from which a restore can be gone on with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<PathBuf>,
}

/// Where a job is in its life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobState {
    /// Admitted, not begun.
    Queued,
    /// At work.
    Running(Box<Progress>),
    /// Told to stop, not yet stopped.
    Stopping(Box<Progress>),
    /// Came to its end, maybe with warnings or failed databases.
    Finished(Box<Summary>),
    /// Failed as a whole.
    Failed(Fault),
    /// Stopped on request.
    Cancelled(Leftovers),
}

impl JobState {
    /// The manifest from which a restore that is over can be gone on with.
    pub fn manifest(&self) -> Option<PathBuf> {
        match self {
            JobState::Finished(summary) => summary.manifest.clone(),
            JobState::Failed(fault) => fault.context.iter().find(|(name, _)| name == "Manifest").map(|(_, path)| path.into()),
            JobState::Cancelled(left) => left.manifest.clone(),
            JobState::Queued | JobState::Running(_) | JobState::Stopping(_) => None,
        }
    }

    /// Whether nothing more will come.
    pub const fn is_over(&self) -> bool {
        matches!(self, JobState::Finished(_) | JobState::Failed(_) | JobState::Cancelled(_))
    }
}
