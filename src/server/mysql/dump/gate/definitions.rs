//! Definitions, and what belongs to them.

use super::name::{self, Named, OTHER, qualified, without};
use super::words::Words;
use super::{Kind, OUTSIDE, REMOVE, What};
use crate::server::mysql::definition::definer;
use crate::server::mysql::definition::lexer::{Placed, Quotes, Token};
use std::ops::Range;

/// Engines that keep their rows in the database itself.
const ENGINES: [&str; 13] =
    ["InnoDB", "MyISAM", "Aria", "MEMORY", "HEAP", "ARCHIVE", "CSV", "BLACKHOLE", "ROCKSDB", "NDB", "NDBCLUSTER", "TokuDB", "MRG_MyISAM"];

/// Words at the beginning of what ALTER TABLE does in dumps.
const ALTERS: [&str; 4] = ["ADD", "MODIFY", "DISABLE", "ENABLE"];

/// A statement that may be one.
pub struct Definition<'a> {
    pub words: &'a Words<'a>,
    pub text: &'a [u8],
    /// The text for the lexer.
    pub whole: &'a str,
    pub quotes: Quotes,
    /// The name that the dump's database has in the dump.
    pub own: Option<&'a str>,
    pub no_owner: bool,
}

/// What becomes of it.
pub enum Judged {
    /// It is run; into these no rows may come any more.
    Run {
        text: Vec<u8>,
        what: What,
        closes: Vec<String>,
    },
    LeftOut(&'static str),
    Nothing,
}

type Verdict = Result<Judged, (&'static str, &'static str)>;

fn run(text: Vec<u8>, what: What) -> Verdict {
    Ok(Judged::Run { text, what, closes: Vec::new() })
}

fn refused(why: &'static str) -> (&'static str, &'static str) {
    (why, REMOVE)
}

impl Definition<'_> {
    pub fn judge(&self) -> Verdict {
        let words = self.words;
        let kept = || run(self.text.to_vec(), What::Other);
        let Some(Token::Word(first)) = words.first() else { return Err(refused(NOT_OURS)) };
        match first.to_ascii_uppercase().as_str() {
            "CREATE" => self.create(),
            "DROP" => self.drop(),
            "ALTER" => self.alter(),
            // Nobody else is in the database, and rows come in transactions of their own.
            "LOCK" if words.is(1, "TABLES") || words.is(1, "TABLE") => Ok(Judged::Nothing),
            "UNLOCK" if words.len() == 2 => Ok(Judged::Nothing),
            "COMMIT" | "BEGIN" if words.len() == 1 => kept(),
            "START" if words.is(1, "TRANSACTION") && words.len() == 2 => kept(),
            "ANALYZE" => self.analyze(),
            "DO" | "SELECT" => self.sequence_value(),
            "FLUSH" => Ok(Judged::LeftOut("FLUSH, which is for the whole server")),
            "CHANGE" if words.is(1, "MASTER") || words.is(1, "REPLICATION") => {
                Ok(Judged::LeftOut("the position of a replica (CHANGE MASTER)"))
            }
            "START" | "STOP" if words.is(1, "SLAVE") || words.is(1, "REPLICA") || words.is(1, "ALL") => {
                Ok(Judged::LeftOut("START and STOP of a replica"))
            }
            "GRANT" | "REVOKE" | "RENAME" => Err((
                "it changes accounts or rights of the whole server",
                "Restore a dump that was made without accounts (--system), and make the accounts by hand.",
            )),
            "LOAD" => Err(refused("it reads a file of the server's or of this host")),
            "SOURCE" | "SYSTEM" | "TEE" | "PAGER" | "EDIT" => {
                Err(refused("it is a command of the client's own, which reaches outside of the database"))
            }
            "CALL" | "PREPARE" | "EXECUTE" => Err(refused("it runs code")),
            _ => Err(refused(NOT_OURS)),
        }
    }

    fn named(&self, at: usize) -> Result<Named, (&'static str, &'static str)> {
        name::read(self.words, at, self.own).map_err(refused)
    }

