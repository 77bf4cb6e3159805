//! The rehearsal: the definitions of each database are run on the target server in a scratch database that has the same properties, without
//! rows, and then it is dropped. A role, type, extension, collation or function that is missing is known within seconds.
//!
//! Databases with the same definitions are tried out once for all of them. Small databases share a scratch database, each in a transaction that is rolled back; those whose definitions would fill the lock table
//! get one of their own and are run in batches. Where our role may not make databases, the definitions are run in the target itself, if it is
//! there, in a transaction that is rolled back. Nothing is run that reaches beyond its database: no globals, no subscriptions, no event
//! triggers, nothing that [`crate::server::Server::stays_inside`] does not know.

mod told;

use super::Facts;
use super::checklist::{Checklist, Found, list, ok, unknown};
use super::locale;
use super::subject::Subject;
use super::trial::{self, Failure, Script};
use crate::domain::size::grouped;
use crate::domain::spec::Rehearse;
use crate::domain::text::clean;
use crate::domain::{Code, Fault};
use crate::engine::event::Level;
use crate::engine::restore::database;
use crate::engine::restore::run::DEFINITIONS_AT_ONCE;
use crate::server::{Cancel, LoadSettings, Loader, Purpose, Scratch, Swept, Trial};
use futures_util::future::join_all;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// The name of the line.
pub const NAME: &str = "rehearsal";

/// More definitions than this are tried out only when asked for: each takes about a millisecond of the server's time (2,000 tables with
/// serial columns are 8,000 definitions, and take a processor nine seconds).
const AUTO_DEFINITIONS: u64 = 2_000;

/// Scratch databases at the same time.
const LANES: usize = 4;

/// Definitions that are worth a further scratch database: making one and dropping it takes the server a second, and a checkpoint.
const LANE_DEFINITIONS: u64 = 1_000;

/// Connections that each of them takes: its keeper's, the session that works, and one that makes and drops.
const SESSIONS: u32 = 3;

/// Memory for index builds, of which there are none to speak of: the keys of some system extensions.
const MEMORY: u64 = 64 << 20;

/// How long a statement may take to end, and a scratch database to be dropped, after the rehearsal was told to stop.
const END_LIMIT: Duration = Duration::from_secs(5);
const DROP_LIMIT: Duration = Duration::from_secs(30);

/// What came of one database.
enum Outcome {
    Tried {
        definitions: usize,
        left_out: usize,
        failures: Vec<Failure>,
    },
    /// No database with its properties can be made.
    NoDatabase(Fault),
    /// It was not tried out, for this reason.
    Not(String),
}

/// Tries the definitions out; `refused` are the properties with which no database can be made.
pub async fn rehearse(facts: &Facts<'_>, list: &Checklist<'_>, limit: Duration, refused: &BTreeSet<[String; 7]>) -> Vec<Found> {
    if facts.info.in_recovery {
        let what = if facts.info.product.is_mysql() { "a server that is read only takes no trial" } else { "a standby takes no trial" };
        return vec![unknown(NAME, what, None)];
    }
    sweep(facts).await;
    let subjects: Vec<&Subject<'_>> = facts.subjects.iter().filter(|subject| subject.has_definitions() && !subject.is_part()).collect();
    if subjects.is_empty() {
        return vec![ok(NAME, "not needed: what is restored goes into a database that is there")];
    }
    let (first, alike) = alike(facts, &subjects);
    let definitions: u64 = first.iter().map(|subject| subject.needs.definitions).sum();
    if facts.spec.care.rehearse == Rehearse::Auto && definitions > AUTO_DEFINITIONS {
        let detail = format!("left out: {} definitions take a while", grouped(definitions));
        return vec![unknown(NAME, detail, Some("Have them tried out: --rehearse on".into()))];
    }
    let began = Instant::now();
    let halt = facts.context.cancel.child_token();
    let stage = Stage { facts, list, halt: halt.clone(), refused, done: AtomicUsize::new(0), all: first.len() };
    let work = stage.run(&first);
    tokio::pin!(work);
    let outcomes = tokio::select! {
        outcomes = &mut work => outcomes,
        () = tokio::time::sleep(limit) => {
            // The lanes end their statements and drop what they made, then they are over.
            halt.cancel();
            work.await
        }
    };
    told::told(&subjects, &alike, &outcomes, began.elapsed())
}

