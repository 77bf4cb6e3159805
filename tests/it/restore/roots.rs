//! Partitions by the hash of an enum: rows lie elsewhere in a copy.

use super::*;
use crate::support::postgres::{VERSIONS, server};
use dbbackup::domain::Code;
use dbbackup::domain::schema::Table;
use dbbackup::domain::spec::What;

/// Keys that hold an enum in every way, below and above other levels; and one by a number, which stays as it is.
const MOODS: &str = "
create type mood as enum ('a','b','c','d','e','f','g','h','i','j','k','l','m','n','o','p','q','r','s','t','u','v','w','x');
create domain feeling as mood; create type pair as (n int, m mood);
create table plain (id int, m mood) partition by hash (m);
create table plain_0 partition of plain for values with (modulus 3, remainder 0);
create table plain_1 (m mood, gone text, twice int generated always as (id * 2) stored, id int);
alter table plain_1 drop column gone, drop column twice;
alter table plain attach partition plain_1 for values with (modulus 3, remainder 1);
create table plain_2 partition of plain for values with (modulus 3, remainder 2) partition by list (id);
create table plain_2_all partition of plain_2 default;
create index on plain_0 (id); create index on plain (m); alter table plain_1 add constraint odd check (id > 0);
create table deep (id int primary key, m feeling, v text) partition by range (id);
";

const MORE: &str = "
create table top (id int, ms mood[], v text) partition by range (id);
create table top_low partition of top for values from (0) to (100) partition by hash (ms);
create table top_low_0 partition of top_low for values with (modulus 2, remainder 0);
create table top_low_1 partition of top_low for values with (modulus 2, remainder 1);
create table top_high partition of top for values from (100) to (1000);
create table expr (p pair, f feeling) partition by hash ((coalesce(f, 'a')), p);
create table expr_0 partition of expr for values with (modulus 2, remainder 0) partition by hash (f);
create table expr_0_0 partition of expr_0 for values with (modulus 2, remainder 0);
create table expr_0_1 partition of expr_0 for values with (modulus 2, remainder 1);
create table expr_1 partition of expr for values with (modulus 2, remainder 1);
create table numbers (id int) partition by hash (id);
create table numbers_0 partition of numbers for values with (modulus 2, remainder 0);
create table numbers_1 partition of numbers for values with (modulus 2, remainder 1);
create table kinds (c regclass) partition by hash (c);
create table kinds_0 partition of kinds for values with (modulus 1, remainder 0);
insert into plain select i, (enum_range(null::mood))[1 + i % 24] from generate_series(1, 3000) i;
insert into top select i, (enum_range(null::mood))[1 + i % 24:3 + i % 24], 'v' || i from generate_series(0, 200) i;
insert into expr select row(i, (enum_range(null::mood))[1 + i % 24])::pair, (enum_range(null::mood))[1 + i % 24] from generate_series(1, 100) i;
insert into numbers select generate_series(1, 50); insert into kinds values ('plain');
";

/// Rows of the tables that people see, and how they lie.
fn seen(server: &TestServer, database: &str) -> (String, String) {
    let whole = ["plain", "top", "expr", "numbers", "kinds"].map(|table| {
        server.sql(database, &format!("select count(*) || md5(string_agg(t::text, '|' order by t::text collate \"C\")) from {table} t"))
    });
    (whole.join(" "), server.sql(database, "select string_agg(m::text, '' order by m) from (select distinct m from plain_0) x"))
}

fn part(bench: &Bench, archive: &Path, target: &str, selection: Selection) -> RestoreSpec {
    let scope = RestoreScope::Single { database: None, target: target.into(), selection };
    RestoreSpec { scope, create: false, ..spec(bench.server, archive, target) }
}

fn include(patterns: &[&str]) -> Selection {
    Selection { include: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(), ..Selection::default() }
}

#[test]
fn rows_find_their_partitions_anew_and_are_proven_together() {
    for major in VERSIONS {
        let bench = Bench::new(server(major));
        let source = bench.server.database("moods");
        bench.server.sql(&source, MOODS);
        bench.server.sql(&source, MORE);
        let target = format!("{source}_copy");
        run(async {
            let archive = bench.backup_of(&source).await;
            let manifest = dbbackup::archive::reader::Archive::open(&archive).expect("an archive");
            let tables = manifest.manifest().databases[0].tables.iter().map(|entry| &entry.table);
            let through =
                |table: &Table| table.root.as_ref().map_or(table.name.name.clone(), |root| format!("{}<{}", root.name, table.name.name));
            let roots: Vec<String> = tables.map(through).collect();
            let expected = "expr<expr_0_0 expr<expr_0_1 expr<expr_1 kinds<kinds_0 numbers_0 numbers_1 plain<plain_0 plain<plain_1 plain<plain_2_all \
                top_high top_low<top_low_0 top_low<top_low_1";
            assert_eq!(roots.join(" "), expected);
            let summary = bench.restore(&spec(bench.server, &archive, &target)).await;
            let summary = summary.unwrap_or_else(|fault| panic!("{}", fault.render("Restore failed")));
            assert_eq!(summary.rows, 3352, "{summary:?}");
            let proof = summary.proof.expect("a proof");
            assert_eq!((proof.rows, proof.differences), (3352, vec![]));
            let (before, after) = (seen(bench.server, &source), seen(bench.server, &target));
            assert_eq!(before.0, after.0);
            assert_ne!(before.1, after.1, "labels have other OIDs, so that this test can fail");
        });
    }
}

#[test]
fn a_partition_alone_is_a_table_and_a_root_without_some_is_refused() {
    let bench = Bench::new(server(17));
    let source = bench.server.database("moods");
    bench.server.sql(&source, MOODS);
    bench.server.sql(&source, MORE);
    let target = bench.server.database("moods_part");
    bench.server.sql(&target, MOODS.split("create table").next().expect("the types"));
    run(async {
        let archive = bench.backup_of(&source).await;
        let rows = bench.server.sql(&source, "select count(*) from plain_0");
        bench
            .restore(&part(&bench, &archive, &target, include(&["public.plain_0"])))
            .await
            .unwrap_or_else(|fault| panic!("{}", fault.render("Restore failed")));
        assert_eq!(bench.server.sql(&target, "select count(*) from plain_0"), rows);
        assert_eq!(bench.server.sql(&target, "select relispartition from pg_class where relname = 'plain_0'"), "f");
        bench.server.sql(&target, "drop table plain_0");

        let some = Selection { exclude: vec!["public.plain_1".into()], ..include(&["public.plain*"]) };
        let fault = bench.restore(&part(&bench, &archive, &target, some)).await.expect_err("rows would have no place");
        assert_eq!(fault.code, Code::Usage, "{fault:?}");
        assert!(fault.causes.iter().any(|cause| cause.contains("public.plain_1")), "{fault:?}");

        // Rows alone: those of one partition find their places among all that are there.
        let empty = Selection { what: What::SchemaOnly, ..include(&["public.plain*"]) };
        bench.restore(&part(&bench, &archive, &target, empty)).await.expect("definitions");
        let only = Selection { what: What::DataOnly, ..include(&["public.plain_0"]) };
        bench.restore(&part(&bench, &archive, &target, only)).await.unwrap_or_else(|fault| panic!("{}", fault.render("Restore failed")));
        assert_eq!(bench.server.sql(&target, "select count(*) from plain"), rows);
    });
}
