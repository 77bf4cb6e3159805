//! Backups beside sessions that change tables all the time: the archive is one moment of the database, or there is none and the fault says
//! which table was in the way.

use super::{Home, lookalikes};
use crate::support::postgres::{Postgres, server};
use crate::support::program::{self, Outcome};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Every table holds the number of the transaction that changed it last.
const SOURCE: &str = "\
    create table clock (n int); insert into clock values (0); \
    create table rewritten (n int); insert into rewritten select 0 from generate_series(1, 500); \
    create table emptied (n int); insert into emptied select 0 from generate_series(1, 500); \
    create table dropped as select 0 as n from generate_series(1, 500); \
    create table swapped_a as select 0 as n; create table swapped_b as select 0 as n";

/// The transaction of a number; it takes so long. Every other one locks tables in the order of their names, as the backup asks for them, and
/// the rest against it.
fn change(n: u32, seconds: &str) -> String {
    let parts = [
        format!("drop table dropped; create table dropped as select {n} as n from generate_series(1, 500);"),
        format!("truncate emptied; insert into emptied select {n} from generate_series(1, 500);"),
        format!("alter table rewritten alter n type int using {n};"),
        "alter table swapped_b rename to x; alter table swapped_a rename to swapped_b; alter table x rename to swapped_a;".to_owned(),
    ];
    let work = if n.is_multiple_of(2) { parts.join(" ") } else { parts.into_iter().rev().collect::<Vec<_>>().join(" ") };
    format!(
        "begin; {work} update swapped_a set n = {n}; update swapped_b set n = {n}; update clock set n = {n}; \
         select pg_sleep({seconds}); commit; select pg_sleep({seconds});\n"
    )
}

/// Whether all tables are of one transaction, and complete.
const ONE_MOMENT: &str = "\
    select bool_and(n = (select n from clock)) and count(*) = 1503 from \
      (select n from clock union all select n from rewritten union all select n from emptied union all select n from dropped \
       union all select n from swapped_a union all select n from swapped_b) x";

/// What came of a backup: its archive, or the fault that names a table.
fn whole_or_named(home: &Home, outcome: Outcome) -> Option<PathBuf> {
    if outcome.code == 0 {
        assert!(outcome.stdout.contains("verified (full)"), "{}", outcome.text());
        return Some(outcome.archive());
    }
    let outcome = outcome.fails(75, "CONFLICT");
    let tables = ["clock", "rewritten", "emptied", "dropped", "swapped_a", "swapped_b"];
    assert!(tables.iter().any(|table| outcome.text().contains(table)), "no table is named: {}", outcome.text());
    assert_eq!(lookalikes(&home.backups()), Vec::<String>::new());
    None
}

/// Ends the changes, also when what they are for fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Backs a database up while transactions change it one after another, until so many backups were made; gives the archives that came whole.
fn beside(server: &'static Postgres, seconds: &str, backups: u32) -> (Home, Vec<PathBuf>) {
    let name = server.database("changing");
    server.sql(&name, SOURCE);
    let home = Home::new();
    let over = AtomicBool::new(false);
    let archives = std::thread::scope(|scope| {
        let changes = scope.spawn(|| {
            let mut made = 0;
            while !over.load(Ordering::SeqCst) {
                // Several in one session, so that the next one follows at once.
                let some: String = (1..=20).map(|n| change(made + n, seconds)).collect();
                let mut psql = server.psql(&name);
                let mut child = psql.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("psql");
                std::io::Write::write_all(child.stdin.as_mut().expect("a pipe"), some.as_bytes()).expect("statements");
                drop(child.stdin.take());
                assert!(child.wait().expect("psql").success(), "a change failed: the backup was in its way");
                made += 20;
            }
            made
        });
        let end = Over(&over);
        let mut archives = Vec::new();
        for _ in 0..backups {
            let outcome = program::run(&mut home.backup_command(server, &name, &["--jobs", "3"]));
            if let Some(archive) = whole_or_named(&home, outcome) {
                // Out of the way, so that the next failure must leave nothing.
                let kept = home.path().join(format!("{}.tar.zst", archives.len()));
                std::fs::rename(&archive, &kept).expect("a new name");
                lookalikes(&home.backups()).iter().for_each(|name| std::fs::remove_file(home.backups().join(name)).expect("a side file"));
                archives.push(kept);
            }
        }
        drop(end);
        assert!(changes.join().expect("the changes") > 0);
        archives
    });
    let deadlocks = format!("select deadlocks from pg_stat_database where datname = '{name}'");
    assert_eq!(server.sql("postgres", &deadlocks), "0", "a backup and a change waited for each other");
    (home, archives)
}

