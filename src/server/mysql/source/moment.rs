//! Begins the snapshots of several sessions at one moment, and finds out where in the binary log that is.

use super::baseline::Baseline;
use super::grants::Rights;
use super::locks::{self, Way};
use super::reader::SAVEPOINT;
use crate::domain::connection::Product;
use crate::domain::server::{BinlogPosition, Position};
use crate::domain::time::Stamp;
use crate::server::mysql::connect::{Connector, Session};
use crate::server::mysql::quote::literal;
use crate::server::mysql::wire::{Error, Row};
use futures_util::future::{join_all, try_join_all};
use std::time::Duration;

/// How often snapshots are begun anew when somebody wrote meanwhile and there is no lock against that.
const TRIES: u32 = 30;

/// The time that a commit may take from its place in the binary log to its place in the set of what was executed.
const SETTLE: Duration = Duration::from_millis(100);

/// The statements with which a snapshot begins. The savepoint is gone back to behind each table.
fn begin() -> String {
    format!("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY; SAVEPOINT {SAVEPOINT}")
}

/// What is needed to begin.
pub struct Begin<'a> {
    /// Opens what keeps the server still.
    pub connector: &'a Connector,
    /// A session for questions.
    pub desk: &'a mut Session,
    /// What this user may do.
    pub rights: &'a Rights,
    /// The tables that will be read.
    pub baseline: &'a Baseline,
}

impl Begin<'_> {
    /// Begins all snapshots at one moment; where there is no way to that, sessions are given up until one is left. Says what a person should
    /// know of it.
    pub async fn all(&mut self, sessions: &mut Vec<Session>) -> Result<(Position, Vec<String>), Error> {
        let mut not = Vec::new();
        if let Some(still) = locks::still(self.connector, self.desk, self.rights, self.baseline, &mut not).await? {
            let way = still.way();
            let desk = &mut *self.desk;
            let position = still.during(async {
                start(sessions).await?;
                position(desk, sessions).await
            });
            let position = position.await?;
            let mut notes = Vec::new();
            if way == Way::Tables {
                notes
                    .push(format!("the moment was held by locks on the tables of the backup, not of the whole server: {}", not.join("; ")));
            }
            return Ok((position, notes));
        }
        let why = not.join("; ");
        if sessions.len() > 1
            && let Some(position) = self.equal(sessions).await?
        {
            let note = format!("the sessions' snapshots were begun without a lock, and are the same by the binary log: {why}");
            return Ok((position, vec![note]));
        }
        let surplus = sessions.split_off(1.min(sessions.len()));
        let mut notes = vec![format!("one session reads everything, since several could not be given the same moment: {why}")];
        join_all(surplus.into_iter().map(Session::close)).await;
        let position = match self.equal(sessions).await? {
            Some(position) => position,
            None => {
                start(sessions).await?;
                notes.push("where the backup stands in the binary log is not known: without a lock, others wrote all the time".to_owned());
                Position { taken_at: now(self.desk).await?, ..Position::default() }
            }
        };
        Ok((position, notes))
    }

    /// Begins snapshots until all are at the same place of the binary log. None where that cannot be known, or somebody writes all the time.
    async fn equal(&mut self, sessions: &mut [Session]) -> Result<Option<Position>, Error> {
        let maria = self.desk.flavour().product == Product::Mariadb;
        let told = if maria { "SELECT @@global.log_bin" } else { "SELECT @@global.gtid_mode" };
        let told = self.desk.query(told).await?.first().map(|row| row.owned(0)).unwrap_or_default();
        if !matches!(told.as_str(), "1" | "ON") {
            return Ok(None);
        }
        for _ in 0..TRIES {
            if maria {
                start(sessions).await?;
                let places = try_join_all(sessions.iter_mut().map(snapshot_place)).await?;
                if places.first().is_some_and(Option::is_some) && places.iter().all(|place| *place == places[0]) {
                    return position(self.desk, sessions).await.map(Some);
                }
                continue;
            }
            // A transaction is in the set of those executed a little after others can see it.
            let before = executed(self.desk).await?;
            start(sessions).await?;
            tokio::time::sleep(SETTLE).await;
            if executed(self.desk).await? == before {
                let taken_at = now(self.desk).await?;
                return Ok(Some(Position { taken_at, gtid: Some(before).filter(|set| !set.is_empty()), ..Position::default() }));
            }
        }
        Ok(None)
    }
}

