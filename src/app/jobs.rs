//! The jobs of this run: what they were asked, how far they are, what they said. Every list in here is bounded.

use crate::domain::job::{DatabaseProgress, DatabaseState, JobId, JobState, Phase, Progress, Summary};
use crate::domain::plan::Plan;
use crate::domain::spec::{BackupSpec, JobSpec, RestoreScope, RestoreSpec, Scope};
use crate::domain::{Fault, Stamp};
use crate::engine::event::{Event, Level};
use std::collections::VecDeque;

/// Log lines kept for each job; the oldest goes first and is counted.
pub const LOG_LINES: usize = 500;
/// Warnings and errors kept for each job beside its log, so that a flood of other lines cannot push out the reason of a failure.
pub const NOTABLE_LINES: usize = 200;
/// Speeds kept for the sparkline, one a second.
pub const SPEEDS: usize = 120;

/// A line of a job's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it came.
    pub at: Stamp,
    /// Whose it is.
    pub job: JobId,
    /// How weighty.
    pub level: Level,
    /// The text.
    pub text: String,
}

/// The last lines, and how many older ones are gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogRing {
    /// The lines, oldest first; at most `limit`.
    pub lines: VecDeque<LogLine>,
    /// Lines that went to make room, or never came.
    pub lost: u64,
}

impl LogRing {
    /// Adds a line; the oldest goes when there are `limit`.
    pub fn push(&mut self, line: LogLine, limit: usize) {
        while self.lines.len() >= limit {
            self.lines.pop_front();
            self.lost += 1;
        }
        self.lines.push_back(line);
    }
}

/// Speeds of the last two minutes, in bytes a second, newest last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Speed {
    /// One a second.
    pub history: VecDeque<u64>,
    last: Option<(Stamp, u64)>,
}

impl Speed {
    /// Takes a total; every second one becomes a speed.
    pub fn sample(&mut self, now: Stamp, total: u64) {
        match self.last {
            None => self.last = Some((now, total)),
            Some((then, before)) => {
                let elapsed = now.since(then);
                if elapsed < 1000 {
                    return;
                }
                if self.history.len() >= SPEEDS {
                    self.history.pop_front();
                }
                self.history.push_back((u128::from(total.saturating_sub(before)) * 1000 / u128::from(elapsed)) as u64);
                self.last = Some((now, total));
            }
        }
    }

    /// The mean of the last five seconds, in bytes a second.
    pub fn current(&self) -> Option<u64> {
        let recent: Vec<u64> = self.history.iter().rev().take(5).copied().collect();
        if recent.is_empty() { None } else { Some(recent.iter().sum::<u64>() / recent.len() as u64) }
    }

    /// How long `remaining` bytes take, from a quick and a slow guess, in milliseconds; none until ten seconds were seen,
    /// or when the speed says nothing.
    pub fn left(&self, remaining: u64) -> Option<(u64, u64)> {
        if self.history.len() < 10 {
            return None;
        }
        let mut recent: Vec<u64> = self.history.iter().rev().take(60).copied().collect();
        recent.sort_unstable();
        let mean = recent.iter().sum::<u64>() / recent.len() as u64;
        let (slow, fast) = (recent[recent.len() / 4].max(mean / 2), recent[recent.len() * 3 / 4].max(mean));
        if slow == 0 {
            return None;
        }
        let span = |speed: u64| (u128::from(remaining) * 1000 / u128::from(speed)) as u64;
        Some((span(fast), span(slow)))
    }
}

/// A job.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// What was planned, and in it what was asked.
    pub plan: Plan,
    /// Where it is in its life.
    pub state: JobState,
    /// The last figures, kept when it is over.
    pub progress: Progress,
    /// When it was admitted.
    pub admitted: Stamp,
    /// When it began to work.
    pub began: Option<Stamp>,
    /// When it ended.
    pub ended: Option<Stamp>,
    /// How fast it was.
    pub speed: Speed,
    /// What it said.
    pub log: LogRing,
    /// Its warnings and errors.
    pub notable: VecDeque<LogLine>,
}

impl Job {
    /// The job that goes on with this one; none where nothing was begun, or nothing is missing.
    pub fn resumed(&self) -> Option<JobSpec> {
        let manifest = self.state.manifest()?;
        let JobSpec::Restore(mut spec) = self.spec().clone() else { return None };
        spec.care.resume = Some(manifest);
        Some(JobSpec::Restore(spec))
    }

    /// A job that was just admitted.
    pub fn new(id: JobId, plan: Plan, now: Stamp) -> Self {
        Self {
            id,
            plan,
            state: JobState::Queued,
            progress: Progress::default(),
            admitted: now,
            began: None,
            ended: None,
            speed: Speed::default(),
            log: LogRing::default(),
            notable: VecDeque::new(),
        }
    }

    /// What was asked for.
    pub const fn spec(&self) -> &JobSpec {
        &self.plan.spec
    }

    /// "backup of shop", for lists and questions.
    pub fn name(&self) -> String {
        name_of(self.spec())
    }

    /// Its databases as they are listed: what needs eyes comes first, failures, then what is at work, what waits, what is done; within each
    /// the plan's order, so that a line moves only when its database begins or ends.
    pub fn listed(&self) -> Vec<&DatabaseProgress> {
        let rank = |one: &&DatabaseProgress| match one.state {
            DatabaseState::Failed(_) => 0,
            DatabaseState::Running(_) => 1,
            DatabaseState::Waiting => 2,
            DatabaseState::Done | DatabaseState::Proven => 3,
        };
        let mut all: Vec<&DatabaseProgress> = self.progress.databases.iter().collect();
        all.sort_by_key(rank);
        all
    }

