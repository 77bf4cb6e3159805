//! Makes the changes of a binary log on a server, in one session: statements with the settings of the session that ran them, rows by `BINLOG`,
//! which the server applies as a replica would. (`mysqlbinlog` prints the same; here nothing passes through text that has to be taken apart.)

pub mod load;
pub mod names;
mod settings;
mod variables;
mod words;

use super::binlog::event::{self, Begin, Body, Header, Kind};
use super::binlog::format::{self, Format};
use super::binlog::query::Query;
use super::binlog::{payload, rows};
use super::connect::Connector;
use super::quote;
use super::session::{LoadError, Session};
use super::wire::{Error, Row};
use crate::domain::binlog::Place;
use crate::domain::spec::Binlog;
use crate::domain::text::clean;
use crate::domain::{Code, Fault, Product};
use crate::server::binlog::{ReplayLimits, ReplaySettings, Replayer};
use crate::server::{Answer, Cancel};
use futures_util::future::BoxFuture;
use load::Files;
use settings::Held;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// Bytes of rows that are sent at once, where the server takes as many.
const PIECE: u64 = 8 << 20;

/// The longest part of a statement that a fault shows.
const SHOWN: usize = 300;

/// See [`crate::server::Server::replay_limits`].
pub async fn limits(connector: &Connector) -> Result<ReplayLimits, Fault> {
    let mut session = connector.session(None).await?;
    let asked = session.query("SELECT @@max_allowed_packet, @@global.event_scheduler").await;
    let rows = asked.map_err(|error| connector.fault("cannot ask for the server's settings", &error, ""))?;
    let row = rows.first();
    let schedules = row.and_then(|row| row.text(1)).is_some_and(|text| text == "ON" || text == "1");
    let limits =
        ReplayLimits { product: session.flavour().product, packet: row.and_then(|row| row.number(0)).unwrap_or(1 << 20), schedules };
    session.close().await;
    Ok(limits)
}

/// See [`crate::server::Server::replayer`].
pub async fn open(connector: &Connector, settings: &ReplaySettings) -> Result<Box<dyn Replayer>, Fault> {
    let mut session = connector.session(None).await?;
    let fault = |what: &str, error: &Error| connector.fault(what, error, "");
    if settings.binlog == Binlog::Off {
        session.run("SET SESSION sql_log_bin = 0").await.map_err(|error| {
            fault("the replay cannot be kept out of the server's binary log", &error).step(
                "Give the user the right to (SUPER; MySQL: SYSTEM_VARIABLES_ADMIN; MariaDB: BINLOG ADMIN), or leave --binlog off out.",
            )
        })?;
    }
    // What the servers' own program sets: XA transactions are let go of by the session that prepared them.
    let mode = match session.flavour().product {
        Product::Mariadb => "SET SESSION pseudo_slave_mode = 1",
        Product::Mysql | Product::Postgres => "SET SESSION pseudo_replica_mode = 1",
    };
    // Without the right to set it, all but XA works as well.
    let _ = session.run(mode).await;
    let packet = session
        .query("SELECT @@max_allowed_packet")
        .await
        .map_err(|error| fault("cannot ask how much the server takes at once", &error))?;
    let packet: u64 = packet.first().and_then(|row| row.number(0)).unwrap_or(1 << 20);
    Ok(Box::new(Replay {
        connector: connector.clone(),
        wanted: settings.clone(),
        piece: usize::try_from((packet / 2).min(PIECE)).unwrap_or(1 << 20),
        held: Held::default(),
        format: None,
        files: Files::default(),
        needed: Vec::new(),
        database: None,
        tables: HashMap::new(),
        maps: Vec::new(),
        rows: Vec::new(),
        size: 0,
        session,
    }))
}

