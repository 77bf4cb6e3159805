//! Facts about the host: processors, memory, disk, open files, load, its name. Knows nothing of backups.

pub mod disk;
pub mod files;
pub mod load;
pub mod memory;
pub mod pace;
pub mod user;

/// Where the kernel tells about itself. Tests give folders of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// `/proc`.
    pub proc: std::path::PathBuf,
    /// `/sys/fs/cgroup`.
    pub cgroup: std::path::PathBuf,
}

impl Default for Roots {
    fn default() -> Self {
        Self { proc: "/proc".into(), cgroup: "/sys/fs/cgroup".into() }
    }
}

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
