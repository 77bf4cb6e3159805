//! Values that stand before a statement in the log because it uses them: numbers of AUTO_INCREMENT, seeds of RAND(), variables of the user.

use crate::server::mysql::binlog::cursor::Cursor;
use crate::server::mysql::binlog::event::{HEADER, Header, Kind};
use crate::server::mysql::quote;
use crate::server::mysql::session::Session;
use crate::server::mysql::wire::Error;

/// The statement that sets what an event says; none for other events.
pub async fn read(session: &mut Session, header: &Header, content: &[u8]) -> Result<Option<String>, Error> {
    let mut cursor = Cursor::new(content.get(HEADER..).unwrap_or_default());
    let wrong = || Error::Protocol("a value before a statement cannot be read".to_owned());
    Ok(match header.kind {
        Kind::INTVAR => {
            let (kind, value) = (cursor.byte().ok_or_else(wrong)?, cursor.number(8).ok_or_else(wrong)?);
            let name = if kind == 1 { "LAST_INSERT_ID" } else { "INSERT_ID" };
            Some(format!("SET {name} = {value}"))
        }
        Kind::RAND => {
            let (one, two) = (cursor.number(8).ok_or_else(wrong)?, cursor.number(8).ok_or_else(wrong)?);
            Some(format!("SET @@RAND_SEED1 = {one}, @@RAND_SEED2 = {two}"))
        }
        Kind::USER_VAR => {
            let (name, value) = user(cursor).ok_or_else(wrong)?;
            let value = match value {
                Value::Sql(sql) => sql,
                Value::Text(collation, bytes) => {
                    let sql =
                        format!("SELECT CHARACTER_SET_NAME, COLLATION_NAME FROM information_schema.COLLATIONS WHERE ID = {collation}");
                    let rows = session.query(&sql).await?;
                    let row = rows.first().ok_or_else(|| Error::Protocol(format!("the server has no collation {collation}")))?;
                    let (charset, collation) = (row.text(0).unwrap_or_default(), row.text(1).unwrap_or_default());
                    if charset.starts_with("utf8") && std::str::from_utf8(bytes).is_err() {
                        // MariaDB's variables hold such texts, but no literal may: its bytes are what counts.
                        quote::bytes(bytes)
                    } else {
                        format!("_{charset} {} COLLATE {}", quote::bytes(bytes), quote::ident(&collation))
                    }
                }
            };
            Some(format!("SET @{} = {value}", quote::ident(&name)))
        }
        _ => None,
    })
}

/// A value as SQL, or text whose character set has to be asked for.
#[derive(Debug, PartialEq)]
enum Value<'a> {
    Sql(String),
    Text(u32, &'a [u8]),
}

/// `User_var_event`: name behind its length, whether it is NULL; kind, collation, value behind its length, flags.
fn user(mut cursor: Cursor<'_>) -> Option<(String, Value<'_>)> {
    const UNSIGNED: u8 = 1;
    let length = usize::try_from(cursor.word()?).ok()?;
    let name = String::from_utf8_lossy(cursor.take(length)?).into_owned();
    if cursor.byte()? != 0 {
        return Some((name, Value::Sql("NULL".to_owned())));
    }
    let (kind, collation) = (cursor.byte()?, cursor.word()?);
    let length = usize::try_from(cursor.word()?).ok()?;
    let bytes = cursor.take(length)?;
    let flags = cursor.byte().unwrap_or(0);
    let value = match kind {
        0 => Value::Text(collation, bytes),
        // The shortest text that reads back as the same number.
        1 => Value::Sql(format!("{:e}", f64::from_le_bytes(*bytes.first_chunk()?))),
        2 => {
            let number = u64::from_le_bytes(*bytes.first_chunk()?);
            Value::Sql(if flags & UNSIGNED != 0 { number.to_string() } else { number.cast_signed().to_string() })
        }
        4 => Value::Sql(decimal(bytes)?),
        _ => return None,
    };
    Some((name, value))
}

/// A DECIMAL as the servers store it: digits in groups of nine, four bytes each, fewer bytes for what is left over at either end; the first bit is the
/// sign, and a negative number has all bits turned.
fn decimal(bytes: &[u8]) -> Option<String> {
    const WIDTH: [usize; 10] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];
    let (precision, scale) = (usize::from(*bytes.first()?), usize::from(*bytes.get(1)?));
    let whole = precision.checked_sub(scale)?;
    let mut bytes = bytes.get(2..)?.to_vec();
    let negative = *bytes.first()? & 0x80 == 0;
    bytes[0] ^= 0x80;
    if negative {
        bytes.iter_mut().for_each(|byte| *byte = !*byte);
    }
    let mut rest = bytes.as_slice();
    let mut group = |digits: usize| -> Option<String> {
        let (taken, tail) = rest.split_at_checked(WIDTH[digits])?;
        rest = tail;
        let number = taken.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        Some(if digits == 0 { String::new() } else { format!("{number:0digits$}") })
    };
    let mut text = group(whole % 9)?;
    for _ in 0..whole / 9 {
        text.push_str(&group(9)?);
    }
    let mut text = text.trim_start_matches('0').to_owned();
    if text.is_empty() {
        text.push('0');
    }
    if scale > 0 {
        text.push('.');
        for _ in 0..scale / 9 {
            text.push_str(&group(9)?);
        }
        text.push_str(&group(scale % 9)?);
    }
    Some(if negative { format!("-{text}") } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_read_as_the_servers_store_them() {
        // The example of MySQL's strings/decimal.cc: 1234567890.1234, precision 14, scale 4.
        let stored = [14, 4, 0x81, 0x0D, 0xFB, 0x38, 0xD2, 0x04, 0xD2];
        assert_eq!(decimal(&stored).as_deref(), Some("1234567890.1234"));
        let negative: Vec<u8> = stored[..2].iter().copied().chain(stored[2..].iter().map(|byte| !byte)).collect();
        assert_eq!(decimal(&negative).as_deref(), Some("-1234567890.1234"));
        assert_eq!(decimal(&[5]), None);
    }
}
