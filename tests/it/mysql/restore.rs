//! A restore into MySQL or MariaDB that ends at any of its transitions, however it ends, is gone on with and ends equal to its source.

use crate::support::mysql::{Kind, Mysql as TestServer, server};
use dbbackup::domain::Fault;
use dbbackup::domain::job::Summary;
use dbbackup::domain::plan::Confirmed;
use dbbackup::domain::spec::{Care, Effort, JobSpec, RestoreScope, RestoreSpec, Selection};
use dbbackup::engine::event::{Event, EventSink};
use dbbackup::engine::restore::transition::Transition;
use dbbackup::engine::{self, Context};
use dbbackup::server::mysql::Mysql;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use tokio_util::sync::CancellationToken;

/// What the process that is to be killed needs to know, in its environment.
const ROLE: &str = "DBBACKUP_TEST_KILLED_MYSQL_RESTORE";

/// One of each kind of work, and rows in several chunks.
const SOURCE: &str = "\
create table parent (id int auto_increment primary key, v varchar(200), key by_v (v)); \
insert into parent (v) with recursive n(i) as (select 1 union all select i + 1 from n where i < 900) select repeat(sha2(i, 256), 3) from n; \
create table child (id int primary key, parent int, n bigint, constraint of_parent foreign key (parent) references parent (id)); \
insert into child select id, id, -id from parent; \
create table empty_one (id int primary key); \
create table plain (id int auto_increment primary key, v varchar(20)) engine=MyISAM auto_increment=77; insert into plain values (1, 'a'), (5, 'b'); \
create table quick (id int primary key) engine=MEMORY; insert into quick values (1), (2); \
create view total as select count(*) as n from parent; \
create function twice(x int) returns int deterministic return x * 2; \
create trigger untouched before insert on child for each row set new.n = new.n + 1; \
create event never on schedule every 1 day disable do select 1";

/// Which transition, and how often it has been passed by then.
type Point = (Transition, usize);

/// Does something at one point, and counts them all.
struct At<F: Fn() + Send + Sync> {
    point: Option<Point>,
    act: F,
    passed: Mutex<BTreeMap<Transition, usize>>,
}

impl<F: Fn() + Send + Sync> At<F> {
    fn new(point: Option<Point>, act: F) -> Arc<Self> {
        Arc::new(Self { point, act, passed: Mutex::default() })
    }
}

impl<F: Fn() + Send + Sync> EventSink for At<F> {
    fn post(&self, _event: Event) {}

