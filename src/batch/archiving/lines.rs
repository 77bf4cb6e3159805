//! The lines that say how far a command is that is no job of the application, as those of a job are.

use crate::app::jobs::Job;
use crate::batch::result::Volume;
use crate::batch::text::{Stderr, Text};
use crate::domain::Stamp;
use crate::domain::job::JobId;
use crate::domain::plan::Plan;
use crate::domain::spec::JobSpec;
use crate::engine::event::{Event, EventSink};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is over before says nothing: its result is there at once.
const SILENT: Duration = Duration::from_secs(1);

/// Takes the events of the one who works, and writes lines.
pub struct Lines {
    began: Instant,
    volume: Volume,
    told: Mutex<(Job, Text)>,
}

impl Lines {
    /// Lines about a job.
    pub fn of(spec: JobSpec, volume: Volume) -> Self {
        let job = Job::new(JobId::default(), Plan::of(spec), Stamp(0));
        Self { began: Instant::now(), volume, told: Mutex::new((job, Text::new(Stderr::now(), volume))) }
    }

    /// Ends the line that was written over.
    pub fn finish(&self) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).1.finish();
    }
}

impl EventSink for Lines {
    fn post(&self, event: Event) {
        let elapsed = self.began.elapsed();
        let now = Stamp(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX));
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let (job, text) = &mut *told;
        job.take(event, now);
        if elapsed >= SILENT && self.volume == Volume::Normal {
            let progress = job.progress.clone();
            text.progress(job, &progress, now);
        }
    }
}
