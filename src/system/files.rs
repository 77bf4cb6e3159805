//! How many files are open, of how many that may be.

use super::Roots;
use std::fs;
use std::io::{self, Error};

/// Open files of this process and of the whole system, with their limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    /// Ours.
    pub own: u64,
    /// How many we may have (the soft limit).
    pub own_limit: u64,
    /// The system's.
    pub system: u64,
    /// How many it may have.
    pub system_limit: u64,
}

/// Counts them.
pub fn open(roots: &Roots) -> io::Result<Open> {
    let own = fs::read_dir(roots.proc.join("self/fd"))?.count() as u64;
    let limits = fs::read_to_string(roots.proc.join("self/limits"))?;
    let own_limit = limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next().map(str::to_owned));
    let own_limit = match own_limit.as_deref() {
        Some("unlimited") => u64::MAX,
        Some(number) => number.parse().map_err(Error::other)?,
        None => return Err(Error::other("the kernel names no limit of open files")),
    };
    // allocated, free (always 0), most that may be: Linux's documentation, "sysctl/fs", `file-nr`.
    let all = fs::read_to_string(roots.proc.join("sys/fs/file-nr"))?;
    let numbers: Vec<u64> = all.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    match numbers.as_slice() {
        // The folder was open itself while it was counted.
        [system, _, system_limit] => Ok(Open { own: own.saturating_sub(1), own_limit, system: *system, system_limit: *system_limit }),
        _ => Err(Error::other("the kernel does not say how many files are open")),
    }
}
