//! Names of tables and the like, where they stand alone or behind the database's own name.

use super::words::Words;
use crate::server::mysql::definition::lexer::Token;
use std::ops::Range;

/// A name in a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// It, without quotes.
    pub name: String,
    /// The number of the word behind it.
    pub next: usize,
    /// The bytes of its own database's name, which are left out: it may get another one.
    pub cut: Option<Range<usize>>,
}

/// Reads the name that begins with the word of this number. An error: it is in another database, or there is none.
pub fn read(words: &Words<'_>, at: usize, own: Option<&str>) -> Result<Named, &'static str> {
    let first = name(words, at).ok_or("there is no name where one should be")?;
    if !words.mark(at + 1, '.') {
        return Ok(Named { name: first, next: at + 1, cut: None });
    }
    let second = name(words, at + 2).ok_or("there is no name where one should be")?;
    if own != Some(first.as_str()) {
        return Err(OTHER);
    }
    let (from, to) = (words.from(at)[0].from, words.from(at + 2)[0].from);
    Ok(Named { name: second, next: at + 3, cut: Some(from..to) })
}

/// What is said of names in other databases.
pub const OTHER: &str = "it names another database than the one that is restored";

fn name(words: &Words<'_>, at: usize) -> Option<String> {
    words.token(at).filter(|token| matches!(token, Token::Word(_) | Token::Name(_))).and_then(|token| token.name())
}

/// All names with a database before them in a definition that has no expressions across tables: what is to be cut out, or an error.
pub fn qualified(words: &Words<'_>, own: Option<&str>) -> Result<Vec<Range<usize>>, &'static str> {
    let mut cuts = Vec::new();
    for at in 1..words.len() {
        let number = matches!(words.token(at - 1), Some(Token::Word(word)) if word.starts_with(|c: char| c.is_ascii_digit()));
        if !words.mark(at, '.') || number || !matches!(words.token(at - 1), Some(Token::Word(_) | Token::Name(_))) {
            continue;
        }
        match read(words, at - 1, own) {
            Ok(Named { cut: Some(cut), .. }) => cuts.push(cut),
            Ok(_) => {}
            Err(why) => return Err(why),
        }
    }
    Ok(cuts)
}

/// The text without some of its bytes.
pub fn without(text: &[u8], cuts: &[Range<usize>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    for cut in cuts {
        out.extend_from_slice(&text[at..cut.start]);
        at = cut.end;
    }
    out.extend_from_slice(&text[at..]);
    out
}
