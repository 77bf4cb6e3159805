//! `manifest.json`, the last entry of an archive: what is in it, where, and what proves it.
//!
//! Unknown fields are ignored; an unknown `format` is refused. `frames` comes last, because it can be long: a reader that only lists
//! stops before it.

use crate::domain::Product;
use crate::domain::codec::Compression;
use crate::domain::recovery::BaseKind;
use crate::domain::schema::{DatabaseProperties, SequenceState, Table, TableName};
use crate::domain::server::Position;
use crate::domain::wal::{Lsn, SegmentSize, Timeline};
use serde::{Deserialize, Serialize};

/// The format that this version writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// The entry's name.
pub const ENTRY: &str = "manifest.json";

/// What an archive covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One database.
    #[default]
    Single,
    /// All databases and the globals.
    Cluster,
    /// The files of a whole server: a base backup.
    Base,
}

/// Whether everything that was asked for is in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Everything.
    #[default]
    Complete,
    /// Some databases failed; they say why.
    Partial,
}

/// The server that was backed up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// `PostgreSQL`.
    pub product: String,
    /// `15.18`.
    pub version: String,
    /// `150018`.
    pub version_num: u32,
    /// The cluster's system identifier.
    pub system_identifier: Option<String>,
    /// How it was reached: `db01:5432`.
    pub address: String,
    /// The host on which dbbackup ran.
    pub host: String,
}

impl Source {
    /// The product as one that is known; archives of others are not made.
    pub fn product(&self) -> Product {
        Product::named(&self.product).unwrap_or_default()
    }
}

/// The head: everything but databases and frames. `<archive>.meta.json` holds a copy of it, with the file's SHA-256 and size beside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// [`FORMAT`].
    pub format: u32,
    /// UUID v7.
    pub id: String,
    /// What it covers.
    pub kind: Kind,
    /// Whether everything is in it.
    pub status: Status,
    /// RFC 3339 with the zone's offset.
    pub created: String,
    /// The same moment in milliseconds since 1970 UTC.
    pub created_ms: i64,
    /// `dbbackup 0.1.0`.
    pub tool: String,
    /// The server.
    pub source: Source,
    /// Codec and level.
    pub compression: Compression,
    /// How long the backup took, in milliseconds.
    pub duration_ms: u64,
    /// Names of the databases in it, those that failed included.
    pub database_names: Vec<String>,
    /// Tables with rows.
    pub tables: u64,
    /// Rows.
    pub rows: u64,
    /// Row bytes before compression; of a base backup the bytes of its files.
    pub row_bytes: u64,
    /// What a base backup is, and where in the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Base>,
}

/// A base backup: what is needed to choose it and to recover from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// What it holds.
    pub kind: BaseKind,
    /// The backup that it builds on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Parent>,
    /// The label in `backup_label`.
    pub label: String,
    /// The timeline on which it was made.
    pub timeline: Timeline,
    /// Where replay begins.
    pub start: Lsn,
    /// Where it is consistent.
    pub stop: Lsn,
    /// When it began, in milliseconds since 1970 UTC, by the server's clock.
    pub began_ms: i64,
    /// When it was consistent, likewise.
    pub ended_ms: i64,
    /// The size of segments of the log.
    pub segment_size: SegmentSize,
    /// The size of a page, in bytes.
    pub page_size: u32,
    /// Whether the server's pages carry checksums; they were checked then.
    pub checksums: bool,
    /// Tablespaces apart from the two of each server.
    pub tablespaces: Vec<Tablespace>,
    /// Files.
    pub files: u64,
}

/// The backup that another one builds on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// Its id.
    pub id: String,
    /// Its file name when this was made.
    pub file: String,
    /// Where its replay begins.
    pub start: Lsn,
}

/// A tablespace of a base backup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tablespace {
    /// Its OID, by which its entries are called: `tablespaces/16400/…`.
    pub oid: u32,
    /// Where it was on the server.
    pub path: String,
    /// Bytes of its files.
    pub bytes: u64,
}

/// Everything but the frames.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The head.
    #[serde(flatten)]
    pub head: Head,
    /// The databases.
    pub databases: Vec<Database>,
}

/// One database.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Database {
    /// Its true name.
    pub name: String,
    /// The folder of its entries: `databases/shop`.
    pub dir: String,
    /// Why it failed; then nothing else of it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// The snapshot's position.
    pub position: Position,
    /// How it was made.
    pub properties: DatabaseProperties,
    /// Schema objects in `schema.jsonl`.
    pub objects: u64,
    /// Lines in `inventory.jsonl`.
    pub inventory: u64,
    /// Sequence values.
    pub sequences: Vec<SequenceState>,
    /// Populated materialized views in the order of refreshing.
    pub materialized_views: Vec<TableName>,
    /// What is by nature not in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Its tables.
    pub tables: Vec<TableEntry>,
}

/// One table's rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TableEntry {
    /// What it is and how its rows were read.
    #[serde(flatten)]
    pub table: Table,
    /// The folder of its chunks: `databases/shop/data/public.orders`.
    pub dir: String,
    /// Rows.
    pub rows: u64,
    /// Row bytes.
    pub bytes: u64,
    /// [`super::fingerprint::Fingerprint`] in hexadecimal.
    pub fingerprint: String,
    /// Its chunks, in the order of the table.
    pub chunks: Vec<Chunk>,
}

/// A run of whole rows: one entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The number in its entry's name: `000017.copy`.
    pub number: u32,
    /// The frame that holds it.
    pub frame: u32,
    /// Rows.
    pub rows: u64,
    /// Bytes before compression.
    pub bytes: u64,
}

/// One frame. Its entries' names are kept beside ([`super::reader::Archive::entries`]): there can be hundreds of thousands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameRecord {
    /// Where it starts in the file.
    pub offset: u64,
    /// Its compressed length.
    pub length: u64,
    /// Its length as tar.
    pub plain: u64,
    /// SHA-256 of the compressed bytes.
    pub sha256: [u8; 32],
}
