//! The threads of a base backup: pages are checked and frames compressed by several, and written by one in the order of their numbers.

use crate::archive::frame::{Frame, FrameEncoder};
use crate::archive::writer::Writer;
use crate::domain::codec::Compression;
use crate::domain::fault::Fault;
use crate::domain::wal::Lsn;
use crate::engine::backup::budget::{Budget, Lease};
use crate::engine::backup::halt::Halt;
use crate::engine::backup::pool::{Feed, Pool, Worker};
use crate::engine::backup::progress::{Meter, lock};
use crate::engine::backup::writing::{self, Append, Threads, disk_full};
use crate::server::postgres::page;
use crate::storage::local::NewFile;
use crossbeam_channel::{Receiver, Sender};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Plain bytes on their way to a frame.
pub struct Task {
    /// The number of the frame.
    pub number: u32,
    /// Tar bytes.
    pub plain: Vec<u8>,
    /// Their memory.
    pub lease: Lease,
    /// Names of the entries that begin in it.
    pub entries: Vec<String>,
    /// Pages in it.
    pub pages: Vec<Pages>,
    /// Pages that were changed since then are not judged.
    pub since: Lsn,
}

/// A run of pages of a file in a frame.
pub struct Pages {
    /// The file.
    pub path: Arc<str>,
    /// Where in the frame's bytes.
    pub at: usize,
    /// The blocks' numbers within their relation.
    pub blocks: Vec<u32>,
}

/// A page that is not what its checksum says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPage {
    /// The file.
    pub path: Arc<str>,
    /// The block within its relation.
    pub block: u32,
}

/// The most bad pages that are kept by name.
const KEPT: usize = 1000;

/// Bad pages, and how many there are in all.
pub type Bad = Arc<Mutex<(Vec<BadPage>, u64)>>;

/// What is needed to hand over frames.
#[derive(Clone)]
pub struct Press {
    /// Takes tasks.
    pub feed: Feed<Task>,
    /// The memory.
    pub budget: Arc<Budget>,
    /// Pages that are wrong.
    pub bad: Bad,
    /// Stops everybody.
    pub halt: Halt,
}

/// What they are set up with.
pub struct Setup<'a> {
    /// The archive's final path.
    pub path: &'a Path,
    /// Codec and level.
    pub compression: Compression,
    /// Threads.
    pub jobs: u32,
    /// The most bytes in flight.
    pub memory: u64,
    /// Bytes of a frame before compression.
    pub chunk: usize,
    /// The time of entries of our own, in seconds since 1970.
    pub mtime: u64,
    /// The counters.
    pub meter: &'a Arc<Meter>,
}

/// Opens the file and starts the threads.
pub fn start(setup: &Setup<'_>, halt: &Halt) -> Result<(Press, Threads), Fault> {
    let jobs = setup.jobs.max(1) as usize;
    let budget = Budget::new(setup.memory, setup.chunk, 1);
    setup.meter.memory(&budget);
    let file = NewFile::create(setup.path).map_err(|fault| disk_full(fault, setup.path))?;
    let writer = Writer::new(file, setup.compression, setup.mtime)?;
    // Holds as many frames as there are threads; when it is full they wait for the disk; closed when the last of them ends.
    let (packed, to_write) = crossbeam_channel::bounded(jobs);
    // Buffers of written frames, to be used again: twice as many as threads; when it is full a buffer is let go, when it is empty a new one
    // is made; closed by the last thread.
    let (spare, spares) = crossbeam_channel::bounded(jobs * 2);
    let bad = Bad::default();
    let mut workers: Vec<Worker<Task>> = Vec::new();
    for _ in 0..jobs {
        let stop = halt.clone();
        let encoder = FrameEncoder::new(setup.compression, setup.mtime)?.stopping(move || stop.stopped());
        let mut worker = Compressor { encoder, budget: budget.clone(), packed: packed.clone(), spares: spares.clone(), bad: bad.clone() };
        workers.push(Box::new(move |task| worker.work(task)));
    }
    drop(packed);
    let append = InTurn { waiting: BTreeMap::new(), spare };
    let writing = writing::start(writer, to_write, append, setup.path.to_owned(), setup.meter.clone(), halt.clone())?;
    let (pool, feed) = Pool::start("compress", workers, halt)?;
    Ok((Press { feed, budget, bad, halt: halt.clone() }, Threads::new(pool, writing, halt.clone())))
}

struct Packed {
    number: u32,
    frame: Frame,
    lease: Lease,
}

struct Compressor {
    encoder: FrameEncoder,
    budget: Arc<Budget>,
    packed: Sender<Packed>,
    spares: Receiver<(Vec<u8>, Lease)>,
    bad: Bad,
}

impl Compressor {
    fn work(&mut self, task: Task) -> Result<(), Fault> {
        self.check(&task);
        let (buffer, mut lease) = self.spares.try_recv().unwrap_or_else(|_| (Vec::new(), self.budget.frame(0)));
        let frame = self.encoder.encode_tar(&task.plain, task.entries, buffer)?;
        lease.resize(frame.data.capacity() as u64);
        task.lease.recycle(task.plain);
        let packed = Packed { number: task.number, frame, lease };
        self.packed.send(packed).map_err(|_| Fault::internal("the writing thread has ended early"))
    }

    fn check(&self, task: &Task) {
        for run in &task.pages {
            let pages = task.plain.get(run.at..).unwrap_or_default().as_chunks::<{ page::PAGE }>().0;
            for (page, block) in pages.iter().zip(&run.blocks) {
                if !page::is_sound(page, *block, task.since) {
                    let mut bad = lock(&self.bad);
                    bad.1 += 1;
                    if bad.0.len() < KEPT {
                        bad.0.push(BadPage { path: run.path.clone(), block: *block });
                    }
                }
            }
        }
    }
}

/// Appends frames in the order of their numbers: what comes before its turn waits.
struct InTurn {
    waiting: BTreeMap<u32, Packed>,
    spare: Sender<(Vec<u8>, Lease)>,
}

impl Append<Packed> for InTurn {
    fn take(&mut self, writer: &mut Writer<NewFile>, packed: Packed) -> Result<(), Fault> {
        self.waiting.insert(packed.number, packed);
        while let Some(entry) = self.waiting.first_entry().filter(|entry| *entry.key() == writer.frames()) {
            let packed = entry.remove();
            writer.append(&packed.frame)?;
            writing::reuse(&self.spare, packed.frame, packed.lease);
        }
        Ok(())
    }

    fn give_up(&mut self) {
        self.waiting.clear();
    }

    fn end(&mut self) -> Result<(), Fault> {
        if self.waiting.is_empty() { Ok(()) } else { Err(Fault::internal("a frame of the backup is missing")) }
    }
}
