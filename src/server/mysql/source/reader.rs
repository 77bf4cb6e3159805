//! A session that streams rows out of a moment, in chunks of whole rows.

use super::pool::Lent;
use super::snapshot::Held;
use super::{escape, keys};
use crate::domain::schema::{Range, Table, TableName};
use crate::domain::{Code, Fault};
use crate::server::mysql::connect::Connector;
use crate::server::mysql::quote::{ident, qualified};
use crate::server::mysql::session::RowStream;
use crate::server::mysql::wire::{Column, Error};
use crate::server::{Answer, Cancel, ChunkSink, Reader, Rows};
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// Where a reader's transaction goes back to behind each table, so that the server lets go of its definition.
pub const SAVEPOINT: &str = "dbbackup";

/// Has a whole table read in the order of its primary key. The server would take any index that has all columns, as of a table that joins two
/// others, and a restore would put each row somewhere else in the new table.
const BY_KEY: &str = " FORCE INDEX (PRIMARY)";

/// The server's error for an index that a table has not: it is kept by another key.
const NO_SUCH_INDEX: u16 = 1176;

/// Rows of at least this size are measured before they are written, so that no buffer is doubled for them.
const LARGE: usize = 1 << 20;

/// Reads the tables of one database.
pub struct TsvReader {
    lent: Lent,
    held: Arc<Held>,
    database: String,
}

impl TsvReader {
    /// Reads through a session that is lent.
    pub fn new(lent: Lent, held: Arc<Held>, database: &str) -> Self {
        Self { lent, held, database: database.to_owned() }
    }

    async fn rows(
        &mut self,
        table: &Table,
        range: Option<&Range>,
        chunk_size: usize,
        sink: &mut dyn ChunkSink,
    ) -> Result<(u64, u64), Fault> {
        let (connector, database) = (self.held.connector.clone(), self.database.clone());
        let session = self.lent.begin()?;
        let mut sql = statement(&database, table, range, if table.key.is_empty() { "" } else { BY_KEY })?;
        let mut rows = session.stream(&sql).await;
        if rows.as_ref().is_err_and(|error| error.number() == Some(NO_SUCH_INDEX)) {
            drop(rows);
            sql = statement(&database, table, range, "")?;
            rows = session.stream(&sql).await;
        }
        let failed = |error: &Error| unreadable(&connector, &database, table, error).with_statement(&sql);
        let done = chunks(rows.map_err(|error| failed(&error))?, chunk_size, sink, failed).await?;
        session.run(&format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}")).await.map_err(|error| failed(&error))?;
        self.lent.is_sound();
        self.held.was_read(&self.database, &table.name.name);
        Ok(done)
    }
}

/// The SELECT that reads a range of a table.
fn statement(database: &str, table: &Table, range: Option<&Range>, hint: &str) -> Result<String, Fault> {
    let form = |at: usize| table.forms.get(at).copied().unwrap_or_default();
    let columns: Vec<String> = table.columns.iter().enumerate().map(|(at, name)| keys::expression(name, form(at))).collect();
    // A table whose columns are all computed has rows all the same.
    let columns = if columns.is_empty() { "NULL".to_owned() } else { columns.join(", ") };
    let name = qualified(&TableName::new(database, &table.name.name));
    match range {
        None => Ok(format!("SELECT /*M! SQL_NO_CACHE */ {columns} FROM {name}{hint}")),
        Some(Range::Rows(condition)) => Ok(format!("SELECT /*M! SQL_NO_CACHE */ {columns} FROM {name} {condition}")),
        Some(Range::Pages(_)) => Err(Fault::internal("a table of MySQL was cut along pages")),
    }
}

/// Whether values of a type are written in digits and a few signs.
const fn is_digits(column: &Column) -> bool {
    // DECIMAL to INT24, DATE to YEAR, NEWDECIMAL (`enum_field_types`).
    matches!(column.kind, 0..=5 | 7..=13 | 246)
}

