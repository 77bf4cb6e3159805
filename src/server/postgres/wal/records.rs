//! Walks through the records of the log, page by page, with bounded memory: joins what lies across pages and segments, checks every
//! record's CRC-32C, and hands on the few that say something about time (PostgreSQL 13 to 18).
//!
//! Pages begin with `XLogPageHeaderData` (24 bytes; 40 for the first of a segment), records with `XLogRecord` (24 bytes) at multiples of 8
//! (`access/xlog_internal.h`, `access/xlogrecord.h`, `access/transam/xlogreader.c`). What a record does to which block is not looked at.

use super::record::{self, Event};
use crate::domain::wal::{Lsn, SegmentSize};

/// Bytes of a page's header, and of that of a segment's first page.
const SHORT: usize = 24;
const LONG: usize = 40;
/// Bytes of a record's header.
const RECORD: usize = 24;
/// The largest record that the server writes (`XLogRecordMaxSize`).
const LARGEST: u32 = 1020 << 20;

/// Flags of a page: it begins with the rest of a record; its header is a long one; the record that ran into it was given up.
const CONTINUES: u16 = 1;
const IS_LONG: u16 = 2;
const OVERWRITES: u16 = 8;

/// Why there is nothing more to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// Where the first record would be that is not there.
    pub at: Lsn,
    /// In words.
    pub why: String,
}

/// A record that is being put together.
#[derive(Debug, Default)]
struct Piece {
    at: Lsn,
    total: u32,
    got: u32,
    /// CRC-32C of what follows the header, as far as it was seen.
    crc: u32,
    /// Its first bytes: the header, and of a record that is of interest as many as are needed.
    head: Vec<u8>,
    /// How many bytes of it are kept.
    keep: usize,
}

/// Goes through the pages of the log in their order.
#[derive(Debug)]
pub struct Scanner {
    size: SegmentSize,
    magic: Option<u16>,
    /// The address that the next page must have; none before the first one.
    next: Option<Lsn>,
    piece: Option<Piece>,
    /// Bytes of a record that began before the first page.
    skip: u32,
    /// Pages before this position are passed over: what follows a switch to the next segment.
    until: Lsn,
    /// Where the last record began.
    previous: Option<Lsn>,
    records: u64,
    /// The first record from here on is told, whatever it is.
    mark: Option<Lsn>,
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

impl Scanner {
    /// One that begins with the first record that begins in the first page it is given.
    pub fn new(size: SegmentSize) -> Self {
        Self { size, magic: None, next: None, piece: None, skip: 0, until: Lsn(0), previous: None, records: 0, mark: None }
    }

    /// The same, which also tells of the first record that begins at this position or after it, before what that record says.
    #[must_use]
    pub fn marking(self, mark: Option<Lsn>) -> Self {
        Self { mark, ..self }
    }

    /// Records that were whole.
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// Where reading goes on: the begin of a record of which not all was seen, else the end of what was seen.
    pub fn position(&self) -> Lsn {
        self.piece.as_ref().map_or_else(|| self.next.unwrap_or_default(), |piece| piece.at)
    }

    /// Takes the next page, whole; events go to `take`, which ends the walk by giving false. The result says whether it did.
    pub fn page(&mut self, page: &[u8], take: &mut dyn FnMut(Event) -> bool) -> Result<bool, End> {
        let mut at = self.header(page)?;
        let Some(address) = self.next else { return Ok(true) };
        self.next = Some(Lsn(address.0.wrapping_add(page.len() as u64)));
        if address < self.until {
            return Ok(true);
        }
        if self.skip > 0 {
            let part = (self.skip as usize).min(page.len() - at);
            self.skip -= part as u32;
            at = (at + part).next_multiple_of(8);
        }
        while at < page.len() {
            let here = Lsn(address.0 + at as u64);
            let piece = match &mut self.piece {
                Some(piece) => piece,
                none => none.insert(begin(here, &page[at..])?),
            };
            let part = (piece.total - piece.got).min((page.len() - at) as u32);
            piece.add(&page[at..at + part as usize]);
            at += part as usize;
            if piece.got < piece.total {
                break;
            }
            at = at.next_multiple_of(8);
            let Some(piece) = self.piece.take() else { break };
            let end = Lsn(address.0 + at as u64);
            let event = self.finish(&piece, end)?;
            if self.mark.is_some_and(|mark| piece.at >= mark) {
                self.mark = None;
                if !take(Event { at: piece.at, end, what: record::What::Reached }) {
                    return Ok(false);
                }
            }
            if let Some(event) = event {
                let switches = event.what == record::What::Switch;
                if !take(event) {
                    return Ok(false);
                }
                if switches {
                    self.until = Lsn(address.0 / self.size.bytes() * self.size.bytes() + self.size.bytes());
                    break;
                }
            }
        }
        Ok(true)
    }