    fn depth_free(&self, from: usize) -> impl Iterator<Item = (usize, &Placed<'_>)> {
        let mut depth = 0_i32;
        self.words.from(from).iter().enumerate().filter_map(move |(at, placed)| {
            match placed.token {
                Token::Mark('(') => depth += 1,
                Token::Mark(')') => depth -= 1,
                _ => {}
            }
            (depth == 0).then_some((from + at, placed))
        })
    }

    fn has_second(&self) -> bool {
        self.words.iter().any(|placed| placed.token == Token::Mark(';'))
    }

    fn create(&self) -> Verdict {
        let words = self.words;
        // What can stand before the kind: OR REPLACE, ALGORITHM = x, DEFINER = a@b, SQL SECURITY x, AGGREGATE.
        let definer = definer::definer(self.whole, self.quotes).map(|(_, place)| place);
        let mut at = 1;
        loop {
            if let Some(place) = &definer
                && words.from(at).first().is_some_and(|placed| placed.from >= place.start && placed.from < place.end)
            {
                at += 1;
            } else if words.is(at, "OR") && words.is(at + 1, "REPLACE") {
                at += 2;
            } else if (words.is(at, "ALGORITHM") && words.mark(at + 1, '=')) || (words.is(at, "SQL") && words.is(at + 1, "SECURITY")) {
                at += 3;
            } else if words.is(at, "AGGREGATE") {
                at += 1;
            } else {
                break;
            }
        }
        let word = words.text(at).unwrap_or_default().to_ascii_uppercase();
        let mut next = at + 1;
        if word == "PACKAGE" && words.is(next, "BODY") {
            next += 1;
        }
        if words.is(next, "IF") {
            next += 3;
        }
        let kind = match word.as_str() {
            "TABLE" => return self.table(next),
            "SEQUENCE" => Kind::Sequence,
            "VIEW" => Kind::View,
            "TRIGGER" => Kind::Trigger,
            "FUNCTION" | "PROCEDURE" | "PACKAGE" => Kind::Routine,
            "EVENT" => Kind::Event,
            "USER" | "ROLE" => {
                return Err((
                    "it makes an account of the whole server",
                    "Restore a dump that was made without accounts (--system), and make the accounts by hand.",
                ));
            }
            "TABLESPACE" | "LOGFILE" | "UNDO" => {
                return Err(("it makes files of the whole server", "Make the dump again with --no-tablespaces."));
            }
            _ => return Err(refused(NOT_OURS)),
        };
        let named = self.named(next)?;
        let mut cuts: Vec<Range<usize>> = named.cut.iter().cloned().collect();
        let mut closes = Vec::new();
        match kind {
            Kind::Sequence if self.has_second() => return Err(refused(TWO)),
            Kind::Sequence => self.engines()?,
            Kind::Routine if self.words.iter().any(|placed| placed.token.is("SONAME")) => {
                return Err(refused("it loads a library into the server"));
            }
            Kind::View => closes.push(named.name.clone()),
            Kind::Trigger => {
                let on = (named.next..words.len()).find(|at| words.is(*at, "ON")).ok_or(refused(NOT_OURS))?;
                let table = self.named(on + 1)?;
                cuts.extend(table.cut);
                closes.push(table.name);
            }
            _ => {}
        }
        let mut edits: Vec<(Range<usize>, &str)> = cuts.into_iter().map(|cut| (cut, "")).collect();
        if self.no_owner
            && let Some(place) = definer
        {
            edits.push((place, ""));
        }
        if kind == Kind::Event {
            edits.extend(self.disabled(named.next));
        }
        edits.sort_by_key(|(place, _)| place.start);
        Ok(Judged::Run { text: edited(self.text, &edits), what: What::Made(kind, named.name), closes })
    }

