//! Runs a dump: what [`super::gate`] lets pass, by sessions that take one statement at a time.

use super::folder::{Files, Script, Stage};
use super::gate::{Act, Findings, Gate, Kind, Rules, What, shortened};
use super::inspect::{flavour, is_wanted};
use super::late::Late;
use super::reading::Reader;
use super::{Form, SqlDump};
use crate::domain::server::ServerInfo;
use crate::domain::spec::Binlog;
use crate::domain::{Code, Fault, text};
use crate::server::mysql::connect::{Connector, Session};
use crate::server::mysql::quote::ident;
use crate::server::mysql::session::Done;
use crate::server::mysql::wire::Error;
use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Statements that wait for their session. When it is full the reader waits; the reader closes it at its end.
const AHEAD: usize = 4;

/// How many faults of a dump are kept where it is gone on after them.
const FAULTS: usize = 1000;

/// How many tables with altered values are told.
const ALTERED: usize = 20;

/// MariaDB's "the value specified for a generated column has been ignored".
const GENERATED: u16 = 1906;

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Order<'a> {
    /// The dump.
    pub dump: &'a SqlDump,
    /// The server.
    pub server: &'a ServerInfo,
    /// What of it.
    pub rules: Rules,
    /// Where to: databases of the dump with their names on the server. The first is also for what names no database.
    pub targets: &'a [(Option<String>, String)],
    /// Sessions at the same time, where the dump is of several files.
    pub jobs: u32,
    /// Whether it is gone on after a statement that failed.
    pub go_on: bool,
    /// Whether it is written into the server's binary log.
    pub binlog: Binlog,
}

/// How it goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// So many bytes more of the dump were read and run; the target they are for.
    Read(String, u64),
    /// Rows of a table begin: target, table.
    Began(String, String),
    /// So many rows of a table are there.
    Rows(String, String, u64),
    /// A table's rows are done.
    Finished(String, String),
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ended {
    /// What it went over.
    pub faults: Vec<Fault>,
    /// What the dump had.
    pub findings: Findings,
    /// How many rows the server says it took.
    pub rows: u64,
    /// Values that the server did not take as they are in the dump, in its words: one for each table.
    pub altered: Vec<String>,
}

impl Ended {
    fn add(&mut self, other: Self) {
        self.faults.extend(other.faults);
        self.findings.merge(&other.findings);
        self.rows += other.rows;
        self.altered.extend(other.altered);
    }
}

type Says<'a> = &'a (dyn Fn(Said) + Send + Sync);

/// See [`crate::server::SqlDumps::load`].
pub async fn load(connector: &Connector, order: &Order<'_>, says: Says<'_>, cancel: &CancellationToken) -> Result<Ended, Fault> {
    let work = Work { connector, order, says, cancel };
    match &order.dump.form {
        Form::Script => {
            let reader = blocking({
                let (path, wrapper) = (order.dump.path.clone(), order.dump.wrapper);
                move || Reader::script(&path, wrapper)
            })
            .await?;
            let mut hand = work.hand().await?;
            let done = work.run(&mut hand, reader, work.gate()).await?;
            hand.session.close().await;
            Ok(done)
        }
        Form::Folder(files) => work.folder(files).await,
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Fault::internal("reading the dump broke off").caused_by(&error)))
}

/// A session and the database that it is in.
struct Hand {
    session: Session,
    target: String,
}

struct Work<'a> {
    connector: &'a Connector,
    order: &'a Order<'a>,
    says: Says<'a>,
    cancel: &'a CancellationToken,
}