    /// Reads the header of a page; gives the place of what follows it.
    fn header(&mut self, page: &[u8]) -> Result<usize, End> {
        let end = |at: Lsn, why: String| Err(End { at, why });
        let expected = self.position();
        if page.len() < LONG || !page.len().is_multiple_of(8) {
            return end(expected, format!("a page of {} bytes is none", page.len()));
        }
        let (magic, flags, address, rest) = (u16_at(page, 0), u16_at(page, 2), Lsn(u64_at(page, 8)), u32_at(page, 16));
        if let Some(next) = self.next
            && next < self.until
        {
            // What follows a switch is all zeroes.
            return Ok(SHORT);
        }
        if magic == 0 && address.0 == 0 {
            return end(expected, "nothing was written after this".to_owned());
        }
        if magic >> 8 != 0xD1 || self.magic.is_some_and(|known| known != magic) {
            return end(expected, format!("a page does not begin as one of the log does (0x{magic:04X})"));
        }
        if self.next.is_some_and(|next| next != address) {
            return end(expected, format!("a page says that it is the one at {address}: the file was used before"));
        }
        if self.next.is_none() && address.0.checked_add(1 << 40).is_none() {
            return end(expected, format!("no page is at {address}"));
        }
        let first = self.next.is_none();
        (self.magic, self.next) = (Some(magic), Some(address));
        let is_first_of_segment = address.0.is_multiple_of(self.size.bytes());
        if is_first_of_segment != (flags & IS_LONG != 0) {
            return end(expected, format!("the page at {address} has a header of the wrong kind"));
        }
        let length = if is_first_of_segment { LONG } else { SHORT };
        let continues = flags & CONTINUES != 0;
        if let Some(piece) = &self.piece {
            if flags & OVERWRITES != 0 {
                // The server crashed in the middle of the record, and began anew here.
                self.piece = None;
            } else if !continues || rest != piece.total - piece.got {
                return end(piece.at, format!("the record at {} does not go on in the page at {address}", piece.at));
            }
        } else if self.skip > 0 {
            if flags & OVERWRITES != 0 {
                self.skip = 0;
            } else if !continues || rest != self.skip {
                return end(address, format!("what goes on in the page at {address} does not go on as it began"));
            }
        } else if continues && rest > 0 && flags & OVERWRITES == 0 {
            if !first {
                return end(address, format!("the page at {address} goes on with a record that did not begin"));
            }
            self.skip = rest;
        }
        Ok(length)
    }

    /// Checks a record that is whole.
    fn finish(&mut self, piece: &Piece, after: Lsn) -> Result<Option<Event>, End> {
        let end = |why: &str| Err(End { at: piece.at, why: format!("the record at {} {why}", piece.at) });
        let head = &piece.head;
        if head.len() < RECORD {
            return end("is too short");
        }
        if crc32c::crc32c_append(piece.crc, &head[..20]) != u32_at(head, 20) {
            return end("is not what its checksum says");
        }
        let previous = Lsn(u64_at(head, 8));
        if self.previous.is_some_and(|known| known != previous) {
            return end(&format!("says that the one before is at {previous}: it is of another history"));
        }
        self.previous = Some(piece.at);
        self.records += 1;
        let what = record::read(head[17], head[16], u32_at(head, 4), &head[RECORD..], self.magic.unwrap_or_default());
        Ok(what.map(|what| Event { at: piece.at, end: after, what }))
    }
}

/// The begin of a record; of its header at least the length is there, because records begin at multiples of 8.
fn begin(at: Lsn, bytes: &[u8]) -> Result<Piece, End> {
    let total = u32_at(bytes, 0);
    if total == 0 {
        return Err(End { at, why: "nothing was written after this".to_owned() });
    }
    if !(RECORD as u32..=LARGEST).contains(&total) {
        return Err(End { at, why: format!("a record of {total} bytes cannot be") });
    }
    Ok(Piece { at, total, keep: RECORD, ..Piece::default() })
}

impl Piece {
    fn add(&mut self, mut bytes: &[u8]) {
        if self.head.len() < RECORD {
            let part = (RECORD - self.head.len()).min(bytes.len());
            self.head.extend_from_slice(&bytes[..part]);
            self.got += part as u32;
            bytes = &bytes[part..];
            if self.head.len() < RECORD {
                return;
            }
            self.keep = RECORD + record::needed(self.head[17], self.head[16]).min(self.total as usize - RECORD);
        }
        let part = (self.keep - self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..part]);
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        self.got += bytes.len() as u32;
    }
}

#[cfg(test)]
#[path = "records_tests.rs"]
mod tests;
