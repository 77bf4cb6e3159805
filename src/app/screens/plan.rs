//! What a job would do, before it does it; and the field in which the target's name is typed.

use crate::app::load::Load;
use crate::domain::plan::{Check, CheckState, Plan};
use crate::domain::spec::JobSpec;
use tui_input::Input;

/// Whether a plan may be started from here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Purpose {
    /// Enter starts it.
    #[default]
    Start,
    /// It is only looked at.
    DryRun,
}

/// What the screen remembers.
#[derive(Clone, Debug, Default)]
pub struct PlanScreen {
    /// What was asked for.
    pub spec: Option<JobSpec>,
    /// What it would do.
    pub plan: Load<Plan>,
    /// Checks as they come out, until the plan is there.
    pub checks: Vec<Check>,
    /// What was typed to confirm.
    pub typed: Input,
    /// Why the last Enter or paste did nothing.
    pub refused: Option<String>,
    /// Whether it may be started.
    pub purpose: Purpose,
    /// Lines scrolled down.
    pub scroll: usize,
}

impl PlanScreen {
    /// Takes a check: it takes the place of the line that said that it is being made.
    pub fn take(&mut self, check: Check) {
        let waiting = |known: &&mut Check| known.state == CheckState::Running && known.name == check.name;
        match self.checks.iter_mut().find(waiting) {
            Some(known) => *known = check,
            None => self.checks.push(check),
        }
    }

    /// The name that must be typed, if one must.
    pub fn wanted(&self) -> Option<&str> {
        match self.purpose {
            // What cannot be started needs no name, and its keys lead to why.
            Purpose::Start => self.plan.value().filter(|plan| plan.obstacle().is_none()).and_then(|plan| plan.confirm.as_deref()),
            Purpose::DryRun => None,
        }
    }
}
