//! Memory stays within its budget, and secrets stay where they belong.

use super::{Home, lookalikes};
use crate::support::postgres::server;
use crate::support::program;
use std::path::Path;

const MIB: u64 = 1024 * 1024;

#[test]
fn memory_stays_within_the_budget() {
    let server = server(15);
    let name = server.database("large");
    // Many narrow rows, rows of 8 MB, and one of 32 MB: about 260 MB of COPY text.
    server.sql(
        &name,
        "create table narrow (id bigint, v text); insert into narrow select i, md5(i::text) || md5((i + 1)::text) from generate_series(1, 1400000) i; \
         create table wide (id integer, v text); alter table wide alter column v set storage external; \
         insert into wide select i, repeat(md5(i::text), 250000) from generate_series(1, 14) i; \
         insert into wide select 0, repeat(md5('x'), 1000000);",
    );
    let home = Home::new();
    let budget = ["--memory", "128MiB", "--jobs", "2", "--compression", "zstd:1"];
    let backup = program::run(&mut home.backup_command(server, &name, &budget)).ok();
    // Beyond the budget: the program itself, and one row in flight for each reader, received once and once escaped.
    let limit = (128 + 48 + 2 * 2 * 32) * MIB;
    assert!(backup.peak > 0 && backup.peak < limit, "{} MiB", backup.peak / MIB);
    let archive = backup.archive().display().to_string();
    let target = format!("{name}_copy");
    let args = ["restore", "single", &archive, "--target", &target, "--create", "--prove", "--memory", "128MiB", "--jobs", "2"];
    let restore = home.on(server, &args).ok();
    assert!(restore.peak > 0 && restore.peak < limit, "{} MiB", restore.peak / MIB);
    server.sql("postgres", &format!("drop database {target}"));
    server.sql("postgres", &format!("drop database {name}"));
}

#[test]
fn a_password_shows_nowhere() {
    let server = server(17);
    let secret = "Planted5ecret%41'\"";
    let user = server.login_with_password(secret, "superuser");
    let name = super::slow_database(server, "secretive");
    let home = Home::new();
    let dir = home.backups().display().to_string();
    let port = server.port.to_string();
    let log = home.path().join("log.txt").display().to_string();
    let target = format!("{name}_copy");
    let run = |args: &[&str]| {
        let mut all = args.to_vec();
        all.extend(["--host", "127.0.0.1", "--port", &port, "--user", &user, "--batch", "--log-file", &log, "--log-level", "trace"]);
        let mut command = program::dbbackup(home.path(), &all);
        command.env("PGPASSWORD", secret).env("PATH", format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", server.bin.display()));
        let outcome = program::run(&mut command);
        assert!(!outcome.commands.is_empty() && !outcome.commands.iter().any(|line| line.contains("Planted")), "{:?}", outcome.commands);
        assert!(!outcome.text().contains("Planted"), "{}", outcome.text());
        outcome
    };
    let archive = run(&["backup", "single", &name, "--backup-dir", &dir]).ok().archive().display().to_string();
    run(&["restore", "single", &archive, "--target", &target, "--create", "--prove"]).ok();
    assert_ne!(run(&["restore", "single", &archive, "--target", &target]).code, 0);
    run(&["config", "show", "--origin"]).ok();
    assert!(run(&["status"]).ok().stdout.contains("17."));
    assert_eq!(lookalikes(&home.backups()).iter().filter(|name| name.ends_with(".zst")).count(), 1);
    // Neither in the archive, nor beside it, nor in any file of the user's home.
    let mut files = vec![home.path().to_owned()];
    let unpacked = home.path().join("unpacked");
    program::run(&mut program::dbbackup(home.path(), &["archive", "extract", &archive, "--to", &unpacked.display().to_string()])).ok();
    let mut looked_at = 0;
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).expect("a folder").flatten().map(|entry| entry.path()));
        } else {
            looked_at += 1;
            assert!(!holds(&path, b"Planted5ecret"), "the password is in {}", path.display());
        }
    }
    assert!(looked_at > 6, "only {looked_at} files");
}

fn holds(path: &Path, needle: &[u8]) -> bool {
    std::fs::read(path).expect("a file").windows(needle.len()).any(|window| window == needle)
}
