//! The sessions that one connector has open: their processes on the server, and the name that pg_dump's session gets.
//!
//! A session tells its process when it opens, so that it is known for certain, whatever its `application_name`. pg_dump's cannot, so it
//! gets a name that no other run has. (A pooler in session mode keeps a session's process as long as the session; others are refused.)

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the `application_name` of all our sessions is, or begins with.
pub const APPLICATION: &str = "dbbackup";

/// The sessions of one connector, and of its clones.
pub struct Roll {
    pids: Mutex<HashSet<i32>>,
    dump: String,
}

/// A session's entry; it goes when dropped.
pub struct Entry {
    roll: Arc<Roll>,
    pid: i32,
}

impl Default for Roll {
    fn default() -> Self {
        let token = uuid::Uuid::now_v7().simple().to_string();
        // The end of such a number is random; the whole would not fit into a name.
        Self { pids: Mutex::default(), dump: format!("{APPLICATION}: pg_dump {}", &token[token.len() - 12..]) }
    }
}

impl Roll {
    fn lock(&self) -> MutexGuard<'_, HashSet<i32>> {
        // A set of numbers is never left half changed.
        self.pids.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a session.
    pub fn enter(self: &Arc<Self>, pid: i32) -> Entry {
        self.lock().insert(pid);
        Entry { roll: Arc::clone(self), pid }
    }

    /// The processes of the sessions that are open.
    pub fn pids(&self) -> Vec<i32> {
        self.lock().iter().copied().collect()
    }

    /// The `application_name` of pg_dump's sessions.
    pub fn dump_name(&self) -> &str {
        &self.dump
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.roll.lock().remove(&self.pid);
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
        assert_eq!(roll.pids(), [2]);
        drop(two);
        assert!(roll.pids().is_empty());
        assert!(roll.dump_name() != Roll::default().dump_name() && roll.dump_name().len() < 64);
    }
}
