//! Archives in a folder: written under a temporary name, synced, then named; never readable by others; leftovers swept.

use super::failure::dir_of;
pub use super::failure::io_fault;
use crate::domain::{Code, Codec, Fault};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The ending of temporary names. No archive has it, and no glob for archives matches it.
const PARTIAL: &str = ".partial";

/// A file that does not have its name yet. Dropped without [`NewFile::commit`], it is gone.
#[derive(Debug)]
pub struct NewFile {
    /// The lock on it lives as long as the handle: a run that dies, however it dies, lets go of it.
    file: File,
    temporary: PathBuf,
    path: PathBuf,
    committed: bool,
}

impl NewFile {
    /// Makes a temporary file (`O_EXCL`, 0600) in the folder of the final path; takes a lock that tells a living run's file from a leftover.
    pub fn create(path: &Path) -> Result<Self, Fault> {
        if path.symlink_metadata().is_ok() {
            return Err(exists(path));
        }
        Self::create_beside(path)
    }

    /// The same where there may be a file of that name, which [`NewFile::commit_replacing`] replaces.
    pub fn create_beside(path: &Path) -> Result<Self, Fault> {
        let fault = |error: io::Error| io_fault("cannot make a file in the backup folder", path, &error);
        let name = path.file_name().ok_or_else(|| Fault::new(Code::Usage, format!("{} names no file", path.display())))?;
        // A few tries: another run's file of the same random name is next to impossible, a name that stayed behind is not.
        let mut tries = 0;
        loop {
            let random = uuid::Uuid::now_v7().simple().to_string();
            // The time is in the first half; the second half is random.
            let mut temporary = std::ffi::OsString::from(".");
            temporary.push(name);
            temporary.push(format!(".{}-{}{PARTIAL}", std::process::id(), &random[20..]));
            let temporary = dir_of(path).join(temporary);
            let file = match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&temporary) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < 3 => {
                    tries += 1;
                    continue;
                }
                Err(error) => return Err(fault(error)),
            };
            let new = Self { file, temporary, path: path.to_owned(), committed: false };
            match new.file.try_lock() {
                Ok(()) => {}
                // A file system without locks (some network ones): then the sweep leaves such files alone for a day.
                Err(TryLockError::Error(_)) => {}
                Err(TryLockError::WouldBlock) if tries < 3 => {
                    tries += 1;
                    continue;
                }
                Err(TryLockError::WouldBlock) => return Err(Fault::new(Code::AnotherRun, "another run has locked our new file")),
            }
            // A sweep between making and locking would have taken it for a leftover.
            if new.temporary.exists() {
                return Ok(new);
            }
            tries += 1;
            if tries > 3 {
                return Err(Fault::new(Code::AnotherRun, "another run removes our new files").at("File", new.temporary.display()));
            }
        }
    }

    /// Syncs and returns the temporary file's path, so that what is on the disk can be checked before it gets its name.
    pub fn sync(&mut self) -> Result<PathBuf, Fault> {
        self.file.sync_all().map_err(|error| io_fault("cannot write the archive to the disk", &self.path, &error))?;
        Ok(self.temporary.clone())
    }

    /// Syncs, gives the file its name (never over another file), and syncs the folder.
    pub fn commit(mut self) -> Result<PathBuf, Fault> {
        self.sync()?;
        name_without_replacing(&self.temporary, &self.path)?;
        self.committed = true;
        sync_dir(&self.path)?;
        Ok(self.path.clone())
    }

    /// Gives the file a time of last change other than that of its writing.
    pub fn set_modified(&self, time: SystemTime) -> Result<(), Fault> {
        self.file.set_modified(time).map_err(|error| io_fault("cannot set a file's time", &self.path, &error))
    }

    /// Syncs and gives the file its name, in place of what has it. The folder is not synced: for files that can be made again.
    pub fn commit_replacing(mut self) -> Result<(), Fault> {
        self.sync()?;
        std::fs::rename(&self.temporary, &self.path).map_err(|error| io_fault("cannot name a file", &self.path, &error))?;
        self.committed = true;
        Ok(())
    }

    fn commit_over(mut self) -> Result<File, Fault> {
        self.sync()?;
        std::fs::rename(&self.temporary, &self.path).map_err(|error| io_fault("cannot name a file", &self.path, &error))?;
        self.committed = true;
        sync_dir(&self.path)?;
        self.handle()
    }

    /// The file itself, with its lock.
    fn handle(&self) -> Result<File, Fault> {
        self.file.try_clone().map_err(|error| io_fault("cannot keep a file open", &self.path, &error))
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.committed {
            // Nothing more can be done about a failure; the next sweep tries again.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

impl Write for NewFile {
    /// An error carries a [`Fault`] that says what can be done.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            kind => io::Error::new(kind, io_fault("cannot write the archive", &self.path, &error)),
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Renames, or where the file system cannot do it without replacing, links and unlinks, which cannot replace either.
fn name_without_replacing(from: &Path, to: &Path) -> Result<(), Fault> {
    use rustix::io::Errno;
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => return Ok(()),
        Err(Errno::EXIST) => return Err(exists(to)),
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {}
        Err(error) => return Err(io_fault("cannot name the archive", to, &error.into())),
    }
    match std::fs::hard_link(from, to) {
        Ok(()) => std::fs::remove_file(from).map_err(|error| io_fault("cannot remove a temporary name", from, &error)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(exists(to)),
        Err(error) => Err(io_fault("cannot name the archive", to, &error)),
    }
}

fn exists(path: &Path) -> Fault {
    Fault::new(Code::OutputExists, format!("{} exists, and is not overwritten", path.display())).at("File", path.display()).step_run(
        "Move it away, or choose another folder or name:",
        format!("mv -n -- {0} {0}.old", shell_words::quote(&path.to_string_lossy())),
    )
}

/// Brings the names in a file's folder to the disk.
pub fn sync_dir(path: &Path) -> Result<(), Fault> {
    let dir = dir_of(path);
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|error| io_fault("cannot write the folder to the disk", dir, &error))
}

/// Writes a small file in one go, the same way (`.sha256`, `.meta.json`); an old one of that name is replaced.
pub fn write_small(path: &Path, content: &[u8]) -> Result<(), Fault> {
    replace(path, content).map(drop)
}

/// The same; the file stays locked as long as what this gives is held.
pub fn replace(path: &Path, content: &[u8]) -> Result<File, Fault> {
    let mut file = NewFile::create_beside(path)?;
    file.file.write_all(content).map_err(|error| io_fault("cannot write a file", path, &error))?;
    file.commit_over()
}

/// The same for a file that must not be there yet.
pub fn write_new(path: &Path, content: &[u8]) -> Result<File, Fault> {
    let mut file = NewFile::create(path)?;
    file.file.write_all(content).map_err(|error| io_fault("cannot write a file", path, &error))?;
    let handle = file.handle()?;
    file.commit()?;
    Ok(handle)
}

/// Locks a file that [`replace`] or [`write_new`] wrote. None: the run that wrote it lives.
pub fn hold(path: &Path) -> Result<Option<File>, Fault> {
    use std::os::unix::fs::MetadataExt;
    let fault = |error: io::Error| io_fault("cannot open the file", path, &error);
    let file = File::open(path).map_err(fault)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(None),
        // A file system without locks cannot tell.
        Ok(()) | Err(TryLockError::Error(_)) => {}
    }
    // Between opening and locking a living run may have replaced it; then what is locked is not the file of that name any more.
    let (held, named) = (file.metadata().map_err(fault)?, std::fs::metadata(path).map_err(fault)?);
    Ok(((held.dev(), held.ino()) == (named.dev(), named.ino())).then_some(file))
}

/// Reads a file of a size that is not too large to be right.
pub fn read_small(path: &Path, largest: u64) -> Result<Vec<u8>, Fault> {
    let fault = |error: io::Error| io_fault("cannot read the file", path, &error);
    let mut content = Vec::new();
    let mut file = File::open(path).map_err(fault)?.take(largest.saturating_add(1));
    file.read_to_end(&mut content).map_err(fault)?;
    if content.len() as u64 > largest {
        return Err(Fault::new(Code::Usage, format!("{} is too large to be right", path.display())).at("File", path.display()));
    }
    Ok(content)
}

/// Makes the backup folder if it is missing (0700) and tests that it can be written to.
pub fn prepare_dir(dir: &Path) -> Result<(), Fault> {
    let fault = |error: io::Error| {
        let mut fault = io_fault("cannot use the backup folder", dir, &error);
        if fault.code == Code::FileMissing {
            fault.code = Code::OutputUnwritable;
        }
        fault
    };
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(fault)?;
    if !std::fs::metadata(dir).map_err(fault)?.is_dir() {
        return Err(Fault::new(Code::OutputUnwritable, format!("{} is not a folder", dir.display())).at("Folder", dir.display()));
    }
    NewFile::create_beside(&dir.join("write-test")).map(drop)
}

/// Removes what killed runs left in a folder; files of living runs stay. Returns what was removed.
pub fn sweep(dir: &Path) -> Result<Vec<PathBuf>, Fault> {
    let mut removed = Vec::new();
    for path in files(dir)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !is_partial(&name) || !path.symlink_metadata().is_ok_and(|meta| meta.is_file()) {
            continue;
        }
        let Ok(file) = File::open(&path) else { continue };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => continue,
            // Without locks only age tells.
            Err(TryLockError::Error(_)) => {
                let age =
                    file.metadata().and_then(|meta| meta.modified()).ok().and_then(|time| SystemTime::now().duration_since(time).ok());
                if age.is_none_or(|age| age.as_secs() < 86_400) {
                    continue;
                }
            }
        }
        match std::fs::remove_file(&path) {
            Ok(()) => removed.push(path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io_fault("cannot remove what a killed run left", &path, &error)),
        }
    }
    removed.sort();
    Ok(removed)
}

