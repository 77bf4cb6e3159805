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

/// How full a file system is, as those see it that have no share in the reserve for root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Bytes in use.
    pub used: u64,
    /// Bytes that an ordinary process may still use.
    pub free: u64,
    /// Files that it can hold; 0 where there is no such limit.
    pub inodes: u64,
    /// Files that it can still take.
    pub inodes_free: u64,
    /// Whether it is mounted read-only.
    pub read_only: bool,
    /// Its device: two paths of one device share its room.
    pub device: u64,
}

/// How full the file system is that holds this path. Blocks for as long as the file system does not answer, which on a network one may be
/// for ever.
pub fn fill(path: &Path) -> io::Result<Fill> {
    let stat = rustix::fs::statvfs(path)?;
    let device = std::os::unix::fs::MetadataExt::dev(&std::fs::metadata(path)?);
    Ok(Fill {
        used: stat.f_blocks.saturating_sub(stat.f_bfree).saturating_mul(stat.f_frsize),
        free: stat.f_bavail.saturating_mul(stat.f_frsize),
        inodes: stat.f_files,
        inodes_free: stat.f_ffree,
        read_only: stat.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY),
        device,
    })
}
