//! Facts about the host: processors, memory, disk, processes, its name. Knows nothing of backups.

pub mod disk;
pub mod memory;
pub mod pace;
pub mod user;

/// Processors that this process may use (affinity and cgroup quota are taken into account); at least one.
pub fn processors() -> u32 {
    std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
}

/// The host's name, as `uname -n` has it.
pub fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
