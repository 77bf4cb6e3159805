//! Rows that are loaded.

use super::{Done, Head, Phase, QUERY, Session};
use crate::domain::Fault;
use crate::server::RowSource;
use crate::server::mysql::wire::Error;

/// Bytes of one packet of rows to load: well below any `max_allowed_packet` that is in use, for the server counts each packet by itself.
const PACKET: usize = 256 << 10;

/// Why rows were not loaded.
#[derive(Debug)]
pub enum LoadError {
    /// Their source failed; the session is gone with what it had loaded.
    Source(Fault),
    /// The server would not, or is lost.
    Server(Error),
}

impl From<Error> for LoadError {
    fn from(error: Error) -> Self {
        Self::Server(error)
    }
}

impl Session {
    /// Runs a `LOAD DATA LOCAL INFILE`, whose file `source` stands for, whatever its name. When the source fails the line is closed without the
    /// packet that ends a file, and the session is ended on the server, so that nothing of the statement stays in a table with transactions.
    pub async fn load(&mut self, sql: &str, source: &mut dyn RowSource) -> Result<Done, LoadError> {
        self.load_bytes(sql.as_bytes(), source).await
    }

    /// The same for statements that are in another character set than UTF-8.
    pub async fn load_bytes(&mut self, sql: &[u8], source: &mut dyn RowSource) -> Result<Done, LoadError> {
        self.ask_bytes(QUERY, sql).await?;
        match self.head().await? {
            Head::Infile => {}
            Head::Done(_) | Head::Rows(_) => {
                self.phase = Phase::Broken;
                return Err(Error::Protocol("it asks for no rows".to_owned()).into());
            }
        }
        if let Err(error) = self.send_rows(source).await {
            return Err(match error {
                LoadError::Server(error) => self.reason(error).await.into(),
                LoadError::Source(fault) => {
                    self.break_off().await;
                    LoadError::Source(fault)
                }
            });
        }
        self.phase = Phase::Between;
        let mut done = Done::default();
        loop {
            match self.head().await? {
                Head::Done(ended) => done.add(ended),
                Head::Rows(_) | Head::Infile => {
                    self.phase = Phase::Broken;
                    return Err(Error::Protocol("it answers a load with something else".to_owned()).into());
                }
            }
            if self.phase == Phase::Idle {
                return Ok(done);
            }
        }
    }

    async fn send_rows(&mut self, source: &mut dyn RowSource) -> Result<(), LoadError> {
        while let Some(piece) = source.next().await.map_err(LoadError::Source)? {
            // A packet of no bytes would end the file, and no piece has a part of no bytes.
            for part in piece.chunks(PACKET) {
                self.line.part(part).await?;
            }
        }
        Ok(self.line.answer(&[]).await?)
    }
}
