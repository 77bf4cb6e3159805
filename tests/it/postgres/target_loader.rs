//! Definitions, rows, sequences and large objects on real servers.

use super::{connection, postgres, run};
use crate::support::postgres::{VERSIONS, server};
use bytes::Bytes;
use dbbackup::domain::schema::{RowFormat, SchemaObject, Section, SequenceState, Table, TableKind, TableName};
use dbbackup::domain::{Code, Fault};
use dbbackup::server::{Answer, Claim, LoadMode, LoadSettings, Loader, RowSource, Server, TargetChoices};
use std::collections::VecDeque;

pub fn object(kind: &str, name: &str, sql: &str) -> SchemaObject {
    SchemaObject {
        id: 1,
        kind: kind.into(),
        schema: Some("public".into()),
        name: name.into(),
        section: Section::PreData,
        sql: sql.into(),
        ..SchemaObject::default()
    }
}

fn table(name: &str, columns: &[&str]) -> Table {
    Table { name: TableName::new("public", name), columns: columns.iter().map(|name| (*name).into()).collect(), ..Table::default() }
}

/// Pieces, then the end or a failure.
struct Pieces(VecDeque<Result<Bytes, Fault>>);

impl RowSource for Pieces {
    fn next(&mut self) -> Answer<'_, Option<Bytes>> {
        Box::pin(std::future::ready(self.0.pop_front().transpose()))
    }
}

fn pieces(parts: &[&str]) -> Pieces {
    Pieces(parts.iter().map(|part| Ok(Bytes::copy_from_slice(part.as_bytes()))).collect())
}

async fn open(major: u32, database: &str, settings: LoadSettings) -> Box<dyn Loader> {
    postgres(server(major)).loader(database, &settings).await.expect("a session")
}

fn settings() -> LoadSettings {
    LoadSettings { index_memory: 64 << 20, ..LoadSettings::default() }
}

#[test]
fn the_failing_object_is_named_and_nothing_of_the_batch_stays() {
    for major in VERSIONS {
        let server = server(major);
        let db = server.database("batch");
        let fault = run(async {
            let mut loader = open(major, &db, settings()).await;
            let (a, b) = (
                object("TABLE", "a", "CREATE TABLE public.a (id int);\n"),
                object("VIEW", "v", "CREATE VIEW public.v AS\n SELECT nope FROM public.a;\n"),
            );
            let fault = loader.run(&[&a, &b], &TargetChoices::default(), Claim::default()).await.expect_err("a column that is not there");
            // The session is usable afterwards.
            loader
                .run(&[&object("TABLE", "c", "CREATE TABLE public.c (id int); -- the end")], &TargetChoices::default(), Claim::default())
                .await
                .expect("c");
            loader.close().await;
            fault
        });
        assert!(fault.what.contains("VIEW public.v"), "{fault:?}");
        assert_eq!(fault.sqlstate.as_deref(), Some("42703"));
        assert!(fault.statement.as_deref().is_some_and(|sql| sql.starts_with("CREATE VIEW public.v")), "{fault:?}");
        assert_eq!(server.sql(&db, "select string_agg(relname, ',') from pg_class where relnamespace = 'public'::regnamespace"), "c");
    }
}

#[test]
fn owners_rights_and_tablespaces_go_as_chosen() {
    let server = server(15);
    let db = server.database("choices");
    server.sql("postgres", "create role choice_new");
    let mut thing = object("TABLE", "t", "CREATE TABLE public.t (id int);\n");
    thing.owner_sql = Some("ALTER TABLE public.t OWNER TO choice_old;\n".into());
    thing.tablespace = Some("not_there".into());
    let acl = object("ACL", "TABLE t", "GRANT SELECT ON TABLE public.t TO choice_old;\n");
    run(async {
        let mut loader = open(15, &db, settings()).await;
        let fault = loader.run(&[&thing], &TargetChoices::default(), Claim::default()).await.expect_err("no such tablespace");
        assert_eq!(fault.code, Code::MissingTablespace, "{fault:?}");
        let no_space = TargetChoices { no_tablespaces: true, ..TargetChoices::default() };
        let fault = loader.run(&[&thing], &no_space, Claim::default()).await.expect_err("no such role");
        assert_eq!((fault.code, fault.sqlstate.as_deref()), (Code::MissingRole, Some("42704")));
        assert!(fault.steps.iter().any(|step| step.command.as_deref().is_some_and(|command| command.contains("--no-owner"))), "{fault:?}");
        let mapped =
            TargetChoices { no_tablespaces: true, map_roles: vec![("choice_old".into(), "choice_new".into())], ..TargetChoices::default() };
        loader.run(&[&thing, &acl], &mapped, Claim::default()).await.expect("mapped");
        loader.close().await;
    });
    let owner = server.sql(&db, "select relowner::regrole || ' ' || relacl::text from pg_class where relname = 't'");
    assert!(owner.starts_with("choice_new ") && owner.contains("choice_new="), "{owner}");
}

