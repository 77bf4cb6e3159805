//! Memory does not grow with the database, and only by a known measure with its rows.

use super::Home;
use crate::support::postgres::Postgres;
use crate::support::program;

const MIB: u64 = 1024 * 1024;

/// The budget by default: 512 MB, or less where a quarter of the machine's memory is less.
const BUDGET: u64 = 512_000_000;

/// The program itself: code, threads, the contents of a small database's catalog.
const PROGRAM: u64 = 48 * MIB;

/// A server without a log of changes to write: these tests write a lot.
fn server() -> Postgres {
    Postgres::start(17, "wal_level = minimal\nmax_wal_senders = 0\nautovacuum = off\nmax_wal_size = 4GB")
}

/// The most memory of a backup with verification, of a restore, and of a restore with a proof.
fn peaks(server: &Postgres, name: &str) -> [(&'static str, u64); 3] {
    let home = Home::new();
    let backup = program::run(&mut home.backup_command(server, name, &["--jobs", "2", "--verify", "full"])).ok();
    let archive = backup.archive().display().to_string();
    let restore = |prove: &[&str]| {
        let mut args = vec!["restore", "single", &archive, "--target", "copy", "--create", "--jobs", "2"];
        args.extend(prove);
        let restored = home.on(server, &args).ok();
        server.sql("postgres", "drop database copy");
        restored.peak
    };
    let peaks = [("backup", backup.peak), ("restore", restore(&[])), ("restore --prove", restore(&["--prove"]))];
    assert!(peaks.iter().all(|(_, peak)| *peak > 8 * MIB), "{peaks:?}");
    peaks
}

#[test]
fn ten_times_the_data_take_the_same_memory() {
    let server = server();
    let small = server.database("small");
    // About 60 MB, of rows of 1 KB and of 6 KB, which compress about by half.
    server.sql(
        &small,
        "create table rows_of_1k as select i as id, (select string_agg(md5(i::text || j), '') from generate_series(1, 30) j) as v \
           from generate_series(1, 36000) i; \
         create table rows_of_6k (id integer, v text); alter table rows_of_6k alter v set storage external; \
         insert into rows_of_6k select a.id, (select string_agg(v, '') from rows_of_1k b where b.id between a.id - 5 and a.id) \
           from rows_of_1k a where a.id % 8 = 0; \
         alter table rows_of_1k add primary key (id)",
    );
    let large = server.database("large");
    server.sql("postgres", &format!("drop database \"{large}\""));
    server.sql("postgres", &format!("create database \"{large}\" template \"{small}\""));
    // The same rows again are farther away than any compressor looks back.
    server.sql(
        &large,
        "insert into rows_of_1k select id + 100000 * n, v from rows_of_1k, generate_series(1, 9) n; \
         insert into rows_of_6k select id + 100000 * n, v from rows_of_6k, generate_series(1, 9) n",
    );
    let bytes = |name: &str| server.sql("postgres", &format!("select pg_database_size('{name}')")).parse::<u64>().expect("a number");
    assert!((55_000_000..90_000_000).contains(&bytes(&small)) && bytes(&large) > 550_000_000, "{} {}", bytes(&small), bytes(&large));
    let before = peaks(&server, &small);
    server.sql("postgres", &format!("drop database \"{small}\""));
    for ((what, small), (_, large)) in before.into_iter().zip(peaks(&server, &large)) {
        let (small, large, most) = (small / MIB, large / MIB, (small + small * 15 / 100) / MIB + 20);
        assert!(large <= most, "{what}: {small} MiB for one, {large} MiB for ten times the data, {most} MiB allowed");
        assert!(large * MIB < BUDGET + PROGRAM, "{what}: {large} MiB");
    }
}

#[test]
fn huge_rows_take_no_more_than_their_readers_have_at_hand() {
    let server = server();
    let name = server.database("huge");
    // Three tables, so that all sessions have a row in flight at the same time.
    for table in ["a", "b", "c"] {
        server.sql(
            &name,
            &format!(
                "create table {table} (id integer, v text); alter table {table} alter v set storage external; \
                 insert into {table} select i, repeat(md5(i::text), i * 50 * 31250) from generate_series(1, 4, 3) i"
            ),
        );
    }
    const ROW: u64 = 200_000_000;
    // Three sessions read for two jobs. What is counted has room in the budget; not counted are the row that a session has at hand, until
    // it has room, and the next one, which its connection receives meanwhile.
    for (what, peak) in peaks(&server, &name) {
        let most = BUDGET + 3 * 2 * ROW + PROGRAM;
        assert!(peak <= most, "{what}: {} MiB of {} MiB", peak / MIB, most / MIB);
    }
}
