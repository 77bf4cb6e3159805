//! The binary log as a replica gets it: COM_REGISTER_SLAVE, COM_BINLOG_DUMP.
//!
//! Sources: MySQL's `sql/rpl_source.cc`, `sql/rpl_binlog_sender.cc`, MariaDB's `sql/sql_repl.cc`.

use super::connect::Connector;
use super::session::Session;
use super::wire::Error;
use crate::domain::binlog::Place;
use crate::domain::{Code, Fault, Product};
use crate::server::Answer;
use crate::server::binlog::{BinlogSource, Binlogs, Follow, LogOwner, Sent};
use std::time::Duration;
use tokio::time::Instant;

const REGISTER: u8 = 0x15;
const DUMP: u8 = 0x12;

/// Flag of COM_BINLOG_DUMP: end where the log ends.
const NON_BLOCKING: u16 = 1;

/// Flag of MariaDB's: the texts of statements, which stand in its file beside the rows that they changed, are sent too.
const ANNOTATIONS: u16 = 2;

/// How often a server without news says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// How long it may be silent.
const SILENCE: Duration = Duration::from_secs(30);

/// Longer than whoever listens is away when it only looks after something else.
const AWAY: Duration = Duration::from_secs(2);

/// See [`crate::server::Server::binlogs`].
pub async fn logs(connector: &Connector) -> Result<Binlogs, Fault> {
    let mut session = connector.session(None).await?;
    let answer = read_logs(&mut session).await.map_err(|error| refused(connector, "cannot list the server's binary logs", &error))?;
    session.close().await;
    Ok(answer)
}

async fn read_logs(session: &mut Session) -> Result<Binlogs, Error> {
    let product = session.flavour().product;
    // MariaDB has no identity of its own but the number that its administrator gave it.
    let sql = match product {
        Product::Mariadb => "SELECT @@server_id, VERSION()",
        Product::Mysql | Product::Postgres => "SELECT @@server_id, VERSION(), @@server_uuid",
    };
    let rows = session.query(sql).await?;
    let row = rows.first().ok_or_else(|| Error::Protocol("no answer to who it is".to_owned()))?;
    let owner = LogOwner {
        product,
        version: row.text(1).unwrap_or_default().into_owned(),
        server: row.number(0).unwrap_or_default(),
        uuid: (product == Product::Mysql).then(|| row.text(2).unwrap_or_default().into_owned()),
    };
    let rows = session.query("SHOW BINARY LOGS").await?;
    let logs = rows.iter().map(|row| {
        let name = row.text(0).unwrap_or_default();
        let name = name.parse().map_err(Error::Protocol)?;
        Ok((name, row.number(1).unwrap_or_default()))
    });
    Ok(Binlogs { owner, logs: logs.collect::<Result<_, Error>>()? })
}

/// See [`crate::server::Server::binlog_source`].
pub async fn open(connector: &Connector, from: &Place, follow: Follow) -> Result<Box<dyn BinlogSource>, Fault> {
    let mut session = connector.session(None).await?;
    begin(&mut session, from, follow).await.map_err(|error| refused(connector, "the server does not send its binary log", &error))?;
    let now = Instant::now();
    Ok(Box::new(Source { session, connector: connector.clone(), heard: now, asked: now }))
}

async fn begin(session: &mut Session, from: &Place, follow: Follow) -> Result<(), Error> {
    // Of our own choosing, and another one each time: a server ends the session of a replica whose number comes again.
    let random = uuid::Uuid::now_v7();
    let number: u32 = 0x8000_0000 | u32::try_from(random.as_u128() & 0x7fff_ffff).unwrap_or(1);
    let nanos = HEARTBEAT.as_nanos();
    // With CRC32 asked for, events are sent as they stand in the file, whether they have checksums or not; older and newer names are both set.
    let mut sql = format!(
        "SET @master_binlog_checksum = 'CRC32', @source_binlog_checksum = 'CRC32', @master_heartbeat_period = {nanos}, \
         @source_heartbeat_period = {nanos}, @slave_uuid = '{random}', @replica_uuid = '{random}'"
    );
    if session.flavour().product == Product::Mariadb {
        // 4: knows GTIDs of MariaDB, so that none is turned into something else.
        sql.push_str(", @mariadb_slave_capability = 4");
    }
    session.run(&sql).await?;
    let mut content = number.to_le_bytes().to_vec();
    content.push(8);
    content.extend_from_slice(b"dbbackup");
    // No user, no password, no port, no rank, no other source.
    content.extend_from_slice(&[0; 2 + 2 + 4 + 4]);
    session.command(REGISTER, &content).await?;
    let offset = u32::try_from(from.offset).map_err(|_| Error::Protocol("no place beyond 4 GiB can be asked for".to_owned()))?;
    let mut flags = if follow == Follow::Once { NON_BLOCKING } else { 0 };
    if session.flavour().product == Product::Mariadb {
        flags |= ANNOTATIONS;
    }
    let mut content = offset.to_le_bytes().to_vec();
    content.extend_from_slice(&flags.to_le_bytes());
    content.extend_from_slice(&number.to_le_bytes());
    content.extend_from_slice(from.log.to_string().as_bytes());
    session.follow(DUMP, &content).await
}

struct Source {
    session: Session,
    connector: Connector,
    /// When it last said something.
    heard: Instant,
    /// When it was last listened to: a wait may be given up and begun again many times while it is silent.
    asked: Instant,
}

impl BinlogSource for Source {
    fn next(&mut self) -> Answer<'_, Sent> {
        Box::pin(async move {
            let what = "the server's binary log ended";
            let now = Instant::now();
            if now.duration_since(self.asked) > AWAY {
                // Nobody listened: what it said meanwhile is still to come.
                self.heard = now;
            }
            self.asked = now;
            match tokio::time::timeout_at(self.heard + SILENCE, self.session.followed()).await {
                Ok(Ok(Some(event))) => {
                    self.heard = Instant::now();
                    self.asked = self.heard;
                    Ok(Sent::Event(event.to_vec()))
                }
                Ok(Ok(None)) => Ok(Sent::End),
                Ok(Err(error)) => Err(refused(&self.connector, what, &error)),
                Err(_) => {
                    let why =
                        format!("it was silent for {} s, although it should speak every {} s", SILENCE.as_secs(), HEARTBEAT.as_secs());
                    Err(self.connector.place(Fault::new(Code::ServerUnavailable, what).because(why), ""))
                }
            }
        })
    }
}

fn refused(connector: &Connector, what: &str, error: &Error) -> Fault {
    let mut fault = connector.fault(what, error, "");
    match error {
        // ER_NO_BINARY_LOGGING
        Error::Server { number: 1381, .. } => {
            fault.code = Code::Usage;
            fault = fault.step("The server writes no binary log: set log_bin (and server_id) in its configuration and start it again.");
        }
        // ER_SPECIFIC_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_ERROR of a command
        Error::Server { number: 1227 | 1045, .. } => {
            let user = &connector.connection().user;
            fault.code = Code::PermissionDenied;
            fault = fault
                .step_run(
                    "Give the user the rights of a replica (MySQL):",
                    format!("GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO '{user}'@'%'"),
                )
                .step_run("The same on MariaDB:", format!("GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO '{user}'@'%'"));
        }
        // ER_MASTER_FATAL_ERROR_READING_BINLOG: a file that is gone, a place that is no event's.
        Error::Server { number: 1236, .. } => fault.code = Code::WalForeign,
        _ => {}
    }
    fault
}
