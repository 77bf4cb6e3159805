//! Base backups that cannot be made leave nothing behind, here and on the server, and say why.

use super::{Archived, folder};
use crate::support::eventually;
use crate::support::postgres::server;
use crate::support::program::{self, leftovers};
use rustix::process::Signal;
use std::os::unix::fs::FileExt;
use std::process::Command;

fn archives(dir: &std::path::Path) -> Vec<String> {
    leftovers(dir).into_iter().filter(|name| name.contains("base_")).collect()
}

#[test]
fn who_may_not_is_told_what_is_missing() {
    let server = server(15);
    let dir = folder();
    let path = dir.path().to_str().expect("a path");
    let attempt = |user: &str, password: &str, more: &[&str]| {
        let port = server.port.to_string();
        let mut args = vec!["backup", "base", "--backup-dir", path, "--host", "127.0.0.1", "--port", &port, "--user", user, "--batch"];
        args.extend(more);
        program::run(program::dbbackup(dir.path(), &args).env("PGPASSWORD", password))
    };
    let plain = server.login_with_password("right", "");
    let refused = attempt(&plain, "right", &[]).fails(77, "PERMISSION_DENIED");
    assert!(refused.text().contains(&format!("ALTER ROLE \"{plain}\" REPLICATION;")), "{}", refused.text());
    attempt(&plain, "wrong", &[]).fails(77, "AUTH_FAILED");
    let may = server.login_with_password("right", "replication");
    let plan = attempt(&may, "right", &["--dry-run"]).ok();
    assert!(plan.text().contains("replication"), "{}", plan.text());
    assert_eq!(archives(dir.path()), Vec::<String>::new());
    attempt(&may, "right", &[]).ok();
    assert_eq!(archives(dir.path()).len(), 3, "the archive and its side files");
}

#[test]
fn a_killed_backup_ends_on_the_server_too() {
    let archived = Archived::start(17, "");
    // More than goes into the buffers on the way while nobody reads.
    archived.server.sql("postgres", "create table much as select n, repeat(md5(n::text), 30) from generate_series(1, 60000) n");
    let under_way = || archived.server.sql("postgres", "select count(*) from pg_stat_progress_basebackup where backup_streamed > 0") == "1";
    let none = || archived.server.sql("postgres", "select count(*) from pg_stat_activity where backend_type = 'walsender'") == "0";
    for signal in [Signal::KILL, Signal::TERM] {
        let dir = folder();
        let path = dir.path().to_str().expect("a path");
        // The slowest compression there is, so that the kill comes in the middle.
        let args = ["backup", "base", "--backup-dir", path, "--compression", "xz:9", "--jobs", "1"];
        let mut running = program::start(&mut program::on(&archived.server, dir.path(), &args));
        assert!(running.until(under_way), "it never began");
        running.signal(signal);
        let ended = running.finish();
        assert_ne!(ended.code, 0, "{}", ended.text());
        eventually("the server goes on", none);
        if signal == Signal::KILL {
            assert_eq!(archives(dir.path()).len(), 1, "the unfinished file");
            let next = archived.backup(dir.path(), &[]).ok();
            assert!(next.text().contains("which a killed run had left"), "{}", next.text());
            assert_eq!(archives(dir.path()).len(), 3);
        } else {
            assert_eq!(ended.code, 143, "{}", ended.text());
            assert_eq!(archives(dir.path()), Vec::<String>::new());
        }
    }
}

#[test]
fn a_full_disk_leaves_nothing() {
    let archived = Archived::start(15, "");
    // What cannot be compressed takes three times the room that the plan expects.
    archived.server.sql(
        "postgres",
        "create table noise as select string_agg(sha512((n * 1000 + m)::text::bytea), '') from generate_series(1, 20000) n, generate_series(1, 16) m group by n",
    );
    let dir = folder();
    let script = "mount -t tmpfs -o size=17m none \"$1\" || exit 99; dir=$1; shift; \"$@\"; code=$?; ls -A \"$dir\"; exit $code";
    let path = dir.path().join("small");
    std::fs::create_dir(&path).expect("a folder");
    let run = program::on(&archived.server, dir.path(), &["backup", "base", "--backup-dir", path.to_str().expect("a path")]);
    let mut inside = Command::new("unshare");
    inside.arg("--mount");
    if !rustix::process::geteuid().is_root() {
        inside.args(["--user", "--map-root-user"]);
    }
    inside.args(["sh", "-c", script, "sh"]).arg(&path).arg(run.get_program()).args(run.get_args());
    program::clean(&mut inside, dir.path());
    let full = program::run(&mut inside).fails(74, "DISK_FULL");
    assert!(!full.stdout.contains("base_"), "something is left: {}", full.stdout);
    let none = || archived.server.sql("postgres", "select count(*) from pg_stat_activity where backend_type = 'walsender'") == "0";
    eventually("the server goes on", none);
}

