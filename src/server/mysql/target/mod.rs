//! What a restore writes through.

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
mod rows;
pub mod scratch;
mod script;
mod settings;
pub mod supplies;
mod values;
mod zeros;
