//! Tells how far a recovery is, ten times a second at most.

use super::replay::{Replay, State};
use crate::domain::Bytes;
use crate::domain::job::{DatabaseProgress, DatabaseState, Phase, Progress, Ratio, TableProgress};
use crate::domain::recovery::{Micros, moment};
use crate::domain::wal::Lsn;
use crate::engine::event::{Event, EventSink};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Between two of them.
const EVERY: Duration = Duration::from_millis(100);

/// How far it is.
pub struct Board<'a> {
    events: &'a dyn EventSink,
    name: String,
    unpacked: AtomicU64,
    total: u64,
    told: Mutex<Option<Instant>>,
}

impl<'a> Board<'a> {
    /// A board for the unpacking of so many bytes.
    pub fn new(events: &'a dyn EventSink, name: String, total: u64) -> Self {
        Self { events, name, unpacked: AtomicU64::new(0), total, told: Mutex::new(None) }
    }

    /// Whether it is time to tell again.
    fn due(&self) -> bool {
        let mut told = self.told.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let due = told.is_none_or(|told| told.elapsed() >= EVERY);
        if due {
            *told = Some(Instant::now());
        }
        due
    }

    fn tell(&self, phase: Phase, bytes: Ratio, active: Vec<TableProgress>, waiting: Option<String>) {
        let database =
            DatabaseProgress { name: self.name.clone(), state: DatabaseState::Running(phase), bytes, ..DatabaseProgress::default() };
        let progress = Progress { phase, bytes, databases: vec![database], active, waiting, ..Progress::default() };
        self.events.post(Event::Progress(Box::new(progress)));
    }

    /// Bytes were unpacked.
    pub fn unpacked(&self, bytes: u64) {
        let done = self.unpacked.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if self.due() {
            self.tell(Phase::Data, Ratio { done, total: self.total }, Vec::new(), None);
        }
    }

    /// Files are brought to the disks.
    pub fn finishing(&self) {
        let ratio = Ratio { done: self.total, total: self.total };
        self.tell(Phase::Finishing, ratio, Vec::new(), None);
    }

    /// The server replays.
    pub fn replay(&self, replay: &Replay, to: Option<Lsn>, at: Option<Micros>) {
        if !self.due() {
            return;
        }
        let from = replay.redo.unwrap_or(replay.at);
        let done = replay.at.0.saturating_sub(from.0);
        let bytes = to.map_or_else(Ratio::default, |to| {
            let total = to.0.saturating_sub(from.0);
            Ratio { done: done.min(total), total }
        });
        let state = match replay.state {
            State::Starting => "starting",
            State::Replaying => "replaying, not consistent yet",
            State::Consistent => "replaying, consistent",
            State::Paused | State::Promoted | State::Stopped | State::Failed => "at its end",
        };
        let mut doing = format!("{state}, at {}, {} segments taken", replay.at, replay.segments);
        if let Some(at) = at {
            doing.push_str(&format!(", transactions of {}", moment::both(at)));
        }
        let active =
            TableProgress { database: self.name.clone(), table: "log".to_owned(), doing, bytes, workers: 1, ..TableProgress::default() };
        let waiting = (replay.state == State::Starting).then(|| "the server to begin".to_owned());
        self.tell(Phase::Replaying, bytes, vec![active], waiting);
    }
}

/// About how long a number of bytes takes at a speed, in milliseconds.
pub const fn about(bytes: Bytes, per_second: u64) -> u64 {
    bytes.0.saturating_mul(1000) / per_second
}
