//! What the plan of a restore into MySQL or MariaDB knows of its target before anything is touched, and what a lock's fault says to do.

use super::logged::on;
use crate::support::mysql::{Kind, Mysql, server};
use crate::support::program::{Outcome, dbbackup, run, start};
use std::path::{Path, PathBuf};

const SOURCE: &str = "create table t (id int primary key, v int); insert into t values (1, 1), (2, 2); \
     create table seen (id int); create trigger `as it comes` before insert on t for each row insert into seen values (new.id); \
     create definer = gone@nowhere view v as select 1 as one";

/// A backup of such a database.
fn backup(server: &Mysql, home: &Path) -> PathBuf {
    let name = server.database("before");
    server.sql(&name, SOURCE);
    run(&mut on(server, home, &["backup", "single", &name, "--backup-dir", &home.display().to_string()])).ok().archive()
}

#[track_caller]
fn restore(server: &Mysql, home: &Path, words: &[&str]) -> Outcome {
    run(&mut on(server, home, words))
}

#[test]
fn rows_into_a_table_name_the_triggers_that_fire_for_them() {
    for kind in Kind::ALL {
        let (server, home) = (server(kind), tempfile::tempdir().expect("a folder"));
        let archive = backup(server, home.path()).display().to_string();
        let target = server.database("fires");
        restore(server, home.path(), &["restore", "single", &archive, "--target", &target, "--schema-only"]).ok();
        let plan = restore(server, home.path(), &["restore", "single", &archive, "--target", &target, "--data-only", "--dry-run"]).ok();
        assert!(plan.text().contains("as it comes of t"), "{kind:?}\n{}", plan.text());
        assert!(plan.text().contains(&format!("DROP TRIGGER `{target}`.`as it comes`;")), "{kind:?}\n{}", plan.text());
        // A table that is made gets its triggers after its rows.
        let whole = restore(server, home.path(), &["restore", "single", &archive, "--target", "other", "--create", "--dry-run"]);
        assert!(!whole.text().contains("these fire"), "{kind:?}\n{}", whole.text());
    }
}

#[test]
fn a_table_that_is_there_is_told_before_a_ledger_is_made() {
    for kind in Kind::ALL {
        let (server, home) = (server(kind), tempfile::tempdir().expect("a folder"));
        let archive = backup(server, home.path()).display().to_string();
        let target = server.database("taken");
        server.sql(&target, "create table t (mine int)");
        let refused = restore(server, home.path(), &["restore", "table", &archive, "t", "--target", &target]).fails(1, "DUPLICATE_OBJECT");
        assert!(refused.text().contains("--as t_restored"), "{kind:?}\n{}", refused.text());
        assert_eq!(server.sql(&target, "show tables"), "t");
        restore(server, home.path(), &["restore", "table", &archive, "t", "--target", &target, "--as", "t_restored"]).ok();
        assert_eq!(server.sql(&target, "select count(*) from t_restored"), "2");
    }
}

#[test]
fn what_our_user_may_not_make_is_told_before_the_target_is_dropped() {
    for kind in Kind::ALL {
        let server = Mysql::start_with(kind, &["--log-bin-trust-function-creators=0"]);
        let home = tempfile::tempdir().expect("a folder");
        let archive = backup(&server, home.path()).display().to_string();
        server.sql(
            "",
            "create user low@localhost; grant all on kept.* to low@localhost; create database kept; create table kept.mine (a int)",
        );
        let as_low = |more: &[&str]| {
            let words = ["restore", "single", &archive, "--target", "kept", "--clean", "--confirm", "kept"];
            let flags = server.flags().into_iter().map(|word| if word == "root" { "low".to_owned() } else { word });
            run(dbbackup(home.path(), &[&words[..], more].concat()).args(flags))
        };
        let refused = as_low(&[]).fails(77, "PERMISSION_DENIED");
        let right = if kind == Kind::Mariadb { "GRANT SET USER ON" } else { "GRANT SET_ANY_DEFINER, ALLOW_NONEXISTENT_DEFINER ON" };
        for words in ["in the name of gone@nowhere", right, "SET GLOBAL log_bin_trust_function_creators = ON;"] {
            assert!(refused.text().contains(words), "{kind:?} {words}\n{}", refused.text());
        }
        assert_eq!(server.sql("kept", "show tables"), "mine", "{kind:?}: nothing is dropped for what cannot work");
        server.sql("", "set global log_bin_trust_function_creators = 1");
        as_low(&["--no-owner"]).ok();
        assert_eq!(server.sql("kept", "select count(*) from t"), "2");
    }
}

#[test]
fn a_lock_that_is_not_granted_is_cured_in_the_servers_own_words() {
    for kind in Kind::ALL {
        let (server, home) = (server(kind), tempfile::tempdir().expect("a folder"));
        let archive = backup(server, home.path()).display().to_string();
        let target = server.database("held");
        restore(server, home.path(), &["restore", "single", &archive, "--target", &target, "--schema-only"]).ok();
        let mut holder = server.client(&target);
        let mut holder = start(holder.args(["-e", "lock tables t write; select sleep(30)"]));
        let held = "select count(*) from information_schema.processlist where info = 'select sleep(30)'";
        assert!(holder.until(|| server.sql("", held) != "0"), "the lock is held");
        let words = ["restore", "table", &archive, "t", "--target", &target, "--data-only", "--lock-timeout", "4", "--retries", "0"];
        let late = restore(server, home.path(), &words).fails(75, "LOCK_TIMEOUT");
        holder.signal(rustix::process::Signal::KILL);
        let text = late.text();
        assert!(!text.contains("pg_"), "{kind:?}\n{text}");
        let cure = if kind == Kind::Mysql { "KILL " } else { "SHOW FULL PROCESSLIST;" };
        assert!(text.contains(cure), "{kind:?} {cure}\n{text}");
    }
}

#[test]
fn long_rows_pass_below_a_small_packet() {
    for kind in Kind::ALL {
        let server = Mysql::start_with(kind, &["--max-allowed-packet=1M"]);
        let home = tempfile::tempdir().expect("a folder");
        let name = server.database("long");
        server.sql(&name, "create table t (id int, a longtext, b longtext)");
        for id in 1..=3 {
            server.sql(&name, &format!("insert into t values ({id}, repeat('a', 900000), repeat('b', 900000))"));
        }
        let archive =
            run(&mut on(&server, home.path(), &["backup", "single", &name, "--backup-dir", &home.path().display().to_string()])).ok();
        let archive = archive.archive().display().to_string();
        restore(&server, home.path(), &["restore", "single", &archive, "--target", "again", "--create", "--prove"]).ok();
    }
}
