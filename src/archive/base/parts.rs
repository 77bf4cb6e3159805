//! Which bytes of which frame belong to a file, and reading them. Frames are independent: whoever has several threads gives each its own.

use super::{FileEntry, Index};
use crate::archive::damage::corrupted;
use crate::archive::frame::FrameDecoder;
use crate::archive::manifest::FrameRecord;
use crate::archive::reader::Archive;
use crate::domain::Fault;
use std::ops::Range;

/// A run of bytes of a file that lies in one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The frame.
    pub frame: u32,
    /// Where in its plain bytes.
    pub at: u64,
    /// The number of the file in [`Index::files`].
    pub file: usize,
    /// Where in the file's bytes, as the archive has them.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
}

impl Part {
    /// Its bytes in the frame; none where the frame is shorter than its record says.
    pub fn of<'a>(&self, plain: &'a [u8]) -> Option<&'a [u8]> {
        let from = usize::try_from(self.at).ok()?;
        plain.get(from..from.checked_add(usize::try_from(self.length).ok()?)?)
    }
}

/// The frames that hold a file's bytes; an error where there are not so many bytes after its beginning.
pub(super) fn frames(file: &FileEntry, all: &[FrameRecord]) -> Result<Range<u32>, String> {
    let mut left = file.size;
    let mut at = file.at;
    for number in file.frame.. {
        let Some(frame) = all.get(number as usize) else { break };
        left = left.saturating_sub(frame.plain.saturating_sub(at));
        at = 0;
        if left == 0 {
            return Ok(file.frame..number + 1);
        }
    }
    Err(format!("is said to have {} bytes, and the frames end {left} before that", file.size))
}

impl Index {
    /// Every run of bytes, in the order of frames: what a restore with several threads goes by.
    pub fn parts(&self, archive: &Archive) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        for (number, file) in self.files().iter().enumerate().filter(|(_, file)| file.has_bytes()) {
            let (mut offset, mut at) = (0, file.at);
            for frame in file.frame.. {
                let Some(record) = archive.frames().get(frame as usize).filter(|_| offset < file.size) else { break };
                let length = record.plain.saturating_sub(at).min(file.size - offset);
                parts.push(Part { frame, at, file: number, offset, length });
                (offset, at) = (offset + length, 0);
            }
        }
        parts.sort_by_key(|part| (part.frame, part.at));
        parts
    }
}

/// Hands over a file's bytes as the archive has them, piece by piece. `buffers` are used again from file to file.
pub fn read(
    archive: &Archive,
    file: &FileEntry,
    decoder: &mut FrameDecoder,
    buffers: &mut (Vec<u8>, Vec<u8>),
    mut take: impl FnMut(&[u8]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    if !file.has_bytes() {
        return Ok(());
    }
    let damaged = |what: String| corrupted(what).at("File", archive.path().display()).at("Entry", &file.path);
    let range = frames(file, archive.frames()).map_err(|why| damaged(format!("{:?} {why}", file.path)))?;
    let (mut left, mut at) = (file.size, file.at);
    for number in range {
        let decoded = archive.frame(number, decoder, &mut buffers.0, std::mem::take(&mut buffers.1))?;
        let from = usize::try_from(at).unwrap_or(usize::MAX).min(decoded.plain.len());
        let rest = &decoded.plain[from..];
        let piece = &rest[..rest.len().min(usize::try_from(left).unwrap_or(usize::MAX))];
        take(piece)?;
        left -= piece.len() as u64;
        at = 0;
        buffers.1 = decoded.plain;
    }
    Ok(())
}
