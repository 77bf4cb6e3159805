//! Reads the archived log from a place on: which files, what is in them, and at which border a replay to a target ends. Asks no server.

use super::survey;
use crate::domain::binlog::{BinlogReport, Halt, Held, Passed, Place, ReplayFacts};
use crate::domain::recovery::{Bound, Micros};
use crate::domain::{Code, Fault};
use crate::server::mysql::binlog::event::{self, Body, Header, Kind};
use crate::server::mysql::binlog::query::Query;
use crate::server::mysql::binlog::reader::Event;
use crate::server::mysql::binlog::rows;
use crate::server::mysql::binlog::transaction::{Step, Tracker};
use crate::server::mysql::replay::{load, names};
use std::collections::BTreeSet;

/// Databases of the server itself.
const SYSTEM: [&str; 4] = ["mysql", "sys", "performance_schema", "information_schema"];

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
    let held = &report.logs[first];
    if !held.whole && held.bytes.0 < from.offset {
        return Err(Fault::new(Code::NotInArchive, format!("the archive ends before {from}, with which the replay begins"))
            .at("Archive", report.dir.display())
            .step_run("Archive up to now:", "dbbackup binlog archive --once")
            .step("Or begin with an older backup (--base-backup)."));
    }
    let mut logs = vec![held.clone()];
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
    /// The databases that are there: those of the backup, and what the log made since; none: nobody knows.
    known: Option<BTreeSet<String>>,
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
    event: Option<String>,
    made: Vec<String>,
    touched: BTreeSet<String>,
    refused: Option<Fault>,
    bytes: u64,
    largest: u64,
    loaded: u64,
}

impl<'a> Seeker<'a> {
    /// Looks for a target; `only` is the database whose changes are replayed, `rename` the other name that it gets, `known` the databases that are
    /// there at the beginning.
    pub fn new(halt: &'a Halt, bound: Bound, only: Option<&'a str>, rename: Option<&'a str>, known: Option<BTreeSet<String>>) -> Self {
        let (tracker, facts, open) = (Tracker::default(), ReplayFacts::default(), Draft::default());
        Self { halt, bound, only, rename, known, tracker, facts, open, over: false }
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
        self.open.largest = self.open.largest.max(event.bytes.len() as u64);
        self.reached(event.header.timestamp);
        let mut ended = None;
        let step = self.tracker.take(event.at, &event.header, &body, &mut ended);
        match step {
            Step::Outside => self.open = Draft::default(),
            Step::First | Step::Within => {}
            Step::Last | Step::Whole => {
                let draft = std::mem::take(&mut self.open);
                if let Some(open) = ended {
                    let at = Place { log: held.log.clone(), offset: open.at };
                    let passed = Passed { at, end: event.end(), committed: open.committed, clock: open.clock, gtid: open.gtid };
                    self.passed(passed, draft)?;
                }
            }
        }
        Ok(())
    }

    /// Notes until when the log reaches, by any event.
    fn reached(&mut self, seconds: u32) {
        let at = Some(Micros(i64::from(seconds) * 1_000_000));
        self.facts.reached = self.facts.reached.max(at.filter(|_| seconds > 0));
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
        self.facts.largest = self.facts.largest.max(draft.largest);
        self.facts.event = self.facts.event.take().or(draft.event);
        if let Some(known) = &mut self.known {
            known.extend(draft.made.iter().cloned());
            let strange = draft.touched.into_iter().filter(|name| !known.contains(name) && !SYSTEM.contains(&name.as_str()));
            for name in strange {
                if !self.facts.strange.contains(&name) {
                    self.facts.strange.push(name);
                }
            }
        }
        self.facts.makes.extend(draft.made);
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
                        && let Some(body) = event::read(&header, &inner)
                        && body != Body::Payload
                    {
                        self.look(&header, &body, &inner);
                    }
                }
            }
            Body::Rows if header.kind == Kind::TABLE_MAP && self.only.is_none() => {
                if let Some((database, _)) = rows::table(content) {
                    self.touches(database);
                }
            }
            Body::Piece(_, piece) => {
                self.open.loaded += piece.len() as u64;
                if self.open.loaded > load::MOST {
                    self.open.refused.get_or_insert_with(load::too_large);
                }
            }
            _ => {}
        }
    }

    fn touches(&mut self, database: &[u8]) {
        let name = String::from_utf8_lossy(database);
        if !name.is_empty() && !self.open.touched.contains(name.as_ref()) {
            self.open.touched.insert(name.into_owned());
        }
    }

    fn statement(&mut self, query: &Query<'_>) {
        let text = || names::shown(&query.text, SHOWN);
        if ["BEGIN", "COMMIT", "ROLLBACK"].iter().any(|word| query.is(word)) || query.begins("XA ") || query.begins("SAVEPOINT ") {
            return;
        }
        if let Some(only) = self.only {
            match names::fate(query, only, self.rename) {
                names::Fate::Leave => return,
                names::Fate::Refuse(why) => self.open.refused = Some(why.fault(&text())),
                names::Fate::Run => {}
            }
        } else if let Some(name) = names::made(query) {
            self.open.made.push(name);
        } else if let Some(name) = names::dropped(query) {
            self.open.touched.insert(name);
        } else if !names::is_of_accounts(query) {
            self.touches(query.database);
        }
        if self.open.event.is_none() && names::is_about_events(query) {
            self.open.event = Some(text());
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
            if event.header.kind != Kind::FORMAT {
                seeker.take(held, event, content)?;
            } else if held.log != from.log {
                seeker.reached(event.header.timestamp);
            }
            Ok(!seeker.is_over())
        })?;
        if seeker.is_over() {
            break;
        }
    }
    Ok(())
}

/// Takes an event with its content in plain; says whether it wants more.
pub type Take<'a> = dyn FnMut(&Event, &[u8]) -> Result<bool, Fault> + 'a;

/// Gives each event of a file from a place on, the format in any case, until `take` has had enough. Says whether the file ended first.
pub fn each(report: &BinlogReport, held: &Held, from: &Place, take: &mut Take<'_>) -> Result<bool, Fault> {
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
