//! All that the application knows.

use super::cmd::Cmd;
use super::jobs::Job;
use super::msg::Clock;
use super::setup::Setup;
use crate::domain::job::{JobId, JobState};
use crate::domain::plan::Plan;
use crate::domain::{Fault, Stamp};

/// How the program ends: what `main` prints on the normal screen, and its exit code.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The exit code (docs: exit codes).
    pub exit: u8,
    /// What went wrong before a job could start, such as a confirmation that is missing.
    pub fault: Option<Fault>,
    /// The plan at which a dry run stopped, or that was not confirmed.
    pub plan: Option<Box<Plan>>,
    /// The jobs of this run, in the order in which they were started.
    pub jobs: Vec<Ended>,
}

/// A job as it stands when the program ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// Its number.
    pub id: JobId,
    /// "backup of shop".
    pub name: String,
    /// "Backup": for headlines.
    pub noun: &'static str,
    /// Its state; not over only when the program was left in haste.
    pub state: JobState,
}

/// The state of the whole application.
#[derive(Clone, Debug)]
pub struct Model {
    /// What it was started with.
    pub setup: Setup,
    /// The time.
    pub clock: Clock,
    /// Columns and rows.
    pub size: (u16, u16),
    /// The jobs of this run.
    pub jobs: Vec<Job>,
    pub(super) dirty: bool,
    pub(super) outcome: Option<Outcome>,
}

impl Model {
    /// The first state, and what it asks of the world.
    pub fn new(setup: Setup) -> (Model, Vec<Cmd>) {
        let model = Model { setup, clock: Clock::default(), size: (80, 24), jobs: Vec::new(), dirty: true, outcome: None };
        (model, Vec::new())
    }

    /// Whether what is on the screen is no longer what it should be.
    pub const fn dirty(&self) -> bool {
        self.dirty
    }

    /// Notes that the screen was drawn.
    pub const fn clean(&mut self) {
        self.dirty = false;
    }

    /// When something on the screen changes by the mere passing of time; a [`super::msg::Msg::Tick`] is wanted then.
    pub fn next_wake(&self) -> Option<Stamp> {
        None
    }

    /// How the program ends, once that is known: draw the last frame, then leave.
    pub const fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }
}
