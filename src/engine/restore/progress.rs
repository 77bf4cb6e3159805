//! Collects how far a restore is, and posts it ten times a second at most.

use crate::domain::fault::Fault;
use crate::domain::job::{DatabaseProgress, DatabaseState, Phase, Progress, TableProgress};
use crate::domain::schema::SchemaObject;
use crate::domain::time::Stamp;
use crate::engine::Context;
use crate::engine::event::Event;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often a sample is posted.
const EVERY: Duration = Duration::from_millis(200);

/// The moment.
pub fn now() -> Stamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Stamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// What everyone at work writes to.
pub struct Board {
    state: Mutex<Progress>,
    held: Mutex<Vec<Arc<dyn Fn() -> u64 + Send + Sync>>>,
    /// Bytes of definitions that are held by databases at work.
    definitions: AtomicU64,
}

/// Definitions that are held until this is dropped.
pub struct Held<'a>(&'a Board, u64);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.definitions.fetch_sub(self.1, Ordering::Relaxed);
    }
}

impl Board {
    /// A board for these databases: name, row bytes, tables.
    pub fn new(databases: &[(String, u64, u64)], memory_limit: u64) -> Arc<Self> {
        let list = databases.iter().map(|(name, bytes, tables)| {
            let mut one = DatabaseProgress { name: name.clone(), ..DatabaseProgress::default() };
            one.bytes.total = *bytes;
            one.tables.total = *tables;
            one
        });
        let state = Progress { databases: list.collect(), memory_limit, ..Progress::default() };
        Arc::new(Self { state: Mutex::new(state), held: Mutex::default(), definitions: AtomicU64::new(0) })
    }

    fn change(&self, with: impl FnOnce(&mut Progress)) {
        with(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Who knows how much memory is held.
    pub fn measure(&self, held: impl Fn() -> u64 + Send + Sync + 'static) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(held));
    }

    /// Counts definitions as held.
    pub fn hold(&self, objects: &[SchemaObject]) -> Held<'_> {
        let text = |object: &SchemaObject| object.sql.len() + object.name.len() + object.drop_sql.len() + object.depends.len() * 4;
        let bytes = objects.iter().map(|object| (text(object) + size_of::<SchemaObject>()) as u64).sum();
        self.definitions.fetch_add(bytes, Ordering::Relaxed);
        Held(self, bytes)
    }

    /// The phase of the whole job.
    pub fn phase(&self, phase: Phase) {
        self.change(|state| state.phase = phase);
    }

    /// Something about one database.
    pub fn database(&self, at: usize, with: impl FnOnce(&mut DatabaseProgress)) {
        self.change(|state| {
            if let Some(one) = state.databases.get_mut(at) {
                with(one);
            }
        });
    }

    /// A database enters a phase.
    pub fn enter(&self, at: usize, phase: Phase) {
        self.change(|state| {
            state.phase = phase;
            if let Some(one) = state.databases.get_mut(at) {
                one.state = DatabaseState::Running(phase);
                one.began.get_or_insert_with(now);
            }
        });
    }

    /// The phase that a database is in; the first one where it is in none.
    pub fn phase_of(&self, at: usize) -> Phase {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.databases.get(at).map(|one| &one.state) {
            Some(DatabaseState::Running(phase)) => *phase,
            _ => Phase::default(),
        }
    }

    /// A database came to its end.
    pub fn leave(&self, at: usize, outcome: Result<bool, &Fault>) {
        self.database(at, |one| {
            one.ended = Some(now());
            one.state = match outcome {
                Ok(true) => DatabaseState::Proven,
                Ok(false) => DatabaseState::Done,
                Err(fault) => DatabaseState::Failed(fault.clone()),
            };
        });
    }

    /// Work on a table begins; `table` is its name for people.
    pub fn begin(&self, at: usize, table: &str, doing: &str, total: u64) {
        self.change(|state| {
            let database = state.databases.get(at).map(|one| one.name.clone()).unwrap_or_default();
            match state.active.iter_mut().find(|one| one.database == database && one.table == table && one.doing == doing) {
                Some(one) => one.workers += 1,
                None => {
                    let mut one =
                        TableProgress { database, table: table.into(), doing: doing.into(), workers: 1, ..TableProgress::default() };
                    one.bytes.total = total;
                    state.active.push(one);
                }
            }
        });
    }

    /// Bytes of a table's rows were sent.
    pub fn sent(&self, at: usize, table: &str, bytes: u64) {
        self.change(|state| {
            if let Some(one) = state.databases.get_mut(at) {
                one.bytes.done += bytes;
                let name = &one.name;
                if let Some(active) = state.active.iter_mut().find(|active| active.database == *name && active.table == table) {
                    active.bytes.done += bytes;
                }
            }
        });
    }

    /// Work on a table ends.
    pub fn end(&self, at: usize, table: &str, doing: &str, rows: u64) {
        self.change(|state| {
            let Some(one) = state.databases.get_mut(at) else { return };
            one.rows += rows;
            let name = one.name.clone();
            if let Some(place) =
                state.active.iter().position(|active| active.database == name && active.table == table && active.doing == doing)
            {
                state.active[place].workers = state.active[place].workers.saturating_sub(1);
                state.active[place].rows += rows;
                if state.active[place].workers == 0 {
                    state.active.remove(place);
                }
            }
        });
    }

    /// A sample.
    pub fn sample(&self) -> Progress {
        let held: u64 = self.held.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|held| held()).sum();
        let held = held + self.definitions.load(Ordering::Relaxed);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        state.memory = held;
        state.bytes.done = state.databases.iter().map(|one| one.bytes.done).sum();
        state.bytes.total = state.databases.iter().map(|one| one.bytes.total).sum();
        state.rows = state.databases.iter().map(|one| one.rows).sum();
        state
    }

    /// Posts samples until the guard is dropped.
    pub fn post(self: &Arc<Self>, context: &Context) -> Ticker {
        let (board, events) = (Arc::clone(self), Arc::clone(&context.events));
        Ticker(tokio::spawn(async move {
            let mut ticks = tokio::time::interval(EVERY);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            loop {
                ticks.tick().await;
                events.post(Event::Progress(Box::new(board.sample())));
            }
        }))
    }
}

/// Ends the posting of samples when dropped.
pub struct Ticker(tokio::task::JoinHandle<()>);

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.abort();
    }
}
