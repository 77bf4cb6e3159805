//! Splits a script of mysqldump's or mydumper's into its statements, as the stock client does. Runs nothing and judges nothing.
//!
//! The rules are those of `add_line` in the client's `mysql.cc`: quotes and comments hide the delimiter, `DELIMITER` at the beginning of a line
//! changes it, and `/*! … */` is a part of the statement.

use std::io::{self, BufRead};

/// A statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// Its text, without the delimiter, and without what is before it and after it.
    pub text: Vec<u8>,
    /// The line that it begins in, from 1.
    pub line: u64,
    /// Bytes of the script up to its end.
    pub end: u64,
}

/// What keeps a script from being split.
#[derive(Debug)]
pub enum Trouble {
    /// It cannot be read.
    Read(io::Error),
    /// It ends within a statement, a quotation or a comment that began in this line.
    Cut(u64),
    /// A statement is longer than the limit, from this line on.
    Long(u64),
    /// A command for the client, which would run outside the database, in this line.
    Command(u64, String),
}

/// What the text is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Plain,
    /// Within this quotation mark.
    Quoted(u8),
    /// To the end of the line.
    LineComment,
    BlockComment,
}

/// Reads statements one after another; keeps one in memory.
pub struct Statements<R> {
    input: R,
    delimiter: Vec<u8>,
    /// Whether a backslash within quotes takes the next character's meaning away; `NO_BACKSLASH_ESCAPES` switches that off.
    escapes: Escapes,
    longest: usize,
    line: u64,
    offset: u64,
    /// What is read of the current line, and how far it was looked at.
    buffer: Vec<u8>,
    at: usize,
}

/// Whether backslashes escape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escapes {
    Yes,
    No,
}

impl<R: BufRead> Statements<R> {
    /// Of a script; `longest`: the most bytes that one statement may have.
    pub fn new(input: R, longest: usize) -> Self {
        Self { input, delimiter: b";".to_vec(), escapes: Escapes::Yes, longest, line: 0, offset: 0, buffer: Vec::new(), at: 0 }
    }

