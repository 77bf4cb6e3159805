//! Switching the archiving of a server's log on or off, decided before anything is touched.

use super::SegmentSize;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A setting about archiving that can be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArchivingSetting {
    /// `wal_level`.
    WalLevel,
    /// `archive_mode`.
    ArchiveMode,
    /// `archive_command`.
    ArchiveCommand,
    /// `archive_timeout`.
    ArchiveTimeout,
}

impl ArchivingSetting {
    /// Its name on the server.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WalLevel => "wal_level",
            Self::ArchiveMode => "archive_mode",
            Self::ArchiveCommand => "archive_command",
            Self::ArchiveTimeout => "archive_timeout",
        }
    }

    /// Whether it holds only after a restart (PostgreSQL, `guc_tables.c`: `PGC_POSTMASTER`).
    pub const fn needs_restart(self) -> bool {
        matches!(self, Self::WalLevel | Self::ArchiveMode)
    }
}

/// Which way archiving is switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// On.
    On,
    /// Off.
    Off,
}

/// A setting that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingChange {
    /// Which.
    pub setting: ArchivingSetting,
    /// What it is now, without secrets.
    pub from: String,
    /// What it will be; none: what the server's configuration file says.
    pub to: Option<String>,
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It is as it should be.
    Good,
    /// It could not be found out from here.
    NotTested,
    /// It is asked when the change is made, before the server is touched.
    Later,
}

/// A question about what is changed, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchCheck {
    /// What came of it.
    pub answer: Answer,
    /// In words.
    pub text: String,
}

/// The archive's folder, where it is on this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchiveFolder {
    /// Where.
    pub dir: PathBuf,
    /// Whose it is to be: the cluster's system identifier.
    pub system_identifier: u64,
    /// The size of its segments.
    pub segment_size: SegmentSize,
    /// The server's user on this host: number and group.
    pub owner: (u32, u32),
    /// Whether the command can be run as that user from here.
    pub can_test: bool,
}

/// What is changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// Which way.
    pub direction: Direction,
    /// The server, for people.
    pub server: String,
    /// The settings that change, in the order in which they are.
    pub changes: Vec<SettingChange>,
    /// The folder, where it is on this host.
    pub folder: Option<ArchiveFolder>,
    /// The questions that were asked.
    pub checks: Vec<SwitchCheck>,
    /// Settings that hold only after a restart, those among them that were changed before.
    pub restart: Vec<String>,
    /// What else is to be known, one line each.
    pub notes: Vec<String>,
}