/// `.<name>.<pid>-<12 hexadecimal digits>.partial`, and nothing that someone else could mean.
fn is_partial(name: &str) -> bool {
    let Some(rest) = name.strip_prefix('.').and_then(|rest| rest.strip_suffix(PARTIAL)) else { return false };
    let Some((_, tag)) = rest.rsplit_once('.') else { return false };
    let Some((pid, random)) = tag.split_once('-') else { return false };
    !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit()) && random.len() == 12 && random.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Paths of the archives in a folder, newest first by name and time.
pub fn archives(dir: &Path) -> Result<Vec<PathBuf>, Fault> {
    let mut found: Vec<(SystemTime, PathBuf)> = Vec::new();
    for path in files(dir)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') || !Codec::ALL.iter().any(|codec| name.ends_with(codec.extension())) {
            continue;
        }
        // A file that went meanwhile is no archive any more.
        if let Ok(meta) = std::fs::metadata(&path)
            && meta.is_file()
        {
            found.push((meta.modified().unwrap_or(SystemTime::UNIX_EPOCH), path));
        }
    }
    found.sort_by(|a, b| b.cmp(a));
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

fn files(dir: &Path) -> Result<Vec<PathBuf>, Fault> {
    let fault = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Fault::new(Code::FileMissing, "the folder is not there").at("Path", dir.display()).step_run(
            "A backup into it makes it. If it should be there, see whether its disk is mounted:",
            format!("findmnt -T {}", shell_words::quote(&dir.to_string_lossy())),
        ),
        _ => io_fault("cannot read the folder", dir, &error),
    };
    std::fs::read_dir(dir).map_err(fault)?.map(|entry| entry.map(|entry| entry.path()).map_err(fault)).collect()
}
