//! Reads the rows of a snapshot's tables with several sessions and hands them to the threads. Knows not what becomes of them: a backup
//! compresses them, a proof only looks.

use super::budget::{Budget, Lease};
use super::halt::{Halt, panicked};
use super::pool::Feed;
use super::progress::{Meter, lock};
use super::ranges::{self, Part};
use super::seats::Seats;
use super::table::TableWork;
use crate::domain::{Code, Fault};
use crate::server::{Answer, ChunkSink, Reader, Rows, Snapshot};
use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use tokio::task::{JoinError, JoinSet};

/// Rows on their way to a thread.
pub struct Chunk {
    /// Whose rows.
    pub table: Arc<TableWork>,
    /// Which part of the table.
    pub part: u32,
    /// The chunk's place in the part.
    pub place: u32,
    /// The rows.
    pub rows: Rows,
    /// The memory they take.
    pub lease: Lease,
}

/// What reading needs; the same for all databases of a run.
pub struct Reading<T> {
    /// Where chunks go.
    pub feed: Feed<T>,
    /// Makes a chunk the threads' piece of work.
    pub wrap: fn(Chunk) -> T,
    /// The memory.
    pub budget: Arc<Budget>,
    /// The sessions.
    pub seats: Arc<Seats>,
    /// The counters.
    pub meter: Arc<Meter>,
    /// Bytes of a chunk.
    pub chunk_size: usize,
    /// What work is cut for.
    pub jobs: u32,
    /// Told of each table that is read to the end.
    pub done: Arc<dyn Fn(&TableWork) + Send + Sync>,
}

impl<T> Clone for Reading<T> {
    fn clone(&self) -> Self {
        Self {
            feed: self.feed.clone(),
            wrap: self.wrap,
            budget: self.budget.clone(),
            seats: self.seats.clone(),
            meter: self.meter.clone(),
            chunk_size: self.chunk_size,
            jobs: self.jobs,
            done: self.done.clone(),
        }
    }
}

/// Sessions that read, for a number of jobs: with few of them one more fills the gaps in which a session waits for the server.
pub const fn sessions(jobs: u32) -> u32 {
    match jobs {
        0 | 1 => 1,
        2..=4 => jobs + 1,
        _ => jobs,
    }
}

/// Bytes on disk, and parts, that are worth a further session: opening one costs the server as much as reading a megabyte does, and
/// a database of a thousand may have no more than that.
const WORTH_BYTES: u64 = 1 << 20;
const WORTH_PARTS: usize = 32;

/// Less than this is read by the session that holds the snapshot.
const NEAR_BYTES: u64 = WORTH_BYTES / 2;
const NEAR_PARTS: usize = 16;

/// Whether what is to be read is worth no session of its own.
fn is_near(parts: &[Part]) -> bool {
    parts.len() <= NEAR_PARTS && parts.iter().map(|part| part.weight).sum::<u64>() <= NEAR_BYTES
}

/// How many sessions suit what is to be read.
fn worthwhile(parts: &[Part]) -> usize {
    let weight: u64 = parts.iter().map(|part| part.weight).sum();
    1 + usize::try_from(weight / WORTH_BYTES).unwrap_or(usize::MAX >> 1) + parts.len() / WORTH_PARTS
}

/// Parts that nobody has begun, the heaviest in front.
type Queue = Arc<Mutex<VecDeque<Part>>>;

impl<T: Send + 'static> Reading<T> {
    /// Reads all tables. When it returns every session but the snapshot's own is closed, whatever happened; the chunks may still be
    /// with the threads.
    pub async fn read(&self, snapshot: &dyn Snapshot, tables: &Arc<[Arc<TableWork>]>, halt: &Halt) -> Result<(), Fault> {
        let plain: Vec<_> = tables.iter().map(|table| table.table.clone()).collect();
        let mut cuts = Vec::with_capacity(plain.len());
        for (table, pieces) in plain.iter().zip(ranges::pieces(&plain, self.jobs)) {
            cuts.push(if pieces > 1 { halt.or(snapshot.cut(table, pieces)).await? } else { Vec::new() });
        }
        let parts = ranges::parts(&plain, cuts);
        drop(plain);
        for part in &parts {
            tables[part.table].parts_left.fetch_add(1, Relaxed);
        }
        let (worthwhile, near) = (worthwhile(&parts), is_near(&parts));
        let open = || if near { snapshot.near_reader() } else { snapshot.reader() };
        let queue: Queue = Arc::new(Mutex::new(parts.into()));
        let guest = self.seats.enter();
        let mut sessions = JoinSet::new();
        // A server without a free slot for a further session is read with those that there are.
        let mut most = (self.seats.all() as usize).min(worthwhile);
        loop {
            let more = sessions.len() < most && !lock(&queue).is_empty();
            if !more && sessions.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                () = halt.stop() => break,
                Some(ended) = sessions.join_next() => report(ended, halt),
                seat = guest.seat(), if more => match halt.or(open()).await {
                    Ok(reader) => {
                        let session = Session { reading: self.clone(), tables: tables.clone(), queue: queue.clone(), halt: halt.clone() };
                        sessions.spawn(async move {
                            session.run(reader).await;
                            drop(seat);
                        });
                    }
                    Err(fault) if fault.code == Code::TooManyConnections && !sessions.is_empty() => most = sessions.len(),
                    Err(fault) => halt.fail(fault),
                },
            }
        }
        while let Some(ended) = sessions.join_next().await {
            report(ended, halt);
        }
        halt.check()
    }
}

