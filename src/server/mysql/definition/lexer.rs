//! Cuts MySQL's and MariaDB's SQL into tokens, without losing a byte: the tokens' texts one after another are the statement.
//!
//! What is looked for in definitions (names, keys, definers) is looked for in tokens, never in text: a literal or a comment may hold
//! anything. Knows no grammar.

/// How a session's `sql_mode` changes what quotes mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quotes {
    /// `ANSI_QUOTES`: names stand in double quotes.
    pub ansi: bool,
    /// `NO_BACKSLASH_ESCAPES`: a backslash is a character like others.
    pub plain_backslash: bool,
}

impl Quotes {
    /// What a list of modes means for quotes.
    pub fn of_mode(sql_mode: &str) -> Self {
        let mut quotes = Self::default();
        for mode in sql_mode.split(',') {
            match mode.trim().to_ascii_uppercase().as_str() {
                "ANSI_QUOTES" | "ANSI" | "ORACLE" | "MSSQL" | "DB2" | "POSTGRESQL" | "MAXDB" => quotes.ansi = true,
                "NO_BACKSLASH_ESCAPES" => quotes.plain_backslash = true,
                _ => {}
            }
        }
        quotes
    }
}

/// A token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// White space, comments, and the brackets of `/*!50100 … */`, whose content is SQL.
    Space,
    /// A word or a number that stands without quotes.
    Word(&'a str),
    /// A quoted name, with its quotes.
    Name(&'a str),
    /// A string literal, with its quotes.
    Literal(&'a str),
    /// One character of punctuation.
    Mark(char),
}

impl Token<'_> {
    /// Whether it is this word, in whatever case.
    pub fn is(&self, word: &str) -> bool {
        matches!(self, Token::Word(found) if found.eq_ignore_ascii_case(word))
    }

    /// The name that it is, without quotes; a word may be one too.
    pub fn name(&self) -> Option<String> {
        match self {
            Token::Name(quoted) => Some(unquoted(quoted)),
            Token::Word(word) => Some((*word).to_owned()),
            _ => None,
        }
    }
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed<'a> {
    /// The token.
    pub token: Token<'a>,
    /// Its first byte.
    pub from: usize,
    /// The byte behind its last.
    pub to: usize,
}

/// All tokens of a text.
pub fn tokens(text: &str, quotes: Quotes) -> impl Iterator<Item = Placed<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let (token, length) = next(rest, quotes);
        let from = at;
        at += length.max(1);
        Some(Placed { token, from, to: at.min(text.len()) })
    })
}

/// The tokens that are not white space.
pub fn words(text: &str, quotes: Quotes) -> impl Iterator<Item = Placed<'_>> {
    tokens(text, quotes).filter(|placed| placed.token != Token::Space)
}

/// A quoted name or literal without its quotes, doubled ones made single. Backslashes stay: see [`value`].
pub fn unquoted(quoted: &str) -> String {
    let Some(quote) = quoted.chars().next().filter(|c| matches!(c, '`' | '"' | '\'')) else { return quoted.to_owned() };
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default();
    inner.replace(&format!("{quote}{quote}"), &quote.to_string())
}

