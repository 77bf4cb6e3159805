//! `dbbackup archive`: what is in an archive, printed or unpacked.

use super::query::{Form, lines};
use super::table::{Side, table};
use crate::domain::Fault;
use crate::domain::listing::ArchiveContents;
use crate::domain::size::grouped;
use crate::domain::text::clean;
use crate::engine::browse;
use std::io::Write;
use std::path::Path;

fn tables(contents: &ArchiveContents) -> String {
    let heads = [("DATABASE", Side::Left), ("TABLE", Side::Left), ("ROWS", Side::Right), ("BYTES", Side::Right), ("CHUNKS", Side::Right)];
    let rows = contents.databases.iter().flat_map(|database| {
        database.tables.iter().map(|table| {
            [database.name.clone(), table.name.to_string(), grouped(table.rows), table.bytes.to_string(), table.chunks.to_string()]
        })
    });
    table(heads, rows)
}

/// What a dump of another program says of itself.
fn show_dump(contents: &ArchiveContents) -> String {
    let summary = &contents.summary;
    let mut rows = vec![["File".to_owned(), summary.path.display().to_string()], ["Size".to_owned(), summary.bytes.to_string()]];
    if let Ok(head) = &summary.head {
        rows.extend([
            ["Kind".to_owned(), head.kind.clone()],
            ["Created".to_owned(), head.created.clone()],
            ["Server".to_owned(), head.server.clone()],
            [
                "Compressed".to_owned(),
                if head.compression.codec == crate::domain::Codec::None {
                    "not from outside".to_owned()
                } else {
                    head.compression.codec.to_string()
                },
            ],
            ["Made by".to_owned(), head.tool.clone()],
            ["Database".to_owned(), head.databases.join(", ")],
        ]);
    }
    let tables =
        contents.databases.iter().flat_map(|database| database.tables.iter().map(|table| [database.name.clone(), table.name.to_string()]));
    let tables: Vec<_> = tables.collect();
    let tables = if tables.is_empty() { String::new() } else { table([("DATABASE", Side::Left), ("TABLE WITH DATA", Side::Left)], tables) };
    format!("{}\n{tables}", lines(rows))
}

/// What an archive is.
pub fn show(contents: &ArchiveContents, form: Form) -> String {
    if form == Form::Json {
        return format!("{:#}\n", serde_json::json!(contents));
    }
    let summary = &contents.summary;
    if summary.head.as_ref().is_ok_and(|head| head.id.is_empty()) {
        return show_dump(contents);
    }
    let mut rows = vec![["File".to_owned(), summary.path.display().to_string()], ["Size".to_owned(), summary.bytes.to_string()]];
    match &summary.head {
        Ok(head) => rows.extend([
            ["Kind".to_owned(), format!("{}{}", head.kind, if head.complete { "" } else { ", PARTIAL: some databases failed" })],
            ["Created".to_owned(), head.created.clone()],
            ["Server".to_owned(), format!("{} at {}", head.server, head.host)],
            ["Compression".to_owned(), head.compression.to_string()],
            match contents.facts.as_slice() {
                [] => ["Rows".to_owned(), format!("{} in {} tables, {}", grouped(head.rows), grouped(head.tables), head.row_bytes)],
                _ => ["Bytes".to_owned(), head.row_bytes.to_string()],
            },
            ["Took".to_owned(), crate::domain::time::span(head.duration_ms)],
            ["Made by".to_owned(), head.tool.clone()],
            ["Id".to_owned(), head.id.clone()],
        ]),
        Err(why) => rows.push(["Unreadable".to_owned(), why.clone()]),
    }
    if !contents.facts.is_empty() {
        rows.extend(contents.facts.iter().map(|(name, value)| [name.clone(), value.clone()]));
        return lines(rows);
    }
    let databases = contents.databases.iter().map(|database| {
        let rows: u64 = database.tables.iter().map(|table| table.rows).sum();
        let state = database.failed.as_ref().map_or_else(|| "ok".to_owned(), |why| format!("FAILED: {why}"));
        [database.name.clone(), database.tables.len().to_string(), grouped(rows), database.bytes.to_string(), state]
    });
    let heads = [("DATABASE", Side::Left), ("TABLES", Side::Right), ("ROWS", Side::Right), ("BYTES", Side::Right), ("STATE", Side::Left)];
    format!("{}\n{}\n{}", lines(rows), table(heads, databases), tables(contents))
}

/// The entries of an archive, in the order of the file, with the frame that holds each.
pub fn entries(path: &Path, form: Form) -> Result<String, Fault> {
    if let Some(dump) = browse::dump(path)? {
        let items = &dump.facts.items;
        if form == Form::Json {
            let rows = items.iter().map(|item| serde_json::json!({ "id": item.id, "kind": item.kind, "schema": item.schema, "name": item.name, "owner": item.owner }));
            return Ok(format!("{:#}\n", serde_json::Value::from_iter(rows)));
        }
        let heads = [("ID", Side::Right), ("KIND", Side::Left), ("NAME", Side::Left), ("OWNER", Side::Left)];
        let rows = items.iter().map(|item| [item.id.to_string(), item.kind.clone(), item.title(), item.owner.clone().unwrap_or_default()]);
        let list = if items.is_empty() { String::new() } else { table(heads, rows) };
        return Ok(format!("{}\n{list}", clean(&dump.to_string())));
    }
    if let Some(dump) = browse::sql(path)? {
        let contents = browse::contents(path)?;
        let tables = contents.databases.iter().flat_map(|database| database.tables.iter().map(|table| (database.name.clone(), table)));
        if form == Form::Json {
            let rows =
                tables.map(|(database, table)| serde_json::json!({ "database": database, "name": table.name.name, "rows": table.rows }));
            return Ok(format!("{:#}\n", serde_json::Value::from_iter(rows)));
        }
        let heads = [("DATABASE", Side::Left), ("TABLE", Side::Left), ("ROWS", Side::Right)];
        let rows = tables.map(|(database, one)| [database, one.name.name.clone(), grouped(one.rows)]);
        return Ok(format!("{}\n{}", clean(&dump.to_string()), table(heads, rows)));
    }
    let entries = browse::entries(path)?;
    if form == Form::Json {
        let rows = entries.iter().map(|entry| {
            serde_json::json!({ "name": entry.name, "frame": entry.frame, "offset": entry.offset, "length": entry.length, "plain": entry.plain })
        });
        return Ok(format!("{:#}\n", serde_json::Value::from_iter(rows)));
    }
    let heads = [("FRAME", Side::Right), ("OFFSET", Side::Right), ("FRAME BYTES", Side::Right), ("ENTRY", Side::Left)];
    Ok(table(heads, entries.into_iter().map(|entry| [entry.frame.to_string(), grouped(entry.offset), grouped(entry.length), entry.name])))
}

/// Writes an entry or a table's rows to `out`.
pub fn cat(path: &Path, wanted: &str, database: Option<&str>, out: &mut dyn Write) -> Result<(), Fault> {
    let wanted = database.map_or_else(|| wanted.to_owned(), |database| format!("{database}.{wanted}"));
    browse::cat(path, &wanted, out).map(|_| ())
}

/// Unpacks an archive, or some entries of it, under a folder.
pub fn extract(path: &Path, to: &Path, wanted: &[String]) -> Result<String, Fault> {
    let written = browse::extract(path, wanted, to)?;
    Ok(format!("{} entries in {}\n", grouped(written.len() as u64), clean(&to.display().to_string())))
}
