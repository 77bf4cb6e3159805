//! The beginning of a file that holds only blocks that changed, in the form of PostgreSQL 17 (`src/bin/pg_combinebackup/reconstruct.c`,
//! `backend/backup/basebackup_incremental.c`): magic u32, number of blocks u32, truncation length in blocks u32, the blocks' numbers u32 each, all
//! little-endian; zeros up to a whole page where there are blocks; then the blocks in the order of the numbers.

use super::PAGE;

/// The first four bytes.
pub const MAGIC: u32 = 0xd3ae_1f0d;

/// The most blocks that a segment of a relation can have: 1 GiB of pages by default, and no server is built with larger ones in practice than this.
const MOST: u32 = 1 << 24;

/// What stands before the blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Increment {
    /// The file has at least so many blocks; what the parent has beyond and is not among [`Increment::blocks`] is gone.
    pub truncation: u32,
    /// The numbers of the blocks, in ascending order.
    pub blocks: Vec<u32>,
}

impl Increment {
    /// Bytes before the first block, for a number of blocks.
    pub const fn length(blocks: usize) -> usize {
        let bare = 12 + 4 * blocks;
        if blocks == 0 { bare } else { bare.next_multiple_of(PAGE) }
    }

    /// How many bytes [`Increment::read`] needs, from the first 12.
    pub fn needed(first: &[u8]) -> Result<usize, String> {
        let blocks = word(first, 4).ok_or("it is too short to be an increment")?;
        if word(first, 0) != Some(MAGIC) {
            return Err("it does not begin as an increment does".to_owned());
        }
        if blocks > MOST {
            return Err(format!("it speaks of {blocks} blocks"));
        }
        Ok(Self::length(blocks as usize))
    }

    /// Reads what stands before the blocks; the error says what is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let needed = Self::needed(bytes)?;
        let cut = || format!("it ends within its first {needed} bytes");
        let count = word(bytes, 4).unwrap_or_default() as usize;
        let truncation = word(bytes, 8).ok_or_else(cut)?;
        let numbers = bytes.get(12..12 + 4 * count).filter(|_| bytes.len() >= needed).ok_or_else(cut)?;
        let blocks: Vec<u32> = numbers.as_chunks::<4>().0.iter().map(|number| u32::from_le_bytes(*number)).collect();
        if let Some(pair) = blocks.windows(2).find(|pair| pair[0] >= pair[1]) {
            return Err(format!("block {} stands before block {}", pair[0], pair[1]));
        }
        Ok(Self { truncation, blocks })
    }

    /// Bytes to put before the blocks.
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(Self::length(self.blocks.len()));
        for number in [MAGIC, u32::try_from(self.blocks.len()).unwrap_or(u32::MAX), self.truncation] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        self.blocks.iter().for_each(|block| out.extend_from_slice(&block.to_le_bytes()));
        out.resize(Self::length(self.blocks.len()), 0);
        out
    }

    /// How many blocks the file has in the end.
    pub fn reaches(&self) -> u64 {
        let last = self.blocks.last().map_or(0, |last| u64::from(*last) + 1);
        last.max(u64::from(self.truncation))
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map(|word| u32::from_le_bytes(*word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_blocks_begin_at_a_page() {
        for blocks in [vec![], vec![0], vec![3, 7, 9], (0..2046).collect(), (0..2045).collect::<Vec<_>>()] {
            let increment = Increment { truncation: 5, blocks };
            let bytes = increment.write();
            assert_eq!(bytes.len() % PAGE, if increment.blocks.is_empty() { 12 } else { 0 });
            assert_eq!(Increment::needed(&bytes[..12]), Ok(bytes.len()));
            assert_eq!(Increment::read(&bytes), Ok(increment));
        }
        assert_eq!(Increment { truncation: 5, blocks: vec![3, 7] }.reaches(), 8);
    }

    #[test]
    fn other_bytes_are_refused() {
        let good = Increment { truncation: 5, blocks: vec![1, 2] }.write();
        assert!(Increment::read(&good[..8000]).is_err());
        assert!(Increment::read(&good[..7]).is_err());
        for at in [0, 7, 12] {
            let mut wrong = good.clone();
            wrong[at] = 0xee;
            assert!(Increment::read(&wrong).is_err(), "{at}");
        }
    }
}
