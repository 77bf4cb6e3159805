//! The zoo and a shop in the manner of sakila on MySQL and MariaDB, loaded once into each shared server. Both are for reading only.

use super::mysql::{Kind, Mysql};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The name of the zoo's database.
pub const NAME: &str = "zoo";

/// The name of the shop's database.
pub const SHOP: &str = "sakila";

/// A file of `tests/it/data/mysql`.
fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/mysql").join(name)
}

/// Loads the zoo with its accounts and the shop into a shared server; gives the zoo's name.
pub fn zoo(server: &'static Mysql) -> &'static str {
    static LOADED: [OnceLock<()>; 2] = [const { OnceLock::new() }; 2];
    LOADED[server.kind as usize].get_or_init(|| {
        load(server, NAME);
        server.script(NAME, &data(&format!("zoo_{}_users.sql", server.kind.word())));
        shop(server, SHOP);
    });
    NAME
}

/// Loads the zoo without its accounts into a new database of any server.
pub fn load(server: &Mysql, name: &str) {
    server.sql("", &format!("create database `{name}` default character set utf8mb4"));
    for file in ["zoo.sql".to_owned(), "charsets.sql".to_owned(), format!("zoo_{}.sql", server.kind.word())] {
        server.script(name, &data(&file));
    }
}

/// Loads the shop into a new database of any server.
pub fn shop(server: &Mysql, name: &str) {
    server.sql("", &format!("create database `{name}` default character set utf8mb4"));
    server.script(name, &data("sakila.sql"));
}

#[test]
fn the_zoo_has_one_of_everything_and_the_stock_program_takes_all_but_its_broken_view() {
    for kind in Kind::ALL {
        let server = super::mysql::server(kind);
        let name = zoo(server);
        let count =
            |of: &str| server.sql("", &format!("select count(*) from information_schema.{of} = '{name}'")).parse::<u32>().expect("a count");
        assert!(count("tables where table_schema") > 60, "tables");
        assert!(count("routines where routine_schema") >= 9, "routines");
        assert!(count("triggers where trigger_schema") >= 6, "triggers");
        assert_eq!(count("events where event_schema"), 2, "events");
        assert!(count("partitions where partition_name is not null and table_schema") >= 18, "partitions");
        let modes =
            server.sql("", &format!("select count(distinct sql_mode) from information_schema.routines where routine_schema = '{name}'"));
        assert!(modes.parse::<u32>().expect("a count") >= 4, "modes: {modes}");
        assert_eq!(server.sql(name, "select hex(v_latin1) = hex(vb), length(v_ucs2) from charsets where id = 1"), "1\t26");
        assert_eq!(server.sql(SHOP, "select count(*) from rental"), "8000");
        let mut dump = std::process::Command::new(server.stock("mysqldump"));
        dump.env_clear()
            .args(["--no-defaults", "-uroot", "--force", "--single-transaction", "--routines", "--events", "--triggers", "-S"])
            .arg(&server.socket)
            .arg(name);
        let out = dump.output().expect("the stock program");
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        let other: Vec<&str> =
            said.lines().filter(|line| (line.contains("rror") || line.contains("Could")) && !line.contains("broken_view")).collect();
        assert!(other.is_empty(), "{kind:?}: {other:?}");
    }
}
