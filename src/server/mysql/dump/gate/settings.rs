//! `SET`: what dumps set of their session, and what they would set of the server.

use super::Words;
use crate::server::mysql::definition::lexer::{Quotes, Token, value};
use std::collections::{HashMap, HashSet};

/// Settings of a session that dumps change, and change back.
const KNOWN: [&str; 30] = [
    "character_set_client",
    "character_set_results",
    "character_set_connection",
    "character_set_database",
    "collation_connection",
    "collation_database",
    "time_zone",
    "unique_checks",
    "foreign_key_checks",
    "check_constraint_checks",
    "sql_mode",
    "sql_notes",
    "note_verbosity",
    "sql_log_bin",
    "sql_quote_show_create",
    "sql_require_primary_key",
    "sql_generate_invisible_primary_key",
    "sql_auto_is_null",
    "sql_safe_updates",
    "sql_big_selects",
    "autocommit",
    "tx_isolation",
    "transaction_isolation",
    "innodb_strict_mode",
    "explicit_defaults_for_timestamp",
    "information_schema_stats_expiry",
    "system_versioning_insert_history",
    "net_read_timeout",
    "net_write_timeout",
    "show_create_table_skip_secondary_engine",
];

/// Settings that say in which character set the statements are.
const CHARSETS: [&str; 3] = ["character_set_client", "character_set_connection", "collation_connection"];

/// Character sets in which a quotation mark or a backslash can be a part of another character: what is quoted could not be told.
const MISLEADING: [&str; 8] = ["big5", "cp932", "gb18030", "gbk", "sjis", "ucs2", "utf16", "utf32"];

