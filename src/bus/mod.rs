//! Carries what happens to the one thread that listens: three lanes with different promises, and a mailbox that joins them with input.
//!
//! Generic: it knows neither jobs nor keys, and depends on nothing else of this program. Posting never blocks and never awaits;
//! the critical sections are a few pushes.

pub mod lanes;
pub mod mailbox;
pub mod ring;

#[cfg(test)]
mod tests;

/// What the bus promises of something posted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Never lost. Bounded by who is admitted to post.
    Kept,
    /// Only the last one of its source counts.
    Latest,
    /// The oldest goes first when there are too many, and is counted.
    Droppable,
}
