//! Frames: whole tar entries, compressed on their own.

use super::codec::{self, Compressor, Decompressor, Stop};
use super::damage::corrupted;
use super::{names, tarball};
use crate::domain::codec::{Codec, Compression};
use crate::domain::{Code, Fault};
use sha2::{Digest, Sha256};
use std::ops::Range;

/// An entry to be put into a frame.
pub struct Part<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its bytes.
    pub data: &'a [u8],
}

/// A finished frame, not yet in a file.
pub struct Frame {
    /// The compressed bytes.
    pub data: Vec<u8>,
    /// Length as tar.
    pub plain: u64,
    /// SHA-256 of `data`.
    pub sha256: [u8; 32],
    /// Names of the entries in it.
    pub entries: Vec<String>,
}

/// Makes frames. One for each thread that compresses: it keeps its compressor's memory.
pub struct FrameEncoder {
    compressor: Compressor,
    headers: Vec<u8>,
    mtime: u64,
    stop: Box<Stop>,
}

impl FrameEncoder {
    /// An encoder; `mtime` (seconds since 1970) is what every entry carries.
    pub fn new(compression: Compression, mtime: u64) -> Result<Self, Fault> {
        let compressor = Compressor::new(compression)
            .map_err(|error| Fault::internal(format!("the compressor {compression} cannot be set up")).caused_by(&error))?;
        Ok(Self { compressor, headers: Vec::new(), mtime, stop: Box::new(|| false) })
    }

    /// The same, which can be told to stop in the middle of a frame: `stop` is asked between pieces of work that take longer than a moment.
    /// [`FrameEncoder::encode`] then fails with the code `CANCELLED`.
    #[must_use]
    pub fn stopping(self, stop: impl Fn() -> bool + Send + 'static) -> Self {
        Self { stop: Box::new(stop), ..self }
    }

    /// Makes a frame of one or more entries. `out` is an old frame's buffer to be used again, or an empty one.
    pub fn encode(&mut self, parts: &[Part<'_>], out: Vec<u8>) -> Result<Frame, Fault> {
        self.headers.clear();
        let mut ends = Vec::with_capacity(parts.len());
        for part in parts {
            if !names::is_legal(part.name) {
                return Err(Fault::internal(format!("{:?} is no name for an entry", part.name)));
            }
            tarball::header(part.name, part.data.len() as u64, self.mtime, &mut self.headers);
            ends.push(self.headers.len());
        }
        // Header, data and padding go into the compressor one after another: the data are not copied together first.
        let mut segments: Vec<&[u8]> = Vec::with_capacity(parts.len() * 3);
        let mut start = 0;
        for (part, end) in parts.iter().zip(ends) {
            segments.extend([&self.headers[start..end], part.data, tarball::padding(part.data.len() as u64)]);
            start = end;
        }
        let entries = parts.iter().map(|part| part.name.to_owned()).collect();
        finish(&mut self.compressor, &segments, out, entries, self.stop.as_ref())
    }

    /// Makes a frame of bytes that are tar already, in which these entries begin.
    pub fn encode_tar(&mut self, tar: &[u8], entries: Vec<String>, out: Vec<u8>) -> Result<Frame, Fault> {
        if let Some(bad) = entries.iter().find(|name| !names::is_legal(name)) {
            return Err(Fault::internal(format!("{bad:?} is no name for an entry")));
        }
        finish(&mut self.compressor, &[tar], out, entries, self.stop.as_ref())
    }

    /// The frame that ends the tar stream.
    pub(super) fn end(&mut self) -> Result<Frame, Fault> {
        finish(&mut self.compressor, &[&tarball::END], Vec::new(), Vec::new(), &|| false)
    }
}

fn finish(compressor: &mut Compressor, segments: &[&[u8]], out: Vec<u8>, entries: Vec<String>, stop: &Stop) -> Result<Frame, Fault> {
    let plain = segments.iter().map(|segment| segment.len()).sum::<usize>();
    if plain as u64 > codec::FRAME_LIMIT {
        return Err(Fault::internal(format!("a frame of {plain} bytes is larger than any reader takes")));
    }
    let data = compressor.compress(segments, plain, out, stop).map_err(|error| {
        if codec::is_stop(&error) {
            return Fault::new(Code::Cancelled, "cancelled");
        }
        Fault::internal("compressing a frame failed").caused_by(&error)
    })?;
    Ok(Frame { plain: plain as u64, sha256: Sha256::digest(&data).into(), entries, data })
}

/// Takes frames apart. One for each thread that decompresses.
pub struct FrameDecoder {
    codec: Codec,
    decompressor: Decompressor,
}

/// A frame as tar, with its entries.
pub struct Decoded {
    /// The tar bytes.
    pub plain: Vec<u8>,
    /// Name and place of each entry's data in `plain`.
    pub entries: Vec<(String, Range<usize>)>,
}

impl Decoded {
    /// An entry's data.
    pub fn entry(&self, name: &str) -> Option<&[u8]> {
        self.entries.iter().find(|(known, _)| known == name).map(|(_, range)| &self.plain[range.clone()])
    }
}

impl FrameDecoder {
    /// A decoder.
    pub fn new(codec: Codec) -> Result<Self, Fault> {
        let decompressor = Decompressor::new(codec)
            .map_err(|error| Fault::internal(format!("the decompressor for {codec} cannot be set up")).caused_by(&error))?;
        Ok(Self { codec, decompressor })
    }

    /// Decodes a frame that is `plain` bytes as tar; more or less than that is damage. `out` is a buffer to be used again.
    pub fn decode(&mut self, compressed: &[u8], plain: u64, out: Vec<u8>) -> Result<Decoded, Fault> {
        let plain = self.decompress(compressed, plain, out)?;
        let entries = tarball::entries(&plain, tarball::Cut::Whole)?;
        Ok(Decoded { plain, entries })
    }

    /// The same for a frame of a base backup, in which `begin` entries begin: where none does, it is in the middle of a file; the last one may go on
    /// in the next frame.
    pub(super) fn decode_open(&mut self, compressed: &[u8], plain: u64, begin: usize, out: Vec<u8>) -> Result<Decoded, Fault> {
        let plain = self.decompress(compressed, plain, out)?;
        let entries = if begin == 0 { Vec::new() } else { tarball::entries(&plain, tarball::Cut::Open)? };
        Ok(Decoded { plain, entries })
    }

    /// The plain bytes of a frame.
    pub(super) fn decompress(&mut self, compressed: &[u8], plain: u64, out: Vec<u8>) -> Result<Vec<u8>, Fault> {
        let length =
            usize::try_from(plain).ok().filter(|_| plain <= codec::FRAME_LIMIT.min(codec::most(self.codec, compressed.len() as u64)));
        let Some(length) = length else {
            return Err(corrupted(format!("{} bytes of {} cannot become {plain} bytes", compressed.len(), self.codec)));
        };
        self.decompressor.decompress(compressed, length, out).map_err(|error| corrupted("a frame cannot be decompressed").because(error))
    }
}