    /// Milliseconds at work until `now`, or until its end.
    pub fn elapsed(&self, now: Stamp) -> u64 {
        self.ended.unwrap_or(now).since(self.began.unwrap_or(self.admitted))
    }

    /// Why it failed as a whole, if it did.
    pub const fn fault(&self) -> Option<&Fault> {
        match &self.state {
            JobState::Failed(fault) => Some(fault),
            _ => None,
        }
    }

    /// Takes an event. Events after the end change nothing but the log.
    pub fn take(&mut self, event: Event, now: Stamp) {
        let over = self.state.is_over();
        match event {
            Event::Log { level, text } => self.note(level, text, now),
            _ if over => {}
            Event::Started => {
                self.began = Some(now);
                if matches!(self.state, JobState::Queued) {
                    self.state = JobState::Running(Box::default());
                }
            }
            Event::Progress(progress) => {
                self.began.get_or_insert(now);
                // Replay counts other bytes than unpacking did: their speeds have nothing to do with one another.
                if progress.phase == Phase::Replaying && self.progress.phase != Phase::Replaying {
                    self.speed = Speed::default();
                }
                self.speed.sample(now, progress.bytes.done);
                self.progress = (*progress).clone();
                self.state = match self.state {
                    JobState::Stopping(_) => JobState::Stopping(progress),
                    _ => JobState::Running(progress),
                };
            }
            Event::Checked(check) => {
                match self.plan.checks.iter_mut().find(|known| known.name == check.name) {
                    Some(known) => *known = check,
                    None => self.plan.checks.push(check),
                };
            }
            Event::Finished(summary) => {
                self.settle(&summary, now);
                self.end(JobState::Finished(summary), now);
            }
            Event::Failed(fault) => self.end(JobState::Failed(fault), now),
            Event::Cancelled(leftovers) => self.end(JobState::Cancelled(leftovers), now),
        }
    }

    /// The last figures may be a tenth of a second old: what the summary says of each database counts.
    fn settle(&mut self, summary: &Summary, now: Stamp) {
        let proven = summary.proof.as_ref();
        for database in &mut self.progress.databases {
            if !matches!(database.state, DatabaseState::Running(_) | DatabaseState::Waiting) {
                continue;
            }
            let outcome = summary.databases.iter().find(|outcome| outcome.name == database.name);
            let differs = proven.is_some_and(|proof| proof.differences.iter().any(|difference| difference.database == database.name));
            database.state = match outcome.and_then(|outcome| outcome.fault.clone()) {
                Some(fault) => DatabaseState::Failed(fault),
                None if proven.is_some() && !differs => DatabaseState::Proven,
                None => DatabaseState::Done,
            };
            database.began = database.began.or(Some(now));
            database.ended = database.ended.or(Some(now));
        }
    }

    fn end(&mut self, state: JobState, now: Stamp) {
        self.state = state;
        self.ended = Some(now);
    }

    fn note(&mut self, level: Level, text: String, now: Stamp) {
        let line = LogLine { at: now, job: self.id, level, text };
        if level >= Level::Warn {
            if self.notable.len() >= NOTABLE_LINES {
                self.notable.pop_front();
            }
            self.notable.push_back(line.clone());
        }
        self.log.push(line, LOG_LINES);
    }

    /// Notes that it was told to stop.
    pub fn stopping(&mut self) {
        self.state = match std::mem::replace(&mut self.state, JobState::Queued) {
            JobState::Running(progress) => JobState::Stopping(progress),
            JobState::Queued => JobState::Stopping(Box::default()),
            other => other,
        };
    }
}

/// "backup of shop", "restore of shop into shop2".
pub fn name_of(spec: &JobSpec) -> String {
    match spec {
        JobSpec::Backup(BackupSpec { scope: Scope::Single { databases }, .. }) => match databases.as_slice() {
            [one] => format!("backup of {one}"),
            many => format!("backup of {} databases", many.len()),
        },
        JobSpec::Backup(BackupSpec { connection, .. }) => format!("backup of cluster {}", connection.label()),
        JobSpec::Restore(RestoreSpec { scope: RestoreScope::Single { target, .. }, .. }) => format!("restore into {target}"),
        JobSpec::Restore(RestoreSpec { connection, .. }) => format!("restore of cluster {}", connection.label()),
        JobSpec::Verify(spec) if spec.restore_test.is_some() => match spec.archives.as_slice() {
            [] => "removal of what restore tests left".to_owned(),
            [one] => format!("restore test of {}", file_name(one)),
            many => format!("restore test of {} archives", many.len()),
        },
        JobSpec::Verify(spec) => match spec.archives.as_slice() {
            [one] => format!("verification of {}", file_name(one)),
            many => format!("verification of {} archives", many.len()),
        },
        JobSpec::Base(spec) => format!("base backup of {}", spec.connection.label()),
        JobSpec::Recover(spec) => format!("recovery into {}", file_name(&spec.target_dir)),
        JobSpec::Replay(spec) => match (&spec.rename, &spec.database) {
            (Some(name), _) | (None, Some(name)) => format!("recovery of {name}"),
            (None, None) => format!("recovery of {}", spec.connection.label()),
        },
        JobSpec::CheckLog(spec) => format!("verification of the log in {}", spec.wal_dir.display()),
    }
}

/// The last part of a path, for people.
pub fn file_name(path: &std::path::Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
