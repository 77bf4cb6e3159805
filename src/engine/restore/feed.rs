//! Chunks out of the archive into a loader: decoded on threads of their own, one chunk ahead, within the memory budget.

use crate::archive::frame::FrameDecoder;
use crate::archive::manifest::{Chunk, TableEntry};
use crate::archive::reader::Archive;
use crate::domain::schema::TableKind;
use crate::domain::{Code, Fault};
use crate::server::{Answer, RowSource, row_extension};
use bytes::Bytes;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The unit in which memory is counted: a semaphore holds no number of bytes beyond 4 GB on all platforms.
const UNIT: u64 = 4096;

/// Decodes frames of one archive for all sessions of a restore.
pub struct Feeder {
    archive: Arc<Archive>,
    /// The memory budget, in [`UNIT`]s. A frame larger than all of it takes all of it and passes alone.
    budget: Arc<Semaphore>,
    units: u32,
    /// What the archive's table of contents takes.
    contents: u64,
    held: Arc<AtomicU64>,
    /// Decoders and their buffers for compressed bytes: as many as were ever used at once.
    decoders: Mutex<Vec<(FrameDecoder, Vec<u8>)>>,
    /// Buffers to decode into, given back as the last byte of a chunk has been sent.
    spare: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// How many empty buffers are kept for the next frames.
const SPARE: usize = 4;

impl Feeder {
    /// A feeder that keeps at most `memory` bytes of decoded rows at once.
    pub fn new(archive: Arc<Archive>, memory: u64) -> Arc<Self> {
        let units = u32::try_from((memory / UNIT).max(1)).unwrap_or(u32::MAX).min(Semaphore::MAX_PERMITS as u32);
        Arc::new(Self {
            budget: Arc::new(Semaphore::new(units as usize)),
            units,
            contents: archive.held(),
            held: Arc::default(),
            decoders: Mutex::default(),
            spare: Arc::default(),
            archive,
        })
    }

    /// Bytes that are held now: the archive's table of contents, and decoded rows.
    pub fn held(&self) -> u64 {
        self.contents + self.held.load(Ordering::Relaxed)
    }

    /// Reads, checks and decodes one chunk.
    async fn chunk(self: Arc<Self>, frame: u32, entry: String) -> Result<Bytes, Fault> {
        let plain = self.archive.frames().get(frame as usize).map(|record| record.plain);
        let plain = plain.ok_or_else(|| damaged(&entry, "its frame is not in the archive"))?;
        let units = u32::try_from(plain.div_ceil(UNIT)).unwrap_or(u32::MAX).clamp(1, self.units);
        let permit = Arc::clone(&self.budget).acquire_many_owned(units).await;
        let permit = permit.map_err(|_| Fault::internal("the memory budget was closed"))?;
        let task = tokio::task::spawn_blocking(move || {
            let taken = lock(&self.decoders).pop();
            let (mut decoder, mut scratch) = match taken {
                Some(taken) => taken,
                None => (self.archive.decoder()?, Vec::new()),
            };
            let out = lock(&self.spare).pop().unwrap_or_default();
            let decoded = self.archive.frame(frame, &mut decoder, &mut scratch, out)?;
            lock(&self.decoders).push((decoder, scratch));
            let range = decoded.entries.iter().find(|(name, _)| *name == entry).map(|(_, range)| range.clone());
            let range = range.ok_or_else(|| damaged(&entry, "it is not in its frame"))?;
            let size = decoded.plain.len() as u64;
            self.held.fetch_add(size, Ordering::Relaxed);
            let owner =
                Piece { plain: decoded.plain, range, size, held: Arc::clone(&self.held), spare: Arc::clone(&self.spare), _permit: permit };
            Ok(Bytes::from_owner(owner))
        });
        task.await.unwrap_or_else(|error| Err(Fault::internal("decoding a frame broke off").caused_by(&error)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // What is in there are spare buffers: whole or not, they are emptied before use.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn damaged(entry: &str, why: &str) -> Fault {
    Fault::new(Code::CorruptedBackup, format!("the archive's entry {entry} cannot be read")).because(why).at("Entry", entry)
}

/// A decoded frame whose bytes are being sent; its memory is given back with the last of them.
struct Piece {
    plain: Vec<u8>,
    range: Range<usize>,
    size: u64,
    held: Arc<AtomicU64>,
    spare: Arc<Mutex<Vec<Vec<u8>>>>,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        self.plain.get(self.range.clone()).unwrap_or_default()
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.held.fetch_sub(self.size, Ordering::Relaxed);
        let mut spare = lock(&self.spare);
        if spare.len() < SPARE {
            let mut buffer = std::mem::take(&mut self.plain);
            buffer.clear();
            spare.push(buffer);
        }
    }
}

/// Some chunks of a table, in order.
pub struct Chunks<'a> {
    feeder: Arc<Feeder>,
    entry: &'a TableEntry,
    left: VecDeque<Chunk>,
    ahead: Option<JoinHandle<Result<Bytes, Fault>>>,
    halt: CancellationToken,
    sent: &'a (dyn Fn(u64) + Sync),
    ended: &'a (dyn Fn() + Sync),
}

impl<'a> Chunks<'a> {
    /// The chunks of a table in a range; `sent` is told the bytes of each as it is handed on, `ended` when all are.
    pub fn new(
        feeder: &Arc<Feeder>,
        entry: &'a TableEntry,
        range: Range<usize>,
        halt: CancellationToken,
        sent: &'a (dyn Fn(u64) + Sync),
        ended: &'a (dyn Fn() + Sync),
    ) -> Self {
        let left = entry.chunks.get(range).unwrap_or_default().iter().copied().collect();
        Self { feeder: Arc::clone(feeder), entry, left, ahead: None, halt, sent, ended }
    }

    fn start(&mut self) {
        if self.ahead.is_none()
            && let Some(chunk) = self.left.pop_front()
        {
            let name = entry_name(self.entry, chunk.number);
            self.ahead = Some(tokio::spawn(Arc::clone(&self.feeder).chunk(chunk.frame, name)));
        }
    }
}

/// The name of a chunk's entry.
pub fn entry_name(entry: &TableEntry, number: u32) -> String {
    let extension = match entry.table.kind {
        TableKind::Table | TableKind::LargeObjectMetadata | TableKind::LargeObjectData => row_extension(entry.table.format),
    };
    format!("{}/{number:06}.{extension}", entry.dir)
}

impl RowSource for Chunks<'_> {
    fn next(&mut self) -> Answer<'_, Option<Bytes>> {
        Box::pin(async move {
            self.start();
            let Some(task) = &mut self.ahead else {
                (self.ended)();
                return Ok(None);
            };
            let decoded = tokio::select! {
                decoded = task => decoded,
                () = self.halt.cancelled() => return Err(Fault::new(Code::Cancelled, "cancelled")),
            };
            self.ahead = None;
            let bytes = decoded.unwrap_or_else(|error| Err(Fault::internal("decoding a frame broke off").caused_by(&error)))?;
            // The next one is decoded while this one is sent.
            self.start();
            (self.sent)(bytes.len() as u64);
            Ok(Some(bytes))
        })
    }
}

impl Drop for Chunks<'_> {
    fn drop(&mut self) {
        if let Some(task) = &self.ahead {
            task.abort();
        }
    }
}
