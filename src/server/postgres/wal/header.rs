//! The header at the beginning of each segment of the log, by which a segment says whose it is.
//!
//! `XLogLongPageHeaderData` (PostgreSQL, `access/xlog_internal.h`), little-endian on every platform that is built for: magic u16 (one for each major
//! version, 0xD1..), flags u16, timeline u32, address u64, remaining u32, padding u32, system identifier u64, segment size u32, page size u32.

use crate::domain::wal::{Lsn, Segment, SegmentSize, Timeline};

/// Bytes of the header.
pub const LENGTH: usize = 40;

/// Flag: the header is a long one, as the first of a segment is.
const LONG: u16 = 0x0002;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Which major version wrote it.
    pub magic: u16,
    /// The timeline on which its first page was written: that of the segment's name, or one it came from.
    pub timeline: Timeline,
    /// The position of its first byte.
    pub address: Lsn,
    /// The cluster's system identifier.
    pub system_identifier: u64,
    /// The size of segments.
    pub segment_size: SegmentSize,
    /// The size of a page of the log, in bytes.
    pub page_size: u32,
}

impl Header {
    /// Reads it from the first bytes of a segment; the error says what is wrong with them.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let bytes: &[u8; LENGTH] = bytes.first_chunk().ok_or_else(|| format!("{} bytes are no header of a segment", bytes.len()))?;
        let short = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let long = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        let magic = short(0);
        if magic >> 8 != 0xD1 {
            return Err(format!("it does not begin as a segment of the log does (0x{magic:04X})"));
        }
        if short(2) & LONG == 0 {
            return Err("its first page is not the first one of a segment".to_owned());
        }
        let segment_size = SegmentSize::try_from(word(32))?;
        let address = Lsn(long(8));
        if !address.0.is_multiple_of(segment_size.bytes()) {
            return Err(format!("it says that it begins at {address}, where no segment of {} bytes does", segment_size.bytes()));
        }
        Ok(Self { magic, timeline: Timeline(word(4)), address, system_identifier: long(24), segment_size, page_size: word(36) })
    }

    /// The segment that begins at its address, on the timeline of its first page.
    pub const fn segment(&self) -> Segment {
        Segment::at(self.timeline, self.address, self.segment_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes() -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[..8].copy_from_slice(&[0x10, 0xD1, 0x06, 0, 3, 0, 0, 0]);
        bytes[8..16].copy_from_slice(&0x0000_0047_2F00_0000_u64.to_le_bytes());
        bytes[24..32].copy_from_slice(&7_321_455_120_984_321_001_u64.to_le_bytes());
        bytes[32..36].copy_from_slice(&(16u32 << 20).to_le_bytes());
        bytes[36..].copy_from_slice(&8192u32.to_le_bytes());
        bytes
    }

    #[test]
    fn a_segment_says_whose_it_is() {
        let header = Header::read(&bytes()).expect("a header");
        assert_eq!(header.system_identifier, 7_321_455_120_984_321_001);
        assert_eq!(header.segment().name(header.segment_size).to_string(), "00000003000000470000002F");
    }

    #[test]
    fn other_bytes_are_refused_with_the_reason() {
        for (at, value, word) in [(1, 0, "does not begin"), (2, 0, "first page"), (35, 9, "not a size"), (9, 1, "where no segment")] {
            let mut wrong = bytes();
            wrong[at] = value;
            let error = Header::read(&wrong).expect_err("refused");
            assert!(error.contains(word), "{error}");
        }
        assert!(Header::read(&bytes()[..39]).is_err());
    }
}
