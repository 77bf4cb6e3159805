//! `BASE_BACKUP`: asked for in the server's dialect, and its copies taken apart.

use super::messages::Message;
use super::{DATABASE, Replication};
use crate::domain::spec::Checkpoint;
use crate::domain::wal::{Lsn, Timeline};
use crate::domain::{Code, Fault};
use crate::server::Answer;
use crate::server::base::{BaseOrder, BasePiece, BaseSource, BaseStart, WithWal};
use crate::server::postgres::connect::Connector;
use bytes::{Buf, Bytes};
use postgres_protocol::message::frontend;

/// From this version on options stand in parentheses, and one copy brings all archives.
const NEW: u32 = 150_000;

/// From this version on a manifest can be uploaded.
const INCREMENTAL: u32 = 170_000;

/// Bytes of a manifest in one message.
const PIECE: usize = 1 << 16;

/// What is being done, in faults.
const WHAT: &str = "the server cannot send its base backup";

/// A session that sends a base backup.
pub struct Backup {
    session: Replication,
    /// Tablespaces whose archives are still to come, in order; only of servers that send a copy for each. None: the data directory.
    coming: std::collections::VecDeque<Option<u32>>,
    /// Within a copy.
    copying: bool,
}

impl Backup {
    /// Opens the session.
    pub async fn open(connector: &Connector) -> Result<Self, Fault> {
        Ok(Self { session: Replication::open(connector).await?, coming: std::collections::VecDeque::new(), copying: false })
    }

    fn is_new(&self) -> bool {
        self.session.version_num >= NEW
    }

    async fn start(&mut self, order: &BaseOrder) -> Result<BaseStart, Fault> {
        let who = self.session.rows("IDENTIFY_SYSTEM", "the server does not say who it is").await?;
        let system_identifier = who.into_iter().next().and_then(|row| row.into_iter().next()).flatten().unwrap_or_default();
        if let Some(manifest) = &order.parent_manifest {
            self.upload(manifest).await?;
        }
        let sql = command(order, self.session.version_num);
        self.session.send(&sql).await?;
        let begun = self.answer().await.map_err(|fault| fault.with_statement(&sql))?;
        let (start, timeline) = position(begun.first()).ok_or_else(|| self.odd("where it begins"))?;
        let mut tablespaces = Vec::new();
        for row in self.answer().await? {
            let mut values = row.into_iter();
            let oid = values.next().flatten().and_then(|oid| oid.parse().ok());
            let path = values.next().flatten().unwrap_or_default();
            // In units of 1024 bytes.
            let size = values.next().flatten().and_then(|size| size.parse::<u64>().ok()).map(|size| size.saturating_mul(1024));
            tablespaces.push((oid, path, size));
        }
        if !self.is_new() {
            self.coming = tablespaces.iter().map(|(oid, _, _)| *oid).collect();
        }
        Ok(BaseStart { system_identifier, start, timeline, tablespaces })
    }

    /// The rows of one of the answers to a command.
    async fn answer(&mut self) -> Result<Vec<Vec<Option<String>>>, Fault> {
        let mut rows = Vec::new();
        loop {
            match self.session.next(WHAT).await? {
                Message::Row(row) => rows.push(row),
                Message::Complete => return Ok(rows),
                Message::Ready => return Err(self.odd("what it will send")),
                _ => {}
            }
        }
    }

    async fn upload(&mut self, manifest: &[u8]) -> Result<(), Fault> {
        const WHAT: &str = "the server does not take the manifest of the backup that this one builds on";
        if self.session.version_num < INCREMENTAL {
            return Err(Fault::internal("a manifest is uploaded to a server that does not take any"));
        }
        self.session.send("UPLOAD_MANIFEST").await?;
        loop {
            match self.session.next(WHAT).await? {
                Message::CopyIn => {
                    for piece in manifest.chunks(PIECE) {
                        let sent = self.session.line.send(|out| {
                            frontend::CopyData::new(piece)?.write(out);
                            Ok(())
                        });
                        sent.await.map_err(|error| self.session.broken(WHAT, &error))?;
                    }
                    let done = self.session.line.send(|out| {
                        frontend::copy_done(out);
                        Ok(())
                    });
                    done.await.map_err(|error| self.session.broken(WHAT, &error))?;
                }
                Message::Ready => return Ok(()),
                _ => {}
            }
        }
    }

    async fn piece(&mut self) -> Result<BasePiece, Fault> {
        loop {
            match self.session.next(WHAT).await? {
                Message::CopyOut if self.is_new() => self.copying = true,
                Message::CopyOut => {
                    self.copying = true;
                    return Ok(self.coming.pop_front().map_or(BasePiece::Manifest, BasePiece::Archive));
                }
                Message::Data(data) if self.copying && !self.is_new() => return Ok(BasePiece::Data(data)),
                Message::Data(data) if self.copying => {
                    if let Some(piece) = self.framed(data)? {
                        return Ok(piece);
                    }
                }
                Message::CopyDone => self.copying = false,
                Message::Row(row) if !self.copying => {
                    let (stop, timeline) = position(Some(&row)).ok_or_else(|| self.odd("where it ends"))?;
                    return self.end(stop, timeline).await;
                }
                Message::Ready => return Err(self.odd("where it ends")),
                _ => {}
            }
        }
    }

