//! How far a backup is: counters that the workers add to, and a ticker that turns them into events. A slow screen holds up nobody.

use super::budget::Budget;
use super::table::TableWork;
use crate::domain::job::{DatabaseProgress, DatabaseState, Phase, Progress, Ratio, TableProgress};
use crate::domain::time::Stamp;
use crate::engine::event::{Event, EventSink};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// The most tables that one sample names.
const MOST_ACTIVE: usize = 32;

/// The time between two samples: eight a second.
const TICK: Duration = Duration::from_millis(125);

/// Locks, whether or not another thread panicked with the lock held: plain counters are never left half changed.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time by this host's clock.
pub fn now() -> Stamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Stamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// One database's counters.
pub struct DatabaseMeter {
    name: String,
    stage: Mutex<Stage>,
    /// Rows read.
    pub rows: AtomicU64,
    /// Row bytes read.
    pub bytes: AtomicU64,
    /// Tables read to the end.
    pub tables_done: AtomicU64,
    /// Tables to read.
    pub tables: AtomicU64,
    /// Weight (bytes on the server's disk) of all parts.
    pub weight: AtomicU64,
    /// Weight of the parts that are read.
    pub weight_done: AtomicU64,
    /// Row bytes of the parts that are read.
    pub bytes_of_done: AtomicU64,
}

#[derive(Default)]
struct Stage {
    state: DatabaseState,
    began: Option<Stamp>,
    ended: Option<Stamp>,
}

impl DatabaseMeter {
    /// A database that waits for its turn; `estimate` is its size on the server's disk, where known.
    pub fn new(name: &str, estimate: u64) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            stage: Mutex::default(),
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            tables_done: AtomicU64::new(0),
            tables: AtomicU64::new(0),
            weight: AtomicU64::new(estimate),
            weight_done: AtomicU64::new(0),
            bytes_of_done: AtomicU64::new(0),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets how it is; the first running state and the last state set its times.
    pub fn is(&self, state: DatabaseState) {
        let mut stage = lock(&self.stage);
        match state {
            DatabaseState::Waiting => {}
            DatabaseState::Running(_) => stage.began = stage.began.or_else(|| Some(now())),
            DatabaseState::Done | DatabaseState::Proven | DatabaseState::Failed(_) => stage.ended = Some(now()),
        }
        stage.state = state;
    }

    /// Row bytes that are to come, by what was learnt (`ratio`: row bytes for each byte on disk).
    fn to_come(&self, ratio: f64) -> u64 {
        let weight = self.weight.load(Relaxed).saturating_sub(self.weight_done.load(Relaxed));
        let under_way = self.bytes.load(Relaxed).saturating_sub(self.bytes_of_done.load(Relaxed));
        ((weight as f64 * ratio) as u64).saturating_sub(under_way)
    }

    fn sample(&self, ratio: f64) -> DatabaseProgress {
        let stage = lock(&self.stage);
        let done = self.bytes.load(Relaxed);
        let over = matches!(stage.state, DatabaseState::Done | DatabaseState::Proven);
        // One more than is done: nothing is at 100 % before it is over.
        let total = if over { done } else { (done + self.to_come(ratio)).max(done + 1) };
        DatabaseProgress {
            name: self.name.clone(),
            state: stage.state.clone(),
            bytes: Ratio { done, total },
            rows: self.rows.load(Relaxed),
            tables: Ratio { done: self.tables_done.load(Relaxed), total: self.tables.load(Relaxed) },
            indexes: Ratio::default(),
            began: stage.began,
            ended: stage.ended,
        }
    }
}

/// A whole run's counters.
pub struct Meter {
    /// In the plan's order.
    pub databases: Vec<Arc<DatabaseMeter>>,
    phase: Mutex<Phase>,
    active: Mutex<Vec<Arc<TableWork>>>,
    budget: Mutex<Option<Arc<Budget>>>,
    checking: Mutex<Option<(String, Ratio)>>,
    /// Bytes in archives.
    pub written: AtomicU64,
}

