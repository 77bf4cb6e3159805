//! What a restore writes through: definitions, rows, the ledger, databases.

mod crash;
mod databases;
mod ledger;
mod objects;
mod rows;

use crate::support::mysql::{Kind, Mysql as TestServer, server};
use bytes::Bytes;
use dbbackup::domain::Fault;
use dbbackup::domain::schema::{SchemaObject, Table, TableName};
use dbbackup::server::mysql::Mysql;
use dbbackup::server::{Answer, LedgerHead, LoadSettings, Loader, RowSource, Server};
use std::collections::VecDeque;

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime").block_on(future)
}

fn reached(server: &TestServer) -> Mysql {
    Mysql::new(server.local("root"), None).expect("a way to the server")
}

async fn open(server: &TestServer, database: &str) -> Box<dyn Loader> {
    reached(server).loader(database, &LoadSettings::default()).await.expect("a session")
}

/// A session that a ledger's run works with.
async fn of_run(server: &TestServer, database: &str, run: &str) -> Box<dyn Loader> {
    let settings = LoadSettings { run: Some(run.to_owned()), ..LoadSettings::default() };
    reached(server).loader(database, &settings).await.expect("a session")
}

fn head(run: &str) -> LedgerHead {
    LedgerHead { run: run.to_owned(), archive: "archive".to_owned(), started: "2026-01-30".to_owned() }
}

fn object(id: u32, kind: &str, name: &str, sql: &str) -> SchemaObject {
    SchemaObject { id, kind: kind.into(), name: name.into(), sql: sql.into(), ..SchemaObject::default() }
}

fn table(name: &str, columns: &[&str]) -> Table {
    Table { name: TableName::new("", name), columns: columns.iter().map(|name| (*name).into()).collect(), ..Table::default() }
}

/// Pieces, then the end or a failure.
struct Pieces(VecDeque<Result<Bytes, Fault>>);

impl RowSource for Pieces {
    fn next(&mut self) -> Answer<'_, Option<Bytes>> {
        Box::pin(std::future::ready(self.0.pop_front().transpose()))
    }
}

fn pieces(parts: &[&[u8]]) -> Pieces {
    Pieces(parts.iter().map(|part| Ok(Bytes::copy_from_slice(part))).collect())
}
