//! The work folder: where a run keeps what is temporary. Owner-only, named after its run, and gone with it.
//!
//! A lock on a file in it tells a living run's folder from what a killed one left. Restores of our own archives need none.

use super::failure::io_fault;
use crate::domain::Fault;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What names of work folders begin with, and those that were kept on request: nobody sweeps these.
const PREFIX: &str = "dbbackup-work-";
const KEPT: &str = "dbbackup-kept-";

/// The lock in it.
const LOCK: &str = "owner.lock";

/// What becomes of the folder at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// It is removed, also after a failure.
    #[default]
    Remove,
    /// It stays, under a name that says so.
    Keep,
}

/// A work folder. Dropped, it is gone, unless it is to be kept.
#[derive(Debug)]
pub struct WorkFolder {
    path: PathBuf,
    keep: Keep,
    open: bool,
    _lock: File,
}

/// What a work folder was, when its run is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Where it was, or is when it was kept.
    pub path: PathBuf,
    /// What was in it, in bytes.
    pub bytes: u64,
    /// Whether it is still there.
    pub kept: Keep,
}

/// The folder in which work folders are made when nobody names one: `$TMPDIR`, else `/tmp`.
pub fn default_base() -> PathBuf {
    std::env::temp_dir()
}

impl WorkFolder {
    /// Makes one (0700 from the start) in a folder that is there, and writes a file into it, so that a folder that takes nothing is known now.
    pub fn create(base: &Path, keep: Keep) -> Result<Self, Fault> {
        let fault = |error: io::Error| with_cure(io_fault("cannot make a work folder", base, &error));
        let mut tries = 0;
        let path = loop {
            let random = uuid::Uuid::now_v7().simple().to_string();
            // The time is in the first half; the second half is random.
            let path = base.join(format!("{PREFIX}{}-{}", std::process::id(), &random[20..]));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => break path,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < 3 => tries += 1,
                Err(error) => return Err(fault(error)),
            }
        };
        let lock = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path.join(LOCK));
        let lock = lock.and_then(|mut lock| {
            io::Write::write_all(&mut lock, format!("{}\n", std::process::id()).as_bytes())?;
            // A file system without locks (some network ones): then the process id alone tells.
            let _ = lock.try_lock();
            Ok(lock)
        });
        match lock {
            Ok(lock) => Ok(Self { path, keep, open: true, _lock: lock }),
            Err(error) => {
                let _ = std::fs::remove_dir_all(&path);
                Err(fault(error))
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes or keeps it; says what was in it.
    pub fn close(mut self) -> Result<Past, Fault> {
        self.end()
    }

    fn end(&mut self) -> Result<Past, Fault> {
        self.open = false;
        let bytes = size(&self.path);
        let fault = |error: io::Error| with_cure(io_fault("cannot remove the work folder", &self.path, &error));
        if self.keep == Keep::Remove {
            std::fs::remove_dir_all(&self.path).map_err(fault)?;
            return Ok(Past { path: self.path.clone(), bytes, kept: Keep::Remove });
        }
        let _ = std::fs::remove_file(self.path.join(LOCK));
        let name = self.path.file_name().unwrap_or_default().to_string_lossy().replacen(PREFIX, KEPT, 1);
        let path = self.path.with_file_name(name);
        std::fs::rename(&self.path, &path).map_err(fault)?;
        Ok(Past { path, bytes, kept: Keep::Keep })
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        if self.open {
            // Nothing more can be done about a failure; the next run's sweep tries again.
            let _ = self.end();
        }
    }
}

fn with_cure(fault: Fault) -> Fault {
    fault.step_run("Name another folder for temporary files:", "--workdir DIR")
}

/// The bytes of all files in a folder.
fn size(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

/// Removes the work folders of runs that are no more; those of living runs, of other users, and those that were kept stay. Returns what was
/// removed, with its size in bytes.
pub fn sweep(base: &Path) -> Result<Vec<(PathBuf, u64)>, Fault> {
    let entries =
        std::fs::read_dir(base).map_err(|error| with_cure(io_fault("cannot read the folder for temporary files", base, &error)))?;
    let mut removed = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(pid) = owner(&name) else { continue };
        let ours = path.symlink_metadata().is_ok_and(|meta| meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw());
        if !ours || lives(&path, pid) {
            continue;
        }
        let bytes = size(&path);
        if std::fs::remove_dir_all(&path).is_ok() {
            removed.push((path, bytes));
        }
    }
    removed.sort();
    Ok(removed)
}

/// `dbbackup-work-<pid>-<12 hexadecimal digits>`, and nothing that someone else could mean.
fn owner(name: &str) -> Option<i32> {
    let (pid, random) = name.strip_prefix(PREFIX)?.split_once('-')?;
    let random = random.len() == 12 && random.bytes().all(|byte| byte.is_ascii_hexdigit());
    pid.parse().ok().filter(|pid| *pid > 0 && random)
}

/// Whether the run that made a folder is at work.
fn lives(path: &Path, pid: i32) -> bool {
    match File::open(path.join(LOCK)).map(|lock| lock.try_lock().map(|()| lock)) {
        Ok(Ok(_)) => false,
        Ok(Err(TryLockError::WouldBlock)) => true,
        // No lock yet, or none to be had.
        Ok(Err(TryLockError::Error(_))) | Err(_) => {
            rustix::process::Pid::from_raw(pid).is_some_and(|pid| rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn names(dir: &Path) -> Vec<String> {
        std::fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn it_is_for_its_owner_only_and_goes_with_its_run() {
        let base = tempfile::tempdir().expect("a folder");
        let work = WorkFolder::create(base.path(), Keep::Remove).expect("a work folder");
        assert_eq!(std::fs::metadata(work.path()).expect("there").permissions().mode() & 0o777, 0o700);
        std::fs::write(work.path().join("x"), [0; 1000]).expect("written");
        assert_eq!(sweep(base.path()).expect("read"), [], "a living run's folder stays");
        let past = work.close().expect("removed");
        assert!(past.bytes >= 1000 && names(base.path()).is_empty());
        drop(WorkFolder::create(base.path(), Keep::Remove).expect("a work folder"));
        assert!(names(base.path()).is_empty(), "also when nobody closes it");
    }

    #[test]
    fn one_that_is_kept_is_named_so_and_never_swept() {
        let base = tempfile::tempdir().expect("a folder");
        let past = WorkFolder::create(base.path(), Keep::Keep).and_then(WorkFolder::close).expect("kept");
        assert!(past.path.is_dir() && past.kept == Keep::Keep);
        assert_eq!(sweep(base.path()).expect("read"), []);
        assert!(past.path.is_dir());
    }

    #[test]
    fn what_a_dead_run_left_is_removed_and_named() {
        let base = tempfile::tempdir().expect("a folder");
        // No process has the largest number.
        let dead = base.path().join(format!("{PREFIX}{}-0123456789ab", i32::MAX));
        std::fs::create_dir(&dead).expect("a folder");
        std::fs::write(dead.join("dump"), [0; 500]).expect("written");
        let unlocked = base.path().join(format!("{PREFIX}{}-ba9876543210", std::process::id()));
        std::fs::create_dir(&unlocked).expect("a folder");
        std::fs::write(unlocked.join(LOCK), "1").expect("written");
        for other in ["dbbackup-work-x-0123456789ab", "dbbackup-work-1-0123", "else"] {
            std::fs::create_dir(base.path().join(other)).expect("a folder");
        }
        std::os::unix::fs::symlink("/", base.path().join(format!("{PREFIX}{}-aaaaaaaaaaaa", i32::MAX))).expect("a link");
        let mut expected = vec![(dead, 500), (unlocked, 1)];
        expected.sort();
        assert_eq!(sweep(base.path()).expect("read"), expected);
        assert_eq!(names(base.path()).len(), 4);
    }

    #[test]
    fn a_folder_that_takes_nothing_is_told_with_the_cure() {
        let fault = WorkFolder::create(Path::new("/proc"), Keep::Remove).expect_err("nothing can be made there");
        assert!(fault.steps.iter().any(|step| step.command.as_deref() == Some("--workdir DIR")), "{fault:?}");
    }
}
