//! Reads the archived log from a place on: which files, what is in them, and at which border a replay to a target ends. Asks no server.

use super::survey;
use crate::domain::binlog::{BinlogReport, Halt, Held, Passed, Place, ReplayFacts};
use crate::domain::recovery::Bound;
use crate::domain::text::clean;
use crate::domain::{Code, Fault};
use crate::server::mysql::binlog::event::{self, Body, Header, Kind};
use crate::server::mysql::binlog::query::Query;
use crate::server::mysql::binlog::reader::Event;
use crate::server::mysql::binlog::transaction::{Step, Tracker};
use crate::server::mysql::replay::{self, names};

/// Statements and names that are kept for a person.
const TOLD: usize = 5;

/// The longest part of a statement that is kept.
const SHOWN: usize = 120;

/// The files from a place on, up to the first gap; the fault says why there is no such file.
pub fn chain(report: &BinlogReport, from: &Place) -> Result<(Vec<Held>, Option<String>), Fault> {
    let first = report.logs.iter().position(|held| held.log == from.log).ok_or_else(|| {
        Fault::new(Code::FileMissing, format!("the archive does not hold {}, with which the replay begins", from.log))
            .at("Archive", report.dir.display())
            .step("If the server still has it, and the archive begins later, copy it from the server's folder into the archive.")
            .step("Else begin with a backup whose place in the log is in the archive: `dbbackup binlog list` shows from when on.")
    })?;
    let mut logs = vec![report.logs[first].clone()];
    let mut missing = None;
    for held in &report.logs[first + 1..] {
        let last = logs.last().map(|last| (last.whole, last.log.next()));
        if last != Some((true, held.log.clone())) {
            missing = last.map(|(whole, next)| if whole { next.to_string() } else { "the rest of the file before".to_owned() });
            break;
        }
        logs.push(held.clone());
    }
    Ok((logs, missing))
}

/// Follows events to the target of a replay.
pub struct Seeker<'a> {
    halt: &'a Halt,
    bound: Bound,
    only: Option<&'a str>,
    rename: Option<&'a str>,
    tracker: Tracker,
    /// What was found so far.
    pub facts: ReplayFacts,
    /// Of the transaction that is not over.
    open: Draft,
    over: bool,
}

#[derive(Default)]
struct Draft {
    statements: u64,
    statement: Option<String>,
    crossing: Vec<String>,
    refused: Option<Fault>,
    bytes: u64,
}

impl<'a> Seeker<'a> {
    /// Looks for a target; `only` is the database whose changes are replayed, `rename` the other name that it gets.
    pub fn new(halt: &'a Halt, bound: Bound, only: Option<&'a str>, rename: Option<&'a str>) -> Self {
        Self { halt, bound, only, rename, tracker: Tracker::default(), facts: ReplayFacts::default(), open: Draft::default(), over: false }
    }

    /// Whether the target has been found: what comes now is not replayed.
    pub const fn is_over(&self) -> bool {
        self.over && self.facts.end.next.is_some()
    }

    /// Takes the next event. A fault is about what would have to be replayed and cannot be.
    pub fn take(&mut self, held: &Held, event: &Event, content: &[u8]) -> Result<(), Fault> {
        let place = Place { log: held.log.clone(), offset: event.at };
        let body = event::read(&event.header, content)
            .ok_or_else(|| Fault::new(Code::CorruptedBackup, "an event of the log is too short for what it is").at("Place", &place))?;
        self.look(&event.header, &body, content);
        self.open.bytes += event.bytes.len() as u64;
        let mut ended = None;
        let step = self.tracker.take(event.at, &event.header, &body, &mut ended);
        match step {
            Step::Outside => self.open = Draft::default(),
            Step::First | Step::Within => {}
            Step::Last | Step::Whole => {
                let draft = std::mem::take(&mut self.open);
                if let Some(open) = ended {
                    let at = Place { log: held.log.clone(), offset: open.at };
                    let passed = Passed { at, end: event.end(), committed: open.committed, gtid: open.gtid };
                    self.passed(passed, draft)?;
                }
            }
        }
        Ok(())
    }