impl Meter {
    /// Counters for these databases.
    pub fn new(databases: Vec<Arc<DatabaseMeter>>) -> Arc<Self> {
        Arc::new(Self {
            databases,
            phase: Mutex::default(),
            active: Mutex::default(),
            budget: Mutex::default(),
            checking: Mutex::default(),
            written: AtomicU64::new(0),
        })
    }

    /// The run is in this phase.
    pub fn phase(&self, phase: Phase) {
        *lock(&self.phase) = phase;
    }

    /// Memory is counted by this budget.
    pub fn memory(&self, budget: &Arc<Budget>) {
        *lock(&self.budget) = Some(budget.clone());
    }

    /// A file is checked, so far; none: no more.
    pub fn checking(&self, file: Option<(&Path, Ratio)>) {
        *lock(&self.checking) = file.map(|(path, ratio)| (crate::domain::text::clean(&path.to_string_lossy()), ratio));
    }

    /// A session begins to read a part of a table.
    pub fn begins(&self, table: &Arc<TableWork>) {
        if table.workers.fetch_add(1, Relaxed) == 0 {
            lock(&self.active).push(table.clone());
        }
    }

    /// It has ended.
    pub fn ends(&self, table: &Arc<TableWork>) {
        let mut active = lock(&self.active);
        if table.workers.fetch_sub(1, Relaxed) == 1 {
            active.retain(|other| !Arc::ptr_eq(other, table));
        }
    }

    /// Row bytes for each byte on disk, as learnt so far; near 1 until a little is known.
    fn ratio(&self) -> f64 {
        const TRUST: f64 = 4e6;
        let sum =
            |of: fn(&DatabaseMeter) -> &AtomicU64| self.databases.iter().map(|database| of(database).load(Relaxed) as f64).sum::<f64>();
        (sum(|d| &d.bytes_of_done) + TRUST) / (sum(|d| &d.weight_done) + TRUST)
    }

    /// How far it is now.
    pub fn sample(&self) -> Progress {
        let ratio = self.ratio();
        let databases: Vec<_> = self.databases.iter().map(|database| database.sample(ratio)).collect();
        let mut active: Vec<_> = lock(&self.active).iter().take(MOST_ACTIVE).map(|table| table.sample(ratio)).collect();
        if let Some((file, bytes)) = &*lock(&self.checking) {
            active.push(TableProgress {
                table: file.clone(),
                doing: "verifying".into(),
                bytes: *bytes,
                workers: 1,
                ..TableProgress::default()
            });
        }
        let budget = lock(&self.budget).clone();
        let done = databases.iter().map(|database| database.bytes.done).sum();
        Progress {
            phase: *lock(&self.phase),
            // The run is never at 100 % while samples are taken: its end is another event.
            bytes: Ratio { done, total: databases.iter().map(|database| database.bytes.total).sum::<u64>().max(done + 1) },
            estimated: databases.iter().any(|database| matches!(database.state, DatabaseState::Waiting | DatabaseState::Running(_))),
            rows: databases.iter().map(|database| database.rows).sum(),
            written: self.written.load(Relaxed),
            memory: budget.as_ref().map_or(0, |budget| budget.used()),
            memory_limit: budget.as_ref().map_or(0, |budget| budget.limit()),
            databases,
            active,
            waiting: None,
        }
    }
}

/// Posts samples until dropped.
pub struct Ticker(tokio::task::JoinHandle<()>);

impl Ticker {
    /// Starts it.
    pub fn start(meter: &Arc<Meter>, events: &Arc<dyn EventSink>) -> Self {
        let (meter, events) = (meter.clone(), events.clone());
        Self(tokio::spawn(async move {
            let mut tick = tokio::time::interval(TICK);
            tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tick.tick().await;
                events.post(Event::Progress(Box::new(meter.sample())));
            }
        }))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.abort();
    }
}
