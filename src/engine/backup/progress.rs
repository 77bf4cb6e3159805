//! How far a backup is: counters that the workers add to, and a ticker that turns them into events. A slow screen holds up nobody.

use super::budget::Budget;
use super::estimate::{Learnt, Sort, Steady};
use super::table::TableWork;
use crate::domain::job::{DatabaseProgress, DatabaseState, Phase, Progress, Ratio, TableProgress};
use crate::domain::time::Stamp;
use crate::engine::event::{Event, EventSink};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
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
    /// Its size on the server's disk, with indexes and catalogs: all that is known before it is opened.
    pub size: u64,
    /// Weight (bytes on the server's disk) of all parts, once its tables are known.
    weight: AtomicU64,
    known: AtomicBool,
    /// Weight of the parts that nobody has begun to read, by sort.
    waiting: [AtomicU64; 3],
    shown: Steady,
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
            size: estimate,
            weight: AtomicU64::new(0),
            known: AtomicBool::new(false),
            waiting: Default::default(),
            shown: Steady::default(),
        })
    }

    /// These are its tables.
    pub fn holds(&self, tables: &[Arc<TableWork>]) {
        self.tables.store(tables.len() as u64, Relaxed);
        for table in tables {
            self.weight.fetch_add(table.table.total_bytes, Relaxed);
            self.waiting[table.sort as usize].fetch_add(table.table.total_bytes, Relaxed);
        }
        self.known.store(true, Relaxed);
    }

    /// A part of so much weight is begun.
    pub fn begins(&self, sort: Sort, weight: u64) {
        let _ = self.waiting[sort as usize].fetch_update(Relaxed, Relaxed, |waiting| Some(waiting.saturating_sub(weight)));
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

    /// Row bytes of what nobody has begun to read; `share` is what part of a database's size its rows are.
    fn to_come(&self, ratios: &[f64; 3], share: f64) -> u64 {
        if !self.known.load(Relaxed) {
            return (self.size as f64 * share * ratios[Sort::Plain as usize]) as u64;
        }
        Sort::ALL.iter().map(|sort| (self.waiting[*sort as usize].load(Relaxed) as f64 * ratios[*sort as usize]) as u64).sum()
    }

    /// How it is, and the row bytes that seem to be left of it.
    fn sample(&self, rest: u64) -> (DatabaseProgress, u64) {
        let stage = lock(&self.stage);
        let done = self.bytes.load(Relaxed);
        let (bytes, rest) = match stage.state {
            DatabaseState::Done | DatabaseState::Proven => (self.shown.over(done), 0),
            DatabaseState::Failed(_) => (self.shown.show(done, rest), 0),
            DatabaseState::Waiting | DatabaseState::Running(_) => (self.shown.show(done, rest), rest),
        };
        let progress = DatabaseProgress {
            name: self.name.clone(),
            state: stage.state.clone(),
            bytes,
            proof: Ratio::default(),
            rows: self.rows.load(Relaxed),
            tables: Ratio { done: self.tables_done.load(Relaxed), total: self.tables.load(Relaxed) },
            indexes: Ratio::default(),
            began: stage.began,
            ended: stage.ended,
        };
        (progress, rest)
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
    shown: Steady,
    /// What has been learnt of the rows of all databases.
    pub learnt: Learnt,
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
            shown: Steady::default(),
            learnt: Learnt::default(),
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

    /// What part of a database's size its rows are: indexes and catalogs count in the size. As learnt so far.
    fn share(&self) -> f64 {
        // Little: the largest databases are read first, and what is learnt of them is soon told of the many small ones.
        const TRUST: u64 = 64_000;
        let known = || self.databases.iter().filter(|database| database.known.load(Relaxed));
        let weight: u64 = known().map(|database| database.weight.load(Relaxed)).sum();
        let size: u64 = known().map(|database| database.size).sum();
        (weight + TRUST) as f64 / (size + TRUST) as f64
    }

    /// How far it is now.
    pub fn sample(&self) -> Progress {
        let (ratios, share) = (self.learnt.ratios(), self.share());
        let at_work: Vec<_> = lock(&self.active).clone();
        let mut under_way: HashMap<*const DatabaseMeter, u64> = HashMap::new();
        for table in &at_work {
            *under_way.entry(Arc::as_ptr(&table.database)).or_default() += table.rest(&ratios);
        }
        let samples = self.databases.iter().map(|database| {
            let begun = under_way.get(&Arc::as_ptr(database)).copied().unwrap_or(0);
            database.sample(database.to_come(&ratios, share).saturating_add(begun))
        });
        let (databases, rests): (Vec<_>, Vec<u64>) = samples.unzip();
        let mut active: Vec<_> = at_work.iter().take(MOST_ACTIVE).map(|table| table.sample(&ratios)).collect();
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
            bytes: self.shown.show(done, rests.iter().fold(0, |sum, rest| sum.saturating_add(*rest))),
            estimated: databases.iter().any(|database| matches!(database.state, DatabaseState::Waiting | DatabaseState::Running(_))),
            rows: databases.iter().map(|database| database.rows).sum(),
            written: self.written.load(Relaxed),
            memory: budget.as_ref().map_or(0, |budget| budget.used()),
            memory_limit: budget.as_ref().map_or(0, |budget| budget.limit()),
            databases,
            active,
            waiting: None,
            waits: Vec::new(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schema::Table;
    use proptest::prelude::*;

    /// A table of a database: bytes in it, beside it, what each becomes as text in percent, and whether its rows are known.
    type Made = (u32, u32, u32, bool);

    fn work(database: &Arc<DatabaseMeter>, made: Made) -> Arc<TableWork> {
        let (heap, toast, _, counted) = made;
        let table = Table {
            heap_bytes: u64::from(heap),
            total_bytes: u64::from(heap) + u64::from(toast),
            estimated_rows: if counted { i64::from(heap) / 50 } else { -1 },
            ..Table::default()
        };
        TableWork::new(table, String::new(), database.clone())
    }

    fn no_less(before: Ratio, after: Ratio) -> bool {
        u128::from(after.done) * u128::from(before.total) >= u128::from(before.done) * u128::from(after.total)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]
        #[test]
        fn nothing_that_is_shown_goes_back_whatever_the_tables_turn_out_to_be(
            databases in proptest::collection::vec(
                (0u64..1 << 33, proptest::collection::vec((0u32..1 << 30, 0u32..1 << 30, 5u32..900, any::<bool>()), 0..6)), 1..5),
            steps in proptest::collection::vec(1u64..40, 1..6),
        ) {
            let meters: Vec<_> = databases.iter().enumerate().map(|(at, (size, _))| DatabaseMeter::new(&at.to_string(), *size)).collect();
            let meter = Meter::new(meters.clone());
            let mut last = meter.sample();
            let mut look = || {
                let sample = meter.sample();
                assert!(no_less(last.bytes, sample.bytes), "{:?} after {:?}", sample.bytes, last.bytes);
                assert!(sample.bytes.percent() < 100.0);
                for (before, after) in last.databases.iter().zip(&sample.databases) {
                    assert!(no_less(before.bytes, after.bytes), "{:?} after {:?}", after.bytes, before.bytes);
                }
                last = sample;
            };
            for (database, (_, tables)) in meters.iter().zip(&databases) {
                database.is(DatabaseState::Running(Phase::Schema));
                look();
                let works: Vec<_> = tables.iter().map(|made| work(database, *made)).collect();
                database.holds(&works);
                look();
                for (table, made) in works.iter().zip(tables) {
                    let weight = table.table.total_bytes;
                    table.begins(weight);
                    meter.begins(table);
                    let (mut rows, mut bytes) = (0, 0);
                    for step in &steps {
                        let some = weight * u64::from(made.2) / 100 / 40 * step;
                        table.count(some / 60, some);
                        (rows, bytes) = (rows + some / 60, bytes + some);
                        look();
                    }
                    meter.ends(table);
                    table.ends(weight, rows, bytes);
                    meter.learnt.add(table.sort, weight, bytes);
                    look();
                }
                database.is(DatabaseState::Done);
                look();
            }
        }
    }

    #[test]
    fn many_small_databases_are_weighed_by_what_is_in_them() {
        // Each takes 8 MB on the server's disk, catalogs above all, and holds 100 KB of rows.
        let meters: Vec<_> = (0..1000).map(|at| DatabaseMeter::new(&at.to_string(), 8_000_000)).collect();
        let meter = Meter::new(meters.clone());
        for database in &meters[..500] {
            let table = work(database, (100_000, 0, 100, false));
            database.holds(std::slice::from_ref(&table));
            table.begins(100_000);
            table.count(1000, 100_000);
            table.ends(100_000, 1000, 100_000);
            meter.learnt.add(table.sort, 100_000, 100_000);
            database.is(DatabaseState::Done);
        }
        let half = meter.sample().bytes.percent();
        assert!((45.0..55.0).contains(&half), "half of the databases are done, {half} % is shown");
    }
}
