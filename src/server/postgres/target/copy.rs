//! Rows into a table through COPY.

use super::ledger;
use super::loader::Target;
use crate::domain::schema::{RowFormat, Table};
use crate::domain::{Code, Fault};
use crate::server::postgres::quote::{ident, literal, qualified};
use crate::server::{Claim, LoadMode, RowSource};
use bytes::Bytes;
use futures_util::SinkExt;

/// The largest piece that is sent as one message: the server takes messages up to 1 GB, and the socket is written per message.
const PIECE: usize = 1 << 20;

/// Loads a table; see [`crate::server::Loader::load`].
pub async fn table(target: &mut Target, table: &Table, mode: LoadMode, source: &mut dyn RowSource, claim: Claim<'_>) -> Result<u64, Fault> {
    let name = qualified(table.destination());
    // What is in other partitions must not be emptied with this one's rows.
    let mode = if table.root.is_some() { LoadMode::Shared } else { mode };
    // A table without columns has rows all the same, and its list must not be written as "()".
    let columns: Vec<String> = table.columns.iter().map(|column| ident(column)).collect();
    let list = if columns.is_empty() { String::new() } else { format!(" ({})", columns.join(", ")) };
    let mut opening = match claim.marks {
        [] => String::new(),
        marks => ledger::claim(marks, target.page(table).await?),
    };
    if mode == LoadMode::Alone {
        opening.push_str(&format!("TRUNCATE ONLY {name};\n"));
    }
    let copy = format!("COPY {name}{list} FROM STDIN{}", options(target, table, mode == LoadMode::Alone));
    if opening.is_empty() && claim.rows.is_none() {
        return send(target, table, &copy, source).await;
    }
    let begun = target.session.client.batch_execute(&format!("BEGIN;\n{opening}")).await;
    let loaded = match begun {
        Ok(()) => send(target, table, &copy, source).await.and_then(|rows| complete(table, rows, claim)),
        Err(error) => Err(begin_fault(target, table, &error)),
    };
    match loaded {
        Ok(rows) => {
            let done = target.session.client.batch_execute("COMMIT").await;
            done.map_err(|error| target.fault(format!("cannot load {}", table.name), &error))?;
            Ok(rows)
        }
        Err(fault) => {
            target.rollback().await;
            Err(fault)
        }
    }
}

/// Whether the server took as many rows as there are.
pub fn complete(table: &Table, rows: u64, claim: Claim<'_>) -> Result<u64, Fault> {
    match claim.rows {
        Some(expected) if expected != rows => Err(Fault::new(Code::ProofFailed, format!("the server took {rows} rows for {}", table.name))
            .because(format!("the archive holds {expected} in this part"))),
        _ => Ok(rows),
    }
}

/// The fault of the beginning of a load.
pub fn begin_fault(target: &Target, table: &Table, error: &tokio_postgres::Error) -> Fault {
    let what = format!("cannot load {}", table.name);
    if ledger::is_claimed(error) {
        return target.placed(ledger::claimed(what));
    }
    target.fault(what, error).at("Object", format!("TABLE {}", table.name))
}

/// The options of a COPY.
fn options(target: &Target, table: &Table, frozen: bool) -> String {
    let mut options = Vec::new();
    if table.format == RowFormat::Binary {
        options.push("FORMAT binary".to_owned());
    }
    if frozen {
        options.push("FREEZE".to_owned());
    }
    if let Some(encoding) = &target.row_encoding {
        options.push(format!("ENCODING {}", literal(encoding)));
    }
    if options.is_empty() { String::new() } else { format!(" WITH ({})", options.join(", ")) }
}

/// Sends what the source gives through a COPY statement; returns the rows that the server counted.
pub async fn send(target: &Target, table: &Table, sql: &str, source: &mut dyn RowSource) -> Result<u64, Fault> {
    let failed = |error: tokio_postgres::Error| fault(target, table, sql, &error);
    let sink = target.session.client.copy_in::<_, Bytes>(sql).await.map_err(failed)?;
    let mut sink = std::pin::pin!(sink);
    loop {
        // Leaving here drops the sink, which tells the server that the COPY failed: nothing of it stays.
        let Some(mut bytes) = source.next().await? else { break };
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(PIECE));
            if let Err(error) = sink.feed(piece).await {
                // A server that refuses a row stops listening; its reason comes with the end of the stream.
                return Err(match sink.as_mut().finish().await {
                    Err(reason) if reason.as_db_error().is_some() => fault(target, table, sql, &reason),
                    _ => fault(target, table, sql, &error),
                });
            }
        }
    }
    sink.as_mut().finish().await.map_err(failed)
}

/// The fault of a COPY, with the server's line and column.
fn fault(target: &Target, table: &Table, sql: &str, error: &tokio_postgres::Error) -> Fault {
    let fault = target.fault(format!("cannot load {}", table.name), error).at("Object", format!("TABLE {}", table.name));
    let fault = match fault.code {
        Code::MissingObject => fault.step("The table is not on the target: restore its definition too (without --data-only)."),
        Code::SqlFailed if fault.sqlstate.as_deref() == Some("42703") => {
            fault.step("The table on the target lacks a column of the archive: restore under another name (--as SCHEMA.NAME).")
        }
        Code::ConstraintViolated if fault.sqlstate.as_deref() == Some("23505") => {
            fault.step("The table on the target has such rows already: empty it first, or restore under another name (--as SCHEMA.NAME).")
        }
        _ => fault,
    };
    fault.with_statement(sql)
}
