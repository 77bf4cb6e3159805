//! Follows a server's binary log into a folder, as a replica does: each event as it is, each file under its name only when it is whole. **The folder
//! decides** where to go on: nothing else is remembered.

use super::identity::{self, Identity};
use super::survey::{self, survey};
use super::work::{self, Work};
use crate::domain::binlog::{BinlogGap, BinlogReport, LogName, Place};
use crate::domain::{Bytes, Code, Compression, Fault, Retry, Stamp};
use crate::server::Server;
use crate::server::binlog::{BinlogSource, Binlogs, Follow, Sent};
use crate::server::mysql::binlog::event::{self, Body, Header, Kind};
use crate::server::mysql::binlog::format::{self, Format};
use futures_util::future::BoxFuture;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// How often what has arrived is handed to the system, and told.
const TICK: Duration = Duration::from_millis(250);

/// How often it is brought to the disk while events arrive.
const SYNC: Duration = Duration::from_secs(5);

/// How often the server is asked how far it is.
const LOOK: Duration = Duration::from_secs(10);

/// The first and the longest wait before a server is called again.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Order {
    /// The archive's folder.
    pub dir: PathBuf,
    /// How whole files are stored.
    pub compression: Compression,
    /// When it ends.
    pub follow: Follow,
}

/// What is told while it goes on.
#[derive(Clone, Debug)]
pub enum News {
    /// The server sends, from a place on.
    Following(Place),
    /// How far it is.
    Progress(Lag),
    /// A file is whole: its bytes, and its bytes as stored.
    Sealed(LogName, Bytes, Bytes),
    /// The server has removed what was not archived.
    Gap(BinlogGap),
    /// The line is lost, or something else failed that may pass; it is tried again after so long.
    Trouble(Box<Fault>, Duration),
}

/// How far an archive is behind its server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lag {
    /// What is archived.
    pub place: Place,
    /// Bytes that arrived in this run.
    pub received: Bytes,
    /// Bytes that the server has and the archive has not, as of the last look at the server.
    pub bytes: Bytes,
    /// Seconds between the last event that arrived and now; 0 at the end of the log.
    pub seconds: u64,
}

/// What came of a run.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// Where it ended.
    pub place: Option<Place>,
    /// Bytes that arrived.
    pub received: u64,
    /// Files that are whole now.
    pub sealed: u64,
    /// What the server had removed before it was archived.
    pub gaps: Vec<BinlogGap>,
}

/// Follows the log until it is cancelled, or, asked to, until its end.
///
/// # Errors
/// `WAL_FOREIGN`, `WAL_ARCHIVE_MISSING`, `ANOTHER_RUN`, and what does not pass. With [`Follow::Once`] any failure.
pub async fn run(
    server: &Arc<dyn Server>,
    order: &Order,
    cancel: &CancellationToken,
    tell: &mut (dyn FnMut(News) + Send),
) -> Result<Done, Fault> {
    let mut archiver = Archiver { server, order, cancel, tell, lock: None, work: None, done: Done::default() };
    let mut wait = BACK_OFF.0;
    let mut worked = false;
    loop {
        let before = archiver.done.received;
        let ended = archiver.follow().await;
        let kept = archiver.keep();
        let fault = match (ended, kept) {
            (Ok(()), Ok(())) => return Ok(archiver.done),
            (Err(fault), _) | (Ok(()), Err(fault)) => fault,
        };
        if cancel.is_cancelled() {
            return Ok(archiver.done);
        }
        if archiver.done.received > before {
            (worked, wait) = (true, BACK_OFF.0);
        }
        // What was right once can pass: a password that is changed, a server that is being replaced. What says that two logs are mixed up does not.
        let is_final = matches!(fault.code, Code::WalForeign | Code::WalConflict | Code::AnotherRun | Code::Internal)
            || (!worked && fault.code.retry() == Retry::Never && fault.code != Code::CorruptedBackup);
        if order.follow == Follow::Once || is_final {
            return Err(fault);
        }
        (archiver.tell)(News::Trouble(Box::new(fault), wait));
        tokio::select! {
            () = cancel.cancelled() => return Ok(archiver.done),
            () = tokio::time::sleep(wait) => {}
        }
        wait = (wait * 2).min(BACK_OFF.1);
    }
}

