//! Dumps of mysqldump, mariadb-dump and mydumper: recognised by what is in them, looked through before anything is touched, and restored by sessions
//! of ours; compared by the product's own program.

use crate::support::mysql::{Kind, Mysql, server};
use crate::support::{mysql_zoo, postgres};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// What a call of the program gave.
struct Outcome {
    code: i32,
    text: String,
}

/// A home of its own for the program.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn call(&self, words: &[&str], flags: &[String]) -> Outcome {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dbbackup"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let out =
            command.env_clear().env("HOME", self.0.path()).env("PATH", path).current_dir(self.0.path()).args(words).args(flags).output();
        let out = out.expect("the program");
        let text = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        Outcome { code: out.status.code().unwrap_or(-1), text }
    }

    fn on(&self, server: &Mysql, words: &[&str]) -> Outcome {
        self.call(words, &server.flags())
    }

    /// Restores a dump into a new database.
    #[track_caller]
    fn restored(&self, server: &Mysql, file: &Path, target: &str, more: &[&str]) -> Outcome {
        let file = file.display().to_string();
        let words = [&["restore", "single", &file, "--target", target, "--create"][..], more].concat();
        let outcome = self.on(server, &words);
        assert_eq!(outcome.code, 0, "{}", outcome.text);
        outcome
    }
}

/// A dump by the product's own program.
fn dump(server: &Mysql, args: &[&str], to: &Path) -> PathBuf {
    let mut command = Command::new(server.stock("mysqldump"));
    command.env_clear().args(["--no-defaults", "-uroot", "--routines", "--events", "--triggers", "-S"]).arg(&server.socket).args(args);
    let out = command.output().expect("the stock program");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success() || args.contains(&"--force"), "{said}");
    std::fs::write(to, &out.stdout).expect("a file");
    to.to_owned()
}

/// What is in a database, as the product's own program writes it; names of databases, states of events and whatever is between are left out.
fn content(server: &Mysql, database: &str) -> String {
    let dir = tempfile::tempdir().expect("a folder");
    let gtids: &[&str] = if server.kind == Kind::Mysql { &["--set-gtid-purged=OFF"] } else { &[] };
    let file = dump(server, &[&["--skip-dump-date", "--skip-comments", "--force"], gtids, &[database]].concat(), &dir.path().join("x"));
    let text = String::from_utf8_lossy(&std::fs::read(file).expect("a file")).into_owned();
    text.replace(&format!("`{database}`"), "`it`").replace(" ENABLE DO ", " DISABLE DO ")
}

/// One of each, in few rows.
fn small(server: &Mysql) -> String {
    let name = server.database("foreign_small");
    server.sql("", &format!("alter database {name} character set utf8mb4"));
    server.sql(
        &name,
        "create table parent (id int auto_increment primary key, v varchar(200), b blob, key by_v (v)); \
         insert into parent (v, b) values ('a\\'\\\\;\\n--x', x'00FF0A5C27'), ('ü😀', null), ('/*!50001 x */', ''); \
         create table child (id int primary key, parent int, constraint of_parent foreign key (parent) references parent (id)); \
         insert into child values (1, 1), (2, 3); create table `odd ``name;` (d date, j json); insert into `odd ``name;` values ('2026-02-03', '[1]'); \
         create view z_base as select * from parent where id > 0; create view a_top as select id from z_base with check option; \
         create function twice(x int) returns int deterministic return x * 2; \
         create trigger t before insert on child for each row set new.parent = new.parent + 0; \
         create event never on schedule every 1 day do delete from child",
    );
    name
}

