//! The archive of the write-ahead log: archiving a segment, handing one back, looking through all of them.

pub mod command;
pub mod figures;
pub mod stored;
pub mod survey;
