//! Watches what our sessions on a server wait for, and who is in their way; ends such a session when a person asks for it.
//!
//! Knows PostgreSQL's view of locks (`pg_locks`, `pg_blocking_pids`, `pg_stat_activity`); knows nothing of jobs, of when to look, or of
//! what becomes of what it saw.

pub mod end;
pub mod monitor;
pub mod roll;
pub mod tree;
