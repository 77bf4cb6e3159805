//! Changing a server: databases, globals, definitions, rows.

mod copy;
pub mod database;
pub mod features;
pub mod global;
mod large_objects;
pub mod ledger;
pub mod loader;
mod probe;
pub mod reading;
pub mod roles;
pub mod scratch;
mod script;
pub mod subscriptions;
pub mod supplies;
