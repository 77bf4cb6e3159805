//! Definitions as text. A server may print the bytes of a binary default between quotes; they are written as digits then.

use crate::server::mysql::quote;

/// A definition as the server sent it, with every literal that is no UTF-8 written in hexadecimal.
pub fn sql(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => mended(bytes),
    }
}

fn mended(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 16);
    let mut rest = bytes;
    while let Some(first) = rest.first().copied() {
        let length = match first {
            b'\'' | b'`' | b'"' => quoted(rest, first),
            _ => rest.iter().position(|byte| matches!(byte, b'\'' | b'`' | b'"')).unwrap_or(rest.len()),
        };
        let (piece, behind) = rest.split_at(length);
        rest = behind;
        match std::str::from_utf8(piece) {
            Ok(text) => out.push_str(text),
            Err(_) if first == b'\'' => out.push_str(&quote::bytes(&value(piece))),
            Err(_) => out.push_str(&String::from_utf8_lossy(piece)),
        }
    }
    out
}

fn quoted(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if quote == b'\'' => at += 2,
            byte if *byte == quote && bytes.get(at + 1) == Some(&quote) => at += 2,
            byte if *byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The bytes that a literal stands for.
fn value(literal: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(literal.len());
    let mut inner = literal.get(1..literal.len().saturating_sub(1)).unwrap_or_default().iter();
    while let Some(byte) = inner.next() {
        match byte {
            b'\\' => out.extend(inner.next().map(|byte| match byte {
                b'0' => 0,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'Z' => 0x1A,
                other => *other,
            })),
            b'\'' => {
                inner.next();
                out.push(b'\'');
            }
            other => out.push(*other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_a_default_become_digits() {
        let text = b"CREATE TABLE `\xc3\xa9` (\n  `b` binary(4) DEFAULT '\xff\\0''\x01',\n  `c` text COMMENT '\xc3\xa9'\n)";
        assert_eq!(sql(text), "CREATE TABLE `é` (\n  `b` binary(4) DEFAULT X'FF002701',\n  `c` text COMMENT 'é'\n)");
        assert_eq!(sql(b"CREATE TABLE `a` (`b` int)"), "CREATE TABLE `a` (`b` int)");
    }
}
