//! Recovery to a moment: the newest backup before it, and the log from there to the border.

use super::logged::{archive, end, logs, on, source, target};
use crate::support::mysql::{Kind, Mysql};
use crate::support::program::{Outcome, dbbackup, names, run, start};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A database with its backup and the archive of the log since.
struct Story {
    kind: Kind,
    name: String,
    home: TempDir,
}

impl Story {
    fn new(kind: Kind, stem: &str, sql: &str) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let name = source(kind).database(stem);
        let story = Self { kind, name, home };
        std::fs::create_dir(story.dir("binlog")).expect("a folder");
        std::fs::create_dir(story.dir("backups")).expect("a folder");
        story.sql(sql);
        story
    }

    fn dir(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    #[track_caller]
    fn sql(&self, sql: &str) -> String {
        source(self.kind).sql(&self.name, sql)
    }

    #[track_caller]
    fn back_up(&self) {
        let dir = self.dir("backups").display().to_string();
        run(&mut on(source(self.kind), self.home.path(), &["backup", "single", &self.name, "--backup-dir", &dir])).ok();
    }

    #[track_caller]
    fn archive(&self) {
        archive(source(self.kind), self.home.path(), &self.dir("binlog"));
    }

    fn command(&self, words: &[&str]) -> std::process::Command {
        let mut command = on(target(self.kind), self.home.path(), &["restore", "pitr", "--database", &self.name]);
        command.arg("--binlog-dir").arg(self.dir("binlog")).args(words);
        if !words.contains(&"--from") {
            command.arg("--backup-dir").arg(self.dir("backups"));
        }
        command
    }

    /// Recovers it as another database; says what is in it.
    #[track_caller]
    fn recover(&self, copy: &str, words: &[&str]) -> Outcome {
        run(&mut self.command(&[&["--target", copy], words].concat()))
    }
}

/// A copy's name, and what is asked of it.
#[track_caller]
fn asked(kind: Kind, copy: &str, sql: &str) -> String {
    target(kind).sql(copy, sql)
}

/// The words of a line that begins so.
#[track_caller]
fn told(outcome: &Outcome, line: &str) -> String {
    let text = outcome.text();
    let found = text.lines().rev().find_map(|one| one.trim().strip_prefix(line));
    found.unwrap_or_else(|| panic!("no {line}\n{text}")).trim().to_owned()
}

#[test]
fn the_last_commit_before_the_moment_is_what_is_there_and_is_named() {
    for kind in Kind::ALL {
        let story = Story::new(kind, "moment", "create table t (id int auto_increment primary key, at datetime(6))");
        story.back_up();
        // One after the other, so that each begins after the one before was committed; over the end of a second, which is all that MariaDB's log says.
        let many = "insert into t (at) values (now(6));".repeat(250);
        let border = loop {
            story.sql(&format!("set time_zone = '+00:00'; {many}"));
            let seconds = story.sql("select date_format(at, '%Y-%m-%d %H:%i:%s'), count(*) from t group by 1 order by 1");
            let seconds: Vec<(&str, u32)> =
                seconds.lines().map(|line| line.split_once('\t').map(|(at, n)| (at, n.parse().expect("a number"))).expect("two")).collect();
            if let Some(two) = seconds.windows(2).find(|two| two[0].1 >= 20 && two[1].1 >= 20) {
                break two[1].0.to_owned();
            }
        };
        let all: u32 = story.sql("select count(*) from t").parse().expect("a number");
        let moment = match kind {
            Kind::Mariadb => border,
            Kind::Mysql => story.sql("select at from t where id = 120"),
        };
        let before: u32 = story.sql(&format!("select count(*) from t where at < '{moment}'")).parse().expect("a number");
        assert!(before > 15 && before < all, "{before} of {all}");
        story.sql("drop table t");
        story.archive();

        let count = |copy: &str| asked(kind, copy, "select concat(count(*), ' ', max(id)) from t");
        let wanted = |count: u32| format!("{count} {count}");
        let zone = [("+00", &moment)].map(|(zone, at)| format!("{at}{zone}"));
        let copy = format!("{}_time", story.name);
        let done = story.recover(&copy, &["--target-time", &zone[0]]).ok();
        assert_eq!(count(&copy), wanted(before), "{kind:?} {moment}\n{}", done.text());
        let last = told(&done, "Last replayed:");
        let (gtid, rest) = last.split_once(", ").expect("a GTID");
        let place = rest.split_once(',').map(|(places, _)| places.split_once(" to ").expect("two places")).expect("a place");
        let file = place.0.split_once(':').expect("a file").0;
        assert!(told(&done, "First not replayed:").contains("committed"), "{}", done.text());

        for (number, (words, wanted)) in [
            (vec!["--target-gtid", gtid], wanted(before)),
            (vec!["--target-gtid", gtid, "--target-exclusive"], wanted(before - 1)),
            (vec!["--target-position", &format!("{file}:{}", place.1)], wanted(before)),
            // In the midst of the last one.
            (vec!["--target-position", &format!("{file}:{}", place.1.parse::<u64>().expect("a number") - 1)], wanted(before - 1)),
        ]
        .into_iter()
        .enumerate()
        {
            let copy = format!("{}_{number}", story.name);
            let done = story.recover(&copy, &words).ok();
            assert_eq!(count(&copy), wanted, "{kind:?} {words:?}\n{}", done.text());
        }
        let copy = format!("{}_all", story.name);
        story.recover(&copy, &[]).ok();
        assert_eq!(asked(kind, &copy, "show tables"), "", "the table was dropped at last");

        story.recover("never_made", &["--target-time", &moment]).fails(64, "USAGE");
        let late = story.recover("never_made", &["--target-time", "2200-01-01 00:00:00Z"]);
        assert!(late.text().contains("nothing that was written after") && late.code != 0, "{}", late.text());
        let early = story.recover("never_made", &["--target-time", "2001-01-01 00:00:00Z"]).fails(66, "FILE_MISSING");
        assert!(early.text().contains("the oldest one is of"), "{}", early.text());
        assert_eq!(target(kind).sql("", "show databases like 'never_made'"), "");
    }
}