/// The databases that are tried out, and for each of all of them which one of those stands for it: a thousand tenants may have one schema.
/// What is tried out in the target itself is a matter of that target, and stands for no other.
fn alike<'a, 'b>(facts: &Facts<'_>, subjects: &[&'a Subject<'b>]) -> (Vec<&'a Subject<'b>>, Vec<usize>) {
    let in_targets = facts.supplies.as_ref().is_some_and(|supplies| !supplies.may_create);
    let mut known = HashMap::new();
    let mut first = Vec::new();
    let mut alike = Vec::with_capacity(subjects.len());
    for subject in subjects {
        let target = in_targets.then_some(subject.target.as_str());
        let place = *known.entry((locale::key(&subject.database.properties), subject.needs.likeness, target)).or_insert_with(|| {
            first.push(*subject);
            first.len() - 1
        });
        alike.push(place);
    }
    (first, alike)
}

/// Drops what runs that are gone have left.
async fn sweep(facts: &Facts<'_>) {
    let swept = tokio::time::timeout(DROP_LIMIT, facts.server.sweep_scratches(Purpose::Rehearsal)).await;
    match swept.unwrap_or_else(|_| Ok(Swept::default())) {
        Ok(swept) => {
            if !swept.dropped.is_empty() {
                let names = list(swept.dropped.iter().map(String::as_str));
                facts.context.events.log(Level::Info, format!("dropped {names}, left by a run that is gone"));
            }
            for (name, why) in swept.left {
                facts.context.events.log(Level::Debug, format!("{} is left alone: {why}", clean(&name)));
            }
        }
        Err(fault) => facts.context.events.log(Level::Debug, fault.to_string()),
    }
}

/// What the lanes share.
struct Stage<'a> {
    facts: &'a Facts<'a>,
    list: &'a Checklist<'a>,
    halt: CancellationToken,
    refused: &'a BTreeSet<[String; 7]>,
    done: AtomicUsize,
    all: usize,
}

/// A scratch database with a session in it.
struct Bench {
    key: [String; 7],
    scratch: Box<dyn Scratch>,
    loader: Box<dyn Loader>,
    used: Used,
}

/// Whether something was left in a scratch database.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Used {
    No,
    Yes,
}

