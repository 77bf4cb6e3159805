//! What a backup reads.

mod created;
pub mod facts;
pub mod globals;
pub mod inventory;
mod kinds;
pub mod objects;
mod order;
pub mod properties;
mod rights;
mod sequences;
pub mod tables;
mod text;
pub mod view;

pub use rights::account;
