//! What a restore writes through.

pub mod database;
pub mod global;
pub mod ledger;
pub mod loader;
pub mod reading;
pub mod scratch;
pub mod supplies;
