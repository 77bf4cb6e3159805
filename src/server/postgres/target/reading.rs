//! Reads statements as far as a restore must understand them before it runs them: whether they stay inside their database, and what global
//! objects make. Words outside literals, quoted names and comments are looked at, never text.

use super::roles::{Token, next, unquoted};
use crate::domain::schema::SchemaObject;
use crate::server::Made;

/// Words of a statement that are kept; none of the rules needs more.
const WORDS: usize = 200;

/// What does not belong to a database, as `CREATE`, `ALTER`, `COMMENT ON` or `GRANT … ON` call it.
const OUTSIDE: [&str; 10] = ["DATABASE", "ROLE", "GROUP", "USER", "TABLESPACE", "SUBSCRIPTION", "EVENT", "SYSTEM", "PARAMETER", "LARGE"];

/// Words that may stand between `CREATE` and what is made.
const BETWEEN: [&str; 14] = [
    "OR",
    "REPLACE",
    "UNLOGGED",
    "TEMPORARY",
    "TEMP",
    "GLOBAL",
    "LOCAL",
    "TRUSTED",
    "PROCEDURAL",
    "DEFAULT",
    "MATERIALIZED",
    "RECURSIVE",
    "CONSTRAINT",
    "FOREIGN",
];

/// A statement's words in upper case; quoted names are `"`, and what stands in parentheses is left out.
type Words = Vec<String>;

/// See [`crate::server::Server::stays_inside`]. What is not known to stay inside does not: a statement of an archive that was tampered with
/// must not be run for a mere check.
pub fn stays_inside(object: &SchemaObject) -> bool {
    // A view is filled when it is made, unless it says otherwise: that would run its query.
    let filled = object.kind == "MATERIALIZED VIEW" && !object.sql.trim_end().ends_with("WITH NO DATA;");
    !filled && statements(&object.sql).iter().chain(&statements(object.owner_sql.as_deref().unwrap_or_default())).all(inside)
}

fn inside(words: &Words) -> bool {
    let word = |at: usize| words.get(at).map_or("", String::as_str);
    let behind = |stop: &str| words.iter().position(|word| word == stop).map_or("", |at| word(at + 1));
    match word(0) {
        "" | "SET" | "RESET" => true,
        "CREATE" => {
            let what = words.iter().skip(1).position(|word| !BETWEEN.contains(&word.as_str())).map_or(0, |at| at + 1);
            match word(what) {
                "USER" => word(what + 1) == "MAPPING",
                // CREATE TABLE … AS runs a query.
                "TABLE" => !words.iter().any(|word| word == "AS"),
                "RULE" | "TRIGGER" | "PUBLICATION" => true,
                kind => !OUTSIDE.contains(&kind),
            }
        }
        "ALTER" => match word(1) {
            "USER" => word(2) == "MAPPING",
            "LARGE" => false,
            kind => !OUTSIDE.contains(&kind),
        },
        "COMMENT" | "SECURITY" => !OUTSIDE.contains(&behind("ON")),
        "GRANT" | "REVOKE" => {
            // Without an ON before TO or FROM it makes someone a member of a role.
            let first = words.iter().find(|word| matches!(word.as_str(), "ON" | "TO" | "FROM"));
            first.is_some_and(|first| first == "ON") && !OUTSIDE.contains(&behind("ON"))
        }
        _ => false,
    }
}

/// The statements of a script, cut at semicolons outside of literals, quotes, parentheses and `BEGIN ATOMIC … END`.
fn statements(sql: &str) -> Vec<Words> {
    let mut all = Vec::new();
    let mut words = Words::new();
    let (mut rest, mut parentheses, mut blocks) = (sql, 0_usize, 0_usize);
    let mut previous = String::new();
    while !rest.is_empty() {
        let (token, length) = next(rest);
        let length = length.max(1);
        rest = rest.get(length..).unwrap_or_default();
        match token {
            Token::Mark('(') => parentheses += 1,
            Token::Mark(')') => parentheses = parentheses.saturating_sub(1),
            Token::Mark(';') if blocks == 0 && parentheses == 0 => {
                all.push(std::mem::take(&mut words));
                previous.clear();
            }
            Token::Word(word) if parentheses == 0 => {
                let word = word.to_ascii_uppercase();
                match (word.as_str(), previous.as_str()) {
                    ("ATOMIC", "BEGIN") => blocks = blocks.max(1),
                    ("CASE", _) if blocks > 0 => blocks += 1,
                    ("END", _) => blocks = blocks.saturating_sub(1),
                    _ => {}
                }
                if words.len() < WORDS && blocks == 0 {
                    words.push(word.clone());
                }
                previous = word;
            }
            Token::Quoted(_) if parentheses == 0 => {
                if words.len() < WORDS && blocks == 0 {
                    words.push("\"".into());
                }
                previous.clear();
            }
            _ => {}
        }
    }
    all.push(words);
    all.retain(|words| !words.is_empty());
    all
}

/// See [`crate::server::Server::made_by`]. Understands our own globals and scripts of `pg_dumpall`.
pub fn made_by(object: &SchemaObject) -> Vec<Made> {
    let mut made = Vec::new();
    for line in object.sql.lines() {
        let role = line.strip_prefix("CREATE ROLE ").or_else(|| line.strip_prefix("CREATE USER "));
        if let Some(rest) = role {
            made.extend(name(rest).map(Made::Role));
        } else if let Some(rest) = line.strip_prefix("CREATE TABLESPACE ") {
            made.extend(name(rest).map(|name| Made::Tablespace(name, location(rest))));
        }
    }
    made
}

