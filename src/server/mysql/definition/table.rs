//! Takes the text of `SHOW CREATE TABLE` apart: the table as it can be filled, and what is better built after its rows.
//!
//! Knows the form in which both servers write it (sql/sql_show.cc in either): one item a line between the outer parentheses, names always
//! quoted, options behind. Nothing is rewritten: every piece is a piece of the text.

use super::lexer::{Placed, Quotes, Token, unquoted, words};
use crate::domain::schema::TableName;

/// What an item between the parentheses is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// A column.
    Column,
    /// `PRIMARY KEY`.
    Primary,
    /// `UNIQUE KEY`.
    Unique,
    /// `KEY` or `SPATIAL KEY`.
    Key,
    /// `FULLTEXT KEY`.
    Fulltext,
    /// `FOREIGN KEY`.
    Foreign,
    /// `CHECK`.
    Check,
    /// A period, or what nobody here knows: it stays in the table.
    Other,
}

/// An item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// What it is.
    pub kind: ItemKind,
    /// Its name; empty where it has none.
    pub name: String,
    /// Its text, with the white space before it.
    pub raw: &'a str,
}

impl Item<'_> {
    /// Its text.
    pub fn text(&self) -> &str {
        self.raw.trim()
    }
}

/// A table's definition in its parts: `head`, the items with commas between them, and `tail` are the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableText<'a> {
    /// `CREATE TABLE name (`.
    pub head: &'a str,
    /// Columns, keys, constraints.
    pub items: Vec<Item<'a>>,
    /// The closing parenthesis with the options and partitions.
    pub tail: &'a str,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    /// Its name.
    pub name: String,
    /// Its text, from `CONSTRAINT` on.
    pub text: String,
    /// The table that it refers to; with a schema where that is in another database.
    pub refers_to: TableName,
}

/// What a table is made of, in the order in which it is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Division {
    /// `CREATE TABLE`, with what must be there before rows.
    pub table: String,
    /// Keys to be built together after the rows.
    pub keys: Vec<String>,
    /// Full-text keys, of which the server builds one at a time.
    pub fulltext: Vec<String>,
    /// Foreign keys.
    pub foreign: Vec<ForeignKey>,
}

impl<'a> TableText<'a> {
    /// Takes a text apart. None: it has not the known form.
    pub fn parse(text: &'a str) -> Option<Self> {
        let all: Vec<Placed<'a>> = words(text, Quotes::default()).collect();
        let open = all.iter().position(|placed| placed.token == Token::Mark('('))?;
        let mut depth = 0_usize;
        let mut cuts = vec![all[open].to];
        let mut close = None;
        for placed in &all[open..] {
            match placed.token {
                Token::Mark('(') => depth += 1,
                Token::Mark(')') => {
                    depth = depth.checked_sub(1)?;
                    if depth == 0 {
                        close = Some(placed.from);
                        break;
                    }
                }
                Token::Mark(',') if depth == 1 => cuts.push(placed.from),
                _ => {}
            }
        }
        let body = text.get(..close?)?;
        let end = body.trim_end().len().max(all[open].to);
        let mut items = Vec::with_capacity(cuts.len());
        for (at, from) in cuts.iter().enumerate() {
            // The comma stands before every item but the first.
            let from = if at == 0 { *from } else { from + 1 };
            let to = cuts.get(at + 1).copied().unwrap_or(end);
            let raw = text.get(from..to.max(from))?;
            let (kind, name) = kind_of(raw);
            items.push(Item { kind, name, raw });
        }
        Some(Self { head: &text[..all[open].to], items, tail: text.get(end..)? })
    }

    /// The text that it was made of; the whole when all items are there.
    pub fn joined(&self) -> String {
        let raws: Vec<&str> = self.items.iter().map(|item| item.raw).collect();
        format!("{}{}{}", self.head, raws.join(","), self.tail)
    }

    /// The storage engine.
    pub fn engine(&self) -> String {
        self.option("ENGINE").unwrap_or_default()
    }

    /// The value of a table option; the first of that name.
    pub fn option(&self, name: &str) -> Option<String> {
        let all: Vec<Placed<'_>> = words(self.tail, Quotes::default()).take_while(|placed| !placed.token.is("PARTITION")).collect();
        let at = all.iter().position(|placed| placed.token.is(name))?;
        let behind = match all.get(at + 1)?.token {
            Token::Mark('=') => all.get(at + 2)?,
            _ => all.get(at + 1)?,
        };
        match behind.token {
            Token::Literal(text) => Some(super::lexer::value(text)),
            token => token.name(),
        }
    }

    /// Whether it has partitions.
    pub fn is_partitioned(&self) -> bool {
        let tail: Vec<Placed<'_>> = words(self.tail, Quotes::default()).collect();
        tail.windows(2).any(|pair| pair[0].token.is("PARTITION") && pair[1].token.is("BY"))
    }

