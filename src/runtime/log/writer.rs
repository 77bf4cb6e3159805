//! The log's own thread: takes lines from the queue, folds them, writes them. The only one that waits for disks and sockets.
//!
//! When something cannot be written it pauses, says so to whoever listens, tries again every few seconds, and counts what is missing.

use super::collect::{Item, Shared};
use super::file::Rotating;
use super::fold::Folds;
use super::format::{Format, line};
use super::record::Record;
use super::socket::Socket;
use crossbeam_channel::{Receiver, RecvTimeoutError};
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tracing::Level;

/// The time between two tries while nothing can be written.
pub const AGAIN: Duration = Duration::from_secs(2);
/// The most that goes to a file at once, in bytes. Smaller than the smallest size of a log file.
const BATCH: usize = 32 << 10;

/// Where lines go.
pub enum Sink {
    /// A file.
    File(Rotating, Format),
    /// A socket.
    Socket(Socket),
}

impl Sink {
    /// Writes lines; says how many, and why no more.
    fn write(&mut self, records: &[Record], run: &str) -> (usize, io::Result<()>) {
        match self {
            Sink::Socket(socket) => {
                for (at, record) in records.iter().enumerate() {
                    if let Err(error) = socket.send(record, run) {
                        return (at, Err(error));
                    }
                }
            }
            Sink::File(file, format) => {
                let (mut done, mut batch) = (0, String::new());
                for (at, record) in records.iter().enumerate() {
                    let text = line(record, *format, run);
                    if !batch.is_empty() && batch.len() + text.len() >= BATCH {
                        if let Err(error) = file.append(batch.as_bytes()) {
                            return (done, Err(error));
                        }
                        done = at;
                        batch.clear();
                    }
                    batch.push_str(&text);
                    batch.push('\n');
                }
                if !batch.is_empty()
                    && let Err(error) = file.append(batch.as_bytes())
                {
                    return (done, Err(error));
                }
            }
        }
        (records.len(), Ok(()))
    }
}

/// Why nothing is written now.
struct Pause {
    since: Instant,
    next: Instant,
    why: String,
    missing: u64,
}

/// The state of the thread.
pub struct Writer {
    sink: Sink,
    run: String,
    shared: Arc<Shared>,
    folds: Folds,
    pause: Option<Pause>,
    /// Told about a pause, once for each.
    trouble: Box<dyn Fn(&str) + Send>,
}

impl Writer {
    /// A writer of a run's lines.
    pub fn new(sink: Sink, run: String, shared: Arc<Shared>, trouble: Box<dyn Fn(&str) + Send>) -> Self {
        Self { sink, run, shared, folds: Folds::default(), pause: None, trouble }
    }

    /// Works until the queue is closed.
    pub fn work(mut self, queue: &Receiver<Item>) {
        loop {
            let due = [self.folds.due(), self.pause.as_ref().map(|pause| pause.next)].into_iter().flatten().min();
            let item = match due {
                None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => queue.recv_timeout(due.saturating_duration_since(Instant::now())),
            };
            let mut out = Vec::new();
            let mut flushed = Vec::new();
            let open = match item {
                Ok(item) => {
                    self.take(item, &mut out, &mut flushed);
                    // What else is there goes with it; a flood is written in portions.
                    for item in queue.try_iter().take(256) {
                        self.take(item, &mut out, &mut flushed);
                    }
                    true
                }
                Err(RecvTimeoutError::Timeout) => true,
                Err(RecvTimeoutError::Disconnected) => false,
            };
            self.folds.expire(Instant::now(), &mut out);
            if !open || !flushed.is_empty() {
                self.folds.end(&mut out);
            }
            let lost = self.shared.lost.swap(0, Ordering::Relaxed);
            if lost > 0 {
                out.push(Record::own(Level::WARN, format!("{lost} lines are missing here: they came faster than they could be written")));
            }
            let hurry = !open || !flushed.is_empty();
            self.put(out, hurry);
            drop(flushed);
            if !open {
                return;
            }
        }
    }

    fn take(&mut self, item: Item, out: &mut Vec<Record>, flushed: &mut Vec<crossbeam_channel::Sender<()>>) {
        match item {
            Item::Line(record) => {
                self.shared.queued.fetch_sub(record.weight(), Ordering::Relaxed);
                self.folds.take(*record, Instant::now(), out);
            }
            Item::Flush(done) => flushed.push(done),
        }
    }

    /// Writes lines, or counts them while nothing can be written.
    fn put(&mut self, mut records: Vec<Record>, hurry: bool) {
        let now = Instant::now();
        if let Some(pause) = &mut self.pause {
            if now < pause.next && !hurry {
                pause.missing += records.len() as u64;
                return;
            }
            let span = crate::domain::time::span(u64::try_from(pause.since.elapsed().as_millis()).unwrap_or(u64::MAX));
            let text = format!("the log was paused for {span}, {} lines are missing here: {}", pause.missing, pause.why);
            records.insert(0, Record::own(Level::WARN, text));
        }
        if records.is_empty() {
            return;
        }
        let (written, result) = self.sink.write(&records, &self.run);
        match (result, &mut self.pause) {
            (Ok(()), pause) => *pause = None,
            (Err(error), None) => {
                let missing = (records.len() - written) as u64;
                (self.trouble)(&format!("the log is paused: {error}"));
                self.pause = Some(Pause { since: now, next: now + AGAIN, why: error.to_string(), missing });
            }
            (Err(error), Some(pause)) => {
                // The line about the pause was the first of them.
                let own = u64::from(written == 0);
                pause.missing = if written == 0 { pause.missing } else { 0 } + (records.len() - written) as u64 - own;
                pause.why = error.to_string();
                pause.next = now + AGAIN;
            }
        }
    }
}
