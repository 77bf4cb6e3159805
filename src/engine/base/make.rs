//! Makes a base backup: asks the server, lets its stream through the threads, ends the archive, waits for the log.

use super::listed;
use super::logged::{self, Log, Needed};
use super::parent::{self, Known, Pages, Way};
use super::press::{self, Press, Task};
use super::progress::{Gauge, Ticker};
use super::split::{Earlier, Sink, Split, Splitter};
use crate::archive::base::{self, FILES};
use crate::archive::manifest::{self, Base, FORMAT, Head, Kind, Manifest, Status, Tablespace};
use crate::domain::fault::{Code, Fault};
use crate::domain::job::{Phase, Summary};
use crate::domain::server::ServerInfo;
use crate::domain::size::Bytes;
use crate::domain::spec::{BaseSpec, Depth};
use crate::domain::time::span;
use crate::domain::wal::Lsn;
use crate::engine::Context;
use crate::engine::backup::budget::Lease;
use crate::engine::backup::finish::{self, Ending, Named};
use crate::engine::backup::halt::{Halt, panicked};
use crate::engine::backup::name;
use crate::engine::backup::progress::lock;
use crate::engine::event::{Event, Level};
use crate::server::base::{BaseFacts, BaseOrder, BasePiece, BaseSource, BaseStart, WithWal};
use crate::storage::local;
use crate::system;
use jiff::Zoned;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

/// Bytes of a frame before compression.
const CHUNK: usize = 2 << 20;

/// Makes it. After a failure nothing of it is left, unless only the log is missing.
pub async fn make(spec: &BaseSpec, context: &Context) -> Result<Summary, Fault> {
    let server = context.server()?.clone();
    let halt = Halt::under(&context.cancel);
    // Whoever drops this future drops what it holds with it: the threads then end by themselves, and the unfinished file goes.
    let _stop = halt.stop_when_dropped();
    let (info, facts) = halt.or(async { Ok((server.info().await?, server.base_facts().await?)) }).await?;
    suits(&facts)?;
    prepare(spec, context)?;
    let log = logged::place(spec, &facts, info.in_recovery);
    let earlier = halt.or(parent::look(spec, &info, &facts)).await?;
    let gauge = Gauge::new(&spec.connection.address());
    gauge.meter.phase(Phase::Preparing);
    let ticker = Ticker::start(&gauge, &context.events);
    let run = Run { spec, context, info: &info, facts: &facts, log: &log, gauge: &gauge, halt: &halt };
    let made = run.make(server.base_source(), earlier).await;
    let waited = match made {
        Ok((summary, needed)) => {
            // The archive has its name by now: it is good as soon as the log is there.
            let path = summary.archives.first().cloned().unwrap_or_default();
            let waited = logged::wait(&log, needed, server.as_ref(), &gauge, context).await;
            waited.map(|()| summary).map_err(|fault| match fault.code {
                Code::Cancelled => fault.at("Left", format!("{}, complete apart from the log", path.display())),
                _ => fault.at("Complete apart from the log", path.display()),
            })
        }
        Err(fault) => Err(fault),
    };
    drop(ticker);
    // The last word of the counters, also after a failure.
    context.events.post(Event::Progress(Box::new(gauge.sample())));
    waited
}

/// Whether the server is built with pages as every distributed one is: hashes, checksums and increments go by them.
pub fn suits(facts: &BaseFacts) -> Result<(), Fault> {
    if facts.page_size as usize == base::PAGE {
        return Ok(());
    }
    let what = format!("the server is built with pages of {} bytes; base backups are made of those with {}", facts.page_size, base::PAGE);
    Err(Fault::new(Code::VersionUnsupported, what).step("Make it with the server's own pg_basebackup."))
}

/// The folder, and what killed runs left in it.
fn prepare(spec: &BaseSpec, context: &Context) -> Result<(), Fault> {
    local::prepare_dir(&spec.dir)?;
    for path in local::sweep(&spec.dir)? {
        context.events.log(Level::Warn, format!("removed {}, which a killed run had left", path.display()));
    }
    Ok(())
}

