//! The folder of an archive of the log: that it is there and whose it is, and where a file lies in it, whatever is around that file.

use super::identity::{self, Identity};
use super::{of_archive, quoted};
use crate::domain::wal::{Stored, WalName};
use crate::domain::{Code, Fault};
use crate::storage::io_fault;
use std::io;
use std::path::{Path, PathBuf};

/// An archive's folder that is there.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Where it is.
    pub dir: PathBuf,
    /// Whose it is; none where it does not say so.
    pub identity: Option<Identity>,
}

/// What can be around a file, the likely ones first.
const ENDINGS: [&str; 5] = [".zst", "", ".gz", ".lz4", ".xz"];

/// What can be around these: written by other programs.
const LOCKS: [&str; 3] = [".age", ".enc", ".encrypted"];

impl Folder {
    /// Looks at it.
    ///
    /// # Errors
    /// `WAL_ARCHIVE_MISSING` where there is no such folder; those of reading it.
    pub fn open(dir: &Path) -> Result<Self, Fault> {
        let meta = match std::fs::metadata(dir) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing(dir, "the folder does not exist")),
            Err(error) => return Err(of_archive(io_fault("", dir, &error), "cannot look at the archive of the log", dir)),
        };
        if !meta.is_dir() {
            return Err(missing(dir, "that is not a folder"));
        }
        let identity = Identity::read(dir).map_err(|fault| match fault.code {
            Code::WalArchiveMissing => fault,
            _ => of_archive(fault, "cannot read whose the archive of the log is", dir),
        })?;
        Ok(Self { dir: dir.to_owned(), identity })
    }

    /// All files that hold a file of the log. One that cannot be looked at is an error, never "not there".
    pub fn find(&self, name: WalName) -> Result<Vec<(PathBuf, Stored)>, Fault> {
        let mut found = Vec::new();
        for lock in [""].iter().chain(&LOCKS) {
            for ending in ENDINGS {
                let text = format!("{name}{ending}{lock}");
                let path = self.dir.join(&text);
                match path.symlink_metadata() {
                    Ok(_) => {
                        let stored = Stored::parse(&text).ok_or_else(|| Fault::internal(format!("{text} is no name of a stored file")))?;
                        found.push((path, stored));
                    }
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => {
                        return Err(of_archive(io_fault("", &path, &error), "cannot look into the archive of the log", &self.dir));
                    }
                }
            }
        }
        Ok(found)
    }

    /// Whether any file of the log is in it, and one of those: an archive that does not say whose it is may have been filled by another
    /// program.
    pub fn any(&self) -> Result<Content, Fault> {
        let fault = |error: io::Error| of_archive(io_fault("", &self.dir, &error), "cannot list the archive of the log", &self.dir);
        let mut content = Content::Empty;
        for entry in std::fs::read_dir(&self.dir).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            match Stored::parse(&name) {
                Some(stored) if matches!(stored.name, WalName::Segment(_)) && !stored.wrapping.encrypted => {
                    return Ok(Content::Segment(entry.path(), stored));
                }
                Some(_) => content = Content::Other,
                // What a new file system and what killed runs have.
                None if name == "lost+found" || name.starts_with('.') => {}
                None if matches!(content, Content::Empty) => content = Content::Strangers,
                None => {}
            }
        }
        Ok(content)
    }
}

/// What is in a folder that does not say whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing.
    Empty,
    /// Files that are none of the log.
    Strangers,
    /// Files of the log, but no segment that can be read.
    Other,
    /// A segment.
    Segment(PathBuf, Stored),
}

/// The fault of an archive that is not where it should be.
pub fn missing(dir: &Path, why: &str) -> Fault {
    let shown = quoted(dir);
    Fault::new(Code::WalArchiveMissing, "the archive of the log is not there")
        .at("Folder", dir.display())
        .because(why)
        .step_run("If its disk should be mounted there, see whether it is:", format!("findmnt -T {shown}; ls -la {shown}"))
        .step_run("If it is to be a new archive, make the folder as the server's user:", format!("mkdir -m 700 {shown}"))
}

/// The fault of a folder that has been an archive and carries nothing of it any more.
pub fn vanished(dir: &Path, memory: Option<&Path>) -> Fault {
    let shown = quoted(dir);
    let fault = Fault::new(Code::WalArchiveMissing, "the archive of the log is gone: its folder is there, and what was in it is not")
        .at("Folder", dir.display())
        .because(format!("it does not hold {}", identity::FILE))
        .step_run("Most likely its disk is not mounted. See, and mount it:", format!("findmnt -T {shown}; ls -la {shown}"));
    match memory {
        Some(memory) => fault.step_run("If it was emptied on purpose, let a new archive begin there:", format!("rm -- {}", quoted(memory))),
        None => fault,
    }
}
