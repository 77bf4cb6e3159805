//! From the server's stream to the frames of an archive: entries under our names, cut so that pages stay whole, with the list of files and the
//! hashes of pages made in passing. Compares with an earlier backup where there is one. Runs on a thread of its own; compresses nothing.

mod changed;

use super::compare::Compare;
use super::incoming::{Found, Incoming};
use super::press::{Pages, Task};
use crate::archive::base::{self, Attributes, FileEntry, FileKind, HASHES, INCREMENTAL, PAGE};
use crate::domain::Fault;
use crate::domain::wal::Lsn;
use crate::engine::backup::budget::Lease;
use crate::server::postgres::page;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// Where frames go.
pub trait Sink {
    /// An empty buffer for a frame; waits for room.
    fn buffer(&mut self) -> Result<(Vec<u8>, Lease), Fault>;

    /// Takes a frame.
    fn put(&mut self, task: Task) -> Result<(), Fault>;

    /// Another so many bytes of files have come.
    fn passed(&mut self, bytes: u64);
}

/// The pages of an earlier backup.
pub trait Earlier: Send {
    /// The numbers of a file's hashes, where the earlier backup knows all of its pages.
    fn find(&self, path: &str) -> Option<std::ops::Range<u64>>;

    /// A hash by its number.
    fn hash(&mut self, number: u64) -> Result<u64, Fault>;
}

/// What is known when everything has passed.
#[derive(Debug, Default)]
pub struct Split {
    /// Every file.
    pub files: Vec<FileEntry>,
    /// Bytes of files, by tablespace; of the data directory under none.
    pub bytes: std::collections::BTreeMap<Option<u32>, u64>,
    /// `backup_label`.
    pub label: Vec<u8>,
    /// `backup_manifest`.
    pub manifest: Vec<u8>,
}

/// A frame that is being filled.
struct Frame {
    number: u32,
    plain: Vec<u8>,
    lease: Lease,
    entries: Vec<String>,
    pages: Vec<Pages>,
}

/// A file whose bytes are coming.
struct Open {
    entry: FileEntry,
    attributes: Attributes,
    crc: u32,
    /// The first block, for a file of pages.
    blocks: Option<u32>,
    way: Way,
}

enum Way {
    /// Its bytes go into the frame.
    Through {
        /// The frame is full at this length; none: it has room for all.
        full: Option<usize>,
        /// Where in the frame its bytes begin.
        from: usize,
        /// Up to where pages are hashed.
        hashed: usize,
        /// Pages in frames before.
        before: u32,
    },
    /// Only what has changed does.
    Compared(Box<Compare>),
}

/// Cuts.
pub struct Splitter<S> {
    sink: S,
    chunk: usize,
    /// Pages changed before are judged; none: pages carry no checksums.
    since: Option<Lsn>,
    mtime: i64,
    earlier: Option<Box<dyn Earlier>>,
    frame: Option<Frame>,
    next: u32,
    tablespace: Option<u32>,
    incoming: Incoming,
    file: Option<Open>,
    hashes: Vec<u8>,
    hashed: u64,
    in_manifest: bool,
    split: Split,
}

impl<S: Sink> Splitter<S> {
    /// Frames of about `chunk` bytes; `mtime`, in seconds since 1970, is for entries of our own.
    pub fn new(sink: S, chunk: usize, since: Option<Lsn>, mtime: i64, earlier: Option<Box<dyn Earlier>>) -> Self {
        Self {
            sink,
            // Room for a page and a header at least.
            chunk: chunk.max(4 * PAGE),
            since,
            mtime,
            earlier,
            frame: None,
            next: 0,
            tablespace: None,
            incoming: Incoming::default(),
            file: None,
            hashes: Vec::new(),
            hashed: 0,
            in_manifest: false,
            split: Split::default(),
        }
    }

    /// The archive of a tablespace begins; none: that of the data directory.
    pub fn archive(&mut self, tablespace: Option<u32>) -> Result<(), Fault> {
        self.whole()?;
        (self.incoming, self.tablespace, self.in_manifest) = (Incoming::default(), tablespace, false);
        self.split.bytes.entry(tablespace).or_default();
        Ok(())
    }

    /// The server's list begins.
    pub fn manifest(&mut self) -> Result<(), Fault> {
        self.whole()?;
        (self.incoming, self.in_manifest) = (Incoming::default(), true);
        Ok(())
    }

    fn whole(&self) -> Result<(), Fault> {
        if self.incoming.is_whole() {
            return Ok(());
        }
        let fault = Fault::new(crate::domain::Code::ServerUnavailable, "the server's base backup ends within a file");
        Err(fault.step("See the server's log, and run this again."))
    }

