//! What a recovering server tells in its log: how far it is, where it stopped, what went wrong. Pure; English messages, which it is started for.

use crate::domain::wal::{Lsn, SegmentName, Timeline, WalName};

/// How a recovering server is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// It starts.
    #[default]
    Starting,
    /// It replays.
    Replaying,
    /// It is consistent, and replays.
    Consistent,
    /// It waits at the target, open for reading.
    Paused,
    /// It is a primary.
    Promoted,
    /// It stopped at the target, as it should.
    Stopped,
    /// It gave up.
    Failed,
}

/// What it has told so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// How it is.
    pub state: State,
    /// Where it began.
    pub redo: Option<Lsn>,
    /// Where it is, as far as it said.
    pub at: Lsn,
    /// The segment that it took from the archive last.
    pub segment: Option<SegmentName>,
    /// Segments that it took from the archive.
    pub segments: u64,
    /// `recovery stopping before commit of transaction 739, time …`.
    pub stopping: Option<String>,
    /// The timeline that it began.
    pub timeline: Option<Timeline>,
    /// What it said when it gave up, with detail and hint.
    pub last_words: Vec<String>,
    at_target: bool,
}

impl Replay {
    /// Takes a line of the server's log; `segment_bytes` is the size of segments.
    pub fn line(&mut self, line: &str, segment_bytes: u64) {
        let Some((severity, text)) = ["LOG", "FATAL", "PANIC", "DETAIL", "HINT"].into_iter().find_map(|severity| {
            let at = line.find(&format!("{severity}:  "))?;
            Some((severity, line[at + severity.len() + 3..].trim_end()))
        }) else {
            return;
        };
        match severity {
            "LOG" => self.log(text, segment_bytes),
            // Somebody came while it was not open yet.
            "FATAL" if text.starts_with("the database system is ") => {}
            "FATAL" | "PANIC" => {
                self.last_words.push(text.to_owned());
                self.state = State::Failed;
            }
            _ if self.state == State::Failed && self.last_words.len() < 4 => self.last_words.push(text.to_owned()),
            _ => {}
        }
    }

    fn log(&mut self, text: &str, segment_bytes: u64) {
        let after = |start: &str| text.strip_prefix(start).map(|rest| rest.split_whitespace().next().unwrap_or_default());
        if let Some(lsn) = after("redo starts at ").and_then(|lsn| lsn.parse().ok()) {
            (self.redo, self.at, self.state) = (Some(lsn), self.at.max(lsn), State::Replaying);
        } else if let Some(name) = text.strip_prefix("restored log file \"").and_then(|rest| rest.split('"').next()) {
            if let Ok(WalName::Segment(segment)) = name.parse() {
                self.segment = Some(segment);
                self.segments += 1;
                let number = u64::from(segment.log) * ((1 << 32) / segment_bytes) + u64::from(segment.segment);
                self.at = self.at.max(Lsn(number * segment_bytes));
            }
        } else if text.starts_with("consistent recovery state reached") {
            self.state = State::Consistent;
        } else if text.starts_with("recovery stopping ") {
            self.stopping = Some(text.to_owned());
            self.at_target = true;
        } else if text.starts_with("pausing at the end of recovery") {
            self.state = State::Paused;
        } else if text.starts_with("redo in progress") {
            let lsn = text.rsplit("current LSN: ").next().and_then(|lsn| lsn.trim().parse().ok());
            self.at = self.at.max(lsn.unwrap_or_default());
        } else if let Some(lsn) = after("redo done at ").and_then(|lsn| lsn.parse().ok()) {
            self.at = self.at.max(lsn);
        } else if let Some(timeline) = after("selected new timeline ID: ").and_then(|id| id.parse().ok()) {
            self.timeline = Some(Timeline(timeline));
        } else if text.starts_with("database system is ready to accept connections") {
            self.state = State::Promoted;
        } else if text.starts_with("database system is shut down") && self.state != State::Failed {
            self.state = if self.at_target { State::Stopped } else { State::Failed };
        }
    }

    /// The number of the transaction at which it stopped, where it stopped at one.
    pub fn transaction(&self) -> Option<u32> {
        let rest = self.stopping.as_deref()?.split("of transaction ").nth(1)?;
        rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "2026-01-30 13:10:00.1 UTC [7] LOG:  starting point-in-time recovery to 2026-01-30 13:02:59+00\n\
        2026-01-30 13:10:00.2 UTC [7] LOG:  restored log file \"000000010000000000000005\" from archive\n\
        2026-01-30 13:10:00.3 UTC [7] LOG:  redo starts at 0/5000028\n\
        2026-01-30 13:10:00.3 UTC [9] FATAL:  the database system is starting up\n\
        2026-01-30 13:10:00.4 UTC [7] LOG:  consistent recovery state reached at 0/5000138\n\
        2026-01-30 13:10:00.5 UTC [7] LOG:  restored log file \"000000010000000000000006\" from archive\n\
        2026-01-30 13:10:00.6 UTC [7] LOG:  recovery stopping before commit of transaction 739, time 2026-01-30 13:03:00.000001+00\n\
        2026-01-30 13:10:00.6 UTC [7] LOG:  pausing at the end of recovery\n";

    fn read(log: &str) -> Replay {
        let mut replay = Replay::default();
        log.lines().for_each(|line| replay.line(line, 16 << 20));
        replay
    }

    #[test]
    fn a_recovery_is_followed_to_its_target() {
        let replay = read(LOG);
        assert_eq!((replay.state, replay.redo, replay.at, replay.segments), (State::Paused, Some(Lsn(0x500_0028)), Lsn(0x600_0000), 2));
        assert_eq!(replay.transaction(), Some(739));
        let promoted = read(&format!("{LOG}x LOG:  selected new timeline ID: 2\nx LOG:  database system is ready to accept connections\n"));
        assert_eq!((promoted.state, promoted.timeline), (State::Promoted, Some(Timeline(2))));
        let stopped =
            read(&format!("{}x LOG:  database system is shut down\n", LOG.replace("pausing at the end of recovery", "shutting down")));
        assert_eq!(stopped.state, State::Stopped);
    }

    #[test]
    fn what_it_gave_up_for_is_kept() {
        let failed =
            read("x [7] FATAL:  recovery ended before configured recovery target was reached\nx [1] LOG:  database system is shut down\n");
        assert_eq!((failed.state, failed.last_words.len()), (State::Failed, 1));
        let detail = read("x FATAL:  could not load library\nx DETAIL:  a detail\nx HINT:  a hint\n");
        assert_eq!(detail.last_words, ["could not load library", "a detail", "a hint"]);
        assert_eq!(read("x LOG:  database system is shut down\n").state, State::Failed, "it stopped, and not at a target");
    }
}
