//! A backup is one moment, whoever writes meanwhile.

use super::Home;
use crate::support::postgres::{VERSIONS, server};
use crate::support::program;
use std::process::Stdio;

#[test]
fn a_backup_beside_writers_is_one_moment() {
    for major in VERSIONS {
        let server = server(major);
        let name = server.database("moving");
        server.sql(
            &name,
            "create table account (id integer primary key, balance bigint not null, filler text); \
             insert into account select i, 1000, repeat(md5(i::text), 8) from generate_series(1, 20000) i; \
             create table ledger (id bigserial primary key, account integer not null references account, amount integer not null); \
             create table stop (x integer);",
        );
        // Money moves between accounts until the table `stop` has a row; each move is one transaction over both tables.
        let moves = "do $$ declare a integer; b integer; n bigint := 0; begin loop \
             a := 1 + n * 7919 % 20000; b := 1 + (n * 104729 + 1) % 20000; \
             update account set balance = balance - 5 where id = a; insert into ledger (account, amount) values (a, -5); \
             update account set balance = balance + 5 where id = b; insert into ledger (account, amount) values (b, 5); \
             n := n + 1; commit; exit when exists (select from stop) or n > 2000000; end loop; end $$";
        let mut writer = server.psql(&name).args(["-c", moves]).stdin(Stdio::null()).spawn().expect("psql");
        let count = || server.sql(&name, "select count(*) from ledger").parse::<u64>().expect("a number");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while count() < 100 {
            assert!(std::time::Instant::now() < deadline, "the writer does not write");
        }
        let before = count();
        let home = Home::new();
        let archive = home.backup(server, &name, &["--jobs", "4", "--chunk-size", "256KiB"]).display().to_string();
        let after = count();
        server.sql(&name, "insert into stop values (1)");
        assert!(writer.wait().expect("psql").success());
        assert!(after > before, "nothing was written during the backup");
        let target = format!("{name}_copy");
        home.on(server, &["restore", "single", &archive, "--target", &target, "--create", "--prove"]).ok();
        let kept: u64 = server.sql(&target, "select count(*) from ledger").parse().expect("a number");
        assert!(kept >= before && kept <= after, "{before} <= {kept} <= {after}");
        assert_eq!(server.sql(&target, "select sum(balance), count(*) from account"), "20000000|20000");
        assert_eq!(server.sql(&target, "select sum(amount), count(*) % 2 from ledger"), "0|0");
        let wrong = "select count(*) from account a left join (select account, sum(amount) s from ledger group by 1) l on l.account = a.id where balance <> 1000 + coalesce(s, 0)";
        assert_eq!(server.sql(&target, wrong), "0");
        // The restored sequence is past what is there, so that the application can go on.
        assert_eq!(
            server.sql(&target, "insert into ledger (account, amount) values (1, 0) returning id > (select max(id) from ledger)"),
            "t"
        );
    }
}

#[test]
fn a_dry_run_changes_nothing() {
    let server = server(15);
    let name = server.database("dry");
    server.sql(&name, "create table t (a integer); insert into t values (1)");
    let home = Home::new();
    program::run(&mut home.backup_command(server, &name, &["--dry-run"])).ok();
    assert_eq!(program::names(&home.backups()), Vec::<String>::new());
    let archive = home.backup(server, &name, &[]).display().to_string();
    let target = format!("{name}_copy");
    home.on(server, &["restore", "single", &archive, "--target", &target, "--create", "--dry-run"]).ok();
    assert!(!super::exists(server, &target));
}

#[test]
fn several_databases_make_several_archives() {
    let server = server(17);
    let names = [server.database("one of two"), server.database("two of two")];
    for name in &names {
        server.sql(name, "create table t (a text); insert into t values (current_database())");
    }
    let home = Home::new();
    let dir = home.backups().display().to_string();
    home.on(server, &["backup", "single", &names[0], &names[1], "--backup-dir", &dir]).ok();
    let archives: Vec<_> = super::lookalikes(&home.backups()).into_iter().filter(|name| name.ends_with(".tar.zst")).collect();
    assert_eq!(archives.len(), 2, "{archives:?}");
    for archive in archives {
        use std::os::unix::fs::PermissionsExt;
        let path = home.backups().join(archive);
        let mode = std::fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }
}
