//! The sessions that one connector has open, by their numbers on the server.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The sessions of one connector, and of its clones.
#[derive(Debug, Default)]
pub struct Roll(Mutex<HashSet<u64>>);

/// A session's entry; it goes when dropped.
#[derive(Debug)]
pub struct Entry {
    roll: Arc<Roll>,
    id: u64,
}

impl Roll {
    fn lock(&self) -> MutexGuard<'_, HashSet<u64>> {
        // A set of numbers is never left half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a session.
    pub fn enter(self: &Arc<Self>, id: u64) -> Entry {
        self.lock().insert(id);
        Entry { roll: Arc::clone(self), id }
    }

    /// The sessions that are open, in order.
    pub fn ids(&self) -> Vec<u64> {
        let mut ids: Vec<u64> = self.lock().iter().copied().collect();
        ids.sort_unstable();
        ids
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.roll.lock().remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_leave_the_roll_when_they_end() {
        let roll = Arc::new(Roll::default());
        let (one, two) = (roll.enter(1), roll.enter(2));
        drop(one);
        assert_eq!(roll.ids(), [2]);
        drop(two);
        assert!(roll.ids().is_empty());
    }
}
