//! The log: following or held, narrowed by weight, job and text.

use crate::app::action::Toward;
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

/// Which lines are shown while something is searched for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Only {
    /// All, with what is found marked.
    #[default]
    All,
    /// Those that hold it.
    Matching,
}

/// What becomes of a line that is longer than the screen is wide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Long {
    /// It is cut, and can be moved.
    #[default]
    Cut,
    /// It goes on in the next row.
    Wrapped,
}

/// Cells by which a key moves the lines.
pub const STEP: usize = 16;
/// The farthest that lines can be moved.
pub const FARTHEST: usize = 4096;

/// What the screen remembers.
#[derive(Clone, Debug)]
pub struct LogScreen {
    /// Whether the newest line stays in sight.
    pub follow: Follow,
    /// Lighter lines are left out.
    pub level: Level,
    /// What is searched for.
    pub filter: Filter,
    /// Which lines are shown while something is searched for.
    pub only: Only,
    /// What becomes of a line that is too long.
    pub long: Long,
    /// Cells by which lines are moved to the left.
    pub shift: usize,
    /// Only this job's lines.
    pub job: Option<JobId>,
}

impl Default for LogScreen {
    fn default() -> Self {
        Self { follow: Follow::Newest, level: Level::Info, filter: Filter::Off, only: Only::All, long: Long::Cut, shift: 0, job: None }
    }
}

/// The lines that pass, with their numbers, oldest first.
pub fn lines(model: &Model) -> Vec<(u64, &LogLine)> {
    let screen = &model.log_screen;
    (model.log.lost..)
        .zip(model.log.lines.iter())
        .filter(|(_, line)| line.level >= screen.level)
        .filter(|(_, line)| screen.job.is_none_or(|job| job == line.job))
        .filter(|(_, line)| screen.only == Only::All || screen.filter.lets(&line.text))
        .collect()
}

/// Whether a line holds what is searched for.
pub fn matches(screen: &LogScreen, line: &LogLine) -> bool {
    screen.filter.text().is_some_and(|text| !text.is_empty()) && screen.filter.lets(&line.text)
}

/// How many of the lines that pass hold what is searched for.
pub fn found(model: &Model) -> usize {
    lines(model).iter().filter(|(_, line)| matches(&model.log_screen, line)).count()
}

/// The next line that holds what is searched for, from the last one in sight on; none where there is no further one.
pub fn next_match(model: &Model, toward: Toward) -> Option<u64> {
    let last = in_sight(model).last().map(|(number, _)| *number)?;
    let found = lines(model).into_iter().filter(|(_, line)| matches(&model.log_screen, line)).map(|(number, _)| number);
    match toward {
        Toward::Previous => found.rev().find(|number| *number < last),
        Toward::Next => found.into_iter().find(|number| *number > last),
    }
}

/// The lines up to the last one in sight.
pub fn in_sight(model: &Model) -> Vec<(u64, &LogLine)> {
    let mut lines = lines(model);
    if let Follow::Held(last) = model.log_screen.follow {
        lines.retain(|(number, _)| *number <= last);
    }
    lines
}
