//! A cluster restore onto a server that lacks things: what fails, why, what stays, and when that is a success.

use super::{Home, exists};
use crate::support::postgres::{Extensions, Postgres};
use crate::support::program;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const MARK: &str = "flip this byte";

/// Ten databases, five of which cannot come back whole on a bare server.
fn source() -> Postgres {
    let from = Postgres::start(15, "");
    let folder = from.socket.join("space");
    std::fs::create_dir(&folder).expect("a folder");
    let owned = std::process::Command::new("chown").arg("--reference").arg(&from.data).arg(&folder).status().expect("chown");
    assert!(owned.success());
    from.sql("postgres", "create role gone");
    from.sql("postgres", &format!("create tablespace fast location '{}'", folder.display()));
    for (name, sql) in [
        (
            "app_gis",
            "create extension hstore; create table roads (id integer primary key, tags hstore); insert into roads values (1, 'a=>1'); \
             create index roads_tags on roads using gin (tags); create table towns (tags hstore); create table plain (id integer primary key); \
             insert into plain select generate_series(1, 100)",
        ),
        ("app_maps", "create extension hstore; create table sheets (tags hstore); create view latest as select * from sheets"),
        (
            "app_owned",
            "create table mine (id integer); alter table mine owner to gone; create table yours (id integer); \
             alter table yours owner to gone; create index yours_id on yours (id); create table ours (id integer)",
        ),
        ("app_broken", &format!("create table bad (v text); insert into bad values ('{MARK}'); create table good (v text)")),
        ("app_tabled", "create table slow (id integer); create table quick (id integer) tablespace fast"),
    ] {
        from.sql("postgres", &format!("create database {name} template template0"));
        from.sql(name, sql);
    }
    for nth in 1..=5 {
        from.sql("postgres", &format!("create database app_ok{nth} template template0"));
        from.sql(&format!("app_ok{nth}"), "create table t (id integer primary key); insert into t select generate_series(1, 50)");
    }
    from
}

/// An archive of them in which a byte of one row is another.
fn damaged(home: &Home, from: &Postgres) -> PathBuf {
    let dir = home.backups().display().to_string();
    let args = ["backup", "cluster", "--backup-dir", &dir, "--include", "app_*", "--compression", "none"];
    let archive = home.on(from, &args).ok().archive();
    let mut bytes = std::fs::read(&archive).expect("the archive");
    let at = bytes.windows(MARK.len()).position(|window| window == MARK.as_bytes()).expect("the row");
    bytes[at] ^= 1;
    std::fs::write(&archive, bytes).expect("the archive");
    archive
}

fn failure_lists(dir: &Path) -> Vec<String> {
    program::names(dir).into_iter().filter(|name| name.starts_with("cluster-restore-failures-")).collect()
}

fn databases(server: &Postgres, like: &str) -> Vec<String> {
    let names = server.sql("postgres", &format!("select datname from pg_database where datname like '{like}' order by 1"));
    names.lines().map(str::to_owned).collect()
}