/// The name that SQL begins with.
pub fn name(sql: &str) -> Option<String> {
    match next(sql).0 {
        Token::Word(word) => Some(word.to_lowercase()),
        Token::Quoted(quoted) => Some(unquoted(quoted)),
        _ => None,
    }
}

/// The literal behind LOCATION; empty where there is none.
fn location(sql: &str) -> String {
    let mut rest = sql;
    while !rest.is_empty() {
        let (token, length) = next(rest);
        rest = rest.get(length.max(1)..).unwrap_or_default();
        if matches!(token, Token::Word(word) if word.eq_ignore_ascii_case("LOCATION")) {
            let text = rest.trim_start();
            let (_, length) = next(text);
            let literal = text.get(..length).unwrap_or_default();
            return literal.get(1..length.saturating_sub(1)).unwrap_or_default().replace("''", "'");
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schema::Section;

    fn object(kind: &str, sql: &str) -> SchemaObject {
        SchemaObject { id: 1, kind: kind.into(), name: "x".into(), section: Section::PreData, sql: sql.into(), ..SchemaObject::default() }
    }

    #[test]
    fn what_pg_dump_writes_for_a_database_stays_inside() {
        for (kind, sql) in [
            ("SCHEMA", "CREATE SCHEMA app;\n"),
            (
                "TABLE",
                "CREATE UNLOGGED TABLE \"DATABASE\".t (\n id integer GENERATED ALWAYS AS IDENTITY,\n a text DEFAULT 'DROP DATABASE x;'\n);\n",
            ),
            ("FUNCTION", "CREATE FUNCTION f() RETURNS int\n LANGUAGE plpgsql\n AS $_$ begin drop database x; end $_$;\n"),
            (
                "FUNCTION",
                "CREATE FUNCTION f(a integer) RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT CASE WHEN a > 1 THEN 1 ELSE 2 END; SELECT 3; END;\n",
            ),
            ("EXTENSION", "CREATE EXTENSION IF NOT EXISTS hstore WITH SCHEMA public;\n"),
            ("USER MAPPING", "CREATE USER MAPPING FOR alice SERVER s;\n"),
            ("SERVER", "CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw;\n"),
            ("ACL", "REVOKE ALL ON TABLE public.t FROM PUBLIC;\nGRANT SELECT(a, b),UPDATE ON TABLE public.t TO alice;\n"),
            ("DEFAULT ACL", "ALTER DEFAULT PRIVILEGES FOR ROLE a IN SCHEMA b GRANT SELECT ON TABLES TO c;\n"),
            ("MATERIALIZED VIEW", "CREATE MATERIALIZED VIEW public.m AS\n SELECT 1\n  WITH NO DATA;\n"),
            ("VIEW", "CREATE OR REPLACE VIEW public.v AS SELECT 1;\n"),
        ] {
            assert!(stays_inside(&object(kind, sql)), "{sql}");
        }
    }

    #[test]
    fn what_reaches_further_does_not_pass() {
        for (kind, sql) in [
            ("TABLE", "CREATE TABLE t (a int); DROP DATABASE shop;"),
            ("TABLE", "CREATE TABLE t AS SELECT dblink_exec('x', 'y');"),
            ("TABLE", "CREATE TABLE t (a int);\nSELECT pg_terminate_backend(1);"),
            ("FUNCTION", "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END; ALTER SYSTEM SET work_mem = '1GB';"),
            ("ACL", "GRANT postgres TO mallory;"),
            ("ACL", "GRANT ALL ON DATABASE shop TO mallory;"),
            ("ACL", "GRANT SET ON PARAMETER work_mem TO mallory;"),
            ("COMMENT", "COMMENT ON ROLE postgres IS 'x';"),
            ("SUBSCRIPTION", "CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p;"),
            ("EVENT TRIGGER", "CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION f();"),
            ("FUNCTION", "DO $$ begin perform 1; end $$;"),
            ("TABLE", "COPY t FROM PROGRAM 'id';"),
            ("MATERIALIZED VIEW", "CREATE MATERIALIZED VIEW m AS SELECT pg_sleep(9);"),
            ("ROLE", "CREATE ROLE mallory SUPERUSER;"),
            ("USER", "CREATE USER mallory;"),
            ("ROLE", "ALTER ROLE postgres PASSWORD 'x';"),
        ] {
            assert!(!stays_inside(&object(kind, sql)), "{sql}");
        }
    }

    #[test]
    fn globals_tell_what_they_make() {
        assert_eq!(made_by(&object("ROLE", "CREATE ROLE \"a \"\"b\";")), [Made::Role("a \"b".into())]);
        let sql = "CREATE TABLESPACE fast OWNER postgres LOCATION '/srv/o''x';\nALTER TABLESPACE fast SET (seq_page_cost='1');";
        assert_eq!(made_by(&object("TABLESPACE", sql)), [Made::Tablespace("fast".into(), "/srv/o'x".into())]);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]
        #[test]
        fn any_text_is_survived(text in "\\PC{0,80}") {
            let _ = (stays_inside(&object("TABLE", &text)), made_by(&object("ROLE", &text)));
        }
    }
}
