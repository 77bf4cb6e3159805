//! Which statements belong to one database, when only its changes are replayed. Rows say their database themselves; statements say the one that the
//! session was in, and may name others.

use crate::server::mysql::binlog::query::Query;

/// What becomes of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is of the database.
    Run,
    /// It is of another one.
    Leave,
    /// It is of the database, and names it, while it has another name here.
    Refuse,
}

/// Decides about a statement, where only one database is replayed, under another name perhaps.
pub fn fate(query: &Query<'_>, only: &str, rename: Option<&str>) -> Fate {
    let inside = query.database == only.as_bytes();
    let names = names(&query.text, only);
    match (inside, names, rename) {
        (_, true, Some(_)) => Fate::Refuse,
        (true, _, _) | (false, true, None) => Fate::Run,
        (false, false, _) => Fate::Leave,
    }
}

/// Whether a statement makes, changes or drops a database.
pub fn is_about_databases(text: &[u8]) -> bool {
    let words: Vec<String> = words(text).take(2).map(|word| word.to_ascii_uppercase()).collect();
    let [verb, object] = words.as_slice() else { return false };
    matches!(verb.as_str(), "CREATE" | "DROP" | "ALTER") && matches!(object.as_str(), "DATABASE" | "SCHEMA")
}

/// Whether a statement crosses databases: it is in one, and names another's table by its name. For a warning: what is in quotes of text is not looked
/// at, so that it errs only where a table is called as the database is.
pub fn crosses(query: &Query<'_>, only: &str) -> bool {
    query.database != only.as_bytes() && names(&query.text, only)
}

/// Whether a text names a database: by a dot behind the name, or in a statement about databases.
fn names(text: &[u8], database: &str) -> bool {
    if is_about_databases(text) {
        return words(text).skip(2).any(|word| same(&word, database));
    }
    let mut rest = text;
    while let Some((word, tail)) = next_word(rest) {
        let after = tail.trim_ascii_start();
        if after.first() == Some(&b'.') && same(&word, database) {
            return true;
        }
        rest = tail;
    }
    false
}

fn same(word: &str, database: &str) -> bool {
    // Without regard to case: whether it counts depends on the server's file system.
    word.to_lowercase() == database.to_lowercase()
}

fn words(text: &[u8]) -> impl Iterator<Item = String> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (word, tail) = next_word(rest)?;
        rest = tail;
        Some(word)
    })
}

/// The next word, quoted or not, past what is text or a remark; and what follows it.
fn next_word(text: &[u8]) -> Option<(String, &[u8])> {
    let mut rest = text;
    loop {
        match rest {
            [] => return None,
            [b'\'' | b'"', ..] => rest = past(rest, rest[0]),
            [b'`', ..] => {
                let after = past(rest, b'`');
                let inner = &rest[1..(rest.len() - after.len()).saturating_sub(1).max(1)];
                return Some((String::from_utf8_lossy(inner).replace("``", "`"), after));
            }
            [b'/', b'*', b'!', ..] | [b'/', b'*', b'M', b'!', ..] => rest = &rest[3..],
            [b'/', b'*', ..] => rest = memchr::memmem::find(rest, b"*/").map_or(&[][..], |at| &rest[at + 2..]),
            [b'#', ..] | [b'-', b'-', b' ' | b'\t' | b'\n', ..] => rest = memchr::memchr(b'\n', rest).map_or(&[][..], |at| &rest[at + 1..]),
            [byte, ..] if is_of_word(*byte) => {
                let end = rest.iter().position(|byte| !is_of_word(*byte)).unwrap_or(rest.len());
                return Some((String::from_utf8_lossy(&rest[..end]).into_owned(), &rest[end..]));
            }
            _ => rest = &rest[1..],
        }
    }
}

const fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || byte >= 0x80
}

/// What follows a quoted text; a doubled quote does not end it, and in texts a backslash takes the next byte along.
fn past(text: &[u8], quote: u8) -> &[u8] {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'\\' if quote != b'`' => at += 2,
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
    use crate::server::mysql::binlog::query::Settings;
    use std::borrow::Cow;

    fn query<'a>(database: &'a str, text: &'a str) -> Query<'a> {
        Query { database: database.as_bytes(), text: Cow::Borrowed(text.as_bytes()), error: 0, settings: Settings::default() }
    }

    #[test]
    fn statements_belong_to_the_database_that_they_are_in_or_name() {
        for (database, text, plain, renamed) in [
            ("shop", "ALTER TABLE t ADD c int", Fate::Run, Fate::Run),
            ("", "create table shop.t (i int)", Fate::Run, Fate::Refuse),
            ("other", "create table `Shop` . t (i int)", Fate::Run, Fate::Refuse),
            ("other", "create table t (i int comment 'shop.t')", Fate::Leave, Fate::Leave),
            ("other", "create table shop (i int)", Fate::Leave, Fate::Leave),
            ("other", "alter table t add c int /* shop.t */", Fate::Leave, Fate::Leave),
            ("other", "rename table t to shop.t", Fate::Run, Fate::Refuse),
            ("shop", "create database if not exists shop", Fate::Run, Fate::Refuse),
            ("other", "create database other", Fate::Leave, Fate::Leave),
            ("shop", "create table u (i int) comment 'it\\'s shop.t'", Fate::Run, Fate::Run),
        ] {
            assert_eq!(fate(&query(database, text), "shop", None), plain, "{text}");
            assert_eq!(fate(&query(database, text), "shop", Some("shop2")), renamed, "{text}");
        }
        assert!(crosses(&query("other", "drop view shop.v"), "shop") && !crosses(&query("shop", "drop view shop.v"), "shop"));
    }
}