struct Archiver<'a> {
    server: &'a Arc<dyn Server>,
    order: &'a Order,
    cancel: &'a CancellationToken,
    tell: &'a mut (dyn FnMut(News) + Send),
    /// Says to others that somebody archives here.
    lock: Option<File>,
    work: Option<Work>,
    done: Done,
}

/// Whether a stretch of events ended because there are no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Went {
    On,
    Over,
}

impl Archiver<'_> {
    /// Brings what has arrived to the disk, and closes it.
    fn keep(&mut self) -> Result<(), Fault> {
        let Some(mut work) = self.work.take() else { return Ok(()) };
        self.done.place = Some(work.place());
        work.sync()
    }

    /// From looking at folder and server to the end of the line.
    async fn follow(&mut self) -> Result<(), Fault> {
        let server = Arc::clone(self.server);
        let binlogs = tokio::select! {
            () = self.cancel.cancelled() => return Ok(()),
            binlogs = server.binlogs() => binlogs?,
        };
        let from = self.begin(&binlogs).await?;
        let Some(from) = from else { return Ok(()) };
        let mut source = tokio::select! {
            () = self.cancel.cancelled() => return Ok(()),
            source = server.binlog_source(&from, self.order.follow) => source?,
        };
        (self.tell)(News::Following(from));
        self.receive(&mut *source, binlogs).await
    }

    /// Finds out where to go on, and opens the file in work. None: the server has nothing.
    async fn begin(&mut self, server: &Binlogs) -> Result<Option<Place>, Fault> {
        let dir = &self.order.dir;
        let Some((oldest, _)) = server.logs.first() else { return Ok(None) };
        let mut report = survey(dir)?;
        let identity = Identity::read(dir)?;
        match &identity {
            Some(identity) => {
                identity.fits(&server.owner, dir)?;
                if self.lock.is_none() {
                    self.lock = Some(identity::hold(dir)?);
                    // What another run did since the folder was looked at.
                    report = survey(dir)?;
                }
            }
            None if report.logs.is_empty() && report.stats.strangers == 0 => {
                self.lock = Some(Identity::of(&server.owner, oldest.clone()).write(dir)?);
            }
            None => {
                return Err(Fault::new(Code::WalArchiveMissing, "the folder is no archive of the binary log, and cannot become one")
                    .at("Folder", dir.display())
                    .because(format!("it holds files, and no {} that says whose they are", identity::FILE))
                    .step("Name an empty folder (--binlog-dir), or move what is in this one elsewhere."));
            }
        }
        crate::storage::local::sweep(dir)?;
        self.settle(&report)?;
        let from = self.resume(&report, server)?;
        let mut work = Work::open(dir, from.log.clone())?;
        // 32 bits is all that a place can be asked for with.
        if u32::try_from(work.place().offset).is_err() {
            work.clear()?;
        }
        let place = work.place();
        let there = server.logs.iter().find(|(log, _)| *log == place.log).map(|(_, bytes)| *bytes);
        if there.is_some_and(|bytes| bytes < place.offset) {
            return Err(begun_anew(dir, &format!("the server's {} ends before {}, which is archived", place.log, place.offset)));
        }
        self.work = Some(work);
        Ok(Some(place))
    }

    /// Takes away what a run that was killed at the last moment left beside whole files.
    fn settle(&self, report: &BinlogReport) -> Result<(), Fault> {
        for held in report.logs.iter().filter(|held| held.whole) {
            if self.order.dir.join(format!("{}{}", held.log, survey::PARTIAL)).exists() {
                let path = self.order.dir.join(&held.file);
                work::clear_left_over(&self.order.dir, &held.log, &mut *survey::plain(&path, &held.file)?)?;
            }
        }
        Ok(())
    }

    /// The file to go on with.
    fn resume(&mut self, report: &BinlogReport, server: &Binlogs) -> Result<Place, Fault> {
        let dir = &self.order.dir;
        let (Some((oldest, _)), Some((newest, _))) = (server.logs.first(), server.logs.last()) else {
            return Err(Fault::internal("a server without binary logs is followed"));
        };
        let Some(last) = report.logs.last() else { return Ok(Place::start(oldest.clone())) };
        if last.log.base() != newest.base() {
            return Err(begun_anew(dir, &format!("the server's files are called {newest}, the archive's {}", last.log)));
        }
        let same = server.logs.iter().find(|(log, _)| *log == last.log).map(|(_, bytes)| *bytes);
        if let (true, Some(bytes), Some(plain)) = (last.whole, same, last.plain)
            && bytes != plain.0
        {
            return Err(begun_anew(dir, &format!("the server's {} has {bytes} bytes, the archive's {}", last.log, plain.0)));
        }
        let wanted = if last.whole { last.log.next() } else { last.log.clone() };
        if server.logs.iter().any(|(log, _)| *log == wanted) {
            return Ok(Place::start(wanted));
        }
        if *newest < wanted {
            return Err(begun_anew(dir, &format!("the server's newest file is {newest}, and the archive has {}", last.log)));
        }
        let gap = BinlogGap {
            first: wanted,
            last: oldest.with_number(oldest.number().saturating_sub(1)),
            from: last.last,
            to: Stamp(jiff::Timestamp::now().as_millisecond()),
        };
        self.done.gaps.push(gap.clone());
        (self.tell)(News::Gap(gap));
        Ok(Place::start(oldest.clone()))
    }

    /// Takes events until the line or the log ends.
    async fn receive(&mut self, source: &mut dyn BinlogSource, mut server: Binlogs) -> Result<(), Fault> {
        let cancel = self.cancel;
        let asked = Arc::clone(self.server);
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut synced, mut looked, mut told) = (Instant::now(), Instant::now(), None);
        // The look at the server that is under way; it never holds up what arrives.
        let mut look: Option<BoxFuture<'_, Result<Binlogs, Fault>>> = None;
        loop {
            tokio::select! {
                biased;
                () = cancel.cancelled() => return Ok(()),
                _ = tick.tick() => {
                    let Some(work) = &mut self.work else { continue };
                    work.flush()?;
                    if synced.elapsed() >= SYNC {
                        work.sync()?;
                        synced = Instant::now();
                    }
                    if look.is_none() && looked.elapsed() >= LOOK {
                        look = Some(asked.binlogs());
                    }
                    let lag = lag(work, &server, self.done.received);
                    if told.as_ref() != Some(&lag) {
                        (self.tell)(News::Progress(lag.clone()));
                        told = Some(lag);
                    }
                }
                answer = async { look.as_mut().expect("polled only while there is one").await }, if look.is_some() => {
                    // A server that does not answer will be silent on the line too.
                    if let Ok(answer) = answer {
                        server = answer;
                    }
                    (look, looked) = (None, Instant::now());
                }
                sent = source.next() => match sent? {
                    Sent::Event(event) => {
                        if self.event(&event).await? == Went::Over {
                            return Ok(());
                        }
                    }
                    Sent::End if self.order.follow == Follow::Once => {
                        if let Some(work) = &mut self.work {
                            work.flush()?;
                            let lag = Lag { bytes: Bytes(0), seconds: 0, ..lag(work, &server, self.done.received) };
                            (self.tell)(News::Progress(lag));
                        }
                        return Ok(());
                    }
                    Sent::End => return Err(Fault::new(Code::ServerUnavailable, "the server ended the stream of its binary log")),
                },
            }
        }
    }

    /// Takes one event.
    async fn event(&mut self, bytes: &[u8]) -> Result<Went, Fault> {
        let header =
            Header::read(bytes).map_err(|why| Fault::new(Code::CorruptedBackup, "what the server sent is no event").because(why))?;
        if header.kind.is_heartbeat() {
            return Ok(Went::On);
        }
        let work = self.work.as_mut().ok_or_else(|| Fault::internal("an event came without a file in work"))?;
        if header.is_in_file() {
            work.take(&header, bytes)?;
            self.done.received += bytes.len() as u64;
            return Ok(Went::On);
        }
        match header.kind {
            Kind::FORMAT => {
                // Of a file that is gone on with: it must be the same one.
                let sent = Format::read(bytes)
                    .map_err(|why| Fault::new(Code::CorruptedBackup, "what the server sent is no format").because(why))?;
                match work.format() {
                    Some(ours) if (ours.begun, &ours.version, ours.server) != (sent.begun, &sent.version, sent.server) => {
                        Err(begun_anew(&self.order.dir, &format!("the server's {} is not the one that is archived", work.log())))
                    }
                    _ => Ok(Went::On),
                }
            }
            Kind::ROTATE => {
                // One that is made for a reader has a checksum where the reader asked for it.
                let content = if format::has_checksum(bytes) { &bytes[..bytes.len() - format::CHECKSUM] } else { bytes };
                let Some(Body::Rotate(Some(next), _)) = event::read(&header, content) else {
                    return Err(Fault::new(Code::CorruptedBackup, "the server names no next file of its log"));
                };
                self.turn_to(next).await
            }
            _ => Ok(Went::On),
        }
    }

    /// Goes on with another file, when the server does.
    async fn turn_to(&mut self, next: LogName) -> Result<Went, Fault> {
        let Some(work) = self.work.take_if(|work| *work.log() != next) else { return Ok(Went::On) };
        let log = work.log().clone();
        if log.next() != next {
            self.work = Some(work);
            return Err(Fault::new(Code::CorruptedBackup, format!("the server goes from {log} to {next}")));
        }
        let (dir, compression) = (self.order.dir.clone(), self.order.compression);
        let sealed = tokio::task::spawn_blocking(move || work.seal(&dir, compression)).await;
        let (plain, stored) = sealed.map_err(|error| Fault::internal("a file could not be made whole").because(error))??;
        self.done.sealed += 1;
        (self.tell)(News::Sealed(log, plain, stored));
        self.work = Some(Work::open(&self.order.dir, next)?);
        Ok(if self.cancel.is_cancelled() { Went::Over } else { Went::On })
    }
}

