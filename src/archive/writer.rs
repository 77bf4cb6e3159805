//! Puts frames into a file one after another and ends it with manifest, end of tar and locator.

use super::frame::Frame;
use super::manifest::Manifest;
use crate::domain::Fault;
use crate::domain::codec::Compression;
use std::io::Write;

/// Writes an archive. One thread owns it.
pub struct Writer<W: Write> {
    _out: W,
}

/// A finished archive.
pub struct Finished<W> {
    /// What was written to, flushed.
    pub out: W,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of the whole file, in hexadecimal.
    pub sha256: String,
}

impl<W: Write> Writer<W> {
    /// Starts an archive; `mtime` as for the encoders.
    pub fn new(out: W, compression: Compression, mtime: u64) -> Result<Self, Fault> {
        let _ = (compression, mtime);
        Ok(Self { _out: out })
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        unimplemented!()
    }

    /// Appends a frame; returns its number, which [`super::manifest::Chunk::frame`] refers to.
    pub fn append(&mut self, frame: &Frame) -> Result<u32, Fault> {
        let _ = frame;
        unimplemented!()
    }

    /// Ends the archive.
    pub fn finish(self, manifest: &Manifest) -> Result<Finished<W>, Fault> {
        let _ = manifest;
        unimplemented!()
    }
}
