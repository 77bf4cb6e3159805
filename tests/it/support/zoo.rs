//! The zoo database on each server, loaded once, and an archive of it, made once. Both are for reading only.

use super::postgres::{Postgres, VERSIONS};
use super::program;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The name of the zoo's database.
pub const NAME: &str = "zoo";

type PerVersion<T> = OnceLock<[(u32, OnceLock<T>); VERSIONS.len()]>;

fn once<T>(slots: &'static PerVersion<T>, server: &Postgres, make: impl FnOnce() -> T) -> &'static T {
    let slots = slots.get_or_init(|| VERSIONS.map(|major| (major, OnceLock::new())));
    slots.iter().find(|(major, _)| *major == server.major).expect("a version of the list").1.get_or_init(make)
}

/// A file of `tests/it/data`.
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data").join(name)
}

/// Loads the zoo into the shared server of its version.
pub fn zoo(server: &'static Postgres) -> &'static str {
    static LOADED: PerVersion<()> = OnceLock::new();
    once(&LOADED, server, || {
        server.sql("postgres", &format!("create database {NAME} template template0"));
        server.script(NAME, &data("zoo_roles.sql"));
        server.script(NAME, &data("zoo.sql"));
    });
    NAME
}

/// An archive of the zoo, made with the defaults and small chunks.
pub fn archive(server: &'static Postgres) -> &'static Path {
    static MADE: PerVersion<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let made = once(&MADE, server, || {
        let name = zoo(server);
        let home = tempfile::tempdir().expect("a folder");
        let dir = home.path().join("backups");
        let dir_text = dir.display().to_string();
        let args = ["backup", "single", name, "--backup-dir", &dir_text, "--jobs", "2", "--chunk-size", "1MiB"];
        let path = program::run(&mut program::on(server, home.path(), &args)).ok().archive();
        (home, path)
    });
    &made.1
}
