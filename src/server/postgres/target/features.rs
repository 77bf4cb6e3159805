//! What came with which version, as far as it shows in definitions: a server that is older does not know it.
//!
//! Sources: the release notes of PostgreSQL 14 to 18, and what pg_dump of those versions writes.

use super::roles::{Token, next};
use crate::domain::schema::SchemaObject;
use crate::server::Feature;

/// (version, name, kinds of objects that can have it: all when empty, words that show it with single spaces between them).
const FEATURES: &[(u32, &str, &[&str], &str)] = &[
    (14, "multirange types", &["TYPE"], " MULTIRANGE_TYPE_NAME "),
    (14, "column compression lz4", &["TABLE", "MATERIALIZED VIEW"], " SET COMPRESSION LZ4 "),
    (14, "SQL-standard function bodies", &["FUNCTION", "PROCEDURE"], " BEGIN ATOMIC "),
    (14, "subscripting of types", &["TYPE"], " SUBSCRIPT = "),
    (15, "NULLS NOT DISTINCT", &[], " NULLS NOT DISTINCT "),
    (15, "security_invoker views", &["VIEW"], " SECURITY_INVOKER "),
    (15, "publications of schemas", &["PUBLICATION TABLES IN SCHEMA"], " TABLES IN SCHEMA "),
    (15, "row filters of publications", &["PUBLICATION TABLE"], " WHERE ( "),
    (15, "unlogged sequences", &["SEQUENCE"], " UNLOGGED SEQUENCE "),
    (15, "column lists of ON DELETE", &["FK CONSTRAINT"], " ON DELETE SET NULL ( "),
    (15, "column lists of ON DELETE", &["FK CONSTRAINT"], " ON DELETE SET DEFAULT ( "),
    (16, "IS JSON", &[], " IS JSON "),
    (16, "JSON constructors", &[], " JSON_ARRAYAGG ( "),
    (16, "JSON constructors", &[], " JSON_OBJECTAGG ( "),
    (16, "SYSTEM_USER", &[], " SYSTEM_USER "),
    (16, "ICU rules of collations", &["COLLATION"], " RULES = "),
    (17, "the collation provider builtin", &["COLLATION"], " PROVIDER = BUILTIN "),
    (17, "the right MAINTAIN", &["ACL", "DEFAULT ACL"], " MAINTAIN "),
    (17, "JSON_TABLE", &[], " JSON_TABLE ( "),
    (17, "JSON_VALUE", &[], " JSON_VALUE ( "),
    (17, "JSON_QUERY", &[], " JSON_QUERY ( "),
    (17, "JSON_EXISTS", &[], " JSON_EXISTS ( "),
    (18, "NOT ENFORCED", &[], " NOT ENFORCED "),
    (18, "WITHOUT OVERLAPS", &[], " WITHOUT OVERLAPS "),
    (18, "foreign keys over periods", &["FK CONSTRAINT"], " PERIOD "),
    (18, "NOT NULL as a constraint of a table", &["CONSTRAINT", "CHECK CONSTRAINT"], " NOT NULL "),
];

/// The newest thing in an object's definition that a server of a major version does not know.
pub fn unknown_to(major: u32, object: &SchemaObject) -> Option<Feature> {
    if FEATURES.iter().all(|(since, ..)| *since <= major) {
        return None;
    }
    let words = words(&object.sql);
    let table = FEATURES.iter().filter(|(since, _, kinds, text)| {
        *since > major && (kinds.is_empty() || kinds.contains(&object.kind.as_str())) && words.contains(text)
    });
    let found = table.map(|(since, name, ..)| Feature { since: *since, name });
    let is_virtual = major < 18 && object.kind == "TABLE" && has_virtual_column(&words);
    found.chain(is_virtual.then_some(Feature { since: 18, name: "GENERATED … VIRTUAL" })).max()
}

