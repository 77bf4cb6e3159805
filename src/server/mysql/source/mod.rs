//! What a backup reads.

mod baseline;
mod building;
mod candidates;
mod created;
mod cut;
mod escape;
pub mod facts;
mod files;
pub mod globals;
pub mod grants;
mod inventory;
mod keys;
mod kinds;
mod locks;
mod members;
mod moment;
mod objects;
mod order;
mod pool;
mod properties;
mod reader;
pub mod readiness;
mod rights;
mod sequences;
mod snapshot;
pub mod tables;
mod text;
pub mod view;

pub use rights::account;