impl Work<'_> {
    fn gate(&self) -> Gate {
        let order = self.order;
        Gate::new(flavour(order.dump, Some(order.server)), order.rules.clone(), order.dump.facts.database.clone())
    }

    /// The name on the server of a database of the dump.
    fn target(&self, database: &str) -> Result<&str, Fault> {
        let all = self.order.targets;
        let named = all.iter().find(|(name, _)| name.as_deref() == Some(database)).or_else(|| all.iter().find(|(name, _)| name.is_none()));
        named.map(|(_, target)| target.as_str()).ok_or_else(|| {
            Fault::new(
                Code::NotInArchive,
                format!("the dump has a database {} that was not there when it was looked at", text::clean(database)),
            )
            .at("File", self.order.dump.path.display())
            .step("Start the restore anew: the dump has changed meanwhile.")
        })
    }

    /// A session as the programs that restore such dumps begin.
    async fn hand(&self) -> Result<Hand, Fault> {
        let target = self.order.targets.first().map(|(_, target)| target.clone()).unwrap_or_default();
        let mut session = self.connector.session(Some(&target)).await?;
        let what = "cannot prepare a session";
        let mut must = vec!["SET SESSION foreign_key_checks = 0, unique_checks = 0"];
        if self.order.binlog == Binlog::Off {
            must.push("SET SESSION sql_log_bin = 0");
        }
        for sql in must {
            let done = session.run(sql).await;
            done.map_err(|error| self.connector.fault(what, &error, &target).with_statement(sql))?;
        }
        // What the source took is taken here too. Not every server has these.
        for wish in [
            "sql_generate_invisible_primary_key = 0",
            "sql_require_primary_key = 0",
            "innodb_strict_mode = 0",
            "system_versioning_insert_history = 1",
        ] {
            match session.run(&format!("SET SESSION {wish}")).await {
                Ok(_) | Err(Error::Server { .. }) => {}
                Err(error) => return Err(self.connector.fault(what, &error, &target)),
            }
        }
        session.one_statement_at_a_time().await.map_err(|error| self.connector.fault(what, &error, &target))?;
        Ok(Hand { session, target })
    }

    /// A script, by one session.
    async fn run(&self, hand: &mut Hand, reader: Reader, gate: Gate) -> Result<Ended, Fault> {
        let read = reader.progress();
        let path = text::clean(&reader.path().display().to_string());
        let (send, mut receive) = mpsc::channel(AHEAD);
        let feeding = tokio::task::spawn_blocking(move || feed(reader, gate, &send));
        let mut done = Ended::default();
        let mut table: Option<String> = None;
        let mut late = Late::default();
        let outcome = async {
            loop {
                let next = tokio::select! {
                    biased;
                    () = self.cancel.cancelled() => return Err(Fault::new(Code::Cancelled, "cancelled")),
                    next = receive.recv() => next,
                };
                let Some((act, line)) = next else { return self.late(hand, &mut late, &mut done, &path).await };
                match act {
                    Act::Nothing => {}
                    Act::Enter(name) => {
                        self.finished(hand, &mut table);
                        hand.target = self.target(&name)?.to_owned();
                        let sql = format!("USE {}", ident(&hand.target));
                        let entered = self.sent(&mut hand.session, sql.as_bytes()).await?;
                        entered
                            .map_err(|error| self.connector.fault("cannot enter the database", &error, &hand.target).at("Line", line))?;
                    }
                    Act::Run(sql, what) => {
                        if let What::Rows(name, _) = &what
                            && table.as_ref() != Some(name)
                        {
                            self.finished(hand, &mut table);
                            (self.says)(Said::Began(hand.target.clone(), name.clone()));
                            table = Some(name.clone());
                        }
                        let answer = self.sent(&mut hand.session, &sql).await?;
                        if what == What::Setting {
                            late.set(&sql);
                        }
                        match answer {
                            Err(Error::Server { .. }) if matches!(what, What::Made(Kind::View, _)) => late.put_off(&hand.target, sql, line),
                            Ok(Done { affected, warnings, .. }) => {
                                if let What::Rows(name, _) = what {
                                    if warnings > 0 {
                                        self.altered(hand, &name, line, warnings, &mut done.altered).await?;
                                    }
                                    done.rows += affected;
                                    (self.says)(Said::Rows(hand.target.clone(), name, affected));
                                }
                            }
                            Err(error) => {
                                let fault = self.failed(&error, &hand.target, &sql, line).at("File", &path);
                                if !self.order.go_on || error.number().is_none() || done.faults.len() >= FAULTS {
                                    return Err(fault);
                                }
                                done.faults.push(fault);
                            }
                        }
                    }
                }
                (self.says)(Said::Read(hand.target.clone(), read.swap(0, Ordering::Relaxed)));
            }
        }
        .await;
        drop(receive);
        let fed = feeding.await.map_err(|error| Fault::internal("reading the dump broke off").caused_by(&error))?;
        outcome?;
        self.finished(hand, &mut table);
        (self.says)(Said::Read(hand.target.clone(), read.swap(0, Ordering::Relaxed)));
        done.findings = fed?;
        Ok(done)
    }

    /// Makes the views that could not be made when it was their turn, as long as that gets on.
    async fn late(&self, hand: &mut Hand, late: &mut Late, done: &mut Ended, path: &str) -> Result<(), Fault> {
        loop {
            let before = late.views.len();
            let mut faults = Vec::new();
            for view in std::mem::take(&mut late.views) {
                let enter = format!("USE {}", ident(&view.target));
                for sql in std::iter::once(enter.as_bytes()).chain(view.settings.iter().map(Vec::as_slice)) {
                    let set = self.sent(&mut hand.session, sql).await?;
                    set.map_err(|error| self.connector.fault("cannot prepare a session", &error, &view.target))?;
                }
                if let Err(error) = self.sent(&mut hand.session, &view.sql).await? {
                    let fault = self.failed(&error, &view.target, &view.sql, view.line).at("File", path);
                    if error.number().is_none() {
                        return Err(fault);
                    }
                    faults.push(fault);
                    late.views.push(view);
                }
            }
            if late.views.is_empty() {
                return Ok(());
            }
            if late.views.len() == before {
                if !self.order.go_on {
                    return faults.into_iter().next().map_or(Ok(()), Err);
                }
                done.faults.extend(faults);
                return Ok(());
            }
        }
    }

    fn finished(&self, hand: &Hand, table: &mut Option<String>) {
        if let Some(table) = table.take() {
            (self.says)(Said::Finished(hand.target.clone(), table));
        }
    }

    /// Runs a statement. A session that is given up is ended on the server.
    async fn sent(&self, session: &mut Session, sql: &[u8]) -> Result<Result<Done, Error>, Fault> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Fault::new(Code::Cancelled, "cancelled")),
            done = session.run_bytes(sql) => Ok(done),
        }
    }

    /// Notes what the server has warned of: where nothing is strict, it bends values that do not fit.
    async fn altered(&self, hand: &mut Hand, table: &str, line: u64, warnings: u64, told: &mut Vec<String>) -> Result<(), Fault> {
        let begins = format!("{table}, line ");
        if told.len() >= ALTERED || told.iter().any(|one| one.starts_with(&begins)) {
            return Ok(());
        }
        let asked = hand.session.query("SHOW WARNINGS").await;
        let rows = asked.map_err(|error| self.connector.fault("cannot read the server's warnings", &error, &hand.target))?;
        // mariadb-dump writes the values of generated columns, which are made anew.
        if let Some(row) = rows.iter().find(|row| row.number::<u16>(1) != Some(GENERATED)) {
            told.push(format!("{begins}{line}: {} ({warnings} warnings)", text::clean(&row.owned(2))));
        }
        Ok(())
    }

    fn failed(&self, error: &Error, target: &str, sql: &[u8], line: u64) -> Fault {
        let fault = self.connector.fault(format!("a statement of the dump failed, in line {line}"), error, target).at("Line", line);
        let fault = fault.with_statement(&shortened(sql));
        match error.number() {
            Some(1227 | 1449) if memchr::memmem::find(sql, b"DEFINER").is_some() => {
                fault.step_run("Leave definers out, so that you are the one of all views, routines, triggers and events:", "--no-owner")
            }
            Some(1153 | 2020) => {
                fault.step("Give the server a larger max_allowed_packet, or make the dump again with --net-buffer-length=1M.")
            }
            _ => fault,
        }
    }

    async fn folder(&self, files: &Files) -> Result<Ended, Fault> {
        let wanted: Vec<&Script> = files.scripts.iter().filter(|script| is_wanted(&self.order.rules, &script.database)).collect();
        let mut done = Ended::default();
        let mut hands = vec![self.hand().await?];
        let mut rest = wanted.as_slice();
        while let Some(first) = rest.first() {
            let (now, later) = rest.split_at(rest.iter().take_while(|script| script.stage == first.stage).count());
            rest = later;
            let workers = if first.stage == Stage::Rows { now.len().min(self.order.jobs.max(1) as usize) } else { 1 };
            while hands.len() < workers {
                hands.push(self.hand().await?);
            }
            let queue = Mutex::new(now.iter().copied().collect::<VecDeque<_>>());
            let each = hands.iter_mut().take(workers).map(|hand| self.queue(hand, &queue));
            for ended in futures_util::future::try_join_all(each).await? {
                done.add(ended);
            }
        }
        for hand in hands {
            hand.session.close().await;
        }
        Ok(done)
    }

    /// Runs scripts until there is none left.
    async fn queue(&self, hand: &mut Hand, queue: &Mutex<VecDeque<&Script>>) -> Result<Ended, Fault> {
        let mut done = Ended::default();
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(script) = next else { return Ok(done) };
            let target = self.target(&script.database)?;
            if hand.target != target {
                target.clone_into(&mut hand.target);
                let sql = format!("USE {}", ident(target));
                let entered = self.sent(&mut hand.session, sql.as_bytes()).await?;
                entered.map_err(|error| self.connector.fault("cannot enter the database", &error, target))?;
            }
            let mut gate = self.gate();
            gate.within(&script.database);
            let owned = script.clone();
            let reader = blocking(move || Reader::part(&owned)).await?;
            // A script begins with a session's own settings, whatever the one before has left.
            let fresh = b"SET NAMES utf8mb4";
            // Rows may hold dates that no calendar has; a routine would keep the mode.
            let dates = if script.stage == Stage::Rows { ",ALLOW_INVALID_DATES" } else { "" };
            let mode = format!("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO{dates}', time_zone = '+00:00', foreign_key_checks = 0");
            for sql in [&fresh[..], mode.as_bytes()] {
                let set = self.sent(&mut hand.session, sql).await?;
                set.map_err(|error| self.connector.fault("cannot prepare a session", &error, target))?;
            }
            done.add(self.run(hand, reader, gate).await?);
        }
    }
}

/// Reads to the end, or until nobody listens any more.
fn feed(mut reader: Reader, mut gate: Gate, send: &mpsc::Sender<(Act, u64)>) -> Result<Findings, Fault> {
    while let Some(next) = reader.next(&mut gate)? {
        if send.blocking_send(next).is_err() {
            break;
        }
    }
    Ok(gate.findings().clone())
}
