//! The ledger of a restore in its target: one small InnoDB table in the database that is filled.
//!
//! Rows and their marks are committed together. A definition ends every transaction by itself, so its mark comes in two parts: that it was
//! begun before, that it is done after. Of one that was begun and is not done, the server tells when it is made again: what exists was
//! made by us, because the database was looked at before it was begun.
//!
//! InnoDB has one log: what is in it is there in the order in which it was done, and a definition brings it to the disk. Tables in memory are empty after a
//! restart of the server; that there was one is known by when the server says it was started.

use super::loader::Target;
use super::script;
use crate::domain::schema::{SchemaObject, TableName};
use crate::domain::{Code, Fault};
use crate::server::ledger::TABLE;
use crate::server::mysql::connect::Connector;
use crate::server::mysql::quote::{ident, literal, qualified};
use crate::server::mysql::session::Session;
use crate::server::mysql::wire::{Error, Row};
use crate::server::{Continuity, LedgerHead, Mark, Opened};
use std::collections::HashMap;

/// "No such table".
const NO_TABLE: u16 = 1146;

/// "Duplicate entry".
pub const DOUBLE: u16 = 1062;

/// "There is no such right for this table", and the same for a database.
const DENIED: [u16; 4] = [1044, 1142, 1227, 1370];

/// By how many seconds the beginning of a server may seem to move without a restart: two clocks are read one after the other.
const UNSHARP: i64 = 2;

fn make() -> String {
    format!(
        "CREATE TABLE {} (kind VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, a BIGINT NOT NULL, b BIGINT NOT NULL, \
         done TINYINT NOT NULL, note VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL, PRIMARY KEY (kind, a, b)) ENGINE = InnoDB \
         COMMENT = 'dbbackup restores this database, or was interrupted while it did; the restore manifest says how to go on'",
        ident(TABLE)
    )
}

/// Whether a mark's work is done, or only begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It may be there, wholly or not at all.
    Begun,
    /// It is there.
    Done,
}

impl State {
    const fn number(self) -> u8 {
        match self {
            State::Begun => 0,
            State::Done => 1,
        }
    }
}

/// The statement that writes marks; empty for none. It fails where one is there.
pub fn claim(marks: &[Mark], state: State) -> String {
    if marks.is_empty() {
        return String::new();
    }
    let row = |mark: &Mark| {
        let (kind, a, b) = mark.row();
        format!("({},{a},{b},{})", literal(kind), state.number())
    };
    format!("INSERT INTO {} (kind, a, b, done) VALUES {}", ident(TABLE), marks.iter().map(row).collect::<Vec<_>>().join(","))
}

/// The condition that selects marks.
fn those(marks: &[Mark]) -> String {
    let row = |mark: &Mark| {
        let (kind, a, b) = mark.row();
        format!("({},{a},{b})", literal(kind))
    };
    format!("(kind, a, b) IN ({})", marks.iter().map(row).collect::<Vec<_>>().join(","))
}

/// The fault of a mark that was there already.
pub fn claimed(what: impl Into<String>) -> Fault {
    Fault::new(Code::Conflict, what).because("the ledger says that it was done already")
}

/// What the ledger says of marks.
pub async fn states(target: &mut Target, marks: &[Mark]) -> Result<HashMap<Mark, State>, Fault> {
    if marks.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!("SELECT kind, a, b, done FROM {} WHERE {}", ident(TABLE), those(marks));
    let rows = target.query("cannot read the ledger", &sql).await?;
    let state = |row: &Row| if row.number::<u8>(3) == Some(1) { State::Done } else { State::Begun };
    Ok(rows.iter().filter_map(|row| Some((mark(row)?, state(row)))).collect())
}

fn mark(row: &Row) -> Option<Mark> {
    Mark::from_row(&row.text(0)?, row.number(1)?, row.number(2)?)
}

/// Notes that work begins.
pub async fn begin(target: &mut Target, marks: &[Mark]) -> Result<(), Fault> {
    if marks.is_empty() {
        return Ok(());
    }
    target.run("cannot write the ledger", &claim(marks, State::Begun)).await
}

/// Notes that work which was begun is done.
pub async fn done(target: &mut Target, marks: &[Mark]) -> Result<(), Fault> {
    if marks.is_empty() {
        return Ok(());
    }
    target.run("cannot write the ledger", &format!("UPDATE {} SET done = 1 WHERE {}", ident(TABLE), those(marks))).await
}