    /// Bytes that were taken from the script.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// The next statement; none at the end.
    pub fn read(&mut self) -> Result<Option<Statement>, Trouble> {
        let mut text = Vec::new();
        let mut begins = 0;
        let mut state = State::Plain;
        loop {
            if self.at >= self.buffer.len() {
                let fresh = is_blank(&text);
                if !self.fill()? {
                    return match state {
                        // A last statement without a delimiter is one for the client, too.
                        State::Plain | State::LineComment if fresh => Ok(None),
                        State::Plain | State::LineComment if self.delimiter == b";" => Ok(self.found(text, begins)),
                        _ => Err(Trouble::Cut(begins.max(1))),
                    };
                }
                if state == State::LineComment {
                    state = State::Plain;
                }
                if state == State::Plain && fresh {
                    text.clear();
                    if self.directive()? {
                        continue;
                    }
                }
            }
            if begins == 0 || text.is_empty() {
                begins = self.line;
            }
            if text.len() > self.longest {
                return Err(Trouble::Long(begins));
            }
            let rest = &self.buffer[self.at..];
            match state {
                State::Plain => {
                    if rest.starts_with(&self.delimiter) {
                        self.at += self.delimiter.len();
                        if is_blank(&text) {
                            text.clear();
                            continue;
                        }
                        return Ok(self.found(text, begins));
                    }
                    let taken = match rest {
                        [quote @ (b'\'' | b'"' | b'`'), ..] => {
                            state = State::Quoted(*quote);
                            1
                        }
                        [b'#', ..] => {
                            state = State::LineComment;
                            0
                        }
                        [b'-', b'-', after, ..] if after.is_ascii_whitespace() || after.is_ascii_control() => {
                            state = State::LineComment;
                            0
                        }
                        [b'-', b'-'] => {
                            state = State::LineComment;
                            0
                        }
                        // MariaDB's programs begin with it: it tells their client to take no more commands.
                        _ if rest.starts_with(b"/*!999999\\-") || rest.starts_with(b"/*M!999999\\-") => {
                            state = State::BlockComment;
                            0
                        }
                        [b'/', b'*', after, ..] if !matches!(after, b'!' | b'+' | b'M') => {
                            state = State::BlockComment;
                            0
                        }
                        [b'/', b'*'] => {
                            state = State::BlockComment;
                            0
                        }
                        [b'\\', ..] => {
                            let command = String::from_utf8_lossy(&rest[..rest.len().min(40)]).trim_end().to_owned();
                            return Err(Trouble::Command(self.line, command));
                        }
                        // What means nothing goes over at once.
                        _ => {
                            let first = self.delimiter[0];
                            let means = |byte: &u8| *byte == first || matches!(byte, b'\'' | b'"' | b'`' | b'#' | b'-' | b'/' | b'\\');
                            rest.iter().skip(1).position(means).map_or(rest.len(), |at| at + 1)
                        }
                    };
                    text.extend_from_slice(&rest[..taken]);
                    self.at += taken;
                }
                State::Quoted(quote) => {
                    let escapes = self.escapes == Escapes::Yes && quote != b'`';
                    let end = if escapes { memchr::memchr2(quote, b'\\', rest) } else { memchr::memchr(quote, rest) };
                    let taken = match end {
                        None => rest.len(),
                        Some(at) if rest[at] == quote => {
                            state = State::Plain;
                            at + 1
                        }
                        // The character after the backslash, which may be the first of the next line.
                        Some(at) => (at + 2).min(rest.len()),
                    };
                    text.extend_from_slice(&rest[..taken]);
                    self.at += taken;
                }
                // What stands within a statement stays: it may be the body of a routine.
                State::LineComment => {
                    if !is_blank(&text) {
                        text.extend_from_slice(rest);
                    }
                    self.at = self.buffer.len();
                }
                State::BlockComment => {
                    let from = if rest.starts_with(b"/*") { 2 } else { 0 };
                    let taken = match memchr::memmem::find(&rest[from..], b"*/") {
                        Some(at) => {
                            state = State::Plain;
                            from + at + 2
                        }
                        None => rest.len(),
                    };
                    if !is_blank(&text) {
                        text.extend_from_slice(&rest[..taken]);
                    }
                    self.at += taken;
                }
            }
        }
    }

    /// The next line into the buffer; whether there was one.
    fn fill(&mut self) -> Result<bool, Trouble> {
        self.buffer.clear();
        self.at = 0;
        let read = self.input.read_until(b'\n', &mut self.buffer).map_err(Trouble::Read)?;
        self.offset += read as u64;
        self.line += 1;
        Ok(read > 0)
    }

    /// Whether the line that begins here is `DELIMITER`, which is not a statement.
    fn directive(&mut self) -> Result<bool, Trouble> {
        let line = self.buffer.trim_ascii();
        let (word, rest) = line.split_at(line.len().min(9));
        if !word.eq_ignore_ascii_case(b"delimiter") || !rest.first().is_some_and(u8::is_ascii_whitespace) {
            return Ok(false);
        }
        let wanted = rest.trim_ascii();
        let wanted = wanted.split(u8::is_ascii_whitespace).next().unwrap_or_default();
        if wanted.is_empty() || wanted.contains(&b'\\') {
            return Err(Trouble::Command(self.line, String::from_utf8_lossy(line).into_owned()));
        }
        self.delimiter = wanted.to_vec();
        self.at = self.buffer.len();
        Ok(true)
    }

    fn found(&mut self, text: Vec<u8>, line: u64) -> Option<Statement> {
        let text = text.trim_ascii().to_vec();
        self.follow(&text);
        Some(Statement { text, line, end: self.offset - (self.buffer.len() - self.at) as u64 })
    }

    /// `SET sql_mode` decides how the quotations that follow are read.
    fn follow(&mut self, text: &[u8]) {
        let head = &text[..text.len().min(400)];
        let lower = head.to_ascii_lowercase();
        if lower.len() < 400 && memchr::memmem::find(&lower, b"sql_mode").is_some() && memchr::memmem::find(&lower, b"set").is_some() {
            let off = memchr::memmem::find(&lower, b"no_backslash_escapes").is_some();
            self.escapes = if off { Escapes::No } else { Escapes::Yes };
        }
    }
}