    /// A message of the one copy of newer servers (documentation, "BASE_BACKUP").
    fn framed(&self, mut data: Bytes) -> Result<Option<BasePiece>, Fault> {
        if data.is_empty() {
            return Err(self.odd("what a part is"));
        }
        match data.get_u8() {
            b'd' => Ok(Some(BasePiece::Data(data))),
            b'm' => Ok(Some(BasePiece::Manifest)),
            b'n' => {
                let name = data.split(|byte| *byte == 0).next().unwrap_or_default();
                match std::str::from_utf8(name).ok().and_then(|name| name.strip_suffix(".tar")) {
                    Some("base") => Ok(Some(BasePiece::Archive(None))),
                    Some(oid) => match oid.parse() {
                        Ok(oid) => Ok(Some(BasePiece::Archive(Some(oid)))),
                        Err(_) => Err(self.odd("which tablespace it sends")),
                    },
                    None => Err(self.odd("which tablespace it sends")),
                }
            }
            // How far it is: we count ourselves.
            b'p' => Ok(None),
            _ => Err(self.odd("what a part is")),
        }
    }

    async fn end(&mut self, stop: Lsn, timeline: Timeline) -> Result<BasePiece, Fault> {
        while !matches!(self.session.next(WHAT).await?, Message::Ready) {}
        Ok(BasePiece::End { stop, timeline, warnings: std::mem::take(&mut self.session.warnings) })
    }

    fn odd(&self, what: &str) -> Fault {
        let fault = Fault::new(Code::ServerUnavailable, WHAT).because(format!("it does not say {what}"));
        self.session.connector.place(fault.step("See the server's log."), DATABASE)
    }
}

impl BaseSource for Backup {
    fn begin<'a>(&'a mut self, order: &'a BaseOrder) -> Answer<'a, BaseStart> {
        Box::pin(self.start(order))
    }

    fn next(&mut self) -> Answer<'_, BasePiece> {
        Box::pin(async {
            let piece = self.piece().await;
            // What the server complained of before it gave up is the reason.
            piece.map_err(|fault| self.session.warnings.drain(..).fold(fault, |fault, warning| fault.at("Warning", warning)))
        })
    }
}

/// Position and timeline in the first two values of a row.
fn position(row: Option<&Vec<Option<String>>>) -> Option<(Lsn, Timeline)> {
    let mut values = row?.iter().map(Option::as_deref);
    let lsn = values.next()??.parse().ok()?;
    Some((lsn, Timeline(values.next()??.parse().ok()?)))
}

/// The command in the dialect of a version. Replication commands know only plain quotes.
fn command(order: &BaseOrder, version_num: u32) -> String {
    let label: String = order.label.chars().filter(|c| !c.is_control()).collect();
    let label = label.replace('\'', "''");
    let fast = order.checkpoint == Checkpoint::Fast;
    let wal = order.wal == WithWal::Sent;
    if version_num < NEW {
        let mut sql = format!("BASE_BACKUP LABEL '{label}' PROGRESS");
        for (wanted, word) in [(fast, " FAST"), (wal, " WAL")] {
            sql.push_str(if wanted { word } else { "" });
        }
        return sql + " NOWAIT TABLESPACE_MAP MANIFEST 'yes' MANIFEST_CHECKSUMS 'CRC32C'";
    }
    let checkpoint = if fast { "fast" } else { "spread" };
    let incremental = if order.parent_manifest.is_some() { ", INCREMENTAL" } else { "" };
    format!(
        "BASE_BACKUP (LABEL '{label}', PROGRESS, CHECKPOINT '{checkpoint}', WAL {wal}, WAIT false, TABLESPACE_MAP, MANIFEST 'yes', \
         MANIFEST_CHECKSUMS 'CRC32C'{incremental})"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_is_asked_in_its_dialect() {
        let order = BaseOrder { label: "o'clock\n".into(), wal: WithWal::Sent, ..BaseOrder::default() };
        assert_eq!(
            command(&order, 140_010),
            "BASE_BACKUP LABEL 'o''clock' PROGRESS FAST WAL NOWAIT TABLESPACE_MAP MANIFEST 'yes' MANIFEST_CHECKSUMS 'CRC32C'"
        );
        let order = BaseOrder { parent_manifest: Some(Vec::new()), checkpoint: Checkpoint::Spread, ..BaseOrder::default() };
        assert_eq!(
            command(&order, 170_000),
            "BASE_BACKUP (LABEL '', PROGRESS, CHECKPOINT 'spread', WAL false, WAIT false, TABLESPACE_MAP, MANIFEST 'yes', \
             MANIFEST_CHECKSUMS 'CRC32C', INCREMENTAL)"
        );
    }
}
