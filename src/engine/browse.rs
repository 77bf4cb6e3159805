//! Looks at archives: lists of a folder, contents of one, single entries and tables, extraction.

use crate::archive::manifest::{self, Database, Head, Status, TableEntry};
use crate::archive::reader::{self, Archive};
use crate::archive::{names, sidecar};
use crate::domain::listing::{ArchiveContents, ArchiveDatabase, ArchiveHead, ArchiveSummary, ArchiveTable};
use crate::domain::text::nearest;
use crate::domain::{Bytes, Code, Fault};
use crate::storage::local;
use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

mod base;
mod foreign;

pub use foreign::{dump, sql};

/// The archives in a folder, and dumps that other programs made, newest first.
pub fn list(dir: &Path) -> Result<Vec<ArchiveSummary>, Fault> {
    let archives = local::archives(dir)?;
    let mut found: Vec<_> = foreign::list(dir, &archives)?;
    found.extend(archives.iter().map(|path| summary(path)));
    // By the archive's own time where it says one: copies have the time of the copying.
    found.sort_by_key(|one| std::cmp::Reverse(one.head.as_ref().map_or(i64::MIN, |head| head.created_ms)));
    Ok(found)
}

/// One archive as lists show it.
pub fn summary(path: &Path) -> ArchiveSummary {
    if let Ok(Some(dump)) = foreign::dump(path) {
        return foreign::summary(&dump);
    }
    if let Ok(Some(dump)) = foreign::sql(path) {
        return foreign::sql_summary(&dump);
    }
    let bytes = Bytes(std::fs::metadata(path).map_or(0, |meta| meta.len()));
    let head = reader::head(path).map(|head| short(&head)).map_err(|fault| fault.to_string());
    ArchiveSummary { path: path.to_owned(), bytes, head }
}

fn short(head: &Head) -> ArchiveHead {
    let kind = match head.kind {
        crate::archive::manifest::Kind::Single => "single",
        crate::archive::manifest::Kind::Cluster => "cluster",
        crate::archive::manifest::Kind::Base => "base",
    };
    ArchiveHead {
        id: head.id.clone(),
        kind: kind.to_owned(),
        created: head.created.clone(),
        created_ms: head.created_ms,
        complete: head.status == Status::Complete,
        server: format!("{} {}", head.source.product, head.source.version),
        host: head.source.address.clone(),
        compression: head.compression,
        databases: head.database_names.clone(),
        row_bytes: Bytes(head.row_bytes),
        rows: head.rows,
        tables: head.tables,
        duration_ms: head.duration_ms,
        tool: head.tool.clone(),
    }
}

/// What is in an archive.
pub fn contents(path: &Path) -> Result<ArchiveContents, Fault> {
    if let Some(dump) = foreign::dump(path)? {
        return Ok(foreign::contents(&dump));
    }
    if let Some(dump) = foreign::sql(path)? {
        return Ok(foreign::sql_contents(&dump));
    }
    let archive = Archive::open(path)?;
    let databases = archive.manifest().databases.iter().map(|database| ArchiveDatabase {
        name: database.name.clone(),
        failed: database.failed.clone(),
        bytes: Bytes(database.tables.iter().map(|table| table.bytes).fold(0, u64::saturating_add)),
        tables: database
            .tables
            .iter()
            .map(|table| ArchiveTable {
                name: table.table.name.clone(),
                rows: table.rows,
                bytes: Bytes(table.bytes),
                chunks: table.chunks.len() as u64,
            })
            .collect(),
    });
    let summary = ArchiveSummary { path: path.to_owned(), bytes: Bytes(archive.bytes()), head: Ok(short(&archive.manifest().head)) };
    let facts = archive.manifest().head.base.as_ref().map(base::facts).unwrap_or_default();
    Ok(ArchiveContents { summary, databases: databases.collect(), facts })
}

/// An entry as `archive list` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryInfo {
    /// Its name.
    pub name: String,
    /// The frame that holds it.
    pub frame: u32,
    /// Where the frame starts in the file.
    pub offset: u64,
    /// The frame's compressed length.
    pub length: u64,
    /// The frame's length as tar.
    pub plain: u64,
}

