//! Decides statement by statement what of a dump is run: what mysqldump, mariadb-dump and mydumper write, and nothing that reaches beyond the
//! database that is restored.
//!
//! It is a list of what may be, not of what may not. What it judges is what is sent: comments that servers run are written out before, and a session
//! that takes one statement at a time cannot be given a second one behind the first.

mod definitions;
mod found;
mod name;
mod rows;
mod settings;
mod words;

pub use found::{Act, Findings, Kind, Part, Refusal, Rules, Wanted, What};

use super::executable::written_out;
use crate::domain::text;
use crate::server::mysql::definition::lexer;
use crate::server::mysql::session::Flavour;
use definitions::Definition;
use settings::{Modes, Set};
use std::collections::HashSet;
use words::{Words, plain};

/// Databases that are the server's own.
const SYSTEM: [&str; 4] = ["mysql", "information_schema", "performance_schema", "sys"];

/// How much of a statement is looked at for its first words.
const HEAD: usize = 4096;

/// Looks at one statement after the other.
#[derive(Clone, Debug)]
pub struct Gate {
    flavour: Flavour,
    rules: Rules,
    modes: Modes,
    /// The database that a dump of one says it is of.
    home: Option<String>,
    /// The database that `USE` has named.
    current: Option<String>,
    /// Tables whose rows would set off what the dump itself has made, and views, through which rows would go on to them.
    closed: HashSet<String>,
    databases: Vec<String>,
    findings: Findings,
}

impl Gate {
    /// For a server, or for the one that the dump is from. `home`: the database that the dump says it is of.
    pub fn new(flavour: Flavour, rules: Rules, home: Option<String>) -> Self {
        let findings = Findings::default();
        Self { flavour, rules, modes: Modes::new(), home, current: None, closed: HashSet::new(), databases: Vec::new(), findings }
    }

    /// What was found so far.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// All databases that were named so far, wanted or not, without the server's own.
    pub fn databases(&self) -> &[String] {
        &self.databases
    }

    /// What becomes of a statement.
    pub fn judge(&mut self, statement: &[u8]) -> Result<Act, Refusal> {
        let quotes = self.modes.quotes();
        let refuse = |text: &[u8], why, cure| Refusal { what: shortened(text), why, cure };
        let Some(text) = written_out(statement, quotes, &self.flavour) else {
            return Err(refuse(statement, "a comment in it has no end", COPY));
        };
        let text = text.trim_ascii();
        let head = plain(&text[..text.len().min(HEAD)]);
        let Some(first) = lexer::words(&head, quotes).next() else { return Ok(Act::Nothing) };
        self.findings.statements += 1;
        let is = |word: &str| first.token.is(word);
        if is("SET") {
            let whole = plain(text);
            let all: Vec<_> = lexer::words(&whole, quotes).collect();
            return match self.modes.set(&Words::of(&all)) {
                Set::Session => Ok(Act::Run(dated(text), What::Setting)),
                Set::Ours => Ok(Act::Nothing),
                Set::LeftOut(what) => {
                    self.findings.leave_out(what);
                    Ok(Act::Nothing)
                }
                Set::Refused(why) => Err(refuse(text, why, REMOVE)),
            };
        }
        if is("INSERT") || is("REPLACE") {
            return if self.is_wanted() { self.rows(text) } else { Ok(Act::Nothing) };
        }
        let whole = plain(text);
        let all: Vec<_> = lexer::words(&whole, quotes).collect();
        let words = Words::of(&all);
        if let Some(done) = self.databases_of(&words) {
            return done.map_err(|(why, cure)| refuse(text, why, cure));
        }
        if !self.is_wanted() {
            return Ok(Act::Nothing);
        }
        let definition = Definition { words: &words, text, whole: &whole, quotes, own: self.own(), no_owner: self.rules.no_owner };
        let judged = definition.judge().map_err(|(why, cure)| refuse(text, why, cure))?;
        Ok(match judged {
            definitions::Judged::Run { text, what, closes } => {
                let again = matches!(&what, What::Made(Kind::View, name) if self.closed.contains(&name.to_lowercase()));
                // Where servers take capital letters for small ones, names that differ in nothing else are one.
                self.closed.extend(closes.into_iter().map(|name| name.to_lowercase()));
                if !again {
                    self.note(&what);
                }
                Act::Run(text, what)
            }
            definitions::Judged::LeftOut(what) => {
                self.findings.leave_out(what);
                Act::Nothing
            }
            definitions::Judged::Nothing => Act::Nothing,
        })
    }

    /// The name by which the dump calls the database that its statements are for.
    fn own(&self) -> Option<&str> {
        self.current.as_deref().or(self.home.as_deref())
    }

    fn is_wanted(&self) -> bool {
        match &self.current {
            None => true,
            Some(name) => self.wants(name),
        }
    }

    fn wants(&self, name: &str) -> bool {
        !is_system(name)
            && match &self.rules.wanted {
                Wanted::All => true,
                Wanted::One(wanted) => wanted == name,
            }
    }

