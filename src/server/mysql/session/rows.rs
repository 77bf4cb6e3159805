//! Rows that stream.

use super::{Phase, Session};
use crate::server::mysql::wire::{Column, Error, RawRow};

/// Rows that are taken one by one, straight from the line's buffer.
#[derive(Debug)]
pub struct RowStream<'a> {
    session: &'a mut Session,
    columns: Vec<Column>,
}

impl<'a> RowStream<'a> {
    pub(super) fn new(session: &'a mut Session, columns: Vec<Column>) -> Self {
        Self { session, columns }
    }

    /// What the rows are made of.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The next row, valid until the one after it is asked for; none when there are no more.
    pub async fn next(&mut self) -> Result<Option<RawRow<'_>>, Error> {
        if self.session.phase != Phase::Rows {
            return Ok(None);
        }
        match self.session.row().await? {
            Some(packet) => RawRow::over(self.session.line.bytes(packet), self.columns.len()).map(Some),
            None => Ok(None),
        }
    }
}