    fn passed(&mut self, passed: Passed, draft: Draft) -> Result<(), Fault> {
        if self.over || self.halt.is_before(&passed, self.bound) {
            self.over = true;
            self.facts.end.next.get_or_insert(passed);
            return Ok(());
        }
        if let Some(fault) = draft.refused {
            return Err(fault.at("Place", &passed.at));
        }
        self.over = self.halt.is_at(&passed);
        self.facts.transactions += 1;
        self.facts.bytes += draft.bytes;
        self.facts.statements += draft.statements;
        if self.facts.statement.is_none() {
            self.facts.statement = draft.statement;
        }
        let room = TOLD.saturating_sub(self.facts.crossing.len());
        self.facts.crossing.extend(draft.crossing.into_iter().take(room));
        self.facts.end.last = Some(passed);
        Ok(())
    }

    fn look(&mut self, header: &Header, body: &Body<'_>, content: &[u8]) {
        match body {
            Body::Query(query) => self.statement(query),
            Body::Payload => {
                // A transaction that cannot be unpacked is told when it is replayed.
                for inner in crate::server::mysql::binlog::payload::events(content).unwrap_or_default() {
                    if let Ok(header) = Header::read(&inner)
                        && let Some(Body::Query(query)) = event::read(&header, &inner)
                    {
                        self.statement(&query);
                    }
                }
            }
            _ if matches!(header.kind, Kind::BEGIN_LOAD_QUERY | Kind::EXECUTE_LOAD_QUERY) => self.open.refused = Some(replay::load_data()),
            _ => {}
        }
    }

    fn statement(&mut self, query: &Query<'_>) {
        let text = || {
            let text = String::from_utf8_lossy(&query.text);
            clean(text.trim()).chars().take(SHOWN).collect::<String>()
        };
        if let Some(only) = self.only {
            match names::fate(query, only, self.rename) {
                names::Fate::Leave => return,
                names::Fate::Refuse => {
                    self.open.refused = Some(
                        Fault::new(Code::Usage, "a statement names the database itself, and cannot be replayed under another name")
                            .with_statement(&text())
                            .step("Recover the database under its own name, on another server."),
                    );
                }
                names::Fate::Run if names::crosses(query, only) => self.open.crossing.push(text()),
                names::Fate::Run => {}
            }
        }
        let changes = ["INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD"];
        if changes.iter().any(|verb| query.begins(verb)) {
            self.open.statements += 1;
            self.open.statement.get_or_insert_with(text);
        }
    }
}

/// Reads from a place to the target, and one transaction beyond. `alive` is asked between events.
pub fn seek(
    report: &BinlogReport,
    logs: &[Held],
    from: &Place,
    seeker: &mut Seeker<'_>,
    alive: &dyn Fn() -> Result<(), Fault>,
) -> Result<(), Fault> {
    for held in logs {
        seeker.facts.logs += 1;
        alive()?;
        each(report, held, from, &mut |event, content| {
            alive()?;
            if event.header.kind != Kind::FORMAT || event.at > Place::FIRST {
                seeker.take(held, event, content)?;
            }
            Ok(!seeker.is_over())
        })?;
        if seeker.is_over() {
            break;
        }
    }
    Ok(())
}

/// Gives each event of a file from a place on, the format in any case, until `take` has had enough. Says whether the file ended first.
pub fn each(
    report: &BinlogReport,
    held: &Held,
    from: &Place,
    take: &mut dyn FnMut(&Event, &[u8]) -> Result<bool, Fault>,
) -> Result<bool, Fault> {
    let path = report.dir.join(&held.file);
    let start = if held.log == from.log { from.offset } else { 0 };
    let mut reader = survey::open(&report.dir, held)?;
    let mut met = start <= Place::FIRST;
    loop {
        let event = match reader.next() {
            Ok(Some(event)) => event,
            Ok(None) => break,
            // The file in work may end anywhere while somebody writes to it.
            Err(crate::server::mysql::binlog::reader::Trouble::Torn(_)) if !held.whole => break,
            Err(trouble) => return Err(survey::damaged(&path, trouble)),
        };
        met |= event.at == start || event.end() == start;
        if event.at < start && event.header.kind != Kind::FORMAT {
            continue;
        }
        if !met && event.at > start {
            break;
        }
        let content = reader.format().map_or(&event.bytes[..], |format| format.content(&event.bytes));
        if !take(&event, content)? {
            return Ok(false);
        }
    }
    if !met {
        return Err(Fault::new(Code::WalForeign, format!("no event of {} begins at {start}", held.log))
            .at("Path", path.display())
            .step("The place is of another server's log, or the server has begun its log anew since."));
    }
    Ok(true)
}
