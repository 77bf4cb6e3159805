//! A cluster of thirty databases that meets every kind of bad luck in one restore: what is said, what stays, what is left to do.

use super::Home;
use crate::support::compare;
use crate::support::postgres::{Extensions, Postgres};
use crate::support::program::{self, Outcome};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

const MARK: &str = "flip this byte";

/// Databases that come whole.
const FINE: usize = 25;

/// What goes wrong with the others, in the order of their names.
const TROUBLED: [&str; 5] = ["app_broken", "app_gis", "app_locked", "app_maps", "app_owned"];

/// The server with all of them.
fn source() -> Postgres {
    let from = Postgres::start(15, "");
    from.sql("postgres", "create role gone");
    let small = "create table t (id serial primary key, v text); insert into t (v) select md5(i::text) from generate_series(1, 50) i; \
                 create index on t (v); create view w as select count(*) as n from t";
    from.sql("postgres", "create database app_template template template0");
    from.sql("app_template", small);
    for (name, sql) in [
        ("app_broken", format!("create table bad (v text); insert into bad values ('{MARK}'); create index on bad (v)")),
        (
            "app_gis",
            "create extension hstore; create table roads (id integer primary key, tags hstore); insert into roads values (1, 'a=>1'); \
             create index roads_tags on roads using gin (tags)"
                .to_owned(),
        ),
        ("app_locked", "create table asked (v text); insert into asked values ('new')".to_owned()),
        ("app_maps", "create extension hstore; create table sheets (tags hstore); insert into sheets values ('b=>2')".to_owned()),
        ("app_owned", "create table mine (id integer); insert into mine values (1), (2); alter table mine owner to gone".to_owned()),
    ] {
        from.sql("postgres", &format!("create database {name} template app_template"));
        from.sql(name, &sql);
    }
    // One session makes them all: of a script each statement is its own transaction.
    let fine: String = (1..=FINE).map(|nth| format!("create database app_fine_{nth:02} template app_template;\n")).collect();
    let script = from.socket.join("fine.sql");
    std::fs::write(&script, fine + "drop database app_template;\n").expect("a file");
    from.script("postgres", &script);
    from
}

/// A session of somebody else that holds a lock until it is ended.
struct Holder {
    session: Child,
    /// Its process on the server.
    pid: u32,
}

impl Holder {
    /// Runs SQL in a transaction that stays open.
    fn start(server: &Postgres, sql: &str) -> Self {
        let mut session = server.psql("postgres").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("psql");
        writeln!(session.stdin.as_mut().expect("a pipe"), "begin; {sql}; select pg_backend_pid();").expect("a statement");
        let mut line = String::new();
        BufReader::new(session.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("an answer");
        Self { session, pid: line.trim_end().parse().expect("a process id") }
    }

    /// Waits for the end of its client.
    fn ended(mut self) {
        drop(self.session.stdin.take());
        self.session.wait().expect("psql");
    }
}

/// What tells whether something was made anew, by database: its own number, and each relation with its file.
fn identities(server: &Postgres) -> BTreeMap<String, BTreeSet<String>> {
    let sql = "select oid::text from pg_database where datname = current_database() union all \
               select relname || ' ' || coalesce(pg_relation_filenode(oid), oid) from pg_class where relnamespace = 'public'::regnamespace";
    let names = server.sql("postgres", "select datname from pg_database where datname like 'app_%'");
    names.lines().map(|name| (name.to_owned(), server.sql(name, sql).lines().map(str::to_owned).collect())).collect()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON")
}

/// The only file of a kind in a folder.
#[track_caller]
fn only(dir: &Path, start: &str) -> PathBuf {
    let names: Vec<_> = program::names(dir).into_iter().filter(|name| name.starts_with(start)).collect();
    assert_eq!(names.len(), 1, "{start}: {names:?}");
    dir.join(&names[0])
}

/// The last line of `--json`.
fn last(outcome: &Outcome) -> Value {
    serde_json::from_str(outcome.stdout.trim_end().lines().last().expect("a line")).expect("JSON")
}

fn words<'a>(value: &'a Value, key: &str) -> Vec<&'a str> {
    value.as_array().expect("a list").iter().filter_map(|one| if key.is_empty() { one.as_str() } else { one[key].as_str() }).collect()
}

