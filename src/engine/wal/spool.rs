//! A small folder on the server's side: what is fetched ahead of recovery, what was archived ahead of the server's calls, and which archives have
//! been used. Nothing in it is needed: what is lost is found out or fetched again.

use crate::domain::wal::WalName;
use std::fs::{DirBuilder, File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// Its name beside the server's log. Hidden: the server lists it nowhere, and base backups leave it out with everything beside it.
const HIDDEN: &str = ".dbbackup-spool";

/// The folder that says that a folder is a server's `pg_wal`.
pub(super) const STATUS: &str = "archive_status";

/// The lock of whoever fetches ahead.
const LOCK: &str = "fetching.lock";

/// What begins the names of files that say which archives have been used.
const MEMORY: &str = "archive-";

/// A spool that may not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spool {
    /// Where it is.
    pub dir: PathBuf,
}

impl Spool {
    /// The one for a file in a server's folder of the log: in the folder of the setting `wal.spool`, one for each server, or hidden beside the
    /// file. None beside what is no server's folder: whoever copies one file by hand leaves no trace.
    pub fn of(setting: Option<&Path>, file: &Path) -> Option<Self> {
        let beside = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        match setting {
            Some(base) => {
                let place = beside.canonicalize().ok()?;
                Some(Self { dir: base.join(format!("wal-{:016x}", xxh3_64(place.as_os_str().as_encoded_bytes()))) })
            }
            None => beside.join(STATUS).is_dir().then(|| Self { dir: beside.join(HIDDEN) }),
        }
    }

    /// Makes it, 0700, where it is missing. One of somebody else, or that others may write to, is not used.
    pub fn make(&self) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(&self.dir) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
        if self.is_ours() { Ok(()) } else { Err(io::Error::from(io::ErrorKind::PermissionDenied)) }
    }

    /// Whether it is there and nobody else can put anything into it.
    pub fn is_ours(&self) -> bool {
        let ours =
            |meta: Metadata| meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw() && meta.permissions().mode() & 0o077 == 0;
        self.dir.symlink_metadata().is_ok_and(ours)
    }

    /// Where a file of the log that was fetched ahead is, if it was fetched from just this stored file: another archive, or another file
    /// under the same name, gives another path.
    pub fn entry(&self, name: WalName, stored: &Path) -> io::Result<PathBuf> {
        let print = print(&stored.metadata()?);
        let text = [stored.as_os_str().as_encoded_bytes(), b"\0", print.as_bytes()].concat();
        Ok(self.dir.join(format!("{name}.{:016x}", xxh3_64(&text))))
    }

    /// The files that were fetched ahead, with the names that they have for the server.
    pub fn entries(&self) -> Vec<(WalName, PathBuf)> {
        let Ok(entries) = std::fs::read_dir(&self.dir) else { return Vec::new() };
        let known = entries.flatten().filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            Some((name.rsplit_once('.')?.0.parse().ok()?, entry.path()))
        });
        let mut known: Vec<(WalName, PathBuf)> = known.collect();
        known.sort();
        known
    }

    /// The lock that one who fetches ahead holds as long as it lives; none while another does.
    pub fn lock(&self) -> Option<File> {
        use std::os::unix::fs::OpenOptionsExt;
        let file = File::options().write(true).create(true).truncate(false).mode(0o600).open(self.dir.join(LOCK)).ok()?;
        match file.try_lock() {
            Ok(()) => Some(file),
            // Without locks two could fetch the same, which costs time and breaks nothing: each works on files of its own.
            Err(TryLockError::Error(_)) => Some(file),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Removes what was fetched ahead, unless somebody is still at it.
    pub fn clear(&self) {
        if !self.is_ours() {
            return;
        }
        let Some(_lock) = self.lock() else { return };
        // What cannot be removed now is removed by the next one; it is never handed over by mistake.
        for (_, path) in self.entries() {
            let _ = std::fs::remove_file(path);
        }
        let _ = crate::storage::local::sweep(&self.dir);
    }

    /// The file that says that an archive has been used.
    pub fn memory(&self, archive: &Path) -> PathBuf {
        let place = archive.canonicalize().unwrap_or_else(|_| archive.to_owned());
        self.dir.join(format!("{MEMORY}{:016x}", xxh3_64(place.as_os_str().as_encoded_bytes())))
    }

    /// Remembers that an archive is used.
    pub fn remember(&self, archive: &Path) {
        let path = self.memory(archive);
        if !path.exists() && self.make().is_ok() {
            // Where it cannot be written, a vanished disk is noticed by the identity alone.
            let _ = crate::storage::local::write_small(&path, format!("{}\n", archive.display()).as_bytes());
        }
    }
}

/// What tells a file from any other and from itself when it was something else: device, number, size, times of change.
pub fn print(meta: &Metadata) -> String {
    let times = (meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec());
    format!("{}:{}:{}:{}.{}:{}.{}", meta.dev(), meta.ino(), meta.len(), times.0, times.1, times.2, times.3)
}
