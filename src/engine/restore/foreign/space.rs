//! Room in the work folder: enough before it begins, and never all of it used.

use crate::domain::spec::RestoreSpec;
use crate::domain::{Bytes, Code, Fault};
use crate::storage::work;
use crate::system::disk::{self, Space};
use std::path::{Path, PathBuf};

/// What is left free of a file system, at the most, in bytes: others live on it too.
const RESERVE: u64 = 64 << 20;

/// The folder in which the work folder is made.
pub fn base(spec: &RestoreSpec) -> PathBuf {
    spec.care.workdir.clone().unwrap_or_else(work::default_base)
}

/// What is left free of a file system of a size: a twentieth, 64 MiB at most.
pub fn reserve(total: u64) -> u64 {
    (total / 20).min(RESERVE)
}

/// Whether so many bytes more can be written; else a fault, before the disk is full.
pub fn room(dir: &Path, space: Space, wanted: u64) -> Result<(), Fault> {
    let usable = space.free.saturating_sub(reserve(space.total));
    if wanted <= usable {
        return Ok(());
    }
    let fault = Fault::new(Code::TempFull, "the work folder has no room for what has to be unpacked")
        .at("Folder", dir.display())
        .at("Wanted", Bytes(wanted))
        .at("Free", format!("{} of {}", Bytes(space.free), Bytes(space.total)));
    Err(fault.step_run("Name a folder with more room:", "--workdir DIR"))
}

/// The room in a folder.
pub fn of(dir: &Path) -> Result<Space, Fault> {
    disk::space(dir).map_err(|error| {
        Fault::new(Code::OutputUnwritable, "the folder for temporary files is not there")
            .at("Folder", dir.display())
            .because(error)
            .step_run("Name another one:", "--workdir DIR")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_never_filled() {
        let dir = Path::new("/x");
        let space = |free| Space { free, total: 1000 << 20 };
        assert!(room(dir, space(100 << 20), 50 << 20).is_ok());
        let fault = room(dir, space(100 << 20), 51 << 20).expect_err("it would eat the reserve");
        assert_eq!(fault.code, Code::TempFull);
        assert!(fault.context.iter().any(|(name, _)| name == "Free"));
        assert!(room(dir, space(10 << 20), 1).is_err());
    }
}
