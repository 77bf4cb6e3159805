//! Watches a recovered server replay its log: how far it is, where it stopped, and why it gave up, if it did.

use super::board::Board;
use super::choose::Road;
use super::launch::Launch;
use super::replay::{Replay, State};
use crate::domain::recovery::{Micros, moment};
use crate::domain::wal::Lsn;
use crate::domain::{Code, Fault};
use crate::server::postgres::wal::record::What;
use crate::storage::io_fault;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// Between two looks at the server's log.
const LOOK: Duration = Duration::from_millis(100);

/// Between two looks at what moment replay is.
const CLOCK: Duration = Duration::from_secs(1);

/// How long a server that was started may be without a process and without a word.
const SILENT: Duration = Duration::from_secs(30);

/// The most of the server's log that is taken at once.
const PIECE: u64 = 1 << 20;

/// Follows the server until it has come to its target. `to` is where replay ends, where that is known. A cancelled watch stops the server. Runs on a thread on
/// which the runtime lets work block.
pub fn follow(
    launch: &Launch,
    road: Option<&Road>,
    segment_bytes: u64,
    to: Option<Lsn>,
    board: &Board<'_>,
    cancel: &CancellationToken,
) -> Result<Replay, Fault> {
    let runtime = Handle::current();
    let mut replay = Replay::default();
    let (mut read, mut rest) = (0_u64, String::new());
    let began = Instant::now();
    let mut clock = Clock { read: None, segment: None, at: None };
    loop {
        if cancel.is_cancelled() {
            launch.stop()?;
            return Err(Fault::new(Code::Cancelled, "cancelled"));
        }
        // Asked before the log is read: what a server that ended has said is in it then.
        let alive = launch.is_alive();
        let heard = take(launch, &mut read, &mut rest, &mut |line| replay.line(line, segment_bytes))?;
        match replay.state {
            State::Paused | State::Promoted => return Ok(replay),
            State::Stopped if !alive => return Ok(replay),
            State::Failed if !alive => return Err(gave_up(launch, &replay)),
            State::Starting | State::Replaying | State::Consistent | State::Stopped | State::Failed => {}
        }
        if !alive && !heard && began.elapsed() > SILENT {
            return Err(gave_up(launch, &replay));
        }
        if let Some(road) = road {
            clock.look(&replay, road, cancel);
        }
        board.replay(&replay, to, clock.at);
        // The job's own cancelling ends the wait at once. The server's log can only be looked at again: it is another program's file, which nobody announces
        // to all systems alike.
        let _ = runtime.block_on(tokio::time::timeout(LOOK, cancel.cancelled()));
    }
}

/// Reads what was added to the log; gives whether that was something.
fn take(launch: &Launch, read: &mut u64, rest: &mut String, line: &mut dyn FnMut(&str)) -> Result<bool, Fault> {
    let path = launch.log();
    let mut bytes = Vec::new();
    let got = File::open(&path).and_then(|mut file| {
        file.seek(SeekFrom::Start(*read))?;
        file.take(PIECE).read_to_end(&mut bytes)
    });
    match got {
        Ok(got) => *read += got as u64,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(io_fault("cannot read the log of the recovered server", &path, &error)),
    }
    rest.push_str(&String::from_utf8_lossy(&bytes));
    while let Some(end) = rest.find('\n') {
        line(&rest[..end]);
        rest.drain(..=end);
    }
    Ok(!bytes.is_empty())
}

/// Of what moment replay is: that of the first transaction in the segment that the server took last.
struct Clock {
    read: Option<Instant>,
    segment: Option<u64>,
    at: Option<Micros>,
}

impl Clock {
    fn look(&mut self, replay: &Replay, road: &Road, cancel: &CancellationToken) {
        let number = replay.segment.and_then(|name| name.segment(road.log.size())).map(|segment| segment.number);
        if number == self.segment || self.read.is_some_and(|read| read.elapsed() < CLOCK) {
            return;
        }
        (self.segment, self.read) = (number, Some(Instant::now()));
        let Some(number) = number else { return };
        let mut seen = None;
        // What cannot be read is no matter here: the server says so itself.
        let _ = road.log.walk(&road.way, number, None, cancel, &mut |event| {
            if let What::Ended { at, .. } = event.what {
                seen = Some(at);
            }
            seen.is_none() && event.at.0 / road.log.size().bytes() == number
        });
        self.at = seen.or(self.at);
    }
}

