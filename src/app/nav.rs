//! Where the person is, and the way back.

use super::action::ScreenId;
use crate::domain::job::JobId;

/// A place that can be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Servers and what to do next.
    Home,
    /// Databases and options of a backup.
    Backup,
    /// Archives to restore from.
    Restore,
    /// What is in an archive.
    Contents,
    /// What is restored to where.
    Target,
    /// What a job would do.
    Plan,
    /// The jobs.
    Jobs,
    /// One of them.
    Job(JobId),
    /// One database of it.
    Database(JobId, String),
    /// The archives.
    Archives,
    /// What can be recovered, along a timeline.
    Pitr,
    /// What is recovered to where.
    Recover,
    /// The archive of the log in figures.
    Wal,
    /// What state host and server are in.
    Diagnostics,
    /// The reports that were kept.
    Reports,
    /// What jobs said.
    Log,
    /// Settings.
    Settings,
}

impl From<ScreenId> for Place {
    fn from(screen: ScreenId) -> Self {
        match screen {
            ScreenId::Home => Place::Home,
            ScreenId::Backup => Place::Backup,
            ScreenId::Restore => Place::Restore,
            ScreenId::Jobs => Place::Jobs,
            ScreenId::Archives => Place::Archives,
            ScreenId::Pitr => Place::Pitr,
            ScreenId::Wal => Place::Wal,
            ScreenId::Diagnostics => Place::Diagnostics,
            ScreenId::Log => Place::Log,
            ScreenId::Settings => Place::Settings,
        }
    }
}

/// The way from a screen to where the person is; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nav {
    root: Place,
    deeper: Vec<Place>,
}

impl Nav {
    /// At a place, with nothing before it.
    pub const fn at(root: Place) -> Self {
        Self { root, deeper: Vec::new() }
    }

    /// Where the person is.
    pub fn place(&self) -> &Place {
        self.deeper.last().unwrap_or(&self.root)
    }

    /// The screen's tab.
    pub const fn tab(&self) -> ScreenId {
        match &self.root {
            Place::Home => ScreenId::Home,
            Place::Backup | Place::Plan => ScreenId::Backup,
            Place::Restore | Place::Contents | Place::Target => ScreenId::Restore,
            Place::Jobs | Place::Job(_) | Place::Database(..) => ScreenId::Jobs,
            Place::Archives => ScreenId::Archives,
            Place::Pitr | Place::Recover => ScreenId::Pitr,
            Place::Wal => ScreenId::Wal,
            Place::Diagnostics | Place::Reports => ScreenId::Diagnostics,
            Place::Log => ScreenId::Log,
            Place::Settings => ScreenId::Settings,
        }
    }

    /// One level deeper. The way never gets longer than eight places: the same place is not entered twice in a row.
    pub fn enter(&mut self, place: Place) {
        if *self.place() != place {
            self.deeper.push(place);
            if self.deeper.len() > 8 {
                self.deeper.remove(0);
            }
        }
    }

    /// One level back; says whether there was one.
    pub fn back(&mut self) -> bool {
        if self.deeper.pop().is_some() {
            true
        } else if self.root != Place::Home {
            self.root = Place::Home;
            true
        } else {
            false
        }
    }

    /// The way below the screen is a dead end.
    pub const fn is_root(&self) -> bool {
        self.deeper.is_empty()
    }
}