#[test]
fn tables_that_change_all_the_time_are_backed_up_as_of_one_moment() {
    let mut whole = 0;
    for (major, seconds) in [(15, "0"), (17, "0.2")] {
        let server = server(major);
        let (home, archives) = beside(server, seconds, 3);
        for archive in &archives {
            let target = server.database("moment");
            home.on(server, &["restore", "single", &archive.display().to_string(), "--target", &target, "--rehearse", "off"]).ok();
            assert_eq!(server.sql(&target, ONE_MOMENT), "t", "{}: {}", archive.display(), server.sql(&target, "select n from clock"));
        }
        whole += archives.len();
    }
    assert!(whole > 0, "not one backup of six came whole");
}

/// A pg_dump that first has somebody queue for a table, `times` times in all, and then is the real one.
fn pg_dump_with_a_queue(server: &Postgres, home: &Home, name: &str, times: u32) -> PathBuf {
    let dir = home.path().join("bin");
    std::fs::create_dir(&dir).expect("a folder");
    let psql = format!("{}/psql -h {} -p {} -U postgres -XAtqd {name}", server.bin.display(), server.socket.display(), server.port);
    let script = format!(
        "#!/bin/sh\n\
         [ \"$1\" = --version ] && exec {bin}/pg_dump --version\n\
         echo x >> {dir}/tries\n\
         if [ $(wc -l < {dir}/tries) -le {times} ]; then\n\
           {psql} -c 'set application_name = queued' -c 'truncate held' >/dev/null 2>&1 &\n\
           until [ \"$({psql} -c \"select count(*) from pg_stat_activity where datname = '{name}' and application_name = 'queued' and wait_event_type = 'Lock'\")\" = 1 ]; do :; done\n\
         fi\n\
         exec {bin}/pg_dump \"$@\"\n",
        bin = server.bin.display(),
        dir = dir.display(),
    );
    let program = dir.join("pg_dump");
    std::fs::write(&program, script).expect("a program");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("permissions");
    dir
}

#[test]
fn definitions_are_read_again_after_whoever_was_queued_for_a_table() {
    let server = server(17);
    for (times, tries) in [(1, 2), (3, 3)] {
        let name = server.database("queue");
        server.sql(&name, "create table held as select generate_series(1, 100) i; create table other as select 1 as i");
        let home = Home::new();
        let bin = pg_dump_with_a_queue(server, &home, &name, times);
        let begun = Instant::now();
        let outcome = program::run(home.backup_command(server, &name, &[]).env("DBBACKUP_PG_BIN", &bin));
        assert_eq!(std::fs::read_to_string(bin.join("tries")).expect("tries").lines().count(), tries, "{}", outcome.text());
        if times == 1 {
            // The later snapshot has the table as whoever was queued has left it.
            let archive = outcome.ok().archive().display().to_string();
            let target = server.database("queue_copy");
            home.on(server, &["restore", "single", &archive, "--target", &target, "--prove"]).ok();
            assert_eq!(server.sql(&target, "select (select count(*) from held), (select count(*) from other)"), "0|1");
        } else {
            let outcome = outcome.fails(75, "CONFLICT");
            assert!(outcome.text().contains("truncate held") && outcome.text().contains("Run this again"), "{}", outcome.text());
            assert_eq!(lookalikes(&home.backups()), Vec::<String>::new());
        }
        assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
        // Nobody is left behind: neither ours nor who was queued.
        assert_eq!(server.sql(&name, "select count(*) from held"), "0");
    }
}
