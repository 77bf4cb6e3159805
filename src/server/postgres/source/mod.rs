//! Reading a server: facts, definitions, snapshots, rows.

mod acl;
pub mod facts;
pub mod globals;
mod guard;
mod inventory;
mod kinds;
mod large_objects;
mod locking;
mod matviews;
mod objects;
mod properties;
mod reader;
mod roots;
mod sequences;
mod settings;
pub mod snapshot;
pub mod tables;
pub mod tool;
