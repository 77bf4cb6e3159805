//! Fetching ahead: the segments after the one that the server was given, decoded and checked into the spool, while the server replays. One process at a
//! time, by a lock; it ends by itself after a bounded number of segments.

use super::fetch::{Order, decode, open};
use super::folder::Folder;
use super::spool::Spool;
use crate::domain::Fault;
use crate::domain::wal::{Segment, SegmentName, SegmentSize, WalName};
use crate::storage::local::{self, NewFile};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// Whether it is worth while to start one who fetches ahead of a segment that was just handed over.
pub fn is_wanted(order: &Order, name: WalName, target: &Path) -> bool {
    let (WalName::Segment(name), Some(spool)) = (name, Spool::of(order.spool.as_deref(), target)) else { return false };
    if order.ahead == 0 || spool.make().is_err() {
        return false;
    }
    let Ok(folder) = open(order, Some(&spool)) else { return false };
    let Some(wanted) = next(&folder, name, order.ahead) else { return false };
    let there = spool.entries();
    let missing: Vec<_> = wanted.into_iter().filter(|name| !there.iter().any(|(known, _)| known == name)).collect();
    // Started once for half of what may be ahead, and not at the archive's end.
    missing.len() * 2 > order.ahead
        && missing.first().is_some_and(|name| folder.find(*name).is_ok_and(|found| !found.is_empty()))
        && spool.lock().is_some()
}

/// Fetches the segments after this one. A failure ends it: whoever needs the segment meets the failure itself, and tells it.
pub fn fetch_ahead(order: &Order, name: WalName, target: &Path) -> Result<(), Fault> {
    let (WalName::Segment(name), Some(spool)) = (name, Spool::of(order.spool.as_deref(), target)) else { return Ok(()) };
    if !spool.is_ours() {
        return Ok(());
    }
    let Some(_lock) = spool.lock() else { return Ok(()) };
    let folder = open(order, Some(&spool))?;
    let Some(wanted) = next(&folder, name, order.ahead) else { return Ok(()) };
    local::sweep(&spool.dir)?;
    for (_, path) in spool.entries().into_iter().filter(|(known, _)| !wanted.contains(known)) {
        let _ = std::fs::remove_file(path);
    }
    let (turn, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let Some(name) = wanted.get(turn.fetch_add(1, Ordering::Relaxed)) else { break };
            if !fetched(&folder, &spool, *name).unwrap_or(false) {
                stop.store(true, Ordering::Relaxed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..order.jobs.min(wanted.len()) {
            scope.spawn(work);
        }
        work();
    });
    Ok(())
}

/// The names of the segments after this one; none where the size of segments is not known.
fn next(folder: &Folder, name: SegmentName, count: usize) -> Option<Vec<WalName>> {
    let size = folder.identity.as_ref().map_or(SegmentSize::default(), |identity| identity.segment_size);
    let segments = std::iter::successors(name.segment(size), |segment: &Segment| Some(segment.next()));
    let names: Vec<_> = segments.skip(1).take(count).map(|segment| WalName::Segment(segment.name(size))).collect();
    (!names.is_empty()).then_some(names)
}

/// Fetches one; false when the archive has none.
fn fetched(folder: &Folder, spool: &Spool, name: WalName) -> Result<bool, Fault> {
    let found = folder.find(name)?;
    let Some((path, there)) = found.first() else { return Ok(false) };
    let Ok(entry) = spool.entry(name, path) else { return Ok(false) };
    if entry.exists() {
        return Ok(true);
    }
    // Stale ones of the same segment go, so that the spool stays as small as it is said to be.
    for (_, old) in spool.entries().into_iter().filter(|(known, _)| *known == name) {
        let _ = std::fs::remove_file(old);
    }
    let mut new = NewFile::create(&entry)?;
    decode(folder, name, path, *there, &mut new)?;
    new.commit_replacing()?;
    Ok(true)
}
