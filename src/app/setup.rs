//! What the application is started with.

use super::screens::settings::SettingView;
use crate::domain::Connection;
use crate::domain::codec::Compression;
use crate::domain::spec::{Effort, JobSpec, NameTime, VerifyMode};
use std::path::PathBuf;

/// Facts and defaults from configuration and command line.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// Servers, the chosen one first.
    pub connections: Vec<Connection>,
    /// The backup folder.
    pub dir: PathBuf,
    /// Defaults of a backup.
    pub compression: Compression,
    /// Defaults of every job.
    pub effort: Effort,
    /// What is checked after a backup.
    pub verify: VerifyMode,
    /// The time in file names.
    pub name_time: NameTime,
    /// Who looks on.
    pub mode: Mode,
    /// A job from the command line, to be planned and started at once.
    pub job: Option<JobSpec>,
    /// `--dry-run`: stop at the plan.
    pub dry_run: bool,
    /// `--confirm NAME`.
    pub confirm: Option<String>,
    /// All settings with what holds.
    pub settings: Vec<SettingView>,
    /// The file that settings are saved to; none where the user has no home.
    pub settings_file: Option<PathBuf>,
    /// Whether the terminal has a clipboard that can be written.
    pub clipboard: Clipboard,
}

/// What becomes of a text that is copied. A terminal says nothing in return, so that the text is always shown as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clipboard {
    /// It is sent to the terminal (OSC 52).
    #[default]
    Terminal,
    /// The terminal is known to have none.
    None,
}

/// Who looks on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A person at a terminal, who opened the application.
    Interactive,
    /// A person at a terminal, who gave a command: the screen is left when its job ends.
    Command,
    /// Nobody: a confirmation that was not given is an error.
    Batch,
}