struct Run<'a> {
    spec: &'a BaseSpec,
    context: &'a Context,
    info: &'a ServerInfo,
    facts: &'a BaseFacts,
    log: &'a Log,
    gauge: &'a Arc<Gauge>,
    halt: &'a Halt,
}

impl Run<'_> {
    async fn make(
        &self,
        source: crate::server::Answer<'_, Box<dyn BaseSource>>,
        earlier: Option<Known>,
    ) -> Result<(Summary, Needed), Fault> {
        let (began, at) = (Instant::now(), Zoned::now());
        let spec = self.spec;
        let stem = name::stem(name::Subject::Base, &at, &spec.name_time)?;
        let path = name::free(&spec.dir, &stem, spec.compression.codec);
        let mtime = u64::try_from(at.timestamp().as_second()).unwrap_or(0);
        let setup = press::Setup {
            path: &path,
            compression: spec.compression,
            jobs: spec.jobs,
            memory: spec.memory,
            chunk: CHUNK,
            mtime,
            meter: &self.gauge.meter,
        };
        let (press, threads) = press::start(&setup, self.halt)?;
        let bad = press.bad.clone();
        let label = spec.label.clone().unwrap_or_else(|| format!("dbbackup base backup {}", at.strftime("%Y-%m-%d %H:%M:%S %Z")));
        let (known, pages) = match earlier {
            Some(Known { parent, way, pages, manifest }) => (Some((parent, way, manifest)), pages),
            None => (None, None),
        };
        let order = BaseOrder {
            label: label.clone(),
            checkpoint: spec.checkpoint,
            wal: if *self.log == Log::Sent { WithWal::Sent } else { WithWal::Archived },
            parent_manifest: known.as_ref().and_then(|(_, _, manifest)| manifest.clone()),
        };
        let streamed = self.stream(source, &order, press, mtime, pages).await;
        let writer = tokio::task::spawn_blocking(move || threads.end()).await;
        let writer = writer.map_err(|error| Fault::internal("cannot wait for the threads").caused_by(&error))?;
        // What stopped the threads comes first: the stream then only knows that it was stopped.
        let (writer, streamed) = match (writer, streamed) {
            (Err(fault), Err(first)) if fault.code == Code::Cancelled => return Err(first),
            (Err(fault), _) => return Err(fault),
            (Ok(writer), streamed) => (writer, streamed?),
        };
        let Streamed { start, stop, split, warnings } = streamed;
        self.gauge.over();
        refuse(&lock(&bad))?;
        let ended_ms = self.halt.or(self.context.server()?.archived()).await?.now_ms;
        listed::check(&split.manifest, &split.files)?;
        let base = Base {
            kind: spec.kind,
            parent: known.as_ref().map(|(parent, _, _)| manifest::Parent {
                id: parent.head.id.clone(),
                file: parent.path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                start: parent.base.start,
            }),
            label,
            timeline: start.timeline,
            start: start.start,
            stop,
            began_ms: self.facts.now_ms,
            ended_ms,
            segment_size: self.facts.segment_size,
            page_size: self.facts.page_size,
            checksums: self.facts.checksums,
            tablespaces: tablespaces(&start, &split),
            files: split.files.len() as u64,
        };
        let needed = Needed { timeline: base.timeline, start: base.start, stop, size: base.segment_size };
        let manifest = Manifest { head: self.head(&at, began, base.clone(), &start, &split), databases: Vec::new() };
        let (gauge, cancel, jobs, verify) = (self.gauge.clone(), self.context.cancel.clone(), spec.jobs.max(1), spec.verify);
        let finished = tokio::task::spawn_blocking(move || {
            let documents = documents(&manifest, &base, &path, &split)?;
            let (meter, cancel) = (&*gauge.meter, &cancel);
            finish::finish(writer, Ending { documents, manifest: &manifest, mtime, verify, jobs, path: &path, meter, cancel })
                .map(|named| (named, manifest))
        });
        let (named, manifest) = finished.await.map_err(join_fault)??;
        Ok((self.summary(named, &manifest, known.map(|(parent, way, _)| (parent.path, way)), warnings, began), needed))
    }

    /// Lets the server's stream through.
    async fn stream(
        &self,
        source: crate::server::Answer<'_, Box<dyn BaseSource>>,
        order: &BaseOrder,
        press: Press,
        mtime: u64,
        pages: Option<Pages>,
    ) -> Result<Streamed, Fault> {
        let mut source = self.halt.or(source).await?;
        self.gauge.waits(Some("the server's checkpoint".to_owned()));
        let start = self.halt.or(source.begin(order)).await?;
        self.gauge.waits(None);
        self.gauge.meter.phase(Phase::Data);
        self.gauge.expect(start.tablespaces.iter().filter_map(|(_, _, bytes)| *bytes).sum());
        let _stream = system::pace::Stream::begin(system::pace::Brings::Files);
        // Holds a few hundred pieces of at most 32 KiB; when it is full the server waits; closed when everything has come or the stream fails.
        let (send, mut pieces) = mpsc::channel::<BasePiece>(256);
        let sink = Through { press, gauge: self.gauge.clone(), runtime: tokio::runtime::Handle::current() };
        let since = self.facts.checksums.then_some(start.start);
        let earlier = pages.map(|pages| Box::new(pages) as Box<dyn Earlier>);
        let splitting = tokio::task::spawn_blocking(move || {
            let mut splitter = Splitter::new(sink, CHUNK, since, i64::try_from(mtime).unwrap_or(0), earlier);
            while let Some(piece) = pieces.blocking_recv() {
                match piece {
                    BasePiece::Archive(tablespace) => splitter.archive(tablespace)?,
                    BasePiece::Manifest => splitter.manifest()?,
                    BasePiece::Data(data) => splitter.data(&data)?,
                    BasePiece::End { .. } => return splitter.finish().map(Some),
                }
            }
            // The stream failed: whoever closed the channel knows why.
            Ok(None)
        });
        let passed = self.pass(source.as_mut(), send).await;
        let split = splitting.await.map_err(join_fault)?;
        match (passed, split) {
            // Where cutting failed, passing on only knows that nobody listens.
            (_, Err(fault)) => Err(fault),
            (Err(fault), _) => Err(fault),
            (Ok((stop, warnings)), Ok(Some(split))) => Ok(Streamed { start, stop, split, warnings }),
            (Ok(_), Ok(None)) => Err(Fault::internal("the stream ended without an end")),
        }
    }

    async fn pass(&self, source: &mut dyn BaseSource, send: mpsc::Sender<BasePiece>) -> Result<(Lsn, Vec<String>), Fault> {
        loop {
            let piece = self.halt.or(source.next()).await?;
            let ended = match &piece {
                BasePiece::End { stop, warnings, .. } => Some((*stop, warnings.clone())),
                _ => None,
            };
            send.send(piece).await.map_err(|_| Fault::internal("nobody takes the server's stream"))?;
            if let Some(ended) = ended {
                return Ok(ended);
            }
        }
    }

    fn head(&self, at: &Zoned, began: Instant, base: Base, start: &BaseStart, split: &Split) -> Head {
        Head {
            format: FORMAT,
            id: uuid::Uuid::now_v7().to_string(),
            kind: Kind::Base,
            status: Status::Complete,
            created: at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
            created_ms: at.timestamp().as_millisecond(),
            tool: concat!("dbbackup ", env!("CARGO_PKG_VERSION")).to_owned(),
            source: manifest::Source {
                product: self.info.product.to_string(),
                version: self.info.version.clone(),
                version_num: self.info.version_num,
                system_identifier: Some(start.system_identifier.clone()),
                address: self.spec.connection.address(),
                host: system::hostname(),
            },
            compression: self.spec.compression,
            duration_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            database_names: Vec::new(),
            tables: 0,
            rows: 0,
            row_bytes: split.bytes.values().sum(),
            base: Some(base),
        }
    }

    fn summary(&self, named: Named, manifest: &Manifest, parent: Option<(PathBuf, Way)>, warnings: Vec<String>, began: Instant) -> Summary {
        let took = span(u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX));
        self.context.events.log(Level::Info, format!("{} is complete: {} in {took}", named.path.display(), Bytes(named.bytes)));
        let mut notes = Vec::new();
        if let Some(base) = &manifest.head.base {
            notes.push(format!(
                "{} files, {}; replay begins at {} and the files are consistent at {}, timeline {}",
                crate::domain::size::grouped(base.files),
                Bytes(manifest.head.row_bytes),
                base.start,
                base.stop,
                base.timeline
            ));
        }
        if let Some((path, way)) = parent {
            notes.push(format!("builds on {} ({})", path.display(), way.words()));
        }
        match self.log {
            Log::Sent => notes.push(
                "nobody archives the server's log, so what this backup needs of it is in it; no later moment can be recovered".to_owned(),
            ),
            Log::Folder(dir) => notes.push(format!("the log that it needs is in {}", dir.display())),
            Log::Server => notes.push("the log that it needs is archived, as the server says".to_owned()),
        }
        Summary {
            archives: vec![named.path],
            archive_bytes: Bytes(named.bytes),
            row_bytes: Bytes(manifest.head.row_bytes),
            verified: self.spec.verify.map(|depth| match depth {
                Depth::Quick => "quick".to_owned(),
                Depth::Full => "full".to_owned(),
            }),
            warnings: named.warnings.into_iter().chain(warnings).collect(),
            notes,
            ..Summary::default()
        }
    }
}