    /// `USE`, `CREATE DATABASE`, `DROP DATABASE`: none of them is run as it stands.
    fn databases_of(&mut self, words: &Words<'_>) -> Option<Result<Act, (&'static str, &'static str)>> {
        let is_database = |at| words.is(at, "DATABASE") || words.is(at, "SCHEMA");
        if words.is(0, "USE") {
            let Some(name) = words.text(1).filter(|_| words.len() == 2) else { return Some(Err((OUTSIDE, REMOVE))) };
            return Some(Ok(self.enter(&name)));
        }
        if words.is(0, "DROP") && is_database(1) {
            self.findings.leave_out("DROP DATABASE: --clean decides what becomes of a database that is there");
            return Some(Ok(Act::Nothing));
        }
        if !(words.is(0, "CREATE") && is_database(1)) {
            return None;
        }
        let at = if words.is(2, "IF") { 5 } else { 2 };
        let Some(name) = words.text(at) else { return Some(Err((OUTSIDE, REMOVE))) };
        let behind = |word: &str| {
            let found = (at..words.len()).find(|at| words.is(*at, word))?;
            words.text(if words.mark(found + 1, '=') { found + 2 } else { found + 1 })
        };
        self.meet(&name);
        if self.wants(&name) {
            let charset = (behind("SET").unwrap_or_default(), behind("COLLATE").unwrap_or_default());
            self.findings.part(Some(&name)).charset = charset;
        }
        Some(Ok(Act::Nothing))
    }

    fn meet(&mut self, name: &str) {
        if is_system(name) {
            self.findings.leave_out("databases of the server's own (mysql, sys)");
        } else if !self.databases.iter().any(|known| known == name) {
            self.databases.push(name.to_owned());
        }
    }

    fn enter(&mut self, name: &str) -> Act {
        self.meet(name);
        self.current = Some(name.to_owned());
        self.closed.clear();
        if !self.wants(name) {
            return Act::Nothing;
        }
        self.findings.part(Some(name));
        Act::Enter(name.to_owned())
    }

    /// What follows is of this database: a folder has a file for each table.
    pub fn within(&mut self, name: &str) {
        self.meet(name);
        self.current = Some(name.to_owned());
    }

    fn note(&mut self, what: &What) {
        let current = self.current.clone();
        let part = self.findings.part(current.as_deref());
        match what {
            What::Made(Kind::Table, _) => part.made += 1,
            What::Made(kind, name) => {
                part.others += 1;
                if *kind == Kind::Event {
                    part.events.push(name.clone());
                }
            }
            What::Rows(table, rows) => part.count(table, *rows),
            What::Setting | What::Other => {}
        }
    }

    fn rows(&mut self, text: &[u8]) -> Result<Act, Refusal> {
        let quotes = self.modes.quotes();
        let refuse = |why, cure| Err(Refusal { what: shortened(text), why, cure });
        let mut end = text.len().min(HEAD);
        let (table, cut, behind) = loop {
            let head = plain(&text[..end]);
            let all: Vec<_> = lexer::words(&head, quotes).collect();
            let words = Words::of(&all);
            let Some(values) = (1..words.len()).find(|at| words.is(*at, "VALUES") || words.is(*at, "VALUE")) else {
                if end < text.len() {
                    end = text.len();
                    continue;
                }
                return refuse("it takes its rows from elsewhere", REMOVE);
            };
            let mut at = 1;
            while words.is(at, "IGNORE") || words.is(at, "LOW_PRIORITY") || words.is(at, "DELAYED") || words.is(at, "INTO") {
                at += 1;
            }
            let name = match name::read(&words, at, self.own()) {
                Ok(name) => name,
                Err(why) => return refuse(why, REMOVE),
            };
            let columns = Words::of(&words.from(name.next)[..values.saturating_sub(name.next)]);
            if !(columns.is_empty() || columns.is_list_of_names()) {
                return refuse("it is no plain list of rows", REMOVE);
            }
            break (name.name, name.cut, words.from(values)[0].to);
        };
        let Some(rows) = rows::count(&text[behind..], quotes) else {
            return refuse("there is something else than values in its rows", REMOVE);
        };
        if self.closed.contains(&table.to_lowercase()) {
            return refuse(
                "the dump has made a trigger or a view of this name before: its rows would run code of the dump",
                "Move the rows of the table before its triggers, as mysqldump writes them.",
            );
        }
        let what = What::Rows(table, rows);
        self.note(&what);
        Ok(Act::Run(name::without(text, cut.as_slice()), what))
    }
}

const OUTSIDE: &str = "it reaches beyond the database that is restored";
const REMOVE: &str =
    "Ask where the dump comes from: the programs that make dumps write no such statement. Where it is harmless, take it out of the dump.";
const COPY: &str = "Copy the dump again from where it was made.";

/// The mode that dumps set at their beginning, for rows, widened: the source may have dates that no calendar has. Routines and the like have modes
/// of their own.
fn dated(text: &[u8]) -> Vec<u8> {
    const BEGINS: &[u8] = b"SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO'";
    if text == BEGINS { [&text[..text.len() - 1], b",ALLOW_INVALID_DATES'"].concat() } else { text.to_vec() }
}

/// Whether a database is the server's own.
pub fn is_system(name: &str) -> bool {
    SYSTEM.iter().any(|system| name.eq_ignore_ascii_case(system))
}

/// The beginning of a statement, up to its values.
pub fn shortened(statement: &[u8]) -> String {
    let text = String::from_utf8_lossy(&statement[..statement.len().min(400)]).into_owned();
    let end = text.to_ascii_uppercase().find("VALUES").map_or(text.len(), |at| at + 6);
    let mut short: String = text[..end].chars().take(160).collect();
    if short.len() < statement.len() {
        short.push_str(" …");
    }
    text::clean(&short)
}

#[cfg(test)]
mod tests;
