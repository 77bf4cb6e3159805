//! The list of frames in memory: about a hundred bytes for each, names included, whatever their number.

use super::manifest::FrameRecord;
use xxhash_rust::xxh3::xxh3_64;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

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

    /// A map from names to frames; or the first name that is there twice.
    pub fn by_name(&self) -> Result<NameMap, String> {
        let mut map = NameMap { frames: HashMap::with_capacity(self.ends.len()), others: Vec::new() };
        for frame in 0..self.frames.len() as u32 {
            for name in self.entries(frame) {
                match map.frames.entry(xxh3_64(name.as_bytes())) {
                    Entry::Vacant(place) => {
                        place.insert(frame);
                    }
                    Entry::Occupied(place) => {
                        // Two names of one hash are next to impossible by chance, so nearly always it is the same name.
                        let other = *place.get();
                        if self.entries(other).any(|known| known == name)
                            && (other != frame || self.entries(frame).filter(|n| *n == name).count() > 1)
                        {
                            return Err(name.to_owned());
                        }
                        if map.others.len() >= 1000 || map.others.iter().any(|(known, _)| known == name) {
                            return Err(name.to_owned());
                        }
                        map.others.push((name.to_owned(), frame));
                    }
                }
            }
        }
        Ok(map)
    }

    /// The frame that holds an entry.
    pub fn frame_of(&self, map: &NameMap, name: &str) -> Option<u32> {
        let frame = map.frames.get(&xxh3_64(name.as_bytes())).copied().filter(|frame| self.entries(*frame).any(|known| known == name));
        frame.or_else(|| map.others.iter().find(|(known, _)| known == name).map(|(_, frame)| *frame))
    }
}

/// Frames by the hashes of their entries' names; the few whose hash was taken stand beside.
#[derive(Clone, Debug, Default)]
pub(super) struct NameMap {
    frames: HashMap<u64, u32>,
    others: Vec<(String, u32)>,
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]).map(char::from).collect()
}

/// A SHA-256 from its 64 hexadecimal digits.
pub(super) fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.as_chunks::<2>().0.iter().map(|[high, low]| high << 4 | low).collect();
    if digits.len() == 64 { bytes.try_into().ok() } else { None }
}
