//! The packets that end an answer, and how numbers and strings stand in packets.

use super::Error;

/// What the server says when it has done something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Rows that were changed.
    pub affected: u64,
    /// The last number that AUTO_INCREMENT gave.
    pub last_id: u64,
    /// The server's status flags.
    pub status: u16,
    /// How many warnings there are.
    pub warnings: u16,
    /// Words of the server: `Records: 3  Deleted: 0  Skipped: 0  Warnings: 0`.
    pub info: String,
}

impl Ended {
    /// Whether the answer to the next statement of the same text follows (`SERVER_MORE_RESULTS_EXISTS`).
    pub const fn has_more(&self) -> bool {
        self.status & 0x0008 != 0
    }
}

/// Reads an OK packet, or one that has its form behind the last row.
pub fn ended(packet: &[u8]) -> Result<Ended, Error> {
    let mut take = Take(packet);
    take.byte()?;
    let (affected, last_id) = (take.length()?, take.length()?);
    let (status, warnings) = (take.short()?, take.short()?);
    // Some servers put the words behind their length, some take them to the packet's end.
    let info = Take(take.0).string().ok().filter(|words| !words.is_empty() && words.len() + 1 >= take.0.len()).unwrap_or(take.0);
    Ok(Ended { affected, last_id, status, warnings, info: String::from_utf8_lossy(info).trim_start_matches('\0').to_owned() })
}

/// Reads an EOF packet, as servers send it that do not put an OK packet in its place.
pub fn eof(packet: &[u8]) -> Result<Ended, Error> {
    let mut take = Take(packet);
    take.byte()?;
    let (warnings, status) = (take.short()?, take.short()?);
    Ok(Ended { status, warnings, ..Ended::default() })
}

/// Reads how many columns an answer has.
pub fn count(packet: &[u8]) -> Result<usize, Error> {
    let mut take = Take(packet);
    // The protocol has 16 bits for a table's columns.
    let count = take.length()?;
    usize::try_from(count)
        .ok()
        .filter(|count| (1..=0xFFFF).contains(count) && take.0.is_empty())
        .ok_or_else(|| Error::protocol("an answer of no columns"))
}

/// Reads an ERR packet.
pub fn refusal(packet: &[u8]) -> Error {
    let mut take = Take(packet);
    let (Ok(_), Ok(number)) = (take.byte(), take.short()) else { return Error::protocol("an error without a number") };
    let (sqlstate, words) = match take.0 {
        [b'#', rest @ ..] if rest.len() >= 5 => rest.split_at(5),
        words => (&[][..], words),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Error::Server { number, sqlstate: text(sqlstate), message: text(words) }
}

/// What is left of a packet.
pub struct Take<'a>(pub &'a [u8]);

impl<'a> Take<'a> {
    /// So many bytes.
    pub fn bytes(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let (head, rest) = self.0.split_at_checked(count).ok_or_else(|| Error::protocol("a packet is too short"))?;
        self.0 = rest;
        Ok(head)
    }

    /// One byte.
    pub fn byte(&mut self) -> Result<u8, Error> {
        Ok(self.bytes(1)?[0])
    }

    /// Two bytes as a number.
    pub fn short(&mut self) -> Result<u16, Error> {
        let bytes = self.bytes(2)?;
        Ok(u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    /// Four bytes as a number.
    pub fn long(&mut self) -> Result<u32, Error> {
        let bytes = self.bytes(4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// A number that says its own length in its first byte.
    pub fn length(&mut self) -> Result<u64, Error> {
        let count = match self.byte()? {
            0xFC => 2,
            0xFD => 3,
            0xFE => 8,
            small @ 0..=0xFA => return Ok(u64::from(small)),
            _ => return Err(Error::protocol("a length that is none")),
        };
        let mut wide = [0; 8];
        wide[..count].copy_from_slice(self.bytes(count)?);
        Ok(u64::from_le_bytes(wide))
    }

    /// A string behind its length.
    pub fn string(&mut self) -> Result<&'a [u8], Error> {
        let length = self.length()?;
        self.bytes(usize::try_from(length).map_err(|_| Error::protocol("a string that is too long"))?)
    }

    /// A string that ends with a NUL byte, or with the packet.
    pub fn until_nul(&mut self) -> &'a [u8] {
        let end = memchr::memchr(0, self.0).unwrap_or(self.0.len());
        let (head, rest) = self.0.split_at(end);
        self.0 = rest.get(1..).unwrap_or_default();
        head
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_and_short_ones_are_no_answers() {
        let done = ended(&[0, 3, 0xFC, 0, 1, 0x0A, 0, 1, 0, b'R', b'o']).expect("an answer");
        assert_eq!((done.affected, done.last_id, done.warnings, done.has_more(), done.info.as_str()), (3, 256, 1, true, "Ro"));
        assert!(ended(&[0, 3]).is_err());
        assert!(
            matches!(refusal(b"\xFF\x15\x04#28000no"), Error::Server { number: 1045, sqlstate, message } if sqlstate == "28000" && message == "no")
        );
        assert!(matches!(refusal(b"\xFF\x10\x04Too many"), Error::Server { number: 1040, sqlstate, .. } if sqlstate.is_empty()));
        assert!(matches!(refusal(b"\xFF"), Error::Protocol(_)));
        assert!(Take(&[0xFF]).length().is_err(), "0xFF is no length");
    }
}
