//! Faults of this room: damaged, cut-off, foreign and unreadable files, each with its cure.

use crate::domain::{Code, Fault};
use std::io;
use std::path::Path;

/// Whether a fault says that the file's content is at fault, not the way to it.
pub fn is_damage(fault: &Fault) -> bool {
    matches!(fault.code, Code::CorruptedBackup | Code::TruncatedBackup | Code::ForeignFile | Code::FormatTooNew)
}

/// Bytes that are not what they must be.
pub(super) fn corrupted(what: impl Into<String>) -> Fault {
    Fault::new(Code::CorruptedBackup, what)
        .step("Use another copy of this archive, or an older archive: this one must not be trusted.")
        .step("Look for the cause on the storage (dmesg, SMART, a transfer that broke off) before it damages more.")
}

/// A file that ends too early.
pub(super) fn truncated(what: impl Into<String>) -> Fault {
    Fault::new(Code::TruncatedBackup, what)
        .step("Copy the archive again from where it was made and compare the sizes: a transfer has probably broken off.")
        .step("If there is no complete copy, use an older archive.")
}

/// A file that this program did not write.
pub(super) fn foreign(what: impl Into<String>) -> Fault {
    Fault::new(Code::ForeignFile, what)
}

/// A failure of the operating system while a file is read or written.
pub(super) fn io_error(what: impl Into<String>, path: &Path, error: &io::Error) -> Fault {
    let code = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Code::FileMissing,
        io::ErrorKind::PermissionDenied => Code::FilePermission,
        io::ErrorKind::UnexpectedEof => Code::TruncatedBackup,
        _ => Code::Io,
    };
    let fault = Fault::new(code, what).at("File", path.display()).because(error);
    match code {
        Code::FileMissing => {
            let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
            fault.step_run("Look at what is there:", format!("ls -l -- {}", shell(&dir.to_string_lossy())))
        }
        Code::FilePermission => {
            fault.step_run("Look at who may read it, and run this as that user:", format!("ls -l -- {}", shell(&path.to_string_lossy())))
        }
        Code::TruncatedBackup => fault.step("The file became shorter while it was read: copy it again."),
        _ => fault.step_run("Look for errors of the storage:", "dmesg --level=err,warn | tail"),
    }
}

/// A failure while the archive's bytes are handed to what stores them. A fault that the storage wrapped into the error comes out as it is.
pub(super) fn write_error(error: &io::Error) -> Fault {
    if let Some(fault) = error.get_ref().and_then(|inner| inner.downcast_ref::<Fault>()) {
        return fault.clone();
    }
    let fault = Fault::new(Code::of_io(error), "cannot write the archive").because(error);
    if fault.code == Code::DiskFull { fault.step("Make room, or choose another folder with --backup-dir.") } else { fault }
}

/// A word that a POSIX shell takes literally.
pub(super) fn shell(word: &str) -> String {
    shell_words::quote(word).into_owned()
}