#[test]
fn bad_luck_of_every_kind_in_one_cluster() {
    let from = source();
    let home = Home::new();
    let dir = home.backups();
    let dir_name = dir.display().to_string();
    let args = ["backup", "cluster", "--backup-dir", &dir_name, "--include", "app_*", "--compression", "none", "--jobs", "3"];
    let archive = home.on(&from, &args).ok().archive();
    let whole = std::fs::read(&archive).expect("the archive");
    let mut bytes = whole.clone();
    let at = bytes.windows(MARK.len()).position(|window| window == MARK.as_bytes()).expect("the row");
    bytes[at] ^= 1;
    std::fs::write(&archive, bytes).expect("the archive");

    let to = Postgres::start_with(15, "", Extensions::None);
    to.sql("postgres", "create database app_locked template template0");
    to.sql("app_locked", "create table old ()");
    let holder = Holder::start(&to, "comment on database app_locked is 'somebody is at it'");
    let path = archive.display().to_string();
    let address = format!("local:{}", to.port);
    let restore = |more: &[&str]| {
        let base = ["restore", "cluster", &path, "--confirm", &address, "--clean", "--force", "--rehearse", "off", "--jobs", "4"];
        let rest = ["--continue-on-error", "--prove", "--map-role", "gone=nobody_there", "--lock-timeout", "2", "--retries", "0"];
        home.on(&to, &[&base[..], &rest, more].concat())
    };
    let resume = |command: &str, more: &[&str]| {
        let words = shell_words::split(command).expect("a command of a shell");
        assert_eq!(words[0], "dbbackup", "{command}");
        let mut run = program::dbbackup(home.path(), &words[1..].iter().map(String::as_str).collect::<Vec<_>>());
        program::run(run.args(["--batch", "--json"]).args(more).env("PATH", format!("{}:/usr/bin:/bin", to.bin.display())))
    };

    // 25 of 30 are enough where 80 percent are, and are told as what they are.
    let outcome = restore(&["--json"]).ok();
    let said = last(&outcome);
    assert_eq!((said["status"].as_str(), said["exit"].as_u64()), (Some("partial"), Some(0)), "{said:#}");
    assert_eq!(words(&said["failed"], ""), TROUBLED, "{said:#}");
    let causes = said["causes"].as_array().expect("a list");
    let told: Vec<(&str, &str, Vec<&str>, u64, u64)> = causes
        .iter()
        .map(|cause| {
            let count = |key: &str| cause[key].as_u64().expect("a number");
            let text = |key: &str| cause[key].as_str().expect("a text");
            (
                text("code"),
                text("what").split(" pid ").next().expect("a first part"),
                words(&cause["databases"], ""),
                count("failed"),
                count("skipped"),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("MISSING_EXTENSION", "extension hstore is missing", vec!["app_gis", "app_maps"], 2, 8),
            ("CORRUPTED_BACKUP", "the archive is damaged", vec!["app_broken"], 1, 1),
            ("MISSING_ROLE", "role nobody_there is missing", vec!["app_owned"], 1, 1),
            ("LOCK_TIMEOUT", "a lock was not granted: the database app_locked is locked by", vec!["app_locked"], 1, 0),
        ],
        "{said:#}"
    );
    let steps = |at: usize| causes[at]["steps"].to_string();
    for (at, cure) in [
        (0, "apt-get install postgresql-15 postgresql-contrib".to_owned()),
        (1, "another copy of the archive".to_owned()),
        (2, "createuser --no-login nobody_there".to_owned()),
        (3, format!("SELECT pg_terminate_backend({})", holder.pid)),
    ] {
        assert!(steps(at).contains(&cure), "{cure}: {}", steps(at));
    }

    // The list of failures and the manifest say the same.
    let list = json(&only(&dir, "cluster-restore-failures-"));
    assert_eq!((list["total"].as_u64(), list["succeeded"].as_array().map(Vec::len)), (Some(30), Some(FINE)));
    assert_eq!(words(&list["failed"], "database"), TROUBLED);
    assert_eq!(list["causes"], said["causes"]);
    let manifest_path = only(&dir, "restore-manifest-");
    let manifest = json(&manifest_path);
    assert_eq!(said["manifest"].as_str(), manifest_path.to_str());
    assert_eq!((manifest["total"].as_u64(), manifest["succeeded"].as_array().map(Vec::len)), (Some(30), Some(FINE)));
    let mut failed = words(&manifest["failed"], "database");
    failed.sort_unstable();
    assert_eq!(failed, TROUBLED);
    assert_eq!((words(&manifest["skipped"], "").len(), manifest["continue_from"].as_str()), (0, Some("app_broken")));
    assert_eq!(to.sql("app_locked", "select to_regclass('old') is not null"), "t", "what could not be dropped is as it was");

    // Gone on with while nothing is mended, and with all of them wanted: the same again, and nothing of what is there is touched.
    let everything = identities(&to);
    let then = said["then"].as_str().expect("a command").to_owned();
    assert!(then.contains("--resume-from-manifest") && then.contains("--clean --confirm"), "{then}");
    let again = resume(&then, &["--require-all", "--lock-timeout", "2", "--retries", "0", "--force"]);
    let code = again.code;
    let again = last(&again);
    assert_eq!((code, again["status"].as_str(), words(&again["failed"], "")), (1, Some("partial"), TROUBLED.to_vec()), "{again:#}");
    assert_eq!(again["causes"].as_array().map(Vec::len), Some(4), "{again:#}");
    assert_eq!(identities(&to), everything);

    // Each trouble mended as it is said.
    std::fs::write(&archive, &whole).expect("another copy of the archive");
    to.install_extensions();
    to.sql("postgres", "create role nobody_there");
    to.sql("postgres", &format!("select pg_terminate_backend({})", holder.pid));
    holder.ended();
    let then = again["then"].as_str().expect("a command");
    let outcome = resume(then, &["--require-all", "--retries", "0"]).ok();
    let said = last(&outcome);
    assert_eq!((said["status"].as_str(), said["manifest"].as_str(), said["then"].as_str()), (Some("success"), None, None), "{said:#}");
    assert!(program::names(&dir).iter().all(|name| !name.starts_with("restore-manifest-")), "the manifest is left");

    // What was there is still the same, file by file; what was missing is there, and nothing else.
    let now = identities(&to);
    for (name, before) in &everything {
        if name == "app_locked" {
            assert_ne!(before, &now[name], "the old one is gone");
        } else {
            let lost: Vec<_> = before.difference(&now[name]).collect();
            assert!(lost.is_empty(), "{name}: made anew: {lost:?}");
        }
    }
    assert_eq!(now.len(), everything.len());
    for name in now.keys() {
        let rows = "select md5(string_agg(t::text, '|' order by id)) from t";
        assert_eq!(from.sql(name, rows), to.sql(name, rows), "{name}");
    }
    for name in TROUBLED.into_iter().chain(["app_fine_01"]) {
        // A role under another name stands in the definitions.
        let definitions = compare::schema(&from, name).replace("gone", "nobody_there");
        compare::same_text("a definition", &definitions, &compare::schema(&to, name));
        compare::same_rows(&compare::rows(&from, name), &compare::rows(&to, name));
        compare::same_text("a sequence", &compare::sequences(&from, name), &compare::sequences(&to, name));
        assert_eq!(to.sql(name, "select count(*) from pg_namespace where nspname = '_dbbackup'"), "0", "{name}: the ledger is left");
    }
}