/// What a SET does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Set {
    /// Something of the session.
    Session,
    /// Something that this restore decides itself.
    Ours,
    /// Something that is not done, in words.
    LeftOut(&'static str),
    /// Something that no dump does: why.
    Refused(&'static str),
}

/// Remembers `sql_mode` from statement to statement, since it says what quotes mean.
#[derive(Clone, Debug)]
pub struct Modes {
    mode: String,
    /// Variables that hold an earlier mode.
    kept: HashMap<String, String>,
    /// Variables that hold a character set of the session.
    charsets: HashSet<String>,
}

impl Modes {
    /// As sessions of ours begin.
    pub fn new() -> Self {
        Self { mode: "NO_AUTO_VALUE_ON_ZERO".to_owned(), kept: HashMap::new(), charsets: HashSet::new() }
    }

    /// What quotes mean now.
    pub fn quotes(&self) -> Quotes {
        Quotes::of_mode(&self.mode)
    }

    /// Looks at a SET, and follows it.
    pub fn set(&mut self, words: &Words<'_>) -> Set {
        if words.is(1, "NAMES") {
            let known = words.len() == 3 || (words.len() == 5 && words.is(3, "COLLATE"));
            return match words.text(2) {
                Some(name) if known && safe(&name) => Set::Session,
                Some(_) if known => Set::Refused(UNSAFE),
                _ => Set::Refused(UNKNOWN),
            };
        }
        let mut result = Set::Session;
        for assignment in words.from(1).split(|placed| placed.token == Token::Mark(',')) {
            match self.assign(&Words::of(assignment)) {
                Set::Session => {}
                other => result = other,
            }
        }
        // A statement is run or passed over as a whole.
        match result {
            Set::LeftOut(_) | Set::Ours if words.from(1).iter().any(|placed| placed.token == Token::Mark(',')) => Set::Refused(UNKNOWN),
            other => other,
        }
    }

    fn forget(&mut self, variable: &str) {
        self.kept.remove(variable);
        self.charsets.remove(variable);
    }

    fn assign(&mut self, words: &Words<'_>) -> Set {
        let Some(equal) = words.iter().position(|placed| placed.token == Token::Mark('=')) else { return Set::Refused(UNKNOWN) };
        // `:=` is an assignment too.
        let end = if equal > 0 && words.mark(equal - 1, ':') { equal - 1 } else { equal };
        let (left, right) = (Words::of(&words.from(0)[..end]), Words::of(words.from(equal + 1)));
        if let Some(name) = user_variable(&left) {
            if let Some(setting) = system_variable(&right) {
                if !is_known(&setting) {
                    return Set::Refused(UNKNOWN);
                }
                self.forget(&name);
                if setting == "sql_mode" {
                    self.kept.insert(name, self.mode.clone());
                } else if CHARSETS.contains(&setting.as_str()) {
                    self.charsets.insert(name);
                }
                return Set::Session;
            }
            self.forget(&name);
            return if is_value(&right) { Set::Session } else { Set::Refused(UNKNOWN) };
        }
        if left.is(0, "GLOBAL")
            || left.is(0, "PERSIST")
            || left.is(0, "PERSIST_ONLY")
            || (left.mark(0, '@') && left.mark(1, '@') && left.is(2, "GLOBAL"))
        {
            let last = left.text(left.len().saturating_sub(1)).unwrap_or_default().to_ascii_lowercase();
            return match last.as_str() {
                "gtid_purged" => Set::LeftOut("the GTIDs of its source (GTID_PURGED): they are of the whole server"),
                "gtid_slave_pos" => Set::LeftOut("the place of a replica (gtid_slave_pos): it is of the whole server"),
                _ => Set::Refused(GLOBAL),
            };
        }
        let skip = usize::from(left.is(0, "SESSION") || left.is(0, "LOCAL"));
        let bare = Words::of(left.from(skip));
        let name =
            system_variable(&bare).or_else(|| (bare.len() == 1).then(|| bare.text(0)).flatten().map(|name| name.to_ascii_lowercase()));
        let Some(name) = name.filter(|name| is_known(name)) else { return Set::Refused(UNKNOWN) };
        let from_variable = user_variable(&right);
        // mydumper 0.10 reads the wrong columns of MySQL's SHOW CREATE: it writes no character set, and a character set as collation.
        let charset = name == "character_set_results" || CHARSETS.contains(&name.as_str());
        let bare = |word: &str| !word.contains('_') && !word.eq_ignore_ascii_case("binary");
        if charset
            && (right.is_empty() || (name == "collation_connection" && right.len() == 1 && right.text(0).is_some_and(|word| bare(&word))))
        {
            return Set::Ours;
        }
        if !(is_value(&right) || from_variable.is_some() || system_variable(&right).is_some_and(|name| is_known(&name))) {
            return Set::Refused(UNKNOWN);
        }
        match name.as_str() {
            "sql_log_bin" => return Set::Ours,
            "sql_mode" => {
                let mode = match (&from_variable, right.first()) {
                    (Some(variable), _) => self.kept.get(variable).cloned(),
                    (None, Some(Token::Literal(literal))) if right.len() == 1 => Some(value(literal)),
                    _ => None,
                };
                match mode {
                    Some(mode) => self.mode = mode,
                    None => return Set::Refused(UNKNOWN),
                }
            }
            charset if CHARSETS.contains(&charset) => {
                let kept = from_variable.as_ref().is_some_and(|variable| self.charsets.contains(variable));
                let named = from_variable.is_none() && right.len() == 1 && right.text(0).is_some_and(|name| safe(&name));
                if !(kept || named) {
                    return Set::Refused(UNSAFE);
                }
            }
            _ => {}
        }
        Set::Session
    }
}

const UNKNOWN: &str = "it sets what no dump sets";
const GLOBAL: &str = "it changes a setting of the whole server";
const UNSAFE: &str = "in this character set a quotation mark can be a part of another character, so that what is quoted cannot be told";

fn is_known(name: &str) -> bool {
    KNOWN.contains(&name)
}

fn safe(charset: &str) -> bool {
    let charset = charset.to_ascii_lowercase();
    !MISLEADING.iter().any(|bad| charset == *bad || charset.starts_with(&format!("{bad}_")))
}

/// `@name`.
fn user_variable(words: &Words<'_>) -> Option<String> {
    (words.len() == 2 && words.mark(0, '@') && !words.mark(1, '@')).then(|| words.text(1)).flatten().map(|name| name.to_ascii_lowercase())
}

/// `@@name` or `@@session.name`.
fn system_variable(words: &Words<'_>) -> Option<String> {
    if !(words.mark(0, '@') && words.mark(1, '@')) {
        return None;
    }
    let name = match words.len() {
        3 => words.text(2),
        5 if words.mark(3, '.') && (words.is(2, "SESSION") || words.is(2, "LOCAL")) => words.text(4),
        _ => None,
    };
    name.map(|name| name.to_ascii_lowercase())
}

/// A literal, a word or a number, with a sign at the most.
fn is_value(words: &Words<'_>) -> bool {
    let skip = usize::from(words.mark(0, '-') || words.mark(0, '+'));
    words.len() == skip + 1 && matches!(words.from(skip)[0].token, Token::Literal(_) | Token::Word(_) | Token::Name(_))
}
