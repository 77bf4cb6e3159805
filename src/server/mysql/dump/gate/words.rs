//! A statement's words, without white space and comments.

use super::super::super::definition::lexer::{Placed, Token, value};
use std::borrow::Cow;

/// Words of a statement, or of a part of it.
#[derive(Clone, Copy, Debug)]
pub struct Words<'a>(&'a [Placed<'a>]);

impl<'a> Words<'a> {
    pub fn of(all: &'a [Placed<'a>]) -> Self {
        Self(all)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> std::slice::Iter<'a, Placed<'a>> {
        self.0.iter()
    }

    pub fn first(&self) -> Option<Token<'a>> {
        self.token(0)
    }

    pub fn token(&self, at: usize) -> Option<Token<'a>> {
        self.0.get(at).map(|placed| placed.token)
    }

    /// Whether the word of this number is this one, unquoted.
    pub fn is(&self, at: usize, word: &str) -> bool {
        self.token(at).is_some_and(|token| token.is(word))
    }

    pub fn mark(&self, at: usize, mark: char) -> bool {
        self.token(at) == Some(Token::Mark(mark))
    }

    /// A name, a word, or what a literal says.
    pub fn text(&self, at: usize) -> Option<String> {
        match self.token(at)? {
            Token::Literal(literal) => Some(value(literal)),
            token => token.name(),
        }
    }

    /// From the word of this number on.
    pub fn from(&self, at: usize) -> &'a [Placed<'a>] {
        self.0.get(at..).unwrap_or_default()
    }

    /// `(a, b)`.
    pub fn is_list_of_names(&self) -> bool {
        let inner = self.0.len().checked_sub(1).and_then(|end| self.0.get(1..end)).unwrap_or_default();
        let names = inner.iter().enumerate().all(|(at, placed)| match placed.token {
            Token::Mark(mark) => at % 2 == 1 && mark == ',',
            Token::Literal(_) | Token::Space => false,
            Token::Word(_) | Token::Name(_) => at % 2 == 0,
        });
        self.mark(0, '(') && self.mark(self.0.len() - 1, ')') && names
    }
}

/// The text for the lexer, with every byte in its place: where it is no UTF-8, what is not ASCII stands for itself no more, but is still a letter.
pub fn plain(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '_' }).collect()),
    }
}
