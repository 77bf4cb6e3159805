//! Recovery to a moment: a data directory from base backups and the archived log, and the server on it, watched to where it stops.
//!
//! The plan answers everything that can be known before anything is made: which base backup, whether every segment is there, where the target
//! lies, whether the server's programs fit, whether there is room. The run makes files; a folder in which it did not come to its end has no
//! `global/pg_control`, so that no server starts on it.

pub mod bases;
mod board;
pub mod chain;
mod choose;
mod finish;
mod increment;
mod launch;
pub mod log;
mod place;
mod plan;
mod replay;
mod run;
pub mod search;
mod unpack;
mod watch;

pub use plan::plan;
pub use run::run;
