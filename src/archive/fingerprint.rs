//! An order-independent fingerprint of a table's rows.

use crate::domain::schema::RowFormat;
use xxhash_rust::xxh3::xxh3_128;

/// What a COPY binary stream starts with (PostgreSQL documentation, COPY, "Binary Format").
const BINARY_SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";

/// The number of rows and the wrapping sum of XXH3-128 over each row (its COPY text line without the line end; for binary tables its
/// tuple bytes). Equal sums of equal tables whatever the order, the cut into chunks, and the number of sessions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint {
    /// Rows.
    pub rows: u64,
    /// The sum.
    pub sum: u128,
}

impl Fingerprint {
    /// The fingerprint of a chunk; none where the data are not whole rows.
    pub fn of(data: &[u8], format: RowFormat) -> Option<Self> {
        match format {
            RowFormat::Text | RowFormat::Tsv => Self::of_lines(data),
            RowFormat::Binary => Self::of_tuples(data),
        }
    }

    fn of_lines(data: &[u8]) -> Option<Self> {
        let mut all = Self::default();
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', data) {
            all.row(&data[start..end]);
            start = end + 1;
        }
        (start == data.len()).then_some(all)
    }

    fn of_tuples(data: &[u8]) -> Option<Self> {
        let rest = data.strip_prefix(BINARY_SIGNATURE)?;
        // The lower half of the flags can be ignored by a reader; the upper half marks things that would change what tuples look like.
        let (flags, rest) = rest.split_first_chunk::<4>()?;
        if u32::from_be_bytes(*flags) >> 16 != 0 {
            return None;
        }
        let (extension, rest) = rest.split_first_chunk::<4>()?;
        let mut rest = rest.get(usize::try_from(u32::from_be_bytes(*extension)).ok()?..)?;
        let mut all = Self::default();
        loop {
            let tuple = rest;
            let (count, after) = rest.split_first_chunk::<2>()?;
            rest = after;
            let count = i16::from_be_bytes(*count);
            if count == -1 {
                return rest.is_empty().then_some(all);
            }
            for _ in 0..u16::try_from(count).ok()? {
                let (length, after) = rest.split_first_chunk::<4>()?;
                rest = match i32::from_be_bytes(*length) {
                    -1 => after,
                    length => after.get(usize::try_from(length).ok()?..)?,
                };
            }
            all.row(&tuple[..tuple.len() - rest.len()]);
        }
    }

    fn row(&mut self, row: &[u8]) {
        self.rows += 1;
        self.sum = self.sum.wrapping_add(xxh3_128(row));
    }

    /// Adds the rows of another part of the same table.
    pub fn add(&mut self, other: Fingerprint) {
        self.rows += other.rows;
        self.sum = self.sum.wrapping_add(other.sum);
    }

    /// The sum as 32 hexadecimal digits.
    pub fn hex(&self) -> String {
        format!("{:032x}", self.sum)
    }
}
