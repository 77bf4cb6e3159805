//! A whole server into one archive and back, globals and database properties with it.

use super::{Home, fingerprints};
use crate::support::postgres::{Postgres, VERSIONS};
use crate::support::{compare, program, zoo};
use std::process::Command;

/// What pg_dumpall says of roles and tablespaces, sorted.
pub fn globals(server: &Postgres) -> String {
    let out = Command::new(server.bin.join("pg_dumpall"))
        .arg("-h")
        .arg(&server.socket)
        .args(["-p", &server.port.to_string(), "-U", "postgres", "--globals-only"])
        .output()
        .expect("pg_dumpall");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let mut lines: Vec<_> = text.lines().filter(|line| !line.contains("restrict ") && !line.starts_with("--")).collect();
    lines.sort_unstable();
    lines.join("\n")
}

#[test]
fn a_cluster_moves_to_another_server() {
    for major in VERSIONS {
        let from = Postgres::start(major, "");
        let to = Postgres::start(major, "");
        from.sql("postgres", "create table in_postgres (a integer); insert into in_postgres values (7)");
        let plain = "create database plain template template0";
        from.sql("postgres", plain);
        from.sql(
            "plain",
            "create table t (id serial primary key, v text); insert into t (v) select md5(i::text) from generate_series(1, 5000) i",
        );
        from.sql("postgres", &format!("create database {} template template0", zoo::NAME));
        from.script(zoo::NAME, &zoo::data("zoo_roles.sql"));
        from.script(zoo::NAME, &zoo::data("zoo.sql"));
        from.sql(
            "postgres",
            "create database \"odd \"\"db\"\" %/\" template template0 owner zoo_owner lc_collate 'C' lc_ctype 'C' connection limit 9",
        );
        from.sql("odd \"db\" %/", "create table t (a text); insert into t values ('x')");
        let home = Home::new();
        let dir = home.backups().display().to_string();
        let archive = home.on(&from, &["backup", "cluster", "--backup-dir", &dir, "--jobs", "2"]).ok().archive();
        let path = archive.display().to_string();
        assert!(archive.file_name().is_some_and(|name| name.to_string_lossy().starts_with("cluster_")), "{path}");

        // A database alone has the same content as in the cluster's archive, and comes out of it alone.
        let single = home.backup(&from, zoo::NAME, &[]);
        assert_eq!(fingerprints(&single, zoo::NAME), fingerprints(&archive, zoo::NAME));
        home.on(&from, &["restore", "single", &path, "--database", "plain", "--target", "plain_copy", "--create", "--prove"]).ok();
        compare::same_database((&from, "plain"), (&from, "plain_copy"));
        from.sql("postgres", "drop database plain_copy");

        home.on(&to, &["restore", "cluster", &path]).fails(64, "NOT_CONFIRMED");
        assert!(!super::exists(&to, "plain"));
        let address = format!("local:{}", to.port);
        home.on(&to, &["restore", "cluster", &path, "--confirm", &address, "--prove"]).ok();
        compare::same_text("a global", &globals(&from), &globals(&to));
        for database in ["postgres", "plain", zoo::NAME, "odd \"db\" %/"] {
            compare::same_database((&from, database), (&to, database));
            compare::same_text("a property", &compare::properties(&from, database), &compare::properties(&to, database));
        }
    }
}

#[test]
fn a_database_that_fails_does_not_spoil_the_others() {
    let server = Postgres::start(15, "");
    for name in ["good_one", "good_two", "bad"] {
        server.sql("postgres", &format!("create database {name} template template0"));
        server.sql(name, "create table t (a integer primary key); insert into t select generate_series(1, 1000)");
    }
    // A role that may read everything but one table.
    server.sql("postgres", "create role e2e_reader login; grant pg_read_all_data to e2e_reader");
    server.sql("bad", "alter table t enable row level security; create policy p on t using (a < 10)");
    let home = Home::new();
    let dir = home.backups().display().to_string();
    let mut command = program::on(&server, home.path(), &["backup", "cluster", "--backup-dir", &dir, "--exclude", "postgres"]);
    let outcome = program::run(command.args(["--user", "e2e_reader"]));
    assert_ne!(outcome.code, 70, "{}", outcome.text());
    assert!(outcome.text().contains("bad") && outcome.text().contains("public.t"), "{}", outcome.text());
    let archives: Vec<_> = super::lookalikes(&home.backups()).into_iter().filter(|name| name.ends_with(".tar.zst")).collect();
    assert_eq!(archives.len(), 1, "{}", outcome.text());
    let archive = home.backups().join(&archives[0]);
    assert_eq!(fingerprints(&archive, "good_one").len(), 1);
    assert_eq!(fingerprints(&archive, "good_two").len(), 1);
    let manifest: serde_json::Value = serde_json::from_slice(&super::entry(&archive, "manifest.json")).expect("JSON");
    assert_eq!(manifest["status"], "partial");
}
