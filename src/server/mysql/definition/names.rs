//! Names in definitions: takes out the name of the database that they are in, and finds the tables and functions that a view reads.

use super::lexer::{Placed, Quotes, Token, unquoted, words};
use crate::domain::schema::TableName;
use std::collections::BTreeSet;

/// A statement in which nothing is qualified by the name of this database, as both servers print views of several databases and views that
/// are invalid. Only quoted names are looked at, which is what the servers print. What could be a column of a table or an alias that is
/// called like the database is left as it is.
pub fn without_database(sql: &str, database: &str, quotes: Quotes) -> String {
    let all: Vec<Placed<'_>> = words(sql, quotes).collect();
    let is_own = |at: usize| matches!(all.get(at).map(|placed| placed.token), Some(Token::Name(quoted)) if unquoted(quoted) == database);
    let dot = |at: usize| all.get(at).is_some_and(|placed| placed.token == Token::Mark('.'));
    let named = |at: usize| matches!(all.get(at).map(|placed| placed.token), Some(Token::Name(_)));
    let behind_dot = |at: usize| at > 0 && dot(at - 1);
    // Something else has the same name: then a pair of names may be a column of it.
    let ambiguous = (0..all.len()).any(|at| is_own(at) && !dot(at + 1) && !behind_dot(at));
    let mut out = String::with_capacity(sql.len());
    let mut from = 0;
    for at in 0..all.len() {
        if is_own(at) && !behind_dot(at) && dot(at + 1) && named(at + 2) && (dot(at + 3) || !ambiguous) {
            out.push_str(&sql[from..all[at].from]);
            from = all[at + 1].to;
        }
    }
    out.push_str(&sql[from..]);
    out
}

/// What a view reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Tables and views; with a schema where they are in another database.
    pub tables: BTreeSet<TableName>,
    /// Functions that are called by a quoted name.
    pub functions: BTreeSet<TableName>,
}

/// What the definition of a view reads, in the form in which servers print it: every name quoted, commas of FROM written as joins.
pub fn reads(sql: &str, quotes: Quotes) -> Reads {
    let all: Vec<Placed<'_>> = words(sql, quotes).collect();
    let mut reads = Reads::default();
    // Names that the query itself gives to parts of it: WITH name AS (…).
    let mut own: BTreeSet<String> = BTreeSet::new();
    // Whether each open parenthesis is one of a FROM.
    let mut open: Vec<bool> = Vec::new();
    let name = |at: usize| match all.get(at).map(|placed| placed.token) {
        Some(Token::Name(quoted)) => Some(unquoted(quoted)),
        _ => None,
    };
    let mark = |at: usize, wanted: char| all.get(at).is_some_and(|placed| placed.token == Token::Mark(wanted));
    for at in 0..all.len() {
        let before = at.checked_sub(1).map_or(Token::Space, |at| all[at].token);
        let source = match before {
            Token::Mark('(') => open.last().copied().unwrap_or(false),
            Token::Mark(',') => false,
            token => ["FROM", "JOIN", "STRAIGHT_JOIN"].iter().any(|word| token.is(word)),
        };
        match all[at].token {
            Token::Mark('(') => open.push(source),
            Token::Mark(')') => drop(open.pop()),
            Token::Name(_) if before != Token::Mark('.') => {
                let pair = if mark(at + 1, '.') { name(at + 2) } else { None };
                let behind = if pair.is_some() { at + 3 } else { at + 1 };
                let found = match (name(at), pair) {
                    (Some(schema), Some(name)) => TableName::new(schema, name),
                    (Some(name), None) => TableName::new("", name),
                    _ => continue,
                };
                let follows = all.get(behind).is_some_and(|placed| placed.token.is("AS")) && mark(behind + 1, '(');
                if found.schema.is_empty() && (follows || before.is("WITH") || before.is("RECURSIVE")) {
                    own.insert(found.name);
                } else if mark(behind, '(') && all.get(behind).is_some_and(|placed| placed.from == all[behind - 1].to) {
                    reads.functions.insert(found);
                } else if source && !mark(behind, '.') {
                    reads.tables.insert(found);
                }
            }
            _ => {}
        }
    }
    reads.tables.retain(|table| !table.schema.is_empty() || !own.contains(&table.name));
    reads
}

