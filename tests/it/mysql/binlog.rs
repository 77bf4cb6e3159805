//! The archive of the binary log: whatever happens to whoever archives, to the line and to the server, what has its final name is whole and is what the
//! server wrote.

use super::logged::{archive, archived, logs, on, source, written};
use crate::support::mysql::{Kind, Mysql};
use crate::support::program::{self, Running, dbbackup, names, run, start};
use dbbackup::server::mysql::binlog::reader::{Reader, Trouble};
use rustix::process::Signal;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

fn sizes(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).map(|entries| entries.flatten().map(|entry| entry.metadata().map_or(0, |meta| meta.len())).sum());
    files.unwrap_or(0)
}

/// All that is archived is what the server wrote, and nothing else is in the folder.
fn compare(server: &Mysql, home: &Path, dir: &Path) {
    let logs = logs(server);
    let (open, whole) = logs.split_last().expect("logs");
    for log in whole {
        let (ours, theirs) = (archived(dir, log), written(server, log));
        let common = ours.iter().zip(&theirs).take_while(|(one, other)| one == other).count();
        assert!(ours == theirs, "{log} differs from byte {common} on: {} of {} bytes", ours.len(), theirs.len());
    }
    // MariaDB notes by itself, some time after a file was begun, up to where what was written before is on the disk.
    let in_work = || std::fs::read(dir.join(format!("{open}.partial"))).expect("the file in work");
    for _ in 0..50 {
        if in_work() == written(server, open) {
            break;
        }
        archive(server, home, dir);
    }
    assert!(in_work() == written(server, open), "{open} differs");
    let mut wanted: Vec<String> = whole.iter().map(|log| format!("{log}.zst")).collect();
    wanted.extend([format!("{open}.partial"), "dbbackup-binlog.json".to_owned()]);
    assert_eq!(names(dir), wanted);
}

#[test]
fn a_log_is_archived_whole_though_archiver_and_server_are_killed() {
    for kind in Kind::ALL {
        let server = Mysql::start_with(kind, super::logged::extra(kind));
        let home = tempfile::tempdir().expect("a folder");
        let dir = home.path().join("binlog");
        std::fs::create_dir(&dir).expect("a folder");
        let place = dir.display().to_string();
        server.sql("", "create database w; create table w.t (id int auto_increment primary key, v varchar(300))");
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let rows = "insert into t (v) values (repeat(uuid(), 8));".repeat(40);
                    // It fails while the server is down.
                    let _ = server.client("w").args(["-e", &format!("{rows} flush binary logs")]).output();
                }
            });
            for _ in 0..4 {
                let mut run = start(&mut on(&server, home.path(), &["binlog", "archive", "--binlog-dir", &place]));
                let from = sizes(&dir);
                assert!(run.until(|| sizes(&dir) > from + 20_000), "{}", run.finish().text());
                run.signal(Signal::KILL);
                assert_eq!(run.finish().code, -9);
            }
            let mut run = start(&mut on(&server, home.path(), &["binlog", "archive", "--binlog-dir", &place]));
            let from = sizes(&dir);
            assert!(run.until(|| sizes(&dir) > from + 5_000), "{}", run.finish().text());
            server.restart_now();
            let from = sizes(&dir);
            assert!(run.until(|| sizes(&dir) > from + 20_000), "{}", run.finish().text());
            let second = program::run(&mut on(&server, home.path(), &["binlog", "archive", "--once", "--binlog-dir", &place]));
            assert!(second.fails(75, "ANOTHER_RUN").text().contains("another run archives into this folder"));
            run.signal(Signal::TERM);
            let ended = run.finish().ok();
            assert!(ended.stderr.contains("trying again in 1 s") && ended.stderr.contains("ended: archived up to"), "{}", ended.stderr);
            over.store(true, Ordering::Relaxed);
            writer.join().expect("the writer");
        });
        archive(&server, home.path(), &dir);
        compare(&server, home.path(), &dir);

        // The log begins anew under the same names.
        let anew = if kind == Kind::Mysql { "reset binary logs and gtids" } else { "reset master" };
        server.sql("", anew);
        server.sql("w", "insert into t (v) values ('anew')");
        let before = names(&dir);
        run(&mut on(&server, home.path(), &["binlog", "archive", "--binlog-dir", &place])).fails(65, "WAL_FOREIGN");
        assert_eq!(names(&dir), before);
    }
}

