//! Dumps of other programs as lists and screens show them: by what they say of themselves.

use crate::domain::listing::{ArchiveContents, ArchiveDatabase, ArchiveHead, ArchiveSummary, ArchiveTable};
use crate::domain::schema::TableName;
use crate::domain::{Bytes, Codec, Compression, Fault};
use crate::server::dump::{self, Dump, Form, Wrapper};
use crate::storage::local;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The dump that a path is, if it is one that another program made.
pub fn dump(path: &Path) -> Result<Option<Dump>, Fault> {
    if path.exists() { dump::recognise(path) } else { Ok(None) }
}

/// The dumps in a folder, apart from what is listed already. What cannot be read is left out: it may be anything.
pub fn list(dir: &Path, listed: &[PathBuf]) -> Result<Vec<ArchiveSummary>, Fault> {
    let entries = std::fs::read_dir(dir).map_err(|error| local::io_fault("cannot read the folder", dir, &error))?;
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if !hidden
            && !listed.contains(&path)
            && let Ok(Some(dump)) = dump::recognise(&path)
        {
            found.push(summary(&dump));
        }
    }
    Ok(found)
}

/// A dump as lists show it.
pub fn summary(dump: &Dump) -> ArchiveSummary {
    ArchiveSummary { path: dump.path.clone(), bytes: Bytes(dump.bytes), head: Ok(head(dump)) }
}

fn head(dump: &Dump) -> ArchiveHead {
    let facts = &dump.facts;
    let changed = std::fs::metadata(&dump.path).and_then(|meta| meta.modified()).ok();
    let changed = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or(0, |since| since.as_millis());
    // A dump says its local time only; it is taken for ours.
    let said = facts.created.as_deref().and_then(|text| {
        let time = jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", text.get(..19)?).ok()?;
        Some(time.to_zoned(jiff::tz::TimeZone::system()).ok()?.timestamp().as_millisecond())
    });
    let version = facts.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    let codec = match dump.wrapper {
        Some(Wrapper::Gzip) => Codec::Gzip,
        Some(Wrapper::Zstd) => Codec::Zstd,
        Some(Wrapper::Xz) => Codec::Xz,
        Some(Wrapper::Lz4) => Codec::Lz4,
        Some(Wrapper::Bzip2) | None => Codec::None,
    };
    ArchiveHead {
        id: String::new(),
        kind: format!("{}{version}", dump.form.words()),
        created: facts.created.clone().unwrap_or_else(|| "?".to_owned()),
        created_ms: said.unwrap_or_else(|| i64::try_from(changed).unwrap_or(0)),
        complete: true,
        server: facts.server.as_ref().map_or_else(|| "PostgreSQL".to_owned(), |version| format!("PostgreSQL {version}")),
        host: String::new(),
        compression: Compression::default_of(codec),
        databases: vec![name(dump)],
        row_bytes: Bytes(0),
        rows: 0,
        tables: tables(dump).count() as u64,
        duration_ms: 0,
        tool: facts.tool.as_ref().map_or_else(|| dump.form.words().to_owned(), |version| format!("pg_dump {version}")),
    }
}

/// The database, where the dump says it; else what it is called on the disk.
fn name(dump: &Dump) -> String {
    let file = || dump.path.file_name().unwrap_or_default().to_string_lossy().split('.').next().unwrap_or_default().to_owned();
    match (&dump.facts.database, dump.form) {
        (Some(name), _) => name.clone(),
        (None, Form::ClusterScript) => "all databases".to_owned(),
        (None, _) => file(),
    }
}

fn tables(dump: &Dump) -> impl Iterator<Item = &dump::Item> {
    dump.facts.items.iter().filter(|item| item.kind == "TABLE DATA")
}

/// What is in a dump, as far as it tells without being read.
pub fn contents(dump: &Dump) -> ArchiveContents {
    let tables = tables(dump).map(|item| ArchiveTable {
        name: TableName::new(item.schema.clone().unwrap_or_default(), item.name.clone()),
        rows: 0,
        bytes: Bytes(0),
        chunks: 0,
    });
    let database = ArchiveDatabase { name: name(dump), failed: None, bytes: Bytes(dump.bytes), tables: tables.collect() };
    ArchiveContents { summary: summary(dump), databases: vec![database], facts: Vec::new() }
}
