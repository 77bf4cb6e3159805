//! Archiving ahead: when more segments wait than the one that the server asks for, they are archived with it, several at a time, and remembered, so
//! that the server's next calls return at once. The server's own marks (`archive_status`) are only read.

use super::folder::Folder;
use super::push::{Done, Order, Source, one};
use super::spool::{STATUS, Spool, print};
use crate::domain::Fault;
use crate::domain::wal::WalName;
use crate::storage::local;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The most that one call archives ahead: at 16 MiB each, a GiB of the log.
const MOST: usize = 64;

/// No further segment is begun after this: the server cannot stop its archiver in a friendly way while a call runs.
const LONGEST: Duration = Duration::from_secs(10);

/// The file in the spool that says what was archived ahead.
const FILE: &str = "archived-ahead";

/// What was archived ahead, each with what its file was then on either side. A line counts only as long as both files are what they were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memo {
    lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    name: WalName,
    /// What the server's file was.
    source: String,
    /// The stored file's name in the archive.
    stored: String,
    /// What it was.
    print: String,
}

impl Memo {
    /// Reads it; empty where there is none for this archive, or it cannot be understood.
    pub fn read(spool: &Spool, archive: &Path) -> Self {
        let text = if spool.is_ours() { std::fs::read_to_string(spool.dir.join(FILE)).unwrap_or_default() } else { String::new() };
        let mut lines = text.lines();
        if lines.next() != Some(&*archive.to_string_lossy()) {
            return Self::default();
        }
        let line = |text: &str| {
            let mut words = text.split('\t').map(str::to_owned);
            let (name, source, stored, print) = (words.next()?, words.next()?, words.next()?, words.next()?);
            Some(Line { name: name.parse().ok()?, source, stored, print })
        };
        Self { lines: lines.filter_map(line).collect() }
    }

    fn write(&self, spool: &Spool, archive: &Path) {
        let mut text = format!("{}\n", archive.display());
        for Line { name, source, stored, print } in &self.lines {
            text.push_str(&format!("{name}\t{source}\t{stored}\t{print}\n"));
        }
        if spool.make().is_ok() {
            // Without it the next calls compare contents, which takes longer and comes to the same.
            let _ = local::write_small(&spool.dir.join(FILE), text.as_bytes());
        }
    }

    /// Whether a file was archived ahead, and neither it nor what was stored has been touched since.
    pub fn holds(&self, name: WalName, path: &Path, archive: &Path) -> bool {
        let Some(line) = self.lines.iter().find(|line| line.name == name) else { return false };
        let same = |path: &Path, known: &str| path.symlink_metadata().is_ok_and(|meta| meta.is_file() && print(&meta) == known);
        same(path, &line.source) && same(&archive.join(&line.stored), &line.print)
    }
}

/// The segments that wait behind this one, the next ones first.
pub(super) fn waiting(path: &Path, name: WalName) -> Vec<(WalName, PathBuf)> {
    let beside = path.parent().unwrap_or(Path::new("."));
    let WalName::Segment(_) = name else { return Vec::new() };
    let Ok(entries) = std::fs::read_dir(beside.join(STATUS)) else { return Vec::new() };
    let mut names: Vec<WalName> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".ready")?.parse().ok())
        .filter(|other| matches!(other, WalName::Segment(_)) && *other != name)
        .collect();
    names.sort();
    names.truncate(MOST);
    names.into_iter().map(|name| (name, beside.join(name.to_string()))).collect()
}

/// Archives a file, and with it those that wait. What becomes of these changes nothing for the one that was asked for: a failure is told when
/// the server asks for the file it happened to.
pub(super) fn with(
    order: &Order,
    folder: &Folder,
    asked: &Source,
    waiting: Vec<(WalName, PathBuf)>,
    spool: Option<&Spool>,
    memo: Memo,
) -> Result<Done, Fault> {
    let began = Instant::now();
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let lines = Mutex::new(Vec::new());
    let work = || {
        while !stop.load(Ordering::Relaxed) && began.elapsed() < LONGEST {
            let Some((name, path)) = waiting.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            match archived(folder, *name, path, order) {
                Some(line) => lines.lock().unwrap_or_else(PoisonError::into_inner).push(line),
                None => stop.store(true, Ordering::Relaxed),
            }
        }
    };
    let done = std::thread::scope(|scope| {
        for _ in 1..order.jobs.min(waiting.len() + 1) {
            scope.spawn(work);
        }
        let done = one(folder, asked, order.compression);
        if done.is_err() {
            stop.store(true, Ordering::Relaxed);
        }
        work();
        done
    })?;
    if let Some(spool) = spool {
        let mut lines = lines.into_inner().unwrap_or_else(PoisonError::into_inner);
        // What was known before and still waits stays known.
        let earlier = memo.lines.into_iter().filter(|line| line.name > asked.name).take(MOST);
        lines.extend(earlier);
        lines.sort_by_key(|line| line.name);
        lines.dedup_by_key(|line| line.name);
        Memo { lines }.write(spool, &folder.dir);
    }
    Ok(done)
}

/// Archives one that waits; none when that failed.
fn archived(folder: &Folder, name: WalName, path: &Path, order: &Order) -> Option<Line> {
    let source = Source::open(path, name).ok()?;
    let identity = folder.identity.as_ref()?;
    source.fits(identity).ok()?;
    one(folder, &source, order.compression).ok()?;
    let found = folder.find(name).ok()?;
    let [(stored, _)] = found.as_slice() else { return None };
    let print = print(&stored.symlink_metadata().ok()?);
    Some(Line { name, source: self::print(&source.meta), stored: stored.file_name()?.to_str()?.to_owned(), print })
}
