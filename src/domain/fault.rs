//! The one error type that crosses a room's border: what failed, on what, why, and what cures it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Deref, DerefMut};

/// When trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Retry {
    /// The same call fails again.
    Never,
    /// After something changed, or some time passed.
    Later,
    /// At once.
    Now,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident, $text:literal, $exit:literal, $retry:ident, $title:literal;)*) => {
        /// Every kind of failure there is. The name is stable: scripts and documentation refer to it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Code { $($(#[doc = $doc])* #[serde(rename = $text)] $name,)* }

        impl Code {
            /// All codes, in the order of the table.
            pub const ALL: &'static [Code] = &[$(Code::$name),*];

            /// The stable name: `AUTH_FAILED`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text),* }
            }

            /// The process's exit code when this ends a run (docs: exit codes).
            pub const fn exit(self) -> u8 {
                match self { $(Code::$name => $exit),* }
            }

            /// Whether trying again can help.
            pub const fn retry(self) -> Retry {
                match self { $(Code::$name => Retry::$retry),* }
            }

            /// A few words for people: "authentication failed".
            pub const fn title(self) -> &'static str {
                match self { $(Code::$name => $title),* }
            }
        }
    };
}

codes! {
    /// A flag or argument is wrong or missing.
    Usage, "USAGE", 64, Never, "wrong usage";
    /// A destructive step was not confirmed by its target's name.
    NotConfirmed, "NOT_CONFIRMED", 64, Never, "not confirmed";
    /// The archive is damaged.
    CorruptedBackup, "CORRUPTED_BACKUP", 65, Never, "the backup is damaged";
    /// The file ends too early.
    TruncatedBackup, "TRUNCATED_BACKUP", 65, Never, "the backup is cut off";
    /// The file is not one of our archives.
    ForeignFile, "FOREIGN_FILE", 65, Never, "not a dbbackup archive";
    /// An archive of a format that this version does not know.
    FormatTooNew, "FORMAT_TOO_NEW", 65, Never, "the archive needs a newer dbbackup";
    /// What was restored is not what was backed up.
    ProofFailed, "PROOF_FAILED", 65, Never, "the restored data differ";
    /// A backup file does not exist.
    FileMissing, "FILE_MISSING", 66, Never, "no such file";
    /// A database does not exist.
    DatabaseMissing, "DATABASE_MISSING", 66, Never, "no such database";
    /// A table, schema or database is not in the archive.
    NotInArchive, "NOT_IN_ARCHIVE", 66, Never, "not in the archive";
    /// Nothing listens there.
    ConnectionRefused, "CONNECTION_REFUSED", 69, Later, "connection refused";
    /// The name cannot be resolved, or no route leads there.
    HostUnknown, "HOST_UNKNOWN", 69, Later, "host not reachable";
    /// No answer within the time limit.
    ConnectTimeout, "CONNECT_TIMEOUT", 69, Later, "no answer from the server";
    /// TLS could not be agreed on or the certificate is not trusted.
    TlsFailed, "TLS_FAILED", 69, Never, "TLS failed";
    /// All connection slots are taken.
    TooManyConnections, "TOO_MANY_CONNECTIONS", 69, Later, "too many connections";
    /// The server is starting, stopping, recovering, or went away while we worked.
    ServerUnavailable, "SERVER_UNAVAILABLE", 69, Later, "the server is not available";
    /// A program that we need is not installed or too old.
    ToolMissing, "TOOL_MISSING", 69, Never, "a tool is missing";
    /// A server of a version that we do not know.
    VersionUnsupported, "VERSION_UNSUPPORTED", 69, Never, "unsupported server version";
    /// A connection pooler gives us no session that lasts, or keeps what we set in it.
    PoolerMode, "POOLER_MODE", 69, Never, "a connection pooler is in the way";
    /// A bug of ours.
    Internal, "INTERNAL", 70, Never, "internal error";
    /// The backup folder is missing, read-only or not a folder.
    OutputUnwritable, "OUTPUT_UNWRITABLE", 73, Never, "cannot write there";
    /// A file of that name exists.
    OutputExists, "OUTPUT_EXISTS", 73, Never, "the file exists";
    /// No space left, on our side.
    DiskFull, "DISK_FULL", 74, Later, "disk full";
    /// No space left, on the server's side.
    ServerDiskFull, "SERVER_DISK_FULL", 74, Later, "the server's disk is full";
    /// Reading or writing failed.
    Io, "IO_ERROR", 74, Later, "input/output error";
    /// A lock was not granted in time.
    LockTimeout, "LOCK_TIMEOUT", 75, Now, "lock not granted";
    /// The server's lock table is full.
    LockTableFull, "LOCK_TABLE_FULL", 75, Later, "the server's lock table is full";
    /// Deadlock, serialization failure, or another conflict that passes.
    Conflict, "CONFLICT", 75, Now, "conflict with another session";
    /// Another run works in the same folder.
    AnotherRun, "ANOTHER_RUN", 75, Later, "another run is active";
    /// Wrong password or no rule that lets us in.
    AuthFailed, "AUTH_FAILED", 77, Never, "authentication error";
    /// The role may not do that.
    PermissionDenied, "PERMISSION_DENIED", 77, Never, "permission denied";
    /// File permissions are in the way, or too open for a secret.
    FilePermission, "FILE_PERMISSION", 77, Never, "file permission";
    /// The configuration cannot be read or contradicts itself.
    Config, "CONFIG", 78, Never, "configuration error";
    /// Something cannot be read completely, so there would be no backup of it.
    Incomplete, "INCOMPLETE", 1, Never, "cannot be backed up completely";
    /// An object, type, extension, role or tablespace that is needed is not there.
    MissingObject, "MISSING_OBJECT", 1, Never, "something needed is missing";
    /// The target exists and holds something.
    TargetNotEmpty, "TARGET_NOT_EMPTY", 1, Never, "the target is not empty";
    /// An object exists already.
    DuplicateObject, "DUPLICATE_OBJECT", 1, Never, "the object exists";
    /// The server refused a statement for another reason.
    SqlFailed, "SQL_FAILED", 1, Never, "the server refused a statement";
    /// Some parts failed, others are done.
    Partial, "PARTIAL", 1, Never, "not everything is done";
    /// Stopped by Ctrl-C or from the screen.
    Cancelled, "CANCELLED", 130, Now, "cancelled";
    /// Stopped by SIGTERM or SIGHUP.
    Terminated, "TERMINATED", 143, Now, "terminated";
}

