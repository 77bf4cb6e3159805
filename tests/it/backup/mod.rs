//! Backups: the pipe with a server that misbehaves on command, then with real servers.

mod budget;
mod fake;
mod obstacles;
mod pipe;
mod real;
