//! The mailbox with this program's types, and the sink through which a job posts to it.

use super::story::{self, Teller};
use crate::app::cmd::ReqId;
use crate::app::msg::Msg;
use crate::bus::Promise;
use crate::bus::mailbox::Mailbox;
use crate::domain::job::JobId;
use crate::engine::event::{Event, EventSink, Lane};

use std::sync::{Arc, Mutex, PoisonError};

/// What the loop listens to. Bounds: see [`Mailbox`]; jobs are admitted by [`super::exec`].
pub type Inbox = Mailbox<Msg, JobId, Event>;

fn promise(lane: Lane) -> Promise {
    match lane {
        Lane::Control => Promise::Kept,
        Lane::Progress => Promise::Latest,
        Lane::Telemetry => Promise::Droppable,
    }
}

/// A job's way to the loop. What the job says of its own beginning and end is left out: the executor knows those, and says each once.
pub struct JobSink {
    inbox: Arc<Inbox>,
    job: JobId,
    /// Closed by the last event. A lock, so that a straggler's event cannot come after it.
    open: Mutex<bool>,
    teller: Mutex<Teller>,
}

impl JobSink {
    /// The sink of a job.
    pub fn new(inbox: Arc<Inbox>, job: JobId) -> Self {
        Self { inbox, job, open: Mutex::new(true), teller: Mutex::default() }
    }

    /// Says that the job begins.
    pub fn begin(&self) {
        self.inbox.post(Promise::Kept, self.job, Event::Started);
    }

    /// Says how the job ended. Only the first call counts, and nothing comes after it.
    pub fn end(&self, last: Event) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::replace(&mut *open, false) {
            self.inbox.post(promise(last.lane()), self.job, last);
        }
    }
}

impl EventSink for JobSink {
    fn post(&self, event: Event) {
        if matches!(event, Event::Started | Event::Finished(_) | Event::Failed(_) | Event::Cancelled(_)) {
            return;
        }
        log(self.job, &event);
        if let Event::Progress(progress) = &event {
            self.teller.lock().unwrap_or_else(PoisonError::into_inner).take(self.job, progress);
        }
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if *open {
            self.inbox.post(promise(event.lane()), self.job, event);
        }
    }
}

fn log(job: JobId, event: &Event) {
    if let Event::Log { level, text } = event {
        story::line(job, *level, text);
    }
}

/// Takes the checks of a planning as they come out. What it logs is for the log file alone: no screen has a place for it yet.
pub struct PlanSink {
    inbox: Arc<Inbox>,
    id: ReqId,
}

impl PlanSink {
    /// The sink of a planning. It says at most one line for each question, for each database that is tried out, and five a second while
    /// every byte is read; the loop takes them faster than that.
    pub fn new(inbox: Arc<Inbox>, id: ReqId) -> Self {
        Self { inbox, id }
    }
}

impl EventSink for PlanSink {
    fn post(&self, event: Event) {
        log(JobId::default(), &event);
        if let Event::Checked(check) = event {
            self.inbox.answer(Msg::Checked(self.id, check));
        }
    }
}
