//! Applies an increment, the blocks of a file that changed, to the file as it was before.

use super::unpack::{Maker, damaged, settle, write_fault};
use crate::archive::base::{FileEntry, Increment, PAGE};
use crate::domain::Fault;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// What is known of an increment that comes in pieces.
struct Taking<'a> {
    file: &'a File,
    /// What stands before the blocks, until all of it is there.
    head: Vec<u8>,
    increment: Option<Increment>,
    /// Bytes of blocks that were taken.
    taken: usize,
    /// CRC-32C of the increment itself.
    sum: u32,
}

/// Hands over the bytes of an increment, piece by piece.
pub type Feed<'a> = &'a mut dyn FnMut(&mut dyn FnMut(&[u8]) -> Result<(), Fault>) -> Result<(), Fault>;

/// Applies one to a file. Afterwards the file has the length, rights, time and, where it is known, the checksum that the backup says.
pub fn apply(entry: &FileEntry, maker: &Maker, path: &Path, feed: Feed<'_>) -> Result<(), Fault> {
    let file = maker.file(path)?;
    let fault = |error: io::Error| write_fault("cannot write a file", path, &error);
    let mut taking = Taking { file: &file, head: Vec::new(), increment: None, taken: 0, sum: 0 };
    feed(&mut |piece| match taking.take(piece) {
        Ok(()) => Ok(()),
        Err(Wrong::Bytes(why)) => Err(damaged(entry, &why)),
        Err(Wrong::Disk(error)) => Err(fault(error)),
    })?;
    let Some(increment) = &taking.increment else { return Err(damaged(entry, "is too short for what changed in it")) };
    if taking.taken != increment.blocks.len() * PAGE {
        return Err(damaged(entry, "has not all blocks that changed"));
    }
    // The server's own increments carry their own checksum, ours that of the whole file.
    let (length, sum) = match entry.whole {
        Some(whole) => (whole, None),
        None => (increment.reaches() * PAGE as u64, Some(taking.sum)),
    };
    file.set_len(length).map_err(fault)?;
    if let Some(wanted) = entry.crc32c {
        let sum = match sum {
            Some(sum) => sum,
            None => checksum(&file, length).map_err(fault)?,
        };
        if sum != wanted {
            return Err(damaged(entry, "is not what the server had: its checksum differs"));
        }
    }
    settle(&file, entry, path)
}

/// What can be wrong with a piece.
enum Wrong {
    Bytes(String),
    Disk(io::Error),
}

impl Taking<'_> {
    fn take(&mut self, mut piece: &[u8]) -> Result<(), Wrong> {
        self.sum = crc32c::crc32c_append(self.sum, piece);
        while self.increment.is_none() {
            let needed = if self.head.len() < 12 { 12 } else { Increment::needed(&self.head).map_err(Wrong::Bytes)? };
            let part = needed.saturating_sub(self.head.len()).min(piece.len());
            self.head.extend_from_slice(&piece[..part]);
            piece = &piece[part..];
            if self.head.len() < needed {
                return Ok(());
            }
            if needed > 12 || Increment::needed(&self.head).map_err(Wrong::Bytes)? == 12 {
                let increment = Increment::read(&self.head).map_err(Wrong::Bytes)?;
                self.cut(&increment).map_err(Wrong::Disk)?;
                self.increment = Some(increment);
            }
        }
        let Some(increment) = &self.increment else { return Ok(()) };
        while !piece.is_empty() {
            let (number, within) = (self.taken / PAGE, self.taken % PAGE);
            let block = increment.blocks.get(number).ok_or_else(|| Wrong::Bytes("has more blocks than changed".to_owned()))?;
            let part = piece.len().min(PAGE - within);
            self.file.write_all_at(&piece[..part], u64::from(*block) * PAGE as u64 + within as u64).map_err(Wrong::Disk)?;
            self.taken += part;
            piece = &piece[part..];
        }
        Ok(())
    }

    /// What the file had beyond the truncation is gone, even where it grew again: blocks that were not written since are empty.
    fn cut(&self, increment: &Increment) -> io::Result<()> {
        let keeps = u64::from(increment.truncation) * PAGE as u64;
        if self.file.metadata()?.len() > keeps {
            self.file.set_len(keeps)?;
        }
        Ok(())
    }
}

/// CRC-32C of a file.
fn checksum(file: &File, length: u64) -> io::Result<u32> {
    let mut piece = vec![0; 1 << 18];
    let (mut at, mut sum) = (0, 0);
    while at < length {
        let part = piece.len().min(usize::try_from(length - at).unwrap_or(usize::MAX));
        file.read_exact_at(&mut piece[..part], at)?;
        sum = crc32c::crc32c_append(sum, &piece[..part]);
        at += part as u64;
    }
    Ok(sum)
}
