//! Dumps of other programs as lists and screens show them: by what they say of themselves.

use crate::domain::listing::{ArchiveContents, ArchiveDatabase, ArchiveHead, ArchiveSummary, ArchiveTable};
use crate::domain::schema::TableName;
use crate::domain::{Bytes, Codec, Compression, Fault};
use crate::server::dump::{self, Dump, Form, Wrapper};
use crate::server::sql_dump::{self, Part, Rules, SqlDump};
use crate::storage::local;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// The dump that a path is, if it is one that another program made.
pub fn dump(path: &Path) -> Result<Option<Dump>, Fault> {
    if path.exists() { dump::recognise(path) } else { Ok(None) }
}

/// The same of one that is SQL.
pub fn sql(path: &Path) -> Result<Option<SqlDump>, Fault> {
    if path.exists() { sql_dump::recognise(path) } else { Ok(None) }
}

/// The dumps in a folder, apart from what is listed already. What cannot be read is left out: it may be anything.
pub fn list(dir: &Path, listed: &[PathBuf]) -> Result<Vec<ArchiveSummary>, Fault> {
    let entries = std::fs::read_dir(dir).map_err(|error| local::io_fault("cannot read the folder", dir, &error))?;
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if hidden || listed.contains(&path) {
            continue;
        }
        if let Ok(Some(dump)) = dump::recognise(&path) {
            found.push(summary(&dump));
        } else if let Ok(Some(dump)) = sql_dump::recognise(&path) {
            found.push(sql_summary(&dump));
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
    let version = facts.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    ArchiveHead {
        id: String::new(),
        kind: format!("{}{version}", dump.form.words()),
        created: facts.created.clone().unwrap_or_else(|| "?".to_owned()),
        created_ms: made(&dump.path, facts.created.as_deref()),
        complete: true,
        server: facts.server.as_ref().map_or_else(|| "PostgreSQL".to_owned(), |version| format!("PostgreSQL {version}")),
        host: String::new(),
        compression: compression(dump.wrapper),
        databases: vec![name(dump)],
        row_bytes: Bytes(0),
        rows: 0,
        tables: tables(dump).count() as u64,
        duration_ms: 0,
        tool: facts.tool.as_ref().map_or_else(|| dump.form.words().to_owned(), |version| format!("pg_dump {version}")),
    }
}

/// When a dump was made, by its own word, else by when its file was changed last.
fn made(path: &Path, created: Option<&str>) -> i64 {
    let changed = std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
    let changed = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or(0, |since| since.as_millis());
    // A dump says its local time only; it is taken for ours.
    let said = created.and_then(|text| {
        let time = jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", text.get(..19).unwrap_or(text)).ok()?;
        Some(time.to_zoned(jiff::tz::TimeZone::system()).ok()?.timestamp().as_millisecond())
    });
    said.unwrap_or_else(|| i64::try_from(changed).unwrap_or(0))
}

fn compression(wrapper: Option<Wrapper>) -> Compression {
    Compression::default_of(match wrapper {
        Some(Wrapper::Gzip) => Codec::Gzip,
        Some(Wrapper::Zstd) => Codec::Zstd,
        Some(Wrapper::Xz) => Codec::Xz,
        Some(Wrapper::Lz4) => Codec::Lz4,
        Some(Wrapper::Bzip2) | None => Codec::None,
    })
}

/// A dump of SQL as lists show it.
pub fn sql_summary(dump: &SqlDump) -> ArchiveSummary {
    ArchiveSummary { path: dump.path.clone(), bytes: Bytes(dump.bytes), head: Ok(sql_head(dump)) }
}

fn sql_head(dump: &SqlDump) -> ArchiveHead {
    let facts = &dump.facts;
    ArchiveHead {
        id: String::new(),
        kind: dump.words(),
        created: facts.created.clone().unwrap_or_else(|| "?".to_owned()),
        created_ms: made(&dump.path, facts.created.as_deref()),
        complete: facts.incomplete.is_none(),
        server: facts.server.as_ref().map_or_else(|| facts.product.to_string(), |version| format!("{} {version}", facts.product)),
        host: String::new(),
        compression: compression(dump.wrapper),
        databases: vec![sql_name(dump)],
        row_bytes: Bytes(0),
        rows: 0,
        tables: dump.tables().len() as u64,
        duration_ms: 0,
        tool: facts.tool.clone(),
    }
}

/// The database, where the dump says it; else what it is called on the disk.
fn sql_name(dump: &SqlDump) -> String {
    let file = || dump.path.file_name().unwrap_or_default().to_string_lossy().split('.').next().unwrap_or_default().to_owned();
    dump.facts.database.clone().unwrap_or_else(file)
}

/// How large a dump may be that is read from end to end to show what is in it, in bytes.
const READ: u64 = 16 << 20;

/// What is in a dump of SQL: all of it where it is small, else what its files' names tell.
pub fn sql_contents(dump: &SqlDump) -> ArchiveContents {
    let mut summary = sql_summary(dump);
    // One that cannot be read to its end, or is refused, shows what is known: a restore says why.
    let read = (dump.bytes <= READ).then(|| sql_dump::inspect(dump, &Rules::default(), None).ok()).flatten();
    let Some(found) = read else {
        let mut names: Vec<String> = dump.tables().into_iter().map(|(database, _)| database).collect();
        names.dedup();
        if names.is_empty() {
            names.push(sql_name(dump));
        }
        let table = |name: String| ArchiveTable { name: TableName::new("", name), rows: 0, bytes: Bytes(0), chunks: 0 };
        let of = |wanted: &str| dump.tables().into_iter().filter(|(database, _)| database == wanted).map(|(_, name)| table(name)).collect();
        let databases =
            names.iter().map(|name| ArchiveDatabase { name: name.clone(), failed: None, bytes: Bytes(0), tables: of(name) }).collect();
        return ArchiveContents { summary, databases, facts: Vec::new() };
    };
    let table =
        |(name, rows): &(String, u64)| ArchiveTable { name: TableName::new("", name.clone()), rows: *rows, bytes: Bytes(0), chunks: 0 };
    let database = |part: &Part| ArchiveDatabase {
        name: part.database.clone().unwrap_or_else(|| sql_name(dump)),
        failed: None,
        bytes: Bytes(0),
        tables: part.tables.iter().map(table).collect(),
    };
    let databases: Vec<_> = found.findings.parts.iter().map(database).collect();
    if let Ok(head) = &mut summary.head {
        head.databases = databases.iter().map(|one| one.name.clone()).collect();
        head.rows = found.findings.parts.iter().map(Part::rows).sum();
        head.tables = databases.iter().map(|one| one.tables.len() as u64).sum();
        head.complete = found.incomplete.is_none();
    }
    ArchiveContents { summary, databases, facts: Vec::new() }
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
