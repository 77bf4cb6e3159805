//! What is read of MySQL and MariaDB: facts, rows exactly as they are, ranges that miss nothing, and what a user may not see.

use super::{Kept, chunks, lines, mysql, run, table};
use crate::support::mysql::{Kind, Mysql, server};
use dbbackup::archive::fingerprint::Fingerprint;
use dbbackup::domain::schema::{Range, RowFormat, ValueForm};
use dbbackup::domain::{Code, connection::Product};
use dbbackup::server::{Server as _, Snapshot};
use std::time::{Duration, Instant};

#[test]
fn a_server_tells_of_itself_and_its_databases() {
    for kind in Kind::ALL {
        let server = server(kind);
        let database = server.database("facts");
        server.sql(&database, "create table t (a int); insert into t values (1)");
        run(async {
            let ours = mysql(server, "root");
            let info = ours.info().await.expect("facts");
            assert_eq!(info.product, if kind == Kind::Mariadb { Product::Mariadb } else { Product::Mysql });
            assert!(info.superuser && !info.in_recovery && info.max_connections == 200 && info.connections > 0, "{info:?}");
            assert_eq!(info.version_num / 10_000, if kind == Kind::Mariadb { 10 } else { 9 });
            assert!(info.version.split('.').count() == 3 && info.data_directory.is_some(), "{info:?}");
            let databases = ours.databases().await.expect("databases");
            let one = databases.iter().find(|one| one.name == database).expect("the database");
            assert!(one.bytes.is_some_and(|bytes| bytes >= 16 << 10), "{one:?}");
            assert!(!databases.iter().any(|one| ["mysql", "information_schema", "performance_schema", "sys"].contains(&one.name.as_str())));
            assert_eq!(ours.database(&database).await.expect("one").map(|one| one.name), Some(database.clone()));
            assert!(ours.has_database(&database).await.expect("an answer") && !ours.has_database("nowhere").await.expect("an answer"));
            let low = mysql(server, &server.login(server.plugins()[0], ""));
            let info = low.info().await.expect("facts for anybody");
            assert!(!info.superuser);
        });
    }
}

/// Every byte that text and bytes can hold, numbers with all their digits, and what is not stored.
#[test]
fn rows_are_exactly_what_the_server_holds() {
    for kind in Kind::ALL {
        let server = server(kind);
        let database = server.database("rows");
        let invisible = "invisible";
        server.sql(
            &database,
            &format!(
                "create table v (id int primary key, b bit(10), w bit(64), f float, d double, n decimal(30,10), j json, bin varbinary(300), \
                 l text character set latin1, u text character set ucs2, e enum('a','ü') character set utf8mb4, hidden int {invisible} default 7, \
                 sum int generated always as (id + 1) stored, more int generated always as (id + 2) virtual, t timestamp(3) null, g point, z int(6) zerofill); \
                 insert into v (id, b, w, f, d, n, j, bin, l, u, e, t, g, z) values \
                 (1, b'1010101010', 0xffffffffffffffff, 16777217, 1e22/3, 12345678901234567890.0123456789, '{{\"a\": [1, \"x\\\\ty\"]}}', \
                  x'00095c0a0d1aff', x'e4095c', 'ä\\t', 'ü', '2026-01-02 03:04:05.678', point(1, 2), 5), \
                 (2, null, null, 0.1, -0e0, null, null, '', '', null, null, null, null, null)"
            ),
        );
        run(async {
            let snapshot = mysql(server, "root").snapshot(&database).await.expect("a snapshot");
            let v = table(&*snapshot, "v").await;
            assert_eq!(v.format, RowFormat::Tsv);
            assert_eq!(v.columns, ["id", "b", "w", "f", "d", "n", "j", "bin", "l", "u", "e", "hidden", "t", "g", "z"]);
            let json = if kind == Kind::Mysql { ValueForm::Text } else { ValueForm::Plain };
            assert_eq!(v.forms[1..7], [ValueForm::Number, ValueForm::Number, ValueForm::Float, ValueForm::Plain, ValueForm::Plain, json]);
            let rows = lines(&chunks(&*snapshot, &v, None, 1 << 20).await);
            let fields: Vec<Vec<&[u8]>> = rows.iter().map(|row| row.split(|byte| *byte == b'\t').collect()).collect();
            let point = {
                let mut wkb = vec![b'\\', b'0', b'\\', b'0', b'\\', b'0', b'\\', b'0', 1, 1];
                wkb.extend(b"\\0\\0\\0".iter().chain(b"\\0\\0\\0\\0\\0\\0").chain(&[0xF0, 0x3F]));
                wkb.extend(b"\\0\\0\\0\\0\\0\\0\\0".iter().chain(b"@"));
                wkb
            };
            let first: Vec<&[u8]> = vec![
                b"1",
                b"682",
                b"18446744073709551615",
                b"16777216",
                b"3.3333333333333335e21",
                b"12345678901234567890.0123456789",
                b"{\"a\": [1, \"x\\\\ty\"]}",
                b"\\0\\t\\\\\\n\\r\x1a\xff",
                b"\xe4\\t\\\\",
                b"\\0\xe4\\0\\t",
                "ü".as_bytes(),
                b"7",
                b"2026-01-02 03:04:05.678",
                &point,
                b"000005",
            ];
            for (at, (is, should)) in fields[0].iter().zip(&first).enumerate() {
                assert_eq!(String::from_utf8_lossy(is), String::from_utf8_lossy(should), "{kind:?} column {}", v.columns[at]);
                assert_eq!(is, should, "{kind:?} column {}", v.columns[at]);
            }
            let second: Vec<&[u8]> = vec![
                b"2",
                b"\\N",
                b"\\N",
                b"0.10000000149011612",
                if kind == Kind::Mysql { b"-0" } else { b"0" },
                b"\\N",
                b"\\N",
                b"",
                b"",
                b"\\N",
                b"\\N",
                b"7",
                b"\\N",
                b"\\N",
                b"\\N",
            ];
            assert_eq!(fields[1][4].strip_prefix(b"-").unwrap_or(fields[1][4]), b"0");
            assert_eq!(fields[1][..4], second[..4]);
            assert_eq!(fields[1][5..], second[5..]);
            snapshot.release().await;
        });
    }
}