fn lag(work: &Work, server: &Binlogs, received: u64) -> Lag {
    let place = work.place();
    let all: u64 = server.logs.iter().filter(|(log, _)| *log >= place.log).map(|(_, bytes)| bytes).sum();
    let bytes = all.saturating_sub(place.offset);
    let now = jiff::Timestamp::now().as_second();
    let age = u64::try_from(now - i64::from(work.last())).unwrap_or(0);
    let seconds = if bytes > 0 && work.last() > 0 { age } else { 0 };
    Lag { place, received: Bytes(received), bytes: Bytes(bytes), seconds }
}

/// The fault of a log whose names came again.
fn begun_anew(dir: &std::path::Path, why: &str) -> Fault {
    Fault::new(Code::WalForeign, "the server's binary log is not the one that was archived here")
        .at("Folder", dir.display())
        .because(why)
        .step("The server has begun its log anew (RESET MASTER, RESET BINARY LOGS AND GTIDS), was restored from a copy, or has another name for its log.")
        .step_run("Archive into a new folder:", "mkdir -m 700 /binlog2 && dbbackup binlog archive --binlog-dir /binlog2")
        .step_run("Then make a new backup, from which that archive leads on:", "dbbackup backup cluster")
}

/// What to do about a gap: the same words wherever it is told.
pub fn gap_fault(dir: &std::path::Path, gap: &BinlogGap) -> Fault {
    let what = if gap.first == gap.last {
        format!("the server has removed {} before it was archived", gap.first)
    } else {
        format!("the server has removed {} to {} before they were archived", gap.first, gap.last)
    };
    Fault::new(Code::Partial, what)
        .at("Folder", dir.display())
        .because("no moment in them, and none after them from a backup before them, can be recovered")
        .step_run("Make a new backup now, from which the log is whole again:", "dbbackup backup cluster")
        .step_run("Have the server keep its logs for longer (MySQL, MariaDB 10.6+):", "SET GLOBAL binlog_expire_logs_seconds = 604800")
        .step("Keep `dbbackup binlog archive` running: as a service, it is behind by seconds.")
}
