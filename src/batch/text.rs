//! Progress as lines on stderr: one that is written over on a terminal, else one every few seconds or percent.

use super::output;
use super::result::Volume;
use crate::app::jobs::Job;
use crate::app::model::Model;
use crate::app::msg::Msg;
use crate::domain::job::{JobState, Phase, Progress};
use crate::domain::plan::{Check, CheckState};
use crate::domain::size::grouped;
use crate::domain::spec::JobSpec;
use crate::domain::text::clean;
use crate::domain::time::span;
use crate::domain::{Bytes, Stamp};
use crate::engine::event::{Event, Level};
use crate::runtime::run::Front;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

/// The most time between two lines while a job works.
const EVERY: Duration = Duration::from_secs(5);
/// The percent after which a line is due earlier.
const STEP: f64 = 5.0;

/// What stderr is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stderr {
    /// A terminal of so many columns: one line, written over.
    Terminal(u16),
    /// A file or a pipe: lines that stay.
    Plain,
}

/// Progress in text.
pub struct Text {
    stderr: Stderr,
    volume: Volume,
    /// When the last line was written, and at which percent.
    last: Option<(Instant, f64)>,
    running: bool,
    /// Whether the last line said what is waited for.
    waited: bool,
    /// Whether a line stands there that is to be written over.
    open: bool,
    /// Jobs whose checks were told.
    told: usize,
}

impl Stderr {
    /// What it is now.
    pub fn now() -> Self {
        match crossterm::terminal::size() {
            Ok((columns, _)) if io::stderr().is_terminal() => Stderr::Terminal(columns),
            _ => Stderr::Plain,
        }
    }
}

impl Text {
    /// Progress on this kind of stderr.
    pub fn new(stderr: Stderr, volume: Volume) -> Self {
        Self { stderr, volume, last: None, running: false, waited: false, open: false, told: 0 }
    }

    /// Ends the line that was written over.
    pub fn finish(&mut self) {
        if std::mem::take(&mut self.open) {
            output::diagnostic("\r\x1b[K");
        }
    }

    /// Says how far a job is, where that is due.
    pub fn progress(&mut self, job: &Job, progress: &Progress, now: Stamp) {
        let percent = progress.bytes.percent();
        match self.stderr {
            Stderr::Terminal(columns) => {
                let width = usize::from(columns.max(20)) - 1;
                let text: String = line(job, progress, now).chars().take(width).collect();
                output::diagnostic(&format!("\r{text}\x1b[K"));
                self.open = true;
                self.last = Some((Instant::now(), percent));
            }
            Stderr::Plain => {
                // A wait that begins is told at once: nothing else moves then.
                let waits = progress.waiting.is_some();
                let due = self.last.is_none_or(|(at, before)| at.elapsed() >= EVERY || percent >= before + STEP || (waits && !self.waited));
                if due {
                    self.waited = waits;
                    self.say(&line(job, progress, now));
                    self.last = Some((Instant::now(), percent));
                }
            }
        }
    }

    fn say(&mut self, text: &str) {
        self.finish();
        output::diagnostic(&format!("{text}\n"));
    }
}

/// "backup of shop: data 63.0 %, 1.2 GB of 1.9 GB, 118 MB/s, 12 s".
pub fn line(job: &Job, progress: &Progress, now: Stamp) -> String {
    let Progress { bytes, .. } = progress;
    let about = if progress.estimated { "about " } else { "" };
    let mut out = format!("{}: {}", clean(&job.name()), progress.phase.words());
    if bytes.total > 0 {
        // Indexes, syncing and checks come after the last row: a job at work is never at 100 %.
        let percent = bytes.percent().min(99.9);
        out.push_str(&format!(" {percent:.1} %, {} of {about}{}", Bytes(bytes.done), Bytes(bytes.total)));
    }
    let indexes = progress.databases.iter().fold((0, 0), |sum, one| (sum.0 + one.indexes.done, sum.1 + one.indexes.total));
    if progress.phase == Phase::DataAndIndexes && indexes.1 > 0 {
        out.push_str(&format!(", {} of {} indexes", grouped(indexes.0), grouped(indexes.1)));
    }
    if let Some(speed) = job.speed.current() {
        out.push_str(&format!(", {}/s", Bytes(speed)));
    }
    out.push_str(&format!(", {}", span(job.elapsed(now))));
    if let (JobSpec::CheckLog(_), Some(active)) = (job.spec(), progress.active.first()) {
        out.push_str(&format!(", {}", active.doing));
        if let Some((quick, slow)) = job.speed.left(bytes.total.saturating_sub(bytes.done)) {
            out.push_str(&format!(", {} to {} left", span(quick), span(slow)));
        }
    }
    if let Some(waiting) = &progress.waiting {
        out.push_str(&format!(", waiting for {}", clean(waiting)));
    }
    out
}

impl Front for Text {
    fn notice(&mut self, msg: &Msg) {
        if let Msg::Engine(_, Event::Log { level, text }) = msg {
            let prefix = match level {
                Level::Error => "error: ",
                Level::Warn if self.volume == Volume::Normal => "warning: ",
                _ => return,
            };
            self.say(&format!("{prefix}{}", clean(text)));
        }
    }

    fn show(&mut self, model: &Model) -> io::Result<()> {
        // What did not come out well before a start stays in the record of the run.
        for job in model.jobs.iter().skip(std::mem::replace(&mut self.told, model.jobs.len())) {
            let worth = |check: &&Check| matches!(check.state, CheckState::Warning | CheckState::Failed);
            let told: Vec<&Check> = if self.volume == Volume::Normal { job.plan.checks.iter().filter(worth).collect() } else { Vec::new() };
            for check in told {
                self.say(super::result::check(check).trim_end());
            }
        }
        let running = model.jobs.iter().find_map(|job| match &job.state {
            JobState::Running(progress) | JobState::Stopping(progress) => Some((job, progress)),
            _ => None,
        });
        self.running = running.is_some();
        let at_work = model.plan.checks.iter().rev().find(|check| check.state == CheckState::Running);
        if let (Some(check), Stderr::Terminal(columns), Volume::Normal, None) = (at_work, self.stderr, self.volume, &running) {
            let text = format!("checking: {}: {}", clean(&check.name), clean(&check.detail));
            let text: String = text.chars().take(usize::from(columns.max(20)) - 1).collect();
            output::diagnostic(&format!("\r{text}\x1b[K"));
            self.open = true;
        }
        let (Some((job, progress)), Volume::Normal) = (running, self.volume) else { return Ok(()) };
        self.progress(job, progress, model.clock.now);
        Ok(())
    }

    fn gap(&self) -> Duration {
        Duration::from_millis(200)
    }

    fn next_wake(&self) -> Option<Instant> {
        let (at, _) = self.last.filter(|_| self.running && self.volume == Volume::Normal)?;
        Some(at + EVERY)
    }

    fn copy(&mut self, _text: &str) -> io::Result<()> {
        Ok(())
    }

    fn theme(&mut self, _name: &str) -> io::Result<()> {
        Ok(())
    }

    fn suspend(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn redraw(&mut self) -> io::Result<()> {
        Ok(())
    }
}