#[test]
fn what_stands_in_the_way_is_said_before_anything_is_touched() {
    for kind in Kind::ALL {
        let story = Story::new(kind, "refused", "create table t (id int primary key); insert into t values (1)");
        let other = source(kind).database("beside");
        source(kind).sql(&other, "create table u (id int primary key); insert into u values (1)");
        story.back_up();
        let from = end(source(kind));
        story.sql("insert into t values (2); flush binary logs");
        story.sql("insert into t values (3); flush binary logs");
        story.sql("insert into t values (4)");
        // In our database by USE, and about another one: neither replayed nor in the way.
        story.sql(&format!("create table {other}.v (id int primary key); drop table {other}.v; insert into {other}.u values (9)"));
        let before = end(source(kind));
        story.sql(&format!("set binlog_format = STATEMENT; insert into t select id + 10 from {other}.u"));
        let across = end(source(kind));
        story.sql(&format!("drop database {}; create database {}", story.name, story.name));
        story.archive();
        let count = |copy: &str| asked(kind, copy, "select group_concat(id order by id) from t");

        let copy = format!("{}_copy", story.name);
        story.recover(&copy, &["--target-position", &before]).ok();
        assert_eq!(count(&copy), "1,2,3,4");
        assert_eq!(target(kind).sql("", &format!("show databases like '{other}'")), "");
        let refused = story.recover("never_made", &["--target-position", &across]).fails(64, "USAGE");
        assert!(refused.text().contains("spans databases") && refused.text().contains(&other), "{}", refused.text());

        // Without a backup, onto what is there: the rest of the log once more.
        let again = format!("{}_again", story.name);
        target(kind)
            .sql("", &format!("create database {again}; create table {again}.t (id int primary key); insert into {again}.t values (1)"));
        let words = ["--from", &from, "--target-position", &before];
        story.recover(&again, &words).fails(64, "NOT_CONFIRMED");
        assert_eq!(count(&again), "1");
        story.recover(&again, &[&words[..], &["--confirm", &story.name]].concat()).ok();
        assert_eq!(count(&again), "1,2,3,4");

        // What is there already, and a name of the database in the log itself.
        let taken = story.recover(&copy, &["--target-position", &before]);
        assert!(taken.code != 0 && taken.text().contains("--clean"), "{}", taken.text());
        assert_eq!(count(&copy), "1,2,3,4");

        // A file that is missing in between, one that is damaged, and the first one.
        let dir = story.dir("binlog");
        let all = logs(source(kind));
        let place = |log: &String| dir.join(format!("{log}.zst"));
        let middle = &all[all.len() - 2];
        let kept = std::fs::read(place(middle)).expect("a file");
        let mut damaged = zstd::decode_all(&kept[..]).expect("a log");
        let at = damaged.len() - 30;
        damaged[at] ^= 1;
        std::fs::write(place(middle), zstd::encode_all(&damaged[..], 1).expect("bytes")).expect("written");
        story.recover("never_made", &["--target-position", &before]).fails(65, "CORRUPTED_BACKUP");
        std::fs::remove_file(place(middle)).expect("removed");
        let gap = story.recover("never_made", &["--target-position", &before]);
        assert!(gap.code != 0 && gap.text().contains(&format!("missing {middle}")), "{}", gap.text());
        std::fs::write(place(middle), &kept).expect("written");
        let first = from.split_once(':').expect("a place").0.to_owned();
        let aside = std::fs::read(place(&first)).expect("a file");
        std::fs::remove_file(place(&first)).expect("removed");
        let gone = story.recover("never_made", &["--target-position", &before]).fails(66, "FILE_MISSING");
        assert!(gone.text().contains(&format!("does not hold {first}")), "{}", gone.text());
        std::fs::write(place(&first), aside).expect("written");
        assert_eq!(target(kind).sql("", "show databases like 'never_made'"), "");
        let dry = story.recover("never_made", &["--target-position", &before, "--dry-run"]).ok();
        assert!(dry.text().contains("Last replayed:") && dry.text().contains("whole from"), "{}", dry.text());
        assert_eq!(target(kind).sql("", "show databases like 'never_made'"), "");

        // Events that would run by themselves.
        story.sql("create table t (id int primary key); create event e on schedule every 1 second do insert into t values (null)");
        story.back_up();
        story.sql("insert into t values (5)");
        story.archive();
        target(kind).sql("", "set global event_scheduler = ON");
        let busy = story.recover("never_made", &[]);
        target(kind).sql("", "set global event_scheduler = OFF");
        assert!(busy.code != 0 && busy.text().contains("SET GLOBAL event_scheduler = OFF"), "{}", busy.text());
    }
}

