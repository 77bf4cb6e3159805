//! The archived log as a recovery reads it: which segments are there on the way to a timeline, and what their records say.

use crate::domain::recovery::Way;
use crate::domain::wal::{Lsn, Segment, SegmentName, SegmentSize, Stored, Timeline, WalName};
use crate::domain::{Code, Fault};
use crate::engine::wal::stored;
use crate::server::postgres::wal::header::{Header, LENGTH};
use crate::server::postgres::wal::record::Event;
use crate::server::postgres::wal::records::{End, Scanner};
use crate::storage::io_fault;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use tokio_util::sync::CancellationToken;

/// Bytes that are read at once: whole pages of every size.
const PIECE: usize = 1 << 20;

/// An archive of the log, by the names in it.
#[derive(Debug)]
pub struct Log {
    dir: PathBuf,
    size: SegmentSize,
    segments: BTreeMap<Segment, String>,
    partials: BTreeSet<Segment>,
    histories: BTreeMap<Timeline, String>,
}

/// Why a walk ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Whoever looks on has seen enough.
    Enough,
    /// This segment is not there.
    Missing(SegmentName),
    /// A record is not there, or is damaged.
    Ended(End),
}

impl Log {
    /// Reads the names in a folder. Nothing is opened.
    pub fn open(dir: &Path, size: SegmentSize) -> Result<Self, Fault> {
        let fault = |error: io::Error| io_fault("cannot read the archive of the log", dir, &error);
        let mut log = Self { dir: dir.to_owned(), size, segments: BTreeMap::new(), partials: BTreeSet::new(), histories: BTreeMap::new() };
        for entry in std::fs::read_dir(dir).map_err(fault)? {
            let name = entry.map_err(fault)?.file_name();
            let Some((name, stored)) = name.to_str().and_then(|name| Some((name, Stored::parse(name)?))) else { continue };
            match stored.name {
                WalName::Segment(segment) => {
                    let Some(segment) = segment.segment(size) else { continue };
                    log.segments.insert(segment, name.to_owned());
                }
                WalName::Partial(segment) => log.partials.extend(segment.segment(size)),
                WalName::History(timeline) => drop(log.histories.insert(timeline, name.to_owned())),
                WalName::Backup(..) => {}
            }
        }
        Ok(log)
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The size of segments.
    pub const fn size(&self) -> SegmentSize {
        self.size
    }

    /// Whether the history of a timeline is there.
    pub fn knows(&self, timeline: Timeline) -> bool {
        self.histories.contains_key(&timeline)
    }

    /// Whether a segment is there, whole.
    pub fn has(&self, segment: Segment) -> bool {
        self.segments.contains_key(&segment)
    }

    /// Whether a segment is there only as far as it was written when its timeline was left.
    pub fn has_partly(&self, segment: Segment) -> bool {
        self.partials.contains(&segment)
    }

    /// Any segment at all.
    pub fn any(&self) -> Option<Segment> {
        self.segments.keys().next().copied()
    }

    /// The last segment of a timeline.
    pub fn last(&self, timeline: Timeline) -> Option<Segment> {
        self.segments
            .range(..=Segment { timeline, number: u64::MAX })
            .next_back()
            .map(|(segment, _)| *segment)
            .filter(|it| it.timeline == timeline)
    }

    /// What a segment says of itself.
    pub fn header(&self, segment: Segment) -> Result<Result<Header, String>, Fault> {
        match self.file(segment) {
            Some((path, stored)) => stored::header(&path, stored),
            None => Ok(Err(format!("{} is not there", segment.name(self.size)))),
        }
    }

    fn file(&self, segment: Segment) -> Option<(PathBuf, Stored)> {
        let name = self.segments.get(&segment)?;
        Some((self.dir.join(name), Stored::parse(name)?))
    }

    /// The newest timeline as the server looks for it: it asks for one after another, from the base backup's own, until one is not there
    /// (`findNewestTimeLine`).
    pub fn newest(&self, from: Timeline) -> Timeline {
        let newer = (from.0.saturating_add(1)..).take_while(|timeline| self.histories.contains_key(&Timeline(*timeline)));
        newer.last().map_or(from, Timeline)
    }

    /// The way to a timeline.
    pub fn way(&self, timeline: Timeline) -> Result<Way, Fault> {
        let Some(name) = self.histories.get(&timeline) else {
            return if timeline == Timeline(1) {
                Ok(Way::straight(timeline))
            } else {
                Err(Fault::new(Code::FileMissing, format!("the history of timeline {timeline} is not in the archive of the log"))
                    .at("Missing", WalName::History(timeline))
                    .at("Archive", self.dir.display())
                    .step_run(
                        "Copy it from pg_wal of a server that was on this timeline:",
                        format!("cp pg_wal/{} {}", WalName::History(timeline), quoted(&self.dir)),
                    )
                    .step("Or stay on the base backup's own timeline: --timeline current."))
            };
        };
        let path = self.dir.join(name);
        let wrong = |why: &dyn std::fmt::Display| {
            Fault::new(Code::CorruptedBackup, format!("the history of timeline {timeline} cannot be read"))
                .at("File", path.display())
                .because(why)
        };
        let stored = Stored::parse(name).ok_or_else(|| wrong(&"its name"))?;
        let mut text = String::new();
        stored::open(&path, stored)?.take(1 << 20).read_to_string(&mut text).map_err(|error| wrong(&error))?;
        Way::read(timeline, &text).map_err(|why| wrong(&why))
    }

    /// The first segment that is not there, of those from one position to another (which the last one holds).
    pub fn missing(&self, way: &Way, from: Lsn, to: Lsn) -> Option<Segment> {
        let numbers = from.0 / self.size.bytes()..=to.0 / self.size.bytes();
        numbers.map(|number| way.segment(number, self.size)).find(|segment| !self.has(*segment))
    }

    /// The last number of those that follow a segment without a gap; none where it is not there itself.
    pub fn reaches(&self, way: &Way, from: u64) -> Option<u64> {
        (from..).take_while(|number| self.has(way.segment(*number, self.size))).last()
    }

    /// Walks through the records from the first that begins in a segment. `take` ends it by giving false. Segments are unpacked on a thread of
    /// their own, ahead of the one that reads records: two pieces of 1 MiB wait between them, then the unpacking waits. The unpacking thread
    /// closes the channel at the end; that nobody takes pieces any more ends it.
    pub fn walk(
        &self,
        way: &Way,
        from: u64,
        mark: Option<Lsn>,
        cancel: &CancellationToken,
        take: &mut dyn FnMut(Event) -> bool,
    ) -> Result<Why, Fault> {
        let (sender, pieces) = crossbeam_channel::bounded::<Result<Vec<u8>, Result<Why, Fault>>>(2);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for number in from.. {
                    let segment = way.segment(number, self.size);
                    let sent = match self.file(segment) {
                        None => sender.send(Err(Ok(Why::Missing(segment.name(self.size))))),
                        Some((path, stored)) => unpack(&path, stored, &mut |piece| !cancel.is_cancelled() && sender.send(piece).is_ok())
                            .map_or(Ok(()), |fault| sender.send(Err(Err(fault)))),
                    };
                    if sent.is_err() || cancel.is_cancelled() || !self.has(segment) {
                        return;
                    }
                }
            });
            let mut scanner = Scanner::new(self.size).marking(mark);
            let mut page_size = None;
            for piece in pieces {
                let piece = match piece {
                    Ok(piece) => piece,
                    Err(ended) => return ended,
                };
                let size = match page_size {
                    Some(size) => size,
                    None => {
                        let header = piece.get(..LENGTH).ok_or_else(|| "it is too short".to_owned()).and_then(Header::read);
                        let size =
                            header.map(|header| header.page_size as usize).ok().filter(|size| size.is_power_of_two() && *size >= 1 << 10);
                        *page_size.insert(size.unwrap_or(8192))
                    }
                };
                for page in piece.chunks(size) {
                    match scanner.page(page, take) {
                        Ok(true) => {}
                        Ok(false) => return Ok(Why::Enough),
                        Err(end) => return Ok(Why::Ended(end)),
                    }
                }
            }
            Err(Fault::new(Code::Cancelled, "cancelled"))
        })
    }
}

