//! Names, numbers and plain data that every other room speaks. No I/O, no clock, no threads.

pub mod binlog;
pub mod cause;
pub mod codec;
pub mod connection;
pub mod diagnosis;
pub mod fault;
pub mod job;
pub mod levels;
pub mod listing;
pub mod password;
pub mod plan;
pub mod recovery;
pub mod redact;
pub mod schema;
pub mod server;
pub mod setting;
pub mod size;
pub mod spec;
pub mod text;
pub mod time;
pub mod wait;
pub mod wal;

pub use codec::{Codec, Compression};
pub use connection::{Connection, Product, SslMode};
pub use fault::{Code, Fault, Retry};
pub use size::Bytes;
pub use time::Stamp;