#[test]
fn rows_are_loaded_all_or_none_with_the_servers_line() {
    for major in VERSIONS {
        let server = server(major);
        let db = server.database("copy");
        server.sql(&db, "create table public.\"T \"\"x\" (id int, \"a b\" text); create table public.empty()");
        let odd = table("T \"x", &["id", "a b"]);
        run(async {
            let mut loader = open(major, &db, LoadSettings { row_encoding: Some("LATIN1".into()), ..settings() }).await;
            let mut latin = Pieces(VecDeque::from([Ok(Bytes::from_static(b"1\t\xe4\n2\t")), Ok(Bytes::from_static(b"\\N\n"))]));
            assert_eq!(loader.load(&odd, LoadMode::Shared, &mut latin, Claim::default()).await.expect("rows"), 2);
            let fault =
                loader.load(&odd, LoadMode::Shared, &mut pieces(&["3\tx\n", "four\tx\n"]), Claim::default()).await.expect_err("no number");
            assert!(fault.context.iter().any(|(name, value)| name == "Where" && value.contains("line 2, column id")), "{fault:?}");
            let mut broken = Pieces(VecDeque::from([Ok(Bytes::from_static(b"5\tx\n")), Err(Fault::new(Code::CorruptedBackup, "damaged"))]));
            let fault = loader.load(&odd, LoadMode::Alone, &mut broken, Claim::default()).await.expect_err("the source's own failure");
            assert_eq!(fault.code, Code::CorruptedBackup);
            assert_eq!(
                loader
                    .load(&table("empty", &[]), LoadMode::Shared, &mut pieces(&["\n\n"]), Claim::default())
                    .await
                    .expect("rows without columns"),
                2
            );
            let fault =
                loader.load(&table("nope", &["a"]), LoadMode::Shared, &mut pieces(&["1\n"]), Claim::default()).await.expect_err("no table");
            assert_eq!(fault.code, Code::MissingObject);
            loader.close().await;
        });
        assert_eq!(server.sql(&db, "select id, \"a b\" from public.\"T \"\"x\" order by 1"), "1|ä\n2|");
        assert_eq!(server.sql(&db, "select count(*) from public.empty"), "2");
    }
}

#[test]
fn a_table_alone_is_emptied_and_frozen() {
    let server = server(17);
    let db = server.database("frozen");
    server.sql(&db, "create table t (id int); insert into t values (99); create extension if not exists plpgsql");
    run(async {
        let mut loader = open(17, &db, settings()).await;
        assert_eq!(
            loader.load(&table("t", &["id"]), LoadMode::Alone, &mut pieces(&["1\n2\n", "3\n"]), Claim::default()).await.expect("rows"),
            3
        );
        loader.close().await;
    });
    assert_eq!(server.sql(&db, "select sum(id), count(*) from t"), "6|3");
    assert_eq!(server.sql(&db, "select relfrozenxid::text::int > 0 from pg_class where relname = 't'"), "t");
    // Frozen rows need no visibility check: the page says so.
    server.sql(&db, "create extension if not exists pg_visibility");
    assert_eq!(server.sql(&db, "select bool_and(all_frozen) from pg_visibility_map('t')"), "t");
}

#[test]
fn binary_rows_pass() {
    let server = server(15);
    let db = server.database("binary");
    server.sql(&db, "create table t (id int4)");
    let mut data = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
    data.extend([0, 1, 0, 0, 0, 4, 0, 0, 0, 7, 0xff, 0xff]);
    let binary = Table { format: RowFormat::Binary, ..table("t", &["id"]) };
    run(async {
        let mut loader = open(15, &db, settings()).await;
        let mut source = Pieces(VecDeque::from([Ok(Bytes::from(data))]));
        assert_eq!(loader.load(&binary, LoadMode::Shared, &mut source, Claim::default()).await.expect("rows"), 1);
        loader.close().await;
    });
    assert_eq!(server.sql(&db, "select id from t"), "7");
}

