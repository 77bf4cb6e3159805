//! An open session: questions, their answers, and how it ends.

mod binlog;
mod ending;
mod flavour;
mod load;
mod rows;
mod settings;

use super::connect::Connector;
use super::stall::Guard;
use super::watch::Entry;
use super::wire::{Column, END, Ended, Error, INFILE, Line, OK, Opened, Packet, REFUSED, RawRow, Row, ended, refusal};
use crate::server::Cancel;
pub use binlog::{Binlog, Events, Until};
use ending::Canceller;
pub use ending::{Ending, LIMIT as KILL_LIMIT};
pub use flavour::Flavour;
pub use load::LoadError;
use mysql_common::constants::CapabilityFlags;
pub use rows::RowStream;
pub use settings::settings;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// `COM_QUIT`, `COM_QUERY`: the first bytes of questions.
const QUIT: u8 = 0x01;
const QUERY: u8 = 0x03;

/// How long the goodbye of a session may take.
const CLOSE_LIMIT: Duration = Duration::from_secs(3);

/// How long to look for the server's reason when a line breaks while we send.
const REASON_LIMIT: Duration = Duration::from_secs(1);

/// What a statement without rows did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Rows that were changed, by all statements of the text together.
    pub affected: u64,
    /// The last number that AUTO_INCREMENT gave.
    pub last_id: u64,
    /// Warnings, of all statements together.
    pub warnings: u64,
    /// The server's words on the last statement: `Records: 3  Deleted: 0  Skipped: 0  Warnings: 0`.
    pub info: String,
}

impl Done {
    fn add(&mut self, ended: Ended) {
        self.affected += ended.affected;
        self.warnings += u64::from(ended.warnings);
        self.last_id = ended.last_id;
        self.info = ended.info;
    }
}

/// Where in the exchange a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing is asked.
    Idle,
    /// Between a question and its answer, or within the latter's first packets: nobody but who waits for it can go on from here.
    Asked,
    /// Within the rows of an answer, of which whoever asked may have had enough.
    Rows,
    /// Before the answer to the next statement of the same text.
    Between,
    /// The line is of no use any more.
    Broken,
}

/// What an answer begins with.
enum Head {
    Done(Ended),
    Rows(Vec<Column>),
    Infile,
}

/// A session. Questions are asked one at a time. One that is dropped while the server works for it is ended on the server too.
#[derive(Debug)]
pub struct Session {
    line: Line,
    id: u64,
    flavour: Flavour,
    encrypted: bool,
    capabilities: CapabilityFlags,
    phase: Phase,
    /// Whether a question is open, for whoever would cancel it.
    at_work: Arc<AtomicBool>,
    /// How to reach the server beside this session.
    connector: Connector,
    /// That it is one of ours, for as long as it lasts.
    entry: Option<Entry>,
}

impl Session {
    /// A session over a line that is logged in. Who it is on the server is asked first.
    pub(super) async fn over(opened: Opened, connector: &Connector) -> Result<Self, Error> {
        let mut session = Self {
            line: opened.line,
            id: 0,
            flavour: Flavour::of(&opened.version),
            encrypted: opened.encrypted.is_some(),
            capabilities: opened.capabilities,
            phase: Phase::Idle,
            at_work: Arc::default(),
            connector: connector.clone(),
            entry: None,
        };
        let rows = session.query("SELECT CONNECTION_ID(), VERSION()").await?;
        let row = rows.first().ok_or_else(|| Error::Protocol("no answer to who we are".to_owned()))?;
        session.id = row.number(0).ok_or_else(|| Error::Protocol("a session without a number".to_owned()))?;
        // A proxy greets with a version of its own.
        session.flavour = Flavour::of(&row.owned(1));
        Ok(session)
    }

    /// Notes that it is one of ours, and has it looked after from now on: one that is dead on its feet ends like one whose connection broke.
    pub(super) fn watched(&mut self) {
        self.entry = Some(self.connector.roll().enter(self.id));
        self.line.watched(Arc::new(Guard::new(self.connector.clone(), self.id)));
    }

    /// Its number on the server (`CONNECTION_ID()`).
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What the server is.
    pub fn flavour(&self) -> &Flavour {
        &self.flavour
    }

    /// Whether it is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    /// All rows of all answers, one after the other. For small answers.
    pub async fn query(&mut self, sql: &str) -> Result<Vec<Row>, Error> {
        Ok(self.query_each(sql).await?.into_iter().flatten().collect())
    }

