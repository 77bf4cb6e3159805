//! Which database a statement of the log is about, where only one is replayed, perhaps under another name.
//!
//! Changes of rows say it themselves. Of a statement the names at the places of tables are read: as the server does, by the session's database where a
//! name has none of its own. What cannot be told for certain is refused before anything is touched, never guessed.

use super::words::{Token, tokens};
use crate::domain::text::clean;
use crate::domain::{Code, Fault};
use crate::server::mysql::binlog::query::Query;

/// What becomes of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is run.
    Run,
    /// It is about other databases, or about accounts, which are the whole server's.
    Leave,
    /// It cannot be run.
    Refuse(Why),
}

/// Why a statement cannot be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It names the database, which has another name here.
    Renamed,
    /// It needs tables of another database, or changes them too.
    Across,
}

impl Why {
    /// The fault, with the statement.
    pub fn fault(self, statement: &str) -> Fault {
        match self {
            Why::Renamed => {
                Fault::new(Code::Usage, "a statement of the log names the database itself, and cannot be replayed under another name")
                    .with_statement(statement)
                    .step("Recover the database under its own name (without --target), on another server.")
            }
            Why::Across => Fault::new(Code::Usage, "a statement of the log spans databases, and cannot be replayed for one of them alone")
                .with_statement(statement)
                .step("Recover all databases, from a backup of the whole server (without --database), on another server.")
                .step("Or stop before it: with its place as --target-position, or --target-gtid … --target-exclusive.")
                .step("For the future: binlog_format = ROW, with which changes are logged for each table."),
        }
    }
}

/// The part of a statement that a person is shown.
pub fn shown(text: &[u8], most: usize) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(most * 4)]);
    let text = clean(text.trim());
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_string(),
    }
}

/// Decides about a statement.
pub fn fate(query: &Query<'_>, only: &str, rename: Option<&str>) -> Fate {
    let tokens: Vec<Token> = tokens(&query.text, query.settings.sql_mode.unwrap_or(0)).collect();
    if is_about_accounts(&tokens) {
        return Fate::Leave;
    }
    let session = String::from_utf8_lossy(query.database).into_owned();
    let parsed = parse(&tokens);
    let home = |name: &Name| name.database.clone().unwrap_or_else(|| session.clone());
    if parsed.written.is_empty() {
        return match (session == only, mentions(&tokens, only)) {
            (true, _) => Fate::Run,
            (false, true) => Fate::Refuse(Why::Across),
            (false, false) => Fate::Leave,
        };
    }
    let ours = parsed.written.iter().filter(|name| home(name) == only).count();
    let alike = parsed.written.iter().any(|name| home(name) != only && home(name).to_lowercase() == only.to_lowercase());
    if ours == 0 {
        // Whether large and small letters count is the server's matter.
        return if alike { Fate::Refuse(Why::Across) } else { Fate::Leave };
    }
    if ours < parsed.written.len() || parsed.read.iter().any(|name| home(name) != only) {
        return Fate::Refuse(Why::Across);
    }
    if rename.is_some() && (parsed.is_database || mentions(&tokens, only)) {
        return Fate::Refuse(Why::Renamed);
    }
    Fate::Run
}

/// The database that a statement makes.
pub fn made(query: &Query<'_>) -> Option<String> {
    about_database(query, "CREATE")
}

/// The database that a statement drops.
pub fn dropped(query: &Query<'_>) -> Option<String> {
    about_database(query, "DROP")
}

fn about_database(query: &Query<'_>, verb: &str) -> Option<String> {
    if !query.begins(verb) {
        return None;
    }
    let tokens: Vec<Token> = tokens(&query.text, query.settings.sql_mode.unwrap_or(0)).take(12).collect();
    let parsed = parse(&tokens);
    parsed.written.into_iter().next().and_then(|name| name.database).filter(|_| parsed.is_database)
}

/// Whether a statement makes, changes or drops a database.
pub fn is_about_databases(text: &[u8]) -> bool {
    let words: Vec<Token> = tokens(text, 0).take(5).collect();
    parse(&words).is_database
}

/// Whether a statement makes, changes or drops an event.
pub fn is_about_events(query: &Query<'_>) -> bool {
    (query.begins("CREATE") || query.begins("ALTER")) && tokens(&query.text, 0).take(12).any(|token| token.is("EVENT"))
}

/// Whether a statement is about users, roles or rights.
pub fn is_about_accounts(tokens: &[Token]) -> bool {
    let Some(first) = tokens.first() else { return false };
    let skipped = tokens.iter().skip(1).find(|token| !token.is("OR") && !token.is("REPLACE"));
    let second = |words: &[&str]| skipped.is_some_and(|token| words.iter().any(|word| token.is(word)));
    first.is("GRANT")
        || first.is("REVOKE")
        || (["CREATE", "ALTER", "DROP", "RENAME"].iter().any(|verb| first.is(verb)) && second(&["USER", "ROLE"]))
        || (first.is("SET") && second(&["PASSWORD", "DEFAULT"]))
        || (first.is("FLUSH") && second(&["PRIVILEGES"]))
}

