//! What single records of the log say: when a transaction ended, restore points, checkpoints, changes of the timeline.
//!
//! `access/xact.h` (`xl_xact_commit`, `xl_xact_abort`), `catalog/pg_control.h` and `access/xlog_internal.h` of PostgreSQL 13 to 18. Records of
//! these kinds have no blocks, so their own data follow the few headers directly.

use crate::domain::recovery::Micros;
use crate::domain::wal::{Lsn, Timeline};

/// Microseconds from 1970 to 2000, where the server begins to count.
const EPOCH: i64 = 946_684_800_000_000;

/// Resource managers.
const XLOG: u8 = 0;
const XACT: u8 = 1;

/// As much is kept of a record that is of interest; of a prepared transaction's end more, because its number stands behind lists.
const ENOUGH: usize = 512;
const PREPARED: usize = 16 << 20;

/// PostgreSQL 15 and 18, by the magic of their pages.
const V15: u16 = 0xD110;
const V18: u16 = 0xD118;

/// A record that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Where it begins: what `pg_waldump` calls its LSN.
    pub at: Lsn,
    /// Where the next one can begin.
    pub end: Lsn,
    /// What it says.
    pub what: What,
}

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Committed.
    Commit,
    /// Rolled back.
    Abort,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A transaction ended.
    Ended {
        /// Its number; that of the prepared transaction, where it was one. 0 where it cannot be found out.
        xid: u32,
        /// How.
        outcome: Outcome,
        /// When, by the server's clock.
        at: Micros,
    },
    /// `pg_create_restore_point`.
    RestorePoint {
        /// When.
        at: Micros,
        /// Its name.
        name: String,
    },
    /// A checkpoint; replay can begin at `redo`.
    Checkpoint {
        /// Where replay begins.
        redo: Lsn,
        /// The timeline from then on, and the one before.
        timeline: (Timeline, Timeline),
    },
    /// A server became a primary: from here on it is another timeline.
    EndOfRecovery {
        /// When.
        at: Micros,
        /// The timeline from then on, and the one before.
        timeline: (Timeline, Timeline),
    },
    /// A base backup that began at this position is consistent from here on.
    BackupEnd(Lsn),
    /// The rest of the segment is empty.
    Switch,
    /// The position that was asked for: this is the first record that begins there or after it.
    Reached,
}

/// How many bytes after the header are needed to read a record.
pub fn needed(manager: u8, info: u8) -> usize {
    match (manager, info & 0x70) {
        (XACT, 0x30 | 0x40) => PREPARED,
        (XACT, 0x00 | 0x20) => ENOUGH,
        (XLOG, _) if matches!(info & 0xF0, 0x00 | 0x10 | 0x40 | 0x50 | 0x70 | 0x90) => ENOUGH,
        _ => 0,
    }
}

/// Reads one; none for what is not of interest, or is not as it should be.
pub fn read(manager: u8, info: u8, xid: u32, bytes: &[u8], magic: u16) -> Option<What> {
    if needed(manager, info) == 0 {
        return None;
    }
    if manager == XLOG && info & 0xF0 == 0x40 {
        return Some(What::Switch);
    }
    let data = &mut main_data(bytes)?;
    match (manager, info & 0x70) {
        (XACT, 0x00) => Some(What::Ended { xid, outcome: Outcome::Commit, at: time(data)? }),
        (XACT, 0x20) => Some(What::Ended { xid, outcome: Outcome::Abort, at: time(data)? }),
        (XACT, operation) => {
            let at = time(data)?;
            let outcome = if operation == 0x30 { Outcome::Commit } else { Outcome::Abort };
            Some(What::Ended { xid: prepared(info, data, magic).unwrap_or(0), outcome, at })
        }
        _ => system(info & 0xF0, data),
    }
}

fn system(info: u8, data: &mut &[u8]) -> Option<What> {
    Some(match info {
        0x00 | 0x10 => What::Checkpoint { redo: Lsn(long(data)?), timeline: (Timeline(word(data)?), Timeline(word(data)?)) },
        0x50 => What::BackupEnd(Lsn(long(data)?)),
        0x70 => {
            let at = time(data)?;
            let end = data.iter().take(64).position(|byte| *byte == 0)?;
            What::RestorePoint { at, name: String::from_utf8_lossy(&data[..end]).into_owned() }
        }
        _ => What::EndOfRecovery { at: time(data)?, timeline: (Timeline(word(data)?), Timeline(word(data)?)) },
    })
}

/// What follows the headers that stand before a record's own data: the origin of a replicated one, the number of the outer transaction.
fn main_data(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        let (id, rest) = bytes.split_first()?;
        bytes = match id {
            253 => rest.get(2..)?,
            252 => rest.get(4..)?,
            255 => return rest.get(1..),
            254 => return rest.get(4..),
            _ => return None,
        };
    }
}

/// The number of a prepared transaction, behind lists of what it did. The bits say which of them are there.
fn prepared(info: u8, data: &mut &[u8], magic: u16) -> Option<u32> {
    if info & 0x80 == 0 {
        return None;
    }
    let bits = word(data)?;
    if bits & 1 != 0 {
        long(data)?;
    }
    let dropped = if magic >= V18 { 16 } else { 12 };
    let has_dropped = magic >= V15 && bits & 1 << 8 != 0;
    for (is_there, each) in [(bits & 1 << 1 != 0, 4), (bits & 1 << 2 != 0, 12), (has_dropped, dropped), (bits & 1 << 3 != 0, 16)] {
        if is_there {
            let bytes = (word(data)? as usize).checked_mul(each)?;
            *data = data.get(bytes..)?;
        }
    }
    if bits & 1 << 4 != 0 { word(data) } else { None }
}

fn word(data: &mut &[u8]) -> Option<u32> {
    let (first, rest) = data.split_first_chunk()?;
    *data = rest;
    Some(u32::from_le_bytes(*first))
}

fn long(data: &mut &[u8]) -> Option<u64> {
    let (first, rest) = data.split_first_chunk()?;
    *data = rest;
    Some(u64::from_le_bytes(*first))
}

fn time(data: &mut &[u8]) -> Option<Micros> {
    long(data).map(|micros| Micros(micros.cast_signed().saturating_add(EPOCH)))
}
