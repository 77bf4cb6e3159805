//! The write-ahead log as bytes.

pub mod header;
