//! The write-ahead log of PostgreSQL as its archive shows it: positions, names of segments, what an archive holds. No input or output.

pub mod history;
mod name;
mod report;

pub use name::{Lsn, Segment, SegmentName, SegmentSize, Stored, Timeline, WalName, Wrapping};
pub use report::{ArchiverState, CommandKind, Gap, Hour, SlotHold, Source, TimelineSummary, WalReport, WalStats};