/// Takes off marks of what the server refused.
pub async fn forget(target: &mut Target, marks: &[Mark]) -> Result<(), Fault> {
    if marks.is_empty() {
        return Ok(());
    }
    target.run("cannot write the ledger", &format!("DELETE FROM {} WHERE {}", ident(TABLE), those(marks))).await
}

/// What the head of a ledger says.
struct Found {
    head: LedgerHead,
    /// When the server was started, in its own seconds.
    boot: i64,
}

/// The ledger's head; none where there is no ledger, or one whose making was interrupted.
async fn read(session: &mut Session) -> Result<Option<Found>, Error> {
    let sql = format!("SELECT kind, note FROM {} WHERE kind IN ('run', 'archive', 'started', 'boot')", ident(TABLE));
    let rows = match session.query(&sql).await {
        Err(error) if error.number() == Some(NO_TABLE) => return Ok(None),
        rows => rows?,
    };
    let note = |kind: &str| {
        let row = rows.iter().find(|row| row.text(0).as_deref() == Some(kind));
        row.and_then(|row| row.text(1)).map(|text| text.into_owned())
    };
    let Some(run) = note("run") else { return Ok(None) };
    let head = LedgerHead { run, archive: note("archive").unwrap_or_default(), started: note("started").unwrap_or_default() };
    Ok(Some(Found { head, boot: note("boot").and_then(|text| text.parse().ok()).unwrap_or(0) }))
}

/// When the server was started, in its own seconds.
async fn boot(session: &mut Session) -> Result<i64, Error> {
    let uptime = session.query("SHOW GLOBAL STATUS LIKE 'Uptime'").await?;
    let now = session.query("SELECT UNIX_TIMESTAMP()").await?;
    let of = |rows: &[Row], at: usize| rows.first().and_then(|row| row.number::<i64>(at)).unwrap_or(0);
    Ok(of(&now, 0) - of(&uptime, 1))
}

/// See [`crate::server::Server::ledger`].
pub async fn head(connector: &Connector, database: &str) -> Result<Option<LedgerHead>, Fault> {
    let mut session = connector.session(Some(database)).await?;
    let found = read(&mut session).await.map_err(|error| connector.fault("cannot look for a ledger", &error, database));
    session.close().await;
    Ok(found?.map(|found| found.head))
}

/// See [`crate::server::Loader::open_ledger`].
pub async fn open(target: &mut Target, head: &LedgerHead) -> Result<Opened, Fault> {
    let what = "cannot look for the ledger";
    let found = read(&mut target.session).await;
    let boot = boot(&mut target.session).await.map_err(|error| target.fault(what, &error))?;
    if let Some(found) = found.map_err(|error| target.fault(what, &error))? {
        if found.head.run != head.run || found.head.archive != head.archive {
            return Ok(Opened::Foreign(found.head));
        }
        return Ok(if (found.boot - boot).abs() <= UNSHARP { Opened::Found } else { Opened::Emptied });
    }
    // One without a head was made just before the end of a run, which has done nothing yet.
    let sql = format!("DROP TABLE IF EXISTS {}; {}", ident(TABLE), make());
    match target.session.run(&sql).await {
        Ok(_) => {}
        Err(Error::Server { number, message, .. }) if DENIED.contains(&number) => return Ok(Opened::Refused(message)),
        Err(error) => return Err(target.fault("cannot make the ledger", &error).with_statement(&sql)),
    }
    let notes = [("run", head.run.as_str()), ("archive", &head.archive), ("started", &head.started), ("boot", &boot.to_string())]
        .map(|(kind, note)| format!("({},0,0,1,{})", literal(kind), literal(note)));
    let sql = format!("INSERT INTO {} (kind, a, b, done, note) VALUES {}", ident(TABLE), notes.join(","));
    target.run("cannot make the ledger", &sql).await?;
    Ok(Opened::Made)
}

/// See [`crate::server::Loader::marks`].
pub async fn marks(target: &mut Target) -> Result<Vec<Mark>, Fault> {
    let sql = format!("SELECT kind, a, b FROM {} WHERE done = 1 AND note IS NULL", ident(TABLE));
    let rows = target.query("cannot read the ledger", &sql).await?;
    Ok(rows.iter().filter_map(mark).collect())
}

