//! How far a base backup is. Bytes are counted as they come; everything else is counted by the backup's own meter.

use crate::domain::job::{DatabaseProgress, DatabaseState, Phase, Progress, Ratio};
use crate::domain::time::Stamp;
use crate::engine::backup::estimate::Steady;
use crate::engine::backup::progress::{Meter, lock, now};
use crate::engine::event::{Event, EventSink};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The time between two samples: eight a second.
const TICK: Duration = Duration::from_millis(125);

/// The counters.
pub struct Gauge {
    /// Phase, memory, bytes written and what is verified.
    pub meter: Arc<Meter>,
    began: Stamp,
    name: String,
    total: AtomicU64,
    done: AtomicU64,
    over: AtomicBool,
    waiting: Mutex<Option<String>>,
    shown: Steady,
}

impl Gauge {
    /// For the server of this name.
    pub fn new(name: &str) -> Arc<Self> {
        Arc::new(Self {
            meter: Meter::new(Vec::new()),
            began: now(),
            name: name.to_owned(),
            total: AtomicU64::new(0),
            done: AtomicU64::new(0),
            over: AtomicBool::new(false),
            waiting: Mutex::default(),
            shown: Steady::default(),
        })
    }

    /// So many bytes are expected.
    pub fn expect(&self, bytes: u64) {
        self.total.store(bytes, Relaxed);
    }

    /// So many have come.
    pub fn passed(&self, bytes: u64) {
        self.done.fetch_add(bytes, Relaxed);
    }

    /// All have.
    pub fn over(&self) {
        self.over.store(true, Relaxed);
    }

    /// What is waited for; none: nothing.
    pub fn waits(&self, what: Option<String>) {
        *lock(&self.waiting) = what;
    }

    /// How far it is now.
    pub fn sample(&self) -> Progress {
        let done = self.done.load(Relaxed);
        let is_over = self.over.load(Relaxed);
        let rest = if is_over { 0 } else { self.total.load(Relaxed).saturating_sub(done).max(1) };
        let bytes = self.shown.show(done, rest);
        let inner = self.meter.sample();
        let bytes = if is_over { Ratio { done, total: done.max(1) } } else { bytes };
        let state = DatabaseState::Running(Phase::Data);
        let server = DatabaseProgress { name: self.name.clone(), state, bytes, began: Some(self.began), ..DatabaseProgress::default() };
        Progress { bytes, estimated: !is_over, databases: vec![server], waiting: lock(&self.waiting).clone(), ..inner }
    }
}

/// Posts samples until dropped.
pub struct Ticker(tokio::task::JoinHandle<()>);

impl Ticker {
    /// Starts it.
    pub fn start(gauge: &Arc<Gauge>, events: &Arc<dyn EventSink>) -> Self {
        let (gauge, events) = (gauge.clone(), events.clone());
        Self(tokio::spawn(async move {
            let mut tick = tokio::time::interval(TICK);
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tick.tick().await;
                events.post(Event::Progress(Box::new(gauge.sample())));
            }
        }))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.abort();
    }
}
