//! Frames: whole tar entries, compressed on their own.

use crate::domain::Fault;
use crate::domain::codec::{Codec, Compression};
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
    _compression: Compression,
}

impl FrameEncoder {
    /// An encoder; `mtime` (seconds since 1970) is what every entry carries.
    pub fn new(compression: Compression, mtime: u64) -> Result<Self, Fault> {
        let _ = mtime;
        Ok(Self { _compression: compression })
    }

    /// Makes a frame of one or more entries. `out` is an old frame's buffer to be used again, or an empty one.
    pub fn encode(&mut self, parts: &[Part<'_>], out: Vec<u8>) -> Result<Frame, Fault> {
        let _ = (parts, out);
        unimplemented!()
    }
}

/// Takes frames apart. One for each thread that decompresses.
pub struct FrameDecoder {
    _codec: Codec,
}

/// A frame as tar, with its entries.
pub struct Decoded {
    /// The tar bytes.
    pub plain: Vec<u8>,
    /// Name and place of each entry's data in `plain`.
    pub entries: Vec<(String, Range<usize>)>,
}

impl FrameDecoder {
    /// A decoder.
    pub fn new(codec: Codec) -> Result<Self, Fault> {
        Ok(Self { _codec: codec })
    }

    /// Decodes a frame that is `plain` bytes as tar; more or less than that is damage. `out` is a buffer to be used again.
    pub fn decode(&mut self, compressed: &[u8], plain: u64, out: Vec<u8>) -> Result<Decoded, Fault> {
        let _ = (compressed, plain, out);
        unimplemented!()
    }
}
