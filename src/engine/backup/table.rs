//! What is gathered about one table while its rows pass by, from several threads.

use super::estimate::{Sort, Steady, UnderWay};
use super::progress::{DatabaseMeter, lock};
use crate::archive::fingerprint::Fingerprint;
use crate::archive::manifest::{Chunk, TableEntry};
use crate::domain::job::TableProgress;
use crate::domain::schema::Table;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

/// A table at work.
pub struct TableWork {
    /// What it is and how its rows are read.
    pub table: Table,
    /// The folder of its chunks in the archive.
    pub dir: String,
    /// Its database's counters.
    pub database: Arc<DatabaseMeter>,
    /// How it keeps its rows.
    pub sort: Sort,
    /// Sessions at work on it.
    pub workers: AtomicU32,
    /// Rows read.
    pub rows: AtomicU64,
    /// Row bytes read.
    pub bytes: AtomicU64,
    /// Parts that are not read to the end.
    pub parts_left: AtomicU32,
    /// When its first part was begun.
    pub began: OnceLock<Instant>,
    /// Weight of the parts that are being read, and of those that nobody has begun.
    weight_begun: AtomicU64,
    weight_waiting: AtomicU64,
    /// Rows and bytes of the parts that are read to the end.
    rows_ended: AtomicU64,
    bytes_ended: AtomicU64,
    shown: Steady,
    next_number: AtomicU32,
    gathered: Mutex<Gathered>,
}

/// What is known of the rows that have passed.
#[derive(Default)]
struct Gathered {
    fingerprint: Fingerprint,
    bytes: u64,
    /// With part and place in the part, which give the table's order.
    chunks: Vec<(u32, u32, Chunk)>,
}

impl TableWork {
    /// A table of which nothing is read.
    pub fn new(table: Table, dir: String, database: Arc<DatabaseMeter>) -> Arc<Self> {
        Arc::new(Self {
            sort: Sort::of(&table),
            weight_waiting: AtomicU64::new(table.total_bytes),
            weight_begun: AtomicU64::new(0),
            rows_ended: AtomicU64::new(0),
            bytes_ended: AtomicU64::new(0),
            shown: Steady::default(),
            table,
            dir,
            database,
            workers: AtomicU32::new(0),
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            parts_left: AtomicU32::new(0),
            began: OnceLock::new(),
            next_number: AtomicU32::new(0),
            gathered: Mutex::default(),
        })
    }

    /// A number for a chunk: unique in the table; chunks of all parts share the series, since several parts are read at once.
    pub fn number(&self) -> u32 {
        self.next_number.fetch_add(1, Relaxed)
    }

    /// Counts rows that were read.
    pub fn count(&self, rows: u64, bytes: u64) {
        self.rows.fetch_add(rows, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
        self.database.rows.fetch_add(rows, Relaxed);
        self.database.bytes.fetch_add(bytes, Relaxed);
    }

    /// Adds the fingerprint of a chunk.
    pub fn saw(&self, fingerprint: Fingerprint, bytes: u64) {
        let mut gathered = lock(&self.gathered);
        gathered.fingerprint.add(fingerprint);
        gathered.bytes += bytes;
    }

    /// Adds a chunk that is in the archive, by its part and its place there.
    pub fn wrote(&self, part: u32, place: u32, chunk: Chunk) {
        lock(&self.gathered).chunks.push((part, place, chunk));
    }

    /// The fingerprint of all rows that passed.
    pub fn fingerprint(&self) -> Fingerprint {
        lock(&self.gathered).fingerprint
    }

    /// The manifest's entry; chunks in the table's order. Empties what was gathered.
    pub fn entry(&self) -> TableEntry {
        let mut gathered = std::mem::take(&mut *lock(&self.gathered));
        gathered.chunks.sort_unstable_by_key(|(part, place, _)| (*part, *place));
        TableEntry {
            table: self.table.clone(),
            dir: self.dir.clone(),
            rows: gathered.fingerprint.rows,
            bytes: gathered.bytes,
            fingerprint: gathered.fingerprint.hex(),
            chunks: gathered.chunks.into_iter().map(|(_, _, chunk)| chunk).collect(),
        }
    }

    /// A part of so much weight is begun.
    pub fn begins(&self, weight: u64) {
        self.weight_begun.fetch_add(weight, Relaxed);
        let _ = self.weight_waiting.fetch_update(Relaxed, Relaxed, |waiting| Some(waiting.saturating_sub(weight)));
        self.database.begins(self.sort, weight);
    }

    /// A part of so much weight came to its end, and was so many rows and bytes.
    pub fn ends(&self, weight: u64, rows: u64, bytes: u64) {
        let _ = self.weight_begun.fetch_update(Relaxed, Relaxed, |begun| Some(begun.saturating_sub(weight)));
        self.rows_ended.fetch_add(rows, Relaxed);
        self.bytes_ended.fetch_add(bytes, Relaxed);
    }

    /// Row bytes that seem to be left of the parts that are being read; `ratios`: row bytes for each byte on disk.
    pub fn rest(&self, ratios: &[f64; 3]) -> u64 {
        let weight = self.weight_begun.load(Relaxed);
        if weight == 0 {
            return 0;
        }
        let share = weight as f64 / self.table.total_bytes.max(1) as f64;
        UnderWay {
            bytes: self.bytes.load(Relaxed).saturating_sub(self.bytes_ended.load(Relaxed)),
            rows: self.rows.load(Relaxed).saturating_sub(self.rows_ended.load(Relaxed)),
            bytes_expected: (weight as f64 * ratios[self.sort as usize]) as u64,
            rows_expected: (self.table.estimated_rows.max(0) as f64 * share) as u64,
        }
        .rest()
    }

    /// How far it is; `ratios` as above.
    pub fn sample(&self, ratios: &[f64; 3]) -> TableProgress {
        let waiting = (self.weight_waiting.load(Relaxed) as f64 * ratios[self.sort as usize]) as u64;
        TableProgress {
            database: self.database.name().to_owned(),
            table: self.table.name.to_string(),
            doing: "rows".into(),
            bytes: self.shown.show(self.bytes.load(Relaxed), waiting.saturating_add(self.rest(ratios))),
            rows: self.rows.load(Relaxed),
            workers: self.workers.load(Relaxed),
        }
    }
}
