//! Opens an archive and hands out its parts, each checked before a byte of it is used.

use super::codec::{self};
use super::damage::{corrupted, io_error, shell};
use super::frame::{Decoded, FrameDecoder};
use super::index::{FrameIndex, NameMap};
use super::locator::{self, Locator};
use super::manifest::{self, FrameRecord, Head, Kind, Manifest};
use super::manifest_json::{Depth, Unreadable};
use super::place::Place;
use super::{sidecar, tarball};
use crate::domain::codec::Codec;
use crate::domain::{Code, Fault};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// An open archive; shared between threads.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    file: File,
    length: u64,
    codec: Codec,
    locator: Option<Locator>,
    manifest: Manifest,
    index: FrameIndex,
    names: NameMap,
}

/// Whether tables can be what the manifest says: each chunk in a frame that is there, at most as large as it, and each once. Whoever adds
/// up rows and bytes stays within 64 bits then, and nobody gets more out of an archive than is in it.
fn plausible<'a>(tables: impl Iterator<Item = &'a manifest::TableEntry>, index: &FrameIndex) -> Result<(), String> {
    let mut dirs = HashSet::new();
    for table in tables {
        let name = &table.table.name;
        let mut most = 0_u64;
        let mut numbers = Vec::with_capacity(table.chunks.len());
        for chunk in &table.chunks {
            let Some(frame) = index.frames().get(chunk.frame as usize) else {
                let frames = index.frames().len();
                return Err(format!("chunk {} of table {name} lies in frame {} of {frames}", chunk.number, chunk.frame));
            };
            // A row takes a byte at least.
            if chunk.bytes > frame.plain || chunk.rows > frame.plain {
                return Err(format!("chunk {} of table {name} is larger than the frame that it lies in", chunk.number));
            }
            most = most.saturating_add(frame.plain);
            numbers.push(chunk.number);
        }
        if table.bytes > most || table.rows > most {
            return Err(format!("table {name} is larger than its chunks"));
        }
        numbers.sort_unstable();
        if let Some(twice) = numbers.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(format!("chunk {} of table {name} is there twice", twice[0]));
        }
        if !numbers.is_empty() && !dirs.insert(&table.dir) {
            return Err(format!("table {name} and another one have the folder {}", table.dir));
        }
    }
    Ok(())
}

impl Archive {
    /// Opens an archive and reads its manifest. Finds it by a scan when the locator is damaged (see [`Archive::is_located`]).
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let place = Place::find(path)?;
        let (manifest, index) = place.manifest(Depth::Everything { end: place.start })?;
        let Place { path, file, length, codec, locator, .. } = place;
        let damaged = |what: String| corrupted(what).at("File", path.display()).at("Entry", manifest::ENTRY);
        if manifest.head.compression.codec != codec {
            return Err(damaged(format!("the manifest speaks of {}, the file is {codec}", manifest.head.compression.codec)));
        }
        for frame in index.frames() {
            if frame.plain > codec::FRAME_LIMIT || frame.length > codec::FRAME_LIMIT || frame.plain > codec::most(codec, frame.length) {
                let what = format!("{} bytes of {codec} cannot become {} bytes", frame.length, frame.plain);
                return Err(damaged(what).at("Offset", frame.offset));
            }
        }
        let names = index.by_name().map_err(|name| damaged(format!("entry {name} is there twice")))?;
        let tables = manifest.databases.iter().flat_map(|database| &database.tables);
        plausible(tables, &index).map_err(damaged)?;
        Ok(Self { path, file, length, codec, locator, manifest, index, names })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The length of the file, in bytes.
    pub fn bytes(&self) -> u64 {
        self.length
    }

    /// About how many bytes of memory its table of contents takes.
    pub fn held(&self) -> u64 {
        // What names and lists of a table take beside its chunks, and the name of an entry in the index.
        const TABLE: usize = 512;
        const NAME: usize = 64;
        let tables = self.manifest.databases.iter().flat_map(|database| &database.tables);
        let (count, chunks) = tables.fold((0, 0), |(count, chunks), table| (count + 1, chunks + table.chunks.len()));
        let frames = self.frames().len() * (size_of::<FrameRecord>() + NAME);
        (frames + chunks * size_of::<manifest::Chunk>() + count * TABLE) as u64
    }

    /// Its codec.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Whether the locator was whole. Without it the manifest was found by a scan, and its SHA-256 is not known.
    pub fn is_located(&self) -> bool {
        self.locator.is_some()
    }

    /// The manifest without the frames.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// All frames, in the order of the file.
    pub fn frames(&self) -> &[FrameRecord] {
        self.index.frames()
    }

    /// The names of a frame's entries.
    pub fn entries(&self, frame: u32) -> impl Iterator<Item = &str> {
        self.index.entries(frame)
    }

    /// The frame that holds an entry.
    pub fn frame_of(&self, entry: &str) -> Option<u32> {
        self.index.frame_of(&self.names, entry)
    }

    /// A decoder for this archive's codec.
    pub fn decoder(&self) -> Result<FrameDecoder, Fault> {
        FrameDecoder::new(self.codec)
    }

    /// Reads, checks and decodes a frame. `scratch` and `out` are buffers to be used again.
    pub fn frame(&self, number: u32, decoder: &mut FrameDecoder, scratch: &mut Vec<u8>, out: Vec<u8>) -> Result<Decoded, Fault> {
        self.read_frame(number, scratch)?;
        self.decode_frame(number, scratch, decoder, out)
    }

    /// Reads a frame's compressed bytes, unchecked.
    pub fn read_frame(&self, number: u32, into: &mut Vec<u8>) -> Result<(), Fault> {
        let frame = self.record(number)?;
        into.resize(frame.length as usize, 0);
        self.file
            .read_exact_at(into, frame.offset)
            .map_err(|error| self.place(number, io_error("cannot read the archive", &self.path, &error)))
    }

