//! Values as lines of tab-separated text, in the form that `LOAD DATA` reads by default. Knows no types: the bytes are the server's.

/// What is written for NULL.
const NULL: &[u8] = b"\\N";

/// What stands behind a backslash for a byte that would be mistaken; 0 for bytes that stand for themselves.
const fn table() -> [u8; 256] {
    let mut table = [0; 256];
    table[b'\\' as usize] = b'\\';
    table[b'\t' as usize] = b't';
    table[b'\n' as usize] = b'n';
    table[b'\r' as usize] = b'r';
    table[0] = b'0';
    table
}

const ESCAPES: [u8; 256] = table();

/// Each byte of a word.
const fn each(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// Whether eight bytes may hold one to escape: one below 14, or a backslash. A byte of the text that is neither may be taken for one when
/// the byte before it is; it is then looked at by itself.
const fn suspicious(word: u64) -> bool {
    let low = word.wrapping_sub(each(14)) & !word;
    let slash = word ^ each(b'\\');
    let slash = slash.wrapping_sub(each(1)) & !slash;
    (low | slash) & each(0x80) != 0
}

/// The place of the first byte that needs an escape.
fn first(value: &[u8]) -> Option<usize> {
    let (words, rest) = value.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        if suspicious(u64::from_le_bytes(*word))
            && let Some(within) = word.iter().position(|byte| ESCAPES[usize::from(*byte)] != 0)
        {
            return Some(at * 8 + within);
        }
    }
    let within = rest.iter().position(|byte| ESCAPES[usize::from(*byte)] != 0)?;
    Some(words.len() * 8 + within)
}

/// Appends a value that may hold any bytes.
pub fn escaped(line: &mut Vec<u8>, mut value: &[u8]) {
    while let Some(at) = first(value) {
        line.extend_from_slice(&value[..at]);
        line.extend_from_slice(&[b'\\', ESCAPES[usize::from(value[at])]]);
        value = &value[at + 1..];
    }
    line.extend_from_slice(value);
}

/// Appends a row; `digits` says of each column whether its values never need an escape.
pub fn row<'a>(line: &mut Vec<u8>, values: impl Iterator<Item = Option<&'a [u8]>>, digits: &[bool]) {
    for (value, digits) in values.zip(digits) {
        match value {
            None => line.extend_from_slice(NULL),
            Some(value) if *digits => line.extend_from_slice(value),
            Some(value) => escaped(line, value),
        }
        line.push(b'\t');
    }
    if let Some(last) = line.last_mut() {
        *last = b'\n';
    }
}

/// How long a row becomes.
pub fn length<'a>(values: impl Iterator<Item = Option<&'a [u8]>>) -> usize {
    let of = |value: Option<&[u8]>| match value {
        None => NULL.len(),
        Some(value) => value.len() + value.iter().filter(|byte| ESCAPES[usize::from(**byte)] != 0).count(),
    };
    values.map(|value| of(value) + 1).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(value: &[u8]) -> Vec<u8> {
        let mut line = Vec::new();
        escaped(&mut line, value);
        line
    }

    #[test]
    fn only_what_would_be_mistaken_is_escaped() {
        assert_eq!(one(b"a\tb\nc\rd\\e\0f"), b"a\\tb\\nc\\rd\\\\e\\0f");
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(one(&all).len(), 256 + 5, "each byte, five of them with a backslash");
        let mut line = b"x\n".to_vec();
        row(&mut line, [Some(&b"1"[..]), None, Some(b""), Some(b"\t")].into_iter(), &[true, false, false, false]);
        assert_eq!(line, b"x\n1\t\\N\t\t\\t\n");
    }

    proptest! {
        #[test]
        fn every_value_can_be_read_back(value in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\\'), Just(0), Just(9), Just(14)], 0..80)) {
            let line = one(&value);
            prop_assert_eq!(line.len() + 1, length([Some(&value[..])].into_iter()));
            prop_assert!(!line.iter().any(|byte| matches!(byte, 0 | b'\t' | b'\n' | b'\r')));
            let (mut back, mut rest) = (Vec::new(), &line[..]);
            while let [byte, after @ ..] = rest {
                rest = after;
                back.push(match byte {
                    b'\\' => { let letter = rest[0]; rest = &rest[1..]; match letter { b't' => 9, b'n' => 10, b'r' => 13, b'0' => 0, other => other } }
                    other => *other,
                });
            }
            prop_assert_eq!(back, value);
        }
    }
}
