//! Reads a binary log from its first byte on, and checks each event: its checksum, and that it begins where the one before ended.

use super::event::{HEADER, Header};
use super::format::Format;
use super::{ENCRYPTED, LARGEST, MAGIC};
use std::io::{self, Read};

/// An event where it stands.
#[derive(Clone, Debug)]
pub struct Event {
    /// Where it begins.
    pub at: u64,
    /// Its header.
    pub header: Header,
    /// All its bytes.
    pub bytes: Vec<u8>,
}

impl Event {
    /// Where it ends.
    pub fn end(&self) -> u64 {
        self.at + self.bytes.len() as u64
    }
}

/// Why no further event can be had.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// Reading failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The file ends within an event, or before its first one.
    #[error("it ends at {0}, within an event")]
    Torn(u64),
    /// What is there is no event, or not the one that was written.
    #[error("at {0}: {1}")]
    Damaged(u64, String),
}

/// A binary log that is read.
pub struct Reader<R> {
    input: R,
    at: u64,
    format: Option<Format>,
}

impl<R: Read> Reader<R> {
    /// Reads the first bytes.
    pub fn new(mut input: R) -> Result<Self, Trouble> {
        let mut magic = [0; MAGIC.len()];
        match fill(&mut input, &mut magic)? {
            _ if magic == MAGIC => Ok(Self { input, at: MAGIC.len() as u64, format: None }),
            _ if magic == ENCRYPTED => {
                Err(Trouble::Damaged(0, "the server encrypted it on its disk; a replica gets it in clear".to_owned()))
            }
            read if read < magic.len() => Err(Trouble::Torn(0)),
            _ => Err(Trouble::Damaged(0, "it does not begin as a binary log does".to_owned())),
        }
    }

    /// Where the next event begins.
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// How its events are written; none before the first one was read.
    pub const fn format(&self) -> Option<&Format> {
        self.format.as_ref()
    }

    /// The next event; none where the file ends behind one.
    #[allow(clippy::should_implement_trait, reason = "an iterator would give errors for ever")]
    pub fn next(&mut self) -> Result<Option<Event>, Trouble> {
        let at = self.at;
        let damaged = |why: String| Trouble::Damaged(at, why);
        let mut bytes = vec![0; HEADER];
        match fill(&mut self.input, &mut bytes)? {
            0 => return Ok(None),
            HEADER => {}
            _ => return Err(Trouble::Torn(at)),
        }
        let header = Header::read(&bytes).map_err(damaged)?;
        let length = header.length as usize;
        if length > LARGEST {
            return Err(damaged(format!("an event says that it has {length} bytes")));
        }
        // In steps: a damaged length must not claim memory that no bytes stand behind.
        while bytes.len() < length {
            let from = bytes.len();
            bytes.resize(length.min(from.saturating_mul(2).max(1 << 16)), 0);
            if fill(&mut self.input, &mut bytes[from..])? < bytes.len() - from {
                return Err(Trouble::Torn(at));
            }
        }
        match &self.format {
            None => self.format = Some(Format::read(&bytes).map_err(damaged)?),
            Some(format) if !format.fits(&bytes) => return Err(damaged("an event does not have the checksum that it says".to_owned())),
            Some(_) => {}
        }
        check(at, &header).map_err(damaged)?;
        self.at = at + length as u64;
        Ok(Some(Event { at, header, bytes }))
    }
}

/// Whether an event says that it ends where it does: 32 bits of it, because a file may be longer when its last transaction is large.
pub fn check(at: u64, header: &Header) -> Result<(), String> {
    let end = at + u64::from(header.length);
    let said = header.next;
    if end as u32 == said { Ok(()) } else { Err(format!("an event ends at {end}, and says that it ends at {said}")) }
}

/// Reads until a buffer is full or the input ends.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match input.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}
