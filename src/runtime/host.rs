//! What the host has.

use crate::config::connection::Host;

/// Memory that a host is taken to have when it does not say, in bytes.
const ASSUMED: u64 = 1 << 30;

/// Processors and memory that this process may use; the limits of a container count.
pub fn facts() -> Host {
    let processors = std::thread::available_parallelism().map_or(2, |count| u32::try_from(count.get()).unwrap_or(16));
    let Ok(mut system) = sysinfo::System::new() else { return Host { processors, memory: ASSUMED } };
    system.refresh_memory();
    let limit = system.cgroup_limits().map_or(u64::MAX, |limits| limits.total_memory);
    Host { processors, memory: system.total_memory().min(limit) }
}
