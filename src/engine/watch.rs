//! Watches what a job's sessions wait for while it runs: asks the server's monitor every second, fills the waits into the job's progress,
//! says in the log what is worth saying, and tells faults who was in the way. It never fails a job: where it cannot look, it says so once.

mod board;

use super::Context;
use crate::domain::job::Summary;
use crate::domain::wait::Wait;
use crate::domain::{Code, Fault};
use crate::engine::event::{Destruction, Event, EventSink, Level};
use crate::engine::restore::transition::Transition;
use crate::server::{Monitor, Server};
use board::Board;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The time between two looks, and before the first one: a short job costs the server no session.
const EVERY: Duration = Duration::from_secs(1);

/// The time before a monitor that failed is opened again.
const AGAIN: Duration = Duration::from_secs(15);

/// How much of what it sees is written to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Each wait once, and a warning when half of its time is over.
    Waits,
    /// The whole tree, each time it changes.
    Trees,
}

/// A job under watch; dropping it ends the watching.
pub struct Watch {
    context: Context,
    board: Arc<Board>,
    task: Option<tokio::task::JoinHandle<()>>,
}

/// Passes a job's events on, with the waits filled in and the faults explained.
struct Sink {
    events: Arc<dyn EventSink>,
    board: Arc<Board>,
}

impl EventSink for Sink {
    fn passing(&self, transition: Transition) {
        self.events.passing(transition);
    }

    fn destroying(&self, what: &Destruction) -> Result<(), Fault> {
        self.events.destroying(what)
    }

    fn destroyed(&self, what: &Destruction, fault: Option<&Fault>) {
        self.events.destroyed(what, fault);
    }

    fn post(&self, event: Event) {
        self.events.post(match event {
            Event::Progress(mut progress) => {
                self.board.fill(&mut progress);
                Event::Progress(progress)
            }
            other => other,
        });
    }

    fn explain(&self, fault: Fault) -> Fault {
        self.board.explain(fault)
    }
}

impl Watch {
    /// Begins to watch a job.
    pub fn start(context: &Context) -> Self {
        let board = Arc::new(Board::default());
        let Some(server) = context.server.clone() else { return Self { context: context.clone(), board, task: None } };
        let detail = if server.connection().debug_locks { Detail::Trees } else { Detail::Waits };
        let events: Arc<dyn EventSink> = Arc::new(Sink { events: Arc::clone(&context.events), board: Arc::clone(&board) });
        let task = tokio::spawn(look(server, Arc::clone(&board), Arc::clone(&context.events), detail));
        Self { context: Context { events, ..context.clone() }, board, task: Some(task) }
    }

    /// What the job works with.
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// Ends the watching: faults of locks that were not granted say who held them.
    pub fn end(self, ended: Result<Summary, Fault>) -> Result<Summary, Fault> {
        let mut summary = ended.map_err(|fault| self.board.explain(fault))?;
        for database in &mut summary.databases {
            database.fault = database.fault.take().map(|fault| self.board.explain(fault));
        }
        Ok(summary)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Looks until aborted.
async fn look(server: Arc<dyn Server>, board: Arc<Board>, events: Arc<dyn EventSink>, detail: Detail) {
    let mut said = Said { known: HashMap::new(), detail };
    let mut is_off_known = false;
    loop {
        tokio::time::sleep(EVERY).await;
        let why = match server.monitor().await {
            Ok(None) => return,
            Ok(Some(monitor)) => {
                is_off_known = false;
                watch(monitor, &board, events.as_ref(), &mut said).await
            }
            Err(fault) => fault,
        };
        board.see(Vec::new());
        if !is_off_known {
            is_off_known = true;
            let level = if why.code == Code::TooManyConnections { Level::Info } else { Level::Debug };
            events.log(level, format!("waits for locks are not watched: {why}"));
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Looks through one monitor until it fails.
async fn watch(mut monitor: Box<dyn Monitor>, board: &Board, events: &(dyn EventSink + 'static), said: &mut Said) -> Fault {
    loop {
        match monitor.waits().await {
            Ok(waits) => {
                said.say(&waits, events);
                board.see(waits);
            }
            Err(fault) => {
                monitor.close().await;
                return fault;
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// What was said of the waits that there are, by session and object.
struct Said {
    known: HashMap<(i32, String), About>,
    detail: Detail,
}

/// What was said of one wait.
struct About {
    is_warned: bool,
    tree: Vec<(i32, u32)>,
}

impl Said {
    fn say(&mut self, waits: &[Wait], events: &(dyn EventSink + 'static)) {
        self.known.retain(|(pid, object), _| {
            let stays = waits.iter().any(|wait| wait.pid == *pid && wait.object == *object);
            if !stays {
                events.log(Level::Info, format!("pid {pid} waits no longer for a lock on {object}"));
            }
            stays
        });
        for wait in waits {
            let tree: Vec<(i32, u32)> = wait.blockers.iter().map(|one| (one.pid, one.depth)).collect();
            let roots: Vec<String> = wait.roots().take(3).map(|one| one.words()).collect();
            let roots = if roots.is_empty() { "somebody who cannot be named".to_owned() } else { roots.join("; ") };
            let key = (wait.pid, wait.object.clone());
            let is_new = !self.known.contains_key(&key);
            let about = self.known.entry(key).or_insert_with(|| About { is_warned: false, tree: Vec::new() });
            if self.detail == Detail::Trees {
                if is_new || about.tree != tree {
                    wait.lines().into_iter().for_each(|line| events.log(Level::Info, line));
                }
            } else if is_new {
                events.log(Level::Info, format!("{}: waiting for {}; held by {roots}", wait.database, wait.words()));
            }
            about.tree = tree;
            if !about.is_warned && wait.limit_ms > 0 && wait.waited_ms * 2 >= wait.limit_ms {
                about.is_warned = true;
                events.log(
                    Level::Warn,
                    format!("{}: half of the time is over: waiting for {}; held by {roots}", wait.database, wait.words()),
                );
            }
        }
    }
}

#[cfg(test)]
#[path = "watch/tests.rs"]
mod tests;