    fn passing(&self, transition: Transition) {
        let count = {
            let mut passed = self.passed.lock().expect("counts");
            let count = passed.entry(transition).or_insert(0);
            *count += 1;
            *count
        };
        if self.point == Some((transition, count)) {
            (self.act)();
        }
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime").block_on(future)
}

fn spec(connection: dbbackup::domain::Connection, archive: &Path, target: &str, resume: Option<PathBuf>) -> RestoreSpec {
    RestoreSpec {
        connection,
        archive: archive.to_owned(),
        scope: RestoreScope::Single { database: None, target: target.into(), selection: Selection::default() },
        create: true,
        clean: false,
        no_owner: false,
        no_acl: false,
        no_tablespaces: false,
        map_roles: Vec::new(),
        effort: Effort { jobs: 2, memory: 64 << 20, chunk_size: 64 << 10 },
        prove: true,
        toast_compression: None,
        continue_on_error: false,
        binlog: Default::default(),
        care: Care { resume, ..Care::default() },
    }
}

async fn restore(spec: RestoreSpec, events: Arc<dyn EventSink>) -> Result<Summary, Fault> {
    let mysql = Mysql::new(spec.connection.clone(), None).expect("a way to the server");
    let context = Context { server: Some(Arc::new(mysql)), events, cancel: CancellationToken::new() };
    let plan = engine::plan(&JobSpec::Restore(spec), &context).await?;
    let name = plan.confirm.clone();
    engine::run(Confirmed::by_name(plan, name.as_deref()).expect("confirmed"), &context).await
}

/// A backup of a database with one of each, made by the program.
fn backup(server: &TestServer, name: &str, dir: &Path) -> PathBuf {
    server.sql(name, SOURCE);
    if server.kind == Kind::Mariadb {
        server.sql(name, "create sequence s start with 5; do nextval(s)");
    }
    let out = Command::new(env!("CARGO_BIN_EXE_dbbackup"))
        .env_clear()
        .env("HOME", dir)
        .args(["backup", "single", name, "--chunk-size", "64KiB", "--backup-dir"])
        .arg(dir)
        .args(server.flags())
        .output()
        .expect("the program");
    assert!(out.status.success(), "{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    let names = std::fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path());
    names.into_iter().find(|path| path.extension().is_some_and(|end| end == "zst")).expect("an archive")
}

/// All of a database, as the product's own program writes it.
fn dump(server: &TestServer, database: &str) -> String {
    let out = Command::new(server.stock("mysqldump"))
        .env_clear()
        .args(["--no-defaults", "-uroot", "--skip-comments", "--routines", "--events", "--hex-blob", "--order-by-primary", "-S"])
        .arg(&server.socket)
        .args(if server.kind == Kind::Mysql { vec!["--set-gtid-purged=OFF"] } else { vec![] })
        .arg(database)
        .output()
        .expect("the product's own program");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// A folder of its own for a restore, with the archive in it: the manifest comes to lie there.
fn beside(archive: &Path, dir: &Path, name: &str) -> PathBuf {
    let dir = dir.join(name);
    std::fs::create_dir(&dir).expect("a folder");
    let path = dir.join(archive.file_name().expect("a name"));
    std::fs::hard_link(archive, &path).expect("a link");
    path
}

fn manifest_of(archive: &Path) -> Option<PathBuf> {
    let names = std::fs::read_dir(archive.parent().expect("a folder")).expect("a folder").map(|entry| entry.expect("an entry").path());
    names.into_iter().find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("restore-manifest-")))
}

/// The process that kills itself: product, socket, archive, target, transition and count, with newlines between.
fn killed(role: &str) {
    let parts: Vec<&str> = role.split('\n').collect();
    let [product, socket, archive, target, transition, count] = parts[..] else { panic!("{role}") };
    let product = product.parse().expect("a product");
    let connection = dbbackup::domain::Connection { host: socket.into(), ..dbbackup::domain::Connection::to(product) };
    let transition = Transition::ALL[transition.parse::<usize>().expect("a place")];
    let die = || rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).expect("a signal");
    let events = At::new(Some((transition, count.parse().expect("a count"))), die);
    let _ = run(restore(spec(connection, Path::new(archive), target, None), events));
    panic!("it came to its end");
}

#[test]
fn a_restore_that_is_killed_anywhere_goes_on() {
    if let Ok(role) = std::env::var(ROLE) {
        return killed(&role);
    }
    for kind in Kind::ALL {
        let server = server(kind);
        let dir = tempfile::tempdir().expect("a folder");
        let source = server.database("killed");
        let archive = backup(server, &source, dir.path());
        let expected = dump(server, &source);
        let all = At::new(None, || {});
        let summary = run(restore(spec(server.local("root"), &beside(&archive, dir.path(), "whole"), "killed_whole", None), all.clone()));
        assert!(summary.expect("a restore").proof.is_some_and(|proof| proof.differences.is_empty()));
        assert_eq!(dump(server, "killed_whole"), expected, "{kind:?}");
        // The first and the last time of each.
        let passed = all.passed.lock().expect("counts").clone();
        assert!(passed.len() >= 13, "{passed:?}");
        let mut points: Vec<Point> = passed.iter().flat_map(|(one, count)| [(*one, 1), (*one, *count)]).collect();
        points.dedup();
        std::thread::scope(|scope| {
            for part in points.chunks(points.len().div_ceil(4)) {
                let (archive, expected, dir) = (&archive, &expected, dir.path());
                scope.spawn(move || part.iter().for_each(|point| at(server, archive, dir, *point, expected)));
            }
        });
    }
}

