//! How a database was made, from the statement that a dump has for it.

use super::Facts;
use crate::domain::schema::DatabaseProperties;

impl Facts {
    /// Encoding and locale of the database, as far as the dump tells; the server's own where it does not.
    pub fn properties(&self, name: &str) -> DatabaseProperties {
        let mut found =
            DatabaseProperties { name: name.to_owned(), connection_limit: -1, allow_connections: true, ..DatabaseProperties::default() };
        let Some(statement) = self.create.as_deref() else { return found };
        let value = |key: &str| option(statement, key);
        found.encoding = value("ENCODING").unwrap_or_default();
        found.locale_provider = value("LOCALE_PROVIDER").unwrap_or_default();
        let both = value("LOCALE").unwrap_or_default();
        found.collate = value("LC_COLLATE").unwrap_or_else(|| both.clone());
        found.ctype = value("LC_CTYPE").unwrap_or(both);
        found.locale = value("ICU_LOCALE").or_else(|| value("BUILTIN_LOCALE"));
        found.icu_rules = value("ICU_RULES");
        found
    }
}

/// The value of ` KEY = 'text'` or ` KEY = word`.
fn option(statement: &str, key: &str) -> Option<String> {
    let rest = statement.split_once(&format!(" {key} = "))?.1;
    let Some(quoted) = rest.strip_prefix('\'') else {
        return Some(rest.split([' ', ';']).next()?.to_owned());
    };
    let mut out = String::new();
    let mut chars = quoted.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\'' if chars.peek() == Some(&'\'') => out.extend(chars.next()),
            '\'' => return Some(out),
            c => out.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_and_locale_are_read_as_pg_dump_writes_them() {
        let of = |sql: &str| Facts { create: Some(sql.into()), ..Facts::default() }.properties("x");
        let new = of(
            "CREATE DATABASE \"a b\" WITH TEMPLATE = template0 ENCODING = 'UTF8' LOCALE_PROVIDER = icu LOCALE = 'C.UTF-8' ICU_LOCALE = 'de''DE';\n",
        );
        assert_eq!((new.encoding.as_str(), new.locale_provider.as_str(), new.collate.as_str()), ("UTF8", "icu", "C.UTF-8"));
        assert_eq!(new.locale.as_deref(), Some("de'DE"));
        let old = of("CREATE DATABASE shop WITH TEMPLATE = template0 ENCODING = 'LATIN1' LC_COLLATE = 'de_DE' LC_CTYPE = 'C';");
        assert_eq!((old.encoding.as_str(), old.collate.as_str(), old.ctype.as_str()), ("LATIN1", "de_DE", "C"));
        assert_eq!(Facts::default().properties("x").encoding, "");
    }
}
