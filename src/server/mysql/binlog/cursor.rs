//! Numbers and texts out of bytes, never beyond their end.

/// Reads from the front of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// From the first byte.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read.
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// So many bytes.
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    /// A little-endian number of so many bytes, eight at most.
    pub fn number(&mut self, bytes: usize) -> Option<u64> {
        let taken = self.take(bytes.min(8))?;
        Some(taken.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// One byte.
    pub fn byte(&mut self) -> Option<u8> {
        Some(self.take(1)?[0])
    }

    /// Two bytes.
    pub fn short(&mut self) -> Option<u16> {
        u16::try_from(self.number(2)?).ok()
    }

    /// Four bytes.
    pub fn word(&mut self) -> Option<u32> {
        u32::try_from(self.number(4)?).ok()
    }

    /// A text behind its length in one byte.
    pub fn short_text(&mut self) -> Option<&'a [u8]> {
        let length = self.byte()?;
        self.take(usize::from(length))
    }

    /// A number as the protocol packs it: one byte up to 250, else behind a byte that says how many follow.
    pub fn packed(&mut self) -> Option<u64> {
        match self.byte()? {
            small @ 0..=250 => Some(u64::from(small)),
            252 => self.number(2),
            253 => self.number(3),
            254 => self.number(8),
            _ => None,
        }
    }

    /// A number as `mysql/serialization` writes it: the ones at the low end of the first byte say how many bytes follow.
    pub fn variable(&mut self) -> Option<u64> {
        let first = self.byte()?;
        let more = first.trailing_ones() as usize;
        let tail = self.number(more)?;
        if more >= 8 {
            return Some(tail);
        }
        let kept = 7 - more.min(7);
        let low = u64::from(first) >> (more + 1).min(8) & ((1 << kept) - 1);
        Some(tail.checked_shl(u32::try_from(kept).ok()?)? | low)
    }
}
