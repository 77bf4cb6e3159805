//! Rows: whole and in ranges, as text and as binary, in every encoding, from one moment, and refusals where rows would be missing.

use super::{connection, postgres, reached, run};
use crate::support::postgres::{VERSIONS, server};
use dbbackup::domain::schema::{PageRange, Range, RowFormat, Table};
use dbbackup::domain::{Code, Connection, Fault};
use dbbackup::server::{Answer, ChunkSink, Rows, Server as _, Snapshot};
use std::io::Write as _;
use std::process::Stdio;

/// Keeps every chunk.
#[derive(Default)]
struct Kept {
    chunks: Vec<Rows>,
    size: usize,
}

impl ChunkSink for Kept {
    fn buffer(&mut self, _: usize) -> Answer<'_, Vec<u8>> {
        let buffer = Vec::with_capacity(self.size);
        Box::pin(async { Ok(buffer) })
    }

    fn chunk(&mut self, rows: Rows) -> Answer<'_, ()> {
        self.chunks.push(rows);
        Box::pin(async { Ok(()) })
    }
}

async fn table(snapshot: &dyn Snapshot, name: &str) -> Table {
    let contents = snapshot.contents().await.unwrap_or_else(|fault| panic!("{}", fault.render("Backup failed")));
    contents.tables.into_iter().find(|table| table.name.name == name).expect("the table")
}

async fn chunks(snapshot: &dyn Snapshot, table: &Table, range: Option<PageRange>, size: usize) -> Vec<Rows> {
    let mut sink = Kept { chunks: Vec::new(), size };
    let mut reader = snapshot.reader().await.expect("a reader");
    let (rows, bytes) = reader
        .read(table, range.map(Range::Pages).as_ref(), size, &mut sink)
        .await
        .unwrap_or_else(|fault| panic!("{}", fault.render("Backup failed")));
    reader.close().await;
    assert_eq!(rows, sink.chunks.iter().map(|chunk| chunk.count).sum::<u64>());
    assert_eq!(bytes, sink.chunks.iter().map(|chunk| chunk.data.len() as u64).sum::<u64>());
    sink.chunks
}

fn lines(chunks: &[Rows]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for chunk in chunks {
        assert_eq!(chunk.data.last(), Some(&b'\n'), "a chunk ends with its last row");
        let here: Vec<Vec<u8>> = chunk.data[..chunk.data.len() - 1].split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        assert_eq!(here.len() as u64, chunk.count);
        lines.extend(here);
    }
    lines.sort();
    lines
}

#[test]
fn ranges_together_are_the_whole_table_and_chunks_keep_to_their_size() {
    for major in VERSIONS {
        let server = server(major);
        let database = server.database("ranges");
        server.sql(
            &database,
            "create table t as select i, repeat(md5(i::text), 3) as x, e'a\\nb\\t\\\\' as y from generate_series(1, 20000) i",
        );
        server.sql(&database, "delete from t where i % 7 = 0; insert into t values (0, repeat('L', 50000), 'one long row')");
        run(async {
            let snapshot = postgres(server).snapshot(&database).await.expect("a snapshot");
            let t = table(&*snapshot, "t").await;
            assert!(t.splittable);
            let whole = chunks(&*snapshot, &t, None, 20_000).await;
            assert!(whole.iter().all(|chunk| chunk.data.len() <= 20_000 || chunk.count == 1));
            assert!(whole.iter().any(|chunk| chunk.data.len() > 50_000), "the long row is a chunk of its own");
            let all = lines(&whole);
            assert_eq!(all.len(), 20_000 - 2857 + 1);
            let pages = u32::try_from(t.heap_bytes / 8192).expect("few pages");
            let mut parts = Vec::new();
            for from in (0..pages).step_by(50) {
                let to = (from + 50 < pages).then_some(from + 50);
                parts.extend(chunks(&*snapshot, &t, Some(PageRange { from, to }), 1 << 20).await);
            }
            assert_eq!(lines(&parts), all);
            snapshot.release().await;
        });
    }
}

