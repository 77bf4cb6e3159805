//! Rows and their columns in the text protocol: values as the server wrote them.

use super::Error;
use super::answer::Take;
use std::borrow::Cow;
use std::ops::Range;
use std::str::FromStr;

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type's number in the protocol (`enum_field_types`).
    pub kind: u8,
    /// The number of its collation; 63 is binary.
    pub collation: u16,
    /// Its flags in the protocol.
    pub flags: u16,
}

impl Column {
    pub(in crate::server::mysql) fn read(packet: &[u8]) -> Result<Self, Error> {
        let mut take = Take(packet);
        for _ in ["catalog", "schema", "table", "original table"] {
            take.string()?;
        }
        let name = String::from_utf8_lossy(take.string()?).into_owned();
        take.string()?;
        take.length()?;
        let collation = take.short()?;
        take.long()?;
        Ok(Self { name, collation, kind: take.byte()?, flags: take.short()? })
    }
}

/// A row where it lies in the buffer of the line.
#[derive(Clone, Copy, Debug)]
pub struct RawRow<'a> {
    bytes: &'a [u8],
    count: usize,
}

impl<'a> RawRow<'a> {
    /// A row of so many values, all of which are there.
    pub(in crate::server::mysql) fn over(bytes: &'a [u8], count: usize) -> Result<Self, Error> {
        let mut rest = bytes;
        for _ in 0..count {
            value(&mut rest).ok_or_else(|| Error::protocol("a row that ends within a value"))?;
        }
        if rest.is_empty() { Ok(Self { bytes, count }) } else { Err(Error::protocol("a row that is longer than its values")) }
    }

    /// The values in order; none is NULL.
    pub fn iter(&self) -> Values<'a> {
        Values { rest: self.bytes, left: self.count }
    }

    /// Length of the whole row as it came, in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }
}

impl<'a> IntoIterator for RawRow<'a> {
    type Item = Option<&'a [u8]>;
    type IntoIter = Values<'a>;

    fn into_iter(self) -> Values<'a> {
        self.iter()
    }
}

/// The values of a row.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Values<'a> {
    type Item = Option<&'a [u8]>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        value(&mut self.rest)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Values<'_> {}

/// The next value, where there is one: NULL is none.
#[inline]
fn value<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let (length, after) = match **rest {
        [0xFB, ref after @ ..] => {
            *rest = after;
            return Some(None);
        }
        [short @ 0..=0xFA, ref after @ ..] => (usize::from(short), after),
        _ => {
            let mut take = Take(rest);
            (usize::try_from(take.length().ok()?).ok()?, take.0)
        }
    };
    let (value, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(Some(value))
}

/// A row of a small answer, kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    bytes: Box<[u8]>,
    values: Box<[Option<Range<usize>>]>,
}

impl Row {
    /// Keeps a row.
    pub(in crate::server::mysql) fn kept(row: RawRow<'_>) -> Self {
        let mut bytes = Vec::with_capacity(row.bytes.len());
        let values = row.iter().map(|value| {
            value.map(|value| {
                let start = bytes.len();
                bytes.extend_from_slice(value);
                start..bytes.len()
            })
        });
        let values = values.collect();
        Self { bytes: bytes.into(), values }
    }

    /// How many values it has.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// A value's bytes; none where it is NULL, or where there is no such value.
    pub fn bytes(&self, at: usize) -> Option<&[u8]> {
        Some(&self.bytes[self.values.get(at)?.clone()?])
    }

    /// A value as text; what is no UTF-8 is replaced.
    pub fn text(&self, at: usize) -> Option<Cow<'_, str>> {
        self.bytes(at).map(String::from_utf8_lossy)
    }

    /// A value as text of its own; empty where it is NULL.
    pub fn owned(&self, at: usize) -> String {
        self.text(at).unwrap_or_default().into_owned()
    }

    /// A value as a number, where it is one.
    pub fn number<T: FromStr>(&self, at: usize) -> Option<T> {
        std::str::from_utf8(self.bytes(at)?).ok()?.trim().parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_where_their_lengths_say() {
        let bytes = [1, b'a', 0xFB, 0, 0xFC, 3, 0, b'x', b'y', b'z'];
        let row = RawRow::over(&bytes, 4).expect("a row");
        assert_eq!(row.iter().collect::<Vec<_>>(), [Some(&b"a"[..]), None, Some(&b""[..]), Some(&b"xyz"[..])]);
        let row = Row::kept(row);
        assert_eq!(
            (row.text(0).as_deref(), row.bytes(1), row.bytes(2), row.bytes(3), row.bytes(4)),
            (Some("a"), None, Some(&b""[..]), Some(&b"xyz"[..]), None)
        );
        for (wrong, count) in [
            (&[2, b'a'][..], 1),
            (&[0xFC, 1][..], 1),
            (&[0xFF, 1][..], 1),
            (&[0, 0][..], 1),
            (&[0][..], 2),
            (&[0xFE, 255, 255, 255, 255, 255, 255, 255, 255][..], 1),
        ] {
            assert!(RawRow::over(wrong, count).is_err(), "{wrong:?}");
        }
    }
}
