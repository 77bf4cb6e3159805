//! The one place where names and values become SQL.

use crate::domain::schema::TableName;

/// A name as a quoted identifier: `` `a``b` ``. Always quoted, so that no name is ever a keyword.
pub fn ident(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A table in its database, or, without a schema, in the one that the session is in.
pub fn qualified(name: &TableName) -> String {
    if name.schema.is_empty() { ident(&name.name) } else { format!("{}.{}", ident(&name.schema), ident(&name.name)) }
}

/// Text as a string literal. Every session of ours has `NO_BACKSLASH_ESCAPES` off, and a backslash is doubled; with it on, the doubled one
/// would be two characters, never the end of the literal.
pub fn literal(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

/// Bytes as a literal that no character set is applied to: `X'00FF'`.
pub fn bytes(value: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(value.len() * 2 + 3);
    text.push_str("X'");
    for byte in value {
        let _ = write!(text, "{byte:02X}");
    }
    text.push('\'');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_stay_inside_their_quotes() {
        assert_eq!(ident("a`b"), "`a``b`");
        assert_eq!(literal("it's \\"), "'it''s \\\\'");
        assert_eq!(bytes(&[0, 255]), "X'00FF'");
        assert_eq!(qualified(&TableName::new("", "t")), "`t`");
        assert_eq!(qualified(&TableName::new("d", "t")), "`d`.`t`");
    }
}
