//! A script on its way to psql, with progress.

use crate::domain::Fault;
use crate::engine::restore::progress::Board;
use crate::engine::restore::source::blocking;
use crate::server::dump::{Dump, Findings, Rules, ScriptStream};
use crate::server::{Answer, RowSource};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Reads, decompresses and looks at a script on a thread that may block, a piece ahead of nobody: the next one is read when the last was taken.
pub struct ScriptSource<'a> {
    stream: Option<ScriptStream>,
    read: Arc<AtomicU64>,
    board: &'a Board,
}

impl<'a> ScriptSource<'a> {
    /// Opens it.
    pub async fn open(dump: &Dump, rules: Rules, board: &'a Board) -> Result<Self, Fault> {
        let dump = dump.clone();
        let stream = blocking(move || ScriptStream::open(&dump, rules)).await?;
        Ok(Self { read: stream.progress(), stream: Some(stream), board })
    }

    /// What was found in what was passed on.
    pub fn findings(&self) -> Findings {
        self.stream.as_ref().map(|stream| stream.findings().clone()).unwrap_or_default()
    }
}

impl RowSource for ScriptSource<'_> {
    fn next(&mut self) -> Answer<'_, Option<Bytes>> {
        Box::pin(async move {
            let mut stream = self.stream.take().ok_or_else(|| Fault::internal("a script was read on after it had failed"))?;
            let (stream, piece) = blocking(move || {
                let piece = stream.piece();
                Ok((stream, piece))
            })
            .await?;
            let rows = stream.findings().parts.iter().flat_map(|part| &part.tables).map(|(_, rows)| rows).sum();
            let tables = stream.findings().parts.iter().map(|part| part.tables.len() as u64).sum();
            let read = self.read.load(Ordering::Relaxed);
            self.stream = Some(stream);
            self.board.database(0, |one| {
                one.bytes.done = read.min(one.bytes.total);
                one.rows = rows;
                one.tables.done = tables;
            });
            Ok(piece?.map(Bytes::from))
        })
    }
}
