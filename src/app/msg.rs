//! Everything that can happen to the application.

use super::cmd::ReqId;
use crate::domain::diagnosis::{Diagnosis, KeptReport};
use crate::domain::job::JobId;
use crate::domain::listing::{ArchiveContents, ArchiveSummary};
use crate::domain::plan::{Check, Plan};
use crate::domain::server::{DatabaseInfo, ServerInfo};
use crate::domain::{Fault, Stamp};
use crate::engine::event::Event;
use std::path::PathBuf;

/// An input of `update`; there is no other.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// A key was pressed.
    Key(Key),
    /// Text was pasted.
    Paste(String),
    /// The terminal has another size.
    Resize {
        /// Columns.
        cols: u16,
        /// Rows.
        rows: u16,
    },
    /// Time passed.
    Tick(Clock),
    /// Something is to be done: from the command line, a script, a test.
    Act(super::action::Action),
    /// A job said something.
    Engine(JobId, Event),
    /// So many log lines of jobs were dropped because we were slow.
    Lagged(u64),
    /// A check of a planning came out, or is being made.
    Checked(ReqId, Check),
    /// The answer to a question.
    Done(ReqId, Result<Reply, Fault>),
    /// The process is to end.
    Shutdown(Why),
}

/// The time, as data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Now.
    pub now: Stamp,
    /// The local zone's offset from UTC, in seconds.
    pub offset: i32,
    /// Its abbreviation: `CET`.
    pub zone: String,
    /// When the zone's offset changed before now, the last change first; each as it was before: until when, which offset, which abbreviation.
    pub earlier: Vec<(Stamp, i32, String)>,
}

impl Clock {
    /// The local zone's offset at a moment, in seconds, and its abbreviation: one that is before the last change to or from summer time
    /// has another.
    pub fn zone_at(&self, at: Stamp) -> (i32, &str) {
        let before = self.earlier.iter().rev().find(|(until, ..)| at < *until);
        before.map_or((self.offset, self.zone.as_str()), |(_, offset, zone)| (*offset, zone.as_str()))
    }
}

/// Why the process is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// SIGINT, when no key can say so (headless).
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGHUP: the terminal went away.
    Hangup,
}

/// Answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// To [`super::cmd::Cmd::Plan`].
    Plan(Box<Plan>),
    /// To [`super::cmd::Query::Server`].
    Server(Box<ServerInfo>, Vec<DatabaseInfo>),
    /// To [`super::cmd::Query::Archives`].
    Archives(Vec<ArchiveSummary>),
    /// To [`super::cmd::Query::Contents`].
    Contents(Box<ArchiveContents>),
    /// To [`super::cmd::Query::Recovery`].
    Recovery(Box<crate::domain::recovery::RecoveryReport>),
    /// The archive of a binary log and the backups from which it leads on.
    Binlog(Box<crate::domain::binlog::LogStanding>),
    /// To [`super::cmd::Query::CleanLog`]: how many files went, and their bytes.
    Cleaned(u64, crate::domain::Bytes),
    /// To [`super::cmd::Query::SwitchArchiving`]: what was found out on the way.
    Switched(Vec<crate::domain::wal::SwitchCheck>),
    /// To [`super::cmd::Query::Delete`].
    Deleted,
    /// To [`super::cmd::Query::Save`]: what holds now.
    Settings(Vec<super::screens::settings::SettingView>),
    /// To [`super::cmd::Query::Diagnose`] and [`super::cmd::Query::Report`].
    Diagnosis(Box<Diagnosis>),
    /// To [`super::cmd::Query::Reports`].
    Reports(Vec<KeptReport>),
    /// To [`super::cmd::Query::KeepReport`].
    Kept(PathBuf),
    /// To [`super::cmd::Query::EndSession`].
    Ended,
    /// To [`super::cmd::Cmd::SaveDebugLog`].
    Saved(PathBuf),
}

/// A key, free of any terminal library's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Which key.
    pub code: KeyCode,
    /// Control was held.
    pub ctrl: bool,
    /// Alt was held.
    pub alt: bool,
    /// Shift was held; never set for a [`KeyCode::Char`], whose case says it.
    pub shift: bool,
}

/// Which key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyCode {
    /// A character as typed.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Shift-Tab.
    BackTab,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// Up.
    Up,
    /// Down.
    Down,
    /// Left.
    Left,
    /// Right.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// F1 to F12.
    F(u8),
}
