//! An order-independent fingerprint of a table's rows.

use crate::domain::schema::RowFormat;

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
    /// The fingerprint of a chunk.
    pub fn of(data: &[u8], format: RowFormat) -> Option<Self> {
        let _ = (data, format);
        unimplemented!()
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
