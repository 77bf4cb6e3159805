//! Reads every file of an archive: each segment is what its name says and of the archive's server, every record in it has its checksum, none is missing,
//! the timelines fit together; or the same of some of the segments. Changes nothing. What another program has encrypted, or compressed with what we do not read, is counted and not judged.

use super::belonging;
use super::figures;
use super::identity::Identity;
use super::stored;
use super::survey::{Seen, Survey};
use crate::domain::recovery::{Part, Stretch};
use crate::domain::text::clean;
use crate::domain::wal::{Gap, Segment, SegmentSize, SegmentSpan, Timeline, WalName};
use crate::domain::{Bytes, Code, Fault};
use crate::server::postgres::wal::header::{Header, LENGTH};
use crate::server::postgres::wal::records::{End, Scanner};
use serde::Serialize;
use std::io::Read;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU64, AtomicUsize};

/// What a check found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Checked {
    /// Files that were read.
    pub read: u64,
    /// Their bytes as the server wrote them.
    pub plain: Bytes,
    /// Files that cannot be read here: encrypted, or compressed with something else.
    pub unread: u64,
    /// Segments that follow one another.
    pub found: Vec<Part>,
    /// Segments that are missing between these.
    pub gaps: Vec<Gap>,
    /// Histories that are missing, by their names.
    pub histories: Vec<String>,
    /// What is wrong with which file.
    pub damaged: Vec<Damage>,
    /// The size of segments.
    pub segment_size: SegmentSize,
}

/// A file that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Damage {
    /// Its name.
    pub file: String,
    /// What is wrong with it.
    pub why: String,
}

impl Checked {
    /// Whether nothing is missing and nothing damaged.
    pub fn is_whole(&self) -> bool {
        self.gaps.is_empty() && self.histories.is_empty() && self.damaged.is_empty()
    }
}

/// How far a check is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Far {
    /// Files that were read to their end.
    pub files: u64,
    /// Of so many.
    pub of: u64,
    /// Bytes of these as stored.
    pub bytes: u64,
    /// Of so many.
    pub total: u64,
}

/// What of an archive is looked at.
enum Scope {
    /// Everything.
    Whole,
    /// These segments, and the histories of their timelines.
    Parts(Vec<Part>),
}

impl Scope {
    fn of(segments: &[SegmentSpan], size: SegmentSize) -> Result<Self, Fault> {
        if segments.is_empty() {
            return Ok(Scope::Whole);
        }
        let part = |span: &SegmentSpan| {
            span.part(size).ok_or_else(|| {
                Fault::new(Code::Usage, format!("{span} are not segments of {} MiB, which this archive has", size.bytes() >> 20))
                    .step_run("See which it has:", "dbbackup wal list --archive-dir /wal")
            })
        };
        segments.iter().map(part).collect::<Result<_, _>>().map(Scope::Parts)
    }

    fn has_timeline(&self, timeline: Timeline) -> bool {
        match self {
            Scope::Whole => true,
            Scope::Parts(parts) => parts.iter().any(|part| part.timeline == timeline),
        }
    }

    fn has(&self, name: WalName, size: SegmentSize) -> bool {
        let Scope::Parts(parts) = self else { return true };
        match name {
            WalName::Segment(name) => name.segment(size).is_some_and(|segment| {
                parts.iter().any(|part| part.timeline == segment.timeline && (part.first..=part.last).contains(&segment.number))
            }),
            WalName::History(timeline) => self.has_timeline(timeline),
            // No recovery asks for either.
            WalName::Partial(_) | WalName::Backup(..) => false,
        }
    }

    /// The runs of segments that are there.
    fn found(&self, stretches: &[Stretch]) -> Vec<Part> {
        let whole = || stretches.iter().map(|one| Part { timeline: one.timeline, first: one.first, last: one.last });
        match self {
            Scope::Whole => whole().collect(),
            Scope::Parts(parts) => parts
                .iter()
                .flat_map(|part| {
                    whole()
                        .filter(|one| one.timeline == part.timeline && one.first <= part.last && part.first <= one.last)
                        .map(|one| Part { first: one.first.max(part.first), last: one.last.min(part.last), ..one })
                })
                .collect(),
        }
    }
}