/// What the server said when it gave up, with what cures it.
fn gave_up(launch: &Launch, replay: &Replay) -> Fault {
    let said = replay.last_words.join("\n");
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let (code, what, steps): (Code, &str, Vec<&str>) = if has(&["recovery ended before configured recovery target was reached"]) {
        (
            Code::NotInArchive,
            "the log ended before the target was reached",
            vec![
                "Segments became unreadable or went away meanwhile: check them with dbbackup wal verify, then run this again.",
                "Or choose an earlier target.",
            ],
        )
    } else if has(&["before consistent recovery point"]) {
        (
            Code::NotInArchive,
            "the target is before the base backup is consistent",
            vec!["Choose a later target, or an older base backup (--base-backup)."],
        )
    } else if has(&["is not a child of this server's history", "requested timeline"]) {
        (
            Code::NotInArchive,
            "the timeline does not come from that of the base backup",
            vec!["Choose another one: --timeline current, or another base backup."],
        )
    } else if has(&[
        "could not bind",
        "could not create any TCP/IP sockets",
        "Address already in use",
        "could not create any Unix-domain sockets",
    ]) {
        (Code::Usage, "the port is taken", vec!["Name another one: --start-port N."])
    } else if has(&["could not load library", "could not access file \"$libdir", "could not access file"]) {
        (
            Code::MissingLibrary,
            "the server needs a library that is not installed here",
            vec![
                "Install the package that has it, or take it out of shared_preload_libraries in the data directory's postgresql.conf, then start the server by hand.",
            ],
        )
    } else if has(&["insufficient parameter settings", "hot standby is not possible"]) {
        (
            Code::Config,
            "a setting is smaller than the log needs",
            vec!["Set it in the data directory's postgresql.conf to at least what the server says, then start it by hand."],
        )
    } else if has(&["No space left on device"]) {
        (
            Code::DiskFull,
            "there is no room for the log that is replayed",
            vec!["Make room, then start the server by hand: it goes on where it was."],
        )
    } else if has(&["could not map anonymous shared memory", "could not create shared memory", "Cannot allocate memory"]) {
        (
            Code::OutOfMemory,
            "there is not enough memory for the server",
            vec!["Make shared_buffers in the data directory's postgresql.conf smaller, then start the server by hand."],
        )
    } else if has(&["could not restore file", "restore_command"]) {
        (
            Code::ServerUnavailable,
            "the server cannot get its log from the archive",
            vec!["The server's log says why the command failed. Look whether its user can read the archive and run the program."],
        )
    } else {
        (Code::ServerUnavailable, "the recovered server gave up", vec![])
    };
    let mut fault = Fault::new(code, what).at("Data directory", launch.data.display()).at("Server's log", launch.log().display());
    for word in replay.last_words.iter().rev() {
        fault = fault.because(word);
    }
    if replay.last_words.is_empty() {
        fault = fault.because(last_line(launch).unwrap_or_else(|| "it said nothing".to_owned()));
    }
    for step in steps {
        fault = fault.step(step);
    }
    let log = launch.log();
    fault
        .step_run("See all that it said:", format!("tail -n 50 {}", super::log::quoted(&log)))
        .step_run("Start it again by hand, when the cause is gone:", launch.by_hand("start"))
}

/// The last line of the server's log.
fn last_line(launch: &Launch) -> Option<String> {
    let text = std::fs::read(launch.log()).ok()?;
    String::from_utf8_lossy(&text).lines().last().map(str::to_owned)
}

/// A transaction for people: number, moment, position.
pub fn said(ended: &super::search::Ended) -> String {
    format!("{} ({}, at {})", ended.xid, moment::both(ended.at), ended.lsn)
}
