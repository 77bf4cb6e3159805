//! Sets of transactions, as the beginning of a file names those of all files before.

use super::cursor::Cursor;
use std::fmt::Write as _;

/// More parts than a set can have: the count is damaged.
const MOST: u64 = 1 << 20;

/// MySQL's: for each server its ranges, which end before their second number. With tags (8.3) the count stands between two bytes that say so, and
/// each server has a tag.
pub fn mysql(bytes: &[u8]) -> Option<String> {
    let mut cursor = Cursor::new(bytes);
    let first = cursor.number(8)?;
    let tagged = first >> 56 == 1;
    let count = if tagged { first >> 8 & 0xffff_ffff_ffff } else { first };
    let mut text = String::new();
    let mut last = None;
    for _ in 0..within(count)? {
        let server = uuid::Uuid::from_bytes(*cursor.take(16)?.first_chunk()?);
        let tag = if tagged {
            let length = cursor.variable()?;
            std::str::from_utf8(cursor.take(usize::try_from(length).ok()?)?).ok()?
        } else {
            ""
        };
        if last != Some(server) {
            let comma = if last.is_some() { "," } else { "" };
            let _ = write!(text, "{comma}{server}");
            last = Some(server);
        }
        if !tag.is_empty() {
            let _ = write!(text, ":{tag}");
        }
        for _ in 0..within(cursor.number(8)?)? {
            let (from, end) = (cursor.number(8)?, cursor.number(8)?);
            let to = end.checked_sub(1)?;
            let _ = if from == to { write!(text, ":{from}") } else { write!(text, ":{from}-{to}") };
        }
    }
    Some(text)
}

/// MariaDB's: the last transaction of each domain and server; flags are in the upper four bits of the count.
pub fn mariadb(bytes: &[u8]) -> Option<String> {
    let mut cursor = Cursor::new(bytes);
    let count = cursor.word()? & 0x0fff_ffff;
    let mut parts = Vec::new();
    for _ in 0..within(u64::from(count))? {
        let (domain, server, number) = (cursor.word()?, cursor.word()?, cursor.number(8)?);
        parts.push(format!("{domain}-{server}-{number}"));
    }
    Some(parts.join(","))
}

fn within(count: u64) -> Option<u64> {
    (count <= MOST).then_some(count)
}
