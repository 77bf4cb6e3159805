//! Where archives live.

pub mod local;