#[test]
fn a_recovery_that_is_killed_is_begun_anew_by_the_same_command() {
    for kind in Kind::ALL {
        let story = Story::new(kind, "killed", "create table t (id int auto_increment primary key, v varchar(100))");
        story.back_up();
        for _ in 0..6 {
            story.sql(&"insert into t (v) values (repeat('x', 100));".repeat(500));
        }
        story.archive();
        let copy = format!("{}_copy", story.name);
        let words = ["--target", &copy];
        let mut running = start(&mut story.command(&words));
        let count = || {
            let out = target(kind).client(&copy).args(["-e", "select count(*) from t"]).output().expect("the stock client");
            String::from_utf8_lossy(&out.stdout).trim().parse::<u32>().unwrap_or(0)
        };
        assert!(running.until(|| count() > 20), "{}", running.finish().text());
        running.signal(Signal::KILL);
        assert_eq!(running.finish().code, -9);
        assert!(count() < 3000, "it was killed half way");
        let refused = run(&mut story.command(&words));
        assert!(refused.code != 0 && refused.text().contains("--clean"), "{}", refused.text());
        run(&mut story.command(&[&words[..], &["--clean", "--confirm", &copy]].concat())).ok();
        assert_eq!(asked(kind, &copy, "select concat(count(*), ' ', max(id)) from t"), "3000 3000");
    }
}

/// What all tables hold, and what else there is.
fn state(server: &Mysql) -> BTreeMap<String, String> {
    let tables = "select concat('`', table_schema, '`.`', replace(table_name, '`', '``'), '`') from information_schema.tables \
                  where table_schema in ('z', 'z2') and table_type <> 'VIEW'";
    let mut all: BTreeMap<String, String> =
        server.sql("", tables).lines().map(|table| (table.to_owned(), server.sql("", &format!("checksum table {table}")))).collect();
    for (name, sql) in [
        ("rows", "select * from z.t order by id"),
        (
            "routines",
            "select routine_name, routine_definition, definer, sql_mode from information_schema.routines where routine_schema = 'z' order by 1",
        ),
        (
            "triggers",
            "select trigger_name, action_statement, definer from information_schema.triggers where trigger_schema = 'z' order by 1",
        ),
        ("events", "select event_name, status from information_schema.events where event_schema = 'z'"),
        ("views", "select table_name, view_definition from information_schema.views where table_schema = 'z'"),
        ("users", "select user, host, authentication_string from mysql.user where user = 'zoe'"),
        ("databases", "select schema_name from information_schema.schemata where schema_name like 'z%' order by 1"),
    ] {
        all.insert(name.to_owned(), server.sql("", sql));
    }
    all
}

