//! Archives in a folder: written under a temporary name, synced, then named; never readable by others; leftovers swept.

use crate::domain::Fault;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file that does not have its name yet. Dropped without [`NewFile::commit`], it is gone.
pub struct NewFile {}

impl NewFile {
    /// Makes a temporary file (`O_EXCL`, 0600) in the folder of the final path; takes a lock that tells a living run's file from a leftover.
    pub fn create(path: &Path) -> Result<Self, Fault> {
        let _ = path;
        unimplemented!()
    }

    /// Syncs and returns the temporary file's path, so that what is on the disk can be checked before it gets its name.
    pub fn sync(&mut self) -> Result<PathBuf, Fault> {
        unimplemented!()
    }

    /// Syncs, gives the file its name (never over another file), and syncs the folder.
    pub fn commit(self) -> Result<PathBuf, Fault> {
        unimplemented!()
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = bytes;
        unimplemented!()
    }

    fn flush(&mut self) -> io::Result<()> {
        unimplemented!()
    }
}

/// Writes a small file in one go, the same way (`.sha256`, `.meta.json`); an old one of that name is replaced.
pub fn write_small(path: &Path, content: &[u8]) -> Result<(), Fault> {
    let _ = (path, content);
    unimplemented!()
}

/// Makes the backup folder if it is missing (0700) and tests that it can be written to.
pub fn prepare_dir(dir: &Path) -> Result<(), Fault> {
    let _ = dir;
    unimplemented!()
}

/// Removes what killed runs left in a folder; files of living runs stay. Returns what was removed.
pub fn sweep(dir: &Path) -> Result<Vec<PathBuf>, Fault> {
    let _ = dir;
    unimplemented!()
}

/// Paths of the archives in a folder, newest first by name and time.
pub fn archives(dir: &Path) -> Result<Vec<PathBuf>, Fault> {
    let _ = dir;
    unimplemented!()
}

/// A fault from an operating system error: disk full, permission, missing, …
pub fn io_fault(what: impl Into<String>, path: &Path, error: &io::Error) -> Fault {
    let _ = (what.into(), path, error);
    unimplemented!()
}