struct Replay {
    session: Session,
    connector: Connector,
    wanted: ReplaySettings,
    /// Bytes of events after which rows are sent.
    piece: usize,
    /// What is set.
    held: Held,
    /// That of the file in which we are.
    format: Option<Format>,
    /// Files of LOAD DATA statements that have not come.
    files: Files,
    /// What the next statement needs to be set, in this order. It goes with the statement, when that is left out.
    needed: Vec<String>,
    /// The session's database; none: not known.
    database: Option<Vec<u8>>,
    /// The tables of the statement at work, by number, and whether their rows are wanted.
    tables: HashMap<u64, bool>,
    /// The events that name these tables.
    maps: Vec<Vec<u8>>,
    /// The events with rows that have not been sent.
    rows: Vec<Vec<u8>>,
    /// Their bytes.
    size: usize,
}

impl Replayer for Replay {
    fn take<'a>(&'a mut self, at: &'a Place, event: &'a [u8]) -> Answer<'a, ()> {
        Box::pin(async move { self.event(event).await.map_err(|fault| fault.at("Place", at)) })
    }

    fn prepared(&mut self) -> Answer<'_, BTreeSet<String>> {
        Box::pin(async {
            let rows = self
                .session
                .query("XA RECOVER")
                .await
                .map_err(|error| self.connector.fault("cannot ask for the transactions that are prepared", &error, ""))?;
            Ok(rows.iter().filter_map(identity).collect())
        })
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        self.session.canceller()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move { self.session.close().await })
    }
}

/// The identity of a prepared transaction as `XA COMMIT` takes it, out of format, lengths of both parts, and their bytes.
fn identity(row: &Row) -> Option<String> {
    let (format, first, data) = (row.number::<i64>(0)?, row.number::<usize>(1)?, row.bytes(3)?);
    let (global, branch) = data.split_at_checked(first)?;
    Some(format!("{},{},{format}", quote::bytes(global), quote::bytes(branch)))
}

impl Replay {
    async fn event(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let header = Header::read(bytes).map_err(damaged)?;
        if header.kind == Kind::FORMAT {
            let mut bytes = bytes.to_vec();
            // The mark of a file that its server was writing to; the checksum does not cover it.
            bytes[17] &= !1;
            self.format = Some(Format::read(&bytes).map_err(damaged)?);
            self.binlog(&[bytes]).await?;
            // The server takes us for a replica's thread now, which is told each transaction's identity. They get new ones: with their own, those
            // that the server knows already would silently not be made.
            return match self.session.flavour().product {
                Product::Mariadb => Ok(()),
                Product::Mysql | Product::Postgres => {
                    self.run("SET @@SESSION.gtid_next = 'AUTOMATIC'", "transactions cannot get identities of their own").await
                }
            };
        }
        let format = self.format.as_ref().ok_or_else(|| Fault::internal("an event came before its format"))?;
        let content = format.content(bytes).to_vec();
        if header.kind == Kind::PAYLOAD {
            for inner in payload::events(&content).map_err(damaged)? {
                let header = Header::read(&inner).map_err(damaged)?;
                self.content(&header, &inner).await?;
            }
            return Ok(());
        }
        self.content(&header, &content).await
    }

    /// Takes an event without its checksum.
    async fn content(&mut self, header: &Header, content: &[u8]) -> Result<(), Fault> {
        if header.kind == Kind::TABLE_MAP {
            return self.table(content);
        }
        if header.kind.is_rows() {
            let content =
                rows::expanded(header, content).ok_or_else(|| damaged("compressed rows are not what they should be".to_owned()))?;
            return self.changed(content).await;
        }
        if let Some(sql) = variables::read(&mut self.session, header, content)
            .await
            .map_err(|error| self.fault("cannot set what a statement needs", &error))?
        {
            self.needed.push(sql);
            return Ok(());
        }
        match event::read(header, content).ok_or_else(|| damaged("an event is too short for what it is".to_owned()))? {
            Body::Gtid(begin) => self.begin(&begin).await,
            Body::Query(query) => self.query(&query).await,
            Body::Xid => {
                self.send_rows().await?;
                self.run("COMMIT", "a transaction could not be committed").await
            }
            Body::XaPrepare { one_phase, xid } => {
                self.send_rows().await?;
                let sql = if one_phase { format!("XA COMMIT {xid} ONE PHASE") } else { format!("XA PREPARE {xid}") };
                self.run(&sql, "an XA transaction could not be prepared").await
            }
            Body::Incident(what) => Err(Fault::new(Code::Incomplete, "the server lost events here, and said so in its log")
                .because(clean(&what))
                .step("Recover to a moment before it, or begin with a backup that was made after it.")),
            Body::Piece(file, piece) => self.files.take(file, piece),
            _ => Ok(()),
        }
    }