/// The same rows have one fingerprint, whatever the server's settings, the product, the order in which they lie, and the cut into chunks.
#[test]
fn fingerprints_do_not_depend_on_settings_or_order() {
    let odd = Mysql::start_with(
        Kind::Mariadb,
        &["--default-time-zone=-05:00", "--sql-mode=PAD_CHAR_TO_FULL_LENGTH", "--character-set-server=utf16"],
    );
    let columns = "(id int primary key, f float, t timestamp null, x varchar(30) character set latin1, c char(9) character set latin1, \
                    y text character set utf8mb4, d datetime(6), b blob)";
    let row = |n: u32| {
        format!(
            "({n}, {n} / 7e0, from_unixtime({}), 'Grüße {n}', 'c', repeat('π\\n', {n}), '2026-01-01 00:00:00.{n:06}', unhex('00ff5c'))",
            1_774_747_800 + n * 3600
        )
    };
    let rows: Vec<String> = (1..=200).map(row).collect();
    let backwards: Vec<String> = rows.iter().rev().cloned().collect();
    let mut prints = Vec::new();
    for server in [server(Kind::Mariadb), server(Kind::Mysql), &odd] {
        let database = server.database("prints");
        server.sql(&database, &format!("create table a {columns}; create table b {columns}; insert into a values {}", rows.join(", ")));
        server.sql(&database, &format!("set time_zone = '+03:00'; insert into b values {}", backwards.join(", ")));
        prints.extend(run(async {
            let snapshot = mysql(server, "root").snapshot(&database).await.expect("a snapshot");
            let mut prints = Vec::new();
            for (name, size) in [("a", 1 << 20), ("b", 1000)] {
                let mut all = Fingerprint::default();
                let table = table(&*snapshot, name).await;
                for chunk in chunks(&*snapshot, &table, None, size).await {
                    all.add(Fingerprint::of(&chunk.data, RowFormat::Tsv).expect("whole rows"));
                }
                prints.push(all);
            }
            snapshot.release().await;
            prints
        }));
    }
    assert_eq!(prints[0].rows, 200);
    assert!(prints.iter().all(|print| *print == prints[0]), "{prints:?}");
}

