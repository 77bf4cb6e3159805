//! Rows go in as they are, all of them or none.

use super::{Kind, Pieces, TestServer, open, pieces, run, server, table};
use bytes::Bytes;
use dbbackup::domain::schema::{Table, ValueForm};
use dbbackup::domain::{Code, Fault};
use dbbackup::server::{Claim, LoadMode, Loader};

/// Values of many kinds: their columns, the rows as they stand in an archive, and what the server tells of them.
fn kinds(kind: Kind) -> (&'static str, Table, Vec<u8>) {
    let definition = "create table kinds (id int auto_increment primary key, l varchar(20) character set latin1, u varchar(20) character set utf8mb4, \
         w varchar(20) character set utf16, b varbinary(20), bits bit(12), j json, d date, t timestamp null, y year, e enum('a','b'), s set('x','y'), \
         n decimal(20,5), f double, g geometry, total int as (length(b)) virtual)";
    let columns = ["id", "l", "u", "w", "b", "bits", "j", "d", "t", "y", "e", "s", "n", "f", "g"];
    let json = if kind == Kind::Mysql { ValueForm::Text } else { ValueForm::Plain };
    let forms = columns.iter().map(|column| match *column {
        "bits" => ValueForm::Number,
        "j" => json,
        _ => ValueForm::Plain,
    });
    let table = Table { forms: forms.collect(), ..table("kinds", &columns) };
    let mut rows: Vec<u8> = b"0\t\xe4\xff\\t\\\\\t\xc3\xa4\xf0\x9f\x98\x80\t\\0A\xd8\x3d\xde\\0\t\\0\xff\\n\\r\x1a'\"\t4095\t{\"a\": \"\xc3\xa4\"}\t0000-00-00\t2038-01-19 03:14:07\t1901\tb\tx,y\t-12345678901234.56789\t1e-300\t".to_vec();
    rows.extend(b"\\0\\0\\0\\0\x01\x01\\0\\0\\0\\0\\0\\0\\0\\0\\0\xf0?\\0\\0\\0\\0\\0\\0\\0@\n");
    rows.extend(b"7\t\\N\t\t\\N\t\\N\t\\N\t\\N\t2020-02-31\t\\N\t0000\t\\N\t\t\\N\t\\N\t\\N\n");
    (definition, table, rows)
}

const ASKED: &str = "select id, hex(l), hex(u), hex(w), hex(b), bits+0, json_extract(j, '$.a'), d, t, y+0, e, s, n, f, st_astext(g), total from kinds order by id";

const TOLD: &str = "0\tE4FF095C\tC3A4F09F9880\t0041D83DDE00\t00FF0A0D1A2722\t4095\t\"ä\"\t0000-00-00\t2038-01-19 03:14:07\t1901\tb\tx,y\t-12345678901234.56789\t1e-300\tPOINT(1 2)\t7\n\
                    7\tNULL\t\tNULL\tNULL\tNULL\tNULL\t2020-02-31\tNULL\t0\tNULL\t\tNULL\tNULL\tNULL\tNULL";

fn loaded(server: &TestServer) {
    let db = server.database("kinds");
    let (definition, table, rows) = kinds(server.kind);
    server.sql(&db, &format!("set sql_mode=''; {definition}"));
    let (one, other) = rows.split_at(37);
    let count = run(async {
        let mut loader = open(server, &db).await;
        let claim = Claim { rows: Some(2), ..Claim::default() };
        let count = loader.load(&table, LoadMode::Shared, &mut pieces(&[one, other]), claim).await.expect("rows");
        loader.close().await;
        count
    });
    assert_eq!(count, 2);
    assert_eq!(server.sql(&db, &format!("set time_zone='+00:00'; {ASKED}")), TOLD, "{:?}", server.kind);
}

#[test]
fn every_byte_goes_in_as_it_is() {
    for kind in Kind::ALL {
        loaded(server(kind));
    }
}

#[test]
fn a_server_that_takes_no_streams_gets_statements() {
    for kind in Kind::ALL {
        let own = TestServer::start_with(kind, &["--local-infile=0", "--max-allowed-packet=1048576"]);
        loaded(&own);
        let db = own.database("long");
        own.sql(&db, "create table t (a longblob)");
        let row = [vec![b'x'; 1 << 20], b"\n".to_vec()].concat();
        let many: Vec<u8> = (0..3000).flat_map(|n| format!("{n:0800}\n").into_bytes()).collect();
        run(async {
            let mut loader = open(&own, &db).await;
            let rows = loader
                .load(&table("t", &["a"]), LoadMode::Shared, &mut pieces(&[&many]), Claim { rows: Some(3000), ..Claim::default() })
                .await;
            assert_eq!(rows.expect("rows in several statements"), 3000);
            let fault =
                loader.load(&table("t", &["a"]), LoadMode::Shared, &mut pieces(&[&row]), Claim::default()).await.expect_err("a long row");
            assert!(fault.steps.iter().any(|step| step.to_string().contains("max_allowed_packet")), "{fault:?}");
            loader.close().await;
        });
        assert_eq!(own.sql(&db, "select count(*), count(distinct a), sum(length(a)) from t"), "3000\t3000\t2400000");
    }
}

