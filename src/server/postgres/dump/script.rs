//! Passes a plain dump on to psql line by line, looking at what psql would see: where a statement ends, what is data, and what is a
//! command of psql's own.
//!
//! A plain dump is a script for psql, and psql's backslash commands reach outside of the target database: into a shell, files, other
//! servers. Only those that pg_dump writes itself pass. The rules of quoting are those of PostgreSQL's src/fe_utils/psqlscan.l. They are
//! followed as far as an honest script goes; that a script made to mislead them can do nothing either is seen to by `\\restrict`, with
//! which psql itself refuses its commands.

mod found;
mod words;

pub use found::{Connect, Findings, Part, Refusal, Rules};
use memchr::memmem;
pub use words::conninfo;
use words::{first_name, is_word, name_length, reads_rows, tag, target, whole_name};

/// The most of a statement that is kept to know what it is: a COPY of a table with the most and longest column names fits.
const HEAD_LIMIT: usize = 1 << 18;

/// Where psql's reader is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Top,
    /// In a string; whether a backslash means something in it.
    Single(bool),
    /// Behind a string with escapes; whether a line has ended since, so that a further string would go on with it.
    Behind(bool),
    Double,
    Dollar(Vec<u8>),
    /// In so many comments.
    Comment(u32),
    /// Among the rows of a COPY.
    Rows,
}

/// Reads a script.
#[derive(Debug)]
pub struct Script {
    rules: Rules,
    state: State,
    /// Whether a backslash means nothing in an ordinary string.
    standard: bool,
    head: Vec<u8>,
    parens: u32,
    found: Findings,
    step: Step,
}

/// Where a script of a cluster is, so that each database is one transaction: psql takes the end of its input for the end of a table's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Between databases.
    Outside,
    /// In another database, nothing was done there yet.
    Entered,
    /// Behind the first words of a database's dump, not in that database yet.
    Begun,
    /// The next line is to begin the transaction.
    Due,
    /// In the transaction.
    Within,
}

impl Script {
    /// At its first line.
    pub fn new(rules: Rules) -> Self {
        let found = Findings { parts: vec![Part::default()], ..Findings::default() };
        Self { rules, state: State::Top, standard: true, head: Vec::new(), parens: 0, found, step: Step::Outside }
    }

    /// What was found so far.
    pub fn findings(&self) -> &Findings {
        &self.found
    }

    /// Whether it is between two statements.
    pub fn is_between(&self) -> bool {
        self.state == State::Top && self.head.is_empty()
    }

