//! The write-ahead log as bytes.

pub mod header;
pub mod record;
pub mod records;
