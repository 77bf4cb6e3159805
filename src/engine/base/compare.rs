//! Compares the pages of a file with their hashes in an earlier backup and keeps those that differ. Knows no frames.

use super::split::Earlier;
use crate::archive::base::PAGE;
use crate::domain::Fault;
use std::ops::Range;
use xxhash_rust::xxh3::xxh3_64;

/// What a comparison came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The file is as it was.
    Unchanged,
    /// Some of its pages are.
    Partly,
    /// None of them is.
    New,
}

/// A file that is being compared.
#[derive(Default)]
pub struct Compare {
    /// The file.
    pub path: String,
    /// The frame for what stands before the blocks, once blocks had to go on their way.
    pub reserved: Option<u32>,
    /// The numbers of the earlier hashes.
    earlier: Range<u64>,
    held: Vec<u8>,
    /// Pages judged so far.
    seen: u32,
    /// Numbers of all changed pages, and how many of them were taken.
    numbers: Vec<u32>,
    taken: usize,
    /// Changed pages that were not taken.
    changed: Vec<u8>,
}

impl Compare {
    /// With these hashes of an earlier backup.
    pub fn with(path: &str, earlier: Range<u64>) -> Self {
        Self { path: path.to_owned(), earlier, ..Self::default() }
    }

    /// Keeps bytes to be judged.
    pub fn hold(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// How many bytes are kept.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Judges every whole page that is kept; appends their hashes, and says how many they are.
    pub fn judge(&mut self, earlier: &mut dyn Earlier, hashes: &mut Vec<u8>) -> Result<u64, Fault> {
        let (pages, rest) = self.held.as_chunks::<PAGE>();
        for page in pages {
            let hash = xxh3_64(page);
            hashes.extend_from_slice(&hash.to_le_bytes());
            let number = self.earlier.start + u64::from(self.seen);
            if number >= self.earlier.end || earlier.hash(number)? != hash {
                self.numbers.push(self.seen);
                self.changed.extend_from_slice(page);
            }
            self.seen += 1;
        }
        let (count, rest) = (pages.len() as u64, rest.len());
        let judged = self.held.len() - rest;
        self.held.drain(..judged);
        Ok(count)
    }

    /// How many changed pages are at hand.
    pub fn changed(&self) -> usize {
        self.changed.len() / PAGE
    }

    /// Moves the first so many changed pages out; says their numbers.
    pub fn take(&mut self, most: usize, out: &mut Vec<u8>) -> Vec<u32> {
        let count = most.min(self.changed());
        out.extend_from_slice(&self.changed[..count * PAGE]);
        self.changed.drain(..count * PAGE);
        let numbers = self.numbers[self.taken..self.taken + count].to_vec();
        self.taken += count;
        numbers
    }

    /// The numbers of all changed pages.
    pub fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    /// What it comes to, when everything has been judged.
    pub fn verdict(&self) -> Verdict {
        let before = self.earlier.end - self.earlier.start;
        match self.numbers.len() {
            0 if before == u64::from(self.seen) => Verdict::Unchanged,
            all if all == self.seen as usize && all > 0 => Verdict::New,
            _ => Verdict::Partly,
        }
    }
}
