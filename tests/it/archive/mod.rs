//! Archives: what is written comes back, stock programs read it, and no damage goes unseen.

mod browse;
mod corpus;
mod damage;
mod format;
mod pure;
mod readme;
mod storage;
mod verify;

use dbbackup::archive::fingerprint::Fingerprint;
use dbbackup::archive::frame::{FrameEncoder, Part};
use dbbackup::archive::manifest::{Chunk, Database, FORMAT, Head, Manifest, TableEntry};
use dbbackup::archive::writer::Writer;
use dbbackup::archive::{names, sidecar};
use dbbackup::domain::codec::{Codec, Compression};
use dbbackup::domain::schema::{RowFormat, Table, TableName};
use std::path::{Path, PathBuf};

/// When all entries were made.
pub const MTIME: u64 = 1_700_000_000;

/// An archive with everything that an archive can have.
pub struct Sample {
    pub path: PathBuf,
    pub manifest: Manifest,
    /// Every entry but the manifest, in the order of the file.
    pub entries: Vec<(String, Vec<u8>)>,
    pub sha256: String,
    pub bytes: u64,
}

fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Rows as COPY text has them, some of them empty.
pub fn rows(from: usize, count: usize) -> Vec<u8> {
    let line = |n: usize| if n % 7 == 3 { "\n".to_owned() } else { format!("{n}\tname of {}\t\\N\n", n * 31 % 97) };
    (from..from + count).flat_map(|n| line(n).into_bytes()).collect()
}

/// Writes a sample with chunks of about so many rows.
pub fn sample(dir: &Path, codec: Codec, rows_each: usize) -> Sample {
    let compression = Compression { codec, level: codec.levels().0 };
    let mut encoder = FrameEncoder::new(compression, MTIME).expect("an encoder");
    let path = dir.join(format!("db_shop_20260130{}", codec.extension()));
    let mut writer = Writer::new(Vec::new(), compression, MTIME).expect("a writer");
    let mut entries = Vec::new();
    let long = format!("databases/shop/{}.sql", "very-long-name/".repeat(12));
    let small: Vec<(String, Vec<u8>)> = vec![
        ("databases/shop/schema.jsonl".into(), b"{\"id\":1}\n".to_vec()),
        ("databases/shop/empty.sql".into(), Vec::new()),
        ("databases/shop/block.bin".into(), noise(1, 512)),
        (long, noise(2, 1000)),
        (format!("databases/shop/{}", "x".repeat(85)), b"exactly a hundred bytes of name".to_vec()),
    ];
    let parts: Vec<Part<'_>> = small.iter().map(|(name, data)| Part { name, data }).collect();
    let frame = encoder.encode(&parts, Vec::new()).expect("a frame");
    writer.append(&frame).expect("append");
    entries.extend(small);
    let mut tables = Vec::new();
    let mut buffer = frame.data;
    for name in ["orders", "Größe \"x\"/y\u{1b}"] {
        let table =
            Table { name: TableName::new("public", name), columns: vec!["id".into(), "name".into(), "note".into()], ..Table::default() };
        let dir = names::table_dir("databases/shop", &table);
        let mut sum = Fingerprint::default();
        let mut chunks = Vec::new();
        let mut bytes = 0;
        for number in 0..3_u32 {
            let data = rows(number as usize * rows_each, rows_each);
            let entry = names::chunk(&dir, number, RowFormat::Text);
            let frame = encoder.encode(&[Part { name: &entry, data: &data }], std::mem::take(&mut buffer)).expect("a frame");
            let of = Fingerprint::of(&data, RowFormat::Text).expect("whole rows");
            sum.add(of);
            bytes += data.len() as u64;
            chunks.push(Chunk { number, frame: writer.append(&frame).expect("append"), rows: of.rows, bytes: data.len() as u64 });
            buffer = frame.data;
            entries.push((entry, data));
        }
        tables.push(TableEntry { table, dir, rows: sum.rows, bytes, fingerprint: sum.hex(), chunks });
    }
    let head = Head {
        format: FORMAT,
        id: "0190-test".into(),
        created: "2026-01-30T14:30:00-05:00".into(),
        created_ms: 1_769_801_400_000,
        tool: "dbbackup test".into(),
        compression,
        database_names: vec!["shop".into()],
        tables: 2,
        rows: tables.iter().map(|table| table.rows).sum(),
        row_bytes: tables.iter().map(|table| table.bytes).sum(),
        ..Head::default()
    };
    let manifest =
        Manifest { head, databases: vec![Database { name: "shop".into(), dir: "databases/shop".into(), tables, ..Database::default() }] };
    let finished = writer.finish(&manifest).expect("finish");
    std::fs::write(&path, &finished.out).expect("the file");
    Sample { path, manifest, entries, sha256: finished.sha256, bytes: finished.bytes }
}

impl Sample {
    /// Writes the two files beside it.
    pub fn with_side_files(self) -> Self {
        std::fs::write(sidecar::sha256_path(&self.path), sidecar::sha256_text(&self.path, &self.sha256)).expect(".sha256");
        std::fs::write(sidecar::meta_path(&self.path), sidecar::meta_text(&self.manifest.head, self.bytes, &self.sha256))
            .expect(".meta.json");
        self
    }
}

/// A folder that goes with the test.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}
