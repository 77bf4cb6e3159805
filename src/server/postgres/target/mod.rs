//! Changing a server: databases, globals, definitions, rows.

mod copy;
pub mod database;
pub mod global;
mod large_objects;
pub mod ledger;
pub mod loader;
mod probe;
mod roles;
mod script;
pub mod subscriptions;
pub mod supplies;
pub mod throwaway;