    fn column(&self, name: &str) -> Option<&Item<'a>> {
        self.items.iter().find(|item| item.kind == ItemKind::Column && item.name == name)
    }

    /// Which keys the table cannot do without before its rows: the one that hands out its AUTO_INCREMENT, the one that its rows are stored
    /// by (the first that is unique and never NULL, where there is no primary key), all unique ones that a table without a primary key may be
    /// partitioned by, and all where the engine builds no key after rows without copying the table.
    fn needed(&self) -> Vec<bool> {
        let sorted = self.engine().eq_ignore_ascii_case("InnoDB");
        let primary = self.items.iter().any(|item| item.kind == ItemKind::Primary);
        let partitioned = self.is_partitioned();
        let counter = self.items.iter().find(|item| item.kind == ItemKind::Column && has_words(item.raw, &["AUTO_INCREMENT"]));
        let leads = |item: &Item<'_>| {
            let is_key = matches!(item.kind, ItemKind::Primary | ItemKind::Unique | ItemKind::Key);
            is_key
                && counter.is_some_and(|counter| key_columns(item.raw).first().is_some_and(|first| first.as_deref() == Some(&counter.name)))
        };
        let counted_by = self.items.iter().position(leads).filter(|_| counter.is_some());
        let never_null = |item: &Item<'_>| {
            key_columns(item.raw).iter().all(|part| {
                part.as_deref().and_then(|name| self.column(name)).is_some_and(|column| has_words(column.raw, &["NOT", "NULL"]))
            })
        };
        let stored_by = self.items.iter().position(|item| !primary && item.kind == ItemKind::Unique && never_null(item));
        self.items
            .iter()
            .enumerate()
            .map(|(at, item)| match item.kind {
                ItemKind::Unique if partitioned && !primary => true,
                ItemKind::Unique | ItemKind::Key | ItemKind::Fulltext => !sorted || counted_by == Some(at) || stored_by == Some(at),
                ItemKind::Foreign => false,
                _ => true,
            })
            .collect()
    }

    /// Divides it.
    pub fn divide(&self) -> Division {
        let needed = self.needed();
        let mut division = Division::default();
        let mut kept = Vec::with_capacity(self.items.len());
        for (item, needed) in self.items.iter().zip(needed) {
            match item.kind {
                _ if needed => kept.push(item.clone()),
                ItemKind::Fulltext => division.fulltext.push(item.text().to_owned()),
                ItemKind::Foreign => division.foreign.push(foreign(item)),
                _ => division.keys.push(item.text().to_owned()),
            }
        }
        division.table = TableText { head: self.head, items: kept, tail: self.tail }.joined();
        division
    }
}

fn kind_of(raw: &str) -> (ItemKind, String) {
    let all: Vec<Token<'_>> = words(raw, Quotes::default()).take(6).map(|placed| placed.token).collect();
    let name = |from: usize| {
        all.iter().skip(from).find_map(|token| match token {
            Token::Name(quoted) => Some(unquoted(quoted)),
            _ => None,
        })
    };
    let first = all.first().copied().unwrap_or(Token::Space);
    if let Token::Name(quoted) = first {
        return (ItemKind::Column, unquoted(quoted));
    }
    for (word, kind) in [
        ("PRIMARY", ItemKind::Primary),
        ("UNIQUE", ItemKind::Unique),
        ("KEY", ItemKind::Key),
        ("INDEX", ItemKind::Key),
        ("SPATIAL", ItemKind::Key),
        ("VECTOR", ItemKind::Key),
        ("FULLTEXT", ItemKind::Fulltext),
        ("FOREIGN", ItemKind::Foreign),
        ("CHECK", ItemKind::Check),
    ] {
        if first.is(word) {
            let named = !matches!(kind, ItemKind::Primary | ItemKind::Check);
            return (kind, if named { name(0).unwrap_or_default() } else { String::new() });
        }
    }
    if first.is("CONSTRAINT") {
        let named = matches!(all.get(1), Some(Token::Name(_)));
        let word = all.get(if named { 2 } else { 1 }).copied().unwrap_or(Token::Space);
        let own = if named { name(1).unwrap_or_default() } else { String::new() };
        if word.is("FOREIGN") {
            return (ItemKind::Foreign, own);
        }
        if word.is("CHECK") {
            return (ItemKind::Check, own);
        }
    }
    (ItemKind::Other, String::new())
}

/// The parts of a key: names of columns, none for an expression.
fn key_columns(raw: &str) -> Vec<Option<String>> {
    let mut parts = Vec::new();
    let mut depth = 0_usize;
    let mut fresh = false;
    for placed in words(raw, Quotes::default()) {
        match placed.token {
            Token::Mark('(') => {
                depth += 1;
                match depth {
                    1 => fresh = true,
                    2 if fresh => {
                        parts.push(None);
                        fresh = false;
                    }
                    _ => {}
                }
            }
            Token::Mark(')') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    break;
                }
            }
            Token::Mark(',') if depth == 1 => fresh = true,
            Token::Name(quoted) if depth == 1 && fresh => {
                parts.push(Some(unquoted(quoted)));
                fresh = false;
            }
            _ => {}
        }
    }
    parts
}

/// Whether these words stand one after another outside of parentheses and literals.
fn has_words(raw: &str, wanted: &[&str]) -> bool {
    let mut depth = 0_usize;
    let mut seen = 0;
    for placed in words(raw, Quotes::default()) {
        match placed.token {
            Token::Mark('(') => depth += 1,
            Token::Mark(')') => depth = depth.saturating_sub(1),
            token if depth == 0 && token.is(wanted[seen]) => {
                seen += 1;
                if seen == wanted.len() {
                    return true;
                }
            }
            _ => seen = 0,
        }
    }
    false
}

fn foreign(item: &Item<'_>) -> ForeignKey {
    let all: Vec<Token<'_>> = words(item.raw, Quotes::default()).map(|placed| placed.token).collect();
    let at = all.iter().position(|token| token.is("REFERENCES")).map_or(all.len(), |at| at + 1);
    let name = |at: usize| match all.get(at) {
        Some(Token::Name(quoted)) => unquoted(quoted),
        _ => String::new(),
    };
    let refers_to = match all.get(at + 1) {
        Some(Token::Mark('.')) => TableName::new(name(at), name(at + 2)),
        _ => TableName::new("", name(at)),
    };
    ForeignKey { name: item.name.clone(), text: item.text().to_owned(), refers_to }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
