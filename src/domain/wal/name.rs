//! Positions in the log and the names of its files.
//!
//! `000000010000004A000000FF` is timeline 1, segment 0x4AFF where a segment has 16 MiB: the second part counts 4 GiB, the third segments within them
//! (PostgreSQL, `access/xlog_internal.h`, `XLogFileName`). The number of a segment therefore depends on the segment's size.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A position in the log: bytes since its beginning. `1/6B374D8` in text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Lsn(pub u64);

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

impl FromStr for Lsn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a position in the log, such as 1/6B374D8");
        let part = |part: &str| match part.len() {
            1..=8 if part.bytes().all(|byte| byte.is_ascii_hexdigit()) => u64::from_str_radix(part, 16).map_err(|_| wrong()),
            _ => Err(wrong()),
        };
        let (high, low) = text.split_once('/').ok_or_else(wrong)?;
        Ok(Self(part(high)? << 32 | part(low)?))
    }
}

impl From<Lsn> for String {
    fn from(lsn: Lsn) -> Self {
        lsn.to_string()
    }
}

impl TryFrom<String> for Lsn {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// A timeline: a new one begins with each promotion. The first is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timeline(pub u32);

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// How large a segment is, in bytes: a power of two from 1 MiB to 1 GiB, set when a cluster is made (`initdb --wal-segsize`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u32", try_from = "u32")]
pub struct SegmentSize(u32);

impl Default for SegmentSize {
    fn default() -> Self {
        Self(16 << 20)
    }
}

impl From<SegmentSize> for u32 {
    fn from(size: SegmentSize) -> Self {
        size.0
    }
}

impl TryFrom<u32> for SegmentSize {
    type Error = String;

    fn try_from(bytes: u32) -> Result<Self, String> {
        Self::new(bytes).ok_or_else(|| format!("{bytes} bytes is not a size that segments can have"))
    }
}

impl SegmentSize {
    /// From a number of bytes, if segments can be so large.
    pub const fn new(bytes: u32) -> Option<Self> {
        if bytes.is_power_of_two() && bytes >= 1 << 20 && bytes <= 1 << 30 { Some(Self(bytes)) } else { None }
    }

    /// Bytes.
    pub const fn bytes(self) -> u64 {
        self.0 as u64
    }

    /// Segments in 4 GiB.
    const fn per_log(self) -> u64 {
        (1 << 32) / self.bytes()
    }
}

/// A segment by its number: position / segment size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Segment {
    /// The timeline on which it was written.
    pub timeline: Timeline,
    /// Its number from the beginning of the log.
    pub number: u64,
}

impl Segment {
    /// The one that holds the byte at a position.
    pub const fn at(timeline: Timeline, lsn: Lsn, size: SegmentSize) -> Self {
        Self { timeline, number: lsn.0 / size.bytes() }
    }

    /// Its first byte's position.
    pub const fn start(self, size: SegmentSize) -> Lsn {
        Lsn(self.number * size.bytes())
    }

    /// The position after its last byte.
    pub const fn end(self, size: SegmentSize) -> Lsn {
        Lsn((self.number + 1) * size.bytes())
    }

    /// The next one of the same timeline.
    pub const fn next(self) -> Self {
        Self { timeline: self.timeline, number: self.number + 1 }
    }

    /// Its name.
    pub fn name(self, size: SegmentSize) -> SegmentName {
        let per_log = size.per_log();
        let part = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        SegmentName { timeline: self.timeline, log: part(self.number / per_log), segment: part(self.number % per_log) }
    }
}

/// A segment's name: three times eight hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    /// The timeline.
    pub timeline: Timeline,
    /// Which 4 GiB.
    pub log: u32,
    /// Which segment of these.
    pub segment: u32,
}

impl SegmentName {
    /// The segment's number, where the name can be one of a segment of this size.
    pub fn segment(self, size: SegmentSize) -> Option<Segment> {
        let per_log = size.per_log();
        let within = u64::from(self.segment);
        (within < per_log).then(|| Segment { timeline: self.timeline, number: u64::from(self.log) * per_log + within })
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08X}{:08X}{:08X}", self.timeline.0, self.log, self.segment)
    }
}

/// A file of the log, by its name on the server: what `%f` of `archive_command` can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WalName {
    /// A whole segment.
    Segment(SegmentName),
    /// `….partial`: the last, unfinished segment of a timeline that ended with a promotion.
    Partial(SegmentName),
    /// `….00000028.backup`: says that a base backup began in this segment at this offset.
    Backup(SegmentName, u32),
    /// `00000002.history`: where a timeline branched off.
    History(Timeline),
}

impl fmt::Display for WalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WalName::Segment(name) => write!(f, "{name}"),
            WalName::Partial(name) => write!(f, "{name}.partial"),
            WalName::Backup(name, offset) => write!(f, "{name}.{offset:08X}.backup"),
            WalName::History(timeline) => write!(f, "{:08X}.history", timeline.0),
        }
    }
}