/// Every name and word in a body, in lower case: whatever it mentions is among them.
pub fn mentions(sql: &str, quotes: Quotes) -> BTreeSet<String> {
    words(sql, quotes).filter_map(|placed| placed.token.name()).map(|name| name.to_lowercase()).collect()
}

/// Whether a body names a database in front of a dot, quoted or not.
pub fn names_database(sql: &str, database: &str, quotes: Quotes) -> bool {
    let all: Vec<Placed<'_>> = words(sql, quotes).collect();
    all.windows(2).any(|pair| pair[1].token == Token::Mark('.') && pair[0].token.name().as_deref() == Some(database))
}

/// The same without the qualification of a trigger's own name and of its table, which the server keeps as they were typed.
pub fn unqualified_trigger(sql: &str, quotes: Quotes) -> String {
    let all: Vec<Placed<'_>> = words(sql, quotes).collect();
    let word = |name: &str| all.iter().position(|placed| placed.token.is(name));
    let (Some(trigger), Some(each)) = (word("TRIGGER"), word("EACH")) else { return sql.to_owned() };
    let mut out = String::with_capacity(sql.len());
    let mut from = 0;
    for at in trigger..each.saturating_sub(1) {
        let own = all[at].token.name().is_some() && all[at + 1].token == Token::Mark('.');
        if own {
            out.push_str(&sql[from..all[at].from]);
            from = all[at + 1].to;
        }
    }
    out.push_str(&sql[from..]);
    out
}

/// Where a table's definition uses sequences, as `nextval(` with the database in front: the places of the database's name with its dot, and
/// the name of the sequence.
fn sequences<'a>(all: &[Placed<'a>]) -> Vec<(Option<usize>, String)> {
    let name = |at: usize| match all.get(at).map(|placed| placed.token) {
        Some(Token::Name(quoted)) => Some(unquoted(quoted)),
        _ => None,
    };
    let mut found = Vec::new();
    for (at, pair) in all.windows(2).enumerate() {
        let calls = ["NEXTVAL", "LASTVAL", "SETVAL"].iter().any(|word| pair[0].token.is(word)) && pair[1].token == Token::Mark('(');
        if !calls {
            continue;
        }
        let dotted = all.get(at + 3).is_some_and(|placed| placed.token == Token::Mark('.'));
        match (name(at + 2), name(at + 4)) {
            (Some(_), Some(sequence)) if dotted => found.push((Some(at + 2), sequence)),
            (Some(sequence), _) => found.push((None, sequence)),
            _ => {}
        }
    }
    found
}

/// A table's definition in which sequences of its own database are not qualified, as MariaDB prints them.
pub fn own_sequences(sql: &str, database: &str) -> String {
    let all: Vec<Placed<'_>> = words(sql, Quotes::default()).collect();
    let mut out = String::with_capacity(sql.len());
    let mut from = 0;
    for at in sequences(&all).into_iter().filter_map(|(at, _)| at) {
        if all[at].token.name().as_deref() == Some(database) {
            out.push_str(&sql[from..all[at].from]);
            from = all[at + 1].to;
        }
    }
    out.push_str(&sql[from..]);
    out
}

/// The sequences that a table's definition uses, of its own database.
pub fn sequences_used(sql: &str) -> BTreeSet<String> {
    let all: Vec<Placed<'_>> = words(sql, Quotes::default()).collect();
    sequences(&all).into_iter().filter(|(at, _)| at.is_none()).map(|(_, name)| name).collect()
}

