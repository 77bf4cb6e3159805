//! Changing a server: databases, globals, definitions, rows.

pub mod database;
pub mod global;
pub mod loader;