/// Reads a table through ranges, and proves that every row is in exactly one.
async fn in_ranges(snapshot: &dyn Snapshot, name: &str, pieces: u64) -> Vec<usize> {
    let table = table(snapshot, name).await;
    let whole = lines(&chunks(snapshot, &table, None, 1 << 20).await);
    let began = Instant::now();
    let ranges = snapshot.cut(&table, pieces).await.expect("ranges");
    assert!(began.elapsed() < Duration::from_secs(5), "{name}: {:?} for cutting", began.elapsed());
    let mut sizes = Vec::new();
    let mut all = Vec::new();
    for range in &ranges {
        assert!(matches!(range, Range::Rows(_)));
        let part = lines(&chunks(snapshot, &table, Some(range), 1 << 20).await);
        sizes.push(part.len());
        all.extend(part);
    }
    if !ranges.is_empty() {
        all.sort();
        assert_eq!(all.len(), whole.len(), "{name}: {ranges:?}");
        assert!(all == whole, "{name}: rows differ");
    }
    sizes
}

/// Keys of every kind: each row is in exactly one range, and no range has most of the rows.
#[test]
fn every_row_is_in_exactly_one_range_whatever_the_key() {
    for kind in Kind::ALL {
        let server = server(kind);
        let database = server.database("cut");
        let numbers = "with recursive n (i) as (select 1 union all select i + 1 from n where i < 8000) select";
        let mut tables = vec![
            ("ints", "id int primary key", "i * 3", 8),
            (
                "sparse",
                "id bigint unsigned primary key",
                "case when i < 4000 then i when i < 8000 then 9000000000000000000 + i else 18446744073709551615 end",
                8,
            ),
            ("negative", "id bigint primary key", "(i - 4000) * 2305843009213", 8),
            (
                "texts",
                "id varchar(100) character set utf8mb4 primary key",
                "concat(elt(1 + i % 5, 'Anna', 'bert', 'Ärger', 'zoë', '日本'), '-', lpad(i, 6, '0'))",
                6,
            ),
            ("latin", "id varchar(60) character set latin1 primary key", "concat('prefix/of/all/', left(sha2(i, 256), 32))", 8),
            ("wide", "id char(40) character set utf16 primary key", "left(sha2(i, 256), 40)", 8),
            ("exact", "id varchar(40) collate utf8mb4_bin primary key", "concat(if(i % 2, 'a', 'A'), i)", 6),
            ("hashes", "id binary(16) primary key", "unhex(left(sha2(i, 256), 32))", 8),
            ("days", "id datetime primary key", "'2020-01-01' + interval i * 37 minute", 8),
            ("money", "id decimal(12,3) primary key", "i * 1.537 - 900", 8),
            ("bits", "id bit(40) primary key", "i * 99991", 8),
        ];
        if kind == Kind::Mariadb {
            tables.push(("uuids", "id uuid primary key", "insert(insert(left(sha2(i, 256), 32), 13, 1, '4'), 17, 1, '8')", 6));
        }
        let depth = if kind == Kind::Mysql {
            "set session cte_max_recursion_depth = 10000;"
        } else {
            "set session max_recursive_iterations = 10000;"
        };
        for (name, column, value, _) in &tables {
            server.sql(
                &database,
                &format!("{depth} create table {name} ({column}, filler varchar(200)); insert into {name} {numbers} {value}, repeat('x', 150) from n"),
            );
        }
        server.sql(
            &database,
            &format!(
                "{depth} create table compound (tenant int, name varchar(20), n int, filler varchar(200), primary key (tenant, name, n)); \
                 insert into compound {numbers} i % 3, if(i % 3 = 0, 'same', concat('k', i % 50)), i, repeat('x', 150) from n; \
                 create table unique_only (a int not null, b int not null, c int, unique key (c), unique key k (a, b), filler varchar(200)); \
                 insert into unique_only {numbers} i % 10, i, null, repeat('x', 150) from n; \
                 create table mixed (kind enum('z','a'), id int, filler varchar(200), primary key (id, kind)); \
                 insert into mixed {numbers} if(i % 2, 'a', 'z'), i, repeat('x', 150) from n; \
                 create table no_key (a int, filler varchar(200)); insert into no_key {numbers} i, repeat('x', 150) from n; \
                 create table empty_one (a int primary key); create table one_row (a int primary key); insert into one_row values (5); \
                 create table parts (id int primary key, filler varchar(200)) partition by hash (id) partitions 4; \
                 insert into parts {numbers} i, repeat('x', 150) from n; \
                 create table `we``ird 'name` (`a``b` int primary key, filler varchar(200)); insert into `we``ird 'name` {numbers} i, repeat('x', 150) from n",
            ),
        );
        server.sql(&database, "analyze table ints, sparse, negative, texts, latin, wide, exact, hashes, days, money, bits, compound, unique_only, mixed, parts");
        run(async {
            let snapshot = mysql(server, "root").snapshot(&database).await.expect("a snapshot");
            let further = [("compound", 6), ("unique_only", 6), ("mixed", 8), ("parts", 6), ("we`ird 'name", 8)];
            for (name, least) in tables.iter().map(|(name, _, _, least)| (*name, *least)).chain(further) {
                let sizes = in_ranges(&*snapshot, name, 10).await;
                let most = sizes.iter().copied().max().unwrap_or(0);
                assert!(sizes.len() >= least && sizes.len() <= 14, "{kind:?} {name}: {sizes:?}");
                assert!(most <= 8000 / 3, "{kind:?} {name}: {sizes:?}");
            }
            for name in ["no_key", "empty_one", "one_row"] {
                assert!(in_ranges(&*snapshot, name, 10).await.is_empty(), "{name}");
            }
            snapshot.release().await;
        });
    }
}