/// What of parts is not among what was found.
fn holes(parts: &[Part], found: &[Part], stretches: &[Stretch], size: SegmentSize) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for part in parts {
        let mut hole = |first: u64, last: u64| {
            let own = || stretches.iter().filter(|one| one.timeline == part.timeline);
            let before = own().filter(|one| one.last < first).map(|one| one.to).max();
            let after = own().filter(|one| one.first > last).map(|one| one.from).min();
            // At either end of a timeline nobody knows the other moment.
            let (from, to) = (before.or(after).unwrap_or_default(), after.or(before).unwrap_or_default());
            let name = Segment { timeline: part.timeline, number: first }.name(size).to_string();
            gaps.push(Gap { timeline: part.timeline, first, last, name, from, to });
        };
        let mut next = part.first;
        for one in found.iter().filter(|one| one.timeline == part.timeline && (part.first..=part.last).contains(&one.first)) {
            if next < one.first {
                hole(next, one.first - 1);
            }
            next = next.max(one.last + 1);
        }
        if next <= part.last {
            hole(next, part.last);
        }
    }
    gaps
}

/// Checks with so many threads: everything, or the segments that are named. `tell` hears from any of them how far it is, often; what it breaks off ends
/// as cancelled.
pub fn check(
    survey: &Survey,
    segments: &[SegmentSpan],
    threads: usize,
    tell: &(dyn Fn(Far) -> ControlFlow<()> + Sync),
) -> Result<Checked, Fault> {
    let identity = Identity::read(&survey.dir).ok().flatten().or_else(|| survey.header.as_ref().map(Identity::of));
    let size = survey.segment_size.unwrap_or_default();
    let scope = Scope::of(segments, size)?;
    let numbered = figures::segments(survey, size);
    let stretches = figures::stretches(&numbered);
    let timelines = figures::timelines(survey, &stretches, size);
    let (readable, unread): (Vec<&Seen>, Vec<&Seen>) =
        survey.files.iter().filter(|seen| scope.has(seen.stored.name, size)).partition(|seen| seen.is_readable());
    let total = readable.iter().map(|seen| seen.bytes).sum();
    let (next, files, bytes) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let far = || Far { files: files.load(Relaxed), of: readable.len() as u64, bytes: bytes.load(Relaxed), total };
    let work = || {
        let (mut plain, mut damaged, mut buffer) = (0u64, Vec::new(), vec![0; 1 << 17]);
        while let Some(seen) = readable.get(next.fetch_add(1, Relaxed)) {
            match file(survey, seen, identity.as_ref(), &mut buffer, &|| tell(far())) {
                Ok(length) => plain += length,
                Err(Stopped::Damaged(why)) => damaged.push(Damage { file: seen.file().to_owned(), why: clean(&why) }),
                Err(Stopped::BrokenOff) => return None,
            }
            files.fetch_add(1, Relaxed);
            bytes.fetch_add(seen.bytes, Relaxed);
        }
        Some((plain, damaged))
    };
    let found = scope.found(&stretches);
    let gaps = match &scope {
        Scope::Whole => figures::gaps(&stretches, &timelines, size),
        Scope::Parts(parts) => holes(parts, &found, &stretches, size),
    };
    let (read, unread) = (readable.len() as u64, unread.len() as u64);
    let mut checked = Checked { unread, read, found, gaps, segment_size: size, ..Checked::default() };
    let whole = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect::<Option<Vec<_>>>()
    });
    let Some(whole) = whole else { return Err(Fault::new(Code::Cancelled, "cancelled")) };
    for (plain, damaged) in whole {
        checked.plain += Bytes(plain);
        checked.damaged.extend(damaged);
    }
    // How it ends is nobody's to stop any more.
    let _ = tell(far());
    chain(survey, &scope, &mut checked);
    checked.damaged.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(checked)
}

/// Why a file was not read to a good end.
enum Stopped {
    /// It is not what it should be.
    Damaged(String),
    /// Nobody wants to know any more.
    BrokenOff,
}

impl From<String> for Stopped {
    fn from(why: String) -> Self {
        Stopped::Damaged(why)
    }
}

