//! The log that a base backup needs: where it goes, and waiting until all of it is there.

use super::progress::Gauge;
use crate::domain::fault::{Code, Fault};
use crate::domain::spec::BaseSpec;
use crate::domain::wal::{CommandKind, Lsn, Segment, SegmentName, SegmentSize, Timeline, WalName};
use crate::engine::Context;
use crate::engine::wal::{command, folder::Folder};
use crate::server::Server;
use crate::server::base::BaseFacts;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long nothing may come before the wait is given up.
const PATIENCE: Duration = Duration::from_secs(300);

/// Failures of the archiver during the wait after which it is given up at once: the server tries three times in a row, then pauses for a minute.
const FAILURES: u64 = 3;

/// The time between two looks.
const LOOK: Duration = Duration::from_millis(250);

/// Where the log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Log {
    /// Into this folder.
    Folder(PathBuf),
    /// The server archives it, to a place that cannot be looked at from here: it says how far it is.
    Server,
    /// Nowhere: what the backup needs comes with it.
    Sent,
}

/// Where the log of a server goes, by what was asked for and what the server says.
pub fn place(spec: &BaseSpec, facts: &BaseFacts, in_recovery: bool) -> Log {
    if let Some(dir) = &spec.wal_dir {
        return Log::Folder(dir.clone());
    }
    let source = command::read(&facts.archive_command);
    let archives = match facts.archive_mode.as_str() {
        "on" => !in_recovery,
        "always" => true,
        _ => false,
    };
    if !archives || (source.kind == CommandKind::Nothing && facts.archive_library.is_empty()) {
        return Log::Sent;
    }
    match (source.kind, source.dir) {
        // Other programs lay their folders out in their own ways.
        (CommandKind::Dbbackup | CommandKind::Copy, Some(dir)) if dir.is_dir() => Log::Folder(dir),
        _ => Log::Server,
    }
}

/// A stretch of the log.
#[derive(Clone, Copy, Debug)]
pub struct Needed {
    /// The timeline.
    pub timeline: Timeline,
    /// Where replay begins.
    pub start: Lsn,
    /// Where the backup is consistent.
    pub stop: Lsn,
    /// The size of segments.
    pub size: SegmentSize,
}

impl Needed {
    /// The segments, first and last included.
    pub fn segments(self) -> impl DoubleEndedIterator<Item = SegmentName> {
        let first = self.start.0 / self.size.bytes();
        // The stop is the position after the last byte that is needed.
        let last = self.stop.0.saturating_sub(1).max(self.start.0) / self.size.bytes();
        (first..=last).map(move |number| Segment { timeline: self.timeline, number }.name(self.size))
    }
}

/// Waits until every segment is archived. A fault says which one is not, and what to do.
pub async fn wait(log: &Log, needed: Needed, server: &dyn Server, gauge: &Gauge, context: &Context) -> Result<(), Fault> {
    let (mut looked, mut seen) = (Instant::now(), None);
    let mut failures = None;
    for name in needed.segments() {
        let mut said = false;
        loop {
            let archived = server.archived().await?;
            let there = match log {
                Log::Sent => true,
                Log::Folder(dir) => !Folder::open(dir)?.find(WalName::Segment(name))?.is_empty(),
                // Segments are archived in their order.
                Log::Server => {
                    archived.last.as_deref().and_then(|last| last.get(..24)).is_some_and(|last| last >= name.to_string().as_str())
                }
            };
            if there {
                break;
            }
            if !said {
                gauge.waits(Some(format!("segment {name} to be archived")));
                context.events.log(crate::engine::event::Level::Info, format!("waiting for segment {name} to be archived"));
                said = true;
            }
            let before = *failures.get_or_insert(archived.failures);
            if archived.failing.is_some() && archived.failures >= before + FAILURES {
                return Err(late(log, name, Some((archived.failing.unwrap_or_default(), archived.failures))));
            }
            if archived.last != seen {
                (looked, seen) = (Instant::now(), archived.last);
            }
            if looked.elapsed() > PATIENCE {
                return Err(late(log, name, None));
            }
            tokio::select! {
                () = context.cancel.cancelled() => return Err(Fault::new(Code::Cancelled, "cancelled")),
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        looked = Instant::now();
    }
    gauge.waits(None);
    Ok(())
}

fn late(log: &Log, name: SegmentName, failing: Option<(String, u64)>) -> Fault {
    let fault = Fault::new(Code::Partial, format!("the log that the base backup needs is not archived: segment {name} is missing"));
    let fault = match (failing, log) {
        (Some((segment, failures)), _) => fault
            .because(format!("the server's archiver fails at {segment} ({failures} failures so far)"))
            .step_run("See why, in the server's log and here:", "SELECT * FROM pg_stat_archiver;"),
        (None, Log::Folder(dir)) => fault
            .because(format!("nothing came for {} s", PATIENCE.as_secs()))
            .at("Archive", dir.display())
            .step("See whether this is the folder into which the server archives: --archive-dir.")
            .step_run(
                "Where a standby is backed up, its primary archives a segment that is not full only when it is told to:",
                "SELECT pg_switch_wal();",
            ),
        (None, _) => fault.because(format!("the server archived nothing for {} s", PATIENCE.as_secs())),
    };
    fault
        .step("Repair the archiver: the server keeps its log and tries again, and the backup can be used as soon as this segment is there.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::connection::Connection;
    use crate::domain::spec::{Checkpoint, NameTime};

    #[test]
    fn the_last_segment_is_the_one_with_the_last_byte() {
        let needed = |start, stop| {
            let needed = Needed { timeline: Timeline(1), start: Lsn(start), stop: Lsn(stop), size: SegmentSize::default() };
            needed.segments().map(|name| name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(needed(0x0200_0028, 0x0200_0138), ["000000010000000000000002"]);
        assert_eq!(needed(0x0200_0028, 0x0300_0000), ["000000010000000000000002"]);
        assert_eq!(needed(0x0200_0028, 0x0300_0001), ["000000010000000000000002", "000000010000000000000003"]);
    }

    #[test]
    fn the_log_comes_with_a_backup_only_where_nobody_archives_it() {
        let mut spec = BaseSpec {
            connection: Connection::default(),
            dir: "/b".into(),
            kind: crate::domain::recovery::BaseKind::Full,
            label: None,
            compression: crate::domain::codec::Compression::default(),
            jobs: 1,
            memory: 1,
            verify: None,
            name_time: NameTime::Local,
            checkpoint: Checkpoint::Fast,
            wal_dir: None,
        };
        let facts =
            |mode: &str, command: &str| BaseFacts { archive_mode: mode.into(), archive_command: command.into(), ..BaseFacts::default() };
        assert_eq!(place(&spec, &facts("off", "cp %p /tmp/%f"), false), Log::Sent);
        assert_eq!(place(&spec, &facts("on", ""), false), Log::Sent);
        assert_eq!(place(&spec, &facts("on", "cp %p /tmp/%f"), false), Log::Folder("/tmp".into()));
        assert_eq!(place(&spec, &facts("on", "cp %p /tmp/%f"), true), Log::Sent, "a standby does not archive");
        assert_eq!(place(&spec, &facts("on", "cp %p /nowhere/at/all/%f"), false), Log::Server);
        assert_eq!(place(&spec, &facts("on", "wal-g wal-push %p"), false), Log::Server);
        spec.wal_dir = Some("/w".into());
        assert_eq!(place(&spec, &facts("off", ""), false), Log::Folder("/w".into()));
    }
}
