//! Reads an archive once, in order, and checks every byte of it on several threads.

use super::files::Files;
use super::{TOLD, damage_of, tables};
use crate::archive::fingerprint::Fingerprint;
use crate::archive::frame::Decoded;
use crate::archive::manifest::TableEntry;
use crate::archive::names;
use crate::archive::reader::Archive;
use crate::domain::job::Damage;
use crate::domain::size::grouped;
use crate::domain::{Code, Fault};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What the threads share.
struct Work<'a> {
    archive: &'a Archive,
    files: Option<&'a Files>,
    tables: Vec<&'a TableEntry>,
    /// (frame, table, chunk), by frame.
    chunks: Vec<(u32, u32, u32)>,
    /// The recount of each table; none once a chunk of it is damaged.
    sums: Vec<Mutex<Option<Fingerprint>>>,
    damages: Mutex<Vec<Damage>>,
    done: AtomicU64,
    stop: AtomicBool,
    progress: &'a (dyn Fn(u64) -> bool + Sync),
}

/// A lock whose holder panicked still guards plain numbers; the panic itself is reported where the thread is joined.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Checks everything that is in the frames, and the file's SHA-256 where it is known.
pub(super) fn check(
    archive: &Archive,
    files: Option<&Files>,
    jobs: u32,
    expected_sha256: Option<&str>,
    progress: &(dyn Fn(u64) -> bool + Sync),
) -> Result<Vec<Damage>, Fault> {
    let tables: Vec<&TableEntry> = tables(archive.manifest()).collect();
    let numbered = tables.iter().enumerate();
    let mut chunks: Vec<(u32, u32, u32)> = numbered
        .flat_map(|(table, entry)| entry.chunks.iter().enumerate().map(move |(chunk, known)| (known.frame, table as u32, chunk as u32)))
        .collect();
    chunks.sort_unstable();
    let sums = tables.iter().map(|_| Mutex::new(Some(Fingerprint::default()))).collect();
    let work = Work {
        archive,
        files,
        tables,
        chunks,
        sums,
        damages: Mutex::default(),
        done: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        progress,
    };
    // Frames on their way from the reader to the checkers: one waiting for each checker; when all are busy the reader waits. The reader
    // closes the channel when it is through. Buffers come back through `empty`, which holds all that there can be.
    let jobs = jobs.clamp(1, 64) as usize;
    let (full_in, full_out) = crossbeam_channel::bounded::<(u32, Vec<u8>)>(jobs);
    let (empty_in, empty_out) = crossbeam_channel::bounded::<Vec<u8>>(2 * jobs + 2);
    let mut sha256 = expected_sha256.map(|_| Sha256::new());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs)
            .map(|_| {
                let (full, empty, work) = (full_out.clone(), empty_in.clone(), &work);
                scope.spawn(move || work.check_frames(&full, &empty))
            })
            .collect();
        // Only the workers hold the receiving end: when all have ended, sending fails instead of waiting for ever.
        drop((full_out, empty_in));
        for number in 0..archive.frames().len() as u32 {
            let mut buffer = empty_out.try_recv().unwrap_or_default();
            if let Err(fault) = archive.read_frame(number, &mut buffer) {
                sha256 = None;
                work.damaged(number, damage_of(&fault));
                continue;
            }
            if let Some(sha256) = &mut sha256 {
                sha256.update(&buffer);
            }
            if work.stop.load(Ordering::Relaxed) || full_in.send((number, buffer)).is_err() {
                break;
            }
        }
        drop(full_in);
        let results: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        results.into_iter().try_for_each(|result| result.unwrap_or_else(|_| Err(Fault::internal("a thread of the verification broke off"))))
    })?;
    if work.stop.load(Ordering::Relaxed) {
        return Err(Fault::new(Code::Cancelled, "cancelled"));
    }
    if let (Some(mut sha256), Some(expected)) = (sha256, expected_sha256) {
        archive.read_tail(|bytes| sha256.update(bytes))?;
        let found: String = sha256.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        if !found.eq_ignore_ascii_case(expected) {
            work.told(Damage { entry: None, offset: None, what: format!("the SHA-256 of the file is {found}, expected {expected}") });
        }
    }
    work.compare_tables();
    if !progress(archive.bytes()) {
        return Err(Fault::new(Code::Cancelled, "cancelled"));
    }
    let mut damages = work.damages.into_inner().unwrap_or_else(PoisonError::into_inner);
    damages.sort_by_key(|damage| damage.offset);
    Ok(damages)
}

