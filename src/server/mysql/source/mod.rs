//! What a backup reads.

mod baseline;
mod candidates;
mod created;
mod cut;
mod escape;
pub mod facts;
pub mod globals;
mod grants;
<<<<<<< HEAD
mod inventory;
=======
pub mod inventory;
>>>>>>> six
mod keys;
mod kinds;
mod locks;
mod moment;
<<<<<<< HEAD
mod objects;
mod order;
mod pool;
mod properties;
=======
pub mod objects;
mod order;
mod pool;
pub mod properties;
>>>>>>> six
mod reader;
mod rights;
mod sequences;
mod snapshot;
pub mod tables;
mod text;
pub mod view;

pub use rights::account;
