//! Archives as lists and screens show them.

use super::codec::Compression;
use super::schema::TableName;
use super::size::Bytes;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One archive in a folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArchiveSummary {
    /// Where it is.
    pub path: PathBuf,
    /// Its size on disk.
    pub bytes: Bytes,
    /// What was read of it, or why it could not be read.
    pub head: Result<ArchiveHead, String>,
}

/// The head of an archive: what lists need.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArchiveHead {
    /// UUID v7.
    pub id: String,
    /// `single`, `cluster` or `base`.
    pub kind: String,
    /// RFC 3339 with zone.
    pub created: String,
    /// The same moment, in milliseconds since 1970 UTC.
    pub created_ms: i64,
    /// `complete` or `partial`.
    pub complete: bool,
    /// `PostgreSQL 15.18`.
    pub server: String,
    /// `db01:5432`.
    pub host: String,
    /// Codec and level.
    pub compression: Compression,
    /// The names of the databases in it.
    pub databases: Vec<String>,
    /// Row bytes before compression.
    pub row_bytes: Bytes,
    /// Rows.
    pub rows: u64,
    /// Tables.
    pub tables: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The version of dbbackup that made it.
    pub tool: String,
}

/// What is in an archive, for the table picker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArchiveContents {
    /// The archive.
    pub summary: ArchiveSummary,
    /// Its databases.
    pub databases: Vec<ArchiveDatabase>,
    /// What else a base backup says of itself, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub facts: Vec<(String, String)>,
}

/// One database in an archive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArchiveDatabase {
    /// Its name.
    pub name: String,
    /// Why it is not in the archive, when it failed.
    pub failed: Option<String>,
    /// Row bytes.
    pub bytes: Bytes,
    /// Its tables.
    pub tables: Vec<ArchiveTable>,
}

/// One table in an archive.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArchiveTable {
    /// Its name.
    pub name: TableName,
    /// Rows.
    pub rows: u64,
    /// Row bytes.
    pub bytes: Bytes,
    /// Chunks.
    pub chunks: u64,
}
