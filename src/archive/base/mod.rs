//! The files of a base backup in an archive: the list of them, and where the bytes of each lie.
//!
//! Entries are called `base/<path in the data directory>` and `tablespaces/<oid>/<path in the tablespace>`. A file that is larger than what fits
//! into a frame begins one, goes on through the frames that follow, and ends with its padding at the end of one; frames within it name no entry.
//! `base-files.jsonl` lists every file; `base-pages/000000.bin` and so on hold the hashes of pages. Knows no server and writes no file.

mod increment;
mod parts;
pub mod readme;

pub use increment::{Increment, MAGIC as INCREMENT_MAGIC};
pub use parts::{Part, read};

use super::damage::corrupted;
use super::manifest::{Kind, Tablespace};
use super::reader::Archive;
use super::{names, tarball};
use crate::domain::{Code, Fault};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The entry that lists the files.
pub const FILES: &str = "base-files.jsonl";

/// The server's own list of what it sent, by which `pg_verifybackup` judges.
pub const BACKUP_MANIFEST: &str = "base/backup_manifest";

/// What begins the name of a file that holds only blocks that changed, as PostgreSQL 17 names it.
pub const INCREMENTAL: &str = "INCREMENTAL.";

/// Bytes of a page, on every server that is built as usual.
pub const PAGE: usize = 8192;

/// Hashes in one entry of hashes; 8 bytes each.
pub const HASHES: u64 = 1 << 17;

/// What a line of the list is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    /// A file with all its bytes.
    #[default]
    File,
    /// A folder.
    Dir,
    /// A symbolic link.
    Link,
    /// A file of which the archive has the blocks that changed since the parent was made, as an entry with [`INCREMENTAL`] before the last
    /// part of its name, in PostgreSQL 17's form: see [`Increment`].
    Increment,
    /// A file that is as it is in the parent; nothing of it is in the archive.
    Unchanged,
}

/// A file of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its path once restored: `base/global/pg_control`, `tablespaces/16400/PG_15_202209061/5/16401`.
    pub path: String,
    /// What it is.
    #[serde(default)]
    pub kind: FileKind,
    /// Bytes of it in the archive.
    #[serde(default)]
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// When it was last changed, in seconds since 1970.
    #[serde(default)]
    pub mtime: i64,
    /// The frame in which its bytes begin; of no meaning where there are none.
    #[serde(default)]
    pub frame: u32,
    /// Where in the frame's plain bytes they begin.
    #[serde(default)]
    pub at: u64,
    /// Bytes of the whole file, where the archive has not all of them and they are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<u64>,
    /// CRC-32C of all its bytes as the server sent them, which is what a restored file must have: of an increment that the server made those of
    /// the increment itself (then `whole` is none).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crc32c: Option<u32>,
    /// The number of its first page among all hashes of this archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pages: Option<u64>,
    /// Where a symbolic link leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl FileEntry {
    /// The name of its entry; none where the archive has none of it.
    pub fn entry(&self) -> Option<String> {
        match self.kind {
            FileKind::File | FileKind::Dir | FileKind::Link => Some(self.path.clone()),
            FileKind::Unchanged => None,
            FileKind::Increment => {
                let (dir, name) = self.path.rsplit_once('/')?;
                Some(format!("{dir}/{INCREMENTAL}{name}"))
            }
        }
    }

    /// Whether bytes of it are in the archive.
    pub const fn has_bytes(&self) -> bool {
        matches!(self.kind, FileKind::File | FileKind::Increment) && self.size > 0
    }

    /// The tablespace in which it lies, and its path there; none: the path in the data directory.
    pub fn place(&self) -> (Option<u32>, &str) {
        if let Some(rest) = self.path.strip_prefix("tablespaces/")
            && let Some((oid, path)) = rest.split_once('/')
            && let Ok(oid) = oid.parse()
        {
            return (Some(oid), path);
        }
        (None, self.path.strip_prefix("base/").unwrap_or(&self.path))
    }
}

/// The files of a base backup.
#[derive(Clone, Debug, Default)]
pub struct Index {
    files: Vec<FileEntry>,
    by_path: HashMap<String, usize>,
}

