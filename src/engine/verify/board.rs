//! What a verification shows while it runs.

use super::{Outcome, word};
use crate::domain::job::{DatabaseProgress, DatabaseState, Phase, Progress, Ratio};
use crate::domain::spec::{Depth, VerifySpec};
use crate::domain::{Bytes, Code, Fault};
use crate::engine::Context;
use crate::engine::event::{Event, Level};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// Shows how far all archives are. Progress is posted at most ten times a second, whoever of the threads comes by.
pub(super) struct Board<'a> {
    context: &'a Context,
    depth: Depth,
    began: Instant,
    posted: AtomicU64,
    files: Vec<FileState>,
}

struct FileState {
    name: String,
    total: u64,
    done: AtomicU64,
    /// 0 waiting, 1 at work, 2 done, 3 failed.
    state: AtomicUsize,
}

impl<'a> Board<'a> {
    pub fn new(spec: &VerifySpec, context: &'a Context) -> Self {
        let files = spec.archives.iter().map(|path| FileState {
            name: path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            total: std::fs::metadata(path).map_or(0, |meta| meta.len()),
            done: AtomicU64::new(0),
            state: AtomicUsize::new(0),
        });
        Self { context, depth: spec.depth, began: Instant::now(), posted: AtomicU64::new(0), files: files.collect() }
    }

    pub fn begin(&self, number: usize) {
        self.files[number].state.store(1, Ordering::Relaxed);
        self.post();
    }

    /// False when the job was cancelled.
    pub fn progress(&self, number: usize, bytes: u64) -> bool {
        self.files[number].done.fetch_max(bytes, Ordering::Relaxed);
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let last = self.posted.load(Ordering::Relaxed);
        if now >= last + 100 && self.posted.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.post();
        }
        !self.context.cancel.is_cancelled()
    }

    pub fn end(&self, number: usize, outcome: &Outcome) {
        let file = &self.files[number];
        let good = outcome.result.as_ref().is_ok_and(Vec::is_empty);
        file.done.store(file.total, Ordering::Relaxed);
        file.state.store(if good { 2 } else { 3 }, Ordering::Relaxed);
        self.post();
        let (level, text) = match &outcome.result {
            Ok(damages) if damages.is_empty() => {
                let took = crate::domain::time::span(u64::try_from(outcome.took.as_millis()).unwrap_or(u64::MAX));
                (Level::Info, format!("{} is good ({}, {}, {took})", outcome.path.display(), word(self.depth), Bytes(outcome.bytes)))
            }
            Ok(damages) => (Level::Error, format!("{} is damaged in {} places", outcome.path.display(), damages.len())),
            Err(fault) => (Level::Error, format!("{}: {fault}", outcome.path.display())),
        };
        self.context.events.log(level, text);
    }

    fn post(&self) {
        let sum = |number: fn(&FileState) -> u64| self.files.iter().map(number).sum();
        let databases = self.files.iter().map(|file| {
            let bytes = Ratio { done: file.done.load(Ordering::Relaxed), total: file.total };
            let state = match file.state.load(Ordering::Relaxed) {
                0 => DatabaseState::Waiting,
                1 => DatabaseState::Running(Phase::Verifying),
                2 => DatabaseState::Done,
                _ => DatabaseState::Failed(Fault::new(Code::CorruptedBackup, "damaged")),
            };
            DatabaseProgress { name: file.name.clone(), state, bytes, ..DatabaseProgress::default() }
        });
        self.context.events.post(Event::Progress(Box::new(Progress {
            phase: Phase::Verifying,
            bytes: Ratio { done: sum(|file| file.done.load(Ordering::Relaxed)), total: sum(|file| file.total) },
            databases: databases.collect(),
            ..Progress::default()
        })));
    }
}