#[test]
fn everything_that_a_server_logs_is_replayed_to_the_same_state() {
    for kind in Kind::ALL {
        // Servers of their own: all of them is recovered.
        let (from, to) = (Mysql::start_with(kind, super::logged::extra(kind)), Mysql::start_with(kind, &["--server-id=2"]));
        let home = tempfile::tempdir().expect("a folder");
        let (dir, backups) = (home.path().join("binlog"), home.path().join("backups"));
        std::fs::create_dir(&dir).expect("a folder");
        std::fs::create_dir(&backups).expect("a folder");
        from.sql("", "create database base; create table base.t (id int primary key)");
        let folder = backups.display().to_string();
        run(&mut on(&from, home.path(), &["backup", "cluster", "--backup-dir", &folder])).ok();
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/mysql");
        from.script("", &data.join("log_both.sql"));
        from.script("", &data.join(format!("log_{}.sql", kind.word())));
        let file = from.root.join("tmp/rows");
        std::fs::write(&file, "1,abc\n2,ünï\n3,x\n").expect("a file");
        let load = format!("load data infile '{}'", file.display());
        from.sql(
            "z",
            &format!(
                "set binlog_format = STATEMENT; create table ld (id int primary key, a varchar(20)); \
                 {load} into table ld fields terminated by ',' (id, @x) set a = upper(@x); {load} replace into table ld fields terminated by ','"
            ),
        );
        archive(&from, home.path(), &dir);
        let words = ["restore", "pitr", "--backup-dir", &folder, "--binlog-dir", &dir.display().to_string()].map(str::to_owned);
        let name = to.local("root").confirm_name();
        let words: Vec<&str> = words.iter().map(String::as_str).chain(["--confirm", &name]).collect();
        let done = run(&mut on(&to, home.path(), &words)).ok();
        assert!(told(&done, "First not replayed:").contains("the archive ends"), "{}", done.text());
        let (left, right) = (state(&from), state(&to));
        assert!(left.len() > 15 && !left["users"].is_empty() && left["rows"].lines().count() > 25, "{left:?}");
        for (what, value) in &left {
            assert_eq!(Some(value), right.get(what), "{kind:?}: {what}");
        }
        assert_eq!(left.len(), right.len());

        // Onto what has databases that the log makes.
        let again = run(&mut on(&to, home.path(), &[&words[..], &["--clean"]].concat()));
        assert!(
            again.code != 0 && again.text().contains("the log makes databases that are there already") && again.text().contains("z, z2"),
            "{}",
            again.text()
        );
        let list = run(&mut dbbackup(home.path(), &["binlog", "list", "--binlog-dir", &dir.display().to_string()])).ok();
        assert_eq!(list.stdout.lines().count(), names(&dir).len(), "{}", list.stdout);
    }
}

#[test]
fn events_that_are_disabled_are_no_hindrance_and_prepared_transactions_are_told() {
    for kind in Kind::ALL {
        let server = target(kind);
        let before = server.sql("", "select @@global.event_scheduler");
        server.sql("", "set global event_scheduler = on");
        let event = "create table t (id int primary key); create event e on schedule every 1 day disable do insert into t values (9)";
        let story = Story::new(kind, "asleep", event);
        story.back_up();
        story.sql("insert into t values (1); xa start 'g1', 'b'; insert into t values (2); xa end 'g1', 'b'; xa prepare 'g1', 'b'");
        story.archive();
        let copy = format!("{}_copy", story.name);
        let done = story.recover(&copy, &[]);
        let left = server.sql("", "xa recover");
        if !left.is_empty() {
            server.sql("", "xa rollback X'6731', X'62', 1");
        }
        story.sql("xa rollback 'g1', 'b'");
        server.sql("", &format!("set global event_scheduler = {before}"));
        let done = done.ok();
        assert_eq!(asked(kind, &copy, "select group_concat(id) from t"), "1", "{kind:?}\n{}", done.text());
        assert!(!left.is_empty() && done.text().contains("XA ROLLBACK X'6731',X'62',1;"), "{kind:?} {left}\n{}", done.text());
    }
}