    /// Takes the next bytes.
    pub fn data(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if self.in_manifest {
            self.split.manifest.extend_from_slice(bytes);
            return Ok(());
        }
        let mut incoming = std::mem::take(&mut self.incoming);
        let took = incoming.take(bytes, &mut |found| match found {
            Found::Begin(path, attributes) => self.begin(&path, attributes),
            Found::Data(data) => self.pass(data),
            Found::End => self.end(),
        });
        self.incoming = incoming;
        took
    }

    /// Everything has come: the server's list and the rest of the hashes follow.
    pub fn finish(mut self) -> Result<Split, Fault> {
        self.whole()?;
        let manifest = std::mem::take(&mut self.split.manifest);
        self.tablespace = None;
        let attributes = Attributes { size: manifest.len() as u64, mode: 0o600, mtime: self.mtime, ..Attributes::default() };
        self.begin("backup_manifest", attributes)?;
        self.pass(&manifest)?;
        self.end()?;
        self.split.manifest = manifest;
        let rest = self.hashes.len();
        if rest > 0 {
            self.put_hashes(rest)?;
        }
        self.flush()?;
        Ok(self.split)
    }

    fn begin(&mut self, path: &str, attributes: Attributes) -> Result<(), Fault> {
        let dir = self.tablespace.map_or_else(|| "base".to_owned(), |oid| format!("tablespaces/{oid}"));
        let name = if path.is_empty() { dir } else { format!("{dir}/{path}") };
        let mut entry = FileEntry { mode: attributes.mode, mtime: attributes.mtime, kind: attributes.kind, ..FileEntry::default() };
        let (mut blocks, mut way) = (None, None);
        if attributes.kind == FileKind::File {
            entry.size = attributes.size;
            match name.rsplit_once('/') {
                Some((dir, last)) if last.starts_with(INCREMENTAL) => {
                    entry.kind = FileKind::Increment;
                    entry.path = format!("{dir}/{}", &last[INCREMENTAL.len()..]);
                }
                _ => blocks = page::first_block(path).filter(|_| attributes.size > 0 && attributes.size.is_multiple_of(PAGE as u64)),
            }
            if blocks.is_some() {
                entry.pages = Some(self.hashed);
                if let Some(range) = self.earlier.as_ref().and_then(|earlier| earlier.find(&name)) {
                    way = Some(Way::Compared(Box::new(Compare::with(&name, range))));
                }
            }
            if name == "base/backup_label" {
                self.split.label.clear();
            }
        }
        if entry.path.is_empty() {
            entry.path.clone_from(&name);
        }
        entry.link = (attributes.kind == FileKind::Link).then(|| attributes.link.clone());
        let way = match way {
            Some(way) => way,
            None => {
                let (at, full) = self.header(&name, &attributes)?;
                let frame = self.frame.as_ref().map_or(0, |frame| frame.number);
                (entry.frame, entry.at) = (frame, at as u64);
                Way::Through { full, from: at, hashed: at, before: 0 }
            }
        };
        self.file = Some(Open { entry, attributes, crc: 0, blocks, way });
        Ok(())
    }

    /// Puts a header into the frame, or into a new one where the entry has no room; says where its bytes begin, and at which length the frame is
    /// full if it is too small for all of them.
    fn header(&mut self, name: &str, attributes: &Attributes) -> Result<(usize, Option<usize>), Fault> {
        let mut header = Vec::new();
        base::header(name, attributes, &mut header);
        let size = usize::try_from(attributes.size).unwrap_or(usize::MAX >> 1);
        let whole = header.len() + size.next_multiple_of(512);
        if self.frame.as_ref().is_some_and(|frame| frame.plain.len() + whole > self.chunk) {
            self.flush()?;
        }
        let chunk = self.chunk;
        let frame = self.frame()?;
        frame.plain.extend_from_slice(&header);
        frame.entries.push(name.to_owned());
        let at = frame.plain.len();
        Ok((at, (whole > chunk).then(|| at + (chunk - at) / PAGE * PAGE)))
    }