#[test]
fn chunks_keep_to_their_size_and_giant_rows_come_through() {
    for kind in Kind::ALL {
        let server = server(kind);
        let database = server.database("chunks");
        server.sql(
            &database,
            "create table t (id int primary key, x longblob); \
             insert into t select 1, repeat(unhex('5c00'), 6000000); insert into t values (2, 'small'), (3, repeat('y', 900)); \
             insert into t select id + 10, repeat('z', 700) from t",
        );
        run(async {
            let snapshot = mysql(server, "root").snapshot(&database).await.expect("a snapshot");
            let t = table(&*snapshot, "t").await;
            let mut sink = Kept::default();
            let mut reader = snapshot.reader().await.expect("a reader");
            reader.read(&t, None, 2000, &mut sink).await.expect("rows");
            reader.close().await;
            assert!(sink.asked.iter().any(|bytes| *bytes >= 24_000_000), "room for the giant: {:?}", sink.asked);
            assert!(sink.chunks.iter().all(|chunk| chunk.data.len() <= 2000 || chunk.count == 1));
            assert_eq!(sink.chunks.iter().map(|chunk| chunk.count).sum::<u64>(), 6);
            assert_eq!(sink.chunks[0].data.len(), 24_000_000 + 3, "each byte with its backslash");
            snapshot.release().await;
        });
    }
}

#[test]
fn tables_that_a_user_may_not_read_are_named() {
    for kind in Kind::ALL {
        let server = server(kind);
        let database = server.database("hidden");
        let user = server.login(server.plugins()[0], "");
        server.sql(
            &database,
            &format!(
                "create table open (a int); create table some (a int, b int); create table closed (a int); create table engine_less (a int) engine = myisam; \
                 grant select on {database}.open to {user}; grant select (a) on {database}.some to {user}; grant insert on {database}.closed to {user}; \
                 grant select on {database}.engine_less to {user}"
            ),
        );
        run(async {
            let survey = mysql(server, &user).inspect(&database).await.expect("a look");
            let hidden: Vec<&str> = survey.hidden.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(hidden, ["closed", "some"], "{:?}", survey.hidden);
            assert_eq!(survey.tables.len(), 4);
            let snapshot = mysql(server, &user).snapshot(&database).await.expect("a snapshot");
            let fault = snapshot.contents().await.expect_err("a backup without some tables would be none");
            assert_eq!(fault.code, Code::Incomplete);
            assert!(fault.causes.iter().any(|cause| cause.contains("closed")), "{fault:?}");
            snapshot.release().await;
            let snapshot = mysql(server, "root").snapshot(&database).await.expect("a snapshot");
            let notes = snapshot.contents().await.expect("contents").notes;
            assert!(notes.iter().any(|note| note.contains("engine_less") && note.contains("no transactions")), "{notes:?}");
            snapshot.release().await;
        });
    }
}