#[test]
fn a_snapshot_stands_still_while_others_write_and_alter() {
    for major in VERSIONS {
        let server = server(major);
        let database = server.database("still");
        server.sql(&database, "create table t as select i from generate_series(1, 100) i; create sequence s");
        run(async {
            let here = postgres(server);
            let snapshot = here.snapshot(&database).await.expect("a snapshot");
            server.sql(&database, "insert into t select 1000; delete from t where i <= 50; create table later (i int)");
            let contents = snapshot.contents().await.expect("contents");
            assert_eq!(contents.tables.len(), 1, "a later table is not in it");
            assert!(contents.objects.iter().all(|object| object.name != "later"));
            assert_eq!(lines(&chunks(&*snapshot, &contents.tables[0], None, 1 << 20).await).len(), 100);
            let blocked = server.psql(&database).args(["-c", "set lock_timeout = '50ms'; drop table t"]).output().expect("psql");
            assert!(!blocked.status.success(), "its tables cannot be dropped meanwhile");
            let (inventory, sequences) = snapshot.inventory().await.expect("an inventory");
            assert_eq!((inventory == contents.inventory, sequences), (true, contents.sequences));
            snapshot.release().await;
            server.sql(&database, "drop table t");
            assert_eq!(here.databases().await.expect("databases").iter().find(|d| d.name == database).map(|d| d.sessions), Some(0));
        });
    }
}

#[test]
fn bytes_pass_untouched_whatever_the_encoding() {
    for major in VERSIONS {
        let server = server(major);
        let make = |encoding: &str| {
            let name = format!("enc_{}", encoding.to_lowercase());
            server.sql("postgres", &format!("create database {name} template template0 encoding '{encoding}' lc_collate 'C' lc_ctype 'C'"));
            name
        };
        let (latin, ascii) = (make("LATIN1"), make("SQL_ASCII"));
        let utf8 =
            "create table \"grö ße\" (\"spälte\" text); comment on table \"grö ße\" is 'Größe'; insert into \"grö ße\" values ('Grüße ÿ')";
        let done = server.psql(&latin).env("PGCLIENTENCODING", "UTF8").args(["-c", utf8]).output().expect("psql");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        server.sql(
            &ascii,
            "set client_encoding = sql_ascii; create table t (x text); insert into t values (e'\\x80\\xff raw'), (e'gr\\xc3\\xbcn')",
        );
        run(async {
            let here = postgres(server);
            let snapshot = here.snapshot(&latin).await.expect("a snapshot");
            let mut t = table(&*snapshot, "grö ße").await;
            assert_eq!(t.columns, ["spälte"]);
            assert_eq!(lines(&chunks(&*snapshot, &t, None, 1000).await), [b"Gr\xfc\xdfe \xff".to_vec()]);
            let range = Some(PageRange { from: 0, to: None });
            assert_eq!(lines(&chunks(&*snapshot, &t, range, 1000).await), [b"Gr\xfc\xdfe \xff".to_vec()]);
            t.format = RowFormat::Binary;
            let binary = chunks(&*snapshot, &t, None, 1000).await;
            assert_eq!(binary[0].data[21..], *b"\0\0\0\x07Gr\xfc\xdfe \xff\xff\xff", "binary too");
            snapshot.release().await;
            let snapshot = here.snapshot(&ascii).await.expect("a snapshot");
            let t = table(&*snapshot, "t").await;
            assert_eq!(lines(&chunks(&*snapshot, &t, None, 1000).await), [b"gr\xc3\xbcn".to_vec(), b"\x80\xff raw".to_vec()]);
            snapshot.release().await;
            server.sql(
                &ascii,
                "set client_encoding = sql_ascii; do $$ begin execute 'create view v as select ''' || e'\\xff' || '''::text as x'; end $$",
            );
            let snapshot = here.snapshot(&ascii).await.expect("a snapshot");
            let fault = snapshot.contents().await.expect_err("no archive can hold this definition");
            assert_eq!(fault.code, Code::Incomplete, "{fault}");
            assert!(fault.root_cause().contains("VIEW v"), "{fault}");
            snapshot.release().await;
        });
    }
}