    /// An event comes disabled: enabled it would run by itself, with the rights of its definer, as soon as it is there.
    fn disabled(&self, from: usize) -> Option<(Range<usize>, &'static str)> {
        let words = self.words;
        let mut enable = None;
        for (at, placed) in self.depth_free(from) {
            // `@enable` is a variable, and `enable()` a function: the schedule may have them.
            if words.mark(at - 1, '@') || words.mark(at + 1, '(') {
                continue;
            }
            let ends = words.is(at + 1, "DO") || words.is(at + 1, "COMMENT");
            if placed.token.is("DO") {
                return Some(enable.unwrap_or((placed.from..placed.from, "DISABLE ")));
            }
            if placed.token.is("ENABLE") && ends {
                enable = Some((placed.from..placed.to, "DISABLE"));
            }
            if placed.token.is("DISABLE") && (ends || words.is(at + 1, "ON")) {
                return None;
            }
            // The order is that of the grammar: ON COMPLETION, the state, COMMENT, DO.
            if placed.token.is("COMMENT") && enable.is_none() && words.token(at + 1).is_some_and(|token| matches!(token, Token::Literal(_)))
            {
                enable = Some((placed.from..placed.from, "DISABLE "));
            }
        }
        None
    }

    /// Whether every engine that is named keeps its rows in the database itself.
    fn engines(&self) -> Result<(), (&'static str, &'static str)> {
        let words = self.words;
        for at in (0..words.len()).filter(|at| words.mark(at + 1, '=')) {
            if words.is(at, "CONNECTION") {
                return Err(refused("it is a table of another server's"));
            }
            let engine = words.text(at + 2).unwrap_or_default();
            if words.is(at, "ENGINE") && !ENGINES.iter().any(|known| known.eq_ignore_ascii_case(&engine)) {
                return Err((
                    "its engine keeps its rows elsewhere, or is not known",
                    "Change the engine of the table to InnoDB in the dump.",
                ));
            }
        }
        Ok(())
    }

    fn table(&self, at: usize) -> Verdict {
        let words = self.words;
        if self.has_second() {
            return Err(refused(TWO));
        }
        let named = self.named(at)?;
        if !words.mark(named.next, '(') {
            return Err(refused("it is made from another table or from a query"));
        }
        for (at, placed) in self.depth_free(named.next) {
            let Token::Word(word) = placed.token else { continue };
            match word.to_ascii_uppercase().as_str() {
                "SELECT" | "TABLE" | "VALUES" | "AS" => return Err(refused("it is made from another table or from a query")),
                "WITH" if !words.is(at + 1, "SYSTEM") => return Err(refused("it is made from another table or from a query")),
                "DIRECTORY" => {
                    return Err((
                        "it puts files anywhere on the server's disk",
                        "Take the clauses DATA DIRECTORY and INDEX DIRECTORY out of the dump.",
                    ));
                }
                "ENGINE" | "CONNECTION" if !words.mark(at + 1, '=') => return Err(refused(NOT_OURS)),
                _ => {}
            }
        }
        if words.iter().any(|placed| placed.token.is("LOAD_FILE") || placed.token.is("SELECT") || placed.token.is("DIRECTORY")) {
            return Err(refused("it takes more than what is in the dump"));
        }
        self.engines()?;
        let cuts = qualified(words, self.own).map_err(refused)?;
        run(without(self.text, &cuts), What::Made(Kind::Table, named.name))
    }

    fn drop(&self) -> Verdict {
        let words = self.words;
        let kinds = ["TABLE", "VIEW", "TRIGGER", "FUNCTION", "PROCEDURE", "EVENT", "SEQUENCE", "PACKAGE"];
        if !kinds.iter().any(|kind| words.is(1, kind)) || self.has_second() {
            return Err(refused(OUTSIDE));
        }
        let mut at = if words.is(2, "BODY") { 3 } else { 2 };
        if words.is(at, "IF") {
            at += 2;
        }
        let mut cuts = Vec::new();
        loop {
            let named = self.named(at)?;
            cuts.extend(named.cut);
            at = named.next;
            match words.token(at) {
                None => return run(without(self.text, &cuts), What::Other),
                Some(Token::Mark(',')) => at += 1,
                Some(token) if token.is("RESTRICT") || token.is("CASCADE") => return run(without(self.text, &cuts), What::Other),
                _ => return Err(refused(NOT_OURS)),
            }
        }
    }