/// Collects the rows of a statement into chunks.
async fn chunks(
    mut rows: RowStream<'_>,
    chunk_size: usize,
    sink: &mut dyn ChunkSink,
    failed: impl Fn(&Error) -> Fault,
) -> Result<(u64, u64), Fault> {
    let digits: Vec<bool> = rows.columns().iter().map(is_digits).collect();
    let mut total = (0_u64, 0_u64);
    let mut chunk: Option<Rows> = None;
    while let Some(row) = rows.next().await.map_err(|error| failed(&error))? {
        let size = if row.size() < LARGE { row.size() + 2 * digits.len() } else { escape::length(row.iter()) };
        if let Some(full) = chunk.take_if(|chunk| chunk.data.len() + size > chunk_size) {
            finish(full, sink, &mut total).await?;
        }
        let chunk = match &mut chunk {
            Some(chunk) => chunk,
            none => none.insert(Rows { data: sink.buffer(size).await?, count: 0 }),
        };
        escape::row(&mut chunk.data, row.iter(), &digits);
        chunk.count += 1;
    }
    if let Some(last) = chunk {
        finish(last, sink, &mut total).await?;
    }
    Ok(total)
}

/// Hands a chunk over, and adds it to the totals.
async fn finish(chunk: Rows, sink: &mut dyn ChunkSink, total: &mut (u64, u64)) -> Result<(), Fault> {
    total.0 += chunk.count;
    total.1 += chunk.data.len() as u64;
    sink.chunk(chunk).await
}

/// A failure to read rows: what there would be no complete backup of the table with, and what somebody did to it meanwhile.
fn unreadable(connector: &Connector, database: &str, table: &Table, error: &Error) -> Fault {
    let name = &table.name;
    let fault = connector.fault(format!("cannot read table {name}"), error, database).at("Table", name);
    match error.number() {
        // Changed, gone, or without a column that it had.
        Some(1412 | 1146 | 1054) => {
            let mut fault = changed(fault);
            fault.what = format!("table {name} was changed while the backup ran");
            fault
        }
        Some(1044 | 1142 | 1143 | 1227 | 1370) => {
            let mut fault = fault;
            fault.code = Code::Incomplete;
            fault.step_run("Let the user read it:", format!("GRANT SELECT ON {}.{} TO …;", ident(database), ident(&name.name)))
        }
        // Crashed, corrupt, of an engine that is not there, or without its file.
        Some(126 | 127 | 145 | 1034 | 1035 | 1194 | 1195 | 1286 | 1812 | 1877 | 1932) => {
            let mut fault = fault;
            fault.code = Code::Incomplete;
            fault.step_run("Look at what is left of it:", format!("CHECK TABLE {}.{};", ident(database), ident(&name.name)))
        }
        _ => fault,
    }
}

/// A fault of a table that somebody changed, with its cure.
pub fn changed(mut fault: Fault) -> Fault {
    fault.code = Code::Conflict;
    fault
        .step("Back up again at a time at which nobody alters, truncates, renames or drops tables.")
        .step("On MySQL, give the user BACKUP_ADMIN: such statements then wait until the backup is done.")
}

impl Reader for TsvReader {
    fn read<'a>(
        &'a mut self,
        table: &'a Table,
        range: Option<&'a Range>,
        chunk_size: usize,
        sink: &'a mut dyn ChunkSink,
    ) -> Answer<'a, (u64, u64)> {
        Box::pin(self.rows(table, range, chunk_size, sink))
    }

    fn canceller(&self) -> Arc<dyn Cancel> {
        match self.lent.session() {
            Some(session) => session.canceller(),
            None => Arc::new(Nothing),
        }
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        // The session goes back where it is from.
        drop(self);
        Box::pin(std::future::ready(()))
    }
}

/// Nothing that could be ended.
struct Nothing;

impl Cancel for Nothing {
    fn cancel(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::schema::ValueForm;

    #[test]
    fn a_statement_reads_stored_columns_in_their_forms() {
        let table = Table {
            name: TableName::new("", "t`t"),
            columns: vec!["a".into(), "b".into(), "f".into()],
            forms: vec![ValueForm::Plain, ValueForm::Number, ValueForm::Float],
            ..Table::default()
        };
        let sql = statement("d", &table, None, "").expect("a statement");
        assert_eq!(sql, "SELECT /*M! SQL_NO_CACHE */ `a`, `b`+0, `f`*1e0 FROM `d`.`t``t`");
        let range = Range::Rows("FORCE INDEX (`PRIMARY`) WHERE `a` < 5".into());
        let sql = statement("d", &table, Some(&range), BY_KEY).expect("a statement");
        assert!(sql.ends_with("FROM `d`.`t``t` FORCE INDEX (`PRIMARY`) WHERE `a` < 5"), "{sql}");
    }
}