#[test]
fn binary_chunks_are_complete_streams_that_the_server_takes_back() {
    for major in VERSIONS {
        let server = server(major);
        let database = server.database("binary");
        server.sql(&database, "create table t (a int, b bytea, c numeric, d text[], e jsonb, none int)");
        server.sql(&database, "insert into t select i, decode(repeat(md5(i::text), i % 9), 'hex'), i / 7.0, array['x', null], '{\"k\": 1}', null from generate_series(1, 5000) i");
        server.sql(&database, "create table back (like t); create table hollow (a int)");
        run(async {
            let snapshot = postgres(server).snapshot(&database).await.expect("a snapshot");
            let t = Table { format: RowFormat::Binary, ..table(&*snapshot, "t").await };
            let parts = chunks(&*snapshot, &t, None, 30_000).await;
            assert!(parts.len() > 10);
            for part in &parts {
                assert!(part.data.len() <= 30_000);
                let mut psql = server
                    .psql(&database)
                    .args(["-c", "copy back from stdin (format binary)"])
                    .stdin(Stdio::piped())
                    .spawn()
                    .expect("psql");
                psql.stdin.take().expect("a pipe").write_all(&part.data).expect("written");
                assert!(psql.wait().expect("psql").success());
            }
            let hollow = Table { format: RowFormat::Binary, ..table(&*snapshot, "hollow").await };
            assert!(chunks(&*snapshot, &hollow, None, 1000).await.is_empty());
            snapshot.release().await;
        });
        assert_eq!(server.sql(&database, "select (select count(*) from t), (select count(*) from back), (select count(*) from (select t::text from t except select back::text from back) x)"), "5000|5000|0");
    }
}

#[test]
fn large_objects_tables_without_columns_and_extension_tables_are_read() {
    for major in VERSIONS {
        let server = server(major);
        let database = server.database("special");
        server.sql(&database, "create table nothing (); insert into nothing select from generate_series(1, 3)");
        server.sql(
            &database,
            "select lo_from_bytea(70001, decode(repeat('ab', 5000), 'hex')), lo_create(70002); comment on large object 70002 is 'empty'",
        );
        // A table of an extension that says which of its rows are the user's, and one that says nothing.
        server.sql(
            &database,
            "create table conf as select i from generate_series(1, 9) i; create table internal (i int); \
             alter extension plpgsql add table conf; alter extension plpgsql add table internal; \
             update pg_extension set extconfig = array['conf'::regclass::oid], extcondition = array['WHERE i > 7'] where extname = 'plpgsql'",
        );
        run(async {
            let snapshot = postgres(server).snapshot(&database).await.expect("a snapshot");
            let conf = table(&*snapshot, "conf").await;
            assert_eq!((conf.condition.as_deref(), conf.splittable, conf.object), (Some("WHERE i > 7"), false, None));
            assert_eq!(lines(&chunks(&*snapshot, &conf, None, 100).await), [b"8", b"9"]);
            assert!(snapshot.contents().await.expect("contents").tables.iter().all(|table| table.name.name != "internal"));
            let nothing = table(&*snapshot, "nothing").await;
            assert_eq!(lines(&chunks(&*snapshot, &nothing, None, 100).await), [b"", b"", b""]);
            let metadata = table(&*snapshot, "pg_largeobject_metadata").await;
            assert_eq!(
                lines(&chunks(&*snapshot, &metadata, None, 100).await),
                [b"70001\tpostgres\t\\N\t\\N".to_vec(), b"70002\tpostgres\t\\N\tempty".to_vec()]
            );
            let pages = table(&*snapshot, "pg_largeobject").await;
            let pages = lines(&chunks(&*snapshot, &pages, None, 100).await);
            assert_eq!(pages.len(), 3);
            assert!(pages[0].starts_with(b"70001\t0\t\\\\xabab"));
            snapshot.release().await;
        });
    }
}

