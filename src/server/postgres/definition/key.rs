//! PRIMARY KEY and UNIQUE constraints as an index first, which several sessions can build for one table at once, and a short
//! ALTER TABLE after it.
//!
//! Reads only the form that pg_dump writes. Whatever looks different in any way is left as it is.

use crate::domain::schema::SchemaObject;
use crate::server::definition::TwoSteps;

/// The two steps of a constraint, where it has that form.
pub fn split(object: &SchemaObject) -> Option<TwoSteps> {
    if object.kind != "CONSTRAINT" {
        return None;
    }
    let rest = object.sql.trim_start().strip_prefix("ALTER TABLE ONLY ")?;
    let (table, rest) = name(rest)?;
    let (name_in, rest) = ident(rest.trim_start().strip_prefix("ADD CONSTRAINT ")?)?;
    let rest = rest.trim_start();
    let (word, rest, nulls) = if let Some(rest) = rest.strip_prefix("PRIMARY KEY") {
        ("PRIMARY KEY", rest, "")
    } else {
        let rest = rest.strip_prefix("UNIQUE")?.trim_start();
        match rest.strip_prefix("NULLS NOT DISTINCT") {
            Some(rest) => ("UNIQUE", rest, " NULLS NOT DISTINCT"),
            None => ("UNIQUE", rest, ""),
        }
    };
    let (columns, rest) = parenthesised(rest.trim_start())?;
    // A temporal key is an exclusion constraint underneath.
    if columns.to_ascii_uppercase().contains("WITHOUT OVERLAPS") {
        return None;
    }
    let (include, rest) = match rest.trim_start().strip_prefix("INCLUDE") {
        Some(rest) => {
            let (columns, rest) = parenthesised(rest.trim_start())?;
            (format!(" INCLUDE {columns}"), rest)
        }
        None => (String::new(), rest),
    };
    let (options, rest) = match rest.trim_start().strip_prefix("WITH") {
        Some(rest) => {
            let (options, rest) = parenthesised(rest.trim_start())?;
            (format!(" WITH {options}"), rest)
        }
        None => (String::new(), rest),
    };
    let rest = rest.trim_start();
    let (deferral, rest) = ["DEFERRABLE INITIALLY DEFERRED", "DEFERRABLE"]
        .iter()
        .find_map(|words| rest.strip_prefix(words).map(|rest| (format!(" {words}"), rest)))
        .unwrap_or((String::new(), rest));
    let tail = rest.trim_start().strip_prefix(';')?;
    Some(TwoSteps {
        index: format!("CREATE UNIQUE INDEX {name_in} ON ONLY {table} USING btree {columns}{include}{nulls}{options};"),
        attach: format!("ALTER TABLE ONLY {table}\n    ADD CONSTRAINT {name_in} {word} USING INDEX {name_in}{deferral};{tail}"),
    })
}

/// A schema-qualified name as it is written, and what follows it.
fn name(text: &str) -> Option<(&str, &str)> {
    let (_, rest) = ident(text)?;
    let (_, rest) = ident(rest.strip_prefix('.')?)?;
    Some((&text[..text.len() - rest.len()], rest))
}

/// An identifier as it is written, and what follows it.
fn ident(text: &str) -> Option<(&str, &str)> {
    let length = if text.starts_with('"') {
        quoted(text)?
    } else {
        text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(text.len())
    };
    if length == 0 { None } else { Some(text.split_at(length)) }
}

/// The length of what is quoted at the start of the text.
fn quoted(text: &str) -> Option<usize> {
    let quote = *text.as_bytes().first()?;
    let bytes = text.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        if bytes[at] == quote {
            if bytes.get(at + 1) != Some(&quote) {
                return Some(at + 1);
            }
            at += 1;
        }
        at += 1;
    }
    None
}

/// What stands in parentheses, with them, and what follows.
fn parenthesised(text: &str) -> Option<(&str, &str)> {
    if !text.starts_with('(') {
        return None;
    }
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut depth = 0_u32;
    while at < bytes.len() {
        match bytes[at] {
            b'"' | b'\'' => {
                at += quoted(&text[at..])?;
                continue;
            }
            b'(' => depth += 1,
            b')' => {
                depth -= 1;
                if depth == 0 {
                    return Some(text.split_at(at + 1));
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schema::Section;

    fn constraint(sql: &str) -> SchemaObject {
        SchemaObject {
            id: 1,
            kind: "CONSTRAINT".into(),
            name: "t c".into(),
            section: Section::PostData,
            sql: sql.into(),
            ..SchemaObject::default()
        }
    }

    #[test]
    fn the_forms_of_pg_dump_are_split() {
        let split = |sql: &str| split(&constraint(sql)).map(|s| (s.index, s.attach));
        assert_eq!(
            split("ALTER TABLE ONLY public.\"a;b(\"\n    ADD CONSTRAINT \"a\"\"_pkey\" PRIMARY KEY (id, \"x)\");\n"),
            Some((
                "CREATE UNIQUE INDEX \"a\"\"_pkey\" ON ONLY public.\"a;b(\" USING btree (id, \"x)\");".into(),
                "ALTER TABLE ONLY public.\"a;b(\"\n    ADD CONSTRAINT \"a\"\"_pkey\" PRIMARY KEY USING INDEX \"a\"\"_pkey\";\n".into()
            ))
        );
        assert_eq!(
            split(
                "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT u UNIQUE NULLS NOT DISTINCT (a) INCLUDE (b) WITH (fillfactor='70') \
                 DEFERRABLE INITIALLY DEFERRED;\n\nALTER TABLE s.t CLUSTER ON u;\n"
            ),
            Some((
                "CREATE UNIQUE INDEX u ON ONLY s.t USING btree (a) INCLUDE (b) NULLS NOT DISTINCT WITH (fillfactor='70');".into(),
                "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT u UNIQUE USING INDEX u DEFERRABLE INITIALLY DEFERRED;\n\nALTER TABLE s.t CLUSTER ON u;\n".into()
            ))
        );
    }

    #[test]
    fn whatever_else_stays_whole() {
        for sql in [
            "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT x EXCLUDE USING gist (r WITH &&);",
            "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT x PRIMARY KEY (id, valid WITHOUT OVERLAPS);",
            "ALTER TABLE s.t\n    ADD CONSTRAINT x CHECK ((a > 0)) NOT VALID;",
            "ALTER TABLE ONLY s.t\n    ADD CONSTRAINT x UNIQUE (a) NOT ENFORCED;",
            "ALTER TABLE ONLY t\n    ADD CONSTRAINT x UNIQUE (a);",
        ] {
            assert_eq!(split(&constraint(sql)), None, "{sql}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in "(ALTER TABLE ONLY s\\.t ADD CONSTRAINT )?\\PC{0,40}") {
            let _ = split(&constraint(&text));
        }
    }
}
