//! The script in README.txt, followed to the letter with tar and the stock client.

use super::{dumped, surplus};
use crate::support::mysql::{Kind, Mysql as TestServer, server};
use crate::support::mysql_zoo;
use crate::support::program::{dbbackup, run};
use std::path::Path;
use std::process::Command;

/// The text of README.txt in an archive.
fn readme(archive: &Path) -> String {
    let out = Command::new("tar").arg("--zstd").arg("-xOf").arg(archive).arg("README.txt").output().expect("tar");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

/// Rows of all tables as the stock program writes them.
fn rows(server: &TestServer, database: &str) -> Vec<String> {
    let mut dump = Command::new(server.stock("mysqldump"));
    let args = [
        "--no-defaults",
        "-uroot",
        "--no-create-info",
        "--skip-triggers",
        "--skip-comments",
        "--skip-extended-insert",
        "--hex-blob",
        "--compact",
        "-S",
    ];
    let out = dump.env_clear().args(args).arg(&server.socket).arg(database).output().expect("the stock program");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let mut lines: Vec<String> = text.lines().filter(|line| line.starts_with("INSERT")).map(str::to_owned).collect();
    assert!(!lines.is_empty(), "no rows");
    lines.sort();
    lines
}

#[test]
fn a_person_with_tar_and_the_stock_client_gets_everything_back() {
    for kind in Kind::ALL {
        let source = server(kind);
        mysql_zoo::zoo(source);
        let target = TestServer::start_with(kind, &[]);
        // A name that would do harm if the shell or the client took it for more than a name.
        let name = "by hand' $(touch harm)`touch harm`_\"=";
        mysql_zoo::shop(source, "by_hand");
        let quoted = name.replace('`', "``");
        source.sql("", &format!("create database `{quoted}` default character set latin1"));
        source.sql(name, "create table `t;'\"` (`a b` int auto_increment primary key, `c'd` text, b bit(9), key k (b)); insert into `t;'\"` values (1, 'tab\\there \\\\ ä;', 257), (2, null, null)");
        // A zero in a column that the server numbers, where values go through variables too.
        source.sql(name, "set sql_mode = 'NO_AUTO_VALUE_ON_ZERO'; insert into `t;'\"` values (0, 'zero', 1)");
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("backups");
        let mut flags = source.flags();
        flags.extend(["--backup-dir".to_owned(), folder.display().to_string()]);
        for database in ["by_hand", name] {
            let mut words = vec!["backup".to_owned(), "single".to_owned(), database.to_owned()];
            words.extend(flags.clone());
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let archive = run(&mut dbbackup(home.path(), &words)).ok().archive();
            let text = readme(&archive);
            let script =
                text.split_once("---- script ----\n").and_then(|(_, rest)| rest.split_once("---- end of script ----")).expect("a script").0;
            assert!(script.chars().all(|c| c == '\n' || !c.is_control()), "a name could steer a terminal");
            let work = archive.parent().expect("a folder");
            let out = Command::new("sh")
                .args(["-c", script])
                .current_dir(work)
                .env("PATH", format!("{}:/usr/bin:/bin", target.stock("mysql").parent().expect("a folder").display()))
                .env("OPTIONS", format!("--no-defaults --user=root --socket={}", target.socket.display()))
                .output()
                .expect("sh");
            let (stdout, stderr) = (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
            assert!(out.status.success() && stderr.is_empty(), "{kind:?} {stdout}\n{stderr}\n{script}");
            assert!(!work.join("harm").exists() && !work.join("restored/harm").exists(), "a name was run");
            std::fs::remove_dir_all(work.join("restored")).expect("what was unpacked");
            let (then, now) = (rows(source, database), rows(&target, database));
            assert_eq!((surplus(&then, &now), surplus(&now, &then)), (vec![], vec![]), "{kind:?}");
            let (then, now) = (dumped(source, database), dumped(&target, database));
            assert_eq!((surplus(&then, &now), surplus(&now, &then)), (vec![], vec![]), "{kind:?}");
        }
    }
}
