//! Takes what the program says and puts it on the queue. Runs on whatever thread says something, so it never waits: what does not fit
//! is counted.

use super::record::Record;
use crate::domain::levels::{Levels, Loudness};
use crossbeam_channel::Sender;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, Layer};

/// Lines on their way to the log's thread. When they are full, a further one is counted and dropped.
pub const QUEUE: usize = 8192;
/// The most bytes of them, about.
pub const QUEUE_BYTES: usize = 8 << 20;
/// Lines that are kept in memory for `--save-debug-log`.
pub const TAIL: usize = 1000;

/// What goes to the log's thread.
pub enum Item {
    /// A line.
    Line(Box<Record>),
    /// Everything is to be written now; the sender of the answer is dropped when it is.
    Flush(Sender<()>),
}

/// What the threads that say something and the one that writes have in common.
#[derive(Default)]
pub struct Shared {
    /// Lines that did not fit on the queue.
    pub lost: AtomicU64,
    /// Bytes on the queue, about.
    pub queued: AtomicUsize,
    tail: Mutex<VecDeque<Record>>,
}

impl Shared {
    /// The last lines, oldest first.
    pub fn tail(&self) -> Vec<Record> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    fn keep(&self, record: &Record) {
        // Who finds the tail taken goes on without: a reader copies it for a report.
        let mut tail = match self.tail.try_lock() {
            Ok(tail) => tail,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        if tail.len() >= TAIL {
            tail.pop_front();
        }
        tail.push_back(record.clone());
    }
}

/// The layer.
pub struct Collector {
    /// To the log's thread; none where nothing is written.
    pub queue: Option<Sender<Item>>,
    /// What is counted.
    pub shared: Arc<Shared>,
    /// What is written.
    pub written: Targets,
    /// What is kept in memory.
    pub kept: Targets,
}

impl Collector {
    fn wants(&self, meta: &Metadata<'_>) -> bool {
        self.kept.would_enable(meta.target(), meta.level()) || self.writes(meta)
    }

    fn writes(&self, meta: &Metadata<'_>) -> bool {
        self.queue.is_some() && self.written.would_enable(meta.target(), meta.level())
    }

    fn put(&self, record: Record) {
        let Some(queue) = &self.queue else { return };
        let weight = record.weight();
        // Counted before it is sent: the log's thread may have taken it off again before this one goes on, and there is no less than nothing.
        let before = self.shared.queued.fetch_add(weight, Ordering::Relaxed);
        let full = before.saturating_add(weight) > QUEUE_BYTES;
        if full || queue.try_send(Item::Line(Box::new(record))).is_err() {
            self.shared.queued.fetch_sub(weight, Ordering::Relaxed);
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl<S: Subscriber> Layer<S> for Collector {
    fn register_callsite(&self, meta: &'static Metadata<'static>) -> Interest {
        if meta.is_event() && self.wants(meta) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, meta: &Metadata<'_>, _: Context<'_, S>) -> bool {
        self.wants(meta)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        None
    }

    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let record = Record::of(event);
        self.shared.keep(&record);
        if self.writes(event.metadata()) {
            self.put(record);
        }
    }
}

const fn filter(loudness: Loudness) -> LevelFilter {
    match loudness {
        Loudness::Off => LevelFilter::OFF,
        Loudness::Error => LevelFilter::ERROR,
        Loudness::Warn => LevelFilter::WARN,
        Loudness::Info => LevelFilter::INFO,
        Loudness::Debug => LevelFilter::DEBUG,
        Loudness::Trace => LevelFilter::TRACE,
    }
}

/// The levels as tracing wants them. Libraries are asked for their warnings only: a driver's debug lines hold statements.
pub fn targets(levels: &Levels) -> Targets {
    let all = Targets::new().with_default(filter(levels.base.min(Loudness::Warn))).with_target("dbbackup", filter(levels.base));
    levels.rooms.iter().fold(all, |all, (room, level)| all.with_target(format!("dbbackup::{room}"), filter(*level)))
}