/// Loads rows that the server would not take as they are; gives the fault.
async fn refused(loader: &mut dyn Loader, of: &Table, mode: LoadMode, rows: &[u8], claim: Claim<'_>) -> Fault {
    loader.load(of, mode, &mut pieces(&[rows]), claim).await.expect_err("rows that are not taken as they are")
}

#[test]
fn nothing_is_bent_or_left_out_silently() {
    for kind in Kind::ALL {
        let server = server(kind);
        let db = server.database("bent");
        server.sql(&db, "create table t (id int primary key, v varchar(3) not null, i tinyint, key (v)); create table big as select 1 id; truncate big; alter table big add primary key (id)");
        let columns = table("t", &["id", "v", "i"]);
        run(async {
            let mut loader = open(server, &db).await;
            for mode in [LoadMode::Shared, LoadMode::Alone] {
                let fault = refused(loader.as_mut(), &columns, mode, b"1\ta\t1\n1\tb\t1\n", Claim::default()).await;
                assert_eq!(fault.code, Code::ConstraintViolated, "{mode:?} {fault:?}");
                let fault = refused(loader.as_mut(), &columns, mode, b"1\tabcd\t1\n", Claim::default()).await;
                assert_eq!(fault.code, Code::OutOfRange, "{fault:?}");
                assert!(fault.causes.iter().any(|cause| cause.contains("'v'")), "{fault:?}");
                let fault = refused(loader.as_mut(), &columns, mode, b"1\tabc\t300\n", Claim::default()).await;
                assert_eq!(fault.code, Code::OutOfRange, "{fault:?}");
                refused(loader.as_mut(), &columns, mode, b"1\t\\N\t1\n", Claim::default()).await;
                refused(loader.as_mut(), &columns, mode, b"1\ta\n", Claim::default()).await;
                let fault = refused(loader.as_mut(), &columns, mode, b"1\ta\t1\n", Claim { rows: Some(2), ..Claim::default() }).await;
                assert_eq!(fault.code, Code::ProofFailed, "{fault:?}");
            }
            let fault = refused(loader.as_mut(), &table("nowhere", &["id"]), LoadMode::Shared, b"1\n", Claim::default()).await;
            assert_eq!(fault.code, Code::MissingObject, "{fault:?}");
            loader.close().await;
            // A source that fails half-way takes the session with it, and all that it has sent.
            let mut loader = open(server, &db).await;
            let broken = Fault::new(Code::CorruptedBackup, "a damaged frame");
            let mut source = Pieces([Ok(Bytes::from_static(b"5\ta\t1\n")), Err(broken)].into());
            let fault = loader.load(&columns, LoadMode::Shared, &mut source, Claim::default()).await.expect_err("a damaged frame");
            assert_eq!(fault.code, Code::CorruptedBackup);
            loader.close().await;
        });
        assert_eq!(server.sql(&db, "select count(*) from t"), "0", "{kind:?}");
    }
}

#[test]
fn tables_without_transactions_are_loaded_wholly_or_said_to_be_in_part() {
    for kind in Kind::ALL {
        let server = server(kind);
        let db = server.database("plain");
        for engine in ["MyISAM", "MEMORY"] {
            let name = engine.to_lowercase();
            server.sql(
                &db,
                &format!("create table {name} (id int auto_increment primary key, v varchar(3)) engine={engine} auto_increment=100"),
            );
            let columns = Table { engine: Some(engine.into()), ..table(&name, &["id", "v"]) };
            run(async {
                let mut loader = open(server, &db).await;
                refused(loader.as_mut(), &columns, LoadMode::Alone, b"1\ta\n2\tabcd\n", Claim::default()).await;
                let all = Claim { rows: Some(2), ..Claim::default() };
                let rows = loader.load(&columns, LoadMode::Alone, &mut pieces(&[b"1\ta\n2\tb\n"]), all).await.expect("rows");
                assert_eq!(rows, 2);
                let fault = refused(loader.as_mut(), &columns, LoadMode::Shared, b"3\ta\n4\tabcd\n", Claim::default()).await;
                assert!(fault.context.iter().any(|(name, _)| name == "Left"), "{fault:?}");
                loader.close().await;
            });
            let next = format!(
                "delete from {name} where id > 2; insert into {name} (v) values ('c'); select group_concat(id order by id) from {name}"
            );
            assert_eq!(server.sql(&db, &next), "1,2,100", "{kind:?} {engine}");
        }
    }
}
