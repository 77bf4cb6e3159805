//! Where archives live, and what is temporary.

mod failure;
pub mod local;
pub mod work;

pub use failure::io_fault;
