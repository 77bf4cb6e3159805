//! Turns schema objects into what is sent: their settings, then one statement, with definers as chosen.

use crate::domain::schema::SchemaObject;
use crate::server::TargetChoices;
use crate::server::mysql::quote::ident;

/// The lines of an object's SQL that set something, and the one statement behind them.
pub fn split(sql: &str) -> (&str, &str) {
    let mut end = 0;
    while sql[end..].starts_with("SET ") {
        let Some(line) = sql[end..].find(";\n") else { break };
        end += line + 2;
    }
    sql.split_at(end)
}

/// What is sent for an object.
pub fn of(object: &SchemaObject, choices: &TargetChoices) -> String {
    let (settings, statement) = split(&object.sql);
    format!("{settings}{}", defined(statement, choices))
}

/// Whether an object sets anything for its statement.
pub fn sets(object: &SchemaObject) -> bool {
    object.sql.starts_with("SET ")
}

/// Whether the choices leave the object out altogether.
pub fn left_out(object: &SchemaObject, choices: &TargetChoices) -> bool {
    choices.no_acl && matches!(object.kind.as_str(), "ACL" | "DEFAULT ACL")
}

/// An object as faults name it: `INDEX orders_idx`.
pub fn label(object: &SchemaObject) -> String {
    crate::domain::text::clean(&format!("{} {}", object.kind, object.name))
}

/// A statement without its definer, which is then who runs it, or with the one that the map has for it.
fn defined(statement: &str, choices: &TargetChoices) -> String {
    let Some((head, user, host, tail)) = definer(statement) else { return statement.to_owned() };
    if choices.no_owner {
        return format!("{head}{}", tail.strip_prefix(' ').unwrap_or(tail));
    }
    let Some(to) = mapped(&user, host.as_deref(), &choices.map_roles) else { return statement.to_owned() };
    format!("{head}DEFINER={to}{tail}")
}

/// A statement that gives or takes rights, with the account behind its last TO or FROM under its name on the target.
pub fn granted(statement: &str, choices: &TargetChoices) -> String {
    let behind = [" TO ", " FROM "].into_iter().filter_map(|word| Some(statement.rfind(word)? + word.len())).max();
    let found = behind.and_then(|at| Some((at, name(&statement[at..])?)));
    let Some((at, (user, rest))) = found else { return statement.to_owned() };
    let (host, tail) = match rest.strip_prefix('@').and_then(name) {
        Some((host, tail)) => (Some(host), tail),
        None => (None, rest),
    };
    match mapped(&user, host.as_deref(), &choices.map_roles) {
        Some(to) => format!("{}{to}{tail}", &statement[..at]),
        None => statement.to_owned(),
    }
}

/// Another account for one, quoted: the map knows it as `user@host` or as `user`.
fn mapped(user: &str, host: Option<&str>, map: &[(String, String)]) -> Option<String> {
    let whole = host.map_or_else(|| user.to_owned(), |host| format!("{user}@{host}"));
    let (_, to) = map.iter().find(|(from, _)| *from == whole).or_else(|| map.iter().find(|(from, _)| from == user))?;
    Some(match to.rsplit_once('@') {
        Some((user, host)) => format!("{}@{}", ident(user), ident(host)),
        None => host.map_or_else(|| ident(to), |host| format!("{}@{}", ident(to), ident(host))),
    })
}

/// The definer of a statement: what is before it, its user and host, and what is behind it. It stands before any name in all statements that
/// have one, so that nothing quoted comes before it.
fn definer(statement: &str) -> Option<(&str, String, Option<String>, &str)> {
    const WORD: &str = "DEFINER=";
    let at = statement.find(WORD)?;
    let head = &statement[..at];
    if !head.starts_with("CREATE ") || head.contains(['`', '\'', '"', '(', '\n']) {
        return None;
    }
    let (user, rest) = name(&statement[at + WORD.len()..])?;
    match rest.strip_prefix('@').and_then(name) {
        Some((host, tail)) => Some((head, user, Some(host), tail)),
        None => Some((head, user, None, rest)),
    }
}

/// A name at the beginning of a text, quoted or not, and what is behind it.
fn name(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|first| matches!(first, '`' | '\'' | '"'));
    let Some(quote) = quote else {
        let end = text.find([' ', '@']).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut found = String::new();
    let mut rest = text[1..].char_indices().peekable();
    while let Some((at, character)) = rest.next() {
        if character != quote {
            found.push(character);
        } else if rest.next_if(|(_, next)| *next == quote).is_some() {
            found.push(quote);
        } else {
            return Some((found, &text[at + 2..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_end_where_the_statement_begins() {
        let (settings, statement) = split("SET sql_mode='';\nSET time_zone='SYSTEM';\nCREATE PROCEDURE p() BEGIN\nSET a = 1;\nEND");
        assert_eq!(settings, "SET sql_mode='';\nSET time_zone='SYSTEM';\n");
        assert_eq!(statement, "CREATE PROCEDURE p() BEGIN\nSET a = 1;\nEND");
        assert_eq!(split("CREATE TABLE t (a INT)"), ("", "CREATE TABLE t (a INT)"));
    }

    #[test]
    fn definers_are_taken_off_or_mapped() {
        let view = "CREATE ALGORITHM=UNDEFINED DEFINER=`a``b`@`%` SQL SECURITY DEFINER VIEW `v` AS select 'DEFINER=`x`@`y`' AS `c`";
        let none = TargetChoices { no_owner: true, ..TargetChoices::default() };
        assert_eq!(defined(view, &none), "CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `v` AS select 'DEFINER=`x`@`y`' AS `c`");
        let map = |from: &str, to: &str| TargetChoices { map_roles: vec![(from.into(), to.into())], ..TargetChoices::default() };
        assert!(defined(view, &map("a`b", "bob")).contains(" DEFINER=`bob`@`%` SQL"));
        assert!(defined(view, &map("a`b@%", "bob@localhost")).contains(" DEFINER=`bob`@`localhost` SQL"));
        assert_eq!(defined(view, &map("other", "bob")), view);
        assert_eq!(
            defined("CREATE TABLE `t` (a int) COMMENT='DEFINER=`x`@`y`'", &none),
            "CREATE TABLE `t` (a int) COMMENT='DEFINER=`x`@`y`'"
        );
    }
}
