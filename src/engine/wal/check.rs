//! Reads every file of an archive: each segment is what its name says and of the archive's server, every record in it has its checksum, none is missing,
//! the timelines fit together. Changes nothing. What another program has encrypted, or compressed with what we do not read, is counted and not judged.

use super::belonging;
use super::figures;
use super::identity::Identity;
use super::stored;
use super::survey::{Seen, Survey};
use crate::domain::Bytes;
use crate::domain::recovery::{Part, Stretch};
use crate::domain::text::clean;
use crate::domain::wal::{Gap, SegmentSize, Timeline, WalName};
use crate::server::postgres::wal::header::{Header, LENGTH};
use crate::server::postgres::wal::records::{End, Scanner};
use serde::Serialize;
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};

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

/// Checks with so many threads.
pub fn check(survey: &Survey, threads: usize) -> Checked {
    let identity = Identity::read(&survey.dir).ok().flatten().or_else(|| survey.header.as_ref().map(Identity::of));
    let size = survey.segment_size.unwrap_or_default();
    let numbered = figures::segments(survey, size);
    let stretches = figures::stretches(&numbered);
    let timelines = figures::timelines(survey, &stretches, size);
    let next = AtomicUsize::new(0);
    let work = || {
        let (mut plain, mut damaged, mut buffer) = (0u64, Vec::new(), vec![0; 1 << 17]);
        while let Some(seen) = survey.files.get(next.fetch_add(1, Ordering::Relaxed)) {
            if !seen.is_readable() {
                continue;
            }
            match file(survey, seen, identity.as_ref(), &mut buffer) {
                Ok(length) => plain += length,
                Err(why) => damaged.push(Damage { file: seen.file().to_owned(), why: clean(&why) }),
            }
        }
        (plain, damaged)
    };
    let mut checked = Checked {
        unread: survey.files.iter().filter(|seen| !seen.is_readable()).count() as u64,
        read: survey.files.iter().filter(|seen| seen.is_readable()).count() as u64,
        found: stretches.iter().map(|one| Part { timeline: one.timeline, first: one.first, last: one.last }).collect(),
        gaps: figures::gaps(&stretches, &timelines, size),
        segment_size: size,
        ..Checked::default()
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            let (plain, damaged) = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            checked.plain += Bytes(plain);
            checked.damaged.extend(damaged);
        }
    });
    chain(survey, &stretches, &mut checked);
    checked.damaged.sort_by(|one, other| one.file.cmp(&other.file));
    checked
}

/// Reads one file to its end; gives its length as the server wrote it.
fn file(survey: &Survey, seen: &Seen, identity: Option<&Identity>, buffer: &mut [u8]) -> Result<u64, String> {
    let words = |fault: crate::domain::Fault| match fault.causes.as_slice() {
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
        let count = match reader.read(buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(format!("it cannot be read beyond byte {length}: {error}")),
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
        (Some(end), WalName::Segment(_)) => Err(format!("at {}: {}", end.at, end.why)),
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
fn chain(survey: &Survey, stretches: &[Stretch], checked: &mut Checked) {
    let mut known: Vec<Timeline> = stretches.iter().map(|one| one.timeline).filter(|one| one.0 > 1).collect();
    known.dedup();
    for timeline in known {
        if !survey.histories.iter().any(|(own, _)| *own == timeline) {
            checked.histories.push(WalName::History(timeline).to_string());
        }
    }
    for (timeline, branches) in &survey.histories {
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