/// Every entry of an archive in the order of the file; nothing but the manifest is read. The manifest itself is not among them.
pub fn entries(path: &Path) -> Result<Vec<EntryInfo>, Fault> {
    let archive = Archive::open(path)?;
    let mut out = Vec::new();
    for (number, frame) in archive.frames().iter().enumerate() {
        let number = number as u32;
        out.extend(archive.entries(number).map(|name| EntryInfo {
            name: name.to_owned(),
            frame: number,
            offset: frame.offset,
            length: frame.length,
            plain: frame.plain,
        }));
    }
    Ok(out)
}

/// Writes an entry, or all rows of a table (`schema.table`, or `database.schema.table`), to `out`. Returns the bytes written.
pub fn cat(path: &Path, what: &str, out: &mut dyn Write) -> Result<u64, Fault> {
    let archive = Archive::open(path)?;
    if let Some(written) = base::cat(&archive, what, out)? {
        return Ok(written);
    }
    if archive.frame_of(what).is_some() {
        let data = archive.entry(what)?;
        put(out, &data)?;
        return Ok(data.len() as u64);
    }
    if what == manifest::ENTRY {
        let data = archive.manifest_bytes()?;
        put(out, &data)?;
        return Ok(data.len() as u64);
    }
    let table = find_table(&archive, what)?;
    let (mut decoder, mut scratch, mut plain) = (archive.decoder()?, Vec::new(), Vec::new());
    let mut written = 0;
    for chunk in &table.chunks {
        let decoded = archive.frame(chunk.frame, &mut decoder, &mut scratch, plain)?;
        let name = names::chunk(&table.dir, chunk.number, table.table.format);
        let data = decoded.entry(&name).ok_or_else(|| {
            Fault::new(Code::CorruptedBackup, format!("entry {name} is not in frame {}, where the manifest has it", chunk.frame))
                .at("File", path.display())
                .at("Entry", &name)
        })?;
        put(out, data)?;
        written += data.len() as u64;
        plain = decoded.plain;
    }
    Ok(written)
}

fn put(out: &mut dyn Write, data: &[u8]) -> Result<(), Fault> {
    out.write_all(data).map_err(|error| Fault::new(Code::Io, "cannot write what was read from the archive").because(error))
}

/// Finds a table by `schema.table`, with the database before it where several hold one.
fn find_table<'a>(archive: &'a Archive, wanted: &str) -> Result<&'a TableEntry, Fault> {
    let databases = &archive.manifest().databases;
    let all = || databases.iter().flat_map(|database| database.tables.iter().map(move |table| (database, table)));
    let short = |table: &TableEntry| format!("{}.{}", table.table.name.schema, table.table.name.name);
    let long = |database: &Database, table: &TableEntry| format!("{}.{}", database.name, short(table));
    let found: Vec<_> = all().filter(|(database, table)| short(table) == wanted || long(database, table) == wanted).collect();
    match found.as_slice() {
        [(_, table)] => Ok(table),
        [] => {
            let fault = Fault::new(Code::NotInArchive, format!("there is no entry and no table {wanted} in the archive"))
                .at("File", archive.path().display());
            let tables: Vec<String> = all().map(|(_, table)| short(table)).collect();
            let entries: Vec<String> = (0..archive.frames().len() as u32)
                .flat_map(|frame| archive.entries(frame).map(str::to_owned).collect::<Vec<_>>())
                .filter(|name| !name.contains("/data/"))
                .collect();
            let candidates = tables.iter().chain(&entries).map(String::as_str);
            let file = shell_words::quote(&archive.path().to_string_lossy()).into_owned();
            Err(match nearest(wanted, candidates) {
                Some(near) => {
                    fault.step_run(format!("Did you mean {near}?"), format!("dbbackup archive cat {file} {}", shell_words::quote(near)))
                }
                None => fault.step_run("Look at what is in it:", format!("dbbackup archive list {file}")),
            })
        }
        many => {
            let mut fault = Fault::new(Code::NotInArchive, format!("{} databases of the archive have a table {wanted}", many.len()))
                .at("File", archive.path().display());
            for (database, table) in many {
                fault = fault.step(format!("Name the database too: {}", long(database, table)));
            }
            Err(fault)
        }
    }
}

