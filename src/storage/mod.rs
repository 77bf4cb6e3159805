//! Where archives live.

mod failure;
pub mod local;
