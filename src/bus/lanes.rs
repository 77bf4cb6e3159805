//! The three lanes: kept, latest, droppable. What was posted comes out in the order of posting, across lanes too, so that a source's
//! last word comes after all else that it said.

use super::Promise;
use super::ring::{Cursor, Ring};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;

/// What comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Out<K, E> {
    /// An event of a source.
    Event(K, E),
    /// So many droppable events were lost before the next one.
    Lost(u64),
}

/// Three lanes with one reader.
///
/// Bounds: the kept lane grows only by what admitted sources post (a handful each); the latest lane has one slot for each source; the
/// droppable lane is a ring. Nothing here blocks; there is nothing to close.
#[derive(Debug)]
pub struct Lanes<K, E> {
    /// The number of the next post, over all lanes.
    next: u64,
    kept: VecDeque<(u64, K, E)>,
    /// The slots in the order of their last write, and where each source's slot is.
    slots: BTreeMap<u64, (K, E)>,
    slot_of: HashMap<K, u64>,
    ring: Ring<(u64, K, E)>,
    cursor: Cursor,
}

impl<K: Clone + Eq + Hash, E: Clone> Lanes<K, E> {
    /// Empty lanes; the droppable one holds `capacity` events.
    pub fn new(capacity: usize) -> Self {
        Self {
            next: 0,
            kept: VecDeque::new(),
            slots: BTreeMap::new(),
            slot_of: HashMap::new(),
            ring: Ring::new(capacity),
            cursor: Cursor::default(),
        }
    }

    /// Takes an event of a source.
    pub fn post(&mut self, promise: Promise, source: K, event: E) {
        let number = self.next;
        self.next += 1;
        match promise {
            Promise::Kept => self.kept.push_back((number, source, event)),
            Promise::Latest => {
                if let Some(old) = self.slot_of.insert(source.clone(), number) {
                    self.slots.remove(&old);
                }
                self.slots.insert(number, (source, event));
            }
            Promise::Droppable => self.ring.push((number, source, event)),
        }
    }

    /// Whether nothing waits to be taken.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.slots.is_empty() && self.ring.peek(self.cursor).is_none()
    }

    /// Events held in memory, read or not.
    pub fn held(&self) -> usize {
        self.kept.len() + self.slots.len() + self.ring.len()
    }

    /// Takes the oldest event of all lanes, or the news that droppable ones were lost.
    pub fn take(&mut self) -> Option<Out<K, E>> {
        let lost = self.ring.skip_lost(&mut self.cursor);
        if lost > 0 {
            return Some(Out::Lost(lost));
        }
        let kept = self.kept.front().map(|(number, ..)| *number);
        let slot = self.slots.first_key_value().map(|(number, _)| *number);
        let ring = self.ring.peek(self.cursor).map(|(number, ..)| *number);
        let oldest = [kept, slot, ring].into_iter().flatten().min()?;
        if kept == Some(oldest) {
            self.kept.pop_front().map(|(_, source, event)| Out::Event(source, event))
        } else if slot == Some(oldest) {
            let (_, (source, event)) = self.slots.pop_first()?;
            self.slot_of.remove(&source);
            Some(Out::Event(source, event))
        } else {
            let (_, source, event) = self.ring.peek(self.cursor)?.clone();
            self.ring.advance(&mut self.cursor);
            Some(Out::Event(source, event))
        }
    }
}
