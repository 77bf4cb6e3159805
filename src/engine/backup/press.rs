//! One archive in the making: readers' chunks go in, threads hash and compress them, one thread writes.

use super::budget::{Budget, Lease};
use super::halt::Halt;
use super::pool::{Pool, Worker};
use super::progress::Meter;
use super::rows::{self, Chunk, Reading};
use super::seats::Seats;
use super::table::TableWork;
use super::writing::{self, Append, Threads};
use crate::archive::fingerprint::Fingerprint;
use crate::archive::frame::{Frame, FrameEncoder, Part};
use crate::archive::writer::Writer;
use crate::archive::{manifest, names};
use crate::domain::codec::Compression;
use crate::domain::fault::Fault;
use crate::domain::spec::Effort;
use crate::storage::local::NewFile;
use crossbeam_channel::{Receiver, Sender};
use std::path::Path;
use std::sync::Arc;

/// Work for the threads.
pub enum Task {
    /// Rows of a table: a frame of their own.
    Rows(Chunk),
    /// Small entries, names and contents, that share a frame.
    Documents(Vec<(String, Vec<u8>)>),
}

/// What the databases of an archive share.
#[derive(Clone)]
pub struct Press {
    /// For reading rows, and for handing over documents.
    pub reading: Reading<Task>,
    /// Stops everything that has to do with this archive.
    pub halt: Halt,
}

/// What a press is set up with.
pub struct Setup<'a> {
    /// The archive's final path.
    pub path: &'a Path,
    /// Codec and level.
    pub compression: Compression,
    /// How hard to work.
    pub effort: Effort,
    /// What entries carry as their time, in seconds since 1970.
    pub mtime: u64,
    /// The counters.
    pub meter: &'a Arc<Meter>,
    /// Told of each table that is read.
    pub done: Arc<dyn Fn(&TableWork) + Send + Sync>,
}

/// Opens the file and starts the threads.
pub fn start(setup: &Setup<'_>, halt: Halt) -> Result<(Press, Threads), Fault> {
    let Effort { jobs, memory, chunk_size } = setup.effort;
    let jobs = jobs.max(1);
    let sessions = rows::sessions(jobs);
    let chunk_size = usize::try_from(chunk_size).unwrap_or(usize::MAX >> 1).clamp(1 << 16, 1 << 30);
    let budget = Budget::new(memory, chunk_size, sessions as usize);
    setup.meter.memory(&budget);
    let file = NewFile::create(setup.path).map_err(|fault| writing::disk_full(fault, setup.path))?;
    let writer = Writer::new(file, setup.compression, setup.mtime)?;
    // Holds as many frames as there are threads; when it is full they wait for the disk; closed when the last of them ends.
    let (packed, to_write) = crossbeam_channel::bounded(jobs as usize);
    // Buffers of written frames, to be used again: twice as many as threads; when it is full a buffer is let go, when it is empty a new one
    // is made; closed by the last thread.
    let (spare, spares) = crossbeam_channel::bounded(jobs as usize * 2);
    let mut workers: Vec<Worker<Task>> = Vec::new();
    for _ in 0..jobs {
        let stop = halt.clone();
        let encoder = FrameEncoder::new(setup.compression, setup.mtime)?.stopping(move || stop.stopped());
        let mut worker = Compressor { encoder, budget: budget.clone(), packed: packed.clone(), spares: spares.clone() };
        workers.push(Box::new(move |task| worker.work(task)));
    }
    drop(packed);
    let writing = writing::start(writer, to_write, AsReady { spare }, setup.path.to_owned(), setup.meter.clone(), halt.clone())?;
    let (pool, feed) = Pool::start("compress", workers, &halt)?;
    let reading = Reading {
        feed,
        wrap: Task::Rows,
        budget,
        seats: Seats::new(sessions),
        meter: setup.meter.clone(),
        chunk_size,
        jobs,
        done: setup.done.clone(),
    };
    Ok((Press { reading, halt: halt.clone() }, Threads::new(pool, writing, halt)))
}

impl Press {
    /// Hands over documents for a frame of their own.
    pub async fn documents(&self, entries: Vec<(String, Vec<u8>)>) -> Result<(), Fault> {
        self.halt.or(self.reading.feed.put(Task::Documents(entries))).await
    }
}

/// A frame that is ready.
struct Packed {
    frame: Frame,
    lease: Lease,
    /// Whose rows are in it; none for documents.
    rows: Option<Piece>,
}

/// The rows in a frame.
struct Piece {
    table: Arc<TableWork>,
    part: u32,
    place: u32,
    /// What the manifest says; its frame is not known yet.
    chunk: manifest::Chunk,
}

/// Appends frames in the order in which they get ready, and notes where each chunk went.
struct AsReady {
    spare: Sender<(Vec<u8>, Lease)>,
}

impl Append<Packed> for AsReady {
    fn take(&mut self, writer: &mut Writer<NewFile>, packed: Packed) -> Result<(), Fault> {
        let frame = writer.append(&packed.frame)?;
        if let Some(Piece { table, part, place, chunk }) = packed.rows {
            table.wrote(part, place, manifest::Chunk { frame, ..chunk });
        }
        writing::reuse(&self.spare, packed.frame, packed.lease);
        Ok(())
    }
}

/// What one thread keeps.
struct Compressor {
    encoder: FrameEncoder,
    budget: Arc<Budget>,
    packed: Sender<Packed>,
    spares: Receiver<(Vec<u8>, Lease)>,
}

impl Compressor {
    fn work(&mut self, task: Task) -> Result<(), Fault> {
        match task {
            Task::Rows(chunk) => self.rows(chunk),
            Task::Documents(entries) => {
                let parts: Vec<_> = entries.iter().map(|(name, data)| Part { name, data }).collect();
                self.pack(&parts, None)
            }
        }
    }

    fn rows(&mut self, chunk: Chunk) -> Result<(), Fault> {
        let Chunk { table, part, place, rows, lease } = chunk;
        look(&table, &rows.data, rows.count)?;
        let number = table.number();
        let name = names::chunk(&table.dir, number, table.table.format);
        let noted = manifest::Chunk { number, frame: 0, rows: rows.count, bytes: rows.data.len() as u64 };
        let piece = Piece { table, part, place, chunk: noted };
        self.pack(&[Part { name: &name, data: &rows.data }], Some(piece))?;
        lease.recycle(rows.data);
        Ok(())
    }

    fn pack(&mut self, parts: &[Part<'_>], rows: Option<Piece>) -> Result<(), Fault> {
        let (buffer, mut lease) = self.spares.try_recv().unwrap_or_else(|_| (Vec::new(), self.budget.frame(0)));
        let frame = self.encoder.encode(parts, buffer)?;
        lease.resize(frame.data.capacity() as u64);
        self.packed.send(Packed { frame, lease, rows }).map_err(|_| Fault::internal("the writing thread has ended early"))
    }
}

/// Takes the fingerprint of a chunk and adds it to its table's; a chunk whose rows cannot be told apart is a bug.
pub fn look(table: &TableWork, data: &[u8], rows: u64) -> Result<(), Fault> {
    let seen = Fingerprint::of(data, table.table.format)
        .ok_or_else(|| Fault::internal(format!("a chunk of table {} does not end with a whole row", table.table.name)))?;
    if seen.rows != rows {
        return Err(Fault::internal(format!("a chunk of table {} has {} rows where {rows} were read", table.table.name, seen.rows)));
    }
    table.saw(seen, data.len() as u64);
    Ok(())
}