    /// The same, the rows of each statement of the text by themselves; none for a statement without rows.
    pub async fn query_each(&mut self, sql: &str) -> Result<Vec<Vec<Row>>, Error> {
        self.ask(sql).await?;
        let mut answers = Vec::new();
        loop {
            let mut rows = Vec::new();
            if let Head::Rows(columns) = self.head().await? {
                while let Some(packet) = self.row().await? {
                    rows.push(Row::kept(RawRow::over(self.line.bytes(packet), columns.len())?));
                }
            }
            answers.push(rows);
            if self.phase == Phase::Idle {
                return Ok(answers);
            }
        }
    }

    /// Runs statements; rows that they give are not looked at.
    pub async fn run(&mut self, sql: &str) -> Result<Done, Error> {
        self.run_bytes(sql.as_bytes()).await
    }

    /// The same for statements that are in another character set than UTF-8.
    pub async fn run_bytes(&mut self, sql: &[u8]) -> Result<Done, Error> {
        self.ask_bytes(QUERY, sql).await?;
        let mut done = Done::default();
        loop {
            match self.head().await? {
                Head::Done(ended) => done.add(ended),
                Head::Rows(_) => while self.row().await?.is_some() {},
                Head::Infile => return Err(self.no_file().await),
            }
            if self.phase == Phase::Idle {
                return Ok(done);
            }
        }
    }

    /// Gives a command that is no question and is answered by a word alone.
    pub async fn command(&mut self, command: u8, content: &[u8]) -> Result<(), Error> {
        self.ask_bytes(command, content).await?;
        match self.head().await? {
            Head::Done(_) => Ok(()),
            Head::Rows(_) => Err(Error::Protocol("a command is answered by rows".to_owned())),
            Head::Infile => Err(self.no_file().await),
        }
    }

    /// From now on the server takes no text of several statements: one that hides behind another is an error.
    pub async fn one_statement_at_a_time(&mut self) -> Result<(), Error> {
        // COM_SET_OPTION with MYSQL_OPTION_MULTI_STATEMENTS_OFF.
        self.ask_bytes(0x1B, &[1, 0]).await?;
        let packet = self.received().await?;
        match self.line.bytes(packet).first() {
            Some(&OK | &END) => {
                self.set(Phase::Idle);
                Ok(())
            }
            _ => Err(Error::Protocol("an option is answered by something else than a word".to_owned())),
        }
    }

    /// Gives a command that is answered by packets without end: see [`Session::followed`]. The session is of no other use after it.
    pub async fn follow(&mut self, command: u8, content: &[u8]) -> Result<(), Error> {
        self.ask_bytes(command, content).await
    }

    /// The next packet after [`Session::follow`], without the byte that says that all is well; none where the server has no more. Nothing is lost
    /// when this is dropped while it waits.
    pub async fn followed(&mut self) -> Result<Option<&[u8]>, Error> {
        let packet = self.received().await?;
        match self.line.bytes(packet) {
            [OK, ..] => Ok(self.line.bytes(packet).get(1..)),
            bytes if bytes.first() == Some(&END) && bytes.len() < 9 => {
                self.set(Phase::Broken);
                Ok(None)
            }
            _ => Err(Error::Protocol("a packet that is no event".to_owned())),
        }
    }

