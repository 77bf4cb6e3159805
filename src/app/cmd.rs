//! What the application asks of the world. Plain data, so that tests compare it.

use crate::domain::diagnosis::Diagnosis;
use crate::domain::job::JobId;
use crate::domain::password::Password;
use crate::domain::plan::Confirmed;
use crate::domain::spec::JobSpec;
use crate::domain::wait::{Blocker, Ending};
use crate::domain::wal::{Cleanup, Switch};
use crate::domain::{Connection, Fault};
use std::path::PathBuf;

/// Numbers a question, so that an answer that comes too late is known as such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReqId(pub u64);

/// Something to be done outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Cmd {
    /// Find out what a job would do; answered by [`super::msg::Reply::Plan`].
    Plan(ReqId, Box<JobSpec>),
    /// Nobody waits for this plan any more.
    Abandon(ReqId),
    /// Start a job; its events come as [`super::msg::Msg::Engine`].
    Start(JobId, Box<Confirmed>),
    /// Cancel a job.
    Cancel(JobId),
    /// Fetch something; answered by [`super::msg::Msg::Done`].
    Fetch(ReqId, Query),
    /// Put a text on the clipboard of the terminal (OSC 52).
    Copy(String),
    /// Show everything in a theme from now on.
    Theme(String),
    /// Stop the process like Ctrl-Z does; go on when continued.
    Suspend,
    /// Paint everything anew.
    Redraw,
    /// Write the debug log now; answered by [`super::msg::Reply::Saved`].
    SaveDebugLog(ReqId),
    /// Leave, with the exit code and what is to be printed on the normal screen.
    Quit,
}

/// A question.
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    /// A server's facts and databases.
    Server(Box<Connection>),
    /// The same, with a password that was just typed, which is used for this server from now on.
    Login(Box<Connection>, Password),
    /// The archives in a folder.
    Archives(PathBuf),
    /// What is in an archive.
    Contents(PathBuf),
    /// What can be recovered: the server, the folder of base backups, and that of the archived log where it is known.
    Recovery(Option<Box<Connection>>, PathBuf, Option<PathBuf>),
    /// The same of a server of MySQL or MariaDB: the server, the folder of backups, and that of the archived binary log.
    Binlog(Option<Box<Connection>>, PathBuf, PathBuf),
    /// Take away what of an archive of the log nobody needs (already confirmed).
    CleanLog(Box<Cleanup>),
    /// Switch the archiving of a server's log on or off (already confirmed).
    SwitchArchiving(Box<Connection>, Box<Switch>),
    /// Delete an archive with its side files (already confirmed).
    Delete(PathBuf),
    /// Save a setting, or take it out, in the user's file.
    Save(&'static str, Option<String>),
    /// What state a server and a folder of backups are in, and why something failed.
    Diagnose(Option<Box<Connection>>, PathBuf, Option<Fault>),
    /// The reports that were kept about a folder of backups.
    Reports(PathBuf),
    /// One of them.
    Report(PathBuf),
    /// Keep a report about a folder of backups.
    KeepReport(PathBuf, Box<Diagnosis>),
    /// End a session on a server that is in a job's way, or what it runs (already confirmed).
    EndSession(Box<Connection>, Box<Blocker>, Ending),
}
