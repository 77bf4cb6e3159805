//! The one place where names and values become SQL.

use crate::domain::schema::TableName;

/// A name as a quoted identifier: `"a""b"`. Always quoted, so that no name is ever a keyword.
pub fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A schema-qualified name: `"public"."orders"`.
pub fn qualified(name: &TableName) -> String {
    format!("{}.{}", ident(&name.schema), ident(&name.name))
}

/// A value as a string literal, safe whatever `standard_conforming_strings` is: `'a''b'`, or `E'…'` when it holds a backslash.
pub fn literal(value: &str) -> String {
    if value.contains('\\') {
        format!(" E'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
    } else {
        format!("'{}'", value.replace('\'', "''"))
    }
}
