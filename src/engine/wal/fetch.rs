//! Hands a file of the log back to a server in recovery: decoded from end to end, of the right server and of its full length, or not at all.
//! Tells "not there" from every trouble: the first ends a recovery, the second must not.

use super::folder::{Content, Folder, missing, vanished};
use super::identity::Identity;
use super::push::fill;
use super::spool::Spool;
use super::{belonging, of_archive, quoted, stored};
use crate::domain::wal::{Stored, WalName};
use crate::domain::{Code, Fault};
use crate::server::postgres::wal::header::Header;
use crate::storage::io_fault;
use crate::storage::local::{self, NewFile};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Order {
    /// The archive's folder.
    pub dir: PathBuf,
    /// The setting `wal.spool`.
    pub spool: Option<PathBuf>,
    /// Segments that are fetched ahead.
    pub ahead: usize,
    /// Segments that are fetched at the same time.
    pub jobs: usize,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The file has been handed over.
    Handed,
    /// The archive is there, and the file is not in it.
    NotThere,
}

/// Puts a file of the log at `target`, in place of what is there.
///
/// # Errors
/// `WAL_ARCHIVE_MISSING`, `WAL_FOREIGN`, `CORRUPTED_BACKUP`, and those of reading and writing. `target` is as it was then.
pub fn restore(order: &Order, name: WalName, target: &Path) -> Result<Fetched, Fault> {
    let spool = Spool::of(order.spool.as_deref(), target);
    let folder = open(order, spool.as_ref())?;
    let found = folder.find(name)?;
    let Some((path, there)) = found.first() else {
        // A disk that went away between the two looks must not read as the end of the archive.
        open(order, spool.as_ref())?;
        if let (WalName::Segment(_), Some(spool)) = (name, &spool) {
            spool.clear();
            sweep_beside(target);
        }
        return Ok(Fetched::NotThere);
    };
    if let Some(spool) = spool.as_ref().filter(|spool| spool.is_ours())
        && let Ok(entry) = spool.entry(name, path)
        && from_spool(&entry, name, target, folder.identity.as_ref())
    {
        return Ok(Fetched::Handed);
    }
    let told = |fault: Fault| of_target(fault, name, target);
    sweep_beside(target);
    let mut new = NewFile::create_beside(target).map_err(told)?;
    decode(&folder, name, path, *there, &mut new)?;
    new.commit_replacing().map_err(told)?;
    Ok(Fetched::Handed)
}

