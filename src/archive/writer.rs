//! Puts frames into a file one after another and ends it with manifest, end of tar and locator.

use super::codec::StreamEncoder;
use super::damage::write_error;
use super::frame::{Frame, FrameEncoder};
use super::index::{FrameIndex, hex};
use super::locator::Locator;
use super::manifest::{self, FrameRecord, Manifest};
use super::{manifest_json, tarball};
use crate::domain::Fault;
use crate::domain::codec::Compression;
use sha2::{Digest, Sha256};
use std::io::{self, Write};

/// Writes an archive. One thread owns it.
pub struct Writer<W: Write> {
    out: W,
    compression: Compression,
    mtime: u64,
    written: u64,
    sha256: Sha256,
    index: FrameIndex,
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
        Ok(Self { out, compression, mtime, written: 0, sha256: Sha256::new(), index: FrameIndex::default() })
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// How many frames there are: the number of the next one.
    pub fn frames(&self) -> u32 {
        u32::try_from(self.index.frames().len()).unwrap_or(u32::MAX)
    }

    /// Appends a frame; returns its number, which [`super::manifest::Chunk::frame`] refers to.
    pub fn append(&mut self, frame: &Frame) -> Result<u32, Fault> {
        let number = u32::try_from(self.index.frames().len()).map_err(|_| Fault::internal("an archive has no room for more frames"))?;
        let record = FrameRecord { offset: self.written, length: frame.data.len() as u64, plain: frame.plain, sha256: frame.sha256 };
        self.put(&frame.data)?;
        if self.index.push(record, frame.entries.iter().map(String::as_str)) {
            Ok(number)
        } else {
            Err(Fault::internal("an archive has no room for more entries"))
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        self.out.write_all(bytes).map_err(|error| write_error(&error))?;
        self.sha256.update(bytes);
        self.written += bytes.len() as u64;
        Ok(())
    }

    /// Ends the archive.
    pub fn finish(mut self, manifest: &Manifest) -> Result<Finished<W>, Fault> {
        let (data, plain) =
            self.manifest_frame(manifest).map_err(|error| Fault::internal("the manifest cannot be written").caused_by(&error))?;
        let end = FrameEncoder::new(self.compression, self.mtime)?.end()?;
        let locator = Locator {
            offset: self.written,
            length: data.len() as u64,
            plain,
            sha256: Sha256::digest(&data).into(),
            end_length: end.data.len() as u64,
            end_sha256: end.sha256,
        };
        self.put(&data)?;
        self.put(&end.data)?;
        self.put(&locator.write(self.compression.codec))?;
        self.out.flush().map_err(|error| write_error(&error))?;
        Ok(Finished { out: self.out, bytes: self.written, sha256: hex(&self.sha256.finalize()) })
    }

    /// Tar wants the size before the data, so the manifest is written twice: once to be measured, once into the compressor. Neither time
    /// is it in memory as a whole.
    fn manifest_frame(&self, manifest: &Manifest) -> io::Result<(Vec<u8>, u64)> {
        let size = manifest_json::measure(manifest, &self.index)?;
        let mut header = Vec::new();
        tarball::header(manifest::ENTRY, size, self.mtime, &mut header);
        let padding = tarball::padding(size);
        let plain = header.len() as u64 + size + padding.len() as u64;
        let mut encoder = StreamEncoder::new(self.compression, plain, Vec::new())?;
        encoder.write_all(&header)?;
        let mut buffered = io::BufWriter::with_capacity(1 << 16, encoder);
        manifest_json::write(manifest, &self.index, &mut buffered)?;
        let mut encoder = buffered.into_inner().map_err(|error| error.into_error())?;
        encoder.write_all(padding)?;
        Ok((encoder.finish()?, plain))
    }
}
