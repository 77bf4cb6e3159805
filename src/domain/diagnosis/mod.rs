//! What was found out about host and server, by itself or because something failed: plain data, kept as JSON beside the backups.
//!
//! Knows no way to find anything out, and no rule about what it means: those are the engine's. Every fact may be missing, and says why.

pub mod gauge;
pub mod host;
pub mod mysql;
pub mod server;
pub mod text;

use super::fault::{Category, Severity, Step};
use super::{Code, Fault, Stamp};
pub use gauge::{Gauge, Level};
pub use host::{Disk, Files, GroupLimit, HostFacts, Load, Memory, Usage};
use serde::{Deserialize, Serialize};
pub use server::{About, Archiver, Hop, HopStep, Locks, OpenTransaction, ServerFacts, Slot};
use std::path::PathBuf;

/// The version of the report's JSON: raised when a field changes its meaning or goes.
pub const FORMAT: u32 = 1;

/// Something that was asked for: known, or not, and why not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact<T> {
    /// It is this.
    Known(T),
    /// Nobody could say, because of this.
    Unknown(String),
}

impl<T> Default for Fact<T> {
    fn default() -> Self {
        Fact::Unknown("not asked for".to_owned())
    }
}

impl<T> Fact<T> {
    /// The value, if it is known.
    pub const fn known(&self) -> Option<&T> {
        match self {
            Fact::Known(value) => Some(value),
            Fact::Unknown(_) => None,
        }
    }

    /// Why it is not known.
    pub fn why(&self) -> Option<&str> {
        match self {
            Fact::Known(_) => None,
            Fact::Unknown(why) => Some(why),
        }
    }

    /// A fact from a result.
    pub fn of<E: std::fmt::Display>(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Fact::Known(value),
            Err(error) => Fact::Unknown(error.to_string()),
        }
    }
}

/// The report. What an older one does not have is not known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Diagnosis {
    /// See [`FORMAT`].
    pub version: u32,
    /// The version of dbbackup that made it.
    pub tool: String,
    /// When it was made, in milliseconds since 1970.
    pub generated_ms: Stamp,
    /// The same for people, in the host's own time: `2026-01-30 18:15:03 CET`.
    pub generated: String,
    /// How long it took to find everything out, in milliseconds.
    pub took_ms: u64,
    /// Why it was made.
    pub occasion: Occasion,
    /// What failed. A report on demand has one when the server is not reached.
    pub error: Option<Trouble>,
    /// Why, as far as error and environment together say.
    pub root_cause: Option<RootCause>,
    /// The host on which dbbackup runs.
    pub host: HostFacts,
    /// The server; none where no server is involved.
    pub server: Option<ServerFacts>,
    /// What wants attention, the worst first.
    pub findings: Vec<Finding>,
}

/// Why a report is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// Something failed.
    #[default]
    Failure,
    /// Somebody asked.
    Demand,
}

/// An error as the report names it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trouble {
    /// How bad.
    pub error_type: Severity,
    /// What kind of trouble.
    pub category: Category,
    /// The kind of failure.
    pub code: Code,
    /// What was said.
    pub message: String,
    /// The server's SQLSTATE.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sqlstate: Option<String>,
    /// Where it happened: ("Database", "shop").
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub context: Vec<(String, String)>,
    /// How to fix it, as far as the error alone says.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub steps: Vec<Step>,
}

impl From<&Fault> for Trouble {
    fn from(fault: &Fault) -> Self {
        let message = match fault.causes.last() {
            Some(root) if *root != fault.what => format!("{}: {root}", fault.what),
            _ => fault.what.clone(),
        };
        Self {
            error_type: fault.code.severity(),
            category: fault.code.category(),
            code: fault.code,
            message,
            sqlstate: fault.sqlstate.clone(),
            context: fault.context.clone(),
            steps: fault.clone().cured().steps.clone(),
        }
    }
}

/// Why it failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RootCause {
    /// The rule that found it: `locks-capacity`.
    pub rule: String,
    /// In words.
    pub text: String,
    /// What speaks for it.
    pub evidence: Vec<String>,
    /// The one thing to do.
    pub action: String,
    /// How, step by step.
    pub steps: Vec<Step>,
}

/// Something that wants attention.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// What kind of trouble.
    pub category: Category,
    /// The failure that it leads to, or has led to.
    pub code: Option<Code>,
    /// What it is, on one line.
    pub title: String,
    /// What speaks for it, one line each.
    pub evidence: Vec<String>,
    /// What cures it.
    pub steps: Vec<Step>,
}

impl Finding {
    /// A finding without evidence and cure.
    pub fn new(severity: Severity, code: Code, title: impl Into<String>) -> Self {
        Self { severity, category: code.category(), code: Some(code), title: title.into(), evidence: Vec::new(), steps: Vec::new() }
    }

    /// Adds what speaks for it.
    #[must_use]
    pub fn shown_by(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    /// Adds a step of the cure, in words.
    #[must_use]
    pub fn step(mut self, text: impl Into<String>) -> Self {
        self.steps.push(Step::words(text));
        self
    }

    /// Adds a step of the cure with its command.
    #[must_use]
    pub fn step_run(mut self, text: impl Into<String>, command: impl Into<String>) -> Self {
        self.steps.push(Step::run(text, command));
        self
    }

    /// The commands of the cure, one a line; none where there is only advice.
    pub fn commands(&self) -> Option<String> {
        let commands: Vec<&str> = self.steps.iter().filter_map(|step| step.command.as_deref()).collect();
        if commands.is_empty() { None } else { Some(commands.join("\n")) }
    }
}

/// A report that was kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptReport {
    /// Its file.
    pub path: PathBuf,
    /// When it was made, as its name says: `2026-01-30 18:15:03`.
    pub stamp: String,
    /// What failed and why, in a few words; or why the file cannot be read.
    pub about: Result<String, String>,
    /// The code of what failed.
    pub code: Option<Code>,
}

impl Diagnosis {
    /// What a screen lists: the root cause as the first, or the error with its own cure where the environment explains nothing, then what
    /// was found.
    pub fn shown(&self) -> Vec<Finding> {
        let first = match (&self.root_cause, &self.error) {
            (Some(cause), error) => Some(Finding {
                severity: error.as_ref().map_or(Severity::Critical, |error| error.error_type),
                category: error.as_ref().map_or(Category::Internal, |error| error.category),
                code: error.as_ref().map(|error| error.code),
                title: cause.text.clone(),
                evidence: cause.evidence.clone(),
                steps: cause.steps.clone(),
            }),
            (None, Some(error)) => Some(Finding {
                severity: error.error_type,
                category: error.category,
                code: Some(error.code),
                title: "nothing in the environment explains it; what cures this kind of failure:".to_owned(),
                evidence: error.message.lines().map(str::to_owned).collect(),
                steps: error.steps.clone(),
            }),
            (None, None) => None,
        };
        first.into_iter().chain(self.findings.iter().cloned()).collect()
    }

    /// The worst of what was found.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// What failed and why, in a few words: for lists.
    pub fn about(&self) -> String {
        match (&self.error, &self.root_cause, self.findings.first()) {
            (Some(_), Some(cause), _) => cause.text.clone(),
            (Some(error), None, _) => error.message.clone(),
            (None, _, Some(finding)) => finding.title.clone(),
            (None, _, None) => "nothing was wrong".to_owned(),
        }
    }
}
