//! One place to wait at: input, answers and the three lanes, behind one mutex and one condition variable.

use super::Promise;
use super::lanes::{Lanes, Out};
use std::collections::VecDeque;
use std::hash::Hash;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Events that the droppable lane keeps.
pub const TELEMETRY: usize = 4096;
/// Inputs that wait; more come from no person.
pub const INPUTS: usize = 1024;

/// How much is taken at once: separate, so that a flood of events never starves the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Inputs and answers.
    pub input: usize,
    /// Events.
    pub events: usize,
}

/// What is taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<I, K, E> {
    /// An input or an answer.
    Input(I),
    /// An event of a source.
    Event(K, E),
    /// So many droppable events were lost.
    Lost(u64),
}

/// Whether an input was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It waits to be read.
    Yes,
    /// The queue is full; it is gone.
    Full,
}

/// Why the wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Something is there.
    Posted,
    /// The deadline has come.
    Deadline,
}

struct Inner<I, K, E> {
    inputs: VecDeque<I>,
    /// Only the last one counts: a window's size.
    latest_input: Option<I>,
    /// Answers and other inputs that must not get lost. Bounded by the questions asked.
    answers: VecDeque<I>,
    lanes: Lanes<K, E>,
}

/// Joins everything that one thread listens to.
///
/// Bounds: [`INPUTS`] inputs, further ones are refused; one latest input; answers as many as questions were asked; lanes as
/// [`Lanes`] says. Nobody closes it: it goes with its last owner.
pub struct Mailbox<I, K, E> {
    inner: Mutex<Inner<I, K, E>>,
    posted: Condvar,
}

impl<I, K: Clone + Eq + Hash, E: Clone> Default for Mailbox<I, K, E> {
    fn default() -> Self {
        Self::with_telemetry(TELEMETRY)
    }
}

impl<I, K: Clone + Eq + Hash, E: Clone> Mailbox<I, K, E> {
    /// A mailbox whose droppable lane keeps so many events.
    pub fn with_telemetry(capacity: usize) -> Self {
        Self {
            inner: Mutex::new(Inner { inputs: VecDeque::new(), latest_input: None, answers: VecDeque::new(), lanes: Lanes::new(capacity) }),
            posted: Condvar::new(),
        }
    }

    /// The queues are whole even if a poster panicked between two statements: each push is one statement.
    fn lock(&self) -> MutexGuard<'_, Inner<I, K, E>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Posts a key or a paste.
    pub fn input(&self, input: I) -> Taken {
        let mut inner = self.lock();
        if inner.inputs.len() >= INPUTS {
            return Taken::Full;
        }
        inner.inputs.push_back(input);
        drop(inner);
        self.posted.notify_one();
        Taken::Yes
    }

    /// Posts an input of which only the last one counts.
    pub fn latest(&self, input: I) {
        self.lock().latest_input = Some(input);
        self.posted.notify_one();
    }

    /// Posts an answer or a signal: kept whatever else waits.
    pub fn answer(&self, answer: I) {
        self.lock().answers.push_back(answer);
        self.posted.notify_one();
    }

    /// Posts an event of a source.
    pub fn post(&self, promise: Promise, source: K, event: E) {
        self.lock().lanes.post(promise, source, event);
        self.posted.notify_one();
    }

    /// Waits until something is there or the deadline has come; without a deadline as long as it takes.
    pub fn wait_until(&self, deadline: Option<Instant>) -> Wake {
        let mut inner = self.lock();
        loop {
            if !(inner.inputs.is_empty() && inner.answers.is_empty() && inner.latest_input.is_none() && inner.lanes.is_empty()) {
                return Wake::Posted;
            }
            inner = match deadline {
                None => self.posted.wait(inner).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Wake::Deadline;
                    }
                    self.posted.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Takes what is there, answers and inputs first, up to the budget.
    pub fn drain(&self, budget: Budget, into: &mut Vec<Item<I, K, E>>) {
        let mut inner = self.lock();
        let Inner { inputs, latest_input, answers, lanes } = &mut *inner;
        into.extend(latest_input.take().into_iter().map(Item::Input));
        let answers = answers.drain(..budget.input.min(answers.len()));
        into.extend(answers.map(Item::Input));
        let inputs = inputs.drain(..budget.input.min(inputs.len()));
        into.extend(inputs.map(Item::Input));
        for _ in 0..budget.events {
            match lanes.take() {
                Some(Out::Event(source, event)) => into.push(Item::Event(source, event)),
                Some(Out::Lost(count)) => into.push(Item::Lost(count)),
                None => break,
            }
        }
    }
}
