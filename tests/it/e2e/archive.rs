//! An archive outlives the program: tar, sha256sum and psql are enough. And the program shows what is in it.

use super::{Home, entry, tar_flag};
use crate::support::postgres::{Postgres, VERSIONS, server};
use crate::support::{compare, program, zoo};
use std::process::Command;

fn text(command: &mut Command) -> String {
    let out = command.output().expect("a program");
    assert!(out.status.success(), "{command:?}: {}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// The script in a README, to the letter.
fn script(readme: &str) -> &str {
    let rest = readme.split_once("---- script ----\n").unwrap_or_else(|| panic!("no script in\n{readme}")).1;
    rest.split_once("---- end of script ----").unwrap_or_else(|| panic!("no end in\n{readme}")).0
}

#[test]
fn the_readme_restores_the_zoo_by_hand() {
    for major in VERSIONS {
        let from = server(major);
        zoo::zoo(from);
        let archive = zoo::archive(from);
        let readme = String::from_utf8(entry(archive, "README.txt")).expect("UTF-8");
        let script = script(&readme);
        assert!(script.contains("tar ") && script.contains("psql ") && !script.contains("dbbackup "), "{script}");
        let to = Postgres::start(major, "");
        to.script("postgres", &zoo::data("zoo_roles.sql"));
        by_hand(archive, script, &to);
        compare::same_database((from, zoo::NAME), (&to, zoo::NAME));
        compare::same_text("a property", &compare::properties(from, zoo::NAME), &compare::properties(&to, zoo::NAME));
    }
}

/// Follows the script in a README with a server's own programs; gives what it says on the way.
#[track_caller]
fn by_hand(archive: &std::path::Path, script: &str, to: &Postgres) -> String {
    let home = Home::new();
    std::fs::copy(archive, home.path().join(archive.file_name().expect("a name"))).expect("a copy");
    let mut sh = Command::new("sh");
    sh.args(["-c", script]);
    program::clean(&mut sh, home.path());
    sh.env("PATH", format!("{}:/usr/bin:/bin", to.bin.display()))
        .env("PGHOST", &to.socket)
        .env("PGPORT", to.port.to_string())
        .env("PGUSER", "postgres");
    let out = sh.output().expect("sh");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{script}\n--- {said}");
    said
}

#[test]
fn the_readme_restores_a_cluster_of_many_encodings_by_hand() {
    for major in VERSIONS {
        let from = Postgres::start(major, "");
        from.sql("postgres", "create role \"cooks; 'all'\" nologin; create role bo login password 'x' in role \"cooks; 'all'\"");
        from.sql("postgres", "alter role bo set work_mem = '7MB'; create table in_postgres as select 1 as a");
        for encoding in ["LATIN1", "UTF8", "SQL_ASCII", "EUC_JP"] {
            let name = format!("db \"{encoding}\" it's");
            let quoted = name.replace('"', "\"\"");
            from.sql(
                "postgres",
                &format!("create database \"{quoted}\" template template0 encoding '{encoding}' lc_collate 'C' lc_ctype 'C' owner bo"),
            );
            let (word, own) = match encoding {
                "LATIN1" => ("Größe", "cooks; 'all'"),
                "EUC_JP" => ("日本", "bo"),
                "SQL_ASCII" => ("plain", "bo"),
                _ => ("Größe 日本 €", "cooks; 'all'"),
            };
            from.sql(
                &name,
                &format!(
                    "create schema \"s {word}\"; create table \"s {word}\".\"t {word}\" (\"id {word}\" serial primary key, v text default '{word}'); \
                     insert into \"s {word}\".\"t {word}\" (v) select '{word} \\ ' || i from generate_series(1, 3000) i; \
                     alter table \"s {word}\".\"t {word}\" owner to \"{own}\"; comment on schema \"s {word}\" is '{word}'; \
                     create index \"i {word}\" on \"s {word}\".\"t {word}\" (v); \
                     select lo_from_bytea(4711, convert_to('{word}', '{encoding}'))",
                    encoding = if encoding == "SQL_ASCII" { "UTF8" } else { encoding }
                ),
            );
        }
        // Bytes that are no text in any encoding.
        from.sql("db \"SQL_ASCII\" it's", "create table bytes as select convert_from('\\xff80fe'::bytea, 'SQL_ASCII') as v");
        let home = Home::new();
        let dir = home.backups().display().to_string();
        let archive = home.on(&from, &["backup", "cluster", "--backup-dir", &dir, "--chunk-size", "64KiB"]).ok().archive();
        let readme = String::from_utf8(entry(&archive, "README.txt")).expect("UTF-8");
        let to = Postgres::start(major, "");
        by_hand(&archive, script(&readme), &to);
        compare::same_text("a global", &super::cluster::globals(&from), &super::cluster::globals(&to));
        for name in ["postgres", "db \"LATIN1\" it's", "db \"UTF8\" it's", "db \"SQL_ASCII\" it's", "db \"EUC_JP\" it's"] {
            compare::same_database((&from, name), (&to, name));
            let literal = name.replace('\'', "''");
            compare::same_text("a property", &compare::properties(&from, &literal), &compare::properties(&to, &literal));
        }
    }
}

#[test]
fn stock_programs_read_every_codec() {
    let server = server(15);
    let source = server.database("stock");
    server.sql(
        &source,
        "create table t (id integer primary key, v text); insert into t select i, md5(i::text) from generate_series(1, 50000) i",
    );
    let expected = text(server.psql(&source).args(["-c", "copy (select * from t order by id) to stdout"]));
    let home = Home::new();
    for codec in ["zstd:3", "gzip:6", "lz4", "xz:1", "none"] {
        let archive = home.backup(server, &source, &["--compression", codec, "--chunk-size", "128KiB", "--jobs", "3"]);
        let out = home.path().join(format!("out {codec}"));
        std::fs::create_dir(&out).expect("a folder");
        text(Command::new("tar").arg(tar_flag(&archive)).arg("-xf").arg(&archive).arg("-C").arg(&out));
        let rows = out.join(format!("databases/{source}/data/public.t"));
        let mut lines: Vec<String> = Vec::new();
        for chunk in program::names(&rows) {
            assert!(chunk.ends_with(".copy"), "{chunk}");
            lines.extend(std::fs::read_to_string(rows.join(chunk)).expect("a chunk").lines().map(str::to_owned));
        }
        lines.sort_by_key(|line| line.split('\t').next().and_then(|id| id.parse::<u32>().ok()));
        assert_eq!(lines.join("\n"), expected.trim_end(), "{codec}");
        let name = archive.file_name().expect("a name").to_string_lossy().into_owned();
        let checked = text(Command::new("sha256sum").args(["-c", &format!("{name}.sha256")]).current_dir(home.backups()));
        assert!(checked.contains("OK"), "{checked}");
        let test = match codec.split(':').next() {
            Some("zstd") => Some("zstd"),
            Some("gzip") => Some("gzip"),
            Some("lz4") => Some("lz4"),
            Some("xz") => Some("xz"),
            _ => None,
        };
        if let Some(program) = test {
            text(Command::new(program).args(["-t", "-q"]).arg(&archive));
        }
    }
}

#[test]
fn show_list_cat_and_extract_agree_with_tar() {
    let server = server(17);
    zoo::zoo(server);
    let archive = zoo::archive(server).display().to_string();
    let home = Home::new();
    let run = |args: &[&str]| program::run(&mut program::dbbackup(home.path(), args)).ok();
    let list = run(&["archive", "list", &archive]);
    assert!(list.stdout.contains("shapes.many") && list.stdout.contains("part.measure_2020_eu"), "{}", list.stdout);
    assert!(!list.stdout.contains('\u{1b}') && !list.stdout.contains('\u{202e}'), "a name steers the terminal");
    let show = run(&["archive", "show", &archive]);
    assert!(show.stdout.contains("zoo") && show.stdout.contains(&format!("{}.", server.major)), "{}", show.stdout);
    let json = run(&["archive", "list", &archive, "--json"]);
    serde_json::from_str::<serde_json::Value>(json.stdout.trim()).expect("JSON");
    let manifest = run(&["archive", "cat", &archive, "manifest.json"]);
    assert_eq!(manifest.stdout.as_bytes(), entry(zoo::archive(server), "manifest.json"));
    let cat = run(&["archive", "cat", &archive, "shapes.many"]);
    let mut found: Vec<Vec<u8>> = cat.stdout.as_bytes().split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    found.sort();
    assert_eq!(found, compare::rows(server, zoo::NAME)["shapes.many"]);
    let (ours, theirs) = (home.path().join("ours"), home.path().join("theirs"));
    std::fs::create_dir(&theirs).expect("a folder");
    run(&["archive", "extract", &archive, "--to", &ours.display().to_string()]);
    text(Command::new("tar").arg("--zstd").arg("-xf").arg(&archive).arg("-C").arg(&theirs));
    text(Command::new("diff").arg("-r").arg(&ours).arg(&theirs));
    // Names that would climb out of the folder have stayed inside.
    assert!(!home.path().join("etc").exists());
    program::run(&mut program::dbbackup(home.path(), &["archive", "cat", &archive, "shapes.mny"])).fails(66, "shapes.many");
}

#[test]
fn damage_is_found_and_placed() {
    let server = server(15);
    let source = super::slow_database(server, "damaged");
    let home = Home::new();
    let archive = home.backup(server, &source, &["--compression", "zstd:1", "--chunk-size", "1MiB"]);
    let bytes = std::fs::read(&archive).expect("the archive");
    let path = archive.display().to_string();
    let verify = |how: &str| program::run(&mut program::dbbackup(home.path(), &["verify", &path, how, "--batch"]));
    verify("--quick").ok();
    verify("--full").ok();
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 0x10;
    std::fs::write(&archive, &flipped).expect("written");
    let outcome = verify("--full").fails(65, "CORRUPTED_BACKUP");
    assert!(outcome.text().contains("public.big"), "the entry is not named: {}", outcome.text());
    let target = format!("{source}_copy");
    home.on(server, &["restore", "single", &path, "--target", &target, "--create"]).fails(65, "CORRUPTED_BACKUP");
    std::fs::write(&archive, &bytes[..bytes.len() * 2 / 3]).expect("written");
    assert_eq!(verify("--quick").code, 65);
    assert_eq!(verify("--full").code, 65);
    std::fs::write(&archive, b"this is not an archive at all, but long enough to be one, one might think").expect("written");
    assert_eq!(verify("--full").code, 65);
    std::fs::remove_file(&archive).expect("removed");
    verify("--full").fails(66, "FILE_MISSING");
}