#[test]
fn what_is_missing_is_told_by_its_causes_and_judged_by_what_was_asked() {
    let from = source();
    let home = Home::new();
    let archive = damaged(&home, &from);
    let path = archive.display().to_string();
    let to = Postgres::start_with(15, "", Extensions::None);
    let address = format!("local:{}", to.port);
    let base = ["restore", "cluster", &path, "--confirm", &address, "--force", "--rehearse", "off", "--map-role", "gone=nobody_there"];
    let with = |more: &[&str]| home.on(&to, &[&base[..], more].concat());

    // Half of ten is less than 80 percent.
    let outcome = with(&["--continue-on-error"]).fails(1, "PART");
    let text = outcome.text();
    for says in [
        "partial: 5 of 10 databases restored, 5 failed",
        "1 role or tablespace failed",
        "4 causes",
        "extension hstore is missing → 3 tables",
        "in app_gis, app_maps",
        "apt-get install postgresql-15 postgresql-contrib",
        "role nobody_there is missing → 2 tables, 1 index",
        "createuser --no-login nobody_there",
        "the archive is damaged → rows of 1 table not restored",
        "tablespace fast cannot be made: directory",
        "Then go on where it stopped; what is complete is not done again: dbbackup",
    ] {
        assert!(text.contains(says), "{says}\n{text}");
    }
    assert_eq!(to.sql("app_gis", "select count(*) from plain"), "100");
    assert_eq!(to.sql("app_owned", "select to_regclass('ours') is not null, to_regclass('mine') is null"), "t|t");
    assert_eq!(to.sql("app_broken", "select to_regclass('good') is not null, (select count(*) from bad)"), "t|0");
    assert_eq!(to.sql("app_tabled", "select to_regclass('slow') is not null, to_regclass('quick') is null"), "t|t");
    assert_eq!(to.sql("app_ok5", "select count(*) from t"), "50");

    // The list is for its owner only, and complete.
    let lists = failure_lists(&home.backups());
    assert_eq!(lists.len(), 1, "{lists:?}");
    let list = home.backups().join(&lists[0]);
    assert_eq!(std::fs::metadata(&list).expect("a file").permissions().mode() & 0o777, 0o600);
    assert!(text.contains(&lists[0]), "{text}");
    let list: serde_json::Value = serde_json::from_slice(&std::fs::read(&list).expect("a file")).expect("JSON");
    assert_eq!((list["operation"].as_str(), list["total"].as_u64()), (Some("restore-cluster"), Some(10)));
    assert_eq!(list["succeeded"].as_array().map(Vec::len), Some(5));
    let failed = list["failed"].as_array().expect("a list");
    let names: Vec<&str> = failed.iter().filter_map(|one| one["database"].as_str()).collect();
    assert_eq!(names, ["app_broken", "app_gis", "app_maps", "app_owned", "app_tabled"]);
    let gis = &failed[1];
    assert!(
        gis["cure"].as_array().is_some_and(|cure| !cure.is_empty()) && gis["cause"].as_str().is_some_and(|cause| cause.contains("hstore"))
    );
    assert_eq!(gis["failed_objects"][0]["object"], "EXTENSION hstore");
    let skipped: Vec<&str> = gis["skipped_objects"].as_array().expect("a list").iter().filter_map(|one| one["object"].as_str()).collect();
    for object in ["TABLE roads", "TABLE towns", "INDEX roads_tags"] {
        assert_eq!(skipped.iter().filter(|one| **one == object).count(), 1, "{object}: {skipped:?}");
    }
    let count = |what: &str| gis["objects"][what].as_u64().expect("a number");
    assert_eq!((count("failed"), count("skipped")), (1, skipped.len() as u64));
    assert!(count("done") > 0);

    // The same is enough where half is, and what failed goes out of the way under another name.
    let outcome = with(&["--continue-on-error", "--clean", "--on-failure", "rename", "--success-threshold", "50", "--json"]).ok();
    let last: serde_json::Value = serde_json::from_str(outcome.stdout.trim_end().lines().last().expect("a line")).expect("JSON");
    assert_eq!((last["status"].as_str(), last["exit"].as_u64()), (Some("partial"), Some(0)), "{last}");
    assert_eq!(last["causes"].as_array().map(Vec::len), Some(4), "{last}");
    assert_eq!(last["failed"].as_array().map(Vec::len), Some(5), "{last}");
    assert!(last["objects"]["skipped"].as_u64() > Some(0) && last["failure_list"].is_string(), "{last}");
    let renamed = databases(&to, "app_%_failed_%");
    assert_eq!(renamed.len(), 5, "{renamed:?}");
    assert!(!exists(&to, "app_gis") && exists(&to, "app_ok1"));
    assert_eq!(to.sql(&renamed[1], "select count(*) from plain"), "100");

    // Four of five are enough without a word, and are never a plain success; a database that stops at its first failure is dropped.
    let five = ["--include", "app_ok[1-4]", "--include", "app_gis", "--clean", "--no-tablespaces", "--on-failure", "drop"];
    let outcome = with(&five).ok();
    assert!(
        outcome.stdout.contains("[PART]") && outcome.stdout.contains("partial: 4 of 5 databases restored, 1 failed"),
        "{}",
        outcome.text()
    );
    assert!(outcome.text().contains("extension hstore is missing → 1 database not restored"), "{}", outcome.text());
    assert!(!exists(&to, "app_gis") && exists(&to, "app_ok4"));

    // Unless all of them are wanted; then a tablespace that cannot be made ends it before any database is touched, too.
    with(&[&five[..], &["--require-all"]].concat()).fails(1, "partial: 4 of 5 databases restored");
    to.sql("app_ok1", "create table kept (id integer)");
    let outcome = with(&["--clean", "--require-all"]);
    assert!(outcome.code != 0 && outcome.text().contains("TABLESPACE fast"), "{}", outcome.text());
    assert_eq!(to.sql("app_ok1", "select to_regclass('kept') is not null"), "t");
}

#[test]
fn a_database_that_was_there_before_is_neither_dropped_nor_renamed() {
    let from = Postgres::start(15, "");
    from.sql("postgres", "create database app template template0");
    from.sql("app", "create extension hstore; create table t (h hstore); create table plain (id integer)");
    let home = Home::new();
    let archive = home.backup(&from, "app", &[]).display().to_string();
    let to = Postgres::start_with(15, "", Extensions::None);
    to.sql("postgres", "create database found template template0");
    for fate in ["drop", "rename"] {
        let args =
            ["restore", "single", &archive, "--target", "found", "--force", "--rehearse", "off", "--continue-on-error", "--on-failure"];
        let outcome =
            home.on(&to, &[&args[..], &[fate]].concat()).fails(1, "extension hstore is missing → 1 table, 1 comment not restored");
        assert!(outcome.stdout.contains("partial: 1 object failed, 2 more were skipped"), "{}", outcome.text());
        assert_eq!(databases(&to, "found%"), ["found"]);
        // What would let it go on goes too: the database is empty again.
        to.sql("found", "drop table plain; drop schema _dbbackup cascade");
    }
    // One that the run makes is another matter.
    let args = ["restore", "single", &archive, "--target", "new", "--create", "--force", "--rehearse", "off", "--on-failure", "rename"];
    home.on(&to, &args).fails(1, "MISSING_EXTENSION");
    let names = databases(&to, "new%");
    assert!(names.len() == 1 && names[0].starts_with("new_failed_"), "{names:?}");
}