async fn start(sessions: &mut [Session]) -> Result<(), Error> {
    let sql = begin();
    try_join_all(sessions.iter_mut().map(|session| session.run(&sql))).await.map(|_| ())
}

/// MySQL's set of transactions that were executed.
async fn executed(desk: &mut Session) -> Result<String, Error> {
    let rows = desk.query("SELECT @@global.gtid_executed").await?;
    Ok(rows.first().map(|row| row.owned(0).replace('\n', "")).unwrap_or_default())
}

/// The server's clock.
pub async fn now(desk: &mut Session) -> Result<Stamp, Error> {
    let rows = desk.query("SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)").await?;
    Ok(Stamp(rows.first().and_then(|row| row.number(0)).unwrap_or(0)))
}

/// Where a session's snapshot stands in the binary log (MariaDB), which anybody may ask for.
async fn snapshot_place(session: &mut Session) -> Result<Option<BinlogPosition>, Error> {
    let rows = session.query("SHOW STATUS LIKE 'binlog\\_snapshot\\_%'").await?;
    let value = |name: &str| rows.iter().find(|row| row.text(0).is_some_and(|text| text.eq_ignore_ascii_case(name)));
    let (file, offset) = (value("binlog_snapshot_file"), value("binlog_snapshot_position"));
    let place = file.zip(offset).map(|(file, offset)| BinlogPosition { file: file.owned(1), offset: offset.number(1).unwrap_or(0) });
    Ok(place.filter(|place| !place.file.is_empty()))
}

/// Where the snapshots stand, asked while nothing moves on, or, on MariaDB, of a snapshot itself.
async fn position(desk: &mut Session, sessions: &mut [Session]) -> Result<Position, Error> {
    let mut position = Position { taken_at: now(desk).await?, ..Position::default() };
    if desk.flavour().product == Product::Mariadb {
        let Some(session) = sessions.first_mut() else { return Ok(position) };
        position.binlog = snapshot_place(session).await?;
        if let Some(place) = &position.binlog {
            position.gtid = gtid_at(desk, place).await?.filter(|set| !set.is_empty());
        }
        return Ok(position);
    }
    position.binlog = end_of_log(desk).await?;
    position.gtid = Some(executed(desk).await?).filter(|set| !set.is_empty());
    Ok(position)
}

/// MariaDB's GTID at a place of the binary log. Where nothing has been written behind the place, the server knows it; otherwise it reads the
/// file up to there, and gives up at an event that is larger than its `max_allowed_packet`.
async fn gtid_at(desk: &mut Session, place: &BinlogPosition) -> Result<Option<String>, Error> {
    let value = |rows: &[Row]| rows.first().and_then(|row| row.text(0).map(|_| row.owned(0)));
    let last = value(&desk.query("SELECT @@global.gtid_binlog_pos").await?);
    if end_of_log(desk).await?.as_ref() == Some(place) {
        return Ok(last);
    }
    let sql = format!("SELECT BINLOG_GTID_POS({}, {})", literal(&place.file), place.offset);
    Ok(value(&desk.query(&sql).await?))
}

/// Where the next event comes to stand in the binary log; None without the right to ask, or without such a log.
async fn end_of_log(desk: &mut Session) -> Result<Option<BinlogPosition>, Error> {
    let flavour = desk.flavour();
    let newer = flavour.product == Product::Mysql && flavour.version_num >= 80_200;
    match desk.query(if newer { "SHOW BINARY LOG STATUS" } else { "SHOW MASTER STATUS" }).await {
        Ok(rows) => Ok(rows.first().map(|row| BinlogPosition { file: row.owned(0), offset: row.number(1).unwrap_or(0) })),
        Err(Error::Server { number: 1227, .. }) => {
            tracing::info!("no right to ask for the place in the binary log (REPLICATION CLIENT, BINLOG MONITOR)");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