/// Removes what killed calls left in the server's folder; what living ones are at is locked.
fn sweep_beside(target: &Path) {
    // A leftover takes room and does no other harm; the next call tries again.
    let _ = local::sweep(target.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")));
}

/// Looks at the archive. One that does not say whose it is may be another program's, if there is anything of the log in it.
pub(super) fn open(order: &Order, spool: Option<&Spool>) -> Result<Folder, Fault> {
    let folder = Folder::open(&order.dir)?;
    if folder.identity.is_none() {
        if let Some(memory) = spool.map(|spool| spool.memory(&folder.dir)).filter(|memory| memory.exists()) {
            return Err(vanished(&folder.dir, Some(&memory)));
        }
        if matches!(folder.any()?, Content::Empty | Content::Strangers) {
            return Err(missing(&folder.dir, "nothing of the log is in the folder, and it does not say that it is an archive"));
        }
    }
    Ok(folder)
}

/// Moves what was fetched ahead to its target; false when that is not to be had, or not what it should be, whatever the reason.
fn from_spool(entry: &Path, name: WalName, target: &Path, archive: Option<&Identity>) -> bool {
    let whole = || -> io::Result<bool> {
        let mut file = std::fs::File::open(entry)?;
        let mut head = [0; crate::server::postgres::wal::header::LENGTH];
        file.read_exact(&mut head)?;
        let length = file.metadata()?.len();
        Ok(
            matches!((name, Header::read(&head)), (WalName::Segment(name), Ok(header)) if belonging::segment(name, &header, length, archive).is_ok()),
        )
    };
    match whole() {
        Ok(true) => {}
        Ok(false) => {
            let _ = std::fs::remove_file(entry);
            return false;
        }
        Err(_) => return false,
    }
    if std::fs::rename(entry, target).is_ok() {
        return true;
    }
    // The spool is on another file system.
    let copy = || -> Result<(), Fault> {
        let mut new = NewFile::create_beside(target)?;
        let copied = std::fs::File::open(entry).and_then(|mut file| io::copy(&mut file, &mut new));
        copied.map_err(|error| io_fault("cannot copy what was fetched ahead", entry, &error))?;
        new.commit_replacing()
    };
    let copied = copy().is_ok();
    let _ = std::fs::remove_file(entry);
    copied
}

/// Decodes a stored file from end to end and checks it on the way.
pub(super) fn decode(folder: &Folder, name: WalName, path: &Path, there: Stored, out: &mut NewFile) -> Result<(), Fault> {
    let mut reader = stored::open(path, there).map_err(|fault| fault.at("Path", path.display()))?;
    let mut buffer = vec![0; 1 << 20];
    let damaged = |why: String| {
        Fault::new(Code::CorruptedBackup, format!("the archive's {name} is damaged, and is not handed over"))
            .at("Path", path.display())
            .because(why)
            .step_run("Recovery stops here and can go on once the file is right. Look for another copy of it:", format!("ls -l {}*", quoted(&folder.dir.join(name.to_string()))))
            .step("If the server that wrote it still has it in pg_wal, or a standby has, copy it into the archive under its plain name after moving the damaged file away.")
    };
    let unread = |error: io::Error| match error.raw_os_error() {
        Some(_) => of_archive(io_fault("", path, &error), format!("cannot read the archive's {name}"), &folder.dir),
        None => damaged(error.to_string()),
    };
    let length = fill(&mut reader, &mut buffer).map_err(unread)?;
    let archive = folder.identity.as_ref();
    let expected = match name {
        WalName::Segment(segment) | WalName::Partial(segment) => {
            let header = Header::read(&buffer[..length]).map_err(damaged)?;
            belonging::segment(segment, &header, header.segment_size.bytes(), archive).map_err(|fault| fault.at("Path", path.display()))?;
            Some(header.segment_size.bytes())
        }
        WalName::Backup(..) | WalName::History(_) => {
            belonging::text(name, &buffer[..length]).map_err(|fault| fault.at("Path", path.display()))?;
            None
        }
    };
    let mut total = 0;
    let mut length = length;
    loop {
        out.write_all(&buffer[..length]).map_err(|error| match error.get_ref().and_then(|inner| inner.downcast_ref::<Fault>()) {
            Some(fault) => of_target(fault.clone(), name, Path::new("")),
            None => io_fault("cannot write a file of the log", path, &error),
        })?;
        total += length as u64;
        if length < buffer.len() {
            break;
        }
        if expected.unwrap_or(belonging::LARGEST_TEXT) < total {
            return Err(damaged(format!(
                "it is longer than the {} bytes that it should have",
                expected.unwrap_or(belonging::LARGEST_TEXT)
            )));
        }
        length = fill(&mut reader, &mut buffer).map_err(unread)?;
    }
    match expected {
        Some(expected) if total != expected => Err(damaged(format!("it has {total} bytes and should have {expected}"))),
        _ => Ok(()),
    }
}

/// The fault of the server's side: where the file should go takes nothing.
fn of_target(mut fault: Fault, name: WalName, target: &Path) -> Fault {
    fault.what = format!("cannot hand {name} over to the server");
    fault.steps.clear();
    let place = fault.context.iter().find(|(known, _)| known == "Path").map(|(_, path)| path.clone());
    let place = place.unwrap_or_else(|| target.display().to_string());
    let dir = Path::new(&place).parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fault.step_run("Look at the server's folder of the log:", format!("ls -ld {0}; df -h {0}; id", quoted(dir)))
}
