//! The log: following or held, narrowed by weight, job and text.

use crate::app::jobs::LogLine;
use crate::app::list::Filter;
use crate::app::model::Model;
use crate::domain::job::JobId;
use crate::engine::event::Level;

/// Lines kept of all jobs together; the oldest goes first and is counted.
pub const LINES: usize = 2000;

/// Whether the newest line stays in sight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Follow {
    /// It does.
    #[default]
    Newest,
    /// The line of this number is the last in sight; lines are numbered from the start of the run, so that it stays in place
    /// when older ones go.
    Held(u64),
}

/// What the screen remembers.
#[derive(Clone, Debug)]
pub struct LogScreen {
    /// Whether the newest line stays in sight.
    pub follow: Follow,
    /// Lighter lines are left out.
    pub level: Level,
    /// Narrows the lines.
    pub filter: Filter,
    /// Only this job's lines.
    pub job: Option<JobId>,
}

impl Default for LogScreen {
    fn default() -> Self {
        Self { follow: Follow::Newest, level: Level::Info, filter: Filter::Off, job: None }
    }
}

/// The lines that pass, with their numbers, oldest first.
pub fn lines(model: &Model) -> Vec<(u64, &LogLine)> {
    let screen = &model.log_screen;
    (model.log.lost..)
        .zip(model.log.lines.iter())
        .filter(|(_, line)| line.level >= screen.level)
        .filter(|(_, line)| screen.job.is_none_or(|job| job == line.job))
        .filter(|(_, line)| screen.filter.lets(&line.text))
        .collect()
}

/// The lines up to the last one in sight.
pub fn in_sight(model: &Model) -> Vec<(u64, &LogLine)> {
    let mut lines = lines(model);
    if let Follow::Held(last) = model.log_screen.follow {
        lines.retain(|(number, _)| *number <= last);
    }
    lines
}
