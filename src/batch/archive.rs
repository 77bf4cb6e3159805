//! `dbbackup archive`: what is in an archive, printed or unpacked.

use super::query::{Form, lines};
use super::table::{Side, table};
use crate::archive::manifest::{Database, TableEntry};
use crate::archive::reader::Archive;
use crate::domain::listing::ArchiveContents;
use crate::domain::size::grouped;
use crate::domain::text::{clean, nearest};
use crate::domain::{Code, Fault};
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path};

/// The tables of an archive.
pub fn tables(contents: &ArchiveContents, form: Form) -> String {
    if form == Form::Json {
        return format!("{:#}\n", serde_json::json!(contents.databases));
    }
    let heads = [("DATABASE", Side::Left), ("TABLE", Side::Left), ("ROWS", Side::Right), ("BYTES", Side::Right), ("CHUNKS", Side::Right)];
    let rows = contents.databases.iter().flat_map(|database| {
        database.tables.iter().map(|table| {
            [database.name.clone(), table.name.to_string(), grouped(table.rows), table.bytes.to_string(), table.chunks.to_string()]
        })
    });
    table(heads, rows)
}

/// What an archive is.
pub fn show(contents: &ArchiveContents, form: Form) -> String {
    if form == Form::Json {
        return format!("{:#}\n", serde_json::json!(contents));
    }
    let summary = &contents.summary;
    let mut rows = vec![["File".to_owned(), summary.path.display().to_string()], ["Size".to_owned(), summary.bytes.to_string()]];
    match &summary.head {
        Ok(head) => rows.extend([
            ["Kind".to_owned(), format!("{}{}", head.kind, if head.complete { "" } else { ", PARTIAL: some databases failed" })],
            ["Created".to_owned(), head.created.clone()],
            ["Server".to_owned(), format!("{} at {}", head.server, head.host)],
            ["Compression".to_owned(), head.compression.to_string()],
            ["Rows".to_owned(), format!("{} in {} tables, {}", grouped(head.rows), grouped(head.tables), head.row_bytes)],
            ["Took".to_owned(), crate::domain::time::span(head.duration_ms)],
            ["Made by".to_owned(), head.tool.clone()],
            ["Id".to_owned(), head.id.clone()],
        ]),
        Err(why) => rows.push(["Unreadable".to_owned(), why.clone()]),
    }
    let databases = contents.databases.iter().map(|database| {
        let rows: u64 = database.tables.iter().map(|table| table.rows).sum();
        let state = database.failed.as_ref().map_or_else(|| "ok".to_owned(), |why| format!("FAILED: {why}"));
        [database.name.clone(), database.tables.len().to_string(), grouped(rows), database.bytes.to_string(), state]
    });
    let heads = [("DATABASE", Side::Left), ("TABLES", Side::Right), ("ROWS", Side::Right), ("BYTES", Side::Right), ("STATE", Side::Left)];
    format!("{}\n{}", lines(rows), table(heads, databases))
}

/// Writes an entry, or a table's rows chunk by chunk, to `out`.
pub fn cat(path: &Path, wanted: &str, database: Option<&str>, out: &mut dyn Write) -> Result<(), Fault> {
    let archive = Archive::open(path)?;
    let failed = |error: &std::io::Error| Fault::new(Code::Io, "cannot write to stdout").because(error);
    if archive.frame_of(wanted).is_some() {
        return out.write_all(&archive.entry(wanted)?).map_err(|error| failed(&error));
    }
    let table = find_table(&archive, wanted, database)?;
    let ending = crate::server::row_extension(table.table.format);
    let mut decoder = archive.decoder()?;
    let (mut scratch, mut buffer) = (Vec::new(), Vec::new());
    for chunk in &table.chunks {
        let name = format!("{}/{:06}.{ending}", table.dir, chunk.number);
        let decoded = archive.frame(chunk.frame, &mut decoder, &mut scratch, std::mem::take(&mut buffer))?;
        let range = decoded.entries.iter().find(|(entry, _)| *entry == name).map(|(_, range)| range.clone());
        let range = range.ok_or_else(|| {
            Fault::new(Code::CorruptedBackup, "the manifest names a chunk that its frame does not hold")
                .at("File", path.display())
                .at("Entry", &name)
        })?;
        out.write_all(decoded.plain.get(range).unwrap_or_default()).map_err(|error| failed(&error))?;
        buffer = decoded.plain;
    }
    Ok(())
}

