//! Reading a server: facts, definitions, snapshots, rows.

pub mod facts;
pub mod globals;
pub mod snapshot;
pub mod tables;
pub mod tool;
