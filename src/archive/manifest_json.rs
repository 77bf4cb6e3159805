//! The manifest as JSON, streamed both ways: the frames are never in memory as text or as a tree.

use super::index::{FrameIndex, hex, unhex};
use super::manifest::{Database, FORMAT, FrameRecord, Head, Manifest};
use super::names;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::io::{self, Read, Write};

/// The fields of [`Head`]; a test holds this list to the type. Whatever else stands in a manifest is skipped without being kept.
pub(super) const HEAD_FIELDS: [&str; 15] = [
    "format",
    "id",
    "kind",
    "status",
    "created",
    "created_ms",
    "tool",
    "source",
    "compression",
    "duration_ms",
    "database_names",
    "tables",
    "rows",
    "row_bytes",
    "base",
];

#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    manifest: &'a Manifest,
    frames: Frames<'a>,
}

struct Frames<'a>(&'a FrameIndex);

#[derive(Serialize)]
struct FrameOut<'a> {
    offset: u64,
    length: u64,
    plain: u64,
    sha256: String,
    entries: Vec<&'a str>,
}

impl Serialize for Frames<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.frames().iter().enumerate().map(|(number, frame)| FrameOut {
            offset: frame.offset,
            length: frame.length,
            plain: frame.plain,
            sha256: hex(&frame.sha256),
            entries: self.0.entries(number as u32).collect(),
        }))
    }
}

/// Writes the manifest with its frames last.
pub(super) fn write(manifest: &Manifest, index: &FrameIndex, out: impl Write) -> io::Result<()> {
    serde_json::to_writer(out, &Whole { manifest, frames: Frames(index) }).map_err(io::Error::from)
}

/// How many bytes [`write`] will write.
pub(super) fn measure(manifest: &Manifest, index: &FrameIndex) -> io::Result<u64> {
    struct Count(u64);
    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    write(manifest, index, &mut count)?;
    Ok(count.0)
}

/// How much of a manifest is wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Depth {
    /// Only what comes before the databases.
    Head,
    /// Everything; the frames must lie one after another from the start of the file to this offset.
    Everything {
        /// Where the last one must end.
        end: u64,
    },
}

/// Why a manifest could not be read.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// It has this newer format.
    TooNew(u64),
    /// It is damaged.
    Damaged(String),
}

/// Reads a manifest.
pub(super) fn read(input: impl Read, depth: Depth) -> Result<(Manifest, FrameIndex), Unreadable> {
    let mut state = State { depth, head: serde_json::Map::new(), databases: Vec::new(), index: FrameIndex::default(), stop: None };
    // serde_json stops at a nesting of 128, so that no manifest can use up the stack.
    let mut json = serde_json::Deserializer::from_reader(io::BufReader::with_capacity(1 << 16, input));
    let parsed = json.deserialize_map(&mut state).and_then(|()| json.end());
    match state.stop {
        Some(Stop::TooNew(format)) => return Err(Unreadable::TooNew(format)),
        Some(Stop::Enough) => {}
        None => parsed.map_err(|error| Unreadable::Damaged(error.to_string()))?,
    }
    let head = Head::deserialize(serde_json::Value::Object(state.head)).map_err(|error| Unreadable::Damaged(error.to_string()))?;
    if let Depth::Everything { end } = depth
        && state.index.end() != end
    {
        return Err(Unreadable::Damaged(format!("the frames end at {} and the manifest begins at {end}", state.index.end())));
    }
    Ok((Manifest { head, databases: state.databases }, state.index))
}

enum Stop {
    TooNew(u64),
    Enough,
}

struct State {
    depth: Depth,
    head: serde_json::Map<String, serde_json::Value>,
    databases: Vec<Database>,
    index: FrameIndex,
    stop: Option<Stop>,
}

impl<'de> Visitor<'de> for &mut State {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a manifest")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "databases" | "frames" if self.depth == Depth::Head => {
                    self.stop = Some(Stop::Enough);
                    return Err(A::Error::custom("enough"));
                }
                "databases" => self.databases = map.next_value()?,
                "frames" => {
                    let Depth::Everything { end } = self.depth else { continue };
                    map.next_value_seed(FramesIn { index: &mut self.index, end })?;
                }
                known if HEAD_FIELDS.contains(&known) => {
                    let value: serde_json::Value = map.next_value()?;
                    if known == "format"
                        && let Some(format) = value.as_u64()
                        && format > u64::from(FORMAT)
                    {
                        self.stop = Some(Stop::TooNew(format));
                        return Err(A::Error::custom("a newer format"));
                    }
                    self.head.insert(key, value);
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct FrameIn {
    offset: u64,
    length: u64,
    plain: u64,
    sha256: String,
    entries: Vec<String>,
}

struct FramesIn<'a> {
    index: &'a mut FrameIndex,
    end: u64,
}

impl<'de> DeserializeSeed<'de> for FramesIn<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for FramesIn<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of frames")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        // A frame must begin where the one before ended: so the list cannot become longer than the file has bytes.
        while let Some(frame) = list.next_element::<FrameIn>()? {
            let at = self.index.end();
            let fits = frame.offset == at && frame.length > 0 && frame.offset.checked_add(frame.length).is_some_and(|end| end <= self.end);
            if !fits {
                return Err(A::Error::custom(format!(
                    "a frame of {} bytes at {} does not follow the one that ends at {at}",
                    frame.length, frame.offset
                )));
            }
            let sha256 = unhex(&frame.sha256).ok_or_else(|| A::Error::custom("a SHA-256 is malformed"))?;
            if let Some(bad) = frame.entries.iter().find(|name| !names::is_legal(name)) {
                return Err(A::Error::custom(format!("{bad:?} is no name for an entry")));
            }
            let record = FrameRecord { offset: frame.offset, length: frame.length, plain: frame.plain, sha256 };
            if !self.index.push(record, frame.entries.iter().map(String::as_str)) {
                return Err(A::Error::custom("there are more entries than an archive can have"));
            }
        }
        Ok(())
    }
}
