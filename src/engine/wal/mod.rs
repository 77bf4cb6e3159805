//! The archive of the write-ahead log: archiving a segment, handing one back, looking through all of them.

pub mod ahead;
pub mod belonging;
pub mod check;
pub mod command;
pub mod fetch;
pub mod figures;
pub mod folder;
pub mod identity;
pub mod keep;
pub mod prefetch;
pub mod push;
pub mod spool;
pub mod stored;
pub mod survey;
pub mod verify;

use crate::domain::{Code, Fault};
use std::path::Path;

/// A path as a shell reads it.
pub fn quoted(path: &Path) -> String {
    shell_words::quote(&path.to_string_lossy()).into_owned()
}

/// The same fault in the words and with the cures of an archive of the log.
fn of_archive(mut fault: Fault, what: impl Into<String>, dir: &Path) -> Fault {
    let shown = quoted(dir);
    fault.what = what.into();
    let steps: &[(&str, String)] = match fault.code {
        Code::DiskFull | Code::InodesExhausted => &[
            ("The server keeps its log and tries again. Make room:", format!("df -h {shown}; df -i {shown}")),
            ("See what no base backup needs any more:", format!("dbbackup wal cleanup --archive-dir {shown}")),
        ],
        Code::ReadOnlyFileSystem => {
            &[("The server keeps its log and tries again. See why the file system takes no changes:", format!("findmnt -T {shown}"))]
        }
        Code::FilePermission => &[("The server's user must be able to use the folder. Look at both:", format!("ls -ld {shown}; id"))],
        _ => &[],
    };
    if !steps.is_empty() {
        fault.steps = steps.iter().map(|(text, command)| crate::domain::fault::Step::run(*text, command.clone())).collect();
    }
    fault
}