    fn pass(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        self.sink.passed(bytes.len() as u64);
        *self.split.bytes.entry(self.tablespace).or_default() += bytes.len() as u64;
        let Some(mut file) = self.file.take() else { return Err(Fault::internal("bytes of no file")) };
        file.crc = crc32c::crc32c_append(file.crc, bytes);
        if file.entry.path == "base/backup_label" {
            self.split.label.extend_from_slice(bytes);
        }
        match &mut file.way {
            Way::Compared(compare) => {
                compare.hold(bytes);
                if compare.held() >= self.chunk {
                    self.compare(compare, file.blocks)?;
                }
            }
            Way::Through { full, from, hashed, before } => {
                while !bytes.is_empty() {
                    let at = self.frame()?.plain.len();
                    if full.is_some_and(|full| at >= full) {
                        *before += self.run(&file.entry.path, file.blocks, *from, *before)?;
                        self.flush()?;
                        (*full, *from, *hashed) = (Some(self.chunk / PAGE * PAGE), 0, 0);
                        continue;
                    }
                    let (now, later) = bytes.split_at(full.map_or(bytes.len(), |full| bytes.len().min(full - at)));
                    self.frame()?.plain.extend_from_slice(now);
                    bytes = later;
                    if file.blocks.is_some() {
                        let Some(frame) = &self.frame else { continue };
                        let (pages, rest) = frame.plain[*hashed..].as_chunks::<PAGE>();
                        for page in pages {
                            self.hashes.extend_from_slice(&xxh3_64(page).to_le_bytes());
                        }
                        self.hashed += pages.len() as u64;
                        *hashed = frame.plain.len() - rest.len();
                    }
                }
            }
        }
        self.file = Some(file);
        Ok(())
    }

    /// Notes the pages of a file that lie in the frame from an offset on; says how many they are.
    fn run(&mut self, path: &str, blocks: Option<u32>, from: usize, before: u32) -> Result<u32, Fault> {
        let Some(first) = blocks else { return Ok(0) };
        let judged = self.since.is_some();
        let frame = self.frame()?;
        let count = u32::try_from((frame.plain.len() - from) / PAGE).unwrap_or(u32::MAX);
        if judged && count > 0 {
            let blocks = (0..count).map(|nth| first.wrapping_add(before + nth)).collect();
            frame.pages.push(Pages { path: Arc::from(path), at: from, blocks });
        }
        Ok(count)
    }

    fn end(&mut self) -> Result<(), Fault> {
        let Some(mut file) = self.file.take() else { return Err(Fault::internal("the end of no file")) };
        if matches!(file.attributes.kind, FileKind::File) {
            file.entry.crc32c = Some(file.crc);
        }
        match &mut file.way {
            Way::Compared(compare) => {
                self.compare(compare, file.blocks)?;
                let (compare, blocks) = (std::mem::take(&mut **compare), file.blocks);
                self.compared(compare, blocks, &mut file.entry, &file.attributes)?;
            }
            Way::Through { full, from, before, .. } => {
                self.run(&file.entry.path, file.blocks, *from, *before)?;
                let size = file.attributes.size;
                self.frame()?.plain.extend_from_slice(base::padding(size));
                if full.is_some() {
                    self.flush()?;
                }
            }
        }
        self.split.files.push(file.entry);
        while self.hashes.len() as u64 >= HASHES * 8 {
            self.put_hashes(usize::try_from(HASHES * 8).unwrap_or(usize::MAX))?;
        }
        Ok(())
    }

    /// Puts the first so many bytes of the hashes into a frame of their own.
    fn put_hashes(&mut self, bytes: usize) -> Result<(), Fault> {
        self.flush()?;
        let rest = self.hashes.split_off(bytes);
        let hashes = std::mem::replace(&mut self.hashes, rest);
        let first = self.hashed - (hashes.len() + self.hashes.len()) as u64 / 8;
        let attributes = Attributes { size: hashes.len() as u64, mode: 0o600, mtime: self.mtime, ..Attributes::default() };
        let name = base::hashes_entry(first / HASHES);
        let frame = self.frame()?;
        base::header(&name, &attributes, &mut frame.plain);
        frame.plain.extend_from_slice(&hashes);
        frame.plain.extend_from_slice(base::padding(hashes.len() as u64));
        frame.entries.push(name);
        self.flush()
    }

    fn frame(&mut self) -> Result<&mut Frame, Fault> {
        if self.frame.is_none() {
            let (plain, lease) = self.sink.buffer()?;
            self.frame = Some(Frame { number: self.next, plain, lease, entries: Vec::new(), pages: Vec::new() });
            self.next += 1;
        }
        self.frame.as_mut().ok_or_else(|| Fault::internal("a frame that was opened is not there"))
    }

    fn flush(&mut self) -> Result<(), Fault> {
        let Some(Frame { number, plain, lease, entries, pages }) = self.frame.take() else { return Ok(()) };
        self.sink.put(Task { number, plain, lease, entries, pages, since: self.since.unwrap_or_default() })
    }
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
