//! The event at the beginning of each file, which says how the others are written: FORMAT_DESCRIPTION_EVENT.

use super::cursor::Cursor;
use super::event::{HEADER, Header, Kind};

/// Bytes of a checksum.
pub const CHECKSUM: usize = 4;

/// How events are checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Checksum {
    /// Not at all (`binlog_checksum=NONE`).
    Off,
    /// CRC32 in the last four bytes of each event.
    #[default]
    Crc32,
}

/// What the event says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// The server's version: `9.7.4`, `10.11.14-MariaDB-log`.
    pub version: String,
    /// When the file was begun, in seconds: the event's own time.
    pub begun: u32,
    /// The server's number.
    pub server: u32,
    /// How events are checked.
    pub checksum: Checksum,
}

impl Format {
    /// Reads the whole event; the error says what is wrong with it.
    pub fn read(event: &[u8]) -> Result<Self, String> {
        let header = Header::read(event)?;
        if header.kind != Kind::FORMAT {
            return Err(format!("it begins with an event of type {}, not with its format", header.kind.0));
        }
        let short = || "the event that describes the format is too short".to_owned();
        let mut cursor = Cursor::new(&event[HEADER..]);
        let layout = cursor.short().ok_or_else(short)?;
        if layout != 4 {
            return Err(format!("it is a binary log of format {layout}; servers since MySQL 5.0 write format 4"));
        }
        let version = cursor.take(50).ok_or_else(short)?;
        let version: Vec<u8> = version.iter().copied().take_while(|byte| *byte != 0).collect();
        let (_created, length) = (cursor.word().ok_or_else(short)?, cursor.byte().ok_or_else(short)?);
        if usize::from(length) != HEADER {
            return Err(format!("its events have headers of {length} bytes, not {HEADER}"));
        }
        // Behind the lengths of all types of events: the algorithm in one byte, then always the four bytes of a checksum.
        let rest = cursor.rest();
        let algorithm = rest.len().checked_sub(CHECKSUM + 1).and_then(|at| rest.get(at)).ok_or_else(short)?;
        let checksum = match algorithm {
            0 => Checksum::Off,
            1 => Checksum::Crc32,
            other => return Err(format!("its events are checked by algorithm {other}, which is not known")),
        };
        let format =
            Self { version: String::from_utf8_lossy(&version).into_owned(), begun: header.timestamp, server: header.server, checksum };
        if !format.fits(event) {
            return Err("the event that describes the format does not have the checksum that it says".to_owned());
        }
        Ok(format)
    }

    /// Whether MariaDB wrote it: numbers of types above 160 mean other things then.
    pub fn is_mariadb(&self) -> bool {
        self.version.contains("MariaDB")
    }

    /// Whether an event has the checksum that it says.
    pub fn fits(&self, event: &[u8]) -> bool {
        self.checksum == Checksum::Off || has_checksum(event)
    }

    /// An event without its checksum.
    pub fn content<'a>(&self, event: &'a [u8]) -> &'a [u8] {
        match self.checksum {
            Checksum::Off => event,
            Checksum::Crc32 => &event[..event.len().saturating_sub(CHECKSUM)],
        }
    }
}

/// Whether the last four bytes of an event are the CRC32 of those before. A server marks a file that it writes to in a flag of its first event, and
/// sets the flag without the checksum.
pub fn has_checksum(event: &[u8]) -> bool {
    let Some((content, said)) = event.split_at_checked(event.len().saturating_sub(CHECKSUM)) else { return false };
    let said = said.first_chunk().map(|bytes| u32::from_le_bytes(*bytes));
    let is = |content: &[u8]| Some(libdeflater::crc32(content)) == said;
    if is(content) {
        return true;
    }
    // FORMAT_DESCRIPTION_EVENT with LOG_EVENT_BINLOG_IN_USE_F.
    let is_marked = content.len() > HEADER && content[4] == Kind::FORMAT.0 && content[17] & 1 == 1;
    is_marked && {
        let mut content = content.to_vec();
        content[17] &= !1;
        is(&content)
    }
}

/// Gives an event its length and checksum, after something was changed in it.
pub fn seal(content: &mut Vec<u8>, checksum: Checksum) {
    let end = if checksum == Checksum::Crc32 { CHECKSUM } else { 0 };
    let length = u32::try_from(content.len() + end).unwrap_or(u32::MAX);
    content[9..13].copy_from_slice(&length.to_le_bytes());
    if checksum == Checksum::Crc32 {
        let sum = libdeflater::crc32(content);
        content.extend_from_slice(&sum.to_le_bytes());
    }
}
