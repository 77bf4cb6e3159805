//! The verbs: what keys, command line, tests and scripts can ask for.

use crate::domain::spec::JobSpec;

/// Something a person can ask for.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Plan a job, and start it when nothing is in the way.
    Submit(Box<JobSpec>),
    /// Leave.
    Quit,
}