/// What came of a stream.
struct Streamed {
    start: BaseStart,
    stop: Lsn,
    split: Split,
    warnings: Vec<String>,
}

/// Refuses a backup in which pages are not what their checksums say.
fn refuse((pages, count): &(Vec<press::BadPage>, u64)) -> Result<(), Fault> {
    let Some(first) = pages.first() else { return Ok(()) };
    let mut fault = Fault::new(Code::Incomplete, format!("{count} pages of the server's files are not what their checksums say"))
        .at("File", &first.path)
        .at("Block", first.block);
    for page in pages.iter().take(8) {
        fault = fault.because(format!("{}: block {}", page.path, page.block));
    }
    Err(fault
        .step_run("See what the server says of all of them, while it is stopped:", "pg_checksums --check -D DATA_DIRECTORY")
        .step("Look for failures of the server's disks (dmesg, SMART), and restore what is damaged from an older backup."))
}

fn tablespaces(start: &BaseStart, split: &Split) -> Vec<Tablespace> {
    let own = start.tablespaces.iter().filter_map(|(oid, path, _)| Some(((*oid)?, path)));
    own.map(|(oid, path)| Tablespace { oid, path: path.clone(), bytes: split.bytes.get(&Some(oid)).copied().unwrap_or(0) }).collect()
}

