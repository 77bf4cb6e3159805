//! Looks at archives: lists of a folder, contents of one, single entries.

use crate::domain::Fault;
use crate::domain::listing::{ArchiveContents, ArchiveSummary};
use std::path::Path;

/// The archives in a folder, newest first.
pub fn list(dir: &Path) -> Result<Vec<ArchiveSummary>, Fault> {
    let _ = dir;
    unimplemented!()
}

/// What is in an archive.
pub fn contents(path: &Path) -> Result<ArchiveContents, Fault> {
    let _ = path;
    unimplemented!()
}

/// Deletes an archive and its side files.
pub fn delete(path: &Path) -> Result<(), Fault> {
    let _ = path;
    unimplemented!()
}