impl Index {
    /// Reads the list. Every path in it is relative and leads into the data directory or a tablespace that the manifest names; each is there
    /// once; bytes lie in frames that are there.
    pub fn read(archive: &Archive) -> Result<Self, Fault> {
        let Some(base) = archive.manifest().head.base.as_ref().filter(|_| archive.manifest().head.kind == Kind::Base) else {
            return Err(Fault::new(Code::ForeignFile, "the archive is no base backup").at("File", archive.path().display()));
        };
        let damaged = |what: String| corrupted(what).at("File", archive.path().display()).at("Entry", FILES);
        let text = archive.entry(FILES)?;
        let mut index = Self::default();
        for (number, line) in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate() {
            let file: FileEntry = serde_json::from_slice(line).map_err(|error| damaged(format!("line {}: {error}", number + 1)))?;
            suits(&file, &base.tablespaces, archive).map_err(|why| damaged(format!("line {}: {:?} {why}", number + 1, file.path)))?;
            if index.by_path.insert(file.path.clone(), index.files.len()).is_some() {
                return Err(damaged(format!("{:?} is there twice", file.path)));
            }
            index.files.push(file);
        }
        Ok(index)
    }

    /// Every file, in the order in which the server sent them; those that are unchanged stand where they would.
    pub fn files(&self) -> &[FileEntry] {
        &self.files
    }

    /// A file by its path.
    pub fn find(&self, path: &str) -> Option<&FileEntry> {
        self.by_path.get(path).and_then(|at| self.files.get(*at))
    }

    /// The number of a file in [`Index::files`], by its path.
    pub fn number(&self, path: &str) -> Option<usize> {
        self.by_path.get(path).copied()
    }
}

/// Whether a file can be what the list says.
fn suits(file: &FileEntry, tablespaces: &[Tablespace], archive: &Archive) -> Result<(), String> {
    let known = match file.place() {
        (Some(oid), path) => !path.is_empty() && tablespaces.iter().any(|tablespace| tablespace.oid == oid),
        (None, _) => file.path.starts_with("base/"),
    };
    if !known || !names::is_legal(&file.path) {
        return Err("leads to no place of the server".to_owned());
    }
    if file.mode & !0o7777 != 0 {
        return Err(format!("has the mode {:o}", file.mode));
    }
    if file.has_bytes() {
        let plain = archive.frames().get(file.frame as usize).map_or(0, |frame| frame.plain);
        if file.at >= plain {
            return Err(format!("begins outside of frame {}", file.frame));
        }
        parts::frames(file, archive.frames())?;
    }
    Ok(())
}

/// What a file's own header says, apart from its name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// What it is: a file, a folder or a link.
    pub kind: FileKind,
    /// Bytes of data that follow the header.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// When it was last changed, in seconds since 1970.
    pub mtime: i64,
    /// The number of its owner and of its group.
    pub owner: (u64, u64),
    /// The names of its owner and of its group.
    pub owner_names: (String, String),
    /// Where a link leads.
    pub link: String,
}

/// Appends the header of an entry.
pub fn header(name: &str, attributes: &Attributes, out: &mut Vec<u8>) {
    tarball::file_header(name, attributes, out);
}

/// The zeros after data of a length.
pub fn padding(length: u64) -> &'static [u8] {
    tarball::padding(length)
}

/// The name of an entry with hashes: each XXH3-64 of one page, little-endian, [`HASHES`] of them in all but the last.
pub fn hashes_entry(number: u64) -> String {
    format!("base-pages/{number:06}.bin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_increment_is_named_as_the_server_names_it() {
        let mut file = FileEntry { path: "tablespaces/16400/PG_15_202209061/5/16401.2".into(), ..FileEntry::default() };
        assert_eq!(file.place(), (Some(16_400), "PG_15_202209061/5/16401.2"));
        assert_eq!(file.entry().as_deref(), Some("tablespaces/16400/PG_15_202209061/5/16401.2"));
        file.kind = FileKind::Increment;
        assert_eq!(file.entry().as_deref(), Some("tablespaces/16400/PG_15_202209061/5/INCREMENTAL.16401.2"));
        file.path = "base/global/pg_control".into();
        assert_eq!(file.place(), (None, "global/pg_control"));
    }
}
