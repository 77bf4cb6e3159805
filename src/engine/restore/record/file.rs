//! The manifest as a file: where it goes, who holds it.

use super::{Manifest, unfit};
use crate::domain::{Code, Fault};
use crate::storage::local;
use std::fs::File;
use std::path::{Path, PathBuf};

/// The largest manifest that is read, in bytes: each of 100,000 databases with a few tables at work.
const LARGEST: u64 = 256 << 20;

/// How many names are tried where another restore began in the same second.
const NAMES: u32 = 100;

/// Where it may be written: beside the archive, or where that is not allowed, in the working folder.
pub fn folders(archive: &Path) -> Vec<PathBuf> {
    let beside = match archive.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut folders = vec![std::path::absolute(&beside).unwrap_or(beside)];
    folders.extend(std::env::current_dir());
    folders
}

/// `restore-manifest-20260130T143000`, from the time of the beginning.
pub fn stem(started: &str) -> String {
    let digits: String = started.chars().take(19).filter(|c| c.is_ascii_alphanumeric()).collect();
    format!("restore-manifest-{digits}")
}

/// Makes the file in the first folder that takes it, under a name that no other has.
pub fn create(folders: &[PathBuf], stem: &str, content: &[u8]) -> Result<(PathBuf, File), Fault> {
    let mut first: Option<Fault> = None;
    for folder in folders {
        for number in 1..NAMES {
            let name = if number == 1 { format!("{stem}.json") } else { format!("{stem}-{number}.json") };
            let path = folder.join(name);
            match local::write_new(&path, content) {
                Ok(file) => return Ok((path, file)),
                Err(fault) if fault.code == Code::OutputExists => {}
                Err(fault) => {
                    first.get_or_insert(fault);
                    break;
                }
            }
        }
    }
    Err(first.unwrap_or_else(|| Fault::new(Code::OutputUnwritable, "there is no folder for the manifest")))
}

/// Reads one.
pub fn read(path: &Path) -> Result<Manifest, Fault> {
    let content = local::read_small(path, LARGEST)?;
    let manifest: Manifest = serde_json::from_slice(&content)
        .map_err(|error| unfit("this is no restore manifest").because(error).at("Manifest", path.display()))?;
    if manifest.format > super::manifest::FORMAT {
        return Err(Fault::new(Code::FormatTooNew, "the restore manifest is of a newer version of dbbackup").at("Manifest", path.display()));
    }
    Ok(manifest)
}

/// Reads one and keeps it from every other run as long as the file is held.
pub fn take(path: &Path) -> Result<(Manifest, File), Fault> {
    let Some(file) = local::hold(path)? else {
        return Err(Fault::new(Code::AnotherRun, "the restore of this manifest is at work")
            .at("Manifest", path.display())
            .step("Wait for it, or cancel it first."));
    };
    Ok((read(path)?, file))
}