/// Whether a statement of the log is about users, roles or rights.
pub fn is_of_accounts(query: &Query<'_>) -> bool {
    let head: Vec<Token> = tokens(&query.text, 0).take(5).collect();
    is_about_accounts(&head)
}

/// A name at the place of a table, or of something else that lies in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    database: Option<String>,
}

#[derive(Debug, Default)]
struct Parsed {
    /// It is about a whole database.
    is_database: bool,
    /// What it makes, changes or drops.
    written: Vec<Name>,
    /// What it reads, besides.
    read: Vec<Name>,
}

/// Whether a name of that database stands before a dot anywhere, also in the body of a routine.
fn mentions(tokens: &[Token], database: &str) -> bool {
    tokens
        .windows(2)
        .any(|two| two[1] == Token::Mark(b'.') && two[0].word().is_some_and(|word| word.to_lowercase() == database.to_lowercase()))
}

fn parse(tokens: &[Token]) -> Parsed {
    let mut parsed = Parsed::default();
    let Some(verb) = tokens.first().and_then(Token::keyword) else { return parsed };
    match verb.as_str() {
        "CREATE" | "DROP" | "ALTER" | "RENAME" | "TRUNCATE" | "ANALYZE" | "OPTIMIZE" | "REPAIR" | "CHECK" => {
            definition(&verb, tokens, &mut parsed)
        }
        "INSERT" | "REPLACE" | "UPDATE" | "DELETE" | "LOAD" | "WITH" => change(&verb, tokens, &mut parsed),
        _ => {}
    }
    parsed
}

/// Words that stand between the verb and what kind of thing it is about.
const KINDS: [&str; 13] =
    ["DATABASE", "SCHEMA", "TABLE", "TABLES", "VIEW", "TRIGGER", "PROCEDURE", "FUNCTION", "EVENT", "SEQUENCE", "INDEX", "PACKAGE", "KEY"];

/// Most words before it: OR REPLACE ALGORITHM = … DEFINER = a @ b SQL SECURITY DEFINER …
const MOST_BEFORE: usize = 24;

fn definition(verb: &str, tokens: &[Token], parsed: &mut Parsed) {
    let kind = tokens.iter().take(MOST_BEFORE).position(|token| KINDS.iter().any(|kind| token.is(kind)));
    let (kind, mut at) = match kind {
        Some(at) => (tokens[at].keyword().unwrap_or_default(), at + 1),
        // TRUNCATE t
        None if verb == "TRUNCATE" => ("TABLE".to_owned(), 1),
        None => return,
    };
    if kind == "INDEX" || kind == "KEY" {
        // CREATE INDEX i ON t
        let Some(on) = tokens[at..].iter().position(|token| token.is("ON")) else { return };
        at += on + 1;
    }
    while tokens.get(at).is_some_and(|token| ["IF", "NOT", "EXISTS", "BODY", "NOWAIT"].iter().any(|word| token.is(word))) {
        at += 1;
    }
    if kind == "DATABASE" || kind == "SCHEMA" {
        let name = tokens.get(at).and_then(Token::word).map(str::to_owned);
        // ALTER DATABASE without a name is about the session's.
        let is_name = name.filter(|_| !tokens.get(at + 1).is_some_and(|token| *token == Token::Mark(b'=')));
        parsed.is_database = true;
        parsed.written.push(Name { database: is_name });
        return;
    }
    let is_list = matches!(verb, "DROP" | "RENAME" | "TRUNCATE" | "ANALYZE" | "OPTIMIZE" | "REPAIR" | "CHECK");
    while let Some((name, next)) = name(tokens, at) {
        parsed.written.push(name);
        at = next;
        let goes_on = is_list && tokens.get(at).is_some_and(|token| *token == Token::Mark(b',') || (verb == "RENAME" && token.is("TO")));
        if !goes_on {
            break;
        }
        at += 1;
    }
    // Bodies of what runs later need nothing now.
    if kind == "TABLE" && !is_list {
        let like = verb == "CREATE" && !tokens.iter().any(|token| token.is("SELECT"));
        let moved = tokens[at..]
            .windows(3)
            .position(|three| three[0].is("RENAME") && (three[1].is("TO") || three[1].is("AS")))
            .map(|found| at + found + 2);
        if let Some((name, _)) = moved.filter(|_| verb == "ALTER").and_then(|at| self::name(tokens, at)) {
            parsed.written.push(name);
        }
        reads(&tokens[at..], like, &mut parsed.read);
    }
}

