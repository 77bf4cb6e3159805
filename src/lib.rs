//! dbbackup backs up, restores and proves backups of databases, full-screen or headless.
//!
//! The rooms, from the ground up; arrows between them point down only (`tests/it/architecture` guards that):
//! `domain` (plain data) ← `archive`, `storage`, `server`, `system`, `config` ← `engine` ← `runtime`;
//! `domain` and `engine::event` ← `app` ← `view`; `bus` ← `runtime`; `app`, `runtime` ← `batch`. See docs/ARCHITECTURE.md.

pub mod app;
pub mod archive;
pub mod batch;
pub mod bus;
pub mod cli;
pub mod config;
pub mod domain;
pub mod engine;
pub mod runtime;
pub mod server;
pub mod storage;
pub mod system;
pub mod view;
