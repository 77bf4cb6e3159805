//! Rows: `INSERT INTO t VALUES (…),(…)`, with nothing in them but values. Looked at byte by byte, since they are most of a dump.

use super::super::executable::{escapes, quoted};
use crate::server::mysql::definition::lexer::Quotes;

/// Words that values are made of.
const WORDS: [&str; 12] = ["NULL", "TRUE", "FALSE", "DEFAULT", "X", "B", "N", "CONVERT", "USING", "UTF8MB4", "UTF8MB3", "BINARY"];

/// How many rows stand behind VALUES; none where there is anything else.
pub fn count(text: &[u8], quotes: Quotes) -> Option<u64> {
    let (mut at, mut depth, mut rows) = (0, 0_u32, 0);
    let mut last: &[u8] = b"";
    while at < text.len() {
        let rest = &text[at..];
        match rest[0] {
            quote @ (b'\'' | b'"') => {
                at += quoted(rest, escapes(quote, quotes));
                continue;
            }
            b'(' => {
                // A word before a bracket calls something.
                if depth == 0 {
                    rows += 1;
                } else if !last.is_empty() && !last.eq_ignore_ascii_case(b"CONVERT") {
                    return None;
                }
                depth += 1;
            }
            b')' => depth = depth.checked_sub(1)?,
            b',' | b'.' | b'+' => {}
            // Two of them may begin a comment.
            b'-' if rest.get(1) != Some(&b'-') => {}
            byte if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            byte if is_word(byte) => {
                let length = rest.iter().position(|byte| !is_word(*byte)).unwrap_or(rest.len());
                last = &rest[..length];
                if depth == 0
                    || !(byte.is_ascii_digit() || byte == b'_' || WORDS.iter().any(|word| last.eq_ignore_ascii_case(word.as_bytes())))
                {
                    return None;
                }
                at += length;
                continue;
            }
            _ => return None,
        }
        last = b"";
        at += 1;
    }
    (depth == 0).then_some(rows)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_and_nothing_else_passes() {
        let of = |text: &str| count(text.as_bytes(), Quotes::default());
        assert_eq!(of("(1,-2.5e-3,'a(\\'b',NULL),\n(_binary 'x);',0xFF,X'00',b'1',_utf8mb4\"q\")"), Some(2));
        assert_eq!(of("(CONVERT(\"{}\" USING UTF8MB4))"), Some(1));
        for bad in [
            "(1) ON DUPLICATE KEY UPDATE a=1",
            "(LOAD_FILE('/etc/passwd'))",
            "((SELECT 1))",
            "(1);(2)",
            "(f(1))",
            "(@a)",
            "(1,`a`)",
            "(1",
            "(1))",
            "(NULL(1))",
            "(1) -- x",
            "(1 # x\n)",
            "(_binary(1))",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
