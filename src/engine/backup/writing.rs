//! The one thread that writes an archive: appends frames in the order in which they get ready and notes where each chunk went.

use super::budget::Lease;
use super::halt::{Halt, panicked};
use super::progress::Meter;
use super::table::TableWork;
use crate::archive::frame::Frame;
use crate::archive::manifest;
use crate::archive::writer::Writer;
use crate::domain::fault::{Code, Fault};
use crate::domain::size::Bytes;
use crate::storage::local::NewFile;
use crate::system::disk;
use crossbeam_channel::{Receiver, Sender};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::JoinHandle;

/// A frame that is ready.
pub struct Packed {
    /// The frame.
    pub frame: Frame,
    /// Its memory.
    pub lease: Lease,
    /// Whose rows are in it; none for documents.
    pub rows: Option<Piece>,
}

/// The rows in a frame.
pub struct Piece {
    /// Their table.
    pub table: Arc<TableWork>,
    /// The part of the table.
    pub part: u32,
    /// The place in the part.
    pub place: u32,
    /// What the manifest says; its frame is not known yet.
    pub chunk: manifest::Chunk,
}

/// The thread. It ends when all senders of its channel are dropped, and throws away what comes after a failure, so that nobody waits for
/// it. It gives the writer back unless something failed; then the unfinished file is gone.
pub fn start(
    writer: Writer<NewFile>,
    packed: Receiver<Packed>,
    spare: Sender<(Vec<u8>, Lease)>,
    path: PathBuf,
    meter: Arc<Meter>,
    halt: Halt,
) -> Result<JoinHandle<Option<Writer<NewFile>>>, Fault> {
    std::thread::Builder::new()
        .name("write".into())
        .spawn(move || {
            let mut writer = Some(writer);
            for packed in packed {
                if halt.stopped() {
                    writer = None;
                }
                let Some(open) = &mut writer else { continue };
                match catch_unwind(AssertUnwindSafe(|| append(open, packed, &spare))) {
                    Ok(Ok(bytes)) => drop(meter.written.fetch_add(bytes, Relaxed)),
                    Ok(Err(fault)) => halt.fail(disk_full(fault, &path)),
                    Err(panic) => halt.fail(panicked("the writing thread", panic.as_ref())),
                }
            }
            if halt.stopped() { None } else { writer }
        })
        .map_err(|error| Fault::internal("cannot start a thread").caused_by(&error))
}

/// Appends a frame; returns how many bytes it added.
fn append(writer: &mut Writer<NewFile>, packed: Packed, spare: &Sender<(Vec<u8>, Lease)>) -> Result<u64, Fault> {
    let before = writer.written();
    let frame = writer.append(&packed.frame)?;
    if let Some(Piece { table, part, place, chunk }) = packed.rows {
        table.wrote(part, place, manifest::Chunk { frame, ..chunk });
    }
    let mut buffer = packed.frame.data;
    buffer.clear();
    if packed.lease.suits(&buffer) {
        // A full channel only means that there are buffers enough.
        let _ = spare.try_send((buffer, packed.lease));
    }
    Ok(writer.written() - before)
}

/// A fault of a full disk says how full and what helps; others stay as they are.
pub fn disk_full(mut fault: Fault, path: &Path) -> Fault {
    let dir = path.parent().unwrap_or(Path::new("."));
    if fault.code == Code::DiskFull {
        if let Ok(space) = disk::space(dir) {
            fault = fault.at("Free", format!("{} of {}", Bytes(space.free), Bytes(space.total)));
        }
        if fault.steps.is_empty() {
            fault = fault
                .step_run("See what takes the room:", format!("du -xhd1 {} | sort -h", shell_words::quote(&dir.to_string_lossy())))
                .step("Make room there, or choose another folder for the backup.");
        }
    }
    fault.at("Folder", dir.display())
}
