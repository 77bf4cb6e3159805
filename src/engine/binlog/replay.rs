//! Carries a recovery to a moment out: restores the backup, then makes the changes of the log in one session, up to the border that was found.

use super::plan::{Known, look, restored, told, words};
use super::scan;
use crate::domain::binlog::Place;
use crate::domain::job::{DatabaseProgress, DatabaseState, Phase, Progress, Ratio, Summary, TableProgress};
use crate::domain::size::grouped;
use crate::domain::spec::{ReplayBase, ReplaySpec};
use crate::domain::{Code, Fault};
use crate::engine::event::Event;
use crate::engine::{Context, restore};
use crate::server::binlog::ReplaySettings;
use crate::server::mysql::binlog::event;
use crate::server::mysql::binlog::transaction::{Step, Tracker};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Events that are read ahead of the server.
const AHEAD: usize = 256;

/// Between two tellings of how far it is.
const EVERY: Duration = Duration::from_millis(100);

/// What passes from whoever reads to whoever replays.
struct Item {
    place: Place,
    event: Vec<u8>,
    /// Where it stands in its transaction.
    step: Step,
}

/// Does it.
pub async fn run(spec: &ReplaySpec, context: &Context) -> Result<Summary, Fault> {
    let began = Instant::now();
    // Before anything is changed: what was there when it was planned may be gone.
    let (asked, cancel) = (spec.clone(), context.cancel.clone());
    let looked = tokio::task::spawn_blocking(move || look(&asked, &cancel));
    let known = looked.await.map_err(|error| Fault::internal("looking through the log broke off").caused_by(&error))??;
    let mut summary = match restored(spec) {
        Some(inner) => {
            let summary = restore::run(inner, context).await?;
            if let Some(failed) = summary.failed().next() {
                return Err(Fault::new(Code::Partial, "the backup was not restored completely, so nothing was replayed on it")
                    .because(format!("{failed:?}")));
            }
            summary
        }
        None => {
            context.events.post(Event::Started);
            Summary::default()
        }
    };
    let known = Arc::new(known);
    let prepared = replay(spec, &known, context).await.map_err(|failure| failure.told(spec))?;
    let end = &known.facts.end;
    summary.row_bytes.0 += known.facts.bytes;
    summary.notes.push(format!("Replayed {} transactions, to {}.", grouped(known.facts.transactions), words(&spec.target, spec.bound)));
    summary.notes.push(format!("Last replayed: {}", end.last.as_ref().map_or_else(|| "none".to_owned(), told)));
    summary.notes.push(format!("First not replayed: {}", end.next.as_ref().map_or_else(|| "none: the archive ends".to_owned(), told)));
    summary.notes.extend(prepared.iter().map(|xid| {
        format!(
            "Prepared at the border, and neither committed nor rolled back: it holds its locks until XA COMMIT {xid}; or XA ROLLBACK {xid};"
        )
    }));
    summary.duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(summary)
}

/// A replay that broke off.
struct Failure {
    fault: Fault,
    /// Where the last transaction ended that is certainly there; none: it cannot be said.
    safe: Option<Place>,
}