/// One step of the cure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What to do, in words.
    pub text: String,
    /// The command that does it, with real names filled in.
    pub command: Option<String>,
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
            what: what.into(),
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
        self.causes.push(cause.to_string());
        self
    }

    /// Adds an error with its whole source chain as causes.
    #[must_use]
    pub fn caused_by(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(error) = next {
            let text = error.to_string();
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
            self.context.push((name.to_owned(), value.to_string()));
        }
        self
    }

    /// Adds a step of the cure, in words.
    #[must_use]
    pub fn step(mut self, text: impl Into<String>) -> Self {
        self.steps.push(Step { text: text.into(), command: None });
        self
    }

    /// Adds a step of the cure with its command.
    #[must_use]
    pub fn step_run(mut self, text: impl Into<String>, command: impl Into<String>) -> Self {
        self.steps.push(Step { text: text.into(), command: Some(command.into()) });
        self
    }

    /// Keeps the statement that failed, shortened in the middle when it is long.
    #[must_use]
    pub fn with_statement(mut self, statement: &str) -> Self {
        const LIMIT: usize = 2000;
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
        let width = self.context.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0) + 1;
        for (name, value) in &self.context {
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
        out.push_str(&format!("\n  More: {}\n", self.anchor()));
        out
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
    fn names_are_unique_and_exit_codes_known() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            assert!([1, 64, 65, 66, 69, 70, 73, 74, 75, 77, 78, 130, 143].contains(&code.exit()), "{code:?}");
        }
    }

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
