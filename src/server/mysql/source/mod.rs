//! What a backup reads.

mod baseline;
mod candidates;
mod cut;
mod escape;
pub mod facts;
pub mod globals;
mod grants;
mod keys;
mod locks;
mod moment;
mod pool;
mod reader;
mod snapshot;
pub mod tables;
pub mod view;