    fn alter(&self) -> Verdict {
        let words = self.words;
        if self.has_second() {
            return Err(refused(TWO));
        }
        if words.is(1, "DATABASE") || words.is(1, "SCHEMA") {
            // mysqldump puts it around a routine that was made under another collation.
            let named = !words.is(2, "CHARACTER") && !words.is(2, "DEFAULT") && !words.is(2, "COLLATE");
            if named && words.text(2).as_deref() != self.own {
                return Err(refused(OTHER));
            }
            let rest = words.from(if named { 3 } else { 2 });
            let harmless = |placed: &Placed<'_>| {
                matches!(placed.token, Token::Word(_) | Token::Literal(_) | Token::Name(_)) || placed.token == Token::Mark('=')
            };
            if rest.len() > 8
                || !rest.iter().all(harmless)
                || !rest.iter().any(|placed| placed.token.is("SET") || placed.token.is("COLLATE"))
            {
                return Err(refused(OUTSIDE));
            }
            let cuts: Vec<_> = named.then(|| words.from(2)[0].from..words.from(2)[0].to).into_iter().collect();
            return run(without(self.text, &cuts), What::Other);
        }
        if !words.is(1, "TABLE") {
            return Err(refused(OUTSIDE));
        }
        let named = self.named(2)?;
        let mut begins = true;
        for (at, placed) in self.depth_free(named.next) {
            if begins && !ALTERS.iter().any(|word| words.is(at, word)) {
                return Err(refused("it changes a table in a way in which no dump does"));
            }
            begins = placed.token == Token::Mark(',');
        }
        if words.iter().any(|placed| placed.token.is("PARTITION") || placed.token.is("LOAD_FILE")) {
            return Err(refused("it changes a table in a way in which no dump does"));
        }
        let cuts = qualified(words, self.own).map_err(refused)?;
        run(without(self.text, &cuts), What::Other)
    }

    /// mysqldump has histograms made anew.
    fn analyze(&self) -> Verdict {
        let words = self.words;
        let at = if words.is(1, "TABLE") { 2 } else { 3 };
        if !words.is(at - 1, "TABLE") || self.has_second() {
            return Err(refused(NOT_OURS));
        }
        let cuts = qualified(words, self.own).map_err(refused)?;
        run(without(self.text, &cuts), What::Other)
    }

    /// `DO SETVAL(s, 5, 1)`, and nothing else.
    fn sequence_value(&self) -> Verdict {
        let words = self.words;
        if !(words.is(1, "SETVAL") && words.mark(2, '(')) {
            return Err(refused("it is a question to the server, or runs code"));
        }
        let named = self.named(3)?;
        let rest = words.from(named.next);
        let plain = |placed: &Placed<'_>| match placed.token {
            Token::Word(word) => {
                word.bytes().all(|byte| byte.is_ascii_digit()) || word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false")
            }
            Token::Mark(mark) => matches!(mark, ',' | '-' | ')'),
            _ => false,
        };
        let closed = rest.iter().filter(|placed| placed.token == Token::Mark(')')).count() == 1;
        if !closed || !rest.iter().all(plain) || rest.last().is_none_or(|placed| placed.token != Token::Mark(')')) {
            return Err(refused("it is a question to the server, or runs code"));
        }
        let cuts: Vec<_> = named.cut.into_iter().collect();
        run(without(self.text, &cuts), What::Other)
    }
}

const NOT_OURS: &str = "it is nothing that a dump of a database does";
const TWO: &str = "a second statement stands behind it";

/// The text with some of its places changed; they are in order and do not overlap.
fn edited(text: &[u8], edits: &[(Range<usize>, &str)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 16);
    let mut at = 0;
    for (place, put) in edits {
        out.extend_from_slice(&text[at..place.start]);
        out.extend_from_slice(put.as_bytes());
        at = place.end;
    }
    out.extend_from_slice(&text[at..]);
    out
}