/// Kills a restore at a point and goes on with it.
fn at(server: &TestServer, archive: &Path, dir: &Path, point: Point, expected: &str) {
    let place = Transition::ALL.iter().position(|one| *one == point.0).expect("one of all");
    let target = format!("killed_{}_{}", place, point.1);
    let archive = beside(archive, dir, &target);
    let role = [
        server.kind.word().to_owned(),
        server.socket.display().to_string(),
        archive.display().to_string(),
        target.clone(),
        place.to_string(),
        point.1.to_string(),
    ];
    let child = Command::new(std::env::current_exe().expect("this program"))
        .args(["mysql::restore::a_restore_that_is_killed_anywhere_goes_on", "--exact", "--nocapture"])
        .env(ROLE, role.join("\n"))
        .output()
        .expect("a process");
    assert_eq!(child.status.signal(), Some(9), "{point:?}: {}", String::from_utf8_lossy(&child.stderr));
    let manifest = manifest_of(&archive).unwrap_or_else(|| panic!("{point:?}: no manifest"));
    let summary = run(restore(spec(server.local("root"), &archive, &target, Some(manifest)), At::new(None, || {})));
    let proof = summary.unwrap_or_else(|fault| panic!("{:?} {point:?}: {fault:?}", server.kind)).proof;
    assert!(proof.is_none_or(|proof| proof.differences.is_empty()), "{point:?}");
    assert_eq!(dump(server, &target), expected, "{:?} {point:?}", server.kind);
    assert_eq!(manifest_of(&archive), None, "{point:?}: the manifest is left");
    server.sql("", &format!("drop database {target}"));
}

#[test]
fn a_server_that_dies_meanwhile_gets_the_rest_when_it_is_back() {
    for kind in Kind::ALL {
        let own: &'static TestServer = Box::leak(Box::new(TestServer::start_with(kind, &["--innodb-flush-log-at-trx-commit=1"])));
        let dir = tempfile::tempdir().expect("a folder");
        let source = own.database("dies");
        let archive = backup(own, &source, dir.path());
        own.sql(&source, "truncate quick");
        let expected = dump(own, &source);
        // What was in memory goes with the server, here and there: the proof says so, and nothing else is missing.
        for (number, point) in [(Transition::LoadSent, 1), (Transition::ObjectsMade, 1)].into_iter().enumerate() {
            let target = format!("revived_{number}");
            let archive = beside(&archive, dir.path(), &target);
            let events = At::new(Some(point), move || own.restart_now());
            let summary = run(restore(spec(own.local("root"), &archive, &target, None), events));
            match summary {
                Ok(summary) => {
                    assert!(summary.proof.is_some_and(|proof| proof.differences.is_empty()), "{kind:?} {point:?}");
                    own.sql(&target, "truncate quick");
                }
                Err(fault) => assert_eq!(fault.causes, ["table quick: 2 rows expected, 0 rows found"], "{kind:?} {point:?}: {fault:?}"),
            }
            let found = dump(own, &target);
            let (lost, new) = (beside_each_other(&expected, &found), beside_each_other(&found, &expected));
            assert!(lost.is_empty() && new.is_empty(), "{kind:?} {point:?}: {lost:#?} became {new:#?}");
        }
    }
}

/// Lines of one text that are not in the other.
fn beside_each_other<'a>(one: &'a str, other: &str) -> Vec<&'a str> {
    let known: std::collections::HashSet<&str> = other.lines().collect();
    one.lines().filter(|line| !known.contains(line)).collect()
}

#[test]
fn an_archive_of_another_family_is_refused_before_anything_is_touched() {
    let server = server(Kind::Mariadb);
    let dir = tempfile::tempdir().expect("a folder");
    let source = server.database("family");
    let archive = backup(server, &source, dir.path());
    let postgres = crate::support::postgres::server(17);
    let out = Command::new(env!("CARGO_BIN_EXE_dbbackup"))
        .env_clear()
        .env("HOME", dir.path())
        .args(["restore", "single"])
        .arg(&archive)
        .args(["--target", "family_copy", "--create", "--batch", "--user", "postgres", "--host"])
        .arg(&postgres.socket)
        .args(["--port", &postgres.port.to_string()])
        .output()
        .expect("the program");
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert_eq!(out.status.code(), Some(69), "{said}");
    assert!(said.contains("an archive of MariaDB cannot be restored to PostgreSQL") && said.contains("--engine mariadb"), "{said}");
    assert_eq!(postgres.sql("postgres", "select count(*) from pg_database where datname = 'family_copy'"), "0");
}
