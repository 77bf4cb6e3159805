//! The one error type that crosses a room's border: what failed, on what, why, and what cures it.

mod code;
mod pages;

use crate::domain::redact::redact;
pub use code::{Category, Code, Retry, Severity};
pub use pages::{Page, document, explain};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::ops::{Deref, DerefMut};

/// One step of the cure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What to do, in words.
    pub text: String,
    /// The command that does it, with real names filled in.
    pub command: Option<String>,
}

impl Step {
    /// A step in words.
    pub fn words(text: impl Into<String>) -> Self {
        Self { text: text.into(), command: None }
    }

    /// A step with its command.
    pub fn run(text: impl Into<String>, command: impl Into<String>) -> Self {
        Self { text: text.into(), command: Some(command.into()) }
    }
}

impl fmt::Display for Step {
    /// In one line: the words and the command.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.command {
            Some(command) => write!(f, "{} {command}", self.text),
            None => f.write_str(&self.text),
        }
    }
}

/// What a [`Fault`] holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Details {
    /// The kind of failure.
    pub code: Code,
    /// What was being done to which object: "cannot read table public.orders".
    pub what: String,
    /// Facts that place it, in order: ("Database", "shop"), ("Host", "db01:5432").
    pub context: Vec<(String, String)>,
    /// Why, from the nearest cause to the root cause.
    pub causes: Vec<String>,
    /// How to fix it.
    pub steps: Vec<Step>,
    /// The server's SQLSTATE.
    pub sqlstate: Option<String>,
    /// The statement that failed.
    pub statement: Option<String>,
}

/// A failure. Small to pass around; the details are behind a pointer and reached by dereferencing.
///
/// What others say goes into it without passwords: servers, drivers and programs repeat what they were given, connection strings among it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fault(Box<Details>);

impl Deref for Fault {
    type Target = Details;
    fn deref(&self) -> &Details {
        &self.0
    }
}

impl DerefMut for Fault {
    fn deref_mut(&mut self) -> &mut Details {
        &mut self.0
    }
}

impl Fault {
    /// A failure of a kind, in words: what was being done to which object.
    pub fn new(code: Code, what: impl Into<String>) -> Self {
        Self(Box::new(Details {
            code,
            what: hidden(what.into()),
            context: Vec::new(),
            causes: Vec::new(),
            steps: Vec::new(),
            sqlstate: None,
            statement: None,
        }))
    }

    /// A bug of ours: something that cannot be, was.
    pub fn internal(what: impl Into<String>) -> Self {
        Self::new(Code::Internal, what)
    }

