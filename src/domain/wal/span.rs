//! Segments of one timeline from one name to another, as people and scripts write them: `000000010000000000000003..000000010000000000000009`.

use super::{SegmentName, SegmentSize, WalName};
use crate::domain::recovery::Part;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// From one segment to another of the same timeline, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SegmentSpan {
    first: SegmentName,
    last: SegmentName,
}

impl SegmentSpan {
    /// The segments of a part.
    pub fn of(part: Part, size: SegmentSize) -> Self {
        let name = |number| super::Segment { timeline: part.timeline, number }.name(size);
        Self { first: name(part.first), last: name(part.last) }
    }

    /// The same by number; none where the names cannot be those of segments of this size.
    pub fn part(self, size: SegmentSize) -> Option<Part> {
        let (first, last) = (self.first.segment(size)?, self.last.segment(size)?);
        Some(Part { timeline: first.timeline, first: first.number, last: last.number })
    }
}

impl fmt::Display for SegmentSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}..{}", self.first, self.last) }
    }
}

impl From<SegmentSpan> for String {
    fn from(span: SegmentSpan) -> Self {
        span.to_string()
    }
}

impl TryFrom<String> for SegmentSpan {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for SegmentSpan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = |text: &str| match text.parse() {
            Ok(WalName::Segment(name)) => Ok(name),
            _ => Err(format!("{text:?} is not the name of a segment: write 000000010000000000000003..000000010000000000000009")),
        };
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let (first, last) = (name(first)?, name(last)?);
        if first.timeline != last.timeline {
            return Err(format!("{first} and {last} are of different timelines: give each timeline's segments on their own"));
        }
        if first > last {
            return Err(format!("{last} comes before {first}"));
        }
        Ok(Self { first, last })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::wal::Timeline;

    #[test]
    fn a_span_reads_back_as_it_is_written() {
        let size = SegmentSize::default();
        for (first, last) in [(3, 9), (4, 4), (254, 600)] {
            let part = Part { timeline: Timeline(2), first, last };
            let text = SegmentSpan::of(part, size).to_string();
            assert_eq!(text.parse::<SegmentSpan>().map(|span| span.part(size)), Ok(Some(part)), "{text}");
        }
        for text in [
            "",
            "..",
            "00000002.history",
            "000000010000000000000009..000000010000000000000003",
            "000000010000000000000003..000000020000000000000009",
        ] {
            assert!(text.parse::<SegmentSpan>().is_err(), "{text}");
        }
    }
}
