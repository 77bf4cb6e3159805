//! How the threads and tasks of a run stop one another: the first failure counts, and everybody hears of it.

use crate::domain::{Code, Fault};
use std::any::Any;
use std::sync::{Arc, OnceLock};
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFuture};

/// Shared by all who work on the same thing. A child stops with its parent, not the other way round.
#[derive(Clone)]
pub struct Halt {
    token: CancellationToken,
    fault: Arc<OnceLock<Fault>>,
}

impl Halt {
    /// Stops when `cancel` is cancelled.
    pub fn under(cancel: &CancellationToken) -> Self {
        Self { token: cancel.child_token(), fault: Arc::default() }
    }

    /// For a part of the work that may fail alone.
    pub fn child(&self) -> Self {
        Self { token: self.token.child_token(), fault: Arc::default() }
    }

    /// Stops everybody; only the first fault is kept, for the later ones are its consequences.
    pub fn fail(&self, fault: Fault) {
        let _ = self.fault.set(fault);
        self.token.cancel();
    }

    /// Whether to stop.
    pub fn stopped(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Completes when it is time to stop.
    pub fn stop(&self) -> WaitForCancellationFuture<'_> {
        self.token.cancelled()
    }

    /// Why this part stopped: its first fault; without one it was cancelled, or stopped by what it is a part of.
    pub fn reason(&self) -> Fault {
        self.fault.get().cloned().unwrap_or_else(|| Fault::new(Code::Cancelled, "cancelled"))
    }

    /// The reason, if it was told to stop.
    pub fn check(&self) -> Result<(), Fault> {
        if self.stopped() { Err(self.reason()) } else { Ok(()) }
    }

    /// Stops everybody when what this returns is dropped, so that a run whose future is dropped leaves no thread at work.
    pub fn stop_when_dropped(&self) -> DropGuard {
        self.token.clone().drop_guard()
    }

    /// Waits for something unless it is time to stop.
    pub async fn or<T>(&self, work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        tokio::select! {
            biased;
            () = self.stop() => Err(self.reason()),
            done = work => done,
        }
    }
}

/// A panic as a fault: it fails the job, never the program.
pub fn panicked(what: &str, panic: &(dyn Any + Send)) -> Fault {
    let said = panic.downcast_ref::<&str>().map(|text| (*text).to_owned()).or_else(|| panic.downcast_ref::<String>().cloned());
    Fault::internal(format!("{what} panicked")).because(said.unwrap_or_else(|| "no message".into()))
}
