//! The memory budget: every byte of rows in flight is leased from it, so that a fast reader waits for a slow disk.
//!
//! Nothing that holds a lease ever waits for another one. So the chunks that are under way always get done, and whoever waits gets their
//! room: it cannot lock up. A row larger than all of the budget passes alone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Room for rows in flight.
pub struct Budget {
    limit: u64,
    /// The capacity of a fresh buffer: a chunk and the row that goes beyond it.
    room: usize,
    /// The most idle buffers that are kept.
    idle_limit: usize,
    state: Mutex<State>,
    freed: Notify,
}

#[derive(Default)]
struct State {
    used: u64,
    /// Leases of chunks that are outstanding.
    lent: usize,
    /// Buffers to be used again; their bytes stay in `used`.
    idle: Vec<Vec<u8>>,
}

/// What a lease is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Chunk,
    Frame,
}

/// A part of the budget; given back when dropped.
pub struct Lease {
    budget: Arc<Budget>,
    bytes: u64,
    purpose: Use,
}

impl Budget {
    /// A budget of `limit` bytes for chunks of about `chunk` bytes of which `readers` are filled at the same time.
    pub fn new(limit: u64, chunk: usize, readers: usize) -> Arc<Self> {
        let room = chunk + chunk / 16;
        Arc::new(Self { limit, room, idle_limit: readers * 2 + 2, state: Mutex::default(), freed: Notify::new() })
    }

    /// The limit in bytes.
    pub const fn limit(&self) -> u64 {
        self.limit
    }

    /// Bytes leased and kept now.
    pub fn used(&self) -> u64 {
        self.state().used
    }

    /// An empty buffer for a chunk, or for one row of `row` bytes where that is more. Waits for room; one chunk has room whatever the
    /// limit is. Safe to abandon while it waits.
    pub async fn buffer(self: &Arc<Self>, row: usize) -> (Vec<u8>, Lease) {
        loop {
            // Enlisted before the look at the state, so that room freed in between is not missed.
            let freed = self.freed.notified();
            tokio::pin!(freed);
            freed.as_mut().enable();
            if let Some(found) = self.take(row, false) {
                return found;
            }
            freed.await;
        }
    }

    /// The same, at once: for who holds a buffer already and would wait for himself.
    pub fn further_buffer(self: &Arc<Self>, row: usize) -> (Vec<u8>, Lease) {
        match self.take(row, true) {
            Some(found) => found,
            None => unreachable!("a forced request is always granted"),
        }
    }

    fn take(self: &Arc<Self>, row: usize, force: bool) -> Option<(Vec<u8>, Lease)> {
        let room = self.room.max(row);
        let mut state = self.state();
        // Idle buffers are too small for a huge row: they make way for it.
        while room > self.room && state.used + room as u64 > self.limit {
            let Some(idle) = state.idle.pop() else { break };
            state.used = state.used.saturating_sub(idle.capacity() as u64);
        }
        let idle = if room > self.room { None } else { state.idle.pop() };
        let buffer = match idle {
            Some(buffer) => buffer,
            None if force || state.lent == 0 || state.used + room as u64 <= self.limit => {
                let buffer = Vec::with_capacity(room);
                state.used += buffer.capacity() as u64;
                buffer
            }
            None => return None,
        };
        state.lent += 1;
        drop(state);
        let bytes = buffer.capacity() as u64;
        Some((buffer, Lease { budget: self.clone(), bytes, purpose: Use::Chunk }))
    }

    /// A lease for a compressed frame, granted at once: the chunk that it was made of is about to be given back.
    pub fn frame(self: &Arc<Self>, bytes: u64) -> Lease {
        self.state().used += bytes;
        Lease { budget: self.clone(), bytes, purpose: Use::Frame }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Gives a chunk's buffer back to be used again: a fresh one costs a page fault for each of its pages. One that a huge row has made
    /// large is let go.
    pub fn recycle(mut self, mut buffer: Vec<u8>) {
        self.resize(buffer.capacity() as u64);
        let budget = self.budget.clone();
        let mut state = budget.state();
        let keep = (budget.room..=2 * budget.room).contains(&buffer.capacity())
            && state.idle.len() < budget.idle_limit
            && state.used <= budget.limit;
        if keep {
            buffer.clear();
            state.idle.push(buffer);
            // The bytes of an idle buffer stay in use: only the loan ends here.
            self.bytes = 0;
        }
        // The drop of the lease takes the lock again and wakes who waits.
    }

    /// Whether a buffer is worth keeping for further chunks: one that was made for a huge row is not.
    pub fn suits(&self, buffer: &Vec<u8>) -> bool {
        buffer.capacity() <= 2 * self.budget.room
    }

    /// Makes it so many bytes, at once.
    pub fn resize(&mut self, bytes: u64) {
        let mut state = self.budget.state();
        state.used = (state.used + bytes).saturating_sub(self.bytes);
        let less = bytes < self.bytes;
        drop(state);
        self.bytes = bytes;
        if less {
            self.budget.freed.notify_waiters();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut state = self.budget.state();
        state.used = state.used.saturating_sub(self.bytes);
        if self.purpose == Use::Chunk {
            state.lent -= 1;
        }
        drop(state);
        self.budget.freed.notify_waiters();
    }
}