/// The first quoted name: that of a key.
pub fn first_name(sql: &str) -> Option<String> {
    words(sql, Quotes::default()).find_map(|placed| match placed.token {
        Token::Name(quoted) => Some(unquoted(quoted)),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Quotes = Quotes { ansi: false, plain_backslash: false };

    #[test]
    fn the_own_database_is_taken_out_of_names_alone() {
        let sql = "select `u`.`User` AS `shop`,`shop`.`gone`.`a` AS `a`,'`shop`.`x`' from (`mysql`.`user` `u` join `shop`.`gone` on(`shop`.`f`(1)))";
        let bare =
            "select `u`.`User` AS `shop`,`gone`.`a` AS `a`,'`shop`.`x`' from (`mysql`.`user` `u` join `shop`.`gone` on(`shop`.`f`(1)))";
        assert_eq!(without_database(sql, "shop", NONE), bare, "an alias has the same name");
        let sql = sql.replace("AS `shop`", "AS `x`");
        let bare = "select `u`.`User` AS `x`,`gone`.`a` AS `a`,'`shop`.`x`' from (`mysql`.`user` `u` join `gone` on(`f`(1)))";
        assert_eq!(without_database(&sql, "shop", NONE), bare);
        assert_eq!(without_database("select `shop`.`shop`.`id` from `shop`.`shop`", "shop", NONE), "select `shop`.`id` from `shop`");
        assert_eq!(without_database("select `shop`.`id` from `shop`", "shop", NONE), "select `shop`.`id` from `shop`");
    }

    #[test]
    fn a_view_tells_what_it_reads() {
        let sql = "select `f1`(`t`.`id`),extract(year from `t`.`d`) from (((`t` left join `v` `w` on((`t`.`a` = `w`.`a`))) join `other`.`x`) join (select `y`.`a` \
                   AS `a` from `y`) `z`) where `t`.`a` in (select `q`.`a` from `q`)";
        let found = reads(sql, NONE);
        let names: Vec<String> = found.tables.iter().map(ToString::to_string).collect();
        assert!(["t", "v", "other.x", "y", "q"].iter().all(|name| names.iter().any(|found| found == name)), "{names:?}");
        assert!(!names.iter().any(|name| ["w", "z", "a", "id"].contains(&name.as_str())), "{names:?}");
        let with = reads("with recursive `c` (`n`) as (select `t`.`n` AS `n` from `t`), `d` as (select 1 AS `x`) select `c`.`n` AS `n` from (`c` join `d`)", NONE);
        assert_eq!(with.tables.iter().map(ToString::to_string).collect::<Vec<_>>(), ["t"]);
        assert_eq!(found.functions.iter().map(ToString::to_string).collect::<Vec<_>>(), ["f1"]);
    }

    #[test]
    fn a_table_tells_its_sequences() {
        let sql = "CREATE TABLE `t` (\n  `shop` int DEFAULT nextval(`shop`.`s`),\n  `b` int DEFAULT lastval(`other`.`s2`) COMMENT 'nextval(`x`)'\n)";
        let bare = own_sequences(sql, "shop");
        assert!(bare.contains("DEFAULT nextval(`s`),") && bare.contains("lastval(`other`.`s2`)"), "{bare}");
        assert_eq!(sequences_used(&bare).into_iter().collect::<Vec<_>>(), ["s"]);
    }

    #[test]
    fn a_trigger_loses_its_qualification_and_its_body_does_not() {
        let sql = "CREATE DEFINER=`r`@`h` trigger zo.t2 before insert on `zo`.`p` for each row begin set new.code = 1; insert into zo.log values (1); end";
        let bare = "CREATE DEFINER=`r`@`h` trigger t2 before insert on `p` for each row begin set new.code = 1; insert into zo.log values (1); end";
        assert_eq!(unqualified_trigger(sql, NONE), bare);
        assert!(names_database(bare, "zo", NONE) && !names_database(bare, "z", NONE));
    }
}