    /// Passes whole lines (the last of a file may lack its end) on to `out`.
    pub fn pass(&mut self, lines: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        out.reserve(lines.len() + 256);
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            self.found.lines += 1;
            if self.state == State::Rows {
                out.extend_from_slice(line);
                if matches!(line, b"\\.\n" | b"\\.\r\n" | b"\\.") {
                    self.state = State::Top;
                } else if let Some((_, rows)) = self.part().tables.last_mut() {
                    *rows += 1;
                }
                continue;
            }
            let fresh = self.is_between();
            if fresh && line.starts_with(b"\\") {
                self.command(line, out)?;
                continue;
            }
            if fresh && self.rules.connect == Connect::Allowed && self.transaction(line, out) {
                continue;
            }
            if fresh {
                self.notice(line);
            }
            self.sql(line)?;
            if fresh && self.is_between() && self.is_left_out(line) {
                // An empty line keeps the numbers of those that follow.
                out.push(b'\n');
            } else {
                out.extend_from_slice(line);
            }
        }
        Ok(())
    }

    /// Begins and ends the transaction of a database; whether the line is replaced.
    fn transaction(&mut self, line: &[u8], out: &mut Vec<u8>) -> bool {
        if self.step == Step::Due {
            out.extend_from_slice(b"BEGIN; ");
            self.step = Step::Within;
        }
        match (line.trim_ascii_end(), self.step) {
            (b"-- PostgreSQL database dump", Step::Entered) => self.step = Step::Due,
            (b"-- PostgreSQL database dump", Step::Outside) => self.step = Step::Begun,
            (b"-- PostgreSQL database dump complete", Step::Within) => {
                self.step = Step::Outside;
                self.found.ends = (true, false);
                out.extend_from_slice(b"COMMIT;\n");
                return true;
            }
            _ => {}
        }
        false
    }

    fn part(&mut self) -> &mut Part {
        self.found.parts.last_mut().expect("there is one from the start")
    }

    fn refuse(&self, line: &[u8], why: &'static str) -> Refusal {
        let what: String = String::from_utf8_lossy(line).trim_end().chars().take(120).collect();
        Refusal { line: self.found.lines, what, why }
    }

    /// A line that begins with a backslash where a statement could begin.
    fn command(&mut self, line: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        let text = String::from_utf8_lossy(line).trim_end().to_owned();
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((&text, ""));
        let rest = rest.trim();
        match word {
            // Ours holds instead.
            "\\restrict" | "\\unrestrict" if rest.chars().all(|c| c.is_ascii_alphanumeric()) => {
                match word {
                    "\\restrict" => self.found.locked = Some(rest.to_owned()),
                    _ if self.found.locked.as_deref() == Some(rest) => self.found.locked = None,
                    _ => {}
                }
                out.push(b'\n');
                Ok(())
            }
            // pg_dumpall keeps psql from looking into names that it cannot read. The name goes on as it is without that.
            "\\encoding" if rest == "SQL_ASCII" && self.rules.connect == Connect::Allowed => {
                out.push(b'\n');
                Ok(())
            }
            "\\connect" if self.rules.connect == Connect::Allowed => {
                let name = target(rest).ok_or_else(|| self.refuse(line, "it names more than a database"))?;
                let there = format!("\\connect -reuse-previous=on \"{}\"", conninfo(&name).replace('"', "\"\""));
                out.extend_from_slice(
                    match &self.rules.key {
                        Some(key) => format!("\\unrestrict {key} {there} \\restrict {key}\n"),
                        None => format!("{there}\n"),
                    }
                    .as_bytes(),
                );
                self.found.parts.push(Part { database: Some(name), ..Part::default() });
                self.step = if self.step == Step::Begun { Step::Due } else { Step::Entered };
                Ok(())
            }
            "\\connect" => Err(self.refuse(line, "it leaves the target for another database")),
            _ => Err(self.refuse(line, "it is a command of psql's own, which reaches outside of the database")),
        }
    }

    /// Comments and settings that say something of the script itself.
    fn notice(&mut self, line: &[u8]) {
        match line.trim_ascii_end() {
            b"-- PostgreSQL database dump complete" => self.found.ends = (true, false),
            b"-- PostgreSQL database cluster dump complete" => self.found.ends = (false, true),
            b"SET standard_conforming_strings = off;" => self.standard = false,
            b"SET standard_conforming_strings = on;" => self.standard = true,
            _ => {}
        }
    }

    /// Whether a line, which is one whole statement, is not wanted.
    fn is_left_out(&self, line: &[u8]) -> bool {
        let line = line.trim_ascii_end();
        let starts = |words: &[&str]| words.iter().any(|word| line.starts_with(word.as_bytes()));
        if !line.ends_with(b";") {
            return false;
        }
        let owner = starts(&["SET SESSION AUTHORIZATION "]) || (starts(&["ALTER "]) && memmem::find(line, b" OWNER TO ").is_some());
        let rights = starts(&["GRANT ", "REVOKE ", "ALTER DEFAULT PRIVILEGES "]);
        let role = || line.strip_prefix(b"CREATE ROLE ").and_then(|rest| whole_name(&rest[..rest.len() - 1]));
        (self.rules.no_owner && owner)
            || (self.rules.no_acl && rights)
            || (!self.rules.roles.is_empty() && role().is_some_and(|role| self.rules.roles.contains(&role)))
    }

    /// One line of SQL, or what is left of it behind a statement.
    fn sql(&mut self, line: &[u8]) -> Result<(), Refusal> {
        let mut at = 0;
        while at < line.len() {
            at = match &self.state {
                State::Top => self.top(line, at)?,
                State::Single(escapes) => self.single(line, at, *escapes),
                State::Behind(ended) => self.behind(line[at], at, *ended),
                State::Double => match memchr::memchr(b'"', &line[at..]) {
                    Some(found) => {
                        self.keep(&line[at..=at + found]);
                        self.state = State::Top;
                        at + found + 1
                    }
                    None => {
                        self.keep(&line[at..]);
                        line.len()
                    }
                },
                State::Dollar(tag) => match memmem::find(&line[at..], tag) {
                    Some(found) => {
                        let next = at + found + tag.len();
                        self.state = State::Top;
                        next
                    }
                    None => line.len(),
                },
                State::Comment(depth) => self.comment(line, at, *depth),
                State::Rows => {
                    return if line[at..].trim_ascii().is_empty() {
                        Ok(())
                    } else {
                        Err(self.refuse(line, "something follows a COPY in its line"))
                    };
                }
            };
        }
        Ok(())
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.head.is_empty() {
            // Whatever follows the last words: those were not the last.
            self.found.ends = (false, false);
            if self.step == Step::Entered {
                self.step = Step::Outside;
            }
        }
        let room = HEAD_LIMIT.saturating_sub(self.head.len());
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn top(&mut self, line: &[u8], at: usize) -> Result<usize, Refusal> {
        let byte = line[at];
        let before = at.checked_sub(1).map_or(b' ', |before| line[before]);
        let next = line.get(at + 1).copied().unwrap_or(b' ');
        match byte {
            b'\\' => return Err(self.refuse(line, "a backslash outside of quotes begins a command of psql's own")),
            b'\'' => {
                let prefix = matches!(before, b'e' | b'E') && !at.checked_sub(2).is_some_and(|at| is_word(line[at]));
                self.keep(b"'");
                self.state = State::Single(prefix || !self.standard);
            }
            b'"' => {
                self.keep(b"\"");
                self.state = State::Double;
            }
            b'-' if next == b'-' => return Ok(line.len()),
            b'/' if next == b'*' => {
                self.state = State::Comment(1);
                return Ok(at + 2);
            }
            b'$' if !is_word(before) => {
                if let Some(tag) = tag(&line[at..]) {
                    let length = tag.len();
                    self.keep(b"$");
                    self.state = State::Dollar(tag.to_vec());
                    return Ok(at + length);
                }
                self.keep(b"$");
            }
            b';' if self.parens == 0 => self.ended(),
            _ if byte.is_ascii_whitespace() && self.head.is_empty() => {}
            _ => {
                match byte {
                    b'(' => self.parens += 1,
                    b')' => self.parens = self.parens.saturating_sub(1),
                    _ => {}
                }
                self.keep(&[byte]);
            }
        }
        Ok(at + 1)
    }

    fn single(&mut self, line: &[u8], at: usize, escapes: bool) -> usize {
        let rest = &line[at..];
        let found = if escapes { memchr::memchr2(b'\'', b'\\', rest) } else { memchr::memchr(b'\'', rest) };
        let Some(found) = found else { return line.len() };
        if rest[found] == b'\\' || rest.get(found + 1) == Some(&b'\'') {
            return at + found + 2;
        }
        self.state = if escapes { State::Behind(false) } else { State::Top };
        at + found + 1
    }

    fn behind(&mut self, byte: u8, at: usize, ended: bool) -> usize {
        if byte == b'\'' && ended {
            self.state = State::Single(true);
            return at + 1;
        }
        if byte.is_ascii_whitespace() {
            self.state = State::Behind(ended || byte == b'\n');
            return at + 1;
        }
        self.state = State::Top;
        at
    }

    fn comment(&mut self, line: &[u8], at: usize, depth: u32) -> usize {
        let rest = &line[at..];
        let open = memmem::find(rest, b"/*");
        match (memmem::find(rest, b"*/"), open) {
            (Some(close), open) if open.is_none_or(|open| close < open) => {
                self.state = if depth == 1 { State::Top } else { State::Comment(depth - 1) };
                at + close + 2
            }
            (_, Some(open)) => {
                self.state = State::Comment(depth + 1);
                at + open + 2
            }
            (_, None) => line.len(),
        }
    }

    /// A statement ends.
    fn ended(&mut self) {
        let head = std::mem::take(&mut self.head);
        let words = |count: usize| {
            let text = String::from_utf8_lossy(&head[..head.len().min(400)]).into_owned();
            let mut rest = text.as_str();
            for _ in 0..count {
                rest = rest.trim_start().split_once(char::is_whitespace).map_or("", |(_, rest)| rest);
            }
            rest.trim_start().to_owned()
        };
        let starts = |word: &str| head.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word.as_bytes()));
        if starts("COPY") && reads_rows(&head) {
            let name = words(1);
            let end = name_length(&name);
            self.part().tables.push((name[..end].to_owned(), 0));
            self.state = State::Rows;
        } else if starts("CREATE TABLE ") || starts("CREATE UNLOGGED TABLE ") {
            self.part().made += 1;
        } else if starts("CREATE DATABASE ") {
            self.found.makes.extend(first_name(&words(2)));
        } else if starts("DROP DATABASE ") {
            let rest = words(2);
            let rest = rest.strip_prefix("IF EXISTS ").unwrap_or(&rest);
            self.found.drops.extend(first_name(rest));
        }
    }
}

#[cfg(test)]
mod tests;
