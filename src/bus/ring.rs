//! A ring of numbered things that forgets the oldest; each reader learns how many it missed.

use std::collections::VecDeque;

/// Where a reader is: the number of the next thing it has not seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor(u64);

/// Holds at most `capacity` things; when full the oldest goes, and readers that had not seen it are told so. Never closed.
#[derive(Debug)]
pub struct Ring<T> {
    kept: VecDeque<T>,
    capacity: usize,
    /// The number of the first thing in `kept`.
    first: u64,
}

impl<T> Ring<T> {
    /// An empty ring; `capacity` is at least 1.
    pub fn new(capacity: usize) -> Self {
        Self { kept: VecDeque::new(), capacity: capacity.max(1), first: 0 }
    }

    /// Adds one; the oldest makes room for it.
    pub fn push(&mut self, thing: T) {
        if self.kept.len() == self.capacity {
            self.kept.pop_front();
            self.first += 1;
        }
        self.kept.push_back(thing);
    }

    /// How many things the ring holds.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Moves a cursor past what it missed, and says how many that were.
    pub fn skip_lost(&self, cursor: &mut Cursor) -> u64 {
        let lost = self.first.saturating_sub(cursor.0);
        cursor.0 += lost;
        lost
    }

    /// What a cursor stands before. Without [`Ring::skip_lost`] before it, the oldest thing that is left.
    pub fn peek(&self, cursor: Cursor) -> Option<&T> {
        let at = usize::try_from(cursor.0.max(self.first) - self.first).ok()?;
        self.kept.get(at)
    }

    /// Moves a cursor over one thing.
    pub fn advance(&self, cursor: &mut Cursor) {
        cursor.0 = cursor.0.max(self.first) + 1;
    }
}
