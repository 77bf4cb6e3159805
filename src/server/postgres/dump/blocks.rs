//! The data of the custom format: blocks behind the table of contents, each with the number of its entry, in pieces with their lengths. The
//! layout is that of `_PrintTocData`, `_skipData` and `_skipLOs` in PostgreSQL's src/bin/pg_dump/pg_backup_custom.c.

use super::{Dump, Input, Inspection, corrupted, damaged, truncated, unreadable};
use crate::domain::Fault;
use crate::server::postgres::toc::{self, Cursor, Damage, Place, Texts};
use std::collections::HashMap;

/// A block of rows, a block of large objects.
const DATA: u8 = 1;
const BLOBS: u8 = 3;

/// Walks from block to block to the end of the file; every entry that has data must have its block.
pub fn custom(dump: &Dump) -> Result<Inspection, Fault> {
    let path = &dump.path;
    let mut input = Input::open(path, dump.wrapper).map_err(|error| unreadable(path, &error))?;
    let (head, entries) = toc::read(&mut input, Texts::Lossy).map_err(|damage| damaged(path, &damage))?;
    let mut cursor = Cursor::after(input, &head);
    let data = walk(&mut cursor).map_err(|damage| {
        let at = cursor.rest().position();
        match damage {
            Damage::Short => truncated(path, "the dump ends in the middle of its data").at("Offset", at),
            other => corrupted(path, "the data of the dump are damaged").because(other).at("Offset", at),
        }
    })?;
    let found: HashMap<u32, u64> = data.iter().copied().collect();
    let lacking: Vec<_> = entries.iter().filter(|entry| entry.place == Place::Block && !found.contains_key(&entry.id)).collect();
    if let Some(first) = lacking.first() {
        let what = format!("the data of {} entries are missing, the first is {} {}", lacking.len(), first.kind, first.tag);
        return Err(truncated(path, crate::domain::text::clean(&what)).because("the file ends between two blocks of data"));
    }
    let plain = std::mem::replace(cursor.rest(), Input::nothing()).finish().map_err(|error| unreadable(path, &error))?;
    Ok(Inspection { plain, data, ..Inspection::default() })
}

/// The number and length of each block.
fn walk(cursor: &mut Cursor<Input>) -> Result<Vec<(u32, u64)>, Damage> {
    let mut found = Vec::new();
    while let Some(kind) = cursor.byte_or_end()? {
        let id = u32::try_from(cursor.int()?).map_err(|_| Damage::Nonsense("number of a block"))?;
        let start = cursor.rest().position();
        match kind {
            DATA => pieces(cursor)?,
            BLOBS => {
                while cursor.int()? != 0 {
                    pieces(cursor)?;
                }
            }
            _ => return Err(Damage::Nonsense("kind of a block")),
        }
        found.push((id, cursor.rest().position() - start));
    }
    Ok(found)
}

/// Passes the pieces of one stream; one of no length ends it.
fn pieces(cursor: &mut Cursor<Input>) -> Result<(), Damage> {
    loop {
        match u64::try_from(cursor.int()?).map_err(|_| Damage::Nonsense("length"))? {
            0 => return Ok(()),
            length => cursor.rest().skip(length)?,
        }
    }
}
