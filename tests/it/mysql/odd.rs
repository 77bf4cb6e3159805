//! What is seldom thought of: tables that are kept in memory, accounts that see only a part.

use crate::support::mysql::{Kind, Mysql, server};
use crate::support::program::{Outcome, dbbackup, run};
use std::path::Path;
use tempfile::TempDir;

fn on(server: &Mysql, user: &str, home: &Path, args: &[&str]) -> Outcome {
    let flags = server.flags().into_iter().map(|word| if word == "root" { user.to_owned() } else { word });
    run(dbbackup(home, args).args(flags))
}

fn folder() -> (TempDir, String) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().display().to_string();
    (dir, path)
}

#[test]
fn a_table_in_memory_fits_and_takes_no_more_than_it_needs() {
    for kind in Kind::ALL {
        let server = server(kind);
        server.sql(
            "",
            "drop database if exists in_memory; create database in_memory; use in_memory; create table small (id int primary key) engine=MEMORY; \
             insert into small values (1), (2); set max_heap_table_size = 134217728; \
             create table large (id int primary key, t char(250)) engine=MEMORY default charset latin1; \
             insert into large with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000) \
               select a.i * 1000 + b.i, 'x' from n a join n b where a.i <= 90",
        );
        let (home, dir) = folder();
        let archive = on(server, "root", home.path(), &["backup", "single", "in_memory", "--backup-dir", &dir]).ok().archive();
        let archive = archive.display().to_string();
        on(server, "root", home.path(), &["restore", "single", &archive, "--target", "in_memory_2", "--create", "--prove"]).ok();
        // A limit of gigabytes would have MariaDB take hundreds of megabytes for two rows.
        let bytes = server.sql(
            "",
            "select data_length + index_length from information_schema.tables where table_schema = 'in_memory_2' and table_name = 'small'",
        );
        assert!(bytes.trim().parse::<u64>().expect("a number") < 16 << 20, "{kind:?}: {bytes}");
        server.sql("", "drop database in_memory_2; drop database in_memory");
    }
}

#[test]
fn an_account_that_sees_a_part_is_told_so() {
    for kind in Kind::ALL {
        let server = server(kind);
        server.sql(
            "",
            "drop database if exists in_part; create database in_part; use in_part; create table seen (id int primary key); create table hidden (id int); \
             insert into seen values (7); create view v as select * from seen; drop user if exists part@localhost, viewer@localhost; \
             create user part@localhost; grant select on in_part.seen to part@localhost; create user viewer@localhost; grant select on *.* to viewer@localhost",
        );
        let (home, dir) = folder();
        let backup = on(server, "part", home.path(), &["backup", "single", "in_part", "--backup-dir", &dir]).ok();
        assert!(backup.text().contains("tables and views that it does not see are not in the backup"), "{kind:?} {}", backup.text());
        let dry = on(server, "viewer", home.path(), &["backup", "single", "in_part", "--backup-dir", &dir, "--dry-run"]);
        let grant = "GRANT SHOW VIEW, TRIGGER, EVENT ON `in_part`.* TO 'viewer'@'localhost';";
        assert!(dry.code == 77 && dry.text().contains(grant), "{kind:?} {} {}", dry.code, dry.text());
        server.sql("", "drop database in_part; drop user part@localhost, viewer@localhost");
    }
}

#[test]
fn tables_of_all_engines_are_loaded_by_one_session() {
    for kind in Kind::ALL {
        let server = server(kind);
        // Debian's MariaDB has no ARCHIVE without a plugin.
        let archive = if kind == Kind::Mysql { "create table d (id int) engine=ARCHIVE; insert into d values (1);" } else { "" };
        server.sql(
            "",
            &format!(
                "drop database if exists mixed; create database mixed; use mixed; create table a (id int primary key); insert into a values (1); \
                 create table b (id int not null) engine=CSV; insert into b values (1); create table c (id int) engine=MyISAM; insert into c values (1); \
                 create table e (id int) engine=MEMORY; insert into e values (1); {archive}"
            ),
        );
        let (home, dir) = folder();
        let archive = on(server, "root", home.path(), &["backup", "single", "mixed", "--backup-dir", &dir]).ok().archive();
        let archive = archive.display().to_string();
        on(server, "root", home.path(), &["restore", "single", &archive, "--target", "mixed_2", "--create", "--prove", "--jobs", "1"]).ok();
        server.sql("", "drop database mixed; drop database mixed_2");
    }
}

#[test]
fn a_server_that_knows_small_letters_only_takes_a_name_with_capitals() {
    let server = Mysql::start_with(Kind::Mariadb, &["--lower-case-table-names=1"]);
    server.sql(
        "",
        "create database small; use small; create table p (id int primary key); create table c (p int, foreign key (p) references p (id)); \
         create view v as select small.p.id from small.p",
    );
    let (home, dir) = folder();
    let archive = on(&server, "root", home.path(), &["backup", "single", "small", "--backup-dir", &dir]).ok().archive();
    let archive = archive.display().to_string();
    on(&server, "root", home.path(), &["restore", "single", &archive, "--target", "Large", "--create", "--prove"]).ok();
}
