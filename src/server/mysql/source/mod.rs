//! What a backup reads.

pub mod facts;
pub mod globals;
pub mod tables;
pub mod view;