    /// MariaDB says in the event before a transaction that one begins.
    async fn begin(&mut self, begin: &Begin) -> Result<(), Fault> {
        match (&begin.xa, begin.alone) {
            (Some(xid), _) => self.run(&format!("XA START {xid}"), "an XA transaction could not be begun").await,
            (None, Some(false)) => self.run("BEGIN", "a transaction could not be begun").await,
            _ => Ok(()),
        }
    }

    async fn query(&mut self, query: &Query<'_>) -> Result<(), Fault> {
        self.send_rows().await?;
        // Ends of transactions mean the same in any session.
        if query.is("BEGIN")
            || query.is("COMMIT")
            || query.is("ROLLBACK")
            || query.begins("XA ")
            || query.begins("SAVEPOINT ")
            || query.begins("ROLLBACK TO ")
        {
            return self.run(&String::from_utf8_lossy(&query.text), "a transaction could not be begun or ended").await;
        }
        let needed = std::mem::take(&mut self.needed);
        let only = self.wanted.only.clone();
        match only.as_deref().map_or(names::Fate::Run, |only| names::fate(query, only, self.wanted.rename.as_deref())) {
            names::Fate::Run => {}
            names::Fate::Leave => {
                let _ = query.load.and_then(|load| self.files.give(load.file));
                return Ok(());
            }
            names::Fate::Refuse(why) => return Err(why.fault(&shown(&query.text))),
        }
        let rename = self.wanted.rename.clone();
        let database = match (&only, &rename) {
            (Some(only), Some(new)) if query.database == only.as_bytes() => new.as_bytes(),
            // One that is left out may not be there; the statement names what it is about.
            (Some(only), _) if query.database != only.as_bytes() => b"",
            _ => query.database,
        };
        // A statement that makes or drops the database it is in needs none.
        let is_about_databases = names::is_about_databases(&query.text);
        if !database.is_empty() && !is_about_databases && self.database.as_deref() != Some(database) {
            let name = quote::ident(&String::from_utf8_lossy(database));
            self.run(&format!("USE {name}"), "the database of a statement is not there").await?;
            self.database = Some(database.to_vec());
        }
        if is_about_databases {
            self.database = None;
        }
        let product = self.session.flavour().product;
        if let Some(sql) = self.held.change(&query.settings, product) {
            self.run(&sql, "what a statement's session had set cannot be set").await?;
        }
        for sql in &needed {
            self.run(sql, "cannot set what a statement needs").await?;
        }
        let done = match &query.load {
            None => self.session.run_bytes(&query.text).await,
            Some(load) => {
                let (mut file, sql) = self.files.give(load.file).zip(load::statement(query, load)).ok_or_else(|| load::missing(query))?;
                match self.session.load_bytes(&sql, &mut file).await {
                    Ok(done) => Ok(done),
                    Err(LoadError::Source(fault)) => return Err(fault),
                    Err(LoadError::Server(error)) => Err(error),
                }
            }
        };
        match done {
            Ok(_) => Ok(()),
            // It failed on the server too, half-way, and what it did until then is wanted.
            Err(Error::Server { number, .. }) if query.error != 0 && number == query.error => Ok(()),
            // ER_CANNOT_USER: an account that is made is there already, or one that is dropped is not. It is not dropped before a restore.
            Err(Error::Server { number: 1396, .. }) if names::is_of_accounts(query) => Ok(()),
            Err(error) => Err(self.fault("a statement of the log failed", &error).with_statement(&shown(&query.text))),
        }
    }

