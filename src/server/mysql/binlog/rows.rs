//! Tables that changes of rows are of, and such changes under another database's name.

use super::cursor::Cursor;
use super::event::{HEADER, Header};

/// The number that a TABLE_MAP_EVENT, or an event with rows, gives a table: six bytes behind the header.
pub fn table_id(content: &[u8]) -> Option<u64> {
    Cursor::new(content.get(HEADER..)?).number(6)
}

/// The database and name of the table of a TABLE_MAP_EVENT: number, flags, then each behind its length, with a zero byte at its end.
pub fn table(content: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut cursor = Cursor::new(content.get(HEADER..)?);
    cursor.take(8)?;
    let database = cursor.short_text()?;
    cursor.byte()?;
    Some((database, cursor.short_text()?))
}

/// A TABLE_MAP_EVENT of a table in another database, without a checksum.
pub fn moved(content: &[u8], database: &str) -> Option<Vec<u8>> {
    let at = HEADER + 8;
    let length = usize::from(*content.get(at)?);
    let mut out = content.get(..at)?.to_vec();
    out.push(u8::try_from(database.len()).ok()?);
    out.extend_from_slice(database.as_bytes());
    out.extend_from_slice(content.get(at + 1 + length..)?);
    Some(out)
}

/// Flag of an event with rows: the statement ends with it.
const STATEMENT_END: u8 = 1;

/// Whether a statement ends with an event of rows.
pub fn is_last(content: &[u8]) -> bool {
    content.get(HEADER + 6).is_some_and(|flags| flags & STATEMENT_END != 0)
}

/// Says of an event of rows that a statement ends with it.
pub fn make_last(content: &mut [u8]) {
    if let Some(flags) = content.get_mut(HEADER + 6) {
        *flags |= STATEMENT_END;
    }
}

/// An event of rows as its server wrote it without compression (MariaDB's `log_bin_compress`), without a checksum; none where it is not what it
/// says. Behind table and flags (in the second form something more, with its length) stand the number of columns, one bit for each, twice for an
/// UPDATE; then the rows.
pub fn expanded(header: &Header, content: &[u8]) -> Option<Vec<u8>> {
    let (plain, second, update) = match header.kind.0 {
        166 => (23, false, false),
        167 => (24, false, true),
        168 => (25, false, false),
        169 => (30, true, false),
        170 => (31, true, true),
        171 => (32, true, false),
        _ => return Some(content.to_vec()),
    };
    let mut cursor = Cursor::new(content.get(HEADER..)?);
    cursor.take(8)?;
    if second {
        let more = cursor.short()?;
        cursor.take(usize::from(more.checked_sub(2)?))?;
    }
    let columns = usize::try_from(cursor.packed()?).ok()?;
    cursor.take(columns.div_ceil(8) * if update { 2 } else { 1 })?;
    let rows = super::query::unpack(cursor.rest())?;
    let mut out = content[..content.len() - cursor.rest().len()].to_vec();
    out[4] = plain;
    out.extend_from_slice(&rows);
    Some(out)
}
