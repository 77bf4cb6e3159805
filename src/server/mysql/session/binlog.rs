//! The binary log as the server sends it to replicas: events byte for byte. Knows nothing of what is in them.

use super::{Phase, Session};
use crate::domain::Product;
use crate::server::mysql::quote::literal;
use crate::server::mysql::wire::{END, Error, OK};
use mysql_common::packets::{BinlogDumpFlags, ComBinlogDump, ComRegisterSlave};
use mysql_common::proto::MySerialize;
use std::time::Duration;

/// What is asked for after the last event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// An end.
    Now,
    /// Whatever is written from then on.
    Ever,
}

/// Which events are wanted. Needs the right REPLICATION SLAVE.
#[derive(Clone, Debug)]
pub struct Binlog<'a> {
    /// The file to begin with; the server goes on with the next ones by itself.
    pub file: &'a str,
    /// Where in it, at the beginning of an event. The first one of each file is at 4.
    pub offset: u32,
    /// By which number the server knows us: no other replica of it may have the same. 0 is nobody's, for [`Until::Now`].
    pub server_id: u32,
    /// What comes after the last event.
    pub until: Until,
    /// How long the server may be silent while there is nothing to send. A heartbeat is an event too, which is in no file.
    pub heartbeat: Duration,
}

/// Events as they are sent.
#[derive(Debug)]
pub struct Events<'a> {
    session: &'a mut Session,
}

impl Session {
    /// Asks for events. Nothing else can be asked in this session afterwards: the server closes it behind the last one.
    pub async fn binlog(&mut self, wanted: &Binlog<'_>) -> Result<Events<'_>, Error> {
        // The server tells zombies of ours from us by this.
        let uuid = literal(&uuid::Uuid::now_v7().to_string());
        // Within the time after which a silent session is looked after.
        let most = Duration::from_secs(self.connector.connection().network_timeout.max(1)) / 3;
        let nanoseconds = wanted.heartbeat.min(most).max(Duration::from_millis(100)).as_nanos();
        // Events keep the checksums that they have in the file.
        let names: &[&str] = match self.flavour.product {
            Product::Mariadb => &["master"],
            Product::Mysql | Product::Postgres => &["source", "master"],
        };
        let mut sql = format!("SET @slave_uuid = {uuid}, @replica_uuid = {uuid}");
        if self.flavour.product == Product::Mariadb {
            sql.push_str(", @mariadb_slave_capability = 4");
        }
        for name in names {
            sql.push_str(&format!(", @{name}_heartbeat_period = {nanoseconds}, @{name}_binlog_checksum = @@global.binlog_checksum"));
        }
        self.run(&sql).await?;
        if wanted.server_id != 0 {
            self.send(&ComRegisterSlave::new(wanted.server_id)).await?;
            self.head().await?;
        }
        let mut flags = match wanted.until {
            Until::Now => BinlogDumpFlags::BINLOG_DUMP_NON_BLOCK,
            Until::Ever => BinlogDumpFlags::empty(),
        };
        if self.flavour.product == Product::Mariadb {
            // There this bit asks for the statements that rows come from (Annotate_rows), which are left out otherwise, though the file has them.
            flags |= BinlogDumpFlags::BINLOG_THROUGH_POSITION;
        }
        let dump = ComBinlogDump::new(wanted.server_id).with_pos(wanted.offset).with_flags(flags).with_filename(wanted.file.as_bytes());
        self.send(&dump).await?;
        Ok(Events { session: self })
    }

    /// Sends a question that is no text.
    async fn send(&mut self, question: &impl MySerialize) -> Result<(), Error> {
        let mut bytes = Vec::new();
        question.serialize(&mut bytes);
        let (command, rest) = bytes.split_first().expect("a question has a first byte");
        self.set(Phase::Asked);
        self.line.ask(*command, rest).await
    }
}

impl Events<'_> {
    /// The next event with its header and checksum, valid until the one after it is asked for; none at the end. Giving it up in the middle
    /// loses nothing.
    pub async fn next(&mut self) -> Result<Option<&[u8]>, Error> {
        let session = &mut *self.session;
        if session.phase != Phase::Asked {
            return Ok(None);
        }
        let packet = session.received().await?;
        match session.line.bytes(packet).first() {
            Some(&OK) => Ok(session.line.bytes(packet).get(1..)),
            Some(&END) if packet.size() < 9 => {
                session.set(Phase::Broken);
                Ok(None)
            }
            _ => {
                session.set(Phase::Broken);
                Err(Error::Protocol("something that is no event".to_owned()))
            }
        }
    }
}
