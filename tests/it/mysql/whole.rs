//! The built program from end to end: backups of MySQL and MariaDB, and what comes back of them, judged by the servers' own checksums and programs.

use crate::support::mysql::{Kind, Mysql, server};
use crate::support::mysql_zoo::{SHOP, zoo};
use crate::support::program::{self, Outcome};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Stdio};
use tempfile::TempDir;

/// Runs the program on a server, as root.
fn on(server: &Mysql, home: &Path, args: &[&str]) -> Outcome {
    program::run(program::dbbackup(home, args).args(server.flags()))
}

fn folder() -> (TempDir, String) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().display().to_string();
    (dir, path)
}

/// The checksum that the server makes of each table. MySQL's sums of tables with functional indexes and of ARCHIVE are others each time.
fn checksums(server: &Mysql, database: &str) -> BTreeMap<String, String> {
    let names = server.sql(
        "",
        &format!(
            "select concat('`', replace(table_name, '`', '``'), '`') from information_schema.tables where table_schema = '{database}' and table_type = 'BASE TABLE' and table_name <> '_dbbackup_ledger' \
             and engine <> 'ARCHIVE'"
        ),
    );
    let sum = |name: &str| {
        let said = server.sql(database, &format!("checksum table {name}"));
        said.rsplit('\t').next().expect("a sum").to_owned()
    };
    let sums = names.lines().map(|name| (name.to_owned(), sum(name)));
    sums.filter(|(name, _)| server.kind != Kind::Mysql || name != "`only_index`").collect()
}

#[test]
fn the_zoo_comes_back_but_for_the_view_that_was_broken() {
    for kind in Kind::ALL {
        let server = server(kind);
        let name = zoo(server);
        let (home, dir) = folder();
        let backup = on(server, home.path(), &["backup", "single", name, "--backup-dir", &dir]).ok();
        let archive = backup.archive().display().to_string();
        on(server, home.path(), &["verify", &archive, "--full"]).ok();
        let copy = format!("zoo_copy_{}", kind.word());
        let restore = on(server, home.path(), &["restore", "single", &archive, "--target", &copy, "--create", "--prove"]);
        let text = restore.text();
        assert!(restore.code == 0 && text.contains("VIEW broken_view"), "{kind:?} {}: {text}", restore.code);
        let (then, now) = (checksums(server, name), checksums(server, &copy));
        assert!(then.len() > 40, "{then:?}");
        let differing: Vec<_> = then.iter().filter(|(name, sum)| now.get(*name) != Some(sum)).collect();
        assert!(differing.is_empty() && now.len() == then.len(), "{kind:?}: {differing:?}");
        server.sql("", &format!("drop database {copy}"));
    }
}

#[test]
fn a_shop_is_replaced_and_proven_and_the_wrong_ways_change_nothing() {
    for kind in Kind::ALL {
        let server = server(kind);
        zoo(server);
        let (home, dir) = folder();
        let archive = on(server, home.path(), &["backup", "single", SHOP, "--backup-dir", &dir, "--jobs", "2"]).ok().archive();
        let archive = archive.display().to_string();
        let copy = format!("shop_{}", kind.word());
        let restore = |more: &[&str]| {
            let mut args = vec!["restore", "single", archive.as_str(), "--target", copy.as_str()];
            args.extend(more);
            on(server, home.path(), &args)
        };
        restore(&["--create", "--prove"]).ok();
        let (then, now) = (checksums(server, SHOP), checksums(server, &copy));
        assert_eq!(then, now, "{kind:?}");
        // It is there, and stays as it is until its name is confirmed.
        server.sql(&copy, "delete from rental limit 10; create table mine (id int primary key)");
        assert_ne!(restore(&["--create"]).code, 0);
        restore(&["--clean"]).fails(64, "NOT_CONFIRMED");
        assert_eq!(server.sql(&copy, "select count(*) from mine"), "0");
        restore(&["--clean", "--confirm", &copy, "--prove"]).ok();
        assert_eq!(checksums(server, &copy), then, "{kind:?}");
        // Only some of it, and only its definitions.
        restore(&["--clean", "--confirm", &copy, "--schema-only"]).ok();
        assert_eq!(server.sql(&copy, "select count(*) from rental"), "0");
        // Triggers that are there run for rows that come alone, as for any rows.
        let triggers = format!("select trigger_name from information_schema.triggers where trigger_schema = '{copy}'");
        for trigger in server.sql("", &triggers).lines() {
            server.sql(&copy, &format!("drop trigger {trigger}"));
        }
        restore(&["--data-only"]).ok();
        assert_eq!(checksums(server, &copy), then, "{kind:?}");
        server.sql("", &format!("drop database {copy}"));
        // A wrong password says so, and what is proven anew is gone afterwards.
        let user = server.login(server.plugins()[0], "right");
        let mut wrong =
            program::dbbackup(home.path(), &["backup", "single", SHOP, "--backup-dir", &dir, "--batch", "--engine", kind.word()]);
        wrong.args(["--host", "127.0.0.1", "--port", &server.port.to_string(), "--user", &user]).env("MYSQL_PWD", "wrong one");
        let refused = program::run(&mut wrong).fails(77, "AUTH_FAILED");
        assert!(!refused.text().contains("wrong one") && refused.commands.iter().all(|line| !line.contains("wrong one")));
        let leftovers = || server.sql("", "show databases like '\\_dbbackup\\_verify%'");
        on(server, home.path(), &["verify", &archive, "--restore-test"]).ok();
        assert_eq!(leftovers(), "");
    }
}