#[test]
fn what_a_killed_run_left_is_made_whole_wherever_it_was_cut_or_damaged() {
    for kind in Kind::ALL {
        let server = source(kind);
        let home = tempfile::tempdir().expect("a folder");
        let name = server.database("cut");
        server.sql(&name, "flush binary logs");
        let log = logs(server).pop().expect("a log");
        server.sql(
            &name,
            "create table t (id int primary key, v longtext); insert into t values (1, repeat('x', 3000)), (2, 'y'); flush binary logs",
        );
        let whole = written(server, &log);

        // Every place where an event ends, and one within each.
        let mut reader = Reader::new(&whole[..]).expect("a log");
        let mut cuts = vec![0, 2, 4];
        while let Some(event) = reader.next().expect("an event") {
            cuts.extend([event.at + 7, event.end() - 2, event.end()]);
        }
        assert!(cuts.len() > 15 && *cuts.last().expect("cuts") == whole.len() as u64, "{cuts:?}");
        let first = home.path().join("first");
        std::fs::create_dir(&first).expect("a folder");
        archive(server, home.path(), &first);
        for (number, cut) in cuts.iter().enumerate() {
            let torn = &whole[..usize::try_from(*cut).expect("small")];
            let read = Reader::new(torn).and_then(|mut reader| {
                loop {
                    if reader.next()?.is_none() {
                        break Ok(reader.at());
                    }
                }
            });
            let ends = cuts.iter().skip(2).step_by(3).any(|end| end == cut);
            assert_eq!(read.is_ok(), ends, "cut at {cut}: {read:?}");

            // As if the run that archived it had been killed there; every other time with damage in what it had written.
            let dir = home.path().join(format!("cut{number}"));
            std::fs::create_dir(&dir).expect("a folder");
            std::fs::copy(first.join("dbbackup-binlog.json"), dir.join("dbbackup-binlog.json")).expect("a copy");
            let mut left = torn.to_vec();
            if let Some(byte) = left.get_mut(130).filter(|_| number % 2 == 0) {
                *byte ^= 0x20;
            }
            std::fs::write(dir.join(format!("{log}.partial")), &left).expect("a file");
            archive(server, home.path(), &dir);
            assert!(archived(&dir, &log) == whole, "{kind:?}, cut at {cut}");
            assert!(!dir.join(format!("{log}.partial")).exists());
            std::fs::remove_dir_all(&dir).expect("removed");
        }

        // Any byte that is not what was written is found, and said where.
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            let found = Reader::new(&damaged[..]).and_then(|mut reader| {
                loop {
                    if reader.next()?.is_none() {
                        break Ok(());
                    }
                }
            });
            // The mark of a file that is not closed is no part of what is checked.
            let is_mark = at == 21 && at % 8 == 0;
            assert!(is_mark || matches!(found, Err(Trouble::Damaged(..) | Trouble::Torn(_))), "{kind:?}: byte {at}: {found:?}");
        }
    }
}

#[test]
fn the_archive_is_told_and_only_what_no_backup_needs_is_removed() {
    for kind in Kind::ALL {
        let server = source(kind);
        let home = tempfile::tempdir().expect("a folder");
        let (dir, backups) = (home.path().join("binlog"), home.path().join("backups"));
        std::fs::create_dir(&dir).expect("a folder");
        std::fs::create_dir(&backups).expect("a folder");
        let (place, folder) = (dir.display().to_string(), backups.display().to_string());
        let name = server.database("kept");
        server.sql(&name, "create table t (id int primary key); insert into t values (1); flush binary logs; flush binary logs");
        let asked = |words: &[&str]| run(&mut dbbackup(home.path(), &[words, &["--binlog-dir", &place]].concat()));
        let cleanup = |more: &[&str]| asked(&[&["binlog", "cleanup", "--backup-dir", &folder], more].concat());

        run(&mut on(server, home.path(), &["binlog", "archive", "--once", "--binlog-dir", "/nowhere/at/all"]))
            .fails(73, "WAL_ARCHIVE_MISSING");
        archive(server, home.path(), &dir);
        let all = names(&dir);
        let refused = cleanup(&["--confirm"]).fails(64, "USAGE");
        assert!(refused.text().contains("there is no backup with a place in this log"), "{}", refused.text());

        run(&mut on(server, home.path(), &["backup", "single", &name, "--backup-dir", &folder])).ok();
        let needed = logs(server).pop().expect("a log");
        server.sql(&name, "insert into t values (2); flush binary logs; insert into t values (3)");
        archive(server, home.path(), &dir);
        let list = asked(&["binlog", "list"]).ok().stdout;
        assert!(list.lines().count() == logs(server).len() + 1 && list.contains("in work") && list.contains("whole"), "{list}");
        let json: serde_json::Value = serde_json::from_str(&asked(&["binlog", "stats", "--json"]).ok().stdout).expect("JSON");
        assert_eq!(json["binlog"]["stats"]["files"], logs(server).len() - 1, "{json}");
        assert_eq!(json["binlog"]["gaps"].as_array().map(Vec::len), Some(0), "{json}");

        let before = names(&dir);
        let told = cleanup(&[]).ok().stdout;
        assert!(told.contains(&format!("needs the log from {needed}:")) && told.contains("Nothing was removed."), "{told}");
        assert_eq!(names(&dir), before, "without --confirm nothing goes");
        cleanup(&["--confirm"]).ok();
        let kept = names(&dir);
        assert!(kept.len() < before.len() && kept.iter().any(|name| name.starts_with(&needed)), "{kept:?}");
        assert!(kept.iter().all(|name| *name >= needed), "{kept:?}");
        assert!(!all.iter().any(|name| name.ends_with(".zst") && kept.contains(name) && *name < needed));

        // A file that goes missing is a gap.
        server.sql(&name, "flush binary logs; insert into t values (4); flush binary logs");
        archive(server, home.path(), &dir);
        let middle = names(&dir).into_iter().filter(|name| name.ends_with(".zst")).nth(1).expect("a file");
        std::fs::remove_file(dir.join(&middle)).expect("removed");
        let stats = asked(&["binlog", "stats"]).ok().stdout;
        assert!(stats.contains("Gap:") && stats.contains(middle.trim_end_matches(".zst")), "{stats}");
    }
}

