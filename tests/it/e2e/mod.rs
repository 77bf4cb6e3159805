//! End to end: the built program against real servers, judged by pg_dump, COPY, tar and exit codes.

mod archive;
mod causes;
mod cluster;
mod codes;
mod ddl;
mod drill;
mod faults;
mod foreign;
mod hostile;
mod interrupted;
mod limits;
mod memory;
mod partial;
mod pooler;
mod same;
mod secrets;
mod stalls;
mod thirty;
mod yardstick;
mod zoo;

use crate::support::postgres::Postgres;
use crate::support::program::{self, Outcome};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A folder of one's own, with one for backups in it.
struct Home {
    dir: TempDir,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(dir.path().join("backups")).expect("a folder");
        Self { dir }
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn backups(&self) -> PathBuf {
        self.path().join("backups")
    }

    /// Runs the program on a server.
    fn on(&self, server: &Postgres, args: &[&str]) -> Outcome {
        program::run(&mut program::on(server, self.path(), args))
    }

    /// The command that backs one database up into this folder.
    fn backup_command(&self, server: &Postgres, database: &str, more: &[&str]) -> Command {
        let dir = self.backups().display().to_string();
        let mut args = vec!["backup", "single", database, "--backup-dir", &dir];
        args.extend(more);
        program::on(server, self.path(), &args)
    }

    /// Backs one database up.
    #[track_caller]
    fn backup(&self, server: &Postgres, database: &str, more: &[&str]) -> PathBuf {
        program::run(&mut self.backup_command(server, database, more)).ok().archive()
    }
}

/// The flag that makes tar read an archive.
fn tar_flag(archive: &Path) -> &'static str {
    match archive.extension().and_then(|ending| ending.to_str()) {
        Some("zst") => "--zstd",
        Some("gz") => "--gzip",
        Some("lz4") => "--use-compress-program=lz4",
        Some("xz") => "--xz",
        Some("tar") => "--no-auto-compress",
        other => panic!("what ending is {other:?}?"),
    }
}

/// One entry of an archive, as the stock tar reads it.
#[track_caller]
fn entry(archive: &Path, name: &str) -> Vec<u8> {
    let out = Command::new("tar").arg(tar_flag(archive)).arg("-xOf").arg(archive).arg(name).output().expect("tar");
    assert!(out.status.success(), "tar: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

/// What the manifest says of a database's content: rows and fingerprint by table, large objects and sequences among them.
#[track_caller]
fn fingerprints(archive: &Path, database: &str) -> BTreeMap<String, String> {
    let manifest: serde_json::Value = serde_json::from_slice(&entry(archive, "manifest.json")).expect("JSON");
    let databases = manifest["databases"].as_array().expect("databases");
    let found = databases.iter().find(|one| one["name"] == database).unwrap_or_else(|| panic!("no {database} in {}", archive.display()));
    let tables = found["tables"].as_array().expect("tables").iter();
    let mut prints: BTreeMap<_, _> = tables
        .map(|table| (format!("{} {}", table["name"], table["kind"]), format!("{} rows, {}", table["rows"], table["fingerprint"])))
        .collect();
    for sequence in found["sequences"].as_array().expect("sequences") {
        prints.insert(format!("sequence {}", sequence["name"]), format!("{} {}", sequence["last_value"], sequence["is_called"]));
    }
    assert!(!prints.is_empty(), "an archive of nothing");
    prints
}

/// Files that someone could take for a backup.
fn lookalikes(dir: &Path) -> Vec<String> {
    program::names(dir).into_iter().filter(|name| !name.starts_with('.') && name.contains(".tar")).collect()
}

/// A database with one table that takes a while to compress, and some small ones.
fn slow_database(server: &Postgres, stem: &str) -> String {
    let name = server.database(stem);
    server.sql(
        &name,
        "create table big (id integer primary key, v text); \
         insert into big select i, (select string_agg(md5(i::text || j), '') from generate_series(1, 20) j) from generate_series(1, 60000) i; \
         create table small (id serial primary key, v text); insert into small (v) select md5(i::text) from generate_series(1, 100) i;",
    );
    name
}

/// Whether a database exists.
fn exists(server: &Postgres, database: &str) -> bool {
    server.sql("postgres", &format!("select count(*) from pg_database where datname = '{database}'")) == "1"
}

/// Sessions in a database.
fn sessions(server: &Postgres, database: &str) -> u32 {
    server.sql("postgres", &format!("select count(*) from pg_stat_activity where datname = '{database}'")).parse().expect("a number")
}
