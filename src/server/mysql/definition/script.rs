//! An object's `sql` as the statements that are run: lines of settings, then exactly one statement, which is never cut.

use super::account::Account;
use super::definer;
use super::lexer::{Placed, Quotes, Token, tokens, value, words};
use crate::domain::Product;
use crate::domain::schema::SchemaObject;
use crate::server::TargetChoices;

/// What is run for an object, in one session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// `SET` statements that come first. They hold for this object only: whoever runs them puts the session's own settings back.
    pub settings: Vec<String>,
    /// The statement.
    pub statement: String,
}

/// The lines of settings that an object's `sql` begins with, and the statement behind them.
pub fn split(sql: &str) -> (Vec<&str>, &str) {
    let mut settings = Vec::new();
    let mut rest = sql;
    while rest.starts_with("SET ")
        && let Some(end) = rest.find(";\n")
    {
        settings.push(&rest[..end]);
        rest = &rest[end + 2..];
    }
    (settings, rest)
}

/// The setting under which a table that is kept in memory is made, so that it holds this many bytes. Its limit stays with it, and MariaDB
/// takes memory in pieces of a sixteenth of that limit: a higher one than needed is not harmless.
pub fn room(bytes: u64) -> String {
    format!("{ROOM}{bytes}{ROOM_ENDS}")
}

