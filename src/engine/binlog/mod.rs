//! The archive of the binary log of MySQL and MariaDB: following a server's log, looking through what is archived, replaying it.

pub mod archive;
pub mod backups;
mod conditions;
pub mod identity;
pub mod keep;
pub mod plan;
pub mod replay;
pub mod scan;
pub mod standing;
pub mod survey;
mod work;

pub use crate::engine::wal::quoted;