impl Work<'_> {
    fn check_frames(
        &self,
        full: &crossbeam_channel::Receiver<(u32, Vec<u8>)>,
        empty: &crossbeam_channel::Sender<Vec<u8>>,
    ) -> Result<(), Fault> {
        let mut decoder = self.archive.decoder()?;
        let mut plain = Vec::new();
        for (number, bytes) in full {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            match self.archive.decode_frame(number, &bytes, &mut decoder, std::mem::take(&mut plain)) {
                Ok(decoded) => {
                    self.recount(number, &decoded);
                    if let Some(files) = self.files {
                        files.saw(number, &decoded.plain);
                    }
                    plain = decoded.plain;
                }
                Err(fault) => self.damaged(number, damage_of(&fault)),
            }
            let done = self.done.fetch_add(bytes.len() as u64, Ordering::Relaxed) + bytes.len() as u64;
            if !(self.progress)(done) {
                self.stop.store(true, Ordering::Relaxed);
            }
            // A full channel only means that there are buffers enough.
            let _ = empty.try_send(bytes);
        }
        Ok(())
    }

    /// The chunks in a frame, as (table, chunk).
    fn chunks_in(&self, frame: u32) -> impl Iterator<Item = (usize, usize)> {
        let start = self.chunks.partition_point(|(known, _, _)| *known < frame);
        self.chunks[start..]
            .iter()
            .take_while(move |(known, _, _)| *known == frame)
            .map(|(_, table, chunk)| (*table as usize, *chunk as usize))
    }

    /// Counts the rows of a frame's chunks and compares them with the manifest.
    fn recount(&self, number: u32, decoded: &Decoded) {
        // Each entry counts once: a manifest that names one a million times costs no more than one that does not.
        let mut entries: HashMap<&str, &Range<usize>> = decoded.entries.iter().map(|(name, range)| (name.as_str(), range)).collect();
        for (table, chunk) in self.chunks_in(number) {
            let entry = self.tables[table];
            let chunk = entry.chunks[chunk];
            let name = names::chunk(&entry.dir, chunk.number, entry.table.format);
            let data = entries.remove(name.as_str()).map(|range| &decoded.plain[range.clone()]);
            let counted = data.and_then(|data| Fingerprint::of(data, entry.table.format));
            let what = match (data, counted) {
                (None, _) => "it is not in the frame where the manifest has it, or belongs to another chunk too".to_owned(),
                (Some(_), None) => "it does not consist of whole rows".to_owned(),
                (Some(data), Some(found)) if (found.rows, data.len() as u64) == (chunk.rows, chunk.bytes) => {
                    if let Some(sum) = lock(&self.sums[table]).as_mut() {
                        sum.add(found);
                    }
                    continue;
                }
                (Some(data), Some(found)) => format!(
                    "it has {} rows, {} bytes; the manifest says {} rows, {} bytes",
                    grouped(found.rows),
                    grouped(data.len() as u64),
                    grouped(chunk.rows),
                    grouped(chunk.bytes)
                ),
            };
            *lock(&self.sums[table]) = None;
            let offset = self.archive.frames().get(number as usize).map(|frame| frame.offset);
            self.told(Damage { entry: Some(name), offset, what });
        }
    }

    /// A frame that gives no rows: its tables cannot be compared as a whole.
    fn damaged(&self, number: u32, damage: Damage) {
        for (table, _) in self.chunks_in(number) {
            *lock(&self.sums[table]) = None;
        }
        self.told(damage);
    }

    fn told(&self, damage: Damage) {
        let mut damages = lock(&self.damages);
        if damages.len() < TOLD {
            damages.push(damage);
        }
    }

    fn compare_tables(&self) {
        for (table, sum) in self.tables.iter().zip(&self.sums) {
            let Some(found) = *lock(sum) else { continue };
            if found.hex() != table.fingerprint {
                let what = format!("the fingerprint of its rows is {}, the manifest says {}", found.hex(), table.fingerprint);
                self.told(Damage { entry: Some(table.dir.clone()), offset: None, what });
            }
        }
    }
}
