//! Reads a script's lines off the disk and lets them pass.

use super::script::{Refusal, Rules, Script};
use super::{Dump, Findings, Form, Input, Inspection, truncated, unreadable};
use crate::domain::{Code, Fault, text};
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// How much is read at a time, in bytes.
const PIECE: usize = 1 << 20;

/// The longest line: the server takes no statement and no row longer than 1 GB, and an escape takes some more.
const LINE_LIMIT: usize = 2 << 30;

/// A script as it passes: pieces of whole lines, looked at.
pub struct ScriptStream {
    input: Option<Input>,
    progress: Arc<AtomicU64>,
    script: Script,
    /// What was read and is not passed on yet.
    rest: Vec<u8>,
    path: PathBuf,
    form: Form,
    plain: u64,
}

impl ScriptStream {
    /// Opens a dump that is a script. Blocks, as does [`ScriptStream::piece`].
    pub fn open(dump: &Dump, rules: Rules) -> Result<Self, Fault> {
        let input = Input::open(&dump.path, dump.wrapper).map_err(|error| unreadable(&dump.path, &error))?;
        Ok(Self {
            progress: input.progress(),
            input: Some(input),
            script: Script::new(rules),
            rest: Vec::new(),
            path: dump.path.clone(),
            form: dump.form,
            plain: 0,
        })
    }

    /// How many bytes of the file were read so far.
    pub fn progress(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.progress)
    }

    /// What was found so far.
    pub fn findings(&self) -> &Findings {
        self.script.findings()
    }

    /// The next piece, or none at the end. A fault: it is cut off, damaged, or does what a dump does not.
    pub fn piece(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        let failed = |path: &PathBuf, error: io::Error| unreadable(path, &error);
        while let Some(input) = &mut self.input {
            let start = self.rest.len();
            self.rest.resize(start + PIECE, 0);
            let read = loop {
                match input.read(&mut self.rest[start..]) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read,
                }
            };
            let read = read.map_err(|error| failed(&self.path, error))?;
            self.rest.truncate(start + read);
            self.plain += read as u64;
            let cut = if read == 0 { self.rest.len() } else { memchr::memrchr(b'\n', &self.rest[start..]).map_or(0, |at| start + at + 1) };
            if read == 0 {
                self.input = None;
            }
            if cut > 0 {
                let mut out = Vec::new();
                self.script.pass(&self.rest[..cut], &mut out).map_err(|refusal| self.refused(&refusal))?;
                self.rest.drain(..cut);
                return Ok(Some(out));
            }
            if self.rest.len() > LINE_LIMIT {
                return Err(super::corrupted(&self.path, "a line of the script has no end"));
            }
        }
        if self.script.is_between() {
            return Ok(None);
        }
        let line = self.script.findings().lines;
        Err(truncated(&self.path, "the script ends in the middle of a statement or of a table's rows").at("Line", line))
    }

    fn refused(&self, refusal: &Refusal) -> Fault {
        let Refusal { line, what, why } = refusal;
        let fault = Fault::new(Code::CorruptedBackup, format!("the dump has a command that no dump of a database has, in line {line}"))
            .at("File", self.path.display())
            .at("Line", line)
            .because(*why)
            .with_statement(&text::clean(what));
        let word = what.split_whitespace().next().unwrap_or_default();
        match (word, self.form) {
            ("\\connect", Form::Script) => fault
                .step("It was made with --create: make it again without, or restore it in place as a whole: dbbackup restore cluster FILE --confirm HOST:PORT"),
            ("\\connect", Form::ClusterScript) => {
                fault.step_run("It is of a whole server. Restore it as one:", "dbbackup restore cluster FILE --confirm HOST:PORT")
            }
            _ => fault
                .step_run("Look at it:", format!("sed -n {line}p {}", shell_words::quote(&self.path.to_string_lossy())))
                .step("Ask where the dump comes from. pg_dump writes no such line: someone has put it there."),
        }
    }
}

/// Reads all of a script without running anything.
pub fn inspect(dump: &Dump, rules: Rules) -> Result<Inspection, Fault> {
    let mut stream = ScriptStream::open(dump, rules)?;
    while stream.piece()?.is_some() {}
    Ok(Inspection { plain: stream.plain, script: stream.findings().clone(), ..Inspection::default() })
}