/// What comes last: the text for people and the list of files.
fn documents(manifest: &Manifest, base: &Base, path: &Path, split: &Split) -> Result<Vec<(String, Vec<u8>)>, Fault> {
    let mut list = Vec::new();
    for file in &split.files {
        serde_json::to_writer(&mut list, file).map_err(|error| Fault::internal("the list of files cannot be written").caused_by(&error))?;
        list.push(b'\n');
    }
    let text = base::readme::readme(manifest, base, path);
    Ok(vec![("README.txt".to_owned(), text.into_bytes()), (FILES.to_owned(), list)])
}

fn join_fault(error: tokio::task::JoinError) -> Fault {
    match error.try_into_panic() {
        Ok(panic) => panicked("making the base backup", panic.as_ref()),
        Err(error) => Fault::internal("making the base backup was aborted").caused_by(&error),
    }
}

/// From the thread that cuts to those that compress.
struct Through {
    press: Press,
    gauge: Arc<Gauge>,
    runtime: tokio::runtime::Handle,
}

impl Sink for Through {
    fn buffer(&mut self) -> Result<(Vec<u8>, Lease), Fault> {
        let press = &self.press;
        self.runtime.block_on(press.halt.or(async { Ok(press.budget.buffer(0).await) }))
    }

    fn put(&mut self, task: Task) -> Result<(), Fault> {
        let press = &self.press;
        self.runtime.block_on(press.halt.or(press.feed.put(task)))
    }

    fn passed(&mut self, bytes: u64) {
        self.gauge.passed(bytes);
    }
}