    /// Asks for rows that are then taken one by one. What is not taken is read past by the next question.
    pub async fn stream(&mut self, sql: &str) -> Result<RowStream<'_>, Error> {
        self.ask(sql).await?;
        loop {
            match self.head().await? {
                Head::Rows(columns) => return Ok(RowStream::new(self, columns)),
                Head::Done(_) if self.phase == Phase::Between => {}
                Head::Done(_) => return Ok(RowStream::new(self, Vec::new())),
                Head::Infile => return Err(self.no_file().await),
            }
        }
    }

    /// Ends the session from outside, then the line, so that the server cannot take the line's end for the rows' end.
    async fn break_off(&mut self) {
        self.phase = Phase::Broken;
        self.connector.kill(self.id, Ending::Session).await;
        self.line.cut();
    }

    /// Begins a question. What is left of the answer before is read past.
    async fn ask(&mut self, sql: &str) -> Result<(), Error> {
        self.ask_bytes(QUERY, sql.as_bytes()).await
    }

    async fn ask_bytes(&mut self, command: u8, content: &[u8]) -> Result<(), Error> {
        self.ready().await?;
        self.set(Phase::Asked);
        match self.line.ask(command, content).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.reason(error).await),
        }
    }

    /// Waits until the line is free for a question.
    async fn ready(&mut self) -> Result<(), Error> {
        loop {
            match self.phase {
                Phase::Idle => return Ok(()),
                Phase::Rows => while self.row().await?.is_some() {},
                Phase::Between => {
                    if let Head::Infile = self.head().await? {
                        return Err(self.no_file().await);
                    }
                }
                Phase::Asked | Phase::Broken => {
                    return Err(Error::Lost(std::io::Error::other("the session was left in the middle of a statement")));
                }
            }
        }
    }

    /// The beginning of an answer.
    async fn head(&mut self) -> Result<Head, Error> {
        self.set(Phase::Asked);
        let packet = self.received().await?;
        let bytes = self.line.bytes(packet);
        match bytes {
            [OK, ..] => {
                let ended = ended(bytes)?;
                self.set(after(&ended));
                Ok(Head::Done(ended))
            }
            [INFILE, ..] => Ok(Head::Infile),
            _ => {
                let count = super::wire::count(bytes)?;
                let mut columns = Vec::with_capacity(count.min(4096));
                for _ in 0..count {
                    let packet = self.received().await?;
                    columns.push(Column::read(self.line.bytes(packet))?);
                }
                if !self.ends_with_ok() {
                    self.received().await?;
                }
                self.set(Phase::Rows);
                Ok(Head::Rows(columns))
            }
        }
    }

    /// The next row, until the packet that ends them.
    async fn row(&mut self) -> Result<Option<Packet>, Error> {
        let packet = self.received().await?;
        let bytes = self.line.bytes(packet);
        // A row can begin with this byte too: where its first value is longer than any such packet.
        if bytes.first() == Some(&END) && packet.size() < 0xFF_FFFF {
            let ended = if self.ends_with_ok() { ended(bytes)? } else { super::wire::eof(bytes)? };
            self.set(after(&ended));
            return Ok(None);
        }
        Ok(Some(packet))
    }

    /// The next packet, unless it says what failed.
    async fn received(&mut self) -> Result<Packet, Error> {
        match self.line.packet().await {
            Ok(packet) => match self.line.bytes(packet) {
                bytes @ [REFUSED, ..] => {
                    let error = refusal(bytes);
                    // Whatever else was in the same text is not done.
                    self.set(Phase::Idle);
                    Err(error)
                }
                [] => {
                    self.set(Phase::Broken);
                    Err(Error::Protocol("an empty packet".to_owned()))
                }
                _ => Ok(packet),
            },
            Err(error) => {
                self.set(Phase::Broken);
                Err(error)
            }
        }
    }

    /// Why a line broke while we sent: a server that has had enough says so before it hangs up.
    async fn reason(&mut self, error: Error) -> Error {
        let said = tokio::time::timeout(REASON_LIMIT, self.line.packet()).await;
        let error = match said {
            Ok(Ok(packet)) if self.line.bytes(packet).first() == Some(&REFUSED) => refusal(self.line.bytes(packet)),
            _ => error,
        };
        self.set(Phase::Broken);
        error
    }

    /// Tells a server that asks for a file of ours that there is none: it gets no file by asking.
    async fn no_file(&mut self) -> Error {
        self.break_off().await;
        Error::Refused("the server asks for a file of this host".to_owned())
    }

    fn ends_with_ok(&self) -> bool {
        self.capabilities.contains(CapabilityFlags::CLIENT_DEPRECATE_EOF)
    }

    fn set(&mut self, phase: Phase) {
        self.phase = phase;
        self.at_work.store(!matches!(phase, Phase::Idle | Phase::Broken), Ordering::Relaxed);
    }

    /// Ends the statement at work, from outside.
    pub fn canceller(&self) -> Arc<dyn Cancel> {
        Arc::new(Canceller::new(self.connector.clone(), self.id, Arc::clone(&self.at_work)))
    }

    /// Ends the session in good order: the server has let go of the line when this returns, unless it takes longer than a few seconds.
    pub async fn close(mut self) {
        if self.phase != Phase::Idle {
            return;
        }
        let goodbye = async {
            self.line.ask(QUIT, &[]).await?;
            self.line.packet().await
        };
        // The end of the line is the answer.
        let _ = tokio::time::timeout(CLOSE_LIMIT, goodbye).await;
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.at_work.load(Ordering::Relaxed) {
            self.connector.abandon(self.id);
        }
    }
}

/// What comes after the end of an answer.
const fn after(ended: &Ended) -> Phase {
    if ended.has_more() { Phase::Between } else { Phase::Idle }
}
