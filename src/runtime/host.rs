//! What the host has.

use crate::config::connection::Host;
use crate::system;

/// Memory that a host is taken to have when it does not say, in bytes.
const ASSUMED: u64 = 1 << 30;

/// Processors and memory that this process may use.
pub fn facts() -> Host {
    Host { processors: system::processors(), memory: system::memory::limit().unwrap_or(ASSUMED) }
}
