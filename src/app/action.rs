//! The verbs: what keys, command line, tests and scripts can ask for.

use crate::domain::spec::JobSpec;
use crate::domain::wait::Ending;
use serde::{Deserialize, Serialize};

/// A screen with a tab of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScreenId {
    /// Servers, ages, what to do next.
    Home,
    /// Make a backup.
    Backup,
    /// Restore from one.
    Restore,
    /// Jobs of this run.
    Jobs,
    /// The archives in the folder.
    Archives,
    /// What can be recovered, along a timeline.
    Pitr,
    /// The archive of the log in figures.
    Wal,
    /// What state host and server are in.
    Diagnostics,
    /// What jobs said.
    Log,
    /// Settings. Has a key and no tab.
    Settings,
}

impl ScreenId {
    /// Those with a tab, in the order of their tabs and digits.
    pub const ALL: [ScreenId; 9] = [
        ScreenId::Home,
        ScreenId::Backup,
        ScreenId::Restore,
        ScreenId::Jobs,
        ScreenId::Archives,
        ScreenId::Pitr,
        ScreenId::Wal,
        ScreenId::Diagnostics,
        ScreenId::Log,
    ];

    /// The key that opens it.
    pub const fn digit(self) -> char {
        match self {
            ScreenId::Home => '1',
            ScreenId::Backup => '2',
            ScreenId::Restore => '3',
            ScreenId::Jobs => '4',
            ScreenId::Archives => '5',
            ScreenId::Pitr => '6',
            ScreenId::Wal => '7',
            ScreenId::Diagnostics => '8',
            ScreenId::Log => '9',
            ScreenId::Settings => ',',
        }
    }

    /// The word on the tab.
    pub const fn title(self) -> &'static str {
        match self {
            ScreenId::Home => "Home",
            ScreenId::Backup => "Backup",
            ScreenId::Restore => "Restore",
            ScreenId::Jobs => "Jobs",
            ScreenId::Archives => "Archives",
            ScreenId::Pitr => "PITR",
            ScreenId::Wal => "WAL",
            ScreenId::Diagnostics => "Diagnostics",
            ScreenId::Log => "Log",
            ScreenId::Settings => "Settings",
        }
    }
}

/// A movement of the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Motion {
    /// One line up.
    Up,
    /// One line down.
    Down,
    /// One page up.
    PageUp,
    /// One page down.
    PageDown,
    /// To the first line.
    First,
    /// To the last line.
    Last,
}

/// A direction in which a value or a column changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Toward {
    /// Down, left, to the one before.
    Previous,
    /// Up, right, to the one after.
    Next,
}

/// Something a person can ask for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Plan a job, and start it when nothing is in the way.
    Submit(Box<JobSpec>),
    /// Say something to whoever looks on, such as a theme that cannot be read.
    Notice(String),
    /// Leave; asks when jobs run.
    Quit,
    /// What Ctrl-C does: cancel the job in sight, or leave.
    Interrupt,
    /// Stop the process as Ctrl-Z does.
    Suspend,
    /// Paint everything anew.
    Redraw,
    /// Help for this screen; once more: all keys.
    Help,
    /// One level back.
    Back,
    /// Show a screen.
    Screen(ScreenId),
    /// Move the cursor.
    Move(Motion),
    /// Change the value under the cursor, fold or unfold.
    Change(Toward),
    /// To another part of the screen.
    Part(Toward),
    /// Open what is under the cursor, or go on to the next step.
    Enter,
    /// Mark what is under the cursor, or flip it.
    Mark,
    /// Mark everything, or nothing.
    MarkAll,
    /// Narrow the list.
    Filter,
    /// Ask the server and the folder again.
    Refresh,
    /// Type the password that the server under the cursor asks for.
    Login,
    /// Show the command line that does the same, and copy it.
    CopyCommand,
    /// Show the plan without starting.
    DryRun,
    /// Go on with a backup of all databases and globals.
    WholeCluster,
    /// Cancel the job in sight.
    CancelJob,
    /// Go on with the restore in sight that was interrupted.
    Resume,
    /// Choose the next session that is in the job's way.
    NextBlocker,
    /// End the session in the job's way that is chosen, or what it runs; asks.
    EndBlocker(Ending),
    /// Show the log of the job in sight.
    ShowLog,
    /// Hold the picture still, or let it go on.
    Freeze,
    /// Show the error in full.
    ShowError,
    /// Sort by another column.
    Sort(Toward),
    /// Turn the order around.
    Reverse,
    /// Verify the archives that are marked, or the one under the cursor.
    Verify,
    /// Restore them into throw-away databases, prove these and drop them.
    RestoreTest,
    /// Show what is in the archive.
    Inside,
    /// Restore from the archive.
    RestoreThis,
    /// Delete archives; asks.
    Delete,
    /// Follow the log, or hold still.
    Follow,
    /// Show only weightier lines.
    Level,
    /// Show what is known of why the job in sight failed.
    Diagnose,
    /// Read the archived log that the recovery under the cursor needs, or all of it.
    CheckLog,
    /// Copy the commands that cure the finding under the cursor.
    CopyFix,
    /// Write the report that is shown beside the backups.
    KeepReport,
    /// Show the reports that were kept.
    PastReports,
    /// To the next line that holds what is searched for.
    Match(Toward),
    /// Show only the lines that hold what is searched for, or all.
    OnlyMatches,
    /// Break long lines, or cut them.
    Wrap,
    /// Write what helps to find out what went wrong into a file.
    SaveDebugLog,
    /// Move by less than a column.
    Finer(Toward),
    /// Go to the next place on the timeline that matters.
    Jump(Toward),
    /// Draw less time in more detail, or more.
    Zoom(Toward),
    /// Type a moment.
    TypeMoment,
    /// Make a base backup of the whole server.
    BaseBackup,
    /// Choose from all that can be done.
    Palette,
    /// Take a setting out of the user's file.
    Unset,
    /// Say yes to the question that is shown.
    Accept,
}
