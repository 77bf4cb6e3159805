//! Opens an archive and hands out its parts, each checked before a byte of it is used.

use super::frame::{Decoded, FrameDecoder};
use super::manifest::{FrameRecord, Head, Manifest};
use crate::domain::Fault;
use std::path::Path;

/// An open archive; shared between threads.
pub struct Archive {}

impl Archive {
    /// Opens an archive and reads its manifest.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let _ = path;
        unimplemented!()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        unimplemented!()
    }

    /// The manifest without the frames.
    pub fn manifest(&self) -> &Manifest {
        unimplemented!()
    }

    /// All frames, in the order of the file.
    pub fn frames(&self) -> &[FrameRecord] {
        unimplemented!()
    }

    /// The frame that holds an entry.
    pub fn frame_of(&self, entry: &str) -> Option<u32> {
        let _ = entry;
        unimplemented!()
    }

    /// A decoder for this archive's codec.
    pub fn decoder(&self) -> Result<FrameDecoder, Fault> {
        unimplemented!()
    }

    /// Reads, checks and decodes a frame. `scratch` and `out` are buffers to be used again.
    pub fn frame(&self, number: u32, decoder: &mut FrameDecoder, scratch: &mut Vec<u8>, out: Vec<u8>) -> Result<Decoded, Fault> {
        let _ = (number, decoder, scratch, out);
        unimplemented!()
    }

    /// One entry's bytes, whole. For small entries (`schema.jsonl`, `README.txt`, …).
    pub fn entry(&self, name: &str) -> Result<Vec<u8>, Fault> {
        let _ = name;
        unimplemented!()
    }
}

/// Reads only the head of an archive: from `<archive>.meta.json` when that fits the file's size, else from the archive.
pub fn head(path: &Path) -> Result<Head, Fault> {
    let _ = path;
    unimplemented!()
}