/// Runs a stock program in a folder.
fn stock(dir: &Path, words: &[&str]) {
    let out = Command::new(words[0]).args(&words[1..]).current_dir(dir).output().expect(words[0]);
    assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn scripts_come_back_whole_however_they_are_compressed() {
    for kind in Kind::ALL {
        let server = server(kind);
        let home = Home::new();
        let source = small(server);
        let held = content(server, &source);
        dump(server, &[&source], &home.at("d.sql"));
        let mut files = vec![home.at("d.sql")];
        for (words, ending) in
            [(&["gzip", "-k"][..], "gz"), (&["zstd", "-q"], "zst"), (&["xz", "-k", "-1"], "xz"), (&["lz4", "-qm"], "lz4")]
        {
            stock(home.0.path(), &[words, &["d.sql"]].concat());
            files.push(home.at(&format!("d.sql.{ending}")));
        }
        for (number, file) in files.iter().enumerate() {
            let target = format!("{source}_{number}");
            let outcome = home.restored(server, file, &target, &[]);
            assert!(outcome.text.contains("not proven") && outcome.text.contains("events were made disabled"), "{}", outcome.text);
            assert_eq!(content(server, &target), held, "{kind:?} {}", file.display());
            assert_eq!(
                server.sql("", &format!("select status from information_schema.events where event_schema = '{target}'")),
                "DISABLED"
            );
        }
        // What it is stands in lists, and a look at all of it says whether it is whole.
        let list = home.on(server, &["archive", "show", &files[1].display().to_string()]);
        assert!(
            list.text.contains(if kind == Kind::Mysql { "mysqldump" } else { "mariadb-dump" }) && list.text.contains("child"),
            "{}",
            list.text
        );
        let verified = home.on(server, &["verify", "--full", &files[2].display().to_string()]);
        assert!(
            verified.code == 0 && verified.text.contains("read from end to end") && verified.text.contains("6 rows"),
            "{}",
            verified.text
        );
    }
}

#[test]
fn the_zoo_comes_back_but_for_what_its_dump_does_not_hold() {
    for kind in Kind::ALL {
        let server = server(kind);
        let home = Home::new();
        let zoo = mysql_zoo::zoo(server);
        let file = dump(server, &["--force", "--single-transaction", zoo], &home.at("zoo"));
        let target = server.database("foreign_zoo");
        let outcome = home.on(server, &["restore", "single", &file.display().to_string(), "--target", &target, "--continue-on-error"]);
        // Its broken view names a table that is not there.
        assert!(outcome.code != 0 && outcome.text.contains("PARTIAL") && outcome.text.contains("in line "), "{}", outcome.text);
        let objects = |database: &str| {
            let sql = format!(
                "select concat(table_type, ' ', table_name) from information_schema.tables where table_schema = '{database}' union all \
                 select concat(routine_type, ' ', routine_name) from information_schema.routines where routine_schema = '{database}' union all \
                 select concat('trigger ', trigger_name) from information_schema.triggers where trigger_schema = '{database}' union all \
                 select concat('event ', event_name) from information_schema.events where event_schema = '{database}'"
            );
            server.sql("", &sql).lines().map(str::to_owned).collect::<BTreeSet<_>>()
        };
        let mut lacking: Vec<_> = objects(zoo).difference(&objects(target.as_str())).cloned().collect();
        // MySQL's SHOW CREATE, and with it mysqldump, has question marks for what is beyond three bytes in the words of an ENUM.
        lacking.retain(|name| name != "VIEW broken_view" && (kind == Kind::Mariadb || name != "BASE TABLE types_text"));
        assert_eq!(lacking, Vec::<String>::new(), "{}", outcome.text);
        // What dumps do not hold: words that an ENUM does not have, and what has no place in UTF-8. There the stock client is the measure.
        let (mut held, mut came) = (rows(server, zoo), rows(server, &target));
        for lossy in ["types_text", "types_enum", "charsets"] {
            held.remove(lossy);
            came.remove(lossy);
        }
        assert!(
            held.len() > 40 && came == held,
            "{kind:?}: {:?}",
            held.iter().filter(|(table, rows)| came.get(*table) != Some(rows)).collect::<Vec<_>>()
        );
        let by_client = server.database("foreign_client");
        let input = std::fs::File::open(&file).expect("the dump");
        server.client(&by_client).args(["--force", "--binary-mode"]).stdin(input).output().expect("the stock client");
        assert_eq!(rows(server, &target).get("charsets"), rows(server, &by_client).get("charsets"), "{kind:?}");
    }
}

/// The rows of each table, as the product's own program writes them.
fn rows(server: &Mysql, database: &str) -> BTreeMap<String, String> {
    let text = content(server, database);
    let parts = text.split("LOCK TABLES `").filter_map(|part| part.split_once("` WRITE;")).map(|(table, rest)| {
        let end = rest.find("UNLOCK TABLES").unwrap_or(rest.len());
        (table.to_owned(), rest[..end].to_owned())
    });
    parts.collect()
}

#[test]
fn folders_of_mydumper_come_back_whole() {
    for kind in Kind::ALL {
        let server = server(kind);
        let home = Home::new();
        mysql_zoo::zoo(server);
        for (name, more) in [("plain", &[][..]), ("packed", &["--compress", "--rows", "1000"])] {
            let folder = home.at(name);
            let mut command = Command::new("mydumper");
            command.args([
                "--user",
                "root",
                "--database",
                mysql_zoo::SHOP,
                "--triggers",
                "--events",
                "--routines",
                "--threads",
                "2",
                "--socket",
            ]);
            let out = command
                .arg(&server.socket)
                .arg("--outputdir")
                .arg(&folder)
                .args(more)
                .output()
                .expect("mydumper (scripts/servers installs it)");
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
            let target = format!("shop_of_{name}");
            let outcome = home.restored(server, &folder, &target, &["--jobs", "2"]);
            assert!(outcome.text.contains("24,833 rows"), "{}", outcome.text);
            // Neither the modes of routines nor the white space at the ends of their lines are in its dumps.
            let bare = |database: &str| {
                let text = content(server, database);
                text.lines().filter(|line| !line.contains("*/ ;")).map(|line| line.trim_end().to_owned()).collect::<Vec<_>>()
            };
            if kind == Kind::Mariadb {
                assert!(bare(&target) == bare(mysql_zoo::SHOP), "{name}");
            } else {
                // Debian's release takes columns with a computed default for generated ones, and leaves them out.
                let sums = "checksum table customer, film_actor, film_category, film_text, inventory, payment, rental, staff, store";
                let of = |database: &str| server.sql(database, sums).replace(&format!("{database}."), "");
                assert_eq!(of(&target), of(mysql_zoo::SHOP), "{name}");
                assert_eq!(bare(&target).len(), bare(mysql_zoo::SHOP).len(), "{name}");
            }
            server.sql("", &format!("drop database {target}"));
        }
        // One that was interrupted still has its file under another name.
        let folder = home.at("plain");
        std::fs::rename(folder.join("metadata"), folder.join("metadata.partial")).expect("renamed");
        let outcome = home.on(server, &["restore", "single", &folder.display().to_string(), "--target", "never", "--create"]);
        assert!(
            outcome.code != 0 && outcome.text.contains("TRUNCATED_BACKUP") && outcome.text.contains("metadata.partial"),
            "{}",
            outcome.text
        );
        // What is put into a file of rows is looked at as everything is.
        std::fs::rename(folder.join("metadata.partial"), folder.join("metadata")).expect("renamed");
        std::fs::write(folder.join("sakila.evil.sql"), "CREATE TRIGGER t BEFORE INSERT ON actor FOR EACH ROW SET @a = 1;\n")
            .expect("a file");
        let outcome = home.on(server, &["restore", "single", &folder.display().to_string(), "--target", "never", "--create"]);
        assert!(outcome.code != 0 && outcome.text.contains("a file that is for something else"), "{}", outcome.text);
        assert_eq!(server.sql("", "show databases like 'never'"), "");
    }
}

#[test]
fn of_several_databases_one_is_chosen_or_all_come_under_their_names() {
    for kind in Kind::ALL {
        let server = server(kind);
        let home = Home::new();
        let (one, other) = (small(server), small(server));
        server.sql("", &format!("alter database {other} character set latin1 collate latin1_german2_ci"));
        let (held, file) = (content(server, &one), dump(server, &["--databases", &one, &other], &home.at("two")));
        let file_text = file.display().to_string();
        let outcome = home.on(server, &["restore", "single", &file_text, "--target", "never", "--create"]);
        assert!(outcome.code == 64 && outcome.text.contains(&format!("--database {one}")), "{}", outcome.text);
        let outcome = home.on(server, &["restore", "single", &file_text, "--database", "elsewhere", "--target", "never", "--create"]);
        assert!(outcome.code != 0 && outcome.text.contains("NOT_IN_ARCHIVE"), "{}", outcome.text);
        let target = format!("{one}_chosen");
        home.restored(server, &file, &target, &["--database", &one]);
        assert_eq!(content(server, &target), held);
        let target = format!("{other}_chosen");
        home.restored(server, &file, &target, &["--database", &other]);
        let collation = |name: &str| {
            server.sql("", &format!("select default_collation_name from information_schema.schemata where schema_name = '{name}'"))
        };
        assert_eq!(collation(&target), "latin1_german2_ci");
        let held_other = content(server, &other);
        server.sql("", &format!("drop database {one}; drop database {other}"));
        let mut flags = server.flags();
        flags[3] = "127.0.0.1".to_owned();
        flags.extend(["--port".to_owned(), server.port.to_string()]);
        let confirm = format!("127.0.0.1:{}", server.port);
        let outcome = home.call(&["restore", "cluster", &file_text, "--confirm", &confirm], &flags);
        assert_eq!(outcome.code, 0, "{}", outcome.text);
        assert_eq!((content(server, &one), content(server, &other)), (held, held_other));
        // What is there is not overwritten.
        let outcome = home.call(&["restore", "cluster", &file_text, "--confirm", &confirm], &flags);
        assert!(outcome.code != 0 && outcome.text.contains("TARGET_NOT_EMPTY"), "{}", outcome.text);
    }
}

/// A script that is a dump but for one line, its sixth.
fn script(line: &str) -> String {
    format!(
        "-- MySQL dump 10.13  Distrib 9.7.4, for Linux (x86_64)\n--\n-- Server version\t9.7.4\n\nCREATE TABLE a (i int);\n{line}\n-- Dump completed on 2026-01-02  3:04:05\n"
    )
}

#[test]
fn a_dump_that_reaches_beyond_its_database_is_refused_before_anything_is_touched() {
    for kind in Kind::ALL {
        let server = server(kind);
        let home = Home::new();
        let (target, out) = (server.database("foreign_hostile"), server.root.join(format!("tmp/foreign_{}", kind.word())));
        let outfile = format!("SELECT 'x' INTO OUTFILE '{}';", out.display());
        for line in [
            outfile.as_str(),
            "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE a;",
            "CREATE USER evil@'%';",
            "/*!50001 CREATE USER evil@'%' */;",
            "INSERT INTO a VALUES (1) /*!99999 , (2) */; CREATE USER evil@'%';",
            "/*!99999 INSERT INTO a VALUES */ CREATE USER evil@'%';",
            "INSERT INTO sakila.actor VALUES (1);",
            "USE mysql; DELETE FROM user;\nUSE sakila;\nDROP TABLE mysql.user;",
            "SET GLOBAL general_log = 1;",
            "SET NAMES gbk;",
            "\\! touch evil",
            "source /etc/passwd;",
            "CREATE TABLE b (i int) DATA DIRECTORY='/tmp';",
            "CREATE TABLE b AS SELECT * FROM mysql.user;",
            "CREATE TRIGGER t BEFORE INSERT ON a FOR EACH ROW DELETE FROM sakila.actor; INSERT INTO a VALUES (1);",
            "DELIMITER ;;\nCREATE TABLE c (i int); CREATE USER evil@'%';;\nDELIMITER ;",
        ] {
            std::fs::write(home.at("evil.sql"), script(line)).expect("a file");
            let outcome = home.on(server, &["restore", "single", "evil.sql", "--target", &target]);
            assert!(outcome.code != 0 && outcome.text.contains("CORRUPTED_BACKUP"), "{line}: {}", outcome.text);
            assert!(outcome.text.contains(", in line "), "{line}: {}", outcome.text);
        }
        assert_eq!(server.sql("", &format!("select count(*) from information_schema.tables where table_schema = '{target}'")), "0");
        assert_eq!(server.sql("", "select count(*) from mysql.user where user = 'evil'"), "0");
        assert!(!out.exists() && !home.at("evil").exists());
        // A routine is one statement for whoever splits the script, whatever hides in it; the server is told to take no second one.
        let line = "DELIMITER ;;\nCREATE PROCEDURE p() SELECT 1; CREATE USER evil@'%';;\nDELIMITER ;";
        std::fs::write(home.at("evil.sql"), script(line)).expect("a file");
        let outcome = home.on(server, &["restore", "single", "evil.sql", "--target", &target]);
        assert!(outcome.code != 0 && outcome.text.contains("in line 7") && outcome.text.contains("error 1064"), "{}", outcome.text);
        assert_eq!(server.sql("", "select count(*) from mysql.user where user = 'evil'"), "0");
    }
}

#[test]
fn a_dump_that_ends_too_early_or_is_of_another_product_is_told() {
    let maria = server(Kind::Mariadb);
    let home = Home::new();
    let source = small(maria);
    let whole = std::fs::read(dump(maria, &[&source], &home.at("whole"))).expect("a dump");
    let middle = whole.windows(19).position(|bytes| bytes == b"INSERT INTO `child`").expect("rows");
    for (text, said) in [(&whole[..middle], "Dump completed"), (&whole[..middle + 15], "in the middle of a statement")] {
        std::fs::write(home.at("cut"), text).expect("a file");
        stock(home.0.path(), &["zstd", "-qf", "cut"]);
        for file in ["cut", "cut.zst"] {
            let outcome = home.on(maria, &["restore", "single", file, "--target", "never", "--create"]);
            assert!(outcome.code != 0 && outcome.text.contains("TRUNCATED_BACKUP") && outcome.text.contains(said), "{}", outcome.text);
        }
    }
    let postgres = postgres::server(15);
    let flags = ["--host", &postgres.socket.display().to_string(), "--port", &postgres.port.to_string(), "--user", "postgres", "--batch"];
    let outcome = home.call(&["restore", "single", "whole", "--target", "never", "--create"], &flags.map(str::to_owned));
    assert!(outcome.text.contains("VERSION_UNSUPPORTED") && outcome.text.contains("--engine mariadb"), "{}", outcome.text);
    std::fs::write(home.at("pg"), "--\n-- PostgreSQL database dump\n--\n\nSELECT 1;\n\n--\n-- PostgreSQL database dump complete\n--\n")
        .expect("a file");
    let outcome = home.on(maria, &["restore", "single", "pg", "--target", "never", "--create"]);
    assert!(outcome.text.contains("VERSION_UNSUPPORTED") && outcome.text.contains("--engine postgres"), "{}", outcome.text);
    assert_eq!(maria.sql("", "show databases like 'never'"), "");
}