impl Stage<'_> {
    /// All of them, in lanes; the outcomes are in the order of the subjects.
    async fn run(&self, subjects: &[&Subject<'_>]) -> Vec<Outcome> {
        // Those with the same properties follow each other, so that they can share.
        let mut order: Vec<usize> = (0..subjects.len()).collect();
        let keys: Vec<[String; 7]> = subjects.iter().map(|subject| locale::key(&subject.database.properties)).collect();
        order.sort_by_key(|at| &keys[*at]);
        let kinds = keys.iter().collect::<BTreeSet<_>>().len();
        let definitions: u64 = subjects.iter().map(|subject| subject.needs.definitions).sum();
        let worthwhile = usize::try_from(definitions / LANE_DEFINITIONS).unwrap_or(LANES) + 1;
        let info = self.facts.info;
        let free = info.max_connections.saturating_sub(info.connections).saturating_sub(1);
        let jobs = self.facts.spec.effort.jobs.max(1).min((free / SESSIONS).max(1));
        let lanes = LANES.min(jobs as usize).min(subjects.len()).min(worthwhile.max(kinds));
        let mut work = Vec::with_capacity(lanes);
        for slice in order.chunks(subjects.len().div_ceil(lanes.max(1))) {
            work.push(self.lane(subjects, slice));
        }
        let mut all: Vec<(usize, Outcome)> = join_all(work).await.into_iter().flatten().collect();
        all.sort_by_key(|(at, _)| *at);
        all.into_iter().map(|(_, outcome)| outcome).collect()
    }

    async fn lane(&self, subjects: &[&Subject<'_>], slice: &[usize]) -> Vec<(usize, Outcome)> {
        let mut bench: Option<Bench> = None;
        let mut outcomes = Vec::with_capacity(slice.len());
        for at in slice {
            let outcome = if self.halt.is_cancelled() {
                Outcome::Not("there was no time".into())
            } else {
                self.one(subjects[*at], &mut bench).await.unwrap_or_else(|fault| Outcome::Not(fault.to_string()))
            };
            outcomes.push((*at, outcome));
            let done = self.done.fetch_add(1, Relaxed) + 1;
            self.list.at_work(NAME, format!("{done} of {} databases", self.all));
        }
        self.clear(bench).await;
        outcomes
    }

    async fn one(&self, subject: &Subject<'_>, bench: &mut Option<Bench>) -> Result<Outcome, Fault> {
        let facts = self.facts;
        let key = locale::key(&subject.database.properties);
        if self.refused.contains(&key) {
            return Ok(Outcome::Not("no database with its locale can be made".into()));
        }
        let script = trial::script(facts.archive, subject, facts.spec, facts.server, facts.supplies.as_ref()).await?;
        if facts.supplies.as_ref().is_some_and(|supplies| !supplies.may_create) {
            return self.in_target(subject, &script).await;
        }
        if bench.as_ref().is_some_and(|bench| bench.key != key || bench.used == Used::Yes) {
            self.clear(bench.take()).await;
        }
        let ready = match bench.take() {
            Some(ready) => ready,
            None => match self.prepare(subject, key).await? {
                Ok(ready) => ready,
                Err(fault) => return Ok(Outcome::NoDatabase(fault)),
            },
        };
        let ready = bench.insert(ready);
        // What one transaction may hold when all lanes are at work, with half of the lock table left to others.
        let room = facts.info.lock_capacity / 2 / LANES as u64;
        let failed = if script.locks <= room.max(64) {
            self.attempt(ready.loader.as_mut(), &script, 0, script.objects.len(), Trial::TakenBack).await
        } else {
            ready.used = Used::Yes;
            self.in_batches(ready.loader.as_mut(), &script, room).await
        };
        if failed.is_err() {
            // The session may be in any state.
            ready.used = Used::Yes;
        }
        Ok(outcome(&script, failed?))
    }

    /// Batches that stay in a scratch database of their own.
    async fn in_batches(&self, loader: &mut dyn Loader, script: &Script, room: u64) -> Result<Vec<(usize, Fault)>, Fault> {
        let mut failed = Vec::new();
        let each = usize::try_from(room / 4).unwrap_or(usize::MAX).clamp(16, DEFINITIONS_AT_ONCE);
        let mut from = 0;
        while from < script.objects.len() {
            let to = (from + each).min(script.objects.len());
            failed.extend(self.attempt(loader, script, from, to, Trial::Kept).await?);
            from = to;
        }
        Ok(failed)
    }

    async fn attempt(
        &self,
        loader: &mut dyn Loader,
        script: &Script,
        from: usize,
        to: usize,
        trial: Trial,
    ) -> Result<Vec<(usize, Fault)>, Fault> {
        let objects: Vec<_> = script.objects[from..to].iter().collect();
        let choices = database::choices(self.facts.spec);
        let canceller = loader.canceller();
        let failed = self.guarded(loader.attempt(&objects, &choices, trial), canceller).await?;
        Ok(failed.into_iter().map(|(at, fault)| (from + at, fault)).collect())
    }

    /// Where databases may not be made: in the target itself, which must be there, and of which nothing changes.
    async fn in_target(&self, subject: &Subject<'_>, script: &Script) -> Result<Outcome, Fault> {
        let facts = self.facts;
        let there = facts.existing.iter().any(|one| one.name == subject.target && one.allow_connections);
        if !there || facts.spec.clean {
            return Ok(Outcome::Not("the role may not make a scratch database".into()));
        }
        if script.locks > facts.info.lock_capacity / 2 {
            return Ok(Outcome::Not("the lock table has no room for all of it in one transaction".into()));
        }
        let (objects, _) = facts.server.weigh(&subject.target).await?;
        if objects > 0 {
            return Ok(Outcome::Not("the target is not empty".into()));
        }
        let mut loader = facts.server.loader(&subject.target, &self.settings()).await?;
        let failed = self.attempt(loader.as_mut(), script, 0, script.objects.len(), Trial::TakenBack).await;
        loader.close().await;
        Ok(outcome(script, failed?))
    }

    fn settings(&self) -> LoadSettings {
        LoadSettings {
            run: None,
            binlog: self.facts.spec.binlog,
            index_memory: MEMORY,
            toast_compression: self.facts.spec.toast_compression.clone(),
            row_encoding: None,
            choices: database::choices(self.facts.spec),
        }
    }

    /// Makes a scratch database and opens a session in it. The inner failure is one of the database's properties.
    async fn prepare(&self, subject: &Subject<'_>, key: [String; 7]) -> Result<Result<Bench, Fault>, Fault> {
        let choices = database::choices(self.facts.spec);
        let mut making = std::pin::pin!(self.facts.server.scratch(Purpose::Rehearsal, &subject.database.properties, &choices));
        let made = tokio::select! {
            biased;
            made = &mut making => made,
            // A database that is being made could not be dropped. One that takes too long is left to the next run.
            () = self.halt.cancelled() => tokio::time::timeout(DROP_LIMIT, &mut making)
                .await
                .unwrap_or_else(|_| Err(Fault::new(Code::Cancelled, "there was no time"))),
        };
        let scratch = match made {
            Ok(scratch) => scratch,
            Err(fault) if matches!(fault.sqlstate.as_deref(), Some("22023" | "42809" | "42704" | "0A000")) => return Ok(Err(fault)),
            Err(fault) => return Err(fault),
        };
        match self.facts.server.loader(scratch.name(), &self.settings()).await {
            Ok(loader) => Ok(Ok(Bench { key, scratch, loader, used: Used::No })),
            Err(fault) => {
                self.remove(scratch).await;
                Err(fault)
            }
        }
    }

    async fn clear(&self, bench: Option<Bench>) {
        if let Some(bench) = bench {
            bench.loader.close().await;
            self.remove(bench.scratch).await;
        }
    }

    async fn remove(&self, scratch: Box<dyn Scratch>) {
        let name = scratch.name().to_owned();
        let why = match tokio::time::timeout(DROP_LIMIT, scratch.remove()).await {
            Ok(Ok(())) => return,
            Ok(Err(fault)) => fault.to_string(),
            Err(_) => format!("no answer within {} s", DROP_LIMIT.as_secs()),
        };
        let said = format!("the scratch database {name} is still there, the next run drops it: {why}");
        self.facts.context.events.log(Level::Warn, said.clone());
        self.facts.left.lock().unwrap_or_else(PoisonError::into_inner).push(said);
    }

    /// Waits for a call; when the rehearsal is over before, the server is asked to end the statement.
    async fn guarded<T>(&self, call: impl Future<Output = Result<T, Fault>>, canceller: Arc<dyn Cancel>) -> Result<T, Fault> {
        let mut call = std::pin::pin!(call);
        tokio::select! {
            biased;
            done = &mut call => return done,
            () = self.halt.cancelled() => {}
        }
        canceller.cancel().await;
        // What it still says is of no interest; a session that does not end is closed by dropping its database.
        let _ = tokio::time::timeout(END_LIMIT, &mut call).await;
        Err(Fault::new(Code::Cancelled, "there was no time"))
    }
}

fn outcome(script: &Script, failed: Vec<(usize, Fault)>) -> Outcome {
    Outcome::Tried { definitions: script.objects.len(), left_out: script.left_out, failures: trial::failures(script, failed) }
}