#[test]
fn a_server_that_takes_no_streams_and_only_small_packets_gets_everything() {
    for kind in Kind::ALL {
        let source = server(kind);
        zoo(source);
        let (home, dir) = folder();
        let archive = on(source, home.path(), &["backup", "single", SHOP, "--backup-dir", &dir]).ok().archive();
        let target = Mysql::start_with(kind, &["--local-infile=0", "--max-allowed-packet=64K"]);
        let restored =
            on(&target, home.path(), &["restore", "single", &archive.display().to_string(), "--target", "shop", "--create", "--prove"])
                .ok();
        assert!(restored.text().contains("local_infile"), "{}", restored.text());
        assert_eq!(checksums(source, SHOP), checksums(&target, "shop"), "{kind:?}");
    }
}

/// Writers that move money between databases until they are dropped.
struct Transfers(Vec<Child>);

impl Transfers {
    fn between(server: &Mysql, from: &str, to: &str) -> Self {
        let writer = |n: u32| {
            let mut child =
                server.client("").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the stock client");
            let mut pipe = child.stdin.take().expect("a pipe");
            let sql = format!(
                "begin; update {from}.account set money = money - 1 where id = {n}; update {to}.account set money = money + 1 where id = 1001 - {n}; commit;\n"
            );
            std::thread::spawn(move || {
                use std::io::Write as _;
                while pipe.write_all(sql.as_bytes()).is_ok() {}
            });
            child
        };
        Self((1..=2).map(writer).collect())
    }
}

impl Drop for Transfers {
    fn drop(&mut self) {
        for client in &mut self.0 {
            let _ = client.kill();
            let _ = client.wait();
        }
    }
}

#[test]
fn a_whole_server_is_backed_up_while_money_moves_and_none_is_lost() {
    for kind in Kind::ALL {
        let source = Mysql::start_with(kind, &[]);
        for name in ["bank_left", "bank_right"] {
            source.sql("", &format!("create database {name}"));
            let rows = "create table account (id int primary key, money int not null, filler varchar(400)) engine=innodb; insert into account \
                        with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000) select i, 1000, repeat(sha2(i, 256), 6) from n; \
                        create view poor as select id from account where money < 0";
            source.sql(name, rows);
        }
        source.sql("", "create user teller@'%' identified by 'penny'; grant select on bank_left.* to teller@'%'");
        let (home, dir) = folder();
        let writers = Transfers::between(&source, "bank_left", "bank_right");
        let executed = |server: &Mysql| server.sql("", "select sum(money) from bank_right.account").parse::<u64>().expect("a sum");
        let begun = executed(&source);
        while executed(&source) < begun + 20 {}
        let archive = on(
            &source,
            home.path(),
            &["backup", "cluster", "--backup-dir", &dir, "--jobs", "2", "--chunk-size", "64KiB", "--verify", "full"],
        )
        .ok();
        let after = executed(&source);
        while executed(&source) < after + 20 {}
        drop(writers);

        let target = Mysql::start_with(kind, &[]);
        let path = archive.archive().display().to_string();
        let unconfirmed = on(&target, home.path(), &["restore", "cluster", &path]).fails(64, "NOT_CONFIRMED");
        let confirm =
            unconfirmed.text().split("--confirm ").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("a name").to_owned();
        on(&target, home.path(), &["restore", "cluster", &path, "--confirm", &confirm, "--prove"]).ok();
        let sum = target.sql("", "select (select sum(money) from bank_left.account) + (select sum(money) from bank_right.account)");
        assert_eq!(sum, "2000000", "{kind:?}");
        let moved = executed(&target);
        assert!(moved > begun && moved < executed(&source), "{kind:?}: {moved}");
        assert!(target.sql("", "show grants for teller@'%'").contains("GRANT SELECT ON `bank"), "{kind:?}");
    }
}
