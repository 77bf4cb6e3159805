//! The list of frames in memory: about a hundred bytes for each, names included, whatever their number.

use super::manifest::FrameRecord;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use xxhash_rust::xxh3::xxh3_64;

/// All frames in the order of the file, with the names of their entries.
#[derive(Clone, Debug, Default)]
pub(super) struct FrameIndex {
    frames: Vec<FrameRecord>,
    /// For each frame the number of entries before it, and one more at the end of the list.
    first: Vec<u32>,
    /// All names, one after another.
    names: String,
    /// Where each name ends.
    ends: Vec<u32>,
}

impl FrameIndex {
    /// Adds a frame; false when the list would become larger than it can be.
    pub fn push<'a>(&mut self, record: FrameRecord, entries: impl IntoIterator<Item = &'a str>) -> bool {
        if self.first.is_empty() {
            self.first.push(0);
        }
        for entry in entries {
            self.names.push_str(entry);
            let Ok(end) = u32::try_from(self.names.len()) else { return false };
            self.ends.push(end);
        }
        let Ok(next) = u32::try_from(self.ends.len()) else { return false };
        self.frames.push(record);
        self.first.push(next);
        u32::try_from(self.frames.len()).is_ok()
    }

    pub fn frames(&self) -> &[FrameRecord] {
        &self.frames
    }

    /// Where the last frame ends.
    pub fn end(&self) -> u64 {
        self.frames.last().map_or(0, |frame| frame.offset.saturating_add(frame.length))
    }

    /// The names of a frame's entries.
    pub fn entries(&self, frame: u32) -> impl Iterator<Item = &str> {
        let at = frame as usize;
        let range = match (self.first.get(at), self.first.get(at + 1)) {
            (Some(from), Some(to)) => *from as usize..*to as usize,
            _ => 0..0,
        };
        range.map(|entry| self.name(entry))
    }

    fn name(&self, entry: usize) -> &str {
        let start = if entry == 0 { 0 } else { self.ends[entry - 1] as usize };
        &self.names[start..self.ends[entry] as usize]
    }

    /// A map of all names; or the first name that is there twice.
    pub fn by_name(&self) -> Result<NameMap, String> {
        let mut map = NameMap { entries: HashMap::with_capacity(self.ends.len()), others: Vec::new() };
        for entry in 0..self.ends.len() as u32 {
            let name = self.name(entry as usize);
            match map.entries.entry(xxh3_64(name.as_bytes())) {
                Entry::Vacant(place) => {
                    place.insert(entry);
                }
                // Two names of one hash are next to impossible by chance. More than a few are an attack.
                Entry::Occupied(place) => {
                    let is_same = |known: &u32| self.name(*known as usize) == name;
                    if is_same(place.get()) || map.others.iter().any(is_same) || map.others.len() == 100 {
                        return Err(name.to_owned());
                    }
                    map.others.push(entry);
                }
            }
        }
        Ok(map)
    }

    /// The frame that holds an entry.
    pub fn frame_of(&self, map: &NameMap, name: &str) -> Option<u32> {
        let first = map.entries.get(&xxh3_64(name.as_bytes()));
        let entry = first.into_iter().chain(&map.others).find(|entry| self.name(**entry as usize) == name)?;
        // `first` counts the entries before each frame.
        u32::try_from(self.first.partition_point(|before| before <= entry)).ok()?.checked_sub(1)
    }
}

/// Entries by the hashes of their names; the few whose hash was taken stand beside.
#[derive(Clone, Debug, Default)]
pub(super) struct NameMap {
    entries: HashMap<u64, u32>,
    others: Vec<u32>,
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

/// A SHA-256 from its 64 hexadecimal digits.
pub(super) fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let mut out = [0; 32];
    for (byte, [high, low]) in out.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = nibble(*high)? << 4 | nibble(*low)?;
    }
    (digits.len() == 64).then_some(out)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