/// See [`crate::server::Loader::continuity`].
pub async fn continuity(target: &mut Target) -> Result<Continuity, Fault> {
    let what = "cannot look at the ledger";
    let found = read(&mut target.session).await;
    // Where there is none, it was never made, or was removed by a session that was lost then.
    let Some(found) = found.map_err(|error| target.fault(what, &error))? else { return Ok(Continuity::Unbroken) };
    let boot = boot(&mut target.session).await.map_err(|error| target.fault(what, &error))?;
    Ok(if (found.boot - boot).abs() <= UNSHARP { Continuity::Unbroken } else { Continuity::Broken })
}

/// See [`crate::server::Loader::seal`].
pub async fn seal(target: &mut Target) -> Result<Continuity, Fault> {
    // Any definition brings InnoDB's log to the disk, whatever `innodb_flush_log_at_trx_commit` says.
    let sql =
        format!("ALTER TABLE {} COMMENT = 'dbbackup restored this database in part; the restore manifest says how to go on'", ident(TABLE));
    finish(target, "cannot write the ledger to the disk", &sql).await
}

/// See [`crate::server::Loader::drop_ledger`].
pub async fn drop(target: &mut Target) -> Result<Continuity, Fault> {
    finish(target, "cannot remove the ledger", &format!("DROP TABLE IF EXISTS {}", ident(TABLE))).await
}

async fn finish(target: &mut Target, what: &str, sql: &str) -> Result<Continuity, Fault> {
    if continuity(target).await? == Continuity::Broken {
        return Ok(Continuity::Broken);
    }
    match target.session.run(sql).await {
        Ok(_) => Ok(Continuity::Unbroken),
        Err(error) if error.number() == Some(NO_TABLE) => Ok(Continuity::Unbroken),
        Err(error) => Err(target.fault(what, &error).with_statement(sql)),
    }
}

/// See [`crate::server::Loader::take_back`].
pub async fn take_back(target: &mut Target, objects: &[&SchemaObject], marks: &[Mark]) -> Result<(), Fault> {
    let what = "cannot take back what stands on a table that is to be filled again";
    for object in objects {
        let sql = removal(object).ok_or_else(|| Fault::internal(format!("no way to take {} back", script::label(object))))?;
        target.run(what, &sql).await?;
    }
    forget(target, marks).await?;
    let boot = boot(&mut target.session).await.map_err(|error| target.fault(what, &error))?;
    target.run(what, &format!("UPDATE {} SET note = '{boot}' WHERE kind = 'boot'", ident(TABLE))).await
}

/// What removes a trigger or a foreign key.
fn removal(object: &SchemaObject) -> Option<String> {
    // Names of both are written as PostgreSQL's are, "table name", or alone.
    let table = object.table.as_ref();
    let alone = table.and_then(|table| object.name.strip_prefix(table.name.as_str())?.strip_prefix(' ')).unwrap_or(&object.name);
    match object.kind.as_str() {
        "TRIGGER" => Some(format!("DROP TRIGGER IF EXISTS {}", ident(alone))),
        "FK CONSTRAINT" => table.map(|table| foreign_key(table, alone)),
        _ => None,
    }
}

fn foreign_key(table: &TableName, name: &str) -> String {
    format!("ALTER TABLE {} DROP FOREIGN KEY {}", qualified(table), ident(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Step;

    #[test]
    fn marks_are_one_statement() {
        assert_eq!(claim(&[], State::Done), "");
        let marks = [Mark::Object(5, Step::Whole), Mark::Chunk(1, 2)];
        assert_eq!(
            claim(&marks, State::Begun),
            "INSERT INTO `_dbbackup_ledger` (kind, a, b, done) VALUES ('object',5,0,0),('chunk',1,2,0)"
        );
        assert_eq!(those(&marks), "(kind, a, b) IN (('object',5,0),('chunk',1,2))");
    }

    #[test]
    fn triggers_and_foreign_keys_are_removed_by_their_own_names() {
        let of = |kind: &str, name: &str| {
            let table = Some(TableName::new("", "a b"));
            removal(&SchemaObject { kind: kind.into(), name: name.into(), table, ..SchemaObject::default() })
        };
        assert_eq!(of("TRIGGER", "a b c`d").as_deref(), Some("DROP TRIGGER IF EXISTS `c``d`"));
        assert_eq!(of("TRIGGER", "t").as_deref(), Some("DROP TRIGGER IF EXISTS `t`"));
        assert_eq!(of("FK CONSTRAINT", "a b fk").as_deref(), Some("ALTER TABLE `a b` DROP FOREIGN KEY `fk`"));
        assert_eq!(of("INDEX", "a b i"), None);
    }
}
