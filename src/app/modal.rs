//! Questions and explanations that stand before everything else.

use crate::domain::job::JobId;
use crate::domain::wait::{Blocker, Ending};
use crate::domain::{Connection, Fault};
use std::path::PathBuf;
use tui_input::Input;

/// How much of the keys is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Those of this screen.
    Here,
    /// All.
    All,
}

/// What was to be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The command line that does the same.
    Command,
    /// The commands that cure a finding.
    Fix,
}

/// What became of a text that was to be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copied {
    /// It was sent to the terminal.
    Sent,
    /// It is longer than terminals take.
    TooLong,
    /// The terminal has no clipboard.
    NoClipboard,
}

/// A text field whose text is not shown, not even by `Debug`.
#[derive(Clone, Default)]
pub struct Hidden(pub Input);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hidden")
    }
}

/// Something that has all keys while it is shown.
#[derive(Clone, Debug)]
pub enum Modal {
    /// Which keys do what.
    Help {
        /// How much.
        keys: Keys,
        /// Lines scrolled down.
        scroll: usize,
    },
    /// Whether to cancel a job.
    Cancel(JobId),
    /// Whether to end a session in a job's way.
    End {
        /// The job's server.
        connection: Box<Connection>,
        /// Who.
        blocker: Box<Blocker>,
        /// How.
        ending: Ending,
    },
    /// Whether to leave though jobs run.
    Quit,
    /// Whether to delete archives.
    Delete {
        /// Which ones.
        paths: Vec<PathBuf>,
        /// What was typed; wanted for several.
        typed: Input,
    },
    /// An error in full.
    Error {
        /// "Restore failed".
        headline: String,
        /// What.
        fault: Fault,
        /// What is not there because of it, one line each.
        missing: Vec<String>,
        /// Lines scrolled down.
        scroll: usize,
    },
    /// Something that was copied.
    Command {
        /// What it is.
        what: Wanted,
        /// Its lines.
        lines: Vec<String>,
        /// What became of it.
        copied: Copied,
    },
    /// What a server wants to know before it lets us in.
    Password {
        /// The server's place.
        server: usize,
        /// What is typed.
        typed: Hidden,
    },
    /// All that can be done, to choose from.
    Palette {
        /// What is typed.
        input: Input,
        /// The row of the cursor.
        at: usize,
    },
}

impl Modal {
    /// What must be typed before several archives are deleted.
    pub fn delete_word(paths: &[PathBuf]) -> Option<String> {
        if paths.len() > 1 { Some(format!("delete {}", paths.len())) } else { None }
    }
}
