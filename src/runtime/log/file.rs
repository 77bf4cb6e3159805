//! The log in a file: appended to by any number of processes, rotated by size, bounded in number and in total, never filling a disk.
//!
//! Every batch is written under a lock on the file itself (flock), after a look whether the path still leads to it: who rotates holds that
//! lock, so that nobody writes into a file that is being renamed, and nobody else renames at the same time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long other processes are waited for, who hold the lock or rotate the file again and again; only the log's own thread waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// The time between two looks at a lock that others hold: short, since they hold it for one write.
const NAP: Duration = Duration::from_micros(200);

/// How much may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of one file.
    pub size: u64,
    /// Files, the current one among them.
    pub files: u64,
    /// The most bytes of all of them together.
    pub total: u64,
    /// Bytes that stay free on the file system; never more than a twentieth of it, so that a small one can be logged to at all.
    pub free: u64,
}

/// A file that is rotated.
pub struct Rotating {
    path: PathBuf,
    limits: Limits,
    file: Option<File>,
}

impl Rotating {
    /// Opens it, so that what is in the way is known at once.
    pub fn open(path: PathBuf, limits: Limits) -> io::Result<Self> {
        let limits = Limits { size: limits.size.min(limits.total), ..limits };
        let file = Some(open(&path)?);
        Ok(Self { path, limits, file })
    }

    /// Appends whole lines; all of them or, with an error, none.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let file = match self.file.take() {
                Some(file) => file,
                None => open(&self.path)?,
            };
            let meta = file.metadata()?;
            if !meta.is_file() {
                // A pipe or a device: nothing to rotate, nothing that fills.
                (&file).write_all(bytes)?;
                self.file = Some(file);
                return Ok(());
            }
            let locked = Locked::of(&file, until)?;
            if !leads_to(&self.path, &file)? {
                if Instant::now() > until {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "the file is renamed again and again"));
                }
                continue;
            }
            // Under the lock nobody else changes it.
            let size = file.metadata()?.len();
            if size > 0 && size + bytes.len() as u64 > self.limits.size {
                rotate(&self.path, size, self.limits)?;
                continue;
            }
            room(&file, bytes.len() as u64, self.limits.free)?;
            if let Err(error) = (&file).write_all(bytes) {
                // Half a line would be glued to the next one. What cannot be taken back either is the file system's own trouble.
                let _ = file.set_len(size);
                return Err(error);
            }
            drop(locked);
            self.file = Some(file);
            return Ok(());
        }
    }
}

impl Rotating {
    /// Waits until what was appended last is on the disk; where there are no disks below (a pipe, a device) there is nothing to wait for.
    pub fn sync(&self) -> io::Result<()> {
        match &self.file {
            Some(file) if file.metadata()?.is_file() => file.sync_data(),
            _ => Ok(()),
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    // Without waiting: a pipe that nobody reads must not hold up the start.
    let flags = rustix::fs::OFlags::NONBLOCK.bits();
    OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(i32::try_from(flags).unwrap_or(0)).open(path)
}

/// An error when less than the floor would stay free.
fn room(file: &File, wanted: u64, floor: u64) -> io::Result<()> {
    let stat = rustix::fs::fstatvfs(file)?;
    let (free, total) = (stat.f_bavail.saturating_mul(stat.f_frsize), stat.f_blocks.saturating_mul(stat.f_frsize));
    // A file system that does not know its size (0) is taken to have room.
    if total > 0 && free.saturating_sub(wanted) < floor.min(total / 20) {
        return Err(io::Error::new(io::ErrorKind::StorageFull, "the disk is nearly full"));
    }
    Ok(())
}

fn leads_to(path: &Path, file: &File) -> io::Result<bool> {
    match std::fs::metadata(path) {
        Ok(there) => {
            let ours = file.metadata()?;
            Ok((there.dev(), there.ino()) == (ours.dev(), ours.ino()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Gives the file the next number, and removes what is too much. The caller holds its lock.
fn rotate(path: &Path, size: u64, limits: Limits) -> io::Result<()> {
    let mut sum = size;
    // The new file may grow to its full size.
    let budget = limits.total - limits.size;
    let mut kept = Vec::new();
    for (number, bytes) in rotated(path)? {
        sum = sum.saturating_add(bytes);
        if sum <= budget && number + 1 < limits.files {
            kept.push(number);
        } else {
            gone(std::fs::remove_file(numbered(path, number)))?;
        }
    }
    for number in kept.into_iter().rev() {
        gone(std::fs::rename(numbered(path, number), numbered(path, number + 1)))?;
    }
    if limits.files > 1 && size <= budget { std::fs::rename(path, numbered(path, 1)) } else { std::fs::remove_file(path) }
}

/// What somebody else removed needs not be removed.
fn gone(result: io::Result<()>) -> io::Result<()> {
    result.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

fn numbered(path: &Path, number: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}

/// The files that were rotated, with their sizes, the newest first.
fn rotated(path: &Path) -> io::Result<Vec<(u64, u64)>> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let other = entry.file_name().to_string_lossy().into_owned();
        let number = other.strip_prefix(&name).and_then(|rest| rest.strip_prefix('.')).and_then(|number| number.parse::<u64>().ok());
        if let (Some(number), Ok(meta)) = (number, entry.metadata()) {
            found.push((number, meta.len()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// A lock that ends with its scope.
struct Locked<'a>(&'a File);

impl<'a> Locked<'a> {
    fn of(file: &'a File, until: Instant) -> io::Result<Self> {
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self(file)),
                // The log's own thread: a lock that is waited for has no limit, and one here must have.
                Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(NAP),
                Err(TryLockError::WouldBlock) => {
                    return Err(io::Error::new(io::ErrorKind::TimedOut, "another process holds the log file's lock"));
                }
                // A file system without locks: appending is the best there is.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => return Ok(Self(file)),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // Closing the file would give it back as well.
        let _ = self.0.unlock();
    }
}