fn is_blank(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(script: &str) -> Result<Vec<String>, Trouble> {
        let mut statements = Statements::new(script.as_bytes(), 1 << 20);
        let mut found = Vec::new();
        while let Some(statement) = statements.read()? {
            found.push(String::from_utf8(statement.text).expect("text"));
        }
        assert_eq!(statements.offset(), script.len() as u64);
        Ok(found)
    }

    #[test]
    fn statements_end_where_the_client_ends_them() {
        for (script, wanted) in [
            ("a;b ; c", vec!["a", "b", "c"]),
            (";;  ;\n", vec![]),
            (
                "-- one; two\nINSERT INTO t VALUES ('a;b''c\\'d;', \"x;\", `y;`);\n",
                vec!["INSERT INTO t VALUES ('a;b''c\\'d;', \"x;\", `y;`)"],
            ),
            ("select 1 # no; \n + 2; # end\n", vec!["select 1 # no; \n + 2"]),
            ("select 5--2;", vec!["select 5--2"]),
            ("/* a ; b */ select /* ; ' */ 1-- ;\n;", vec!["select /* ; ' */ 1-- ;"]),
            ("-- it's; one\nselect 1-- it's; one\n;", vec!["select 1-- it's; one"]),
            ("/*!40101 SET NAMES utf8mb4 */;\n/*M!100616 SET x=1 */;", vec!["/*!40101 SET NAMES utf8mb4 */", "/*M!100616 SET x=1 */"]),
            (
                "DELIMITER ;;\n/*!50003 CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SET @a = ';;'; END */;;\ndelimiter ;\nx;",
                vec!["/*!50003 CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW BEGIN SET @a = ';;'; END */", "x"],
            ),
            ("/*!999999\\- enable the sandbox mode */ \nx;", vec!["x"]),
            ("INSERT INTO t VALUES ('two\nlines\\\n;');", vec!["INSERT INTO t VALUES ('two\nlines\\\n;')"]),
            (
                "SET sql_mode = 'NO_BACKSLASH_ESCAPES'; x '\\'; SET sql_mode = ''; y '\\';';",
                vec!["SET sql_mode = 'NO_BACKSLASH_ESCAPES'", "x '\\'", "SET sql_mode = ''", "y '\\';'"],
            ),
        ] {
            assert_eq!(split(script).expect(script), wanted, "{script}");
        }
    }

    #[test]
    fn what_is_cut_or_for_the_client_is_said_with_its_line() {
        assert!(matches!(split("a;\n'b;\n"), Err(Trouble::Cut(2))));
        assert!(matches!(split("a;\n\n/* b"), Err(Trouble::Cut(_))));
        assert!(matches!(split("DELIMITER ;;\nCREATE x; y"), Err(Trouble::Cut(2))));
        assert!(matches!(split("a;\n\\! rm -rf /\n"), Err(Trouble::Command(2, command)) if command.starts_with("\\! rm")));
        assert!(matches!(split("a \\g"), Err(Trouble::Command(1, _))));
        let mut statements = Statements::new(&b"0123456789 0123456789 'abc\ndef\nghi'"[..], 20);
        assert!(matches!(statements.read(), Err(Trouble::Long(1))));
    }

    proptest! {
        #[test]
        fn any_values_come_back_whole(values in proptest::collection::vec("[a-z';\"`\\\\\n#/*-]{0,12}", 1..8)) {
            let quoted: Vec<_> = values.iter().map(|value| format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))).collect();
            let statements: Vec<_> = quoted.iter().map(|value| format!("INSERT INTO t VALUES ({value})")).collect();
            prop_assert_eq!(split(&format!("{};\n", statements.join(";\n"))).expect("whole"), statements);
        }

        #[test]
        fn whatever_comes_it_ends(script in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut statements = Statements::new(&script[..], 1 << 10);
            let mut last = 0;
            while let Ok(Some(statement)) = statements.read() {
                prop_assert!(statement.end > last);
                last = statement.end;
            }
        }
    }
}