#[test]
fn a_damaged_page_is_named_and_nothing_is_kept() {
    let archived = Archived::start(17, "");
    let server = &archived.server;
    let file = server.data.join(server.sql("postgres", "select pg_relation_filepath('plain')"));
    server.sql("postgres", "checkpoint");
    let page = std::fs::OpenOptions::new().write(true).open(&file).expect("the table's file");
    page.write_all_at(b"damaged", 3 * 8192 + 5000).expect("damaged");
    let dir = folder();
    let refused = archived.backup(dir.path(), &[]).fails(1, "INCOMPLETE");
    assert!(refused.text().contains("checksum") && refused.text().contains("block 3"), "{}", refused.text());
    assert!(refused.text().contains(file.file_name().expect("a name").to_str().expect("a name")), "{}", refused.text());
    assert_eq!(archives(dir.path()), Vec::<String>::new());
}

#[test]
fn a_log_that_does_not_arrive_is_waited_for_and_named() {
    let archived = Archived::start(15, "");
    let dir = folder();
    archived.server.sql("postgres", "alter system set archive_command = 'false'");
    archived.server.sql("postgres", "select pg_reload_conf()");
    let wal = archived.wal.to_str().expect("a path");
    let late = archived.backup(dir.path(), &["--archive-dir", wal]).fails(1, "PARTIAL");
    for word in ["waiting for segment", "archiver fails", "pg_stat_archiver", "Complete apart from the log"] {
        assert!(late.text().contains(word), "{word}\n{}", late.text());
    }
    assert_eq!(archives(dir.path()).len(), 3, "the archive can be used as soon as its log is there");
    let missing = dir.path().join("nowhere");
    archived.backup(dir.path(), &["--archive-dir", missing.to_str().expect("a path")]).fails(73, "WAL_ARCHIVE_MISSING");
}

#[test]
fn pages_are_judged_as_pg_checksums_judges_them() {
    use dbbackup::domain::wal::Lsn;
    use dbbackup::server::postgres::page;
    let archived = Archived::start(17, "");
    let server = &archived.server;
    server.sql("postgres", "checkpoint");
    let mut pages = 0;
    for table in ["plain", "apart", "pg_class", "pg_attribute", "pg_toast.pg_toast_2618"] {
        let path = server.sql("postgres", &format!("select pg_relation_filepath('{table}')"));
        let bytes = std::fs::read(server.data.join(&path)).expect("a table's file");
        for (block, page) in bytes.as_chunks::<{ page::PAGE }>().0.iter().enumerate() {
            assert!(page::is_sound(page, block as u32, Lsn(u64::MAX)), "{table}, block {block}");
            let mut changed = *page;
            changed[4321] ^= 4;
            let is_new = page[14..16] == [0, 0];
            assert_eq!(page::is_sound(&changed, block as u32, Lsn(u64::MAX)), is_new, "{table}, block {block}");
            pages += 1;
        }
    }
    assert!(pages > 300, "{pages}");
}

#[test]
fn a_connection_that_breaks_in_the_middle_leaves_nothing() {
    let archived = Archived::start(15, "");
    archived.server.sql("postgres", "create table much as select n, repeat(md5(n::text), 30) from generate_series(1, 60000) n");
    let dir = folder();
    let args = ["backup", "base", "--backup-dir", dir.path().to_str().expect("a path"), "--compression", "xz:9", "--jobs", "1"];
    let mut running = program::start(&mut program::on(&archived.server, dir.path(), &args));
    let under_way = || archived.server.sql("postgres", "select count(*) from pg_stat_progress_basebackup where backup_streamed > 0") == "1";
    assert!(running.until(under_way), "it never began");
    archived.server.sql("postgres", "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'walsender'");
    running.finish().fails(69, "SERVER_UNAVAILABLE");
    assert_eq!(archives(dir.path()), Vec::<String>::new());
}

#[test]
fn a_replication_session_that_goes_silent_has_a_limit() {
    use crate::support::proxy::{Mood, Proxy};
    let archived = Archived::start(17, "");
    archived.server.sql("postgres", "create table much as select n, repeat(md5(n::text), 30) from generate_series(1, 60000) n");
    for (mood, reason) in [(Mood::StallOld, "no byte has moved for"), (Mood::Stall, "no byte has moved for")] {
        let proxy = Proxy::start(archived.server.port);
        let dir = folder();
        let (path, port) = (dir.path().to_str().expect("a path"), proxy.port.to_string());
        let args = [
            "backup",
            "base",
            "--backup-dir",
            path,
            "--jobs",
            "1",
            "--host",
            "127.0.0.1",
            "--port",
            &port,
            "--user",
            "postgres",
            "--batch",
        ];
        let mut command = program::dbbackup(dir.path(), &args);
        let mut running = program::start(command.args(["--connect-timeout", "1", "--network-timeout", "1"]));
        assert!(running.until(|| proxy.passed() > 8 << 20), "it ended before: {}", running.finish().text());
        proxy.turn(mood);
        let begun = std::time::Instant::now();
        let outcome = running.finish().fails(69, "SERVER_UNAVAILABLE");
        assert!(outcome.text().contains(reason), "{mood:?}: {}", outcome.text());
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{mood:?}: {:?}", begun.elapsed());
        assert_eq!(archives(dir.path()), Vec::<String>::new(), "{mood:?}");
        drop(proxy);
        let none = || archived.server.sql("postgres", "select count(*) from pg_stat_activity where backend_type = 'walsender'") == "0";
        eventually("the server goes on", none);
    }
}
