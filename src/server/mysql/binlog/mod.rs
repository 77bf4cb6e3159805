//! Events of the binary log of MySQL and MariaDB: what their bytes say. No input or output, and no server.
//!
//! Sources: MySQL's `libs/mysql/binlog/event/*.h` and `mysql/serialization`, MariaDB's `sql/log_event.h` and its knowledge base ("Replication
//! Protocol").

pub mod cursor;
pub mod event;
pub mod format;
pub mod payload;
pub mod query;
pub mod reader;
pub mod rows;
pub mod sets;
pub mod transaction;

/// The bytes by which a binary log is known.
pub const MAGIC: [u8; 4] = [0xfe, b'b', b'i', b'n'];

/// Those of one that the server encrypts on its disk: MySQL's.
pub const ENCRYPTED: [u8; 4] = [0xfd, b'b', b'i', b'n'];

/// The largest event that a server writes: `max_allowed_packet` ends at 1 GiB, and what is around a row is small.
pub const LARGEST: usize = (1 << 30) + (64 << 20);
