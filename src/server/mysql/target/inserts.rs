//! Rows as statements, where the server takes no streams: `INSERT` with as many rows as fit.

use super::infile::converted;
use super::loader::Target;
use super::rows::{Told, cured, warned};
use crate::domain::schema::{Table, ValueForm};
use crate::domain::{Bytes, Code, Fault};
use crate::server::RowSource;
use crate::server::mysql::quote::{ident, qualified};
use std::fmt::Write as _;

/// The largest statement that is made; the server's limit may be lower.
const STATEMENT: usize = 1 << 20;

/// What a packet has beside the statement.
const ROOM: usize = 1 << 10;

/// Loads a table.
pub async fn load(target: &mut Target, table: &Table, source: &mut dyn RowSource) -> Result<u64, Fault> {
    let columns: Vec<String> = table.columns.iter().map(|column| ident(column)).collect();
    let head = format!("INSERT INTO {} ({}) VALUES ", qualified(table.destination()), columns.join(", "));
    let limit = target.packet.saturating_sub(ROOM);
    let enough = STATEMENT.min(limit);
    let (mut sql, mut rest) = (head.clone(), Vec::new());
    let (mut rows, mut in_hand, mut zeros) = (0, 0, 0);
    while let Some(piece) = source.next().await? {
        rest.extend_from_slice(&piece);
        let whole = memchr::memrchr(b'\n', &rest).map_or(0, |end| end + 1);
        for line in rest[..whole].split_inclusive(|byte| *byte == b'\n') {
            let (row, more) = row(table, &line[..line.len() - 1])?;
            if head.len() + row.len() > limit {
                return Err(target.placed(too_long(table, row.len(), target.packet)));
            }
            if in_hand > 0 && sql.len() + row.len() + 1 > enough {
                rows += send(target, table, &sql, in_hand, zeros).await?;
                sql.truncate(head.len());
                (in_hand, zeros) = (0, 0);
            }
            if in_hand > 0 {
                sql.push(',');
            }
            sql.push_str(&row);
            in_hand += 1;
            zeros += more;
        }
        rest.drain(..whole);
    }
    if !rest.is_empty() {
        return Err(Fault::new(Code::CorruptedBackup, format!("the rows of {} end within a row", table.name)));
    }
    if in_hand > 0 {
        rows += send(target, table, &sql, in_hand, zeros).await?;
    }
    Ok(rows)
}

async fn send(target: &mut Target, table: &Table, sql: &str, rows: u64, zeros: u64) -> Result<u64, Fault> {
    let done = target.session.run(sql).await;
    let done = done.map_err(|error| {
        let head: String = sql.chars().take(1_000).collect();
        cured(table, target.fault(format!("cannot load {}", table.name), &error)).with_statement(&head)
    })?;
    if done.warnings > 0 || done.affected != rows {
        let head: String = sql.chars().take(1_000).collect();
        warned(target, table, &head, &done.info, Told { warnings: done.warnings, zeros }).await?;
    }
    Ok(done.affected)
}

/// A row of the archive as the list of its values, and how many of them are an ENUM's zero.
fn row(table: &Table, line: &[u8]) -> Result<(String, u64), Fault> {
    let mut text = String::with_capacity(line.len() + 16 * table.columns.len());
    text.push('(');
    let (mut count, mut zeros) = (0, 0);
    for (at, field) in line.split(|byte| *byte == b'\t').enumerate() {
        if at > 0 {
            text.push(',');
        }
        count = at + 1;
        let form = table.forms.get(at).copied().unwrap_or_default();
        if field == b"\\N" {
            text.push_str("NULL");
            continue;
        }
        let bytes = plain(field).ok_or_else(|| broken(table))?;
        zeros += u64::from(super::zeros::is_zero(form, bytes.len(), bytes.first().copied()));
        match form {
            ValueForm::Number | ValueForm::Index if !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit) => {
                text.push_str(std::str::from_utf8(&bytes).unwrap_or("0"));
            }
            ValueForm::Number | ValueForm::Index => return Err(broken(table)),
            ValueForm::Plain | ValueForm::Float | ValueForm::Member => literal(&mut text, &bytes),
            ValueForm::Text => {
                let mut value = String::new();
                literal(&mut value, &bytes);
                text.push_str(&converted(form, &value));
            }
        }
    }
    if count != table.columns.len() {
        return Err(broken(table));
    }
    text.push(')');
    Ok((text, zeros))
}

/// The bytes of a value; none where a backslash stands before what none of ours stands before.
fn plain(field: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'\\' => match rest.next()? {
                b'\\' => b'\\',
                b't' => b'\t',
                b'n' => b'\n',
                b'r' => b'\r',
                b'0' => 0,
                _ => return None,
            },
            other => *other,
        });
    }
    Some(bytes)
}

/// Bytes as a literal in no character set: as text where they are UTF-8, because that is shorter.
fn literal(text: &mut String, bytes: &[u8]) {
    let Ok(value) = std::str::from_utf8(bytes) else {
        text.push_str("X'");
        for byte in bytes {
            let _ = write!(text, "{byte:02X}");
        }
        text.push('\'');
        return;
    };
    text.push_str("_binary'");
    for character in value.chars() {
        match character {
            '\'' => text.push_str("''"),
            '\\' => text.push_str("\\\\"),
            '\0' => text.push_str("\\0"),
            other => text.push(other),
        }
    }
    text.push('\'');
}

fn broken(table: &Table) -> Fault {
    Fault::new(Code::CorruptedBackup, format!("a row of {} does not have the form that its columns have", table.name))
}

fn too_long(table: &Table, row: usize, packet: usize) -> Fault {
    Fault::new(Code::OutOfRange, format!("a row of {} is longer than what the server takes at once", table.name))
        .because(format!("it is {} as a statement, and max_allowed_packet is {}", Bytes(row as u64), Bytes(packet as u64)))
        .step_run("Let the server take more:", format!("SET GLOBAL max_allowed_packet = {};", (row * 2).next_power_of_two().min(1 << 30)))
        .step_run("Or have rows come as a stream, which has no such limit:", "SET GLOBAL local_infile = ON;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_lists_of_values() {
        let table = Table {
            columns: vec!["a".into(), "b".into(), "c".into(), "d".into()],
            forms: vec![ValueForm::Plain, ValueForm::Number, ValueForm::Text, ValueForm::Member],
            ..Table::default()
        };
        assert_eq!(
            row(&table, b"it's \\\\ \\0\t255\t{}\t\\N").expect("a row"),
            ("(_binary'it''s \\\\ \\0',255,CONVERT(_binary'{}' USING utf8mb4),NULL)".to_owned(), 0)
        );
        let expected = "(X'FF09',0,CONVERT(_binary'' USING utf8mb4),_binary'')".to_owned();
        assert_eq!(row(&table, b"\xff\\t\t0\t\t").expect("a row"), (expected, 1));
        for wrong in [&b"a\t1\tb"[..], b"a\tx\tb\tc", b"\\q\t1\tb\tc", b"a\t1\tb\tc\td", b"a\\\t1\tb\tc"] {
            assert!(row(&table, wrong).is_err(), "{wrong:?}");
        }
    }
}