fn change(verb: &str, tokens: &[Token], parsed: &mut Parsed) {
    const MODIFIERS: [&str; 9] = ["LOW_PRIORITY", "HIGH_PRIORITY", "DELAYED", "IGNORE", "INTO", "QUICK", "FROM", "TABLE", "ONLY"];
    let mut at = 1;
    match verb {
        // LOAD DATA … INTO TABLE t
        "LOAD" => at = tokens.iter().position(|token| token.is("INTO")).map_or(tokens.len(), |into| into + 1),
        // What a common table expression is for comes behind it: the reading below finds all tables.
        "WITH" => at = tokens.len(),
        _ => {}
    }
    while tokens.get(at).is_some_and(|token| MODIFIERS.iter().any(|word| token.is(word))) {
        at += 1;
    }
    if let Some((name, next)) = name(tokens, at) {
        // DELETE t FROM t JOIN …: names before FROM are of tables that come again behind it.
        parsed.written.push(name);
        at = next;
    }
    if verb == "UPDATE" || verb == "DELETE" {
        // Several tables: which of them are changed does not matter, as all have to be ours.
        listed(tokens, at, &mut parsed.written);
    }
    let rest = if verb == "WITH" { tokens } else { &tokens[at.min(tokens.len())..] };
    reads(rest, false, &mut parsed.read);
    if verb == "WITH" && parsed.written.is_empty() {
        parsed.written.append(&mut parsed.read);
    }
}

/// Further names behind commas.
fn listed(tokens: &[Token], mut at: usize, names: &mut Vec<Name>) {
    loop {
        // An alias.
        if tokens.get(at).is_some_and(|token| token.is("AS")) {
            at += 2;
        }
        match tokens.get(at) {
            Some(Token::Mark(b',')) => at += 1,
            _ => return,
        }
        let Some((name, next)) = name(tokens, at) else { return };
        names.push(name);
        at = next;
    }
}

/// The tables that a statement reads: names behind FROM, JOIN and the like, and behind commas there.
fn reads(tokens: &[Token], like: bool, found: &mut Vec<Name>) {
    const BEFORE: [&str; 6] = ["FROM", "JOIN", "INTO", "REFERENCES", "USING", "STRAIGHT_JOIN"];
    /// Functions that have a FROM of their own.
    const TEXTUAL: [&str; 6] = ["TRIM", "EXTRACT", "SUBSTRING", "SUBSTR", "MID", "OVERLAY"];
    const ENDS: [&str; 12] = ["WHERE", "ON", "SET", "SELECT", "VALUES", "GROUP", "ORDER", "LIMIT", "HAVING", "UNION", "USING", "FOR"];
    let mut inside = Vec::new();
    let mut listing = false;
    let mut at = 0;
    while at < tokens.len() {
        let token = &tokens[at];
        match token {
            Token::Mark(b'(') => {
                let before = at.checked_sub(1).and_then(|before| tokens.get(before));
                inside.push(before.is_some_and(|word| TEXTUAL.iter().any(|name| word.is(name))));
            }
            Token::Mark(b')') => {
                inside.pop();
                // Behind `(SELECT … FROM x)` a list of an outer FROM goes on; it cannot be told apart from a list of values, which has no dots.
                listing = false;
            }
            _ => {}
        }
        if ENDS.iter().any(|word| token.is(word)) {
            listing = false;
        }
        let textual = inside.last().copied().unwrap_or(false);
        let begins = !textual && (BEFORE.iter().any(|word| token.is(word)) || (like && token.is("LIKE")));
        if (begins || (listing && *token == Token::Mark(b',')))
            && let Some((name, next)) = name(tokens, at + 1)
            && !["SELECT", "LATERAL", "JSON_TABLE", "DUAL", "OUTFILE"].iter().any(|word| tokens[at + 1].is(word))
        {
            found.push(name);
            listing = true;
            at = next;
            continue;
        }
        at += 1;
    }
}