    /// Adds the next deeper cause.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.causes.push(hidden(cause.to_string()));
        self
    }

    /// Adds an error with its whole source chain as causes.
    #[must_use]
    pub fn caused_by(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = hidden(error.to_string());
            // Many libraries repeat their source in their own text.
            if self.causes.last().is_none_or(|last| !last.ends_with(&text)) {
                self.causes.push(text);
            }
            next = error.source();
        }
        self
    }

    /// Adds a fact that places the failure, unless one of that name is there.
    #[must_use]
    pub fn at(mut self, name: &str, value: impl fmt::Display) -> Self {
        if !self.context.iter().any(|(known, _)| known == name) {
            self.context.push((name.to_owned(), hidden(value.to_string())));
        }
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

    /// Keeps the statement that failed, shortened in the middle when it is long.
    #[must_use]
    pub fn with_statement(mut self, statement: &str) -> Self {
        const LIMIT: usize = 2000;
        let statement = &*redact(statement);
        self.statement = Some(if statement.chars().count() <= LIMIT {
            statement.to_owned()
        } else {
            let head: String = statement.chars().take(LIMIT / 2).collect();
            let tail: Vec<char> = statement.chars().rev().take(LIMIT / 4).collect();
            format!("{head} … {}", tail.into_iter().rev().collect::<String>())
        });
        self
    }

    /// Keeps the server's SQLSTATE.
    #[must_use]
    pub fn with_sqlstate(mut self, sqlstate: impl Into<String>) -> Self {
        self.sqlstate = Some(sqlstate.into());
        self
    }

    /// The same with the cure of its code, where it has none of its own.
    #[must_use]
    pub fn cured(mut self) -> Self {
        if self.steps.is_empty() {
            self.steps = self.code.page().steps(&self);
        }
        self
    }

    /// The name under which the context has the file of the report that was made of this failure.
    pub const REPORT: &'static str = "Report";

    /// The report that was made of this failure: a name beside the backups, or a path.
    pub fn report(&self) -> Option<&str> {
        self.context.iter().find(|(name, _)| name == Self::REPORT).map(|(_, report)| report.as_str())
    }

    /// The part of docs/troubleshooting.md that explains this code.
    pub fn anchor(&self) -> String {
        format!("docs/troubleshooting.md#{}", self.code.as_str().to_ascii_lowercase())
    }

    /// The root cause, or what failed when no cause is known.
    pub fn root_cause(&self) -> &str {
        self.causes.last().unwrap_or(&self.what)
    }

    /// The text for people, as docs/troubleshooting.md shows it; `headline` is "Restore failed".
    pub fn render(&self, headline: &str) -> String {
        let first = format!("[FAIL] {headline}: {}", self.code.title());
        let mut out = format!("{first:<65} {}\n", self.code.as_str());
        out.push_str(&format!("  {}\n", crate::domain::text::clean(&self.what)));
        let context = || self.context.iter().filter(|(name, _)| name != Self::REPORT);
        let width = context().map(|(name, _)| name.chars().count()).max().unwrap_or(0) + 1;
        for (name, value) in context() {
            out.push_str(&format!("  {:<width$} {}\n", format!("{name}:"), crate::domain::text::clean(value)));
        }
        if !self.causes.is_empty() {
            out.push('\n');
            for (at, cause) in self.causes.iter().rev().enumerate() {
                let label = if at == 0 { "Root cause:" } else { "  seen as: " };
                out.push_str(&format!("  {label} {}\n", crate::domain::text::clean(cause)));
            }
        }
        if let Some(sqlstate) = &self.sqlstate {
            out.push_str(&format!("  SQLSTATE:   {sqlstate}\n"));
        }
        if let Some(statement) = &self.statement {
            out.push_str("  Statement:\n");
            for line in statement.lines().take(12) {
                out.push_str(&format!("    {}\n", crate::domain::text::clean(line)));
            }
        }
        if !self.steps.is_empty() {
            out.push_str("\n  How to fix:\n");
            for (at, step) in self.steps.iter().enumerate() {
                out.push_str(&format!("    {}. {}\n", at + 1, crate::domain::text::clean(&step.text)));
                if let Some(command) = &step.command {
                    out.push_str(&format!("         {}\n", crate::domain::text::clean(command)));
                }
            }
        }
        let report = self.report().map(|report| format!("          Report: {}", crate::domain::text::clean(report)));
        out.push_str(&format!("\n  More: {}{}\n", self.anchor(), report.unwrap_or_default()));
        out
    }
}

/// The text without passwords, as it is where it has none.
fn hidden(text: String) -> String {
    match redact(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(hidden) => hidden,
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.what)?;
        match self.causes.last() {
            Some(root) => write!(f, ": {root}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_says_what_where_why_and_how() {
        let text = Fault::new(Code::AuthFailed, "cannot log in")
            .at("Host", "db01:5432")
            .because("password authentication failed for user \"dbbackup\u{1b}[31m\"")
            .step_run("Try it:", "psql -h db01")
            .render("Backup failed");
        assert!(text.contains("AUTH_FAILED") && text.contains("Host: db01:5432") && text.contains("1. Try it:"));
        assert!(!text.contains('\u{1b}'), "a server's text must not steer the terminal");
    }
}
