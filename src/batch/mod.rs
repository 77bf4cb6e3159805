//! The headless run: from what was typed to what the application is started with, lines instead of a screen, results for scripts.
//! Runs the same application by the same loop as the full screen.

pub mod archive;
mod archiving;
mod binlog;
pub mod diagnose;
pub mod jsonl;
pub mod launch;
mod logging;
pub mod missing;
pub mod output;
pub mod query;
mod recover;
mod replay;
pub mod result;
pub mod script;
pub mod settings;
pub mod table;
pub mod text;
pub mod wal;