/// The value of a string literal with backslash escapes.
pub fn value(literal: &str) -> String {
    let inner = literal.get(1..literal.len().saturating_sub(1)).unwrap_or_default();
    let quote = literal.chars().next().unwrap_or('\'');
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('0') => out.push('\0'),
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                Some('b') => out.push('\u{8}'),
                Some('Z') => out.push('\u{1a}'),
                Some(other) => out.push(other),
                None => out.push('\\'),
            },
            c if c == quote => {
                chars.next_if_eq(&quote);
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

fn next(text: &str, quotes: Quotes) -> (Token<'_>, usize) {
    let Some(first) = text.chars().next() else { return (Token::Space, 0) };
    let line = || text.find('\n').map_or(text.len(), |at| at + 1);
    match first {
        '`' => {
            let length = closed(text, '`', false);
            (Token::Name(&text[..length]), length)
        }
        '"' => {
            let length = closed(text, '"', !quotes.ansi && !quotes.plain_backslash);
            (if quotes.ansi { Token::Name(&text[..length]) } else { Token::Literal(&text[..length]) }, length)
        }
        '\'' => {
            let length = closed(text, '\'', !quotes.plain_backslash);
            (Token::Literal(&text[..length]), length)
        }
        '#' => (Token::Space, line()),
        '-' if text[1..].starts_with('-') && text[2..].chars().next().is_none_or(|c| c.is_whitespace() || c.is_control()) => {
            (Token::Space, line())
        }
        '/' if text.starts_with("/*!") || text.starts_with("/*M!") => {
            let start = if text.starts_with("/*!") { 3 } else { 4 };
            let digits = text[start..].find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len() - start);
            (Token::Space, start + digits)
        }
        '/' if text.starts_with("/*") => (Token::Space, text[2..].find("*/").map_or(text.len(), |at| at + 4)),
        '*' if text.starts_with("*/") => (Token::Space, 2),
        c if c.is_whitespace() => (Token::Space, text.find(|c: char| !c.is_whitespace()).unwrap_or(text.len())),
        c if is_word(c) => {
            let length = text.find(|c: char| !is_word(c)).unwrap_or(text.len());
            (Token::Word(&text[..length]), length)
        }
        other => (Token::Mark(other), other.len_utf8()),
    }
}

/// What a name may hold without quotes (MySQL manual, "Schema Object Names"), and what numbers are made of.
fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '$') || !c.is_ascii()
}

/// The length of a quoted piece at the start of the text; one that is not closed goes to the end.
fn closed(text: &str, quote: char, escapes: bool) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if escapes => at += 2,
            byte if byte == quote as u8 => {
                if bytes.get(at + 1) != Some(&byte) {
                    return at + 1;
                }
                at += 2;
            }
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(sql: &str) -> Vec<&str> {
        words(sql, Quotes::default()).map(|placed| &sql[placed.from..placed.to]).collect()
    }

    #[test]
    fn quotes_comments_and_versions_are_told_apart() {
        let sql = "CREATE TABLE `a``;b` ( -- no; end\n c text DEFAULT 'it\\'s '';' # x\n /* KEY */ /*!50100 PARTITION BY HASH (`c`) */);";
        assert_eq!(
            texts(sql),
            [
                "CREATE",
                "TABLE",
                "`a``;b`",
                "(",
                "c",
                "text",
                "DEFAULT",
                "'it\\'s '';'",
                "PARTITION",
                "BY",
                "HASH",
                "(",
                "`c`",
                ")",
                ")",
                ";"
            ]
        );
        assert_eq!(unquoted("`a``;b`"), "a`;b");
        assert_eq!(value("'it\\'s '';\\n\\\\'"), "it's ';\n\\");
    }

    #[test]
    fn modes_change_what_quotes_mean() {
        let ansi = Quotes::of_mode("STRICT_TRANS_TABLES,ANSI_QUOTES");
        assert!(words("\"a\"", ansi).all(|placed| placed.token == Token::Name("\"a\"")));
        let plain = Quotes::of_mode("NO_BACKSLASH_ESCAPES");
        assert_eq!(words("'a\\' b", plain).count(), 2);
        assert_eq!(words("'a\\' b", Quotes::default()).count(), 1);
    }

    proptest! {
        #[test]
        fn no_byte_is_lost(text in "[a-z `'\"\\\\/*!#\\-\n();ü€]{0,60}", ansi: bool, plain_backslash: bool) {
            let joined: String = tokens(&text, Quotes { ansi, plain_backslash }).map(|placed| &text[placed.from..placed.to]).collect();
            prop_assert_eq!(joined, text);
        }
    }
}