#[test]
fn who_may_not_and_what_is_full_is_said() {
    for kind in Kind::ALL {
        let server = source(kind);
        let home = tempfile::tempdir().expect("a folder");
        let dir = home.path().join("binlog");
        std::fs::create_dir(&dir).expect("a folder");
        let place = dir.display().to_string();
        let user = server.login(server.plugins()[0], "right");
        let port = server.port.to_string();
        let words =
            ["binlog", "archive", "--binlog-dir", &place, "--engine", kind.word(), "--host", "127.0.0.1", "--port", &port, "--user", &user];
        let as_user = |password: &str| run(dbbackup(home.path(), &words).arg("--batch").env("MYSQL_PWD", password));
        as_user("wrong").fails(77, "AUTH_FAILED");
        let refused = as_user("right").fails(77, "PERMISSION_DENIED");
        assert!(refused.text().contains("GRANT REPLICATION SLAVE"), "{}", refused.text());
        assert_eq!(names(&dir), Vec::<String>::new());

        // A disk that is full for a while: nothing is torn, and it goes on by itself.
        let name = server.database("full");
        server.sql(&name, "create table t (id int auto_increment primary key, v longblob); flush binary logs");
        // Bytes that neither server nor archive can make fewer.
        let bytes = "insert into t (v) with recursive n (i) as (select 1 union all select i + 1 from n where i < 900) select random_bytes(1000) from n";
        for _ in 0..4 {
            server.sql(&name, bytes);
        }
        server.sql(&name, "flush binary logs");
        let mut command = Command::new("unshare");
        program::clean(&mut command, home.path());
        command.args(if rustix::process::geteuid().is_root() { ["-m"] } else { ["-rm"] });
        command.args([
            "sh",
            "-c",
            "mount -t tmpfs -o size=2m,mode=700 tmpfs \"$0\" && exec \"$@\"",
            &place,
            env!("CARGO_BIN_EXE_dbbackup"),
        ]);
        let mut running = start(command.args(["binlog", "archive", "--binlog-dir", &place]).args(server.flags()));
        let open = |running: &Running| {
            let pid = running.proc("status").lines().find_map(|line| line.strip_prefix("Pid:").map(|pid| pid.trim().to_owned()));
            Path::new("/proc").join(pid.unwrap_or_default()).join("root").join(place.trim_start_matches('/'))
        };
        let full = |dir: &Path| rustix::fs::statvfs(dir).is_ok_and(|room| room.f_bavail == 0 && room.f_blocks * room.f_frsize == 2 << 20);
        assert!(running.until_it(|running| full(&open(running))), "{}", running.finish().text());
        let seen = open(&running);
        let pid = seen.components().nth(2).expect("a process").as_os_str().to_string_lossy().into_owned();
        let more = ["-t", &pid, "-m", "--preserve-credentials", "mount", "-o", "remount,size=64m", &place];
        let more = if rustix::process::geteuid().is_root() { more.to_vec() } else { [&["-U"], &more[..]].concat() };
        assert!(Command::new("nsenter").args(more).status().expect("nsenter").success());
        let last = logs(server).pop().expect("a log");
        assert!(running.until(|| seen.join(format!("{last}.partial")).exists()), "{}", running.finish().text());
        for log in names(&seen).iter().filter_map(|name| name.strip_suffix(".zst")) {
            assert!(archived(&seen, log) == written(server, log), "{log} differs");
        }
        running.signal(Signal::TERM);
        let ended = running.finish().ok();
        assert!(ended.stderr.contains("DISK_FULL") && ended.stderr.contains("trying again"), "{}", ended.stderr);
    }
}
