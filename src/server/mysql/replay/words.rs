//! The words and marks of a statement, past what is text or a remark.

/// `sql_mode` ANSI_QUOTES: names stand in double quotes.
pub const ANSI_QUOTES: u64 = 1 << 2;

/// `sql_mode` NO_BACKSLASH_ESCAPES: a backslash in a text is only that.
const NO_BACKSLASH_ESCAPES: u64 = 1 << 20;

/// A part of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token {
    /// A word or number without quotes: a keyword, or a name.
    Word(String),
    /// A name in quotes.
    Quoted(String),
    /// A text.
    Text,
    /// Any other character.
    Mark(u8),
}

impl Token {
    /// Whether it is this keyword.
    pub fn is(&self, keyword: &str) -> bool {
        matches!(self, Token::Word(word) if word.eq_ignore_ascii_case(keyword))
    }

    /// The keyword that it is, or could be, in large letters.
    pub fn keyword(&self) -> Option<String> {
        match self {
            Token::Word(word) => Some(word.to_ascii_uppercase()),
            _ => None,
        }
    }

    /// The name that it is, or could be.
    pub fn word(&self) -> Option<&str> {
        match self {
            Token::Word(word) | Token::Quoted(word) => Some(word),
            _ => None,
        }
    }
}

/// The parts of a statement, as a session with that `sql_mode` reads it.
pub fn tokens(text: &[u8], sql_mode: u64) -> impl Iterator<Item = Token> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (token, tail) = next(rest, sql_mode)?;
        rest = tail;
        Some(token)
    })
}

fn next(text: &[u8], sql_mode: u64) -> Option<(Token, &[u8])> {
    let escapes = sql_mode & NO_BACKSLASH_ESCAPES == 0;
    let mut rest = text;
    loop {
        match rest {
            [] => return None,
            [byte, ..] if byte.is_ascii_whitespace() => rest = &rest[1..],
            [b'"', ..] if sql_mode & ANSI_QUOTES != 0 => return Some(quoted(rest, b'"')),
            [b'`', ..] => return Some(quoted(rest, b'`')),
            [b'\'' | b'"', ..] => return Some((Token::Text, past(rest, rest[0], escapes))),
            // What is run only by newer servers is run by ours.
            [b'/', b'*', b'!', ..] => rest = past_version(&rest[3..]),
            [b'/', b'*', b'M', b'!', ..] => rest = past_version(&rest[4..]),
            [b'/', b'*', ..] => rest = memchr::memmem::find(&rest[2..], b"*/").map_or(&[][..], |at| &rest[at + 4..]),
            [b'*', b'/', ..] => rest = &rest[2..],
            [b'#', ..] | [b'-', b'-', b' ' | b'\t' | b'\n', ..] => rest = memchr::memchr(b'\n', rest).map_or(&[][..], |at| &rest[at + 1..]),
            [byte, ..] if is_of_word(*byte) => {
                let end = rest.iter().position(|byte| !is_of_word(*byte)).unwrap_or(rest.len());
                return Some((Token::Word(String::from_utf8_lossy(&rest[..end]).into_owned()), &rest[end..]));
            }
            [byte, ..] => return Some((Token::Mark(*byte), &rest[1..])),
        }
    }
}

/// What follows the number of a version.
fn past_version(text: &[u8]) -> &[u8] {
    let digits = text.iter().take(6).take_while(|byte| byte.is_ascii_digit()).count();
    &text[digits..]
}

fn quoted(text: &[u8], quote: u8) -> (Token, &[u8]) {
    let after = past(text, quote, false);
    let inner = &text[1..(text.len() - after.len()).saturating_sub(1).max(1)];
    let mark = char::from(quote);
    (Token::Quoted(String::from_utf8_lossy(inner).replace(&format!("{mark}{mark}"), &mark.to_string())), after)
}

const fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

/// What follows a quoted text; a doubled quote does not end it, and a backslash may take the next byte along.
fn past(text: &[u8], quote: u8, escapes: bool) -> &[u8] {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'\\' if escapes => at += 2,
            byte if byte == quote && text.get(at + 1) == Some(&quote) => at += 2,
            byte if byte == quote => return &text[at + 1..],
            _ => at += 1,
        }
    }
    &[]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn texts_and_remarks_are_passed() {
        let words = |text: &str| tokens(text.as_bytes(), 0).filter_map(|token| token.word().map(str::to_owned)).collect::<Vec<_>>();
        assert_eq!(words("a -- b\nc # d\n e /* f */ /*!50003 g */ `h``i` 'j''k\\'l' m"), ["a", "c", "e", "g", "h`i", "m"]);
        assert_eq!(words("'never ended"), [""; 0]);
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_end(text in proptest::collection::vec(any::<u8>(), 0..200), mode in any::<u64>()) {
            prop_assert!(tokens(&text, mode).count() <= text.len());
        }
    }
}