/// The words and marks of SQL in upper case, a space around each; literals, comments and quoted names are `?`.
fn words(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len() + 16);
    let mut rest = sql;
    out.push(' ');
    while !rest.is_empty() {
        let (token, length) = next(rest);
        let text = rest.get(..length.max(1)).unwrap_or(rest);
        rest = rest.get(text.len()..).unwrap_or_default();
        match token {
            Token::Word(word) => out.push_str(&word.to_ascii_uppercase()),
            Token::Mark(mark) => out.push(mark),
            Token::Quoted(_) => out.push('?'),
            Token::Other if text.trim().is_empty() || text.starts_with("--") || text.starts_with("/*") => continue,
            Token::Other => out.push('?'),
        }
        out.push(' ');
    }
    out
}

/// A generated column that is neither stored nor an identity: pg_dump writes no word for a virtual one.
fn has_virtual_column(words: &str) -> bool {
    const START: &str = " GENERATED ALWAYS AS ( ";
    words.match_indices(START).any(|(at, _)| {
        let rest = &words[at + START.len()..];
        let mut depth = 1_usize;
        for (offset, c) in rest.char_indices() {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return !rest[offset + 1..].trim_start().starts_with("STORED");
            }
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schema::Section;

    fn found(major: u32, kind: &str, sql: &str) -> Option<(u32, &'static str)> {
        let object = SchemaObject {
            id: 1,
            kind: kind.into(),
            name: "x".into(),
            section: Section::PreData,
            sql: sql.into(),
            ..SchemaObject::default()
        };
        unknown_to(major, &object).map(|feature| (feature.since, feature.name))
    }

    #[test]
    fn each_version_lacks_what_came_later() {
        let unique = "ALTER TABLE ONLY public.t\n    ADD CONSTRAINT u UNIQUE NULLS NOT DISTINCT (a);\n";
        assert_eq!(found(14, "CONSTRAINT", unique), Some((15, "NULLS NOT DISTINCT")));
        assert_eq!(found(15, "CONSTRAINT", unique), None);
        let range = "CREATE TYPE public.r AS RANGE (\n    subtype = integer,\n    multirange_type_name = public.mr\n);\n";
        assert_eq!(found(13, "TYPE", range), Some((14, "multirange types")));
        let lz4 = "CREATE TABLE public.t (a text);\nALTER TABLE ONLY public.t ALTER COLUMN a SET COMPRESSION lz4;\n";
        assert_eq!(found(13, "TABLE", lz4).map(|(since, _)| since), Some(14));
        let view = "CREATE VIEW public.v WITH (security_invoker='true') AS\n SELECT 1;\n";
        assert_eq!(found(14, "VIEW", view).map(|(since, _)| since), Some(15));
        let collation = "CREATE COLLATION public.b (provider = builtin, locale = 'C.UTF-8');\n";
        assert_eq!(found(15, "COLLATION", collation).map(|(since, _)| since), Some(17));
        assert_eq!(found(16, "ACL", "GRANT SELECT,MAINTAIN ON TABLE public.t TO a;\n").map(|(since, _)| since), Some(17));
    }

    #[test]
    fn virtual_columns_are_known_by_the_lack_of_a_word() {
        let table = |tail: &str| format!("CREATE TABLE t (\n a int,\n b int GENERATED ALWAYS AS ((a * (2))){tail}\n);");
        assert_eq!(found(17, "TABLE", &table("")), Some((18, "GENERATED … VIRTUAL")));
        assert_eq!(found(17, "TABLE", &table(" STORED")), None);
        assert_eq!(found(17, "TABLE", "CREATE TABLE t (a int GENERATED ALWAYS AS IDENTITY);"), None);
        assert_eq!(found(18, "TABLE", &table("")), None);
    }

    #[test]
    fn literals_comments_and_names_are_no_features() {
        assert_eq!(found(13, "TABLE", "CREATE TABLE t (a text DEFAULT 'NULLS NOT DISTINCT', \"is json\" int); -- IS JSON"), None);
    }
}
