//! What tests stand on: private servers, the built program, folders, terminals.

pub mod cluster;
pub mod compare;
pub mod pgbouncer;
pub mod postgres;
pub mod program;
pub mod proxy;
pub mod zoo;