/// Whether a line is such a setting.
pub fn is_room(line: &str) -> bool {
    let digits = line.strip_prefix(ROOM).and_then(|rest| rest.strip_suffix(ROOM_ENDS));
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

const ROOM: &str = "SET max_heap_table_size = CAST(GREATEST(@@global.max_heap_table_size, ";
/// MySQL takes whole numbers only, and the greatest of several is none of its own accord.
const ROOM_ENDS: &str = ") AS UNSIGNED)";

/// The `sql_mode` that an object's settings ask for; empty without one.
pub fn sql_mode(sql: &str) -> String {
    split(sql).0.iter().find_map(|line| line.strip_prefix("SET sql_mode = ")).map(value).unwrap_or_default()
}

/// What quotes mean in an object's statement.
pub fn quotes(sql: &str) -> Quotes {
    Quotes::of_mode(&sql_mode(sql))
}

/// Modes of one product that say what the other does anyway, or that have no meaning there.
fn is_idle(product: Product, mode: &str) -> bool {
    match product {
        Product::Mysql => mode.eq_ignore_ascii_case("NO_AUTO_CREATE_USER"),
        Product::Mariadb => mode.eq_ignore_ascii_case("TIME_TRUNCATE_FRACTIONAL"),
        Product::Postgres => false,
    }
}

/// What is run for an object on a server of this product.
pub fn of(object: &SchemaObject, choices: &TargetChoices, product: Product) -> Script {
    let (settings, statement) = split(&object.sql);
    let quotes = quotes(&object.sql);
    let settings = settings.into_iter().map(|line| match line.strip_prefix("SET sql_mode = ") {
        Some(literal) => {
            let modes = value(literal);
            let kept: Vec<&str> = modes.split(',').filter(|mode| !is_idle(product, mode)).collect();
            format!("SET sql_mode = {}", crate::server::mysql::quote::literal(&kept.join(",")))
        }
        None => line.to_owned(),
    });
    let statement = match object.kind.as_str() {
        "TABLE" if choices.no_tablespaces => without_places(statement),
        "ACL" => granted(statement, choices),
        "TABLE" | "INDEX" | "FK CONSTRAINT" | "SEQUENCE" => statement.to_owned(),
        _ => definer::chosen(statement, quotes, choices),
    };
    Script { settings: settings.collect(), statement }
}

/// A GRANT to the account's name on the target.
fn granted(statement: &str, choices: &TargetChoices) -> String {
    match grantee(statement) {
        Some((account, place)) if account.is_mapped(&choices.map_roles) => {
            format!("{}{}{}", &statement[..place.start], account.mapped(&choices.map_roles).sql(), &statement[place.end..])
        }
        _ => statement.to_owned(),
    }
}

/// The account behind the last `TO` of a GRANT, and where it stands.
pub fn grantee(statement: &str) -> Option<(Account, std::ops::Range<usize>)> {
    let all: Vec<Placed<'_>> = words(statement, Quotes::default()).collect();
    let at = all.iter().rposition(|placed| placed.token.is("TO"))? + 1;
    let (account, taken) = Account::parse(all.get(at..)?)?;
    Some((account, all[at].from..all.get(at + taken - 1)?.to))
}

/// A table without the places that it names on its server: tablespaces, directories of data and indexes.
fn without_places(statement: &str) -> String {
    let all: Vec<Placed<'_>> = tokens(statement, Quotes::default()).collect();
    let mut out = String::with_capacity(statement.len());
    let mut depth = 0_usize;
    let mut at = 0;
    let significant = |from: usize| all.iter().enumerate().skip(from).filter(|(_, placed)| placed.token != Token::Space);
    while let Some(placed) = all.get(at) {
        match placed.token {
            Token::Mark('(') => depth += 1,
            Token::Mark(')') => depth = depth.saturating_sub(1),
            _ => {}
        }
        let ahead: Vec<(usize, Token<'_>)> = significant(at).take(4).map(|(place, placed)| (place, placed.token)).collect();
        let is = |place: usize, word: &str| ahead.get(place).is_some_and(|(_, token)| token.is(word));
        let words = if is(0, "TABLESPACE") {
            1
        } else if (is(0, "DATA") || is(0, "INDEX")) && is(1, "DIRECTORY") {
            2
        } else {
            0
        };
        // Options stand behind the columns; those of partitions in parentheses there.
        let behind = out.contains(')') && (depth == 0 || out.contains("PARTITION"));
        let equals = usize::from(matches!(ahead.get(words), Some((_, Token::Mark('=')))));
        let end = ahead.get(words + equals).filter(|(_, token)| matches!(token, Token::Name(_) | Token::Literal(_) | Token::Word(_)));
        match end {
            Some((end, _)) if words > 0 && behind && placed.token != Token::Space => at = end + 1,
            _ => {
                out.push_str(&statement[placed.from..placed.to]);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: &str, sql: &str) -> SchemaObject {
        SchemaObject { kind: kind.into(), sql: sql.into(), ..SchemaObject::default() }
    }

    #[test]
    fn settings_come_first_and_the_statement_is_never_cut() {
        let sql = "SET sql_mode = 'ANSI_QUOTES,NO_AUTO_CREATE_USER';\nSET time_zone = '+02:00';\nCREATE DEFINER=\"a\"@\"b\" PROCEDURE \"p\"()\nbegin set @a = 1;\nSET @b = 2;\nend";
        let script = of(&object("PROCEDURE", sql), &TargetChoices::default(), Product::Mysql);
        assert_eq!(script.settings, ["SET sql_mode = 'ANSI_QUOTES'", "SET time_zone = '+02:00'"]);
        assert!(script.statement.starts_with("CREATE DEFINER=\"a\"@\"b\"") && script.statement.ends_with("end"));
        let choices = TargetChoices { no_owner: true, ..TargetChoices::default() };
        let script = of(&object("PROCEDURE", sql), &choices, Product::Mariadb);
        assert!(script.statement.starts_with("CREATE PROCEDURE") && script.settings[0].contains("NO_AUTO_CREATE_USER"));
    }

    #[test]
    fn places_are_left_out_where_that_is_wanted() {
        let sql = "CREATE TABLE `t` (\n  `TABLESPACE` int,\n  `data` int COMMENT 'DATA DIRECTORY=''/x'''\n) /*!50100 TABLESPACE `fast` */ ENGINE=InnoDB DATA DIRECTORY='/srv/x' \
                   COMMENT='INDEX DIRECTORY=''y'''\n PARTITION BY HASH (`a`)\n(PARTITION `p` DATA DIRECTORY = '/y' ENGINE = InnoDB)";
        let choices = TargetChoices { no_tablespaces: true, ..TargetChoices::default() };
        let bare = of(&object("TABLE", sql), &choices, Product::Mysql).statement;
        assert!(!bare.contains("`fast`") && !bare.contains("/srv/x") && !bare.contains("'/y'"), "{bare}");
        assert!(
            bare.contains("`TABLESPACE` int,\n  `data` int COMMENT 'DATA DIRECTORY=''/x'''\n)")
                && bare.contains("COMMENT='INDEX DIRECTORY=''y'''"),
            "{bare}"
        );
        assert_eq!(of(&object("TABLE", sql), &TargetChoices::default(), Product::Mysql).statement, sql);
    }

    #[test]
    fn rights_go_to_the_name_on_the_target() {
        let choices = TargetChoices { map_roles: vec![("a".into(), "b".into())], ..TargetChoices::default() };
        let script = of(&object("ACL", "GRANT SELECT (`to`) ON `t` TO `a`@`%` WITH GRANT OPTION"), &choices, Product::Mysql);
        assert_eq!(script.statement, "GRANT SELECT (`to`) ON `t` TO `b`@`%` WITH GRANT OPTION");
    }
}