/// Extracts entries (all of them where `wanted` is empty; a name ending in `/` means the folder) into a folder, which is made if it is
/// missing. Files get 0600, folders 0700; a file that exists is not overwritten. Returns what was written.
pub fn extract(path: &Path, wanted: &[String], dir: &Path) -> Result<Vec<PathBuf>, Fault> {
    let archive = Archive::open(path)?;
    let means = |want: &String, entry: &str| entry == want || (want.ends_with('/') && entry.starts_with(want.as_str()));
    let matches = |entry: &str| wanted.is_empty() || wanted.iter().any(|want| means(want, entry));
    let frames = 0..archive.frames().len() as u32;
    for want in wanted {
        if !means(want, manifest::ENTRY) && !frames.clone().any(|frame| archive.entries(frame).any(|entry| means(want, entry))) {
            return Err(Fault::new(Code::NotInArchive, format!("there is no entry {want} in the archive")).at("File", path.display()));
        }
    }
    if !dir.is_dir() {
        make_dir(dir)?;
    }
    let (mut decoder, mut scratch, mut plain) = (archive.decoder()?, Vec::new(), Vec::new());
    let mut written = Vec::new();
    for frame in frames {
        if !archive.entries(frame).any(|name| matches(name) && !base::is_file(name)) {
            continue;
        }
        let decoded = archive.frame(frame, &mut decoder, &mut scratch, plain)?;
        // Files of a server may go on in the next frame.
        for (name, range) in decoded.entries.iter().filter(|(name, _)| matches(name) && !base::is_file(name)) {
            written.push(write_entry(dir, name, &decoded.plain[range.clone()])?);
        }
        plain = decoded.plain;
    }
    base::extract(&archive, &matches, dir, &mut written)?;
    if matches(manifest::ENTRY) {
        written.push(write_entry(dir, manifest::ENTRY, &archive.manifest_bytes()?)?);
    }
    Ok(written)
}

/// Entry names were checked when the archive was opened: relative, without `..`. Folders are entered only when they are no links, so that
/// nothing is written outside `dir` even when someone else put a link there.
fn write_entry(dir: &Path, name: &str, data: &[u8]) -> Result<PathBuf, Fault> {
    let (path, mut file) = new_file(dir, name)?;
    file.write_all(data).map_err(|error| local::io_fault("cannot extract an entry", &path, &error))?;
    Ok(path)
}

/// The file of an entry, empty.
fn new_file(dir: &Path, name: &str) -> Result<(PathBuf, std::fs::File), Fault> {
    if !names::is_legal(name) {
        return Err(Fault::new(Code::CorruptedBackup, format!("{name:?} is no name for an entry")));
    }
    let mut path = dir.to_owned();
    let mut parts = name.split('/').peekable();
    while let Some(part) = parts.next() {
        path.push(part);
        if parts.peek().is_some() {
            make_dir(&path)?;
        }
    }
    let fault = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => Fault::new(Code::OutputExists, format!("{} exists, and is not overwritten", path.display()))
            .at("File", path.display())
            .step("Extract into an empty folder."),
        _ => local::io_fault("cannot extract an entry", &path, &error),
    };
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).map_err(fault)?;
    Ok((path, file))
}

fn make_dir(path: &Path) -> Result<(), Fault> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) => Ok(()),
        Err(error) => Err(local::io_fault("cannot make a folder", path, &error)),
    }
}

/// Deletes an archive and its side files.
pub fn delete(path: &Path) -> Result<(), Fault> {
    if path.is_dir() {
        return Err(Fault::new(Code::Usage, "a dump that is a folder is not deleted from here")
            .at("Folder", path.display())
            .step_run("Delete it by hand:", format!("rm -r -- {}", shell_words::quote(&path.to_string_lossy()))));
    }
    // The side files go first: without its archive a side file would be left for ever, without side files an archive is whole.
    for side in [sidecar::sha256_path(path), sidecar::meta_path(path)] {
        match std::fs::remove_file(&side) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(local::io_fault("cannot delete a side file", &side, &error));
            }
            _ => {}
        }
    }
    std::fs::remove_file(path).map_err(|error| local::io_fault("cannot delete the archive", path, &error))
}
