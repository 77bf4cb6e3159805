//! What was seen last: filled into progress, and kept for a while to explain faults.

use crate::domain::fault::Step;
use crate::domain::job::{DatabaseState, Progress};
use crate::domain::wait::{Blocker, Wait};
use crate::domain::{Code, Fault};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Waits that are over and kept.
const PAST: usize = 64;

/// How long a wait that is over can explain a fault.
const REMEMBERED: Duration = Duration::from_secs(60);

/// What a step of the general cure begins with, which the names of the blockers replace.
const GENERAL: &str = "See who holds the lock";

/// What the watch saw.
#[derive(Default)]
pub struct Board(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    waits: Vec<Wait>,
    at: Option<Instant>,
    past: VecDeque<(Wait, Instant)>,
}

impl Board {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        // Plain lists are never left half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what there is now.
    pub fn see(&self, waits: Vec<Wait>) {
        let now = Instant::now();
        let mut seen = self.lock();
        let before = std::mem::replace(&mut seen.waits, waits);
        seen.at = Some(now);
        let over: Vec<Wait> =
            before.into_iter().filter(|old| !seen.waits.iter().any(|wait| wait.pid == old.pid && wait.object == old.object)).collect();
        seen.past.extend(over.into_iter().map(|wait| (wait, now)));
        while seen.past.len() > PAST {
            seen.past.pop_front();
        }
    }

    /// Fills the waits into a sample, as long as they are by now; and explains the faults in it.
    pub fn fill(&self, progress: &mut Progress) {
        let seen = self.lock();
        let since = seen.at.map(|at| u64::try_from(at.elapsed().as_millis()).unwrap_or(0)).unwrap_or(0);
        progress.waits = seen.waits.clone();
        drop(seen);
        for wait in &mut progress.waits {
            wait.waited_ms += since;
            if wait.limit_ms > 0 {
                wait.waited_ms = wait.waited_ms.min(wait.limit_ms);
            }
        }
        if let Some(first) = progress.waits.first() {
            let more = match progress.waits.len() {
                1 => String::new(),
                all => format!(", and {} more", all - 1),
            };
            progress.waiting = Some(first.words() + &more);
        }
        for database in &mut progress.databases {
            if let DatabaseState::Failed(fault) = &mut database.state
                && fault.code == Code::LockTimeout
            {
                *fault = self.explain(fault.clone());
            }
        }
    }

    /// Says in a fault of a lock that was not granted what was waited for, who held it, and what to do about that.
    pub fn explain(&self, fault: Fault) -> Fault {
        if fault.code != Code::LockTimeout || fault.context.iter().any(|(name, _)| name == "Waited for") {
            return fault;
        }
        let seen = self.lock();
        let database = fault.context.iter().find(|(name, _)| name == "Database").map(|(_, value)| value.as_str());
        let about = |wait: &&Wait| database.is_none_or(|database| database == wait.database);
        let past = seen.past.iter().filter(|(_, over)| over.elapsed() < REMEMBERED).map(|(wait, _)| wait);
        // The one that waited longest is the one whose time was over.
        let found = seen.waits.iter().chain(past).filter(about).max_by_key(|wait| wait.waited_ms).cloned();
        drop(seen);
        match found {
            Some(wait) => explained(fault, &wait),
            None => fault,
        }
    }
}

fn explained(fault: Fault, wait: &Wait) -> Fault {
    let limit = wait.limit_ms / 1000;
    // Not every server tells the mode.
    let mode = if wait.mode.is_empty() { "a lock" } else { &wait.mode };
    let mut fault = fault.at("Waited for", format!("{mode} on {}, {limit} s", wait.object));
    let roots: Vec<&Blocker> = wait.roots().take(3).collect();
    for root in &roots {
        fault = fault.at("Held by", root.words());
    }
    if let Some(first) = roots.first() {
        fault = fault.because(format!("{} is locked by {}", wait.object, first.words()));
    }
    // Where nobody could be named, the general step is the only way to somebody.
    let others: Vec<Step> = fault.steps.drain(..).filter(|step| roots.is_empty() || !step.text.starts_with(GENERAL)).collect();
    for root in roots {
        fault = steps(fault, root);
    }
    fault.steps.extend(others);
    fault
}

/// How one blocker is got out of the way.
fn steps(fault: Fault, root: &Blocker) -> Fault {
    if root.pid == 0 {
        return fault.step(format!("End the prepared transaction ({}): {}.", root.statement, root.end));
    }
    if root.ours {
        return fault.step(format!("pid {} belongs to another run of dbbackup: let that end first.", root.pid));
    }
    if root.end.is_empty() {
        return fault.step(format!("pid {} is gone already: try again.", root.pid));
    }
    let fault = if root.state == "active" {
        fault.step_run(format!("Cancel what pid {} of {} runs:", root.pid, root.user), root.cancel.clone())
    } else {
        fault
    };
    fault.step_run(format!("End the session of pid {} of {}; its transaction is rolled back:", root.pid, root.user), root.end.clone())
}