    /// Checks and decodes what [`Archive::read_frame`] has read.
    pub fn decode_frame(&self, number: u32, bytes: &[u8], decoder: &mut FrameDecoder, out: Vec<u8>) -> Result<Decoded, Fault> {
        let frame = self.record(number)?;
        if Sha256::digest(bytes)[..] != frame.sha256 {
            return Err(self.place(number, corrupted("the SHA-256 of a frame is not what the manifest says")));
        }
        let decoded = match self.manifest.head.kind {
            Kind::Single | Kind::Cluster => decoder.decode(bytes, frame.plain, out),
            Kind::Base => decoder.decode_open(bytes, frame.plain, self.entries(number).count(), out),
        };
        let decoded = decoded.map_err(|fault| self.place(number, fault))?;
        if !decoded.entries.iter().map(|(name, _)| name.as_str()).eq(self.entries(number)) {
            return Err(self.place(number, corrupted("the entries of a frame are not what the manifest says")));
        }
        Ok(decoded)
    }

    /// One entry's bytes, whole. For small entries (`schema.jsonl`, `README.txt`, …).
    pub fn entry(&self, name: &str) -> Result<Vec<u8>, Fault> {
        let number = self.frame_of(name).ok_or_else(|| {
            Fault::new(Code::NotInArchive, format!("there is no entry {name} in the archive"))
                .at("File", self.path.display())
                .step_run("Look at what is in it:", format!("dbbackup archive list {}", shell(&self.path.to_string_lossy())))
        })?;
        let mut decoded = self.frame(number, &mut self.decoder()?, &mut Vec::new(), Vec::new())?;
        let (_, range) = decoded
            .entries
            .iter()
            .find(|(known, _)| known == name)
            .ok_or_else(|| Fault::internal(format!("entry {name} was checked to be in frame {number} and is not")))?;
        let range = range.clone();
        decoded.plain.truncate(range.end);
        decoded.plain.drain(..range.start);
        Ok(decoded.plain)
    }

    /// The bytes of `manifest.json`, whole. It lies in no frame that the manifest lists, so [`Archive::entry`] does not find it.
    pub fn manifest_bytes(&self) -> Result<Vec<u8>, Fault> {
        Place::find(&self.path)?.manifest_entry(|bytes| {
            let mut all = Vec::new();
            bytes.read_to_end(&mut all).map_err(|error| Unreadable::Damaged(error.to_string()))?;
            Ok(all)
        })
    }

    /// Hands over everything that follows the frames, piece by piece: what a SHA-256 of the whole file still needs.
    pub fn read_tail(&self, mut take: impl FnMut(&[u8])) -> Result<(), Fault> {
        let mut at = self.index.end();
        let mut piece = vec![0; 1 << 16];
        while at < self.length {
            let want = (self.length - at).min(piece.len() as u64) as usize;
            let error = |error| io_error("cannot read the archive", &self.path, &error).at("Offset", at);
            self.file.read_exact_at(&mut piece[..want], at).map_err(error)?;
            take(&piece[..want]);
            at += want as u64;
        }
        Ok(())
    }

    /// Checks what comes after the frames, as far as opening has not: the end of the tar stream and the locator.
    pub fn check_tail(&self) -> Result<(), Fault> {
        let Some(locator) = &self.locator else {
            return Err(corrupted("the locator at the end of the file is damaged or cut off; the manifest was found by a scan")
                .at("File", self.path.display())
                .at("Offset", self.length.saturating_sub(locator::length(self.codec) as u64)));
        };
        let offset = locator.offset + locator.length;
        let damaged = |what: &str| corrupted(what).at("File", self.path.display()).at("Offset", offset);
        // The frame of two zero blocks takes some dozen bytes, raw 1024.
        if locator.end_length > 4096 {
            return Err(damaged("the end of the tar stream is too long"));
        }
        let mut bytes = vec![0; locator.end_length as usize];
        self.file.read_exact_at(&mut bytes, offset).map_err(|error| io_error("cannot read the archive", &self.path, &error))?;
        if Sha256::digest(&bytes)[..] != locator.end_sha256 {
            return Err(damaged("the end of the tar stream is damaged"));
        }
        let plain = self.decoder()?.decompress(&bytes, tarball::END.len() as u64, Vec::new())?;
        if plain == tarball::END { Ok(()) } else { Err(damaged("the tar stream has no end")) }
    }

    fn record(&self, number: u32) -> Result<&FrameRecord, Fault> {
        self.index.frames().get(number as usize).ok_or_else(|| Fault::internal(format!("there is no frame {number}")))
    }

    /// Adds to a fault where in the file it is.
    fn place(&self, number: u32, fault: Fault) -> Fault {
        let mut fault = fault.at("File", self.path.display());
        let mut entries = self.entries(number);
        if let Some(first) = entries.next() {
            let more = entries.count();
            fault = fault.at("Entry", if more == 0 { first.to_owned() } else { format!("{first} and {more} more") });
        }
        match self.index.frames().get(number as usize) {
            Some(frame) => fault.at("Offset", frame.offset),
            None => fault,
        }
    }
}

/// Reads only the head of an archive: from `<archive>.meta.json` when that fits the file's size, else from the archive.
pub fn head(path: &Path) -> Result<Head, Fault> {
    let meta = std::fs::metadata(path).map_err(|error| io_error("cannot open the archive", path, &error))?;
    if let Some(beside) = sidecar::read_meta(path).filter(|beside| beside.bytes == meta.len()) {
        return Ok(beside.head);
    }
    Ok(Place::find(path)?.manifest(Depth::Head)?.0.head)
}