impl FromStr for WalName {
    type Err = String;

    /// Upper-case digits only, as the server writes them: a name that would be read as another file's is none.
    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).ok_or_else(|| format!("{text:?} is not the name of a file of the write-ahead log"))
    }
}

fn parse(text: &str) -> Option<WalName> {
    if let Some(timeline) = text.strip_suffix(".history") {
        return Some(WalName::History(Timeline(hex(timeline)?)));
    }
    let name = SegmentName { timeline: Timeline(hex(text.get(..8)?)?), log: hex(text.get(8..16)?)?, segment: hex(text.get(16..24)?)? };
    match text.get(24..)? {
        "" => Some(WalName::Segment(name)),
        ".partial" => Some(WalName::Partial(name)),
        rest => Some(WalName::Backup(name, hex(rest.strip_prefix('.')?.strip_suffix(".backup")?)?)),
    }
}

fn hex(text: &str) -> Option<u32> {
    let fits = text.len() == 8 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'));
    fits.then(|| u32::from_str_radix(text, 16).ok()).flatten()
}

/// What is around the bytes of an archived file, by the end of its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Wrapping {
    /// The codec; none: as the server wrote it.
    pub codec: Option<crate::domain::Codec>,
    /// Encrypted (`.age`, `.enc`, `.encrypted`).
    pub encrypted: bool,
}

/// A file in an archive of the log: the server's name, and what is around it: `000000010000000000000042.zst.age`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stored {
    /// The server's name.
    pub name: WalName,
    /// What is around it.
    pub wrapping: Wrapping,
}

impl Stored {
    /// Reads the name of a file in an archive; none for what is no file of the log.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let mut wrapping = Wrapping::default();
        for end in [".age", ".encrypted", ".enc"] {
            if let Some(inner) = rest.strip_suffix(end) {
                (rest, wrapping.encrypted) = (inner, true);
                break;
            }
        }
        for (end, codec) in [
            (".zst", crate::domain::Codec::Zstd),
            (".gz", crate::domain::Codec::Gzip),
            (".lz4", crate::domain::Codec::Lz4),
            (".xz", crate::domain::Codec::Xz),
        ] {
            if let Some(inner) = rest.strip_suffix(end) {
                (rest, wrapping.codec) = (inner, Some(codec));
                break;
            }
        }
        Some(Self { name: rest.parse().ok()?, wrapping })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SEGMENT: &str = "000000010000004A000000FF";

    #[test]
    fn names_are_read_as_the_server_writes_them() {
        let name = SegmentName { timeline: Timeline(1), log: 0x4A, segment: 0xFF };
        for (text, wanted) in [
            (SEGMENT.to_owned(), WalName::Segment(name)),
            (format!("{SEGMENT}.partial"), WalName::Partial(name)),
            (format!("{SEGMENT}.00000028.backup"), WalName::Backup(name, 0x28)),
            ("00000002.history".to_owned(), WalName::History(Timeline(2))),
        ] {
            assert_eq!(text.parse::<WalName>(), Ok(wanted));
            assert_eq!(wanted.to_string(), text);
        }
        for wrong in [
            "",
            "000000010000004A000000ff",
            "+00000010000004A000000FF",
            "000000010000004A000000FF.tmp",
            "../00002.history",
            "0000000é.history",
        ] {
            assert!(wrong.parse::<WalName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_around_a_file_is_read_from_its_name() {
        let wrapped = |text: &str| Stored::parse(text).map(|stored| (stored.wrapping.codec, stored.wrapping.encrypted));
        assert_eq!(wrapped(SEGMENT), Some((None, false)));
        assert_eq!(wrapped(&format!("{SEGMENT}.zst")), Some((Some(crate::domain::Codec::Zstd), false)));
        assert_eq!(wrapped(&format!("{SEGMENT}.gz.enc")), Some((Some(crate::domain::Codec::Gzip), true)));
        assert_eq!(wrapped(&format!("{SEGMENT}.partial.lz4.age")), Some((Some(crate::domain::Codec::Lz4), true)));
        assert_eq!(wrapped("00000002.history.encrypted"), Some((None, true)));
        assert_eq!(wrapped("archive.json"), None);
        assert_eq!(wrapped(".000000010000004A000000FF.zst"), None);
    }

    proptest! {
        #[test]
        fn numbers_and_names_are_the_same_thing(timeline in 1u32.., number in 0u64..1 << 32, shift in 20u32..=30) {
            let size = SegmentSize::new(1 << shift).expect("a size");
            let segment = Segment { timeline: Timeline(timeline), number: number % (size.per_log() << 32) };
            prop_assert_eq!(segment.name(size).segment(size), Some(segment));
            prop_assert_eq!(Segment::at(segment.timeline, segment.start(size), size), segment);
        }

        #[test]
        fn positions_read_as_they_are_written(lsn: u64) {
            prop_assert_eq!(Lsn(lsn).to_string().parse(), Ok(Lsn(lsn)));
        }
    }
}
