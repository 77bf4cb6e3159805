//! Room on a file system, and whether a folder can be written to.

use std::io;
use std::path::{Path, PathBuf};

/// Room on a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What an ordinary process may still use (`f_bavail`, not the reserve for root).
    pub free: u64,
    /// Its size.
    pub total: u64,
}

/// The room on the file system that holds this path.
pub fn space(path: &Path) -> io::Result<Space> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(Space { free: stat.f_bavail.saturating_mul(stat.f_frsize), total: stat.f_blocks.saturating_mul(stat.f_frsize) })
}

/// Whether files can be made in a folder, by its rights and its file system; nothing is written.
pub fn writable(dir: &Path) -> io::Result<()> {
    Ok(rustix::fs::access(dir, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK)?)
}

/// The path itself when it is there, else the nearest folder above it that is.
pub fn nearest_existing(path: &Path) -> PathBuf {
    path.ancestors()
        .find(|above| !above.as_os_str().is_empty() && above.symlink_metadata().is_ok())
        .map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}