/// A name and what follows it.
fn name(tokens: &[Token], at: usize) -> Option<(Name, usize)> {
    let first = tokens.get(at)?.word()?;
    if tokens.get(at + 1) == Some(&Token::Mark(b'.'))
        && tokens.get(at + 2).is_some_and(|token| token.word().is_some() || *token == Token::Mark(b'*'))
    {
        return Some((Name { database: Some(first.to_owned()) }, at + 3));
    }
    Some((Name { database: None }, at + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::mysql::binlog::query::Settings;
    use std::borrow::Cow;

    fn query<'a>(database: &'a str, text: &'a str) -> Query<'a> {
        Query { database: database.as_bytes(), text: Cow::Borrowed(text.as_bytes()), error: 0, settings: Settings::default(), load: None }
    }

    const RENAMED: Fate = Fate::Refuse(Why::Renamed);
    const ACROSS: Fate = Fate::Refuse(Why::Across);

    #[test]
    fn statements_belong_to_the_database_of_what_they_change() {
        for (database, text, plain, renamed) in [
            ("shop", "ALTER TABLE t ADD c int", Fate::Run, Fate::Run),
            ("", "create table shop.t (i int)", Fate::Run, RENAMED),
            ("other", "create table `shop` . t (i int)", Fate::Run, RENAMED),
            ("other", "create table t (i int comment 'shop.t')", Fate::Leave, Fate::Leave),
            ("other", "create table shop (i int)", Fate::Leave, Fate::Leave),
            ("other", "alter table t add c int /* shop.t */", Fate::Leave, Fate::Leave),
            ("other", "rename table t to shop.t", ACROSS, ACROSS),
            ("shop", "rename table t to u, v to w", Fate::Run, Fate::Run),
            ("shop", "alter table t add c int, rename to other.t", ACROSS, ACROSS),
            ("shop", "create database if not exists shop", Fate::Run, RENAMED),
            ("shop", "DROP DATABASE `other`", Fate::Leave, Fate::Leave),
            ("other", "create database other", Fate::Leave, Fate::Leave),
            ("shop", "create table u (i int) comment 'it\\'s shop.t'", Fate::Run, Fate::Run),
            // The trap: what is in the session's database by `USE` is not all that a statement changes.
            ("shop", "DROP TABLE `other`.`x` /* generated by server */", Fate::Leave, Fate::Leave),
            ("shop", "drop table if exists t, other.x", ACROSS, ACROSS),
            ("other", "truncate shop.t", Fate::Run, RENAMED),
            ("shop", "truncate table t", Fate::Run, Fate::Run),
            ("shop", "CREATE UNIQUE INDEX i ON other.t (a)", Fate::Leave, Fate::Leave),
            ("shop", "insert into t select a from other.u", ACROSS, ACROSS),
            ("shop", "insert into t select u.a from u, other.v where u.id = v.id", ACROSS, ACROSS),
            ("shop", "insert into t select u.a, trim(both 'x' from u.b) from u join v on u.id = v.id", Fate::Run, Fate::Run),
            ("shop", "insert into t values (1, 'from other.u'), (2, 'b')", Fate::Run, Fate::Run),
            ("other", "insert into shop.t select * from u", ACROSS, ACROSS),
            ("other", "insert into shop.t values (1)", Fate::Run, RENAMED),
            ("other", "insert into u select * from shop.t", Fate::Leave, Fate::Leave),
            ("shop", "update t, other.u set t.a = u.a", ACROSS, ACROSS),
            ("shop", "update t as x set x.a = (select max(a) from u)", Fate::Run, Fate::Run),
            ("shop", "delete from t where a in (select a from other.u)", ACROSS, ACROSS),
            ("shop", "create table u like other.t", ACROSS, ACROSS),
            ("shop", "create table u (a int check (a like 'x'), foreign key (a) references t (a))", Fate::Run, Fate::Run),
            ("shop", "CREATE DEFINER=`root`@`%` PROCEDURE `p`() insert into other.u select 1", Fate::Run, Fate::Run),
            (
                "shop",
                "CREATE DEFINER=`root`@`%` TRIGGER `tr` before insert on t for each row insert into shop.log values (1)",
                Fate::Run,
                RENAMED,
            ),
            ("shop", "create user zoe@'%'", Fate::Leave, Fate::Leave),
            ("mysql", "grant select on shop.* to zoe", Fate::Leave, Fate::Leave),
            ("other", "create table Shop.t (a int)", ACROSS, ACROSS),
            ("shop", "FLUSH TABLES", Fate::Run, Fate::Run),
            ("", "FLUSH TABLES", Fate::Leave, Fate::Leave),
        ] {
            assert_eq!(fate(&query(database, text), "shop", None), plain, "{text}");
            assert_eq!(fate(&query(database, text), "shop", Some("shop2")), renamed, "{text}");
        }
        assert_eq!(made(&query("", "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `a b`")).as_deref(), Some("a b"));
        assert_eq!(dropped(&query("", "drop schema if exists x")).as_deref(), Some("x"));
        assert_eq!(made(&query("", "create table x.y (i int)")), None);
        assert!(is_about_events(&query("", "CREATE DEFINER=`root`@`%` EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1")));
    }

    #[test]
    fn quotes_mean_what_the_sessions_mode_says() {
        let mut ansi = query("other", "drop table \"shop\".\"t\"");
        assert_eq!(fate(&ansi, "shop", None), Fate::Leave, "a text is no name");
        ansi.settings.sql_mode = Some(super::super::words::ANSI_QUOTES);
        assert_eq!(fate(&ansi, "shop", None), Fate::Run);
    }
}
