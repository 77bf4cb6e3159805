//! A transaction that MySQL wrote in one compressed event (`binlog_transaction_compression`): TRANSACTION_PAYLOAD_EVENT.

use super::cursor::Cursor;
use super::event::{HEADER, Header};
use std::io::Read;

/// The events in it, without checksums. Fields behind their numbers, each with its length: 1 the compressed bytes' length, 2 the algorithm (0
/// zstd, 255 none), 3 the length before; 0 ends them. The error says what is wrong.
pub fn events(content: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let wrong = || "a compressed transaction is not what it should be".to_owned();
    let mut cursor = Cursor::new(content.get(HEADER..).ok_or_else(wrong)?);
    let (mut algorithm, mut plain) = (0, None);
    loop {
        let field = cursor.packed().ok_or_else(wrong)?;
        if field == 0 {
            break;
        }
        let length = cursor.packed().and_then(|length| usize::try_from(length).ok()).ok_or_else(wrong)?;
        let mut value = Cursor::new(cursor.take(length).ok_or_else(wrong)?);
        match field {
            2 => algorithm = value.packed().ok_or_else(wrong)?,
            3 => plain = value.packed(),
            _ => {}
        }
    }
    let mut bytes = Vec::new();
    match algorithm {
        0 => {
            let decoder = zstd::stream::read::Decoder::with_buffer(cursor.rest());
            let limit = plain.unwrap_or(u64::MAX - 1);
            decoder
                .and_then(|decoder| decoder.take(limit + 1).read_to_end(&mut bytes))
                .map_err(|error| format!("a compressed transaction: {error}"))?;
        }
        255 => bytes.extend_from_slice(cursor.rest()),
        other => return Err(format!("a transaction is compressed by algorithm {other}, which is not known")),
    }
    if plain.is_some_and(|plain| plain != bytes.len() as u64) {
        return Err(wrong());
    }
    let mut events = Vec::new();
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let header = Header::read(rest)?;
        let (event, tail) = rest.split_at_checked(header.length as usize).ok_or_else(wrong)?;
        events.push(event.to_vec());
        rest = tail;
    }
    Ok(events)
}
