//! Reads a script of a dump off the disk, statement by statement, and has each judged. Blocks.

use super::folder::{Script, Stage};
use super::gate::{Act, Gate, Kind, Refusal, What};
use super::recognise::completed;
use super::statements::{Statement, Statements, Trouble};
use super::truncated;
use crate::domain::{Code, Fault, text};
use crate::server::dump::{Input, Wrapper, unreadable};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

/// The longest statement: no server takes a longer packet.
const LONGEST: usize = 1 << 30;

/// How much of the end is kept.
const TAIL: usize = 4096;

const BUFFER: usize = 1 << 17;

/// Keeps the last bytes that were read.
struct Tailed {
    input: Input,
    last: Arc<Mutex<Vec<u8>>>,
}

impl Read for Tailed {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(out)?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.extend_from_slice(&out[length.saturating_sub(TAIL)..length]);
        let over = last.len().saturating_sub(TAIL);
        last.drain(..over);
        Ok(length)
    }
}

/// How statements are told apart.
enum Splitter {
    /// As the stock client does.
    Client(Statements<BufReader<Tailed>>),
    /// As myloader does: a statement ends with a line that ends with a semicolon.
    Lines { input: BufReader<Tailed>, line: u64, offset: u64 },
}

impl Splitter {
    fn read(&mut self) -> Result<Option<Statement>, Trouble> {
        let (input, line, offset) = match self {
            Self::Client(statements) => return statements.read(),
            Self::Lines { input, line, offset } => (input, line, offset),
        };
        let mut text = Vec::new();
        let mut begins = *line + 1;
        loop {
            let from = text.len();
            let read = input.read_until(b'\n', &mut text).map_err(Trouble::Read)?;
            *line += u64::from(read > 0);
            *offset += read as u64;
            if read == 0 {
                let rest = text.trim_ascii();
                return if rest.is_empty() { Ok(None) } else { Err(Trouble::Cut(begins)) };
            }
            let bare = text[..from].trim_ascii().is_empty();
            if bare
                && (text[from..].trim_ascii().is_empty() || text[from..].starts_with(b"-- ") || text[from..].starts_with(b"/*!999999\\-"))
            {
                text.clear();
                begins = *line + 1;
                continue;
            }
            if text.len() > LONGEST {
                return Err(Trouble::Long(begins));
            }
            if text.ends_with(b";\n") || text.ends_with(b";\r\n") {
                let whole = text.trim_ascii();
                let whole = whole[..whole.len() - 1].trim_ascii().to_vec();
                return Ok(Some(Statement { text: whole, line: begins, end: *offset }));
            }
        }
    }
}

/// A script as it is read.
pub struct Reader {
    splitter: Splitter,
    path: PathBuf,
    wrapper: Option<Wrapper>,
    read: Arc<AtomicU64>,
    last: Arc<Mutex<Vec<u8>>>,
    /// What may be in it, where it is one of a folder: its stage and its database.
    part: Option<(Stage, String)>,
    offset: u64,
}

impl Reader {
    /// Opens a dump that is one script.
    pub fn script(path: &Path, wrapper: Option<Wrapper>) -> Result<Self, Fault> {
        Self::open(path, wrapper, None)
    }

    /// Opens a script of a folder.
    pub fn part(script: &Script) -> Result<Self, Fault> {
        Self::open(&script.path, script.wrapper, Some((script.stage, script.database.clone())))
    }

    fn open(path: &Path, wrapper: Option<Wrapper>, part: Option<(Stage, String)>) -> Result<Self, Fault> {
        let input = Input::open(path, wrapper).map_err(|error| unreadable(path, &error))?;
        let (read, last) = (input.progress(), Arc::default());
        let input = BufReader::with_capacity(BUFFER, Tailed { input, last: Arc::clone(&last) });
        let splitter = match part {
            None => Splitter::Client(Statements::new(input, LONGEST)),
            Some(_) => Splitter::Lines { input, line: 0, offset: 0 },
        };
        Ok(Self { splitter, path: path.to_owned(), wrapper, read, last, part, offset: 0 })
    }

    /// How many bytes of the file were read, for whoever watches.
    pub fn progress(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many bytes were read of what is in it.
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether its last line is that of a complete dump.
    pub fn is_complete(&self) -> bool {
        completed(&String::from_utf8_lossy(&self.last.lock().unwrap_or_else(PoisonError::into_inner))).is_some()
    }

    /// The next statement that is not passed over, with its line; none at the end.
    pub fn next(&mut self, gate: &mut Gate) -> Result<Option<(Act, u64)>, Fault> {
        loop {
            let Some(statement) = self.splitter.read().map_err(|trouble| self.troubled(trouble))? else { return Ok(None) };
            self.offset = statement.end;
            let act = gate.judge(&statement.text).map_err(|refusal| self.refused(statement.line, &refusal))?;
            if let Some((stage, database)) = &self.part {
                let fits = match &act {
                    Act::Run(_, What::Rows(..)) => *stage == Stage::Rows,
                    Act::Run(_, What::Made(kind, _)) => *stage == stage_of(*kind),
                    Act::Enter(name) => name == database,
                    Act::Run(..) | Act::Nothing => true,
                };
                if !fits {
                    let what = super::gate::shortened(&statement.text);
                    return Err(self.refused(
                        statement.line,
                        &Refusal {
                            what,
                            why: "it is in a file that is for something else",
                            cure: "Ask where the dump comes from: mydumper does not put it there.",
                        },
                    ));
                }
                if matches!(act, Act::Enter(_)) {
                    continue;
                }
            }
            if act != Act::Nothing {
                return Ok(Some((act, statement.line)));
            }
        }
    }

    fn refused(&self, line: u64, refusal: &Refusal) -> Fault {
        let fault = Fault::new(Code::CorruptedBackup, format!("the dump has a statement that no dump of a database has, in line {line}"))
            .at("File", self.path.display())
            .at("Line", line)
            .because(refusal.why)
            .with_statement(&refusal.what)
            .step(refusal.cure);
        match self.wrapper {
            None => fault.step_run("Look at it:", format!("sed -n {line}p {}", shell_words::quote(&self.path.to_string_lossy()))),
            Some(_) => fault,
        }
    }

    fn troubled(&self, trouble: Trouble) -> Fault {
        match trouble {
            Trouble::Read(error) => unreadable(&self.path, &error),
            Trouble::Cut(line) => truncated(&self.path, "the dump ends in the middle of a statement").at("Line", line),
            Trouble::Long(line) => Fault::new(Code::CorruptedBackup, "a statement of the dump is longer than any server takes")
                .at("File", self.path.display())
                .at("Line", line)
                .because("it has more than 1 GiB")
                .step("Make the dump again with --net-buffer-length=1M, so that its statements are shorter."),
            Trouble::Command(line, command) => self.refused(
                line,
                &Refusal {
                    what: text::clean(&command),
                    why: "it is a command of the client's own, which reaches outside of the database",
                    cure: "Ask where the dump comes from: the programs that make dumps write no such line. Someone has put it there.",
                },
            ),
        }
    }
}

const fn stage_of(kind: Kind) -> Stage {
    match kind {
        Kind::Table => Stage::Tables,
        Kind::Sequence => Stage::Sequences,
        Kind::View => Stage::Views,
        Kind::Routine | Kind::Event => Stage::Routines,
        Kind::Trigger => Stage::Triggers,
    }
}
