//! What the operating system says about files, as faults with their cures.

use crate::domain::{Bytes, Code, Fault};
use rustix::io::Errno;
use std::io;
use std::path::Path;

/// The folder that a file is in.
pub(super) fn dir_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A fault from an operating system error: disk full, permission, missing, …
pub fn io_fault(what: impl Into<String>, path: &Path, error: &io::Error) -> Fault {
    let at = |code: Code| Fault::new(code, what.into()).at("Path", path.display()).because(error);
    let dir = if path.is_dir() { path } else { dir_of(path) };
    let quoted = shell_words::quote(&dir.to_string_lossy()).into_owned();
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOSPC | Errno::DQUOT) => {
            let mut fault = at(Code::DiskFull);
            if let Ok(space) = rustix::fs::statvfs(dir) {
                let bytes = |blocks: u64| Bytes(blocks.saturating_mul(space.f_frsize));
                fault = fault.at("Free", format!("{} of {}", bytes(space.f_bavail), bytes(space.f_blocks)));
                if space.f_files > 0 && space.f_favail == 0 {
                    fault.code = Code::InodesExhausted;
                    fault = fault.because("the file system has no room for more files (inodes)");
                }
            }
            fault
                .step_run(
                    "See what fills the disk:",
                    format!("df -h {quoted}; df -i {quoted}; du -xh --max-depth=1 {quoted} | sort -h | tail"),
                )
                .step("Delete old archives, or choose another folder with --backup-dir. Nothing of this run was left behind.")
        }
        Some(Errno::ROFS) => at(Code::ReadOnlyFileSystem)
            .step_run("The file system is read-only. See why, or choose another folder with --backup-dir:", format!("findmnt -T {quoted}")),
        Some(Errno::ACCESS | Errno::PERM) => at(Code::FilePermission)
            .step_run("Look at who may write there, and run as that user or choose another folder:", format!("ls -ld {quoted}; id")),
        Some(Errno::NOENT) if !dir.exists() => at(Code::OutputUnwritable)
            .step_run("The folder does not exist. Make it, or choose another one:", format!("mkdir -p -m 700 {quoted}")),
        Some(Errno::NOENT) => at(Code::FileMissing).step_run("Look at what is there:", format!("ls -la {quoted}")),
        Some(Errno::NOTDIR | Errno::ISDIR | Errno::EXIST | Errno::NAMETOOLONG | Errno::LOOP) => at(Code::OutputUnwritable)
            .step_run("Look at what the path leads to:", format!("namei -l -- {}", shell_words::quote(&path.to_string_lossy()))),
        Some(Errno::FBIG) => {
            at(Code::Io).step_run("Files may not become that large here. Look at the limits:", format!("ulimit -f; findmnt -T {quoted}"))
        }
        Some(Errno::MFILE | Errno::NFILE | Errno::NOMEM) => at(Code::of_io(error)),
        _ => at(Code::Io).step_run("Look for errors of the storage:", "dmesg --level=err,warn | tail"),
    }
}