impl Failure {
    /// The fault, with what to do next.
    fn told(self, spec: &ReplaySpec) -> Fault {
        let mut fault = self.fault;
        if let Some(place) = &self.safe {
            fault = fault.at("Replayed up to", place);
        }
        fault = fault.step("What was replayed before it is committed; the databases stand between the beginning and the target.");
        fault = match (&spec.base, &self.safe) {
            (ReplayBase::Backup { .. }, _) => {
                fault.step("Cure it and run the same command again, with --clean: it begins with the backup anew.")
            }
            (ReplayBase::There(_), Some(_)) => fault,
            (ReplayBase::There(_), None) => fault.step("How far it came is not known: begin with a backup (without --from)."),
        };
        match self.safe {
            Some(place) => fault.step(format!(
                "Or, once it is cured, go on from there: the same command with --from {place}, without a backup and without --clean."
            )),
            None => fault,
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self { fault, safe: None }
    }
}

/// Gives the transactions that it left prepared.
async fn replay(spec: &ReplaySpec, known: &Arc<Known>, context: &Context) -> Result<Vec<String>, Failure> {
    let Some(last) = &known.facts.end.last else { return Ok(Vec::new()) };
    let stop = Place { log: last.at.log.clone(), offset: last.end };
    let settings = ReplaySettings { only: spec.database.clone(), rename: spec.renamed().map(str::to_owned), binlog: spec.binlog };
    let mut session = context.server()?.replayer(&settings).await?;
    // Who may not ask is told of none.
    let before = session.prepared().await.unwrap_or_default();
    let canceller = session.canceller();
    // Full: the reader waits. Closed by the reader at the border, or by the session when it fails.
    let (sender, mut receiver) = mpsc::channel::<Result<Item, Fault>>(AHEAD);
    let (source, border) = (Arc::clone(known), stop);
    let reading = tokio::task::spawn_blocking(move || {
        if let Err(fault) = read(&source, &border, &sender) {
            // Nobody listens any more when the session has failed.
            let _ = sender.blocking_send(Err(fault));
        }
    });
    let mut safe = Some(known.from.clone());
    let mut board = Board { known, context, done: 0, told: None };
    let work = async {
        while let Some(item) = receiver.recv().await {
            let Item { place, event, step } = item?;
            session.take(&place, &event).await?;
            board.passed(&place, event.len() as u64);
            if matches!(step, Step::Last | Step::Whole) {
                safe = Some(Place { offset: place.offset + event.len() as u64, log: place.log });
            }
        }
        Ok(())
    };
    let ended = tokio::select! {
        biased;
        () = context.cancel.cancelled() => {
            canceller.cancel().await;
            Err(Fault::new(Code::Cancelled, "cancelled"))
        }
        ended = work => ended,
    };
    drop(receiver);
    let left = match &ended {
        Ok(()) => session.prepared().await.unwrap_or_default(),
        Err(_) => BTreeSet::new(),
    };
    session.close().await;
    reading.await.map_err(|error| Fault::internal("reading the log broke off").caused_by(&error))?;
    // A session that was lost may have committed what it was not told of.
    ended.map_err(|fault: Fault| Failure { safe: safe.filter(|_| fault.sqlstate.is_some()), fault })?;
    Ok(left.difference(&before).cloned().collect())
}

/// Reads the events from the beginning to the border.
fn read(known: &Known, stop: &Place, sender: &mpsc::Sender<Result<Item, Fault>>) -> Result<(), Fault> {
    let mut tracker = Tracker::default();
    for held in known.logs.iter().filter(|held| held.log <= stop.log) {
        let mut gone = false;
        scan::each(&known.report, held, &known.from, &mut |event, content| {
            if held.log == stop.log && event.at >= stop.offset {
                return Ok(false);
            }
            let place = Place { log: held.log.clone(), offset: event.at };
            let step =
                event::read(&event.header, content).map_or(Step::Outside, |body| tracker.take(event.at, &event.header, &body, &mut None));
            gone = sender.blocking_send(Ok(Item { place, event: event.bytes.clone(), step })).is_err();
            Ok(!gone)
        })?;
        if gone {
            break;
        }
    }
    Ok(())
}

/// Tells how far it is.
struct Board<'a> {
    known: &'a Known,
    context: &'a Context,
    done: u64,
    told: Option<Instant>,
}

impl Board<'_> {
    fn passed(&mut self, place: &Place, bytes: u64) {
        self.done += bytes;
        if self.told.is_some_and(|told| told.elapsed() < EVERY) {
            return;
        }
        self.told = Some(Instant::now());
        let total = self.known.facts.bytes;
        let bytes = Ratio { done: self.done.min(total), total };
        let name = "binary log".to_owned();
        let doing = format!("replaying, at {place}");
        let active =
            TableProgress { database: name.clone(), table: "log".to_owned(), doing, bytes, workers: 1, ..TableProgress::default() };
        let database = DatabaseProgress { name, state: DatabaseState::Running(Phase::Replaying), bytes, ..DatabaseProgress::default() };
        let progress = Progress { phase: Phase::Replaying, bytes, databases: vec![database], active: vec![active], ..Progress::default() };
        self.context.events.post(Event::Progress(Box::new(progress)));
    }
}
