//! The log: what the program says (by `tracing`) goes over a bounded queue to a thread of its own, which writes it to a file, syslog or
//! journald. Nothing is ever logged to the terminal, and nobody who says something waits.
//!
//! Why own code: tracing-appender rotates by time only, the crates that rotate by size lose lines or files when two processes do it at
//! once, and tracing-journald sends from the thread that speaks.

pub mod chosen;
mod collect;
mod file;
mod fold;
mod format;
mod record;
mod socket;
mod writer;

pub use collect::{QUEUE, TAIL};
pub use file::{Limits, Rotating};
pub use format::Format;
pub use socket::{JOURNALD, Protocol, SYSLOG, Socket};
pub use writer::AGAIN;

use crate::domain::levels::{Levels, Loudness};
use crate::domain::{Code, Fault};
use collect::{Collector, Item, Shared, targets};
use crossbeam_channel::{Sender, bounded};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tracing::Subscriber;
use tracing_subscriber::layer::SubscriberExt;
use writer::{Sink, Writer};

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// Nowhere.
    Off,
    /// To a file; its folder is made where it is missing.
    File(PathBuf, Limits, Format),
    /// To a daemon of the host.
    Socket(PathBuf, Protocol),
}

/// Whether lines are also kept in memory, for a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// They are not.
    Off,
    /// The last ones, with what is said at the level `debug`.
    Kept,
}

/// A log.
pub struct Log {
    queue: Option<Sender<Item>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    run: String,
}

/// The log of this process.
static LOG: OnceLock<Log> = OnceLock::new();

/// Is told about a pause of the log; none before somebody listens.
type Listener = Box<dyn Fn(&str) + Send>;
static LISTENER: Mutex<Option<Listener>> = Mutex::new(None);

/// Who is told from now on that the log is paused.
pub fn on_trouble(listener: impl Fn(&str) + Send + 'static) {
    *LISTENER.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(listener));
}

fn tell(text: &str) {
    if let Some(listener) = LISTENER.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
        listener(text);
    }
}

/// Makes this process's log; to be called once.
pub fn start(destination: &Destination, levels: &Levels, memory: Memory, run: &str) -> Result<(), Fault> {
    if *destination == Destination::Off && memory == Memory::Off {
        return Ok(());
    }
    let (log, subscriber) = open(destination, levels, memory, run, Box::new(tell))?;
    let twice = || Fault::internal("the log was started twice");
    LOG.set(log).map_err(|_| twice())?;
    tracing::subscriber::set_global_default(subscriber).map_err(|error| twice().because(error))
}

/// Makes a log, and the subscriber that feeds it.
pub fn open(
    destination: &Destination,
    levels: &Levels,
    memory: Memory,
    run: &str,
    trouble: Listener,
) -> Result<(Log, impl Subscriber + Send + Sync + use<>), Fault> {
    let shared = Arc::new(Shared::default());
    let (mut queue, mut thread) = (None, None);
    if let Some(sink) = sink(destination)? {
        // Closed by dropping the log; a full one drops what comes, see `collect`.
        let (sender, receiver) = bounded(QUEUE);
        let writer = Writer::new(sink, run.to_owned(), Arc::clone(&shared), trouble);
        let work = move || writer.work(&receiver);
        let spawned = std::thread::Builder::new().name("dbbackup-log".into()).spawn(work);
        thread = Some(spawned.map_err(|error| Fault::internal("cannot start threads").because(error))?);
        queue = Some(sender);
    }
    let kept = match memory {
        Memory::Off => tracing_subscriber::filter::Targets::new(),
        Memory::Kept => targets(&Levels { base: Loudness::Debug, rooms: Vec::new() }),
    };
    let collector = Collector { queue: queue.clone(), shared: Arc::clone(&shared), written: targets(levels), kept };
    let log = Log { queue, shared, thread, run: run.to_owned() };
    Ok((log, tracing_subscriber::registry().with(collector)))
}

fn sink(destination: &Destination) -> Result<Option<Sink>, Fault> {
    let failed = |path: &Path, error: io::Error| {
        Fault::new(Code::OutputUnwritable, "cannot write the log").at("File", path.display()).because(error)
    };
    match destination {
        Destination::Off => Ok(None),
        Destination::File(path, limits, format) => {
            make_folder(path).map_err(|error| failed(path, error))?;
            let file = Rotating::open(path.clone(), *limits).map_err(|error| failed(path, error))?;
            Ok(Some(Sink::File(file, *format)))
        }
        Destination::Socket(path, protocol) => {
            let socket = Socket::open(path.clone(), *protocol).map_err(|error| {
                failed(path, error).step_run("Log to a file instead:", "dbbackup --log-target file --log-file dbbackup.log …")
            })?;
            Ok(Some(Sink::Socket(socket)))
        }
    }
}

/// Makes the folder of a file, for its owner only.
pub fn make_folder(path: &Path) -> io::Result<()> {
    match path.parent().filter(|dir| !dir.as_os_str().is_empty() && !dir.exists()) {
        Some(dir) => std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir),
        None => Ok(()),
    }
}

/// Waits until everything that was said is written, but no longer than this.
pub fn flush(limit: Duration) {
    if let Some(log) = LOG.get() {
        log.flush(limit);
    }
}

/// The last lines of this process, as JSON; none where nothing is kept.
pub fn tail() -> Vec<serde_json::Value> {
    LOG.get().map(Log::tail).unwrap_or_default()
}

impl Log {
    /// Waits until everything that was said is written, but no longer than this.
    pub fn flush(&self, limit: Duration) {
        let Some(queue) = &self.queue else { return };
        // Dropped by the writer when it is done; nothing is ever sent on it.
        let (done, over) = bounded(0);
        if queue.send_timeout(Item::Flush(done), limit).is_ok() {
            let _ = over.recv_timeout(limit);
        }
    }

    /// The last lines as JSON, oldest first.
    pub fn tail(&self) -> Vec<serde_json::Value> {
        self.shared.tail().iter().map(|record| serde_json::Value::Object(format::json(record, &self.run))).collect()
    }

    /// Writes what is there and ends the thread; the subscriber must be gone.
    pub fn end(mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the writer has been reported by its hook.
            let _ = thread.join();
        }
    }
}