fn report(ended: Result<(), JoinError>, halt: &Halt) {
    if let Err(error) = ended {
        match error.try_into_panic() {
            Ok(panic) => halt.fail(panicked("a reading session", panic.as_ref())),
            Err(error) => halt.fail(Fault::internal("a reading session was aborted").caused_by(&error)),
        }
    }
}

/// One session's way through the queue.
struct Session<T> {
    reading: Reading<T>,
    tables: Arc<[Arc<TableWork>]>,
    queue: Queue,
    halt: Halt,
}

impl<T: Send + 'static> Session<T> {
    async fn run(&self, mut reader: Box<dyn Reader>) {
        while let Some(part) = self.next() {
            if self.halt.stopped() {
                return;
            }
            let table = &self.tables[part.table];
            table.begins(part.weight);
            self.reading.meter.begins(table);
            let read = self.part(reader.as_mut(), table, &part).await;
            self.reading.meter.ends(table);
            match read {
                Ok((rows, bytes)) => self.count(table, &part, rows, bytes),
                Err(fault) => {
                    self.halt.fail(fault.at("Table", &table.table.name).at("Database", table.database.name()));
                    return;
                }
            }
        }
        reader.close().await;
    }

    fn next(&self) -> Option<Part> {
        lock(&self.queue).pop_front()
    }

    /// Reads one part; returns its rows and bytes.
    async fn part(&self, reader: &mut dyn Reader, table: &Arc<TableWork>, part: &Part) -> Result<(u64, u64), Fault> {
        table.began.get_or_init(std::time::Instant::now);
        let canceller = reader.canceller();
        let _stream = crate::system::pace::Stream::begin(crate::system::pace::Brings::Rows);
        let mut sink = Sink { reading: &self.reading, table, part: part.part, place: 0, lent: VecDeque::new(), rows: 0, bytes: 0 };
        let read = tokio::select! {
            biased;
            () = self.halt.stop() => None,
            read = reader.read(&table.table, part.range.as_ref(), self.reading.chunk_size, &mut sink) => Some(read),
        };
        let Some(read) = read else {
            // The server goes on with a statement whose client has gone, until it writes the next time: it is told to stop.
            canceller.cancel().await;
            return Err(self.halt.reason());
        };
        let (rows, bytes) = read?;
        if (rows, bytes) != (sink.rows, sink.bytes) {
            return Err(Fault::internal(format!(
                "table {}: {rows} rows ({bytes} bytes) were read and {} rows ({} bytes) came through",
                table.table.name, sink.rows, sink.bytes
            )));
        }
        Ok((rows, bytes))
    }

    fn count(&self, table: &TableWork, part: &Part, rows: u64, bytes: u64) {
        table.ends(part.weight, rows, bytes);
        self.reading.meter.learnt.add(table.sort, part.weight, bytes);
        if table.parts_left.fetch_sub(1, Relaxed) == 1 {
            table.database.tables_done.fetch_add(1, Relaxed);
            (self.reading.done)(table);
        }
    }
}

/// Takes the chunks of one part.
struct Sink<'a, T> {
    reading: &'a Reading<T>,
    table: &'a Arc<TableWork>,
    part: u32,
    place: u32,
    /// The leases of buffers that are lent to the reader, the oldest first.
    lent: VecDeque<Lease>,
    rows: u64,
    bytes: u64,
}

impl<T: Send + 'static> ChunkSink for Sink<'_, T> {
    fn buffer(&mut self, row: usize) -> Answer<'_, Vec<u8>> {
        Box::pin(async move {
            // A reader that has a buffer in hand would wait for itself.
            let budget = &self.reading.budget;
            let (buffer, lease) = if self.lent.is_empty() { budget.buffer(row).await } else { budget.further_buffer(row) };
            self.lent.push_back(lease);
            Ok(buffer)
        })
    }

    fn chunk(&mut self, rows: Rows) -> Answer<'_, ()> {
        Box::pin(async {
            let mut lease = self.lent.pop_front().ok_or_else(|| Fault::internal("a reader handed over a buffer that it was not lent"))?;
            // A row that came after others may have made the buffer grow a little.
            lease.resize(rows.data.capacity() as u64);
            let (count, bytes) = (rows.count, rows.data.len() as u64);
            self.rows += count;
            self.bytes += bytes;
            self.table.count(count, bytes);
            let chunk = Chunk { table: self.table.clone(), part: self.part, place: self.place, rows, lease };
            self.place += 1;
            self.reading.feed.put((self.reading.wrap)(chunk)).await
        })
    }
}
