//! Puts other role names into statements that give rights and ownership.
//!
//! Works on tokens, never on text: string literals, dollar quotes and comments are passed over, and a name is replaced only where
//! the grammar has a role (after TO, FROM, OWNER TO, FOR ROLE, GRANTED BY, AUTHORIZATION), so that a table that happens to be called
//! like a role keeps its name.

use crate::server::postgres::quote::ident;

/// A token of SQL, as far as roles are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// An unquoted word.
    Word(&'a str),
    /// A quoted identifier with its quotes.
    Quoted(&'a str),
    /// One character of punctuation.
    Mark(char),
    /// White space, comments, literals, numbers.
    Other,
}

/// The statement with mapped roles in it; `map` is (in the archive, on the target).
pub fn rewrite(sql: &str, map: &[(String, String)]) -> String {
    if map.is_empty() { sql.to_owned() } else { walk(sql, &mut |token| mapped(token, map)) }
}

/// The roles that statements name which give rights, make policies or user mappings, or set something for a role; once each, in order.
/// Statements of other kinds name none: in them the same words mean something else.
pub fn named(sql: &str) -> Vec<String> {
    let head: String = sql.trim_start().chars().take(24).collect::<String>().to_ascii_uppercase();
    let mut found: Vec<String> = Vec::new();
    let mut note = |token: Token<'_>| {
        let name = match token {
            Token::Word(word)
                if !matches!(word.to_ascii_uppercase().as_str(), "PUBLIC" | "CURRENT_USER" | "CURRENT_ROLE" | "SESSION_USER") =>
            {
                word.to_lowercase()
            }
            Token::Quoted(quoted) => unquoted(quoted),
            _ => return None,
        };
        if !found.contains(&name) {
            found.push(name);
        }
        None
    };
    if head.starts_with("ALTER ROLE ") {
        let rest = &sql.trim_start()["ALTER ROLE ".len()..];
        note(next(rest).0);
    } else if ["GRANT ", "REVOKE ", "ALTER DEFAULT ", "CREATE POLICY ", "CREATE USER ", "SET SESSION "]
        .iter()
        .any(|known| head.starts_with(known))
    {
        walk(sql, &mut note);
    }
    found
}

/// Copies SQL and asks for each role in it what to write instead; none: what stands there.
fn walk(sql: &str, instead: &mut dyn FnMut(Token<'_>) -> Option<String>) -> String {
    let mut out = String::with_capacity(sql.len() + 16);
    let mut rest = sql;
    // The two words seen last, upper case: what matters are pairs such as GRANTED BY.
    let mut before: [String; 2] = Default::default();
    let mut state = State::Elsewhere;
    while !rest.is_empty() {
        let (token, length) = next(rest);
        let text = &rest[..length];
        rest = &rest[length..];
        match token {
            Token::Other => out.push_str(text),
            Token::Mark(mark) => {
                out.push_str(text);
                state = match (mark, state) {
                    (';', _) => State::Elsewhere,
                    (',', State::BehindRole) => State::RoleNext,
                    (_, State::Expression) => State::Expression,
                    _ => State::Elsewhere,
                };
                if mark == ';' {
                    before = Default::default();
                }
            }
            Token::Word(_) | Token::Quoted(_) => {
                let upper = match token {
                    Token::Word(word) => word.to_ascii_uppercase(),
                    _ => String::new(),
                };
                let filler = matches!(upper.as_str(), "GROUP" | "ROLE" | "USER");
                if state == State::RoleNext && !filler {
                    out.push_str(&instead(token).unwrap_or_else(|| text.to_owned()));
                    state = State::BehindRole;
                } else {
                    out.push_str(text);
                    state = match upper.as_str() {
                        _ if state == State::Expression => state,
                        // Behind these stand expressions, in which FROM and TO mean something else.
                        "USING" | "CHECK" => State::Expression,
                        "TO" | "FROM" | "AUTHORIZATION" => State::RoleNext,
                        "ROLE" | "USER" if before[1] == "FOR" => State::RoleNext,
                        "BY" if before[1] == "GRANTED" => State::RoleNext,
                        "FOR" if before == ["USER", "MAPPING"] => State::RoleNext,
                        _ if filler => state,
                        _ => State::Elsewhere,
                    };
                }
                before.swap(0, 1);
                before[1] = upper;
            }
        }
    }
    out
}

/// Where in a statement we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Where no role is.
    Elsewhere,
    /// The next name is a role.
    RoleNext,
    /// A role has just passed; a comma brings another.
    BehindRole,
    /// In an expression, up to the statement's end.
    Expression,
}

fn mapped(token: Token<'_>, map: &[(String, String)]) -> Option<String> {
    let name = match token {
        Token::Word(word) => word.to_lowercase(),
        Token::Quoted(quoted) => unquoted(quoted),
        _ => return None,
    };
    map.iter().find(|(from, _)| *from == name).map(|(_, to)| ident(to))
}

/// A quoted name without its quotes.
pub fn unquoted(quoted: &str) -> String {
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().replace("\"\"", "\"")
}