    /// Learns of which table the next rows are.
    fn table(&mut self, content: &[u8]) -> Result<(), Fault> {
        let (id, (database, _)) =
            rows::table_id(content).zip(rows::table(content)).ok_or_else(|| damaged("a table has no name".to_owned()))?;
        let wanted = self.wanted.only.as_ref().is_none_or(|only| database == only.as_bytes());
        self.tables.insert(id, wanted);
        if wanted {
            let moved = match &self.wanted.rename {
                Some(new) => rows::moved(content, new).ok_or_else(|| damaged("a table has no name".to_owned()))?,
                None => content.to_vec(),
            };
            self.maps.push(self.sealed(moved));
        }
        Ok(())
    }

    /// Takes changes of rows.
    async fn changed(&mut self, content: Vec<u8>) -> Result<(), Fault> {
        let last = rows::is_last(&content);
        let id = rows::table_id(&content).ok_or_else(|| damaged("rows without a table".to_owned()))?;
        // One that is not known is MySQL's mark of an end without rows.
        if self.tables.get(&id).copied().unwrap_or(false) {
            if self.size + content.len() > self.piece && !self.rows.is_empty() {
                self.send().await?;
            }
            self.size += content.len();
            self.rows.push(content);
        }
        if last {
            self.send_rows().await?;
        }
        Ok(())
    }

    /// Sends what is left of a statement's rows, and forgets its tables.
    async fn send_rows(&mut self) -> Result<(), Fault> {
        self.send().await?;
        self.tables.clear();
        self.maps.clear();
        Ok(())
    }

    /// Sends rows, as a statement of their own: rows are applied one by one, so that it does not matter how they are shared out.
    async fn send(&mut self) -> Result<(), Fault> {
        let Some(mut last) = self.rows.pop() else { return Ok(()) };
        rows::make_last(&mut last);
        let mut events = self.maps.clone();
        events.extend(std::mem::take(&mut self.rows).into_iter().map(|content| self.sealed(content)));
        events.push(self.sealed(last));
        self.size = 0;
        self.binlog(&events).await
    }

    fn sealed(&self, mut content: Vec<u8>) -> Vec<u8> {
        format::seal(&mut content, self.format.as_ref().map(|format| format.checksum).unwrap_or_default());
        content
    }

    async fn binlog(&mut self, events: &[Vec<u8>]) -> Result<(), Fault> {
        let mut sql = Vec::with_capacity(events.iter().map(|event| event.len() * 4 / 3 + 8).sum::<usize>() + 16);
        sql.extend_from_slice(b"BINLOG '\n");
        for event in events {
            base64(event, &mut sql);
            sql.push(b'\n');
        }
        sql.push(b'\'');
        self.session.run_bytes(&sql).await.map(drop).map_err(|error| {
            let fault = self.fault("changes of rows could not be made", &error);
            match error {
                Error::Server { number: 1227, .. } => fault.step_run(
                    "Give the user the right to (MySQL; on MariaDB it is BINLOG REPLAY):",
                    "GRANT BINLOG_ADMIN ON *.* TO 'recovery'@'%'",
                ),
                _ => fault,
            }
        })
    }

    async fn run(&mut self, sql: &str, what: &str) -> Result<(), Fault> {
        self.session.run(sql).await.map(drop).map_err(|error| self.fault(what, &error).with_statement(&shown(sql.as_bytes())))
    }

    fn fault(&self, what: &str, error: &Error) -> Fault {
        self.connector.fault(what, error, "")
    }
}

fn damaged(why: String) -> Fault {
    Fault::new(Code::CorruptedBackup, "an event of the log is not what it should be").because(why)
}

fn shown(text: &[u8]) -> String {
    names::shown(text, SHOWN)
}

/// RFC 4648, in lines of a length that is no matter to the server.
fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..4 {
            out.push(if at <= three.len() { LETTERS[(bits >> (18 - 6 * at) & 63) as usize] } else { b'=' });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_text_as_the_standard_says() {
        for (plain, wanted) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            let mut out = Vec::new();
            base64(plain.as_bytes(), &mut out);
            assert_eq!(out, wanted.as_bytes());
        }
    }
}
