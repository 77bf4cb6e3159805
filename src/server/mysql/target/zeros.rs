//! The zeros of ENUM columns in a stream of rows: what a server keeps of a value that was no member. It warns of each that is put in, and only of
//! as many may it warn.

use crate::domain::schema::ValueForm;
use crate::server::{Answer, RowSource};
use bytes::Bytes;

/// Whether a value of some length, without escapes, is an ENUM's zero.
pub fn is_zero(form: ValueForm, length: usize, first: Option<u8>) -> bool {
    match form {
        ValueForm::Member => length == 0,
        ValueForm::Index => length == 1 && first == Some(b'0'),
        _ => false,
    }
}

/// A stream that is passed on, and what was found in it.
pub struct Zeros<'a> {
    source: &'a mut dyn RowSource,
    forms: &'a [ValueForm],
    /// The column that the next byte is of.
    column: usize,
    /// What was seen of its value.
    length: usize,
    first: Option<u8>,
    /// How many zeros there were.
    pub found: u64,
    asked: Asked,
}

/// Whether there is an ENUM at all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    Yes,
    No,
}

impl<'a> Zeros<'a> {
    /// Begins before the first row.
    pub fn new(source: &'a mut dyn RowSource, forms: &'a [ValueForm]) -> Self {
        let any = forms.iter().any(|form| matches!(form, ValueForm::Member | ValueForm::Index));
        Self { source, forms, column: 0, length: 0, first: None, found: 0, asked: if any { Asked::Yes } else { Asked::No } }
    }

    fn look(&mut self, piece: &[u8]) {
        let mut rest = piece;
        while let Some(end) = memchr::memchr2(b'\t', b'\n', rest) {
            self.take(&rest[..end]);
            let form = self.forms.get(self.column).copied().unwrap_or_default();
            self.found += u64::from(is_zero(form, self.length, self.first));
            self.column = if rest[end] == b'\n' { 0 } else { self.column + 1 };
            (self.length, self.first) = (0, None);
            rest = &rest[end + 1..];
        }
        self.take(rest);
    }

    fn take(&mut self, part: &[u8]) {
        self.first = self.first.or(part.first().copied());
        self.length += part.len();
    }
}

impl RowSource for Zeros<'_> {
    fn next(&mut self) -> Answer<'_, Option<Bytes>> {
        Box::pin(async move {
            let piece = self.source.next().await?;
            if self.asked == Asked::Yes
                && let Some(piece) = &piece
            {
                self.look(piece);
            }
            Ok(piece)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl RowSource for Nothing {
        fn next(&mut self) -> Answer<'_, Option<Bytes>> {
            Box::pin(async { Ok(None) })
        }
    }

    #[test]
    fn zeros_are_counted_wherever_the_stream_is_cut() {
        let rows = b"\t0\t0\n\\N\t\\N\t\nx\t10\t0\n\t00\t\n";
        let forms = [ValueForm::Member, ValueForm::Index, ValueForm::Plain];
        for size in 1..rows.len() {
            let mut none = Nothing;
            let mut zeros = Zeros::new(&mut none, &forms);
            rows.chunks(size).for_each(|piece| zeros.look(piece));
            assert_eq!(zeros.found, 3, "{size}");
        }
    }
}
