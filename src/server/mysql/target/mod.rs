//! What a restore writes through.

mod additions;
pub mod conditions;
pub mod database;
mod empty;
pub mod global;
mod infile;
mod inserts;
pub mod ledger;
pub mod loader;
mod make;
mod marker;
mod plain;
mod probe;
pub mod reading;
mod rename;
mod rights;
mod rows;
pub mod scratch;
mod script;
mod settings;
pub mod supplies;
mod values;
mod zeros;
