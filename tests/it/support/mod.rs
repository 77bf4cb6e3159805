//! What tests stand on: private servers, folders, terminals.

pub mod postgres;
