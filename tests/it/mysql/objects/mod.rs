//! All objects, accounts and rights: read from one server, made on another, and compared with what the stock programs say.

mod accounts;
mod by_hand;
mod zoo;

use crate::support::mysql::Mysql as TestServer;
use dbbackup::domain::Fault;
use dbbackup::domain::schema::{Contents, SchemaObject};
use dbbackup::server::mysql::Mysql;
use dbbackup::server::{Claim, LoadSettings, Server as _, TargetChoices};
use std::future::Future;
use std::process::Command;

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime").block_on(future)
}

fn reached(server: &TestServer) -> Mysql {
    Mysql::new(server.local("root"), None).expect("a prepared connection")
}

#[track_caller]
fn fine<T>(answer: Result<T, Fault>) -> T {
    answer.unwrap_or_else(|fault| panic!("{}", fault.render("Test failed")))
}

/// Everything that a backup would read of a database, apart from its rows.
async fn contents(server: &TestServer, database: &str) -> Contents {
    let snapshot = fine(reached(server).snapshot(database).await);
    let contents = fine(snapshot.contents().await);
    snapshot.release().await;
    contents
}

/// Makes a database with these properties and objects; gives what failed.
async fn make(server: &TestServer, name: &str, contents: &Contents, choices: &TargetChoices) -> Vec<(SchemaObject, Fault)> {
    let target = reached(server);
    fine(target.create_database(name, &contents.properties, choices).await);
    let settings = LoadSettings { choices: choices.clone(), ..LoadSettings::default() };
    let mut loader = fine(target.loader(name, &settings).await);
    let mut failed = Vec::new();
    for object in &contents.objects {
        if let Err(fault) = loader.run(&[object], choices, Claim::default()).await {
            failed.push((object.clone(), fault));
        }
    }
    loader.close().await;
    fine(target.apply_properties(name, &contents.properties, choices).await);
    failed
}

/// What the stock program writes of a database's definitions, line by line without what differs between equal databases: the order of keys, and
/// counters.
fn dumped(server: &TestServer, database: &str) -> Vec<String> {
    let mut dump = Command::new(server.stock("mysqldump"));
    let args = ["--no-defaults", "-uroot", "--force", "--no-data", "--skip-comments", "--routines", "--events", "--triggers", "-S"];
    // What a view that refers to what is not there leaves differs from server to server.
    let out = dump.env_clear().args(args).arg(&server.socket).arg(format!("--ignore-table={database}.broken_view")).arg(database);
    let out = out.output().expect("the stock program");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let is_setting = |line: &str| line.contains("GTID") || line.contains("SQL_LOG_BIN") || line.contains("SETVAL");
    let mut lines: Vec<String> =
        text.lines().map(|line| as_made_again(line.trim_end_matches(','))).filter(|line| !line.is_empty() && !is_setting(line)).collect();
    lines.sort();
    lines
}

/// A line as MySQL writes it of what was made from its own definition: with the character set of a collation that was named, and without the
/// space before a view's column, which it drops.
fn as_made_again(line: &str) -> String {
    line.replace(" CHARACTER SET latin1 COLLATE", " COLLATE").replace("AS ` lead`", "AS `lead`")
}

/// Lines of one that are not in the other.
fn surplus<'a>(one: &'a [String], other: &[String]) -> Vec<&'a String> {
    let mut left = other.to_vec();
    let is_new = |line: &&String| match left.iter().position(|there| there == *line) {
        Some(at) => {
            left.swap_remove(at);
            false
        }
        None => true,
    };
    one.iter().filter(is_new).collect()
}
