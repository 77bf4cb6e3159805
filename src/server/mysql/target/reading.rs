//! Reads statements as far as a restore must understand them before it runs them: whom they name, what they make, whether the target knows
//! what they ask for, and whether they stay inside their database.

use super::global;
use crate::domain::Product;
use crate::domain::schema::SchemaObject;
use crate::server::mysql::definition::grant::Grant;
use crate::server::mysql::definition::lexer::{Placed, Quotes, Token, words};
use crate::server::mysql::definition::{account::Account, features, script};
use crate::server::{Feature, Made};

/// See [`crate::server::Server::roles_named`].
pub fn roles_named(sql: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for statement in global::split(sql) {
        // Everybody is always there.
        let Some(account) = global::subject(statement).filter(|account| account.sql() != "PUBLIC") else { continue };
        let name = account.to_string();
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

/// See [`crate::server::Server::made_by`].
pub fn made_by(object: &SchemaObject) -> Vec<Made> {
    let makes = |statement: &&str| Grant::parse(statement).is_none() && statement.to_ascii_uppercase().starts_with("CREATE");
    global::split(&object.sql)
        .into_iter()
        .filter(makes)
        .filter_map(global::subject)
        .map(|account| Made::Role(account.to_string()))
        .collect()
}

/// See [`crate::server::Server::unknown_to`]. MariaDB's versions begin at 10, MySQL's have not come so far.
pub fn unknown_to(version_num: u32, object: &SchemaObject) -> Option<Feature> {
    let product = if version_num >= 100_000 { Product::Mariadb } else { Product::Mysql };
    features::unknown_to(product, version_num, object)
}

/// See [`crate::server::Server::stays_inside`]. What is not known to stay inside does not: a statement of an archive that was tampered with must
/// not be run for a mere check.
pub fn stays_inside(object: &SchemaObject) -> bool {
    let (settings, statement) = script::split(&object.sql);
    let quotes = script::quotes(&object.sql);
    let harmless = |line: &&str| {
        script::is_room(line)
            || ["SET sql_mode = '", "SET character_set_client = '", "SET collation_connection = '", "SET time_zone = '"]
                .iter()
                .any(|start| line.starts_with(start))
                && words(line, Quotes::default()).count() == 4
    };
    if !settings.iter().all(harmless) {
        return false;
    }
    let all: Vec<Placed<'_>> = words(statement, quotes).collect();
    let word = |at: usize| match all.get(at).map(|placed| placed.token) {
        Some(Token::Word(word)) => word.to_ascii_uppercase(),
        _ => String::new(),
    };
    match object.kind.as_str() {
        "TABLE" => word(0) == "CREATE" && word(1) == "TABLE" && is_plain_table(&all),
        "SEQUENCE" => word(0) == "CREATE" && word(1) == "SEQUENCE" && is_one(&all) && !is_qualified(&all),
        "VIEW" => is_headed(&all, "VIEW") && is_one(&all),
        // The name of the routine is not qualified by another database, and nothing stands behind its body.
        kind @ ("FUNCTION" | "PROCEDURE") => is_headed(&all, kind) && !is_elsewhere(&all, kind) && is_one_body(&all),
        _ => false,
    }
}

/// No second statement, no executable comment that could hide one: those are tokens like others.
fn is_one(all: &[Placed<'_>]) -> bool {
    !all.iter().any(|placed| placed.token == Token::Mark(';'))
}

fn is_qualified(all: &[Placed<'_>]) -> bool {
    all.windows(3).any(|three| {
        let name = |placed: &Placed<'_>| matches!(placed.token, Token::Name(_));
        name(&three[0]) && three[1].token == Token::Mark('.') && name(&three[2])
    })
}

/// A table that is made of its columns alone, with an engine that keeps rows here.
fn is_plain_table(all: &[Placed<'_>]) -> bool {
    let says = |word: &str| all.iter().any(|placed| placed.token.is(word));
    let engine = all.windows(3).find(|three| three[0].token.is("ENGINE") && three[1].token == Token::Mark('='));
    let known = ["InnoDB", "MyISAM", "Aria", "MEMORY", "ARCHIVE", "CSV", "RocksDB"];
    let here = engine.is_none_or(|three| known.iter().any(|name| three[2].token.is(name)));
    is_one(all)
        && here
        && !is_qualified(all)
        && !["SELECT", "DIRECTORY", "CONNECTION", "TABLESPACE", "LIKE", "UNION"].iter().any(|word| says(word))
}

/// `CREATE … KIND`, with nothing but what describes it between.
fn is_headed(all: &[Placed<'_>], kind: &str) -> bool {
    const BETWEEN: [&str; 12] =
        ["ALGORITHM", "UNDEFINED", "MERGE", "TEMPTABLE", "SQL", "SECURITY", "INVOKER", "DEFINER", "AGGREGATE", "OR", "REPLACE", "="];
    let Some(at) = all.iter().position(|placed| placed.token.is(kind)) else { return false };
    let between = all.get(1..at).unwrap_or_default().iter();
    let fits = |placed: &Placed<'_>| match placed.token {
        Token::Word(word) => BETWEEN.iter().any(|known| word.eq_ignore_ascii_case(known)),
        Token::Name(_) | Token::Literal(_) | Token::Mark('=' | '@') => true,
        _ => false,
    };
    all.first().is_some_and(|placed| placed.token.is("CREATE")) && between.into_iter().all(fits)
}

fn is_elsewhere(all: &[Placed<'_>], kind: &str) -> bool {
    let at = all.iter().position(|placed| placed.token.is(kind)).unwrap_or_default();
    all.get(at + 2).is_some_and(|placed| placed.token == Token::Mark('.'))
}

/// Whether a body's last END is the last word, so that no statement stands behind it.
fn is_one_body(all: &[Placed<'_>]) -> bool {
    let mut depth = 0_usize;
    let mut ended = false;
    for (at, placed) in all.iter().enumerate() {
        if ended {
            // The label of a block may be repeated behind it.
            if matches!(placed.token, Token::Mark(';')) {
                return false;
            }
            continue;
        }
        let next = all.get(at + 1).map(|placed| placed.token);
        let of_a_loop = |token: Token<'_>| ["IF", "LOOP", "WHILE", "REPEAT", "FOR"].iter().any(|word| token.is(word));
        match placed.token {
            token if token.is("BEGIN") => depth += 1,
            token if token.is("CASE") && !all.get(at.wrapping_sub(1)).is_some_and(|before| before.token.is("END")) => depth += 1,
            token if token.is("END") && !next.is_some_and(of_a_loop) => {
                depth = depth.saturating_sub(1);
                ended = depth == 0;
            }
            Token::Mark(';') if depth == 0 => return false,
            _ => {}
        }
    }
    depth == 0
}

/// See [`crate::server::Server::mapped_role`]: the map may name a user without the host.
pub fn mapped_role(role: &str, map: &[(String, String)]) -> String {
    Account::from_name(role).mapped(map).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: &str, sql: &str) -> SchemaObject {
        SchemaObject { kind: kind.into(), sql: sql.into(), ..SchemaObject::default() }
    }

    #[test]
    fn what_a_backup_writes_stays_inside() {
        let mode = "SET sql_mode = 'ANSI_QUOTES';\n";
        for (kind, sql) in [
            ("TABLE", "CREATE TABLE `t` (\n  `a` int DEFAULT '1; DROP DATABASE x'\n) ENGINE=InnoDB COMMENT='SELECT'"),
            (
                "VIEW",
                "SET character_set_client = 'utf8mb4';\nCREATE ALGORITHM=UNDEFINED DEFINER=`a`@`b` SQL SECURITY DEFINER VIEW `v` AS select `o`.`t`.`a` from `o`.`t`",
            ),
            ("SEQUENCE", "CREATE SEQUENCE `s` start with 1"),
            ("FUNCTION", "CREATE DEFINER=`a`@`b` FUNCTION `f`() RETURNS int return 1"),
        ] {
            assert!(stays_inside(&object(kind, sql)), "{sql}");
        }
        let body = "CREATE DEFINER=\"a\"@\"b\" PROCEDURE \"p\"() l: begin if 1 then set @a = case 1 when 1 then 2 end; end if; while 0 do set @b = 1; end while; end l";
        assert!(stays_inside(&object("PROCEDURE", &format!("{mode}{body}"))));
    }

    #[test]
    fn what_reaches_further_does_not_pass() {
        for (kind, sql) in [
            ("TABLE", "CREATE TABLE `t` (a int); DROP DATABASE shop"),
            ("TABLE", "CREATE TABLE `t` (a int) /*! ; DROP DATABASE shop */"),
            ("TABLE", "CREATE TABLE `t` AS SELECT 1"),
            ("TABLE", "CREATE TABLE `x`.`t` (a int)"),
            ("TABLE", "CREATE TABLE `t` (a int) ENGINE=FEDERATED CONNECTION='mysql://h'"),
            (
                "TABLE",
                "SET max_heap_table_size = CAST(GREATEST(@@global.max_heap_table_size, 1) AS UNSIGNED), GLOBAL x = CAST(1) AS UNSIGNED);\nCREATE TABLE `t` (a int)",
            ),
            ("TABLE", "SET GLOBAL x = 1;\nCREATE TABLE `t` (a int)"),
            ("TABLE", "SET sql_mode = '', GLOBAL x = 1;\nCREATE TABLE `t` (a int)"),
            ("PROCEDURE", "CREATE PROCEDURE `p`() begin end; DROP DATABASE shop"),
            ("PROCEDURE", "CREATE PROCEDURE `p`() select 1; DROP DATABASE shop"),
            ("FUNCTION", "CREATE FUNCTION `o`.`f`() RETURNS int return 1"),
            ("FUNCTION", "CREATE USER `f`"),
            ("ACL", "GRANT SELECT ON `t` TO `u`@`%`"),
            ("EVENT", "CREATE EVENT `e` ON SCHEDULE EVERY 1 SECOND DO DROP DATABASE shop"),
            ("TRIGGER", "CREATE TRIGGER `t` BEFORE INSERT ON `o`.`t` FOR EACH ROW set @a = 1"),
        ] {
            assert!(!stays_inside(&object(kind, sql)), "{sql}");
        }
    }

    #[test]
    fn whom_statements_name_and_make() {
        let sql = "CREATE USER IF NOT EXISTS `a`@`%` REQUIRE NONE;\nCREATE ROLE IF NOT EXISTS `r`;\n";
        assert_eq!(made_by(&object("ROLE", sql)), [Made::Role("a@%".into()), Made::Role("r".into())]);
        assert_eq!(roles_named("GRANT SELECT ON `t` TO `a`@`%`"), ["a@%"]);
        assert_eq!(roles_named("GRANT SELECT ON `t` TO PUBLIC"), Vec::<String>::new());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in "\\PC{0,80}") {
            let _ = (stays_inside(&object("FUNCTION", &text)), made_by(&object("ROLE", &text)), roles_named(&text));
        }
    }
}