#[test]
fn what_a_role_may_not_read_is_named_and_nothing_is_left_out() {
    for major in VERSIONS {
        let server = server(major);
        let database = server.database("rights");
        let role = format!("reader_{database}");
        server.sql(
            &database,
            &format!(
                "create role {role} login; create table \"Own\" (i int); alter table \"Own\" owner to {role}; create table secret (i int)"
            ),
        );
        let attempt = || -> Result<(), Fault> {
            run(async {
                let user = Connection { user: role.clone(), ..connection(server) };
                let snapshot = reached(server, user, None).snapshot(&database).await?;
                let contents = snapshot.contents().await;
                snapshot.release().await;
                contents.map(|_| ())
            })
        };
        let expect = |what: &str| {
            let fault = attempt().expect_err("something cannot be read");
            assert_eq!(fault.code, Code::Incomplete, "{}", fault.render("Backup failed"));
            assert!(
                fault.causes.iter().any(|cause| cause.contains(what)) || fault.what.contains(what),
                "{}",
                fault.render("Backup failed")
            );
            assert!(!fault.steps.is_empty());
        };
        expect("public.secret: no right to read it");
        server.sql(&database, &format!("grant select on secret to {role}; alter table secret enable row level security"));
        expect("public.secret: row security");
        server.sql(&database, "alter table secret disable row level security; create sequence hidden");
        expect("public.hidden");
        server.sql(&database, &format!("grant select on hidden to {role}; select lo_create(0)"));
        expect("1 large objects");
        server.sql(&database, "select lo_unlink(oid) from pg_largeobject_metadata");
        attempt().unwrap_or_else(|fault| panic!("{}", fault.render("Backup failed")));
        let own = format!("set role {role}; select lo_from_bytea(0, 'own')");
        server.sql(&database, &own);
        run(async {
            let user = Connection { user: role.clone(), ..connection(server) };
            let snapshot = reached(server, user, None).snapshot(&database).await.expect("a snapshot");
            let pages = table(&*snapshot, "pg_largeobject").await;
            let rows = lines(&chunks(&*snapshot, &pages, None, 100).await);
            assert!(rows.len() == 1 && rows[0].ends_with(b"\t0\t\\\\x6f776e"), "through functions, as the owner");
            snapshot.release().await;
        });
    }
}

#[test]
fn a_lock_that_is_not_granted_and_a_cancelled_read_end_soon() {
    let server = server(17);
    let database = server.database("waits");
    server.sql(&database, "create table t as select i, repeat('x', 1000) from generate_series(1, 100000) i");
    let mut holder = server.psql(&database).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("psql");
    let mut pipe = holder.stdin.take().expect("a pipe");
    writeln!(pipe, "begin; lock table t; \\echo locked").expect("written");
    let mut locked = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(holder.stdout.as_mut().expect("a pipe")), &mut locked).expect("an answer");
    assert_eq!(locked, "locked\n");
    run(async {
        let impatient = reached(server, Connection { lock_timeout: 1, ..connection(server) }, None);
        let fault = impatient.snapshot(&database).await.err().expect("a lock in the way");
        assert_eq!(fault.code, Code::LockTimeout, "{fault}");
        writeln!(pipe, "rollback;").expect("written");
        drop(pipe);
        assert!(holder.wait().expect("psql").success());
        let snapshot = impatient.snapshot(&database).await.expect("a snapshot");
        let t = table(&*snapshot, "t").await;
        let mut reader = snapshot.reader().await.expect("a reader");
        let mut sink = CancelAtOnce { cancel: reader.canceller(), chunks: 0 };
        let fault = reader.read(&t, None, 10_000, &mut sink).await.expect_err("a cancelled read");
        assert_eq!(fault.code, Code::Cancelled, "{fault}");
        assert!(sink.chunks < 9_000, "{}", sink.chunks);
        snapshot.release().await;
    });
}

struct CancelAtOnce {
    cancel: std::sync::Arc<dyn dbbackup::server::Cancel>,
    chunks: u32,
}

impl ChunkSink for CancelAtOnce {
    fn buffer(&mut self, _: usize) -> Answer<'_, Vec<u8>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn chunk(&mut self, _rows: Rows) -> Answer<'_, ()> {
        self.chunks += 1;
        Box::pin(async {
            if self.chunks == 1 {
                self.cancel.cancel().await;
            }
            Ok(())
        })
    }
}

#[test]
fn rows_too_large_for_text_travel_in_binary() {
    let server = server(17);
    let database = server.database("giant");
    server.sql(&database, "create table giant (id int, a bytea, b text); create table ordinary (a text)");
    // Compressed they take little room: what counts is how large they are as text.
    server.sql(
        &database,
        "insert into giant select 1, convert_to(repeat('x', 500000000), 'UTF8'), 'y'; insert into giant values (2, 'z', 'z')",
    );
    server.sql(&database, "alter table ordinary alter a set storage external; insert into ordinary select repeat('x', 6000000)");
    run(async {
        let snapshot = postgres(server).snapshot(&database).await.expect("a snapshot");
        let contents = snapshot.contents().await.unwrap_or_else(|fault| panic!("{}", fault.render("Backup failed")));
        let format = |name: &str| contents.tables.iter().find(|table| table.name.name == name).map(|table| table.format);
        assert_eq!((format("giant"), format("ordinary")), (Some(RowFormat::Binary), Some(RowFormat::Text)));
        snapshot.release().await;
    });
    server.sql("postgres", &format!("drop database {database}"));
}