/// The next token and its length in bytes.
pub fn next(text: &str) -> (Token<'_>, usize) {
    let first = match text.chars().next() {
        Some(first) => first,
        None => return (Token::Other, 0),
    };
    match first {
        '\'' => (Token::Other, quoted(text, 1, '\'', false)),
        '"' => {
            let length = quoted(text, 1, '"', false);
            // An unterminated name is none.
            if length >= 2 && text[..length].ends_with('"') { (Token::Quoted(&text[..length]), length) } else { (Token::Other, length) }
        }
        '$' => match dollar(text) {
            Some(length) => (Token::Other, length),
            None => (Token::Mark('$'), 1),
        },
        '-' if text.starts_with("--") => (Token::Other, text.find('\n').map_or(text.len(), |at| at + 1)),
        '/' if text.starts_with("/*") => (Token::Other, block_comment(text)),
        'e' | 'E' if text[1..].starts_with('\'') => (Token::Other, quoted(text, 2, '\'', true)),
        first if first.is_whitespace() || first.is_ascii_digit() => (Token::Other, first.len_utf8()),
        first if first.is_alphabetic() || first == '_' => {
            let length = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).unwrap_or(text.len());
            (Token::Word(&text[..length]), length)
        }
        other => (Token::Mark(other), other.len_utf8()),
    }
}

/// The length of a quoted piece whose content starts at `from`; doubled quotes belong to it, escaped ones where `escapes`.
fn quoted(text: &str, from: usize, quote: char, escapes: bool) -> usize {
    let bytes = text.as_bytes();
    let quote = quote as u8;
    let mut at = from;
    while at < bytes.len() {
        if escapes && bytes[at] == b'\\' {
            at += 2;
        } else if bytes[at] == quote {
            if bytes.get(at + 1) == Some(&quote) {
                at += 2;
            } else {
                return at + 1;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// The length of a dollar-quoted string at the start of the text.
fn dollar(text: &str) -> Option<usize> {
    let close = text[1..].find('$')? + 2;
    let tag = &text[..close];
    let inner = &tag[1..tag.len() - 1];
    if inner.starts_with(|c: char| c.is_ascii_digit()) || inner.contains(|c: char| !(c.is_alphanumeric() || c == '_')) {
        return None;
    }
    Some(text[close..].find(tag).map_or(text.len(), |at| close + at + tag.len()))
}

fn block_comment(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut depth = 0;
    let mut at = 0;
    while at + 1 < bytes.len() {
        match &bytes[at..at + 2] {
            b"/*" => {
                depth += 1;
                at += 2;
            }
            b"*/" => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(sql: &str) -> String {
        rewrite(sql, &[("alice".into(), "al \"ice".into()), ("Bob".into(), "robert".into())])
    }

    #[test]
    fn only_roles_are_replaced() {
        assert_eq!(map("ALTER TABLE alice.alice OWNER TO alice;"), "ALTER TABLE alice.alice OWNER TO \"al \"\"ice\";");
        assert_eq!(
            map("GRANT SELECT ON TABLE public.alice TO alice, \"Bob\", PUBLIC WITH GRANT OPTION GRANTED BY \"Bob\";"),
            "GRANT SELECT ON TABLE public.alice TO \"al \"\"ice\", \"robert\", PUBLIC WITH GRANT OPTION GRANTED BY \"robert\";"
        );
        assert_eq!(map("REVOKE ALL ON SCHEMA alice FROM bob;"), "REVOKE ALL ON SCHEMA alice FROM bob;", "bob is not \"Bob\"");
        assert_eq!(
            map("ALTER DEFAULT PRIVILEGES FOR ROLE alice IN SCHEMA alice GRANT SELECT ON TABLES TO \"Bob\";"),
            "ALTER DEFAULT PRIVILEGES FOR ROLE \"al \"\"ice\" IN SCHEMA alice GRANT SELECT ON TABLES TO \"robert\";"
        );
        assert_eq!(
            map("SET SESSION AUTHORIZATION alice;\nGRANT ALL ON TABLE a.b TO alice;\nRESET SESSION AUTHORIZATION;"),
            "SET SESSION AUTHORIZATION \"al \"\"ice\";\nGRANT ALL ON TABLE a.b TO \"al \"\"ice\";\nRESET SESSION AUTHORIZATION;"
        );
    }

    #[test]
    fn roles_are_found_where_rights_are_given_and_nowhere_else() {
        let found = named("REVOKE ALL ON TABLE to_x FROM PUBLIC;\nGRANT SELECT ON TABLE public.t TO alice, \"B \"\"ob\" GRANTED BY carol;");
        assert_eq!(found, ["alice", "B \"ob", "carol"]);
        assert_eq!(named("ALTER ROLE \"My Role\" IN DATABASE x SET search_path TO app, public;"), ["My Role"]);
        assert_eq!(named("CREATE POLICY p ON s.t TO reader USING ((a = 'TO nobody'));"), ["reader"]);
        assert!(named("ALTER DATABASE x SET search_path TO app, public;").is_empty());
    }

    #[test]
    fn literals_comments_and_expressions_stay() {
        assert_eq!(
            map("CREATE POLICY p ON s.t TO alice USING ((SELECT a FROM alice) = 'TO alice');"),
            "CREATE POLICY p ON s.t TO \"al \"\"ice\" USING ((SELECT a FROM alice) = 'TO alice');"
        );
        for same in ["COMMENT ON TABLE t IS 'TO alice';", "-- TO alice\nSELECT 1", "/* TO /* x */ alice */", "SELECT $q$ TO alice $q$"] {
            assert_eq!(map(same), same);
        }
        assert_eq!(map("CREATE USER MAPPING FOR alice SERVER alice;"), "CREATE USER MAPPING FOR \"al \"\"ice\" SERVER alice;");
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(256))]
        #[test]
        fn any_text_is_survived_and_kept_without_a_map(text in "\\PC{0,60}") {
            proptest::prop_assert_eq!(rewrite(&text, &[]), text.clone());
            proptest::prop_assert_eq!(rewrite(&text, &[("\u{1}none".into(), "x".into())]), text);
        }
    }
}
