//! The one thread that writes an archive, and the end of all threads that make one. In which order frames are appended, and what is noted of them, is the
//! matter of who hands them over.

use super::budget::Lease;
use super::halt::{Halt, panicked};
use super::pool::Pool;
use super::progress::Meter;
use crate::archive::frame::Frame;
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

/// Appends what is ready, in the order that its archive asks for.
pub trait Append<P>: Send + 'static {
    /// Takes one and appends whatever can be now.
    fn take(&mut self, writer: &mut Writer<NewFile>, packed: P) -> Result<(), Fault>;

    /// Something failed: what waits is of no use any more.
    fn give_up(&mut self) {}

    /// Nothing more comes.
    fn end(&mut self) -> Result<(), Fault> {
        Ok(())
    }
}

/// The threads of an archive in the making: those that compress, and the one that writes.
pub struct Threads {
    pool: Pool,
    writing: JoinHandle<Option<Writer<NewFile>>>,
    halt: Halt,
}

impl Threads {
    /// The threads.
    pub const fn new(pool: Pool, writing: JoinHandle<Option<Writer<NewFile>>>, halt: Halt) -> Self {
        Self { pool, writing, halt }
    }

    /// Waits until everything is written, and gives the writer back for the archive's end. Whatever hands over work must be dropped before. Blocks.
    pub fn end(self) -> Result<Writer<NewFile>, Fault> {
        self.pool.join();
        let writer = self.writing.join().ok().flatten();
        self.halt.check()?;
        writer.ok_or_else(|| Fault::internal("the writing thread ended without a file"))
    }
}

/// Starts the thread that writes. It ends when all senders of its channel are dropped, and throws away what comes after a failure, so that nobody waits for
/// it. It gives the writer back unless something failed; then the unfinished file is gone.
pub fn start<P: Send + 'static>(
    writer: Writer<NewFile>,
    packed: Receiver<P>,
    mut append: impl Append<P>,
    path: PathBuf,
    meter: Arc<Meter>,
    halt: Halt,
) -> Result<JoinHandle<Option<Writer<NewFile>>>, Fault> {
    let work = move || {
        let mut writer = Some(writer);
        for packed in packed {
            if halt.stopped() {
                writer = None;
                append.give_up();
            }
            let Some(open) = &mut writer else { continue };
            let before = open.written();
            match catch_unwind(AssertUnwindSafe(|| append.take(open, packed))) {
                Ok(Ok(())) => drop(meter.written.fetch_add(open.written() - before, Relaxed)),
                Ok(Err(fault)) => halt.fail(disk_full(fault, &path)),
                Err(panic) => halt.fail(panicked("the writing thread", panic.as_ref())),
            }
        }
        if !halt.stopped()
            && let Err(fault) = append.end()
        {
            halt.fail(fault);
        }
        if halt.stopped() { None } else { writer }
    };
    std::thread::Builder::new().name("write".into()).spawn(work).map_err(|error| Fault::internal("cannot start a thread").caused_by(&error))
}

/// Hands the buffer of a written frame back to those who compress.
pub fn reuse(spare: &Sender<(Vec<u8>, Lease)>, frame: Frame, lease: Lease) {
    let mut buffer = frame.data;
    buffer.clear();
    if lease.suits(&buffer) {
        // A full channel only means that there are buffers enough.
        let _ = spare.try_send((buffer, lease));
    }
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
