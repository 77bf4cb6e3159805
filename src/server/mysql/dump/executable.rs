//! Writes out the comments that servers run, `/*!50001 … */` and `/*M!100616 … */`, as this very server reads them: so that what is judged and what
//! is run are the same text.
//!
//! The rules are those of `lex_one_token` in the servers' `sql_lex.cc`.

use crate::domain::Product;
use crate::server::mysql::definition::lexer::Quotes;
use crate::server::mysql::session::Flavour;
use std::borrow::Cow;

/// Versions that belong to MySQL alone; MariaDB passes over such comments.
const MYSQL_ONLY: std::ops::RangeInclusive<u32> = 50_700..=99_999;

/// The statement without comments that are run or hidden by version. None: one of them has no end.
pub fn written_out<'a>(text: &'a [u8], quotes: Quotes, flavour: &Flavour) -> Option<Cow<'a, [u8]>> {
    if memchr::memmem::find(text, b"/*").is_none() {
        return Some(Cow::Borrowed(text));
    }
    let mut out = Vec::with_capacity(text.len());
    let (mut at, mut open) = (0, 0_u32);
    while at < text.len() {
        let rest = &text[at..];
        at += match rest {
            [quote @ (b'\'' | b'"' | b'`'), ..] => {
                let length = quoted(rest, escapes(*quote, quotes));
                out.extend_from_slice(&rest[..length]);
                length
            }
            [b'#', ..] => keep(&mut out, rest, line(rest)),
            [b'-', b'-', after, ..] if after.is_ascii_whitespace() || after.is_ascii_control() => keep(&mut out, rest, line(rest)),
            [b'/', b'*', ..] => match run(rest, flavour) {
                Comment::Run(marker) => {
                    open += 1;
                    out.push(b' ');
                    marker
                }
                Comment::Hidden => {
                    out.push(b' ');
                    hidden(rest)?
                }
                Comment::Plain => keep(&mut out, rest, memchr::memmem::find(&rest[2..], b"*/")? + 4),
            },
            [b'*', b'/', ..] if open > 0 => {
                open -= 1;
                out.push(b' ');
                2
            }
            _ => {
                let means = |byte: &u8| matches!(byte, b'\'' | b'"' | b'`' | b'#' | b'-' | b'/' | b'*');
                let length = rest.iter().skip(1).position(means).map_or(rest.len(), |next| next + 1);
                keep(&mut out, rest, length)
            }
        };
    }
    (open == 0).then_some(Cow::Owned(out))
}

fn keep(out: &mut Vec<u8>, rest: &[u8], length: usize) -> usize {
    out.extend_from_slice(&rest[..length]);
    length
}

/// Whether a backslash within this quotation mark takes the next character's meaning away.
pub fn escapes(quote: u8, quotes: Quotes) -> bool {
    !quotes.plain_backslash && (quote == b'\'' || (quote == b'"' && !quotes.ansi))
}

/// The length of what is quoted at the beginning; one that is not closed goes to the end.
pub fn quoted(text: &[u8], escapes: bool) -> usize {
    let quote = text[0];
    let mut at = 1;
    loop {
        let rest = &text[at.min(text.len())..];
        let found = if escapes { memchr::memchr2(quote, b'\\', rest) } else { memchr::memchr(quote, rest) };
        let Some(found) = found else { return text.len() };
        at += found;
        if text[at] == b'\\' || text.get(at + 1) == Some(&quote) {
            at += 2;
        } else {
            return at + 1;
        }
    }
}

fn line(text: &[u8]) -> usize {
    memchr::memchr(b'\n', text).map_or(text.len(), |at| at + 1)
}

enum Comment {
    /// Its content is run; the marker has this length.
    Run(usize),
    /// Its content is for other servers.
    Hidden,
    /// It is for people.
    Plain,
}

fn run(text: &[u8], flavour: &Flavour) -> Comment {
    let start = match text {
        [_, _, b'!', ..] => 3,
        [_, _, b'M', b'!', ..] if flavour.product == Product::Mariadb => 4,
        // What a hint says would be run with the statement.
        [_, _, b'+', ..] => return Comment::Hidden,
        _ => return Comment::Plain,
    };
    let digits = text[start..].iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
    if digits < 5 {
        return Comment::Run(start);
    }
    let version = text[start..start + digits].iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    let others = flavour.product == Product::Mariadb && text[2] == b'!' && MYSQL_ONLY.contains(&version);
    if version <= flavour.version_num && !others { Comment::Run(start + digits) } else { Comment::Hidden }
}

/// The length of a comment that is passed over; one level of comments within it is passed over too.
fn hidden(text: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        let close = at + memchr::memmem::find(&text[at..], b"*/")?;
        match memchr::memmem::find(&text[at..close], b"/*") {
            Some(open) => at = at + open + 2 + memchr::memmem::find(&text[at + open + 2..], b"*/")? + 2,
            None => return Some(close + 2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, version: &str) -> Option<String> {
        let found = written_out(text.as_bytes(), Quotes::default(), &Flavour::of(version));
        found.map(|text| String::from_utf8_lossy(&text).split_whitespace().collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn comments_are_run_by_those_they_are_for() {
        for (text, mysql, maria) in [
            ("/*!40101 SET NAMES x */", "SET NAMES x", "SET NAMES x"),
            (
                "/*!50003 CREATE*/ /*!50017 DEFINER=`a`@`b`*/ /*!50003 TRIGGER x */",
                "CREATE DEFINER=`a`@`b` TRIGGER x",
                "CREATE DEFINER=`a`@`b` TRIGGER x",
            ),
            ("INSERT /*!99999 GRANT */ x", "INSERT x", "INSERT x"),
            ("a /*!80000 '+' */ b", "a '+' b", "a b"),
            ("a /*M!100616 b */ c", "a /*M!100616 b */ c", "a b c"),
            ("a /*M!999999 b */ c", "a /*M!999999 b */ c", "a c"),
            ("a /*!999999 x /* y */ z */ c", "a c", "a c"),
            ("a /*! b */ c '/*! d' /* e */", "a b c '/*! d' /* e */", "a b c '/*! d' /* e */"),
            ("a /*+ SET_VAR(x=1) */ c", "a c", "a c"),
            ("/*!50001 a 'x*/' \"\\\"*/\" */ b", "a 'x*/' \"\\\"*/\" b", "a 'x*/' \"\\\"*/\" b"),
        ] {
            assert_eq!(of(text, "9.7.4").as_deref(), Some(mysql), "{text}");
            assert_eq!(of(text, "10.11.19-MariaDB").as_deref(), Some(maria), "{text}");
        }
        for text in ["/*!50001 a", "/*!999999 a", "/* a", "/*!999999 a /* b */"] {
            assert_eq!(of(text, "9.7.4"), None, "{text}");
        }
    }
}
