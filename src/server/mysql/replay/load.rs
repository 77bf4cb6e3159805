//! Files of `LOAD DATA` statements, whose content the log holds in pieces before the statement.

use super::names;
use crate::domain::{Code, Fault};
use crate::server::mysql::binlog::query::{Double, Load, Query};
use crate::server::{Answer, RowSource};
use bytes::Bytes;
use std::collections::HashMap;

/// The most bytes of files that are held: they are loaded when the statement comes. A log that holds more is refused before anything is touched.
pub const MOST: u64 = 256 << 20;

/// Files that have not been loaded, by their numbers.
#[derive(Debug, Default)]
pub struct Files {
    files: HashMap<u32, Vec<Bytes>>,
    size: u64,
}

impl Files {
    /// Takes a piece of a file.
    pub fn take(&mut self, file: u32, piece: &[u8]) -> Result<(), Fault> {
        self.size += piece.len() as u64;
        if self.size > MOST {
            return Err(too_large());
        }
        self.files.entry(file).or_default().push(Bytes::copy_from_slice(piece));
        Ok(())
    }

    /// Gives a file away.
    pub fn give(&mut self, file: u32) -> Option<File> {
        let pieces = self.files.remove(&file)?;
        self.size -= pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        Some(File { pieces: pieces.into_iter() })
    }
}

/// The pieces of a file.
#[derive(Debug)]
pub struct File {
    pieces: std::vec::IntoIter<Bytes>,
}

impl RowSource for File {
    fn next(&mut self) -> Answer<'_, Option<Bytes>> {
        Box::pin(std::future::ready(Ok(self.pieces.by_ref().find(|piece| !piece.is_empty()))))
    }
}

/// The statement, with a file of ours in the place of the server's, as the servers' own program writes it.
pub fn statement(query: &Query<'_>, load: &Load) -> Option<Vec<u8>> {
    let (before, after) = (query.text.get(..load.from)?, query.text.get(load.to..)?);
    let mut sql = before.to_vec();
    sql.extend_from_slice(b" LOCAL INFILE 'log'");
    if load.double == Double::Replace {
        sql.extend_from_slice(b" REPLACE");
    }
    sql.extend_from_slice(b" INTO");
    sql.extend_from_slice(after);
    Some(sql)
}

/// The fault of a file that is too large to be held.
pub fn too_large() -> Fault {
    Fault::new(Code::Usage, format!("the log holds a file of LOAD DATA statements with more than {}", crate::domain::Bytes(MOST)))
        .step("Recover to the moment before it (its place as --target-position), and load the file again.")
        .step("With binlog_format = ROW the server logs the rows themselves.")
}

/// The fault of a statement whose file is not there.
pub fn missing(query: &Query<'_>) -> Fault {
    Fault::new(Code::CorruptedBackup, "the log holds a LOAD DATA without its file")
        .with_statement(&names::shown(&query.text, 300))
        .step("The replay begins between the file and its statement, or the log is damaged: begin with another backup.")
}
