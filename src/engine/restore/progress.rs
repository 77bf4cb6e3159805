//! Collects how far a restore is, and posts it ten times a second at most.

use crate::domain::fault::Fault;
use crate::domain::job::{DatabaseProgress, DatabaseState, Phase, Progress, TableProgress};
use crate::domain::schema::SchemaObject;
use crate::domain::time::Stamp;
use crate::engine::Context;
use crate::engine::event::Event;
use std::collections::HashMap;
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
    /// By database and table: bytes that are counted already and come a second time.
    again: Mutex<HashMap<(usize, String), u64>>,
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
        Arc::new(Self { state: Mutex::new(state), held: Mutex::default(), definitions: AtomicU64::new(0), again: Mutex::default() })
    }

    /// Every database is read back and compared afterwards.
    pub fn proves(&self) {
        self.change(|state| state.databases.iter_mut().for_each(|one| one.proof.total = one.bytes.total));
    }

    /// So much of a database has been read back, by a proof that reads `total` in all. One that is made again shows nothing new at first.
    pub fn proven(&self, at: usize, done: u64, total: u64) {
        self.database(at, |one| {
            let share = u128::from(one.proof.total) * u128::from(done.min(total)) / u128::from(total.max(1));
            one.proof.done = one.proof.done.max(u64::try_from(share).unwrap_or(u64::MAX));
        });
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
            if outcome.is_ok() {
                one.bytes.done = one.bytes.total;
                one.proof.done = one.proof.total;
            }
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

    /// A database that an earlier run has completed: its rows are there before this run begins.
    pub fn complete(&self, at: usize) {
        self.database(at, |one| {
            one.state = DatabaseState::Done;
            one.bytes.done = one.bytes.total;
            one.proof.done = one.proof.total;
            one.tables.done = one.tables.total;
        });
    }

    /// Bytes of a table's rows were sent in vain: they come a second time. What is counted never goes back; the second time does not count.
    pub fn resent(&self, at: usize, table: &str, bytes: u64) {
        *self.again.lock().unwrap_or_else(PoisonError::into_inner).entry((at, table.to_owned())).or_default() += bytes;
    }

    /// How many of these bytes were not counted before.
    fn fresh(&self, at: usize, table: &str, bytes: u64) -> u64 {
        let mut again = self.again.lock().unwrap_or_else(PoisonError::into_inner);
        // Mostly nothing was sent in vain, and no name has to be copied for the question.
        if again.is_empty() {
            return bytes;
        }
        let Some(owed) = again.get_mut(&(at, table.to_owned())) else { return bytes };
        let known = bytes.min(*owed);
        *owed -= known;
        bytes - known
    }

    /// Bytes of a table's rows were sent.
    pub fn sent(&self, at: usize, table: &str, bytes: u64) {
        let bytes = self.fresh(at, table, bytes);
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
        state.bytes.done = state.databases.iter().map(|one| one.work().done).sum();
        // Nothing more comes of a database that failed.
        let expected =
            |one: &DatabaseProgress| if matches!(one.state, DatabaseState::Failed(_)) { one.work().done } else { one.work().total };
        state.bytes.total = state.databases.iter().map(expected).sum();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Code;
    use crate::domain::job::Ratio;

    fn board() -> Arc<Board> {
        Board::new(&[("big".into(), 900, 1), ("small".into(), 100, 1)], 0)
    }

    #[test]
    fn what_is_sent_twice_counts_once_and_never_goes_back() {
        let board = board();
        board.sent(0, "t", 600);
        board.sent(0, "u", 100);
        // The session is lost: the 600 come again.
        board.resent(0, "t", 600);
        assert_eq!(board.sample().bytes.done, 700);
        board.sent(0, "u", 50);
        for (bytes, shown) in [(400, 750), (150, 750), (100, 800), (50, 850)] {
            board.sent(0, "t", bytes);
            assert_eq!(board.sample().bytes.done, shown);
        }
    }

    #[test]
    fn what_an_earlier_run_completed_is_done_from_the_beginning() {
        let board = board();
        board.complete(0);
        let sample = board.sample();
        assert_eq!((sample.bytes.done, sample.bytes.total), (900, 1000));
        assert_eq!(sample.databases[0].state, DatabaseState::Done);
    }

    #[test]
    fn a_proof_is_work_too_and_takes_nothing_back() {
        let board = board();
        board.proves();
        board.sent(0, "t", 900);
        let shown = |done: u64, total: u64| {
            board.proven(0, done, total);
            board.sample().bytes
        };
        assert_eq!(shown(0, 900), Ratio { done: 900, total: 2000 }, "the rows that are in stay in");
        assert_eq!(shown(450, 900).done, 1350);
        assert_eq!(shown(0, 900).done, 1350, "a proof that is made again");
        assert_eq!(shown(600, 600).done, 1800, "a proof that counts otherwise");
        board.leave(1, Ok(true));
        assert_eq!(board.sample().bytes, Ratio { done: 2000, total: 2000 });
    }

    #[test]
    fn nothing_is_expected_any_more_of_a_database_that_failed() {
        let board = board();
        board.sent(0, "t", 300);
        board.sent(1, "t", 50);
        board.leave(0, Err(&Fault::new(Code::SqlFailed, "x")));
        let sample = board.sample();
        assert_eq!((sample.bytes.done, sample.bytes.total), (350, 400));
    }
}