/// Hands over a file in pieces; a fault where it cannot be read.
fn unpack(path: &Path, stored: Stored, send: &mut dyn FnMut(Result<Vec<u8>, Result<Why, Fault>>) -> bool) -> Option<Fault> {
    let mut reader = match stored::open(path, stored) {
        Ok(reader) => reader,
        Err(fault) => return Some(fault),
    };
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        match reader.by_ref().take(PIECE as u64).read_to_end(&mut piece) {
            Ok(0) => return None,
            Ok(_) if send(Ok(piece)) => {}
            Ok(_) => return None,
            Err(error) if error.raw_os_error().is_some() => return Some(io_fault("cannot read an archived file of the log", path, &error)),
            Err(error) => return Some(damaged(path, &error)),
        }
    }
}

/// What cannot be unpacked is damaged: the storage gave bytes, and they are the wrong ones.
fn damaged(path: &Path, error: &io::Error) -> Fault {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Fault::new(Code::CorruptedBackup, format!("{name} in the archive of the log is damaged"))
        .at("File", path.display())
        .because(error)
        .step_run(
            "Look whether another copy of it is elsewhere, on the server for one:",
            format!("find / -xdev -name '{}*' 2>/dev/null", &name[..name.len().min(24)]),
        )
        .step_run(
            "See what else is damaged:",
            format!("dbbackup wal verify --archive-dir {}", quoted(path.parent().unwrap_or(Path::new(".")))),
        )
        .step("Recovery can reach what lies before it: choose an earlier target.")
}

/// A path as a shell reads it.
pub fn quoted(path: &Path) -> String {
    shell_words::quote(&path.to_string_lossy()).into_owned()
}
