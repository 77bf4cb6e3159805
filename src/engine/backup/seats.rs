//! Shares the reading sessions of a run among the databases that are at work.

use super::progress::lock;
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// So many sessions may read at the same time; databases at work share them evenly, and the last one gets all.
pub struct Seats {
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    all: u32,
    taken: u32,
    databases: u32,
}

/// A database at work; its share goes to the others when dropped.
pub struct Guest {
    seats: Arc<Seats>,
    held: Mutex<u32>,
}

/// The right to have one session open.
pub struct Seat(Arc<Guest>);

impl Seats {
    /// So many.
    pub fn new(all: u32) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { all: all.max(1), taken: 0, databases: 0 }), changed: Notify::new() })
    }

    /// How many there are.
    pub fn all(&self) -> u32 {
        lock(&self.state).all
    }

    /// A further database is at work.
    pub fn enter(self: &Arc<Self>) -> Arc<Guest> {
        lock(&self.state).databases += 1;
        Arc::new(Guest { seats: self.clone(), held: Mutex::new(0) })
    }
}

impl Guest {
    /// Waits for a seat within this database's share. Safe to abandon.
    pub async fn seat(self: &Arc<Self>) -> Seat {
        loop {
            let changed = self.seats.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if self.sit() {
                return Seat(self.clone());
            }
            changed.await;
        }
    }

    fn sit(&self) -> bool {
        let mut state = lock(&self.seats.state);
        let mut held = lock(&self.held);
        let share = state.all.div_ceil(state.databases.max(1));
        let free = state.taken < state.all && *held < share;
        if free {
            state.taken += 1;
            *held += 1;
        }
        free
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        lock(&self.0.seats.state).taken -= 1;
        *lock(&self.0.held) -= 1;
        self.0.seats.changed.notify_waiters();
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        lock(&self.seats.state).databases -= 1;
        self.seats.changed.notify_waiters();
    }
}
