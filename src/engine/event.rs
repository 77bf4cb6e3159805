//! What a job tells the outside while it runs. Plain data.

use crate::domain::fault::Fault;
use crate::domain::job::{Leftovers, Progress, Summary};
use crate::domain::plan::Check;
use crate::engine::restore::transition::Transition;
use serde::{Deserialize, Serialize};

/// How weighty a log line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For finding faults from afar.
    Debug,
    /// What happened.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
}

/// Something a job says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// It began to work.
    Started,
    /// How far it is. At most ten a second; only the last one counts.
    Progress(Box<Progress>),
    /// A check came out (pre-flight).
    Checked(Check),
    /// A line for the log.
    Log {
        /// How weighty.
        level: Level,
        /// The text, cleaned of control characters.
        text: String,
    },
    /// It came to its end.
    Finished(Box<Summary>),
    /// It failed as a whole.
    Failed(Fault),
    /// It was cancelled.
    Cancelled(Leftovers),
}

/// Which lane of the bus an event takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Never lost.
    Control,
    /// Only the last one counts.
    Progress,
    /// The oldest goes first.
    Telemetry,
}

impl Event {
    /// The lane: a property of the event, not of who posts it.
    pub const fn lane(&self) -> Lane {
        match self {
            Event::Started | Event::Finished(_) | Event::Failed(_) | Event::Cancelled(_) | Event::Checked(_) => Lane::Control,
            Event::Progress(_) => Lane::Progress,
            Event::Log { .. } => Lane::Telemetry,
        }
    }
}

/// Something of somebody's that a job is about to destroy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destruction {
    /// A database of this name is dropped.
    Database(String),
}

/// Takes a job's events. Never blocks, never waits.
pub trait EventSink: Send + Sync {
    /// Takes one.
    fn post(&self, event: Event);

    /// A restore has just taken a step. Most listeners do not care: what they need to know comes as events.
    fn passing(&self, transition: Transition) {
        let _ = transition;
    }

    /// Something is about to be destroyed. An error forbids it: somebody has to know of it first, and cannot.
    fn destroying(&self, what: &Destruction) -> Result<(), Fault> {
        let _ = what;
        Ok(())
    }

    /// It was tried; none means that it is gone.
    fn destroyed(&self, what: &Destruction, fault: Option<&Fault>) {
        let _ = (what, fault);
    }

    /// Adds to a fault what watching the job has found out about it: who held a lock that was not granted.
    fn explain(&self, fault: Fault) -> Fault {
        fault
    }
}

impl dyn EventSink {
    /// Posts a log line, cleaned.
    pub fn log(&self, level: Level, text: impl AsRef<str>) {
        self.post(Event::Log { level, text: crate::domain::text::clean(text.as_ref()) });
    }
}
