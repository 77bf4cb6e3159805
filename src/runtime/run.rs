//! The loop: waits, takes what came, lets the application think, carries out what it wants, shows what changed.

use super::clock;
use super::exec::Executor;
use super::inbox::Inbox;
use crate::app::cmd::Cmd;
use crate::app::model::{Model, Outcome};
use crate::app::msg::{Msg, Reply, Why};
use crate::app::update::update;
use crate::bus::mailbox::{Budget, Item};
use crate::domain::Fault;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Keys and answers, events: taken at once. Apart, so that a flood of events never starves the keys.
const BUDGET: Budget = Budget { input: 64, events: 256 };

/// Who shows it: a terminal, or lines of text.
pub trait Front {
    /// Something happens; the model takes it next.
    fn notice(&mut self, msg: &Msg);
    /// Shows the model. An error means that nobody looks on any more.
    fn show(&mut self, model: &Model) -> io::Result<()>;
    /// The least time between two calls of [`Front::show`].
    fn gap(&self) -> Duration;
    /// When it wants to show something though nothing happened.
    fn next_wake(&self) -> Option<Instant>;
    /// Puts a text on the clipboard.
    fn copy(&mut self, text: &str) -> io::Result<()>;
    /// Shows everything in another theme; who shows lines of text has none.
    fn theme(&mut self, name: &str) -> io::Result<()>;
    /// Stops the process until it is continued.
    fn suspend(&mut self) -> io::Result<()>;
    /// Everything is to be painted anew.
    fn redraw(&mut self) -> io::Result<()>;
    /// Writes the debug log now; says where it is.
    fn save_debug_log(&mut self) -> Result<PathBuf, Fault> {
        Err(Fault::internal("nothing gathers a debug log here"))
    }
}

/// Whether anybody can see what is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sight {
    Seen,
    /// The terminal is gone: jobs end in good order, nothing is drawn.
    Gone,
}

/// Whether the terminal's end was told to the application.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hung {
    No,
    Yes,
}

/// Runs until the application knows how it ends.
pub fn run(model: &mut Model, first: Vec<Cmd>, inbox: &Arc<Inbox>, executor: &mut Executor, front: &mut dyn Front) -> Outcome {
    let mut sight = Sight::Seen;
    let mut hung_up = Hung::No;
    let mut items = Vec::new();
    let mut commands = first;
    let mut last_frame: Option<Instant> = None;
    take(model, Msg::Tick(clock::now()), &mut commands, front);
    loop {
        for command in std::mem::take(&mut commands) {
            if let Err(error) = carry_out(command, inbox, executor, front) {
                lose_sight(&mut sight, inbox, &error);
            }
        }
        let outcome = model.outcome().cloned();
        let due = last_frame.map_or_else(Instant::now, |last| last + front.gap());
        let wants = model.dirty() || front.next_wake().is_some_and(|wake| wake <= Instant::now());
        if sight == Sight::Seen && wants && (outcome.is_some() || Instant::now() >= due) {
            match front.show(model) {
                Ok(()) => last_frame = Some(Instant::now()),
                Err(error) => lose_sight(&mut sight, inbox, &error),
            }
            model.clean();
        }
        if let Some(outcome) = outcome {
            return outcome;
        }
        let frame = (sight == Sight::Seen && model.dirty()).then_some(due);
        let tick = model.next_wake().map(|moment| clock::instant_of(moment, clock::now().now));
        let front_wake = front.next_wake().filter(|_| sight == Sight::Seen);
        inbox.wait_until([frame, tick, front_wake].into_iter().flatten().min());
        inbox.drain(BUDGET, &mut items);
        // The time comes first, so that what follows is stamped with the moment at which it is taken.
        take(model, Msg::Tick(clock::now()), &mut commands, front);
        for item in items.drain(..) {
            let msg = match item {
                Item::Input(msg) => msg,
                Item::Event(job, event) => Msg::Engine(job, event),
                Item::Lost(count) => Msg::Lagged(count),
            };
            if matches!(msg, Msg::Shutdown(Why::Hangup)) {
                // Signal, reader and writer all notice that the terminal is gone. It goes once: a second word would mean "at once".
                if std::mem::replace(&mut hung_up, Hung::Yes) == Hung::Yes {
                    continue;
                }
                sight = Sight::Gone;
            }
            take(model, msg, &mut commands, front);
        }
    }
}

fn take(model: &mut Model, msg: Msg, commands: &mut Vec<Cmd>, front: &mut dyn Front) {
    front.notice(&msg);
    update(model, msg, commands);
}

fn lose_sight(sight: &mut Sight, inbox: &Inbox, error: &io::Error) {
    if *sight == Sight::Seen {
        tracing::warn!("nothing can be shown any more: {error}");
        *sight = Sight::Gone;
        inbox.answer(Msg::Shutdown(Why::Hangup));
    }
}

fn carry_out(command: Cmd, inbox: &Inbox, executor: &mut Executor, front: &mut dyn Front) -> io::Result<()> {
    match command {
        Cmd::Plan(id, spec) => executor.plan(id, *spec),
        Cmd::Abandon(id) => executor.abandon(id),
        Cmd::Start(job, plan) => executor.start(job, *plan),
        Cmd::Cancel(job) => executor.cancel(job),
        Cmd::Fetch(id, query) => executor.fetch(id, query),
        Cmd::Copy(text) => front.copy(&text)?,
        Cmd::Theme(name) => front.theme(&name)?,
        Cmd::Suspend => front.suspend()?,
        Cmd::Redraw => front.redraw()?,
        Cmd::SaveDebugLog(id) => inbox.answer(Msg::Done(id, front.save_debug_log().map(Reply::Saved))),
        // The loop ends by the outcome that the model holds from now on.
        Cmd::Quit => {}
    }
    Ok(())
}
