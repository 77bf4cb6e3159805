//! The write-ahead log of PostgreSQL as its archive shows it: positions, names of segments, what an archive holds. No input or output.

mod cleanup;
pub mod history;
mod name;
mod report;
mod span;
mod switch;

pub use cleanup::Cleanup;
pub use name::{Lsn, Segment, SegmentName, SegmentSize, Stored, Timeline, WalName, Wrapping};
pub use report::{ArchiverState, CommandKind, Gap, Hour, SlotHold, Source, TimelineSummary, WalReport, WalStats};
pub use span::SegmentSpan;
pub use switch::{Answer, ArchiveFolder, ArchivingSetting, Direction, SettingChange, Switch, SwitchCheck};