#[test]
fn sequences_are_set_and_probed() {
    for major in VERSIONS {
        let server = server(major);
        let db = server.database("seq");
        server.sql(
            &db,
            "create table good (id serial, v int); insert into good (v) select generate_series(1, 5); \
             create table bad (id bigint generated by default as identity); insert into bad values (41); \
             create sequence \"S'x\"; create table plain (id smallint default nextval('\"S''x\"')); insert into plain values (8); \
             create sequence down increment -1; create table falls (id int default nextval('down')); insert into falls values (-3); \
             create table never (id serial)",
        );
        let (looked, behind) = run(async {
            let mut loader = open(major, &db, settings()).await;
            let before = loader.write_probe().await.expect("a probe");
            let states = [("bad_id_seq", 41, true), ("S'x", 9, false), ("down", -3, true)];
            let states: Vec<SequenceState> = states
                .into_iter()
                .map(|(name, last_value, is_called)| SequenceState {
                    name: TableName::new("public", name),
                    last_value,
                    is_called,
                    ..SequenceState::default()
                })
                .collect();
            loader.set_sequences(&states, Claim::default()).await.expect("set");
            assert_eq!(loader.write_probe().await.expect("a probe"), (5, Vec::new()));
            let gone = SequenceState { name: TableName::new("public", "gone"), last_value: 1, is_called: true, ..SequenceState::default() };
            let fault = loader.set_sequences(&[states[0].clone(), gone], Claim::default()).await.expect_err("no such sequence");
            assert!(fault.what.contains("public.gone"), "{fault:?}");
            loader.close().await;
            before
        });
        assert_eq!(looked, 5);
        let found: Vec<(&str, i64, i64)> = behind.iter().map(|one| (one.column.as_str(), one.greatest, one.next)).collect();
        assert_eq!(found, [("public.bad.id", 41, 1), ("public.falls.id", -3, -1), ("public.plain.id", 8, 1)]);
        assert_eq!(server.sql(&db, "insert into plain default values returning id"), "9");
    }
}

#[test]
fn large_objects_come_with_owner_rights_and_comment() {
    for major in VERSIONS {
        let server = server(major);
        let db = server.database("lo");
        server.sql("postgres", "create role lo_owner; create role \"lo reader\"");
        let metadata =
            Table { kind: TableKind::LargeObjectMetadata, ..table("pg_largeobject_metadata", &["oid", "owner", "acl", "comment"]) };
        let data = Table { kind: TableKind::LargeObjectData, ..table("pg_largeobject", &["loid", "pageno", "data"]) };
        run(async {
            let mut loader = open(major, &db, settings()).await;
            let rows = "70001\tlo_owner\t{lo_owner=rw/lo_owner,\"\\\\\"lo reader\\\\\"=r/lo_owner\"}\tit's\n70002\tpostgres\t\\N\t\\N\n";
            assert_eq!(loader.load(&metadata, LoadMode::Shared, &mut pieces(&[rows]), Claim::default()).await.expect("metadata"), 2);
            assert_eq!(
                loader
                    .load(&data, LoadMode::Shared, &mut pieces(&["70001\t0\t\\\\x6162\n70001\t3\t\\\\x63\n"]), Claim::default())
                    .await
                    .expect("pages"),
                2
            );
            loader.close().await;
        });
        assert_eq!(
            server.sql(&db, "select length(lo_get(70001)), lo_get(70001, 0, 2), lo_get(70001, 6144, 9), lo_get(70002)"),
            "6145|\\x6162|\\x63|\\x"
        );
        assert_eq!(
            server.sql(&db, "select lomowner::regrole, lomacl from pg_largeobject_metadata where oid = 70001"),
            "lo_owner|{lo_owner=rw/lo_owner,\"\\\"lo reader\\\"=r/lo_owner\"}"
        );
        assert_eq!(server.sql(&db, "select obj_description(70001, 'pg_largeobject')"), "it's");
        server.sql(&db, "select lo_unlink(70001)");
        server.sql("postgres", "drop role \"lo reader\"; drop role lo_owner");
    }
}

#[test]
fn a_statement_ends_when_it_is_cancelled() {
    let server = server(15);
    let db = server.database("cancel");
    server.sql(&db, "create table t (id int)");
    run(async {
        let mut loader = open(15, &db, settings()).await;
        let canceller = loader.canceller();
        let slow = object("FUNCTION", "f", "SELECT pg_catalog.pg_sleep(600);");
        let ended = async {
            let choices = TargetChoices::default();
            let objects = [&slow];
            let call = loader.run(&objects, &choices, Claim::default());
            tokio::pin!(call);
            loop {
                tokio::select! {
                    done = &mut call => break done,
                    () = canceller.cancel() => {}
                }
            }
        };
        let fault = tokio::time::timeout(std::time::Duration::from_secs(30), ended).await.expect("no hang").expect_err("cancelled");
        assert_eq!(fault.code, Code::Cancelled, "{fault:?}");
    });
    assert_eq!(connection(server).database, "postgres");
}