fn find_table<'a>(archive: &'a Archive, wanted: &str, database: Option<&str>) -> Result<&'a TableEntry, Fault> {
    let databases = &archive.manifest().databases;
    let not_there = |what: String| Fault::new(Code::NotInArchive, what).at("File", archive.path().display());
    let of = match (database, databases.as_slice()) {
        (Some(name), all) => all.iter().find(|known| known.name == name).ok_or_else(|| {
            let fault = not_there(format!("no database {name:?} in the archive"));
            match nearest(name, all.iter().map(|known| known.name.as_str())) {
                Some(known) => fault.step(format!("Did you mean --database {}?", clean(known))),
                None => fault,
            }
        })?,
        (None, [one]) => one,
        (None, many) => {
            let names: Vec<_> = many.iter().map(|known| clean(&known.name)).collect();
            return Err(Fault::new(Code::Usage, "the archive holds several databases")
                .step(format!("Say which: --database {}", names.join(" | --database "))));
        }
    };
    table_of(of, wanted).ok_or_else(|| {
        let names: Vec<String> = of.tables.iter().map(|entry| entry.table.name.to_string()).collect();
        let fault = not_there(format!("no entry and no table {wanted:?} in the archive"));
        match nearest(wanted, names.iter().map(String::as_str)) {
            Some(known) => fault.step(format!("Did you mean {known}?")),
            None => fault.step_run("See what is in it:", format!("dbbackup archive list {}", archive.path().display())),
        }
    })
}

fn table_of<'a>(database: &'a Database, wanted: &str) -> Option<&'a TableEntry> {
    let name = super::script::table_name(wanted).ok()?;
    database.tables.iter().find(|entry| entry.table.name == name)
}

/// Unpacks an archive, or some entries of it, under a folder. Nothing is written outside of it, nothing is overwritten.
pub fn extract(path: &Path, to: &Path, wanted: &[String]) -> Result<String, Fault> {
    let archive = Archive::open(path)?;
    for name in wanted {
        if archive.frame_of(name).is_none() {
            let all = archive.frames().iter().flat_map(|frame| frame.entries.iter().map(String::as_str));
            let fault = Fault::new(Code::NotInArchive, format!("no entry {name:?} in the archive")).at("File", path.display());
            return Err(match nearest(name, all) {
                Some(known) => fault.step(format!("Did you mean {}?", clean(known))),
                None => fault,
            });
        }
    }
    let mut decoder = archive.decoder()?;
    let (mut scratch, mut buffer, mut count) = (Vec::new(), Vec::new(), 0u64);
    for (number, frame) in (0u32..).zip(archive.frames()) {
        if !wanted.is_empty() && !frame.entries.iter().any(|entry| wanted.contains(entry)) {
            continue;
        }
        let decoded = archive.frame(number, &mut decoder, &mut scratch, std::mem::take(&mut buffer))?;
        for (name, range) in &decoded.entries {
            if wanted.is_empty() || wanted.contains(name) {
                write_entry(to, name, decoded.plain.get(range.clone()).unwrap_or_default())?;
                count += 1;
            }
        }
        buffer = decoded.plain;
    }
    Ok(format!("{} entries in {}\n", grouped(count), clean(&to.display().to_string())))
}

fn write_entry(to: &Path, name: &str, data: &[u8]) -> Result<(), Fault> {
    let relative = Path::new(name);
    // Names in an archive are hostile until proven otherwise.
    if name.is_empty() || name.contains('\0') || relative.components().any(|part| !matches!(part, Component::Normal(_))) {
        return Err(Fault::new(Code::CorruptedBackup, "an entry's name leads out of its folder").at("Entry", clean(name)));
    }
    let target = to.join(relative);
    let failed = |error: std::io::Error| {
        let code = if error.kind() == std::io::ErrorKind::AlreadyExists { Code::OutputExists } else { Code::OutputUnwritable };
        Fault::new(code, "cannot unpack an entry").at("File", target.display()).because(error)
    };
    if let Some(dir) = target.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&target).map_err(failed)?;
    file.write_all(data).map_err(failed)
}