/// Reads one file to its end; gives its length as the server wrote it.
fn file(
    survey: &Survey,
    seen: &Seen,
    identity: Option<&Identity>,
    buffer: &mut [u8],
    go_on: &dyn Fn() -> ControlFlow<()>,
) -> Result<u64, Stopped> {
    let words = |fault: Fault| match fault.causes.as_slice() {
        [] => fault.what.clone(),
        causes => causes.join(": "),
    };
    let mut reader = stored::open(&survey.path(seen), seen.stored).map_err(words)?;
    let name = seen.stored.name;
    if let WalName::History(_) | WalName::Backup(..) = name {
        let mut text = Vec::new();
        reader.take(belonging::LARGEST_TEXT).read_to_end(&mut text).map_err(|error| error.to_string())?;
        belonging::text(name, &text).map_err(words)?;
        return Ok(text.len() as u64);
    }
    let (mut head, mut length) = (Vec::with_capacity(LENGTH), 0u64);
    let mut records = Records::default();
    loop {
        if go_on().is_break() {
            return Err(Stopped::BrokenOff);
        }
        let count = match reader.read(buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(format!("it cannot be read beyond byte {length}: {error}").into()),
        };
        let wanted = LENGTH - head.len();
        head.extend_from_slice(&buffer[..count.min(wanted)]);
        length += count as u64;
        records.take(&head, &buffer[..count]);
    }
    let header = Header::read(&head)?;
    if let WalName::Segment(name) | WalName::Partial(name) = name {
        belonging::segment(name, &header, length, identity).map_err(words)?;
    }
    // An unfinished segment ends somewhere, and what follows is whatever was in the file before.
    match (records.end, name) {
        (Some(end), WalName::Segment(_)) => Err(format!("at {}: {}", end.at, end.why).into()),
        _ => Ok(length),
    }
}

/// Goes through the records of a segment, page by page.
#[derive(Default)]
struct Records {
    scanner: Option<(Scanner, usize)>,
    page: Vec<u8>,
    end: Option<End>,
}

impl Records {
    /// Takes the next bytes; `head` is the segment's header as soon as there is one.
    fn take(&mut self, head: &[u8], mut bytes: &[u8]) {
        if self.end.is_some() {
            return;
        }
        if self.scanner.is_none() && head.len() == LENGTH {
            // What is no header is told by whoever reads it as one.
            let Some(header) = Header::read(head).ok().filter(|header| header.page_size.is_power_of_two() && header.page_size >= 1024)
            else {
                return;
            };
            self.scanner = Some((Scanner::new(header.segment_size), header.page_size as usize));
        }
        loop {
            let length = self.scanner.as_ref().map_or(usize::MAX, |(_, length)| *length);
            let part = bytes.len().min(length - self.page.len());
            self.page.extend_from_slice(&bytes[..part]);
            bytes = &bytes[part..];
            if self.page.len() < length {
                return;
            }
            if let Some((scanner, _)) = &mut self.scanner
                && let Err(end) = scanner.page(&self.page, &mut |_| true)
            {
                self.end = Some(end);
                return;
            }
            self.page.clear();
        }
    }
}

/// Whether each timeline says where it came from, and all histories say the same.
fn chain(survey: &Survey, scope: &Scope, checked: &mut Checked) {
    let mut known: Vec<Timeline> = checked.found.iter().map(|one| one.timeline).filter(|one| one.0 > 1).collect();
    known.dedup();
    for timeline in known {
        if !survey.histories.iter().any(|(own, _)| *own == timeline) {
            checked.histories.push(WalName::History(timeline).to_string());
        }
    }
    for (timeline, branches) in survey.histories.iter().filter(|(timeline, _)| scope.has_timeline(*timeline)) {
        let Ok(branches) = branches else { continue };
        for (nth, branch) in branches.iter().enumerate() {
            let parents = survey.histories.iter().find(|(own, _)| *own == branch.from).and_then(|(_, branches)| branches.as_ref().ok());
            if parents.is_some_and(|parents| {
                parents.iter().map(|one| (one.from, one.at)).ne(branches[..nth].iter().map(|one| (one.from, one.at)))
            }) {
                let why = format!("it says another way to timeline {} than that timeline's own history", branch.from);
                checked.damaged.push(Damage { file: WalName::History(*timeline).to_string(), why });
            }
        }
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
