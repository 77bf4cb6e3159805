//! Folds a flood: a line that was said a moment ago is counted instead of written again. The first one is written at once; what came
//! after it, within a few seconds, becomes one line with its number.

use super::record::Record;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How long equal lines are counted before the number is written.
pub const WINDOW: Duration = Duration::from_secs(5);

/// Different lines that are remembered at the same time; the oldest goes first. Lines that take turns are folded as well.
pub const KNOWN: usize = 32;

struct Said {
    record: Record,
    since: Instant,
    again: u64,
}

/// The lines of the last seconds.
#[derive(Default)]
pub struct Folds {
    said: VecDeque<Said>,
}

impl Folds {
    /// Takes a line; gives what is to be written now.
    pub fn take(&mut self, record: Record, now: Instant, out: &mut Vec<Record>) {
        self.expire(now, out);
        if let Some(said) = self.said.iter_mut().find(|said| said.record.says_the_same(&record)) {
            said.again += 1;
            said.record.at = record.at;
            return;
        }
        if self.said.len() >= KNOWN {
            out.extend(self.said.pop_front().and_then(count));
        }
        out.push(record.clone());
        self.said.push_back(Said { record, since: now, again: 0 });
    }

    /// What was counted long enough.
    pub fn expire(&mut self, now: Instant, out: &mut Vec<Record>) {
        while self.said.front().is_some_and(|said| now.saturating_duration_since(said.since) >= WINDOW) {
            out.extend(self.said.pop_front().and_then(count));
        }
    }

    /// Everything that was counted: the log ends.
    pub fn end(&mut self, out: &mut Vec<Record>) {
        out.extend(self.said.drain(..).filter_map(count));
    }

    /// When something may have to be written though nothing comes.
    pub fn due(&self) -> Option<Instant> {
        self.said.iter().find(|said| said.again > 0).map(|said| said.since + WINDOW)
    }
}

fn count(said: Said) -> Option<Record> {
    (said.again > 0).then_some(Record { repeated: said.again, ..said.record })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    fn written(out: &[Record]) -> Vec<(String, u64)> {
        out.iter().map(|record| (record.text.clone(), record.repeated)).collect()
    }

    #[test]
    fn equal_lines_are_counted_also_when_they_take_turns() {
        let (mut folds, mut out, now) = (Folds::default(), Vec::new(), Instant::now());
        for _ in 0..413 {
            folds.take(Record::own(Level::INFO, "a"), now, &mut out);
            folds.take(Record::own(Level::INFO, "b"), now, &mut out);
        }
        assert_eq!(written(&out), [("a".into(), 0), ("b".into(), 0)]);
        assert_eq!(folds.due(), Some(now + WINDOW));
        folds.take(Record::own(Level::INFO, "a"), now + WINDOW, &mut out);
        assert_eq!(written(&out)[2..], [("a".into(), 412), ("b".into(), 412), ("a".into(), 0)]);
        assert_eq!(folds.due(), None);
    }

    #[test]
    fn no_line_is_lost_when_many_differ() {
        let (mut folds, mut out, now) = (Folds::default(), Vec::new(), Instant::now());
        for at in 0..3 * KNOWN {
            for _ in 0..3 {
                folds.take(Record::own(Level::INFO, at.to_string()), now, &mut out);
            }
        }
        folds.end(&mut out);
        let said: u64 = out.iter().map(|record| record.repeated.max(1)).sum();
        assert_eq!(said, 9 * KNOWN as u64);
    }

    #[test]
    fn another_job_or_level_is_another_line() {
        let (mut folds, mut out, now) = (Folds::default(), Vec::new(), Instant::now());
        folds.take(Record::own(Level::INFO, "a"), now, &mut out);
        folds.take(Record { job: Some(1), ..Record::own(Level::INFO, "a") }, now, &mut out);
        folds.take(Record::own(Level::WARN, "a"), now, &mut out);
        assert_eq!(out.len(), 3);
    }
}
